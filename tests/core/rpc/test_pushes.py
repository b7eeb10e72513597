"""Clock pushes: gathered, one by one, partial, shallow; lost ones found; machines that grow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.mutation import Source
from amlab.core.rpc.connection import State
from amlab.core.rpc.diff import Selection, checksum
from amlab.core.rpc.events import Changed, Drifted, MutationNote, Synced
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import FrameDecoder, encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Kind
from tests.core.rpc.pair import Machine, Pair


def frames(data):
    decoder = FrameDecoder(1 << 20, 1 << 16)
    decoder.feed(data)
    return list(iter(decoder.take, None))


def touched(pair, *names, by=1):
    pair.machine.tick(*names, by=by)
    pair.server.touch(pair.now)


def test_changes_are_gathered_for_the_interval_and_told_as_one():
    pair = Pair.made(selection=Selection(push_interval_s=0.5))
    pair.now = 0.1
    for _ in range(5):
        touched(pair, "Work", by=2)
    assert pair.server.bytes_waiting == 0
    assert pair.server.next_timeout() == 0.5
    pair.tick(0.4)
    pair.pump()
    assert pair.events(Changed) == [Changed([2, 10], 6, None)]
    assert pair.is_in_step
    touched(pair, "Start")
    assert pair.server.next_timeout() == 1.0
    pair.tick(0.3)
    assert pair.server.bytes_waiting == 0


def test_after_a_rest_the_first_change_is_told_at_once():
    pair = Pair.made(selection=Selection(push_interval_s=0.5))
    pair.now = 3.0
    touched(pair, "Start")
    assert pair.server.next_timeout() == 3.0


def test_with_no_interval_each_change_is_told_at_once():
    pair = Pair.made(selection=Selection(push_interval_s=0))
    for _ in range(3):
        touched(pair, "Start")
    pair.pump()
    assert [e.pairs for e in pair.events(Changed)] == [[1, 1]] * 3 or len(pair.events(Changed)) == 3


def test_an_answer_tells_what_was_gathered_and_nothing_is_told_twice():
    pair = Pair.made(selection=Selection(push_interval_s=0.5))
    touched(pair, "Start")
    pair.add("Work")
    pair.pump()
    assert pair.is_in_step
    assert len(pair.events(Changed)) == 1
    assert pair.server.next_timeout() == 10.0


def test_while_a_request_is_open_its_answer_tells_the_changes_it_made():
    pair = Pair.made(selection=Selection(push_interval_s=0))
    pair.is_serving = False
    number = pair.add("Work")
    pair.to_server(pair.client.data_to_send())
    touched(pair, "Work", by=2)
    assert pair.server.bytes_waiting == 0
    assert pair.server.next_timeout() == 0.0  # in case the answer takes long
    pair.server.answer(number, 0, 0.0)
    assert [f[0] for f in frames(pair.server.data_to_send())] == [Kind.RESULT]
    assert pair.server.next_timeout() == 10.0


def test_while_the_peer_is_slow_changes_add_up_instead_of_queueing():
    pair = Pair.made(selection=Selection(push_interval_s=0), limits=Limits(congested=1000))
    pair.server.report(ValueError("x" * 2000), 0.0)
    assert pair.server.is_congested
    waiting = pair.server.bytes_waiting
    for _ in range(1000):
        touched(pair, "Work", by=2)
    assert pair.server.bytes_waiting == waiting
    assert pair.server.next_timeout() > 1.0
    pair.pump()
    assert pair.server.next_timeout() == 0.0
    pair.tick(0.0)
    pair.pump()
    assert pair.events(Changed) == [Changed([2, 2000], 1001, None)]
    assert pair.is_in_step


NOTE = MutationNote(0, (2, 0), True, False, "tx1", Source("m", "t", 3))


def test_single_mutations_are_told_in_order_with_what_was_called():
    pair = Pair.made(selection=Selection(sync_mutations=True, push_interval_s=0.5))
    for i in range(3):
        pair.machine.tick("Work", by=2)
        pair.server.record(NOTE._replace(tx_id=f"tx{i}", is_auto=i == 1), 0.1)
    pair.machine.tick("Start")
    pair.server.touch(0.1)
    pair.now = 0.5
    pair.tick(0)
    pair.pump()
    changes = pair.events(Changed)
    assert [c.mutation and c.mutation.tx_id for c in changes] == ["tx0", "tx1", "tx2", None]
    assert changes[1].mutation == MutationNote(0, [2, 0], True, True, "tx1", Source("m", "t", 3))
    assert [c.queue_tick for c in changes] == [2, 3, 4, 5]
    assert pair.is_in_step


def test_a_client_that_did_not_ask_for_single_mutations_gets_sums():
    pair = Pair.made(selection=Selection(push_interval_s=0.5))
    for _ in range(3):
        pair.machine.tick("Work", by=2)
        pair.server.record(NOTE, 0.1)
    pair.tick(0.5)
    pair.pump()
    assert pair.events(Changed) == [Changed([2, 6], 4, None)]


def test_single_mutations_come_before_the_answer_and_many_are_told_early():
    pair = Pair.made(selection=Selection(sync_mutations=True, push_interval_s=60))
    for _ in range(2000):
        pair.machine.tick("Work", by=2)
        pair.server.record(NOTE, 0.0)
    kinds = [f[0] for f in frames(pair.server.data_to_send())]
    assert len(kinds) > 2
    assert set(kinds) == {Kind.PUSH}
    pair = Pair.made(selection=Selection(sync_mutations=True, push_interval_s=60))
    pair.machine.tick("Work", by=2)
    pair.server.record(NOTE, 0.0)
    pair.add("Start")
    pair.pump()
    assert [type(e).__name__ for e in pair.of_client] == ["Changed", "Changed", "Answered"]
    assert pair.is_in_step


def test_called_states_are_told_as_the_client_counts_them():
    pair = Pair.made(selection=Selection(allowed=("Work", "Idle"), sync_mutations=True, push_interval_s=0))
    pair.machine.tick("Work", by=2)
    pair.server.record(NOTE, 0.0)
    pair.pump()
    assert pair.events(Changed)[0].mutation.called == [0]


@given(
    st.builds(
        Selection, st.sets(st.sampled_from(["Start", "Ready", "Work", "Idle", "Gone"])).map(tuple),
        st.sets(st.sampled_from(["Start", "Ready"])).map(tuple), st.booleans(), st.booleans(), st.booleans(),
        st.sampled_from([0.0, 0.5]),
    ),
    st.lists(st.tuples(st.sampled_from(["touch", "record", "ask", "tick", "restore", "grow", "pump"]),
                       st.sampled_from(["Start", "Ready", "Work", "Idle"])), max_size=25),
)  # fmt: skip
@settings(deadline=None)
def test_whatever_happens_and_is_followed_the_client_ends_in_step(selection, steps):
    pair = Pair.made(Machine(), selection=selection, admin_states=())
    for step, name in steps:
        if step == "touch":
            touched(pair, name)
        elif step == "record":
            pair.machine.tick(name, by=2)
            pair.server.record(NOTE, pair.now)
        elif step == "ask":
            pair.add(name)
        elif step == "tick":
            pair.tick(0.3)
        elif step == "restore":
            pair.machine.ticks[:] = [1] * len(pair.machine.ticks)
            pair.machine.machine_tick += 1
            pair.server.touch(pair.now)
        elif step == "grow":
            pair.machine.grow(f"New{len(pair.machine.ticks)}")
            pair.server.touch(pair.now)
        else:
            pair.pump()
    pair.server.push(pair.now)
    pair.pump()
    assert pair.client.state is pair.server.state is State.OPEN
    assert not pair.events(Drifted)
    follower = pair.client.follower
    names = follower.schema.names
    machine = pair.machine
    ticks = dict(zip(machine.schema.names, machine.ticks, strict=True))
    picked = selection.pick(machine.schema.names)
    assert names == tuple(machine.schema.names if picked is None else [machine.schema.names[i] for i in picked])
    assert follower.mirror.ticks == [ticks[n] & 1 if selection.is_shallow else ticks[n] for n in names]
    assert follower.mirror.queue_tick == machine.queue_tick
    assert not pair.client.requests_open


def test_a_lost_change_is_found_by_the_next_and_the_full_clock_is_asked_for_once():
    pair = Pair.made(selection=Selection(push_interval_s=0))
    touched(pair, "Start")
    pair.server.data_to_send()  # lost
    for _ in range(3):
        touched(pair, "Work", by=2)
    pair.to_client(pair.server.data_to_send())
    asked = frames(pair.client.data_to_send())
    assert [f[0] for f in asked] == [Kind.RESYNC]
    assert [type(e) for e in pair.of_client] == [Drifted]
    pair.to_server(encode_frame(asked[0], 999))
    touched(pair, "Idle")
    pair.pump()
    assert [type(e) for e in pair.of_client] == [Drifted, Synced, Changed]
    assert pair.is_in_step


def test_a_doubled_or_reordered_change_is_found_too():
    for order in ((0, 0, 1), (1, 0)):
        pair = Pair.made(selection=Selection(push_interval_s=0))
        parts = []
        for name in ("Start", "Work"):
            touched(pair, name)
            parts.append(pair.server.data_to_send())
        for i in order:
            pair.to_client(parts[i])
        assert pair.events(Drifted)
        pair.pump()
        assert pair.is_in_step


def test_a_client_can_ask_for_the_full_clock_itself():
    pair = Pair.made()
    pair.machine.tick("Start")
    pair.client.resync("to be sure", 0.0)
    pair.pump()
    assert pair.events(Synced)[0].ticks == tuple(pair.machine.ticks)
    assert pair.events(Synced)[0].schema is None


def test_a_machine_that_grew_states_is_told_with_its_schema():
    pair = Pair.made()
    pair.machine.grow("New", "Newer")
    touched(pair, "Newer")
    pair.tick(1.0)
    pair.pump()
    synced = pair.events(Synced)[0]
    assert synced.schema.names == pair.machine.schema.names
    assert synced.ticks[synced.schema.names.index("Newer")] == 1
    touched(pair, "New")
    pair.tick(1.0)
    pair.pump()
    assert pair.is_in_step


def test_an_equal_schema_in_another_object_is_told_by_names_only():
    pair = Pair.made(selection=Selection(sync_mutations=True, push_interval_s=60))
    pair.machine.tick("Work", by=2)
    pair.server.record(NOTE, 0.0)
    pair.machine.schema = Machine().schema
    pair.machine.tick("Start")
    pair.server.record(NOTE, 0.0)
    pair.server.push(0.0)
    pair.pump()
    assert [type(e) for e in pair.of_client] == [Changed, Synced]
    assert pair.events(Synced)[0].schema == pair.machine.schema
    assert pair.is_in_step


def test_a_restored_machine_is_told_anew_though_its_ticks_fell():
    pair = Pair.made(selection=Selection(push_interval_s=0))
    touched(pair, "Work", by=100)
    pair.pump()
    pair.machine.ticks[:] = [0] * 5
    pair.machine.machine_tick = 1
    pair.server.touch(0.0)
    pair.pump()
    assert pair.events(Synced)[0][:3] == ((0,) * 5, 2, 1)
    assert pair.is_in_step


@pytest.mark.parametrize(
    "change",
    [[], [[0, 1], 1], [[0, 1], 1, "x"], ["x", 1, 1], [[0.5, 1], 1, 1], [[True, 1], 1, 1], [[9, 1], 1, 1], [[0, -1], 1, 1],
     [[], 1, 1, None], [[], 1, 1, [0, [9], True, False, "", None]], [[], 1, 1, [0, [], 1, False, "", None]],
     [[], 1, 1, [0, [], True, False, "", 5]], [[], 1, 1, [0, [], True, False, "", ["m"]]], [[], 1, 1, [], 1], "x"],
    ids=repr,
)  # fmt: skip
def test_a_change_that_cannot_be_is_the_servers_fault(change):
    pair = Pair.made()
    pair.to_client(encode_frame((Kind.PUSH, [change]), 999))
    assert pair.client.error.fault == Fault.BAD_MESSAGE


@pytest.mark.parametrize("fields", [(b"", None, None, [0] * 4, 1, 0), (b"", None, None, [-1] * 5, 1, 0),
                                    (b"", None, ["A"], [0], 1, 0), (b"", b"\xc1", None, [0] * 5, 1, 0),
                                    (b"", None, None, [0] * 5, 2, 0)])  # fmt: skip
def test_a_full_clock_that_cannot_be_is_the_servers_fault(fields):
    pair = Pair.made()
    pair.to_client(encode_frame((Kind.CLOCK, *fields, checksum(fields[3], 1, 0)), 999))
    assert pair.client.error.fault in {Fault.BAD_MESSAGE, Fault.BAD_VALUE, Fault.GARBAGE}
