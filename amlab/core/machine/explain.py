"""How relations decided: the steps of a plan, and its reasons in words.

Written for being read and for telling the story, with plain lists in the order of the reference; the
resolver answers the same question quickly.  Tests hold the two against each other, so a change in one
shows.  Runs only when somebody looks at a plan.

Knows nothing of: handlers, clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.core.machine.mutation import MutationType
from amlab.core.machine.order import sort_after
from amlab.core.machine.plan import AGAIN, AUTO
from amlab.core.machine.state import Relation
from amlab.core.machine.step import Step, StepType

if TYPE_CHECKING:
    from amlab.core.machine.plan import Plan

__all__ = ["Explanation", "explain"]

Parts = tuple[tuple[Step, ...], tuple[Step, ...], tuple[Step, ...], tuple[str, ...], tuple[tuple[bool, str], ...]]


def explain(plan: Plan) -> Parts:
    """Steps before, during and after resolving, the reasons for what was dropped, and the log's words for them."""
    told = Explanation(plan)
    target = told.run()
    if tuple(target) != plan.target:  # the two resolvers are one rule, written twice
        raise AssertionError(f"{plan!r}: explained as {[told.names[i] for i in target]}")
    called = tuple(Step(StepType.CALLED, to_state=told.names[i]) for i in plan.called)
    rejected = () if plan.kind == MutationType.REMOVE or plan.is_accepted else plan.called
    cancel = tuple(Step(StepType.CANCEL, to_state=told.names[i]) for i in rejected if not plan.target_mask >> i & 1)
    return called, tuple(told.steps), cancel, tuple(told.reasons), tuple(told.lines)


class Explanation:
    """One resolution, told step by step."""

    def __init__(self, plan: Plan) -> None:
        self.r = plan.before.automaton.relations
        self.names = self.r.names
        self.active = plan.before.states
        self.called = plan.called
        # Resolved again, an auto mutation still tells of the states that it called at first.
        self.asked = {*plan.called, *plan.before.auto} if plan.kind == AGAIN else {*plan.called}
        self.is_remove = plan.kind == MutationType.REMOVE
        self.is_set = plan.kind == MutationType.SET
        self.is_auto = plan.kind == AUTO
        self.requires = self.r.requires
        self.steps: list[Step] = []
        self.reasons: list[str] = []
        self.lines: list[tuple[bool, str]] = []
        """(told at level OPS, else at DECISIONS; text)"""

    def run(self) -> list[int]:
        """The target states, in order; fills `steps` and `reasons`."""
        listed = _unique(self._follow_add(self._start()))
        listed = self._check_require(listed)
        left = self._check_remove(listed)
        brought = self._follow_add(left)
        removed = 0
        for i in left:
            removed |= self.r.remove[i]
        again = _unique([i for i in brought if not removed >> i & 1])
        again.reverse()
        return self._sort(self._check_require(again))

    def _step(
        self, kind: StepType, from_: int | None = None, to: int | None = None, rel: Relation | None = None
    ) -> None:
        name = self.names
        self.steps.append(Step(kind, "" if from_ is None else name[from_], "" if to is None else name[to], rel))

    def _start(self) -> list[int]:
        if self.is_remove:
            for i in self.called:
                self._step(StepType.DEACTIVATE, to=i)
            return [i for i in self.active if i not in self.called]
        listed = list(self.called) if self.is_set else _unique([*self.called, *self.active])
        for i in listed:
            if i not in self.active:
                self._step(StepType.ACTIVATE, to=i)
        if self.is_set:
            for i in self.active:
                if i not in self.called:
                    self._step(StepType.DEACTIVATE, to=i)
        return listed

    def _follow_add(self, listed: list[int]) -> list[int]:
        out = list(listed)
        for i in listed:
            if i in self.active and not self.r.multi >> i & 1:
                continue
            brought = [x for x in self.r.add[i] if not (self.is_remove and x in self.called)]
            for x in brought:
                self._step(StepType.RELATION, i, x, Relation.ADD)
            for x in brought:
                self._step(StepType.ACTIVATE, to=x)
            out += brought
        return out

    def _check_require(self, listed: list[int]) -> list[int]:
        missing: dict[int, list[str]] = {}
        while True:
            kept = []
            for i in listed:
                unmet = self._unmet(i, listed)
                if unmet:
                    missing[i] = unmet
                else:
                    kept.append(i)
            if len(kept) == len(listed):
                break
            listed = kept
        if missing:
            label = "reject:auto" if self.is_auto else "reject"
            fallen = " ".join(
                f"{self.names[i]}(-{' -'.join(missing[i])})" for i in sorted(missing, key=self.names.__getitem__)
            )
            self.lines.append((not self.is_auto, f"[{label}] {fallen}"))
        for i, names in missing.items():
            unmet = [name if name in self.names else f"{name} (no such state)" for name in names]
            reason = f"{self.names[i]} requires {' and '.join(unmet)}, not active"
            if reason not in self.reasons:
                self.reasons.append(reason)
        return listed

    def _unmet(self, i: int, listed: list[int]) -> list[str]:
        unmet = []
        for name in self.requires[i]:
            known = name in self.names
            self.steps.append(Step(StepType.RELATION, self.names[i], name, Relation.REQUIRE))
            if known and self.names.index(name) in listed:
                continue
            unmet.append(name)
            self._step(StepType.DEACTIVATE_PASSIVE, from_=i)
            if i in self.asked:
                self.steps.append(Step(StepType.CANCEL, to_state=name))
        return unmet

    def _check_remove(self, listed: list[int]) -> list[int]:
        left: list[int] = []
        dropped: list[int] = []
        for i in reversed(listed):
            blockers = []
            for other in listed:
                if self.r.remove[other] >> i & 1:
                    self._step(StepType.RELATION, other, i, Relation.REMOVE)
                    if other not in dropped:
                        blockers.append(other)
            if not blockers:
                left.append(i)
                continue
            dropped.append(i)
            self._step(StepType.DEACTIVATE if i in self.active else StepType.DEACTIVATE_PASSIVE, to=i)
            by = [self.names[x] for x in blockers]
            self.reasons.append(f"{self.names[i]} is removed by {' and '.join(by)}")
            self.lines.append((i in self.active, f"[rel:remove] {self.names[i]} by {' '.join(by)}"))
        return left

    def _sort(self, listed: list[int]) -> list[int]:
        listed.sort(key=self.r.topology.__getitem__)
        sort_after(listed, self.r.after, self.r.after_firm)
        for i in listed:
            for other in listed:
                if self.r.after[i] >> other & 1:
                    self._step(StepType.RELATION, other, i, Relation.AFTER)
        return listed


def _unique(states: list[int]) -> list[int]:
    return list(dict.fromkeys(states))
