"""Pipes, state contexts and waits are in a recording, whatever the log level; Go's exports tell of them alike."""

import asyncio
import threading

import pytest

from amlab.core.machine.context import Context
from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.core.machine.pipes import pipe
from amlab.dbg.query.verify import verify
from amlab.dbg.record.memory import record
from amlab.dbg.record.ties import MAX_TIES
from amlab.dbg.session.session import Session
from amlab.dbg.session.ties import contexts_in, pipes_in, waits_in
from tests.dbg.format.exports import real

AB = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}, "C": {"multi": True}}


def told(machine, what):
    return [[tuple(change) for change in getattr(tx, what)] for tx in machine]


def test_a_wait_is_told_before_the_first_transition_after_it_and_met_by_the_one_that_does():
    machine = Machine(AB, "m")
    with record(machine) as session:
        machine.add("A")
        wait = machine.when("B")
        machine.add("C")
        machine.add("B")
        assert wait.is_met
        machine.add("C")
    m = session.machines["m"]
    assert told(m, "waits") == [[], [("when", "B", "new")], [("when", "B", "match")], []]
    assert [e.text for e in m[1].pre_log] == ["[when:new] B"]
    assert [e.text for e in m[2].log] == ["[when:match] B"]
    machine.dispose()


def test_every_kind_of_wait_has_its_name():
    machine = Machine(AB, "m")
    context = Context()
    with record(machine) as session:
        machine.when("A", "B")
        machine.when_not("Exception", context=context)
        machine.add("A")
        machine.when_not("A")
        machine.when_time({"B": 3, "A": 9})
        machine.when_args("C", {"n": 1})
        machine.when_query(lambda clock: False)
        machine.when_disposed()
        ended = machine.when("B", context=context)
        machine.add("C", args={"n": 1})
        context.cancel()
        assert ended.is_done
        machine.add("C")
    m = session.machines["m"]
    assert [w[0] for w in told(m, "waits")[1] if w[2] == "new"] == [
        "whenNot", "whenTime", "whenArgs", "whenQuery", "whenDisposed", "when",
    ]  # fmt: skip
    assert ("whenTime", "B 3 A 9", "new") in told(m, "waits")[1]
    assert ("whenArgs", "C with n=1", "match") in told(m, "waits")[1]
    assert told(m, "waits")[2] == [("when", "B", "end")]
    machine.dispose()


def test_a_context_asked_for_in_a_handler_belongs_to_its_transition():
    class Handlers:
        def BState(self, e):
            e.machine.new_state_ctx("B")

    for level in (LogLevel.NOTHING, LogLevel.OPS):
        machine = Machine(AB, "m", handlers=Handlers(), log_level=level)
        with record(machine) as session:
            machine.add("A")
            machine.add("B")
            machine.add("C")
            machine.add("A")
            machine.add("C")
        m = session.machines["m"]
        assert told(m, "contexts") == [[], [(True, "B")], [], [(False, "B")], []]
        assert verify(session).is_ok
        machine.dispose()


def test_a_forked_handler_runs_under_a_context_that_is_told():
    class Handlers:
        async def BState(self, e):
            await asyncio.sleep(60)

    async def main():
        machine = Machine(AB, "m", handlers=Handlers())
        with record(machine) as session:
            machine.add("B")
            machine.add("A")
            await asyncio.sleep(0)
        machine.dispose()
        return session

    session = asyncio.run(main())
    assert told(session.machines["m"], "contexts") == [[(True, "B")], [(False, "B")]]


@pytest.mark.parametrize("level", [LogLevel.NOTHING, LogLevel.OPS])
def test_both_ends_of_a_pipe_tell_of_it_and_of_its_end(level):
    source, target = Machine(AB, "source", log_level=level), Machine({"X": {}}, "target", log_level=level)
    with record(source, target) as session:
        bound = pipe(source, "B", target, "X")
        source.add("B")
        source.add("A")
        bound.close()
        source.add("C")
        target.add("X")
    s, t = session.machines["source"], session.machines["target"]
    assert told(s, "pipes") == [[(True, True, "B", "add", "target")], [], [(False, True, "", "", "target")]]
    assert told(t, "pipes")[0] == [(True, False, "X", "add", "source")]
    assert told(t, "pipes")[-1] == [(False, True, "", "", "source")]
    assert t[0].source.machine == "source"
    assert verify(session).is_ok
    for machine in (source, target):
        machine.dispose()


def test_what_was_open_before_recording_is_told_with_the_first_record():
    source, target = Machine(AB, "source"), Machine({"X": {}}, "target")
    pipe(source, "B", target, "X")
    source.new_state_ctx("A")
    source.when("C")
    with record(source) as session:
        source.add("B")
    tx = session.machines["source"][0]
    assert [p.machine for p in tx.pipes] == ["target"]
    assert tx.contexts == contexts_in(["[ctx:new] A"])
    assert tx.waits == waits_in(["[when:new] C"])
    for machine in (source, target):
        machine.dispose()


def test_a_thousand_waits_are_too_many_to_tell_of_and_cost_nothing_more():
    machine = Machine(AB, "m")
    with record(machine) as session:
        for n in range(MAX_TIES + 10):
            machine.when_time({"B": 2 * n + 3})
        machine.add("C")
        machine.add("C")
    assert told(session.machines["m"], "waits") == [[], []]
    machine.dispose()


def test_waits_of_other_threads_are_looked_at_without_harm():
    machine = Machine(AB, "m")
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            machine.when("B").cancel()

    thread = threading.Thread(target=ask)
    with record(machine) as session:
        thread.start()
        for _ in range(2000):
            machine.add("C")
        stop.set()
        thread.join()
    assert len(session.machines["m"]) == 2000
    assert machine.tracers == ()
    assert verify(session).is_ok
    machine.dispose()


def test_lines_of_the_go_original_are_understood():
    assert pipes_in(["[pipe-in:add] ErrNetwork from rs-nb", "[pipe:gc] rc-nw", "[pipe-out:remove] Ready to cook"]) == (
        (True, False, "ErrNetwork", "add", "rs-nb"),
        (False, True, "", "", "rc-nw"),
        (True, True, "Ready", "remove", "cook"),
    )
    assert waits_in(["[whenTime:match] GenCharacter [3]"]) == (("whenTime", "GenCharacter [3]", "match"),)
    assert contexts_in(["[ctx:new] Start", "[state-ctx:new] Start", "[add] ctx"]) == ((True, "Start"),) * 2


def test_a_real_go_export_tells_of_its_ties():
    session = Session.open(real("node-payload"))
    records = [tx for m in session.machines.values() for tx in m]
    assert sum(len(tx.contexts) for tx in records) == 60
    assert sum(len(tx.waits) for tx in records) == 31
    assert sum(len(tx.pipes) for tx in records) == 20
