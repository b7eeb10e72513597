"""Random machines that refuse, fail, grow, are restored and rebound: what is read is what happened, step by step."""

import random

import pytest

from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.tracer import Tracer
from amlab.dbg.format.registry import read_session
from amlab.dbg.query.verify import verify
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.session.kinds import StepType

NAMES = ("A", "B", "C", "D", "E", "F")


class Witness(Tracer):
    """What happened."""

    def __init__(self):
        self.seen = []

    def transition_end(self, tx):
        self.seen.append(
            (
                tx.id, tuple(tx.called), tx.is_accepted, tx.is_auto, tx.is_check, tuple(tx.time_after),
                tx.machine.queue_tick, tx.queue_len,
                tuple([(int(s.type), s.from_state or None, s.to_state or None, s.is_final, s.is_self, s.is_enter)
                       for s in tx.steps]),
            )
        )  # fmt: skip


def schema(rng, names):
    out = {}
    for name in names:
        others = [n for n in names if n != name]
        state = {}
        if rng.random() < 0.2:
            state["multi"] = True
        if rng.random() < 0.25:
            state["auto"] = True
        for relation, chance in (("remove", 0.4), ("require", 0.2), ("add", 0.2), ("after", 0.2)):
            if rng.random() < chance:
                state[relation] = rng.sample(others, rng.randint(1, 2))
        out[name] = state
    return out


def handlers(rng, names):
    """A set of handlers with moods."""
    found = {}

    def asked(e):
        return rng.random() < 0.8

    def final(e):
        chance = rng.random()
        if chance < 0.05:
            raise ValueError("a bad day")
        if chance < 0.15:
            e.machine.add(rng.choice(names), source=e if rng.random() < 0.5 else None)
        elif chance < 0.2:
            e.machine.prepend(MutationType.REMOVE, rng.choice(names))
        elif chance < 0.23:
            e.machine.new_state_ctx(rng.choice(names))
        elif chance < 0.26:
            e.machine.log("a word")

    for name in names:
        if rng.random() < 0.3:
            found[name + "Enter"] = asked
        if rng.random() < 0.3:
            found[name + "Exit"] = asked
        if rng.random() < 0.3:
            found[name + "State"] = final
        if rng.random() < 0.2:
            found[name + "End"] = final
    if rng.random() < 0.3:
        found[names[0] + names[1]] = asked
    return found


def live(rng, machine, recorder, names, bound):
    """One thing that people do."""
    chance = rng.random()
    some = rng.sample(names, rng.randint(1, 2))
    if chance < 0.45:
        machine.add(*some, args={"n": 1} if rng.random() < 0.2 else None)
    elif chance < 0.65:
        machine.remove(*some)
    elif chance < 0.72:
        machine.set(*some)
    elif chance < 0.8:
        machine.can_add(*some)
    elif chance < 0.84:
        machine.add_err(ValueError("told"))
    elif chance < 0.88:
        machine.remove("Exception")
    elif chance < 0.9:
        machine.when(*some)
    elif chance < 0.92 and bound:
        machine.detach_handlers(bound.pop())
    elif chance < 0.94:
        bound.append(handlers(rng, names))
        machine.bind_handlers(bound[-1])
    elif chance < 0.955:
        machine.restore(machine.export())
    else:
        recorder.flush()


@pytest.mark.parametrize("is_watched", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_is_what_happened(seed, is_watched):
    rng = random.Random(seed)
    names = list(NAMES[: rng.randint(3, 6)])
    bound = [handlers(rng, names)] if rng.random() < 0.8 else []
    level = rng.choice([LogLevel.NOTHING, LogLevel.NOTHING, LogLevel.OPS, LogLevel.EVERYTHING])
    machine = Machine(
        schema(rng, names), f"m{seed}", handlers=bound, log_level=level, logger=lambda level, line: None,
        handler_timeout_s=0,
    )  # fmt: skip
    witness = Witness()
    recorder = Recorder(flush_s=0).attach(machine)
    if is_watched:
        machine.bind_tracer(witness)
    grows_at = rng.choice([None, rng.randrange(300)])
    for n in range(300):
        live(rng, machine, recorder, names, bound)
        if n == grows_at:
            machine.set_schema({**machine.schema.to_dict(), "New": {"remove": [names[0]]}})
            names.append("New")
    recorder.close()
    session = read_session(recorder.data, "it")
    m = session.machines[f"m{seed}"]
    assert session.gaps == ()
    report = verify(session)
    assert report.to_dict()["mismatches"] == []
    assert m[-1].clocks_after.tolist() == list(machine.time())
    assert m[-1].states_after == tuple([n for n in machine.schema.names if machine.is_(n)])
    if is_watched:
        got = [
            (
                tx.id, tx.called, tx.accepted, tx.is_auto, tx.is_check,
                tuple(tx.clocks_after.tolist()), tx.queue_tick, tx.queue_len,
                tuple([(int(s.type), s.from_state, s.to_state, s.is_final, s.is_self, s.is_enter) for s in tx.steps]),
            )
            for tx in m
            if not tx.is_queued
        ]  # fmt: skip
        assert len(got) == len(witness.seen)
        for mine, theirs in zip(got, witness.seen, strict=True):
            width = len(theirs[5])
            assert (*mine[:5], mine[5][:width], *mine[6:8]) == theirs[:8]
            assert normal(mine[8]) == normal(theirs[8])
    machine.dispose()


def normal(steps):
    """Steps with `Any` as views show it."""
    return [(kind, *(None if kind == StepType.HANDLER and "Any" in (a, b) else s for s in (a, b)), *flags)
            for kind, a, b, *flags in steps]  # fmt: skip
