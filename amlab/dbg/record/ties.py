"""What a machine has open towards others: pipes, state contexts, waits.  Told as log lines when they come and go.

The engine does not say so by itself.  It is looked at where a record begins or ends, in the machine's home
thread: first whether anything can have changed, which costs next to nothing, then what.  What came and went
between two looks is not seen.  Lines are worded as those of the engine and of the Go original:

    [pipe-out:add] Ready to pool     [pipe-in:add] WorkerReady from w1     [pipe:gc] w1
    [ctx:new] Start                  [ctx:match] Start
    [when:new] Ready                 [when:match] Ready                    [when:end] Ready

and `whenNot`, `whenTime`, `whenArgs`, `whenQuery`, `whenQueue`, `whenQueueEnd`, `whenDisposed` like `when`.

Knows nothing of: rows, details.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.core.machine.logs import OPS

if TYPE_CHECKING:
    from amlab.core.machine.context import Context
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.pipes import Pipe
    from amlab.core.machine.wait import Wait
    from amlab.core.machine.waits import Entry

__all__ = ["MAX_TIES", "Ties"]

MAX_TIES = 256
"""Waits of one machine that are told of; the others are too many to look at each time."""
MAX_NAME = 200


class Ties:
    """The ties of one machine, as last looked at."""

    __slots__ = (
        "_contexts", "_is_first", "_last_context", "_last_wait", "_machine", "_open", "_pipes",
        "is_asked", "touched", "waits",
    )  # fmt: skip

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._contexts: dict[Context, str] = {}
        self.waits: dict[Wait, str] = {}
        """Open ones, with the line that has told of each; they can end at any time, contexts in transitions only."""
        self._pipes: dict[Pipe, None] = {}
        self._open = 0
        self._is_first = True
        self.is_asked = True
        """Pipes may have changed; they are not looked at by themselves."""
        self._last_wait: object = None
        self._last_context: object = None
        self.touched: list[Machine] = []
        """Machines at the other ends of pipes that have come or gone: take it, and have them looked at."""

    def may_have_grown(self) -> bool:
        """Whether there are other numbers of them: outside of transitions contexts and waits mostly come."""
        machine = self._machine
        return (
            len(machine._contexts) != len(self._contexts) or len(machine._waits._entries) != self._open or self.is_asked
        )

    def may_have_changed(self) -> bool:
        """Whether it is worth looking."""
        machine = self._machine
        contexts, waits = machine._contexts, machine._waits._entries
        if len(contexts) != len(self._contexts) or len(waits) != self._open or self.is_asked:
            return True
        try:  # they are kept in the order in which they came, so the same number and the same last one are the same
            return (bool(contexts) and next(reversed(contexts.values())) is not self._last_context) or (
                bool(waits) and next(reversed(waits)) is not self._last_wait
            )
        except (RuntimeError, StopIteration):  # another thread waits, or gives up, just now
            return True

    def news(self) -> list[str]:
        """What has come and gone since the last look, in lines."""
        return self.changes() if self.may_have_changed() else []

    def changes(self) -> list[str]:
        """The same, where something may have changed."""
        lines: list[str] = []
        if self.is_asked:
            self.is_asked = False
            self._look_at_pipes(lines)
        machine = self._machine
        if machine._contexts or self._contexts:
            self._look_at_contexts(lines)
        if machine._waits._entries or self._open or self.waits:
            self._look_at_waits(lines)
        return lines

    def _look_at_contexts(self, lines: list[str]) -> None:
        machine, old = self._machine, self._contexts
        now: dict[Context, str] = {}
        at, context = len(lines), None
        for i, context in machine._contexts.items():
            name = old.pop(context, None)
            if name is None:
                name = machine.schema.names[i]
                lines.append(f"[ctx:new] {name}")
            now[context] = name
        if old:  # what is left of them
            lines[at:at] = [f"[ctx:match] {name}" for name in old.values()]
        self._contexts, self._last_context = now, context

    def _look_at_waits(self, lines: list[str]) -> None:
        entries = dict(self._machine._waits._entries)  # other threads wait, too
        self._open, self._last_wait = len(entries), next(reversed(entries), None)
        if len(entries) > MAX_TIES:
            return
        now: dict[Wait, str] = {}
        for wait, entry in entries.items():
            known = self.waits.get(wait)
            now[wait] = _words(entry) if known is None else known
        for wait, words in self.waits.items():
            if wait not in now:
                lines.append(words.replace(":new]", ":end]" if wait.ended or not wait.is_done else ":match]", 1))
        lines += [words for wait, words in now.items() if wait not in self.waits]
        self.waits = now

    def _look_at_pipes(self, lines: list[str]) -> None:
        from amlab.core.machine.pipes import Pipe

        machine = self._machine
        owners = [getattr(callback, "__self__", None) for callback in list(machine._on_dispose)]
        now = dict.fromkeys([owner for owner in owners if isinstance(owner, Pipe)])
        gone = [pipe for pipe in self._pipes if pipe not in now]
        made = [pipe for pipe in now if pipe not in self._pipes]
        self.touched += [pipe.target if pipe.source is machine else pipe.source for pipe in (*gone, *made)]
        lines += [f"[pipe:gc] {(pipe.target if pipe.source is machine else pipe.source).id}" for pipe in gone]
        if machine._log_level < OPS or self._is_first:  # else the engine has told of it
            for pipe in made:
                lines += _words_of_pipe(pipe, machine)
        self._pipes, self._is_first = now, False


def _words_of_pipe(pipe: Pipe, machine: Machine) -> list[str]:
    """A line for each state that it carries."""
    if pipe.source is machine:
        return [f"[pipe-out:add] {from_} to {pipe.target.id}" for from_ in pipe.states]
    return [f"[pipe-in:add] {to} from {pipe.source.id}" for to in pipe.states.values()]


def _words(entry: Entry) -> str:
    """The line that tells of a new wait."""
    name = entry.wait.name
    name = name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"
    if entry.args is not None:
        kind = "whenArgs"
    elif entry.result is not None:
        kind = "whenQueue"
    elif entry.event:
        kind, name = ("whenQueueEnd", "") if entry.event == "queue-end" else ("whenDisposed", "")
    elif not entry.names:
        kind = "whenQuery"
    elif name == " ".join(entry.names):
        kind = "when"
    elif name.startswith("not "):
        kind, name = "whenNot", name[4:]
    else:
        kind, name = "whenTime", name.replace(":", " ")
    return f"[{kind}:new] {name}".rstrip()
