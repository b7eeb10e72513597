"""How a transition was resolved, as numbered lines in words.

    1 called Working
    2 Working requires Ready: active
    3 Working removes Idle: Idle is to leave
    4 handler WorkingEnter: refused, so all is canceled
    5 canceled: WorkingEnter refused

Recorded steps repeat themselves, as relations are checked twice, and tell of every active state.  A line is
told once, with all the steps it stands for; checks of states that stay as they are share one line.

Knows nothing of: pictures, sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amlab.core.machine.state import Relation
from amlab.core.machine.step import StepType
from amlab.dbg.view.labels import printable
from amlab.dbg.view.model import EdgeKind, Line, LineKind
from amlab.dbg.view.resolution import Act, Resolution

__all__ = ["Story", "story_of", "story_text"]

_LISTED = 6
_FINE = frozenset({"agreed", "ran", "is running", ""})
"""Answers of handlers that stop nothing."""
_EDGES = {
    Relation.REQUIRE: EdgeKind.REQUIRE,
    Relation.ADD: EdgeKind.ADD,
    Relation.REMOVE: EdgeKind.REMOVE,
    Relation.AFTER: EdgeKind.AFTER,
}


def story_of(facts: Resolution) -> Story:
    """The story of a transition."""
    story = Story(facts)
    story.tell()
    return story


def story_text(lines: Sequence[Line]) -> str:
    """The lines with their numbers, aligned."""
    width = len(str(len(lines)))
    return "\n".join(f"{line.number:>{width}} {line.text}" for line in lines)


@dataclass(slots=True)
class _Telling:
    """A line while it grows."""

    text: str
    kind: LineKind
    steps: list[int]
    states: list[str]
    edges: tuple[tuple[str, EdgeKind, str], ...]


class Story:
    """The lines, and what they tell of each state."""

    def __init__(self, facts: Resolution) -> None:
        self.facts = facts
        self.reasons: dict[str, list[str]] = {}
        """Why a state was dropped, by state."""
        self._lines: list[_Telling] = []
        self._told: dict[str, _Telling] = {}
        self._idle: _Telling | None = None
        self._at = 0
        self._to_enter: set[str] = set()
        self._to_leave: set[str] = set()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, in order."""
        told = [t for t in self._lines if t is not self._idle or t.states]
        return tuple(
            Line(number, printable(self._text(t)), t.kind, tuple(t.steps), tuple(t.states), t.edges)
            for number, t in enumerate(told, 1)
        )

    def _text(self, told: _Telling) -> str:
        if told is not self._idle:
            return told.text
        verb = "requires" if len(told.states) == 1 else "require"
        return f"what {listed(told.states)} {verb} is met as before"

    def tell(self) -> None:
        """Goes through all steps, then adds how it ended."""
        steps = self.facts.steps
        while self._at < len(steps):
            step = steps[self._at]
            tell = _TELLERS.get(step.type, Story._odd)
            if step.type == StepType.RELATION:
                tell = _RELATION_TELLERS.get(-1 if step.relation is None else step.relation, Story._odd)
            tell(self, step)
        self._end()

    # Parts of the telling; each takes one or more steps on from `_at`.

    def _say(
        self,
        text: str,
        kind: LineKind,
        count: int,
        states: Sequence[str] = (),
        edges: Sequence[tuple[str, EdgeKind, str]] = (),
    ) -> None:
        """A line for the next `count` steps; a text told before only takes the steps."""
        on = range(self._at, self._at + count)
        self._at += count
        told = self._told.get(text)
        if told is not None and kind is not LineKind.HANDLER:
            told.steps.extend(on)
            return
        told = self._told[text] = _Telling(text, kind, list(on), list(states), tuple(edges))
        self._lines.append(told)

    def _run(self, *, kind: int, from_state: str | None = None) -> list[Act]:
        """The steps from here on that are of one type (and start in one state)."""
        steps = self.facts.steps
        end = self._at
        while end < len(steps) and steps[end].type == kind and from_state in {None, steps[end].from_state}:
            end += 1
        return list(steps[self._at : end])

    def _relations(self, relation: int, *, from_state: str | None = None, to_state: str | None = None) -> list[Act]:
        steps, found = self.facts.steps, []
        for step in steps[self._at :]:
            is_so = step.type == StepType.RELATION and step.relation == relation
            if not is_so or from_state not in {None, step.from_state} or to_state not in {None, step.to_state}:
                break
            found.append(step)
        return found

    def _called(self, step: Act) -> None:
        names = [s.to_state or s.from_state for s in self._run(kind=step.type)]
        self._say(f"called {listed(names, limit=0)}", LineKind.CALLED, len(names), names)

    def _activate(self, step: Act) -> None:
        names = [s.to_state or s.from_state for s in self._run(kind=step.type)]
        self._to_enter.update(names)
        self._say(f"{listed(names)} {'is' if len(names) == 1 else 'are'} to enter", LineKind.STATE, len(names), names)

    def _deactivate(self, step: Act) -> None:
        names = [s.to_state or s.from_state for s in self._run(kind=step.type)]
        self._to_leave.update(names)
        self._say(f"{listed(names)} {'is' if len(names) == 1 else 'are'} to leave", LineKind.STATE, len(names), names)

    def _passive(self, step: Act) -> None:
        name = step.from_state or step.to_state
        self._say(f"{name} is dropped", LineKind.DROPPED, 1, [name])

    def _cancel(self, step: Act) -> None:
        names = [s.to_state or s.from_state for s in self._run(kind=step.type)]
        self._say(f"{listed(names)} did not make it, so all is canceled", LineKind.DROPPED, len(names), names)

    def _odd(self, step: Act) -> None:
        words = " ".join(word for word in (step.from_state, step.to_state) if word)
        self._say(f"step of an unknown type {step.type} {words}".rstrip(), LineKind.STATE, 1)

    def _add(self, step: Act) -> None:
        who = step.from_state
        links = self._relations(Relation.ADD, from_state=who)
        names = [s.to_state for s in links]
        steps = self.facts.steps[self._at + len(links) :]
        follow = 0
        while follow < len(names) and follow < len(steps) and steps[follow].type == StepType.ACTIVATE:
            follow += 1
        self._to_enter.update(names)
        there = [name for name in names if self.facts.was_active(name)]
        note = "" if len(there) < len(names) else ": active already"
        edges = [(who, EdgeKind.ADD, name) for name in names]
        self._say(f"{who} adds {listed(names)}{note}", LineKind.RELATION, len(links) + follow, [who, *names], edges)

    def _require(self, step: Act) -> None:
        facts, who, what = self.facts, step.from_state, step.to_state
        after = facts.steps[self._at + 1 : self._at + 3]
        edge = (who, EdgeKind.REQUIRE, what)
        if after and after[0].type == StepType.DEACTIVATE_PASSIVE and after[0].from_state == who:
            is_cancel = len(after) > 1 and after[1].type == StepType.CANCEL and after[1].to_state == what
            cause = "not active"
            if what not in facts.states:
                cause = "no such state"
            elif what in self._to_leave:
                cause = "which leaves"
            if who not in facts.called and facts.was_active(who):
                end = f"{who} leaves too"
                self._to_leave.add(who)
                self._unkeep(who)
            else:
                end = f"{who} is dropped"
                self._because(who, f"requires {what}, {cause}")
            text = f"{who} requires {what}{', ' if cause == 'which leaves' else ': '}{cause}, so {end}"
            self._say(text, LineKind.DROPPED, 3 if is_cancel else 2, [who, what], [edge])
            return
        is_there = facts.was_active(what) and what not in self._to_leave
        is_idle = who not in facts.called and facts.was_active(who) and is_there
        if is_idle:
            self._keep(who)
            return
        how = "active" if is_there else "to enter as well" if what in self._to_enter else "met so far"
        self._say(f"{who} requires {what}: {how}", LineKind.RELATION, 1, [who, what], [edge])

    def _keep(self, who: str) -> None:
        """One of the states that stay as they are, and that relations have checked."""
        if self._idle is None:
            self._idle = _Telling("", LineKind.STATE, [], [], ())
            self._lines.append(self._idle)
        idle = self._idle
        if who not in idle.states:
            idle.states.append(who)
        idle.steps.append(self._at)
        self._at += 1

    def _unkeep(self, who: str) -> None:
        """It did not stay as it was, as a later check shows."""
        if self._idle is not None and who in self._idle.states:
            self._idle.states.remove(who)

    def _remove(self, step: Act) -> None:
        what = step.to_state
        links = self._relations(Relation.REMOVE, to_state=what)
        by = [s.from_state for s in links]
        steps = self.facts.steps[self._at + len(links) :]
        end = steps[0] if steps else None
        kinds = (StepType.DEACTIVATE, StepType.DEACTIVATE_PASSIVE)
        removes = "removes" if len(by) == 1 else "remove"
        edges = [(name, EdgeKind.REMOVE, what) for name in by]
        states = [*by, what]
        if end is None or end.type not in kinds or what not in {end.to_state, end.from_state}:
            text = f"{listed(by)} {removes} {what}: no effect, {listed(by)} already had to go"
            self._say(text, LineKind.RELATION, len(links), states, edges)
            return
        if end.type == StepType.DEACTIVATE:
            self._to_leave.add(what)
            text, kind = f"{listed(by)} {removes} {what}: {what} is to leave", LineKind.RELATION
            if what in self.facts.called:
                self._because(what, f"removed by {listed(by)}")
        else:
            self._because(what, f"removed by {listed(by)}")
            text, kind = f"{listed(by)} {removes} {what}, so {what} is dropped", LineKind.DROPPED
        self._say(text, kind, len(links) + 1, states, edges)

    def _after(self, step: Act) -> None:
        first, then = step.from_state, step.to_state
        edge = (then, EdgeKind.AFTER, first)
        self._say(f"{then} runs after {first}", LineKind.RELATION, 1, [then, first], [edge])

    def _handler(self, step: Act) -> None:
        name, answer = step.handler, step.answer
        state = step.to_state or step.from_state
        text, kind = f"handler {name}: {answer}", LineKind.HANDLER
        if answer == "refused":
            kind = LineKind.REFUSED
            is_partial = self.facts.is_auto and not name.endswith("Exit")
            text += f", so {state} is dropped" if is_partial else ", so all is canceled"
            self._because(state, f"by {name}")
        elif answer not in _FINE:
            kind = LineKind.REFUSED
            if not step.is_final:
                text += ", so all is canceled"
            self._because(state, f"{name} {answer}")
        self._say(text, kind, 1, [state] if state not in {"", "Any"} else [])

    def _because(self, state: str, reason: str) -> None:
        reasons = self.reasons.setdefault(state, [])
        if reason not in reasons:
            reasons.append(reason)

    def _end(self) -> None:
        facts = self.facts
        if facts.is_accepted:
            word = "allowed" if facts.is_check else "executed"
            end = changes_of(facts)
            text = f"{word}: {end}" if end else word
        else:
            word = "refused" if facts.is_check else "canceled"
            own = {state: why for state, why in self.reasons.items() if state in facts.called} or self.reasons
            causes = [sentence(state, why) for state, reasons in own.items() for why in reasons]
            handlers = [s for s in facts.steps if s.handler and s.answer not in _FINE]
            if handlers and not facts.is_auto:
                causes = [f"{handlers[-1].handler} {handlers[-1].answer}"]
            text = f"{word}: {listed(causes, limit=0, joint='; ')}" if causes else word
        if not facts.is_queued:
            self._say(text, LineKind.END, 0)


