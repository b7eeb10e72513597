"""Mutations and waits over a pair: answers, numbers, errors, roles, connections that are lost."""

import pytest

from amlab.core.machine.mutation import Source
from amlab.core.rpc.auth import Role
from amlab.core.rpc.connection import State
from amlab.core.rpc.events import Answered, Asked, Changed, Closed, Failed, Met, Subscribed, TimedOut, Unsubscribed
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError
from tests.core.rpc.pair import Pair
from tests.core.rpc.test_values import Job, Point


def test_a_mutation_is_asked_with_its_args_and_source_and_answered_after_its_change():
    pair = Pair.made()
    source = Source("m", "tx1", 12)
    number = pair.add("Work", "Start", args={"input": (1, {2})}, source=source)
    pair.pump()
    assert pair.asked == [Asked(number, Ask.ADD, ("Work", "Start"), {"input": (1, {2})}, source)]
    assert [type(e) for e in pair.of_client] == [Changed, Answered]
    assert pair.events(Answered) == [Answered(number, 0, "")]
    assert pair.is_in_step


@pytest.mark.parametrize("ask", list(Ask))
def test_every_kind_of_mutation_arrives_as_what_it_is(ask):
    pair = Pair.made()
    pair.client.mutate(ask, ["Start"], 0.0, args={"err": ValueError("x")} if ask is Ask.ADD_ERR else None)
    pair.pump()
    assert pair.asked[0].ask is ask
    if ask is Ask.ADD_ERR:
        assert str(pair.asked[0].args["err"]) == "ValueError: x"


def test_a_refused_and_a_queued_mutation_tell_why_and_when():
    pair = made()
    first, second = pair.add("Ready"), pair.add("Work")
    pair.pump()
    pair.server.answer(second, 17, 0.0)
    pair.server.answer(first, 1, 0.0, "Ready requires Start")
    pair.pump()
    assert pair.events(Answered) == [Answered(second, 17, ""), Answered(first, 1, "Ready requires Start")]


def made(**kwargs):
    pair = Pair.made(**kwargs)
    pair.is_serving = False
    return pair


def test_many_requests_are_under_way_at_once_and_each_gets_its_own_answer():
    pair = made()
    numbers = [pair.add("Work", args={"i": i}) for i in range(1000)]
    pair.pump()
    asked = pair.events(Asked)
    assert [e.args["i"] for e in asked] == list(range(1000))
    for e in reversed(asked):
        pair.server.answer(e.id, 1, 0.0, str(e.args["i"]))
    pair.pump()
    assert {e.id: e.why for e in pair.events(Answered)} == {n: str(i) for i, n in enumerate(numbers)}
    assert pair.client.requests_open == pair.server.requests_open == 0


def test_an_error_of_the_other_side_comes_with_its_chain_of_causes():
    pair = made()
    number = pair.add("Work")
    pair.pump()
    try:
        try:
            raise KeyError("size")
        except KeyError as e:
            raise ValueError("bad job") from e
    except ValueError as e:
        pair.server.fail(number, e, 0.0)
    pair.pump()
    failed = pair.events(Failed)[0]
    assert failed.id == number
    assert str(failed.error) == "ValueError: bad job"
    assert str(failed.error.__cause__) == "KeyError: 'size'"
    assert pair.client.requests_open == 0


def test_errors_of_no_request_are_told_in_both_directions():
    pair = Pair.made()
    pair.client.report(ValueError("on client"), 0.0)
    pair.server.report(ValueError("on server"), 0.0)
    pair.pump()
    assert [(e.id, str(e.error)) for e in (pair.of_server[0], pair.of_client[0])] == [
        (0, "ValueError: on client"), (0, "ValueError: on server"),
    ]  # fmt: skip


