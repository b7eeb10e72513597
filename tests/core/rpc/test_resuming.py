"""Connections that are lost: requests go on with the next one, and run at most once."""

from amlab.core.rpc.answers import Answers
from amlab.core.rpc.auth import Access, Role
from amlab.core.rpc.calling import ClientConnection
from amlab.core.rpc.connection import State
from amlab.core.rpc.events import Answered, Asked, Failed, Met, Subscribed
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import WaitKind
from tests.core.rpc.pair import SECRET, Machine, Pair, client, server


def made(**kwargs):
    pair = Pair.made(**kwargs)
    pair.is_serving = False
    return pair


def again(pair, answers, machine, *, now=0.0):
    """The client's next connection after `pair`'s was lost."""
    old = pair.client
    new = Pair(
        client(now, nonce=b"d" * 32, first_id=old.next_id, unanswered=old.unanswered()),
        server(now, nonce=b"o" * 32, answers=answers),
        machine,
    )
    new.now = now
    return new


def test_a_request_whose_answer_was_lost_is_answered_again_and_not_run_again():
    answers, machine = Answers(), Machine()
    pair = Pair.made(machine, answers=answers)
    done = pair.add("Work")
    pair.pump()
    lost = pair.add("Start")
    pair.to_server(pair.client.data_to_send())  # it runs, the answer never arrives
    never = pair.add("Ready")  # and this one never gets there
    pair.of_client += pair.client.receive_eof(0.0)
    assert pair.client.error.fault == Fault.CUT
    assert [r.id for r in pair.client.unanswered()] == [lost, never]
    ticks = list(machine.ticks)

    new = again(pair, answers, machine)
    new.pump()
    assert [e.id for e in new.asked] == [never]
    assert [e.id for e in new.events(Answered)] == [lost, never]
    assert new.is_in_step
    assert machine.ticks == [t + (n == "Ready") for n, t in zip(machine.schema.names, ticks, strict=True)]
    assert new.add("Work") == never + 1 > done


def test_a_request_that_still_runs_is_answered_on_the_connection_that_asked_again():
    answers, machine = Answers(), Machine()
    pair = Pair.made(machine, answers=answers)
    pair.is_serving = False
    number = pair.add("Work")
    pair.pump()
    pair.client.receive_eof(0.0)
    new = again(pair, answers, machine)
    new.pump()
    assert not new.events(Asked)
    machine.tick("Work", by=2)
    pair.server.receive_eof(0.0)
    pair.server.answer(number, 0, 0.0)  # on the old connection, which is gone
    new.pump()
    assert new.events(Answered) == [Answered(number, 0, "")]
    assert new.is_in_step
    assert new.server.requests_open == 0


def test_an_error_is_remembered_too():
    answers, machine = Answers(), Machine()
    pair = Pair.made(machine, answers=answers)
    pair.is_serving = False
    number = pair.add("Work")
    pair.pump()
    pair.server.fail(number, ValueError("x" * 10_000), 0.0)
    new = again(pair, answers, machine)
    new.pump()
    assert not new.events(Asked)
    assert str(new.events(Failed)[0].error).startswith("ValueError: xxx")


def test_what_a_new_server_does_not_take_fails_one_by_one():
    pair = made()
    large = pair.add("Work", args={"x": b"x" * 70_000})
    wait = pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    rest = [pair.add("Work") for _ in range(3)]
    left = pair.client.unanswered()
    new = Pair(client(unanswered=left), server(limits=Limits(max_pending=2, max_frame=1 << 16)))
    new.is_serving = False
    new.pump()
    assert [e.id for e in new.events(Failed)] == [large, rest[2]]
    assert [e.id for e in new.events(Asked)] == rest[:2]
    assert [e.id for e in new.events(Subscribed)] == [wait]
    new = Pair(client(unanswered=left), server(access=Access(SECRET, max_role=Role.READ_ONLY)))
    new.pump()
    assert [e.id for e in new.events(Failed)] == [large, *rest]
    assert "this client is now read-only" in str(new.events(Failed)[0].error)
    assert new.client.state is State.OPEN
    assert new.client.next_id == rest[2] + 1


def test_waits_are_asked_for_again():
    pair = made()
    number = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"id": 1}, now=0.0)
    pair.pump()
    new = again(pair, Answers(), pair.machine)
    new.is_serving = False
    new.pump()
    assert new.events(Subscribed)[0].id == number
    new.server.meet(number, 0.0, {"id": 1})
    new.pump()
    assert new.events(Met) == [Met(number, {"id": 1}, "")]


def test_a_request_that_timed_out_is_not_sent_again():
    pair = made()
    pair.add("Work", timeout_s=1.0)
    pair.tick(2.0)
    assert pair.client.unanswered() == ()


def test_a_connection_that_never_opened_hands_on_what_it_was_given():
    pair = made()
    pair.add("Work")
    left = pair.client.unanswered()
    second: ClientConnection = client(unanswered=left, first_id=pair.client.next_id)
    second.receive_eof(0.0)
    assert second.unanswered() == left


def test_another_client_does_not_get_the_answers_of_a_session_it_guessed():
    answers, machine = Answers(), Machine()
    pair = Pair.made(machine, answers=answers)
    pair.add("Work")
    pair.to_server(pair.client.data_to_send())
    thief = Pair(
        client(client_id="thief", nonce=b"d" * 32, unanswered=pair.client.unanswered()), server(answers=answers)
    )
    thief.pump()
    assert thief.events(Asked)


def test_a_request_whose_answer_is_forgotten_is_refused_and_not_run():
    answers, machine = Answers(keep=2), Machine()
    pair = Pair.made(machine, answers=answers)
    left = []
    for _ in range(4):
        pair.add("Work")
        left += pair.client.unanswered()
        pair.pump()
    new = Pair(client(nonce=b"d" * 32, unanswered=left[:1]), server(answers=answers), machine)
    new.pump()
    assert not new.events(Asked)
    assert "its answer is forgotten" in str(new.events(Failed)[0].error)