_TELLERS: dict[int, Callable[[Story, Act], None]] = {
    StepType.CALLED: Story._called,
    StepType.ACTIVATE: Story._activate,
    StepType.DEACTIVATE: Story._deactivate,
    StepType.DEACTIVATE_PASSIVE: Story._passive,
    StepType.CANCEL: Story._cancel,
    StepType.HANDLER: Story._handler,
}
_RELATION_TELLERS: dict[int, Callable[[Story, Act], None]] = {
    Relation.ADD: Story._add,
    Relation.REQUIRE: Story._require,
    Relation.REMOVE: Story._remove,
    Relation.AFTER: Story._after,
}


def sentence(state: str, reason: str) -> str:
    """A state and why it was refused, as one statement."""
    return f"{state} {'was ' * reason.startswith('removed ')}{'was refused ' * reason.startswith('by ')}{reason}"


def listed(names: Sequence[str], *, limit: int = _LISTED, joint: str = ", ") -> str:
    """Names in a row, the rest counted; a `limit` of 0 lists all."""
    if not limit or len(names) <= limit + 1:
        return joint.join(names)
    return f"{joint.join(names[:limit])} and {len(names) - limit} more"


def changes_of(facts: Resolution) -> str:
    """`+Foo:1 -Bar:2`: what changed, with the ticks after; a multi state called again is `Foo:5 again`."""
    if facts.is_check:
        return ""
    if facts.before is None:
        return "what changed is not known"
    found = []
    for name, old, new in zip(facts.states, facts.before, facts.after, strict=True):
        if new == old:
            continue
        if new & 1:
            found.append(f"{name}:{new} again" if old & 1 else f"+{name}:{new}")
        elif old & 1:
            found.append(f"-{name}:{new}")
        else:
            found.append(f"{name}:{new} entered and put back")
    return " ".join(found) or "nothing changed"