def test_undeclared_arguments_are_refused_by_their_path_and_nobody_is_cut_off():
    pair = made(types=Types(Job, Point), server_types=Types(Job))
    with pytest.raises(LocalProtocolError, match=r"args\.size: complex is no data type"):
        pair.add("Work", args={"size": 3j})
    number = pair.add("Work", args={"job": Job(1, parts=[Point(1, 2)])})
    pair.pump()
    failed = pair.events(Failed)[0]
    assert failed.id == number
    assert "args.job.parts[0]: type 'Point' is not declared here" in str(failed.error)
    assert pair.client.state is pair.server.state is State.OPEN
    assert not pair.events(Asked)


def test_arguments_that_are_no_mapping_are_refused():
    pair = made()
    for args in ([1], {1: 2}):
        frame = encode_frame((10, pair.client.next_id, 0, ["Work"], pair.server.types.encode(args), None), 999)
        pair.client._pending[pair.client.next_id] = (99.0, frame)
        pair.client.next_id += 1
        pair.to_server(frame)
    pair.pump()
    assert len(pair.events(Failed)) == 2


def test_a_read_only_client_may_not_mutate_and_one_that_does_is_cut_off():
    pair = made(role=Role.READ_ONLY)
    with pytest.raises(LocalProtocolError, match="cannot add: this client is read-only"):
        pair.add("Work")
    pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    pair.pump()
    assert pair.events(Subscribed)
    pair.to_server(encode_frame((10, 50, 0, ["Work"], None, None), 999))
    assert pair.server.error.fault == Fault.DENIED
    assert not pair.events(Asked)


def test_a_read_only_client_may_not_send_payloads():
    pair = made(role=Role.READ_ONLY)
    pair.client.send_payload("p", b"x", 0.0)
    pair.pump()
    assert pair.server.error.fault == Fault.DENIED


def test_states_reserved_for_admins_are_refused_to_others_one_request_at_a_time():
    pair = made(admin_states=["Start"])
    refused = [
        pair.add("Start"),
        pair.client.mutate(Ask.SET, ["Work"], 0.0),
        pair.client.mutate(Ask.REMOVE, ["Start"], 0.0),
    ]
    fine = pair.add("Work")
    pair.pump()
    assert [e.id for e in pair.events(Failed)] == refused
    assert "Start: only for admins, 'client' is mutate" in str(pair.events(Failed)[0].error)
    assert [e.id for e in pair.events(Asked)] == [fine]
    admin = made(admin_states=["Start"], role=Role.ADMIN)
    admin.add("Start")
    admin.pump()
    assert admin.events(Asked)


# ----- numbers


def raw(number, kind=10):
    if kind == 10:
        return encode_frame((10, number, 0, ["Work"], None, None), 999)
    return encode_frame((20, number, 0, ["Work"], [], None), 999)


@pytest.mark.parametrize("kind", [10, 20])
def test_a_number_that_does_not_grow_is_a_replay(kind):
    for numbers in ((5, 5), (5, 4), (0,), (-1,)):
        pair = made()
        pair.to_server(b"".join(raw(n, kind) for n in numbers))
        assert pair.server.error.fault == Fault.REPLAY


def test_an_answer_to_nothing_is_the_servers_fault():
    for frame in ((11, 9, 0, "", None), (22, 9, None, "", None), (40, 9, [["E", "", "", True]])):
        pair = made()
        pair.to_client(encode_frame(frame, 999))
        assert pair.client.error.fault == Fault.BAD_MESSAGE
    pair = made()
    pair.to_server(encode_frame((40, 9, [["E", "", "", True]]), 999))
    assert pair.server.error.fault == Fault.BAD_MESSAGE


def test_a_second_answer_to_one_request_is_a_local_error_and_nothing_is_sent():
    pair = made()
    number = pair.add("Work")
    pair.pump()
    pair.server.answer(number, 0, 0.0)
    pair.pump()
    for call in (lambda: pair.server.answer(number, 0, 0.0), lambda: pair.server.fail(number, ValueError(), 0.0),
                 lambda: pair.server.meet(number, 0.0)):  # fmt: skip
        with pytest.raises(LocalProtocolError, match="is not open"):
            call()
    assert pair.server.bytes_waiting == 0


