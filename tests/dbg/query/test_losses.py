"""What is told of a lost worker: its last transitions, the work that it had in hand, who did it then."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import lost
from amlab.dbg.query.losses import losses_of
from amlab.dbg.record.memory import record
from amlab.dbg.view.loss_text import loss_lines

JOB = {"input": 3, "slow_s": 0.5}
SCHEMAS = {
    "supervisor": {"ErrWorker": {"multi": True}, "ForkWorker": {"multi": True}},
    "worker": {"Idle": {}, "WorkRequested": {"multi": True}, "Working": {"remove": ["Idle"]}},
    "client": {"ErrWorker": {"multi": True}, "ServerPayload": {"multi": True}},
}


class Pool:
    """Machines that are called like those of a pool, and driven by hand."""

    def __init__(self):
        names = {"supervisor": "supervisor", "worker-1": "worker", "worker-2": "worker", "client": "client"}
        self.machines = {name: Machine(SCHEMAS[kind], name, tags=(kind,)) for name, kind in names.items()}

    def ask(self, worker, number, args=JOB):
        machine = self.machines[worker]
        machine.add("WorkRequested", args={"args": args, "token": f"client:{number}"})
        machine.add("Working")

    def answer(self, number, result):
        self.machines["client"].add(
            "ServerPayload", args={"name": "work", "data": {"result": result}, "token": f"client:{number}"}
        )

    def lose(self, worker, work=None):
        self.machines["supervisor"].add_err_state("ErrWorker", lost(worker, -9), args={"worker": worker})
        self.machines["client"].add_err_state("ErrWorker", lost(worker, -9, [], work), args={"worker": worker})


@pytest.fixture
def pool():
    made = Pool()
    yield made
    for machine in made.machines.values():
        machine.dispose()


def told(session, **options):
    (loss,) = losses_of(session)
    return loss, "\n".join(loss_lines(loss, **options))


def test_work_in_hand_is_the_last_request_without_an_answer_and_who_did_it_then_is_found(pool):
    with record(*pool.machines.values()) as session:
        pool.ask("worker-1", 1, {"input": 2})
        pool.answer(1, 4)
        pool.ask("worker-1", 2)
        pool.lose("worker-1", JOB)
        pool.machines["supervisor"].add("ForkWorker", args={"worker": "worker-3"})
        pool.ask("worker-2", 3, {"input": 77})  # something else
        pool.ask("worker-2", 4)
        pool.answer(4, 9)
    loss, text = told(session, width=200)
    assert loss.client == "client"
    assert loss.request.args["token"] == "client:2"
    assert loss.again.args["token"] == "client:4"
    assert loss.answer.args["data"] == "{'result': 9}"
    assert loss.replacement.args["worker"] == "worker-3"
    assert text.startswith("worker-1 was killed by SIGKILL, at work for client.")
    assert "add WorkRequested {'input': 3, 'slow_s': 0.5}: +WorkRequested" in text
    assert "In hand: {'input': 3, 'slow_s': 0.5} for client, taken at " in text
    assert "worker-2 got it at " in text
    assert "answered {'result': 9}" in text
    assert "In its place the supervisor forked worker-3" in text


def test_an_idle_worker_had_nothing_in_hand(pool):
    with record(*pool.machines.values()) as session:
        pool.ask("worker-1", 1)
        pool.answer(1, 9)
        pool.lose("worker-1")
    loss, text = told(session)
    assert (loss.request, loss.work, loss.again, loss.answer, loss.replacement) == (None, "", None, None, None)
    assert "It had no work in hand" in text


def test_work_that_nobody_did_again_is_said_to_be_so(pool):
    with record(*pool.machines.values()) as session:
        pool.ask("worker-1", 1)
        pool.lose("worker-1", JOB)
    assert "Nobody did it again" in told(session)[1]


def test_a_request_that_did_not_reach_the_recording_is_known_from_the_client(pool):
    with record(*[m for name, m in pool.machines.items() if name != "worker-1"]) as session:
        pool.ask("worker-1", 1)
        pool.lose("worker-1", JOB)
        pool.ask("worker-2", 2)
        pool.answer(2, 9)
    loss, text = told(session, width=200)
    assert (loss.machine, loss.request, loss.work) == (None, None, "input=3, slow_s=0.5")
    assert loss.answer.args["data"] == "{'result': 9}"
    assert "Nothing of it was recorded." in text
    assert "In hand: input=3, slow_s=0.5 for client, never answered." in text


def test_the_last_transitions_are_as_many_as_asked_for_and_lines_are_wrapped_not_cut(pool):
    with record(*pool.machines.values()) as session:
        for number in range(20):
            pool.ask("worker-1", number, {"input": number, "text": "very long " * 8})
        pool.lose("worker-1", JOB)
    loss, _ = told(session)
    assert [tx.index for tx in loss.last(5)] == [tx.index for tx in list(loss.machine)[-5:]]
    lines = list(loss_lines(loss, width=60, limit=3))
    assert max(map(len, lines)) <= 60
    assert "very long " * 8 in " ".join(line.strip() for line in lines) + " "
    assert "…" not in "".join(lines)