def test_too_many_open_requests_are_refused_by_an_honest_client_and_cut_off_by_the_server():
    pair = made(limits=Limits(max_pending=10))
    for _ in range(10):
        pair.add("Work")
    with pytest.raises(LocalProtocolError, match="10 requests to 'server' are unanswered"):
        pair.add("Work")
    pair.pump()
    assert pair.server.state is State.OPEN
    pair.to_server(raw(11))
    assert pair.server.error.fault == Fault.FLOOD


def test_the_servers_bound_counts_for_a_client_with_a_wider_one():
    pair = made(limits=Limits(max_pending=3), client_limits=Limits(max_pending=100))
    for _ in range(3):
        pair.add("Work")
    with pytest.raises(LocalProtocolError):
        pair.add("Work")


# ----- time


def test_an_answer_that_does_not_come_in_time_is_given_up_and_dropped_when_it_comes():
    pair = made()
    slow, quick = pair.add("Work"), pair.add("Work", timeout_s=1.0)
    pair.pump()
    assert pair.client.next_timeout() == 1.0
    pair.tick(1.0)
    assert pair.events(TimedOut) == [TimedOut(quick)]
    assert pair.client.next_timeout() == 10.0
    pair.machine.tick("Work", by=2)
    pair.server.answer(quick, 0, pair.now)
    pair.server.answer(slow, 0, pair.now)
    pair.pump()
    assert pair.events(Answered) == [Answered(slow, 0, "")]
    assert pair.is_in_step
    assert pair.client._abandoned == set()


def test_requests_given_up_still_count_until_they_are_answered():
    pair = made(limits=Limits(max_pending=2))
    for _ in range(2):
        pair.add("Work", timeout_s=0.5)
    pair.pump()
    pair.tick(1.0)
    assert len(pair.events(TimedOut)) == 2
    with pytest.raises(LocalProtocolError, match="unanswered"):
        pair.add("Work")
    for e in pair.events(Asked):
        pair.server.fail(e.id, ValueError("late"), pair.now)
    pair.pump()
    assert not pair.events(Failed)
    pair.add("Work")


# ----- waits


@pytest.mark.parametrize(
    ("wait", "states", "ticks", "args"),
    [
        (WaitKind.WHEN, ("Ready", "Start"), (), None),
        (WaitKind.WHEN_NOT, ("Ready",), (), None),
        (WaitKind.WHEN_TIME, ("Ready", "Start"), (3, 4), None),
        (WaitKind.WHEN_ARGS, ("Work",), (), {"id": 3}),
        (WaitKind.WHEN_QUEUE, (), (12,), None),
        (WaitKind.WHEN_QUEUE_ENDS, (), (), None),
        (WaitKind.WHEN_DISPOSED, (), (), None),
    ],
)
def test_a_wait_is_served_on_the_other_side_and_met_after_its_change(wait, states, ticks, args):
    pair = made()
    number = pair.client.subscribe(wait, states, ticks, args=args, now=0.0)
    pair.pump()
    assert pair.events(Subscribed) == [Subscribed(number, wait, states, ticks, args)]
    pair.machine.tick("Work", by=2)
    found = {"id": 3, "more": Source("m", "t", 1)} if args else None
    pair.server.meet(number, 0.0, found)
    pair.pump()
    assert [type(e) for e in pair.of_client] == [Changed, Met]
    assert pair.events(Met) == [Met(number, found, "")]
    assert pair.is_in_step


def test_a_wait_can_be_given_up_by_the_server_and_fail():
    pair = made()
    one = pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    two = pair.client.subscribe(WaitKind.WHEN, ["Nope"], now=0.0)
    pair.pump()
    pair.server.meet(one, 0.0, ended="the machine was disposed")
    pair.server.fail(two, ValueError("no state 'Nope'"), 0.0)
    pair.pump()
    assert pair.events(Met) == [Met(one, None, "the machine was disposed")]
    assert str(pair.events(Failed)[0].error) == "ValueError: no state 'Nope'"


def test_arguments_of_a_met_wait_that_may_not_cross_end_it_with_an_error():
    pair = made()
    number = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={}, now=0.0)
    pair.pump()
    pair.server.meet(number, 0.0, {"job": {"size": 3j}})
    pair.pump()
    assert "args.job.size: complex" in str(pair.events(Failed)[0].error)


def test_arguments_of_a_wait_are_refused_by_whoever_has_not_declared_them():
    pair = made(types=Types(Job), server_types=Types())
    number = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"job": Job(1)}, now=0.0)
    pair.pump()
    assert [e.id for e in pair.events(Failed)] == [number]
    assert not pair.events(Subscribed)
    pair = made(types=Types(), server_types=Types(Job))
    number = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"id": 1}, now=0.0)
    pair.pump()
    pair.server.meet(number, 0.0, {"id": 1, "job": Job(1)})
    pair.pump()
    met = pair.events(Met)[0]
    assert met.args is None
    assert "args.job: type 'Job' is not declared here" in met.ended
    number = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"id": 1}, now=0.0)
    pair.to_client(encode_frame((22, number, b"\x91\x01", "", None), 99))
    assert "no mapping of names" in pair.events(Met)[1].ended


def test_a_negative_result_is_the_servers_fault():
    pair = made()
    pair.to_client(encode_frame((11, pair.add("Work"), -1, "", None), 99))
    assert pair.client.error.fault == Fault.BAD_MESSAGE


def test_a_wait_that_is_ended_while_it_is_met_is_quiet_whoever_was_first():
    for is_met_first in (True, False):
        pair = made()
        number = pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
        pair.pump()
        if is_met_first:
            pair.server.meet(number, 0.0)
        pair.client.unsubscribe(number, 0.0)
        pair.client.unsubscribe(number, 0.0)
        pair.pump()
        assert not pair.events(Met)
        assert bool(pair.events(Unsubscribed)) is not is_met_first
        assert pair.client._abandoned == pair.server._waits == set()
        assert pair.client.state is State.OPEN


def test_waits_are_bounded_on_both_sides():
    pair = made(limits=Limits(max_waits=3))
    for _ in range(3):
        pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    with pytest.raises(LocalProtocolError, match="3 waits"):
        pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    pair.pump()
    pair.to_server(raw(99, 20))
    assert pair.server.error.fault == Fault.FLOOD


@pytest.mark.parametrize(
    "fields",
    [(99, ["A"], [], None), (0, [1], [], None), (2, ["A"], [], None), (2, ["A"], [-1], None), (3, ["A"], [], None),
     (0, ["A"], [], b"\x80"), (4, [], [], None), (0, ["A"], [1], None)],
)  # fmt: skip
def test_a_wait_that_cannot_be_is_the_clients_fault(fields):
    pair = made()
    pair.to_server(encode_frame((20, 1, *fields), 999))
    assert pair.server.error.fault == Fault.BAD_MESSAGE


def test_after_the_end_nothing_can_be_asked_and_answers_are_dropped():
    pair = made()
    number = pair.add("Work")
    wait = pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    pair.pump()
    pair.client.receive_eof(0.0)
    pair.server.receive_eof(0.0)
    for call in (lambda: pair.add("Work"), lambda: pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0),
                 lambda: pair.client.resync("x", 0.0), lambda: pair.client.ping(0.0)):  # fmt: skip
        with pytest.raises(LocalProtocolError, match="is failed: the stream of 'server' ended without goodbye"):
            call()
    pair.server.answer(number, 0, 0.0)
    pair.server.meet(wait, 0.0)
    pair.server.touch(0.0)
    pair.server.push(0.0)
    assert pair.server.data_to_send() == b""
    assert pair.client.receive_data(b"anything", 0.0) == []
    assert pair.client.handle_timeout(99.0) == []
    assert pair.client.next_timeout() is None
    assert not pair.events(Closed)
