"""When work begins and ends, by the states of its worker; what came of it goes to whoever takes the place of a port."""

import asyncio

import pytest

from amlab.core.machine.tracer import Tracer
from amlab.core.node.worker import Worker
from tests.core.node.pools import run


class Doubles(Worker):
    """Waits for `gate`, if it is told to."""

    def __init__(self, worker_id):
        super().__init__(worker_id)
        self.gate, self.over = asyncio.Event(), asyncio.Event()
        self.begun, self.ended, self.sources = [], [], []

    async def work(self, args):
        self.begun.append(args["input"])
        try:
            if args.get("waits"):
                await self.gate.wait()
        except asyncio.CancelledError:
            if args["waits"] == "fails":
                raise RuntimeError("do not disturb") from None
            if args["waits"] != "stubborn":
                raise
        finally:
            self.ended.append(args["input"])
            self.over.set()
        if args.get("awaits"):
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        if args.get("leaves"):
            self.mach.add("Idle")
            await asyncio.sleep(0)
        return args["input"] * 2


class Port:
    """Delivers at once, to a list."""

    is_sending = False

    def __init__(self):
        self.delivered, self.held = [], 0

    def hold(self):
        self.held += 1

    def post_payload(self, name, data, *, token):
        self.delivered.append((token, data))
        arrived = asyncio.get_running_loop().create_future()
        arrived.set_result(None)
        return arrived


@pytest.fixture
def worker():
    made = []

    def make(kind=Doubles):
        worker = kind("w")
        made.append(worker)
        worker.port = worker._working.public = Port()
        for states in (["Start"], ["LocalRpcReady", "PublicRpcReady"], ["Ready"], ["ServeClient"]):
            worker.mach.add(*states, args={"client": "c"} if states == ["ServeClient"] else None)
        assert worker.mach.is_("Idle")
        return worker

    yield make
    for one in made:
        one.mach.dispose()


def ask(worker, number, **args):
    return worker.mach.add("WorkRequested", args={"token": f"c:{number}", "args": {"input": number, **args}})


def test_a_request_is_worked_on_and_the_worker_is_idle_again(worker):
    async def main():
        w = worker()
        assert ask(w, 3).is_executed
        assert w.mach.is_("WorkRequested")
        await w.mach.when("WorkReady")
        await w.mach.when("Idle")
        assert w.port.delivered == [("c:3", {"result": 6})]
        assert not w.mach.any_("WorkRequested", "Working", "WorkReady", "ClientSendPayload")

    run(main())


def test_each_step_is_recorded_as_caused_by_the_one_before(worker):
    class Causes(Tracer):
        def __init__(self):
            self.seen = {}

        def transition_end(self, tx):
            self.seen[tx.called[0]] = (tx.id, tx.source and tx.source.tx)

    async def main():
        w, causes = worker(), Causes()
        w.mach.bind_tracer(causes)
        ask(w, 1)
        await w.mach.when("Idle")
        assert causes.seen["Working"][1] == causes.seen["WorkRequested"][0]
        assert causes.seen["WorkReady"][1] == causes.seen["Working"][0]

    run(main())


def test_of_two_requests_at_once_the_newer_one_is_worked_on(worker):
    async def main():
        w = worker()
        ask(w, 1)
        ask(w, 2)
        await w.mach.when("Idle")
        assert (w.begun, w.port.delivered) == ([2], [("c:2", {"result": 4})])

    run(main())


def test_other_states_meanwhile_do_not_change_the_request(worker):
    async def main():
        w = worker()
        ask(w, 1)
        w.mach.add("ClientConnected", args={"token": "c:9", "args": {"input": 9}})
        await w.mach.when("Idle")
        assert w.port.delivered == [("c:1", {"result": 2})]

    run(main())


def test_a_request_that_is_withdrawn_at_once_is_never_begun(worker):
    async def main():
        w = worker()
        ask(w, 1)
        w.mach.add("Idle")
        ask(w, 2)
        w.mach.add("Idle")
        ask(w, 3)
        await w.mach.when("Idle")
        assert (w.begun, w.port.delivered) == ([3], [("c:3", {"result": 6})])

    run(main())


@pytest.mark.parametrize("ending", ["Idle", "WorkRequested", "ErrWorkTimeout"])
def test_work_ends_with_its_state_and_nothing_of_it_is_delivered(worker, ending):
    async def main():
        w = worker()
        ask(w, 1, waits=True)
        await w.mach.when("Working")
        if ending == "WorkRequested":
            ask(w, 2)
        elif ending == "Idle":
            w.mach.add("Idle")
        else:
            w.mach.add_err_state("ErrWorkTimeout", TimeoutError("late"))
            assert not w.mach.is_err
        await w.mach.when("Idle")
        await w.over.wait()
        assert w.ended[0] == 1
        assert w.port.delivered == ([("c:2", {"result": 4})] if ending == "WorkRequested" else [])

    run(main())


@pytest.mark.parametrize("how", ["stubborn", "fails"])
def test_work_that_does_not_let_itself_be_cancelled_is_in_nobodys_way(worker, how):
    async def main():
        w = worker()
        ask(w, 1, waits=how)
        await w.mach.when("Working")
        ask(w, 2)
        await w.mach.when("Idle")
        assert w.ended == [1, 2]
        assert w.port.delivered == [("c:2", {"result": 4})]
        assert not w.mach.tick("ErrWork")

    run(main())


def test_to_ask_whether_work_could_be_asked_for_changes_no_request(worker):
    async def main():
        w = worker()
        ask(w, 1)
        assert w.mach.can_add("WorkRequested", args={"token": "c:2", "args": {"input": 2}})
        await w.mach.when("Idle")
        assert w.port.delivered == [("c:1", {"result": 2})]

    run(main())


def test_what_went_on_after_a_pause_and_does_not_let_itself_be_cancelled_is_in_nobodys_way_either(worker):
    async def main():
        w = worker()
        point = w.mach.pause_at(added="Working")
        ask(w, 1, waits="stubborn")
        await asyncio.sleep(0)  # the task begins
        w.mach.remove_breakpoint(point)
        w.mach.resume()
        await w.mach.when("Working")
        await asyncio.sleep(0)  # so does the work
        assert w.begun == [1]
        ask(w, 2)
        await w.mach.when("Idle")
        assert (w.begun, w.ended, w.port.delivered) == ([1, 2], [1, 2], [("c:2", {"result": 4})])

    run(main())


def refused(worker, number):
    """A request whose content never came."""
    worker.mach.add("WorkRequested", args={"token": f"c:{number}", "input": True})


def told(worker):
    """What was delivered: results, and tokens of errors."""
    return {token: data.get("result", "error") for token, data in worker.port.delivered}


def test_a_good_request_right_behind_a_refused_one_is_worked_on(worker):
    async def main():
        w = worker()
        refused(w, 1)
        ask(w, 2)
        await w.mach.when("Idle")
        assert told(w) == {"c:1": "error", "c:2": 4}

    run(main())


def test_a_refused_request_does_not_bring_back_one_that_was_withdrawn(worker):
    async def main():
        w = worker()
        ask(w, 1)
        w.mach.add("Idle")
        refused(w, 2)
        await w.mach.when("Idle")
        assert (w.begun, told(w)) == ([], {"c:2": "error"})
        ask(w, 3)
        await w.mach.when("WorkReady")
        await w.mach.when("Idle")
        assert told(w) == {"c:2": "error", "c:3": 6}

    run(main())


class Fickle(Doubles):
    """Does other things with its states."""

    does = "leaves"

    def WorkingEnter(self, e):
        return self.does != "refuses"

    def WorkingState(self, e):
        does, self.does = self.does, ""
        if does == "leaves":
            e.machine.add("Idle")
        elif does == "again":
            e.machine.add("Idle")
            e.machine.add("Working")
        elif does == "fails":
            raise RuntimeError("not today")


@pytest.mark.parametrize(("does", "begun"), [("leaves", []), ("again", [1])])
def test_work_is_only_done_in_its_state(worker, does, begun):
    async def main():
        w = worker(Fickle)
        w.does = does
        ask(w, 1)
        await w.mach.when_time({"Working": 2})
        await w.mach.when("Idle")
        assert (w.begun, [token for token, _ in w.port.delivered]) == (begun, ["c:1"] * len(begun))

    run(main())


@pytest.mark.parametrize(("does", "why"), [("refuses", "WorkingEnter"), ("fails", "not today")])
def test_a_worker_that_does_not_begin_says_why_and_goes_on_to_the_next(worker, does, why):
    async def main():
        w = worker(Fickle)
        w.does = does
        ask(w, 1)
        await w.mach.when_not("WorkRequested")
        (token, answer), *_ = w.port.delivered
        assert token == "c:1"
        assert "does not begin" in str(answer)
        assert why in str(answer)
        w.does = ""
        w.mach.remove("Exception")
        ask(w, 2)
        await w.mach.when("WorkReady")
        await w.mach.when("Idle")
        assert told(w)["c:2"] == 4

    run(main())


def test_work_that_awaited_something_cancelled_is_an_error_and_not_silence(worker):
    async def main():
        w = worker()
        ask(w, 1, awaits=True)
        await w.mach.when("WorkReady")
        assert "was cancelled" in str(w.port.delivered)
        await w.mach.when("Idle")
        assert w.mach.tick("ErrWork") == 2

    run(main())


def test_work_that_ends_its_own_state_may_finish(worker):
    async def main():
        w = worker()
        ask(w, 1, leaves=True)
        await w.mach.when("WorkReady")
        assert w.port.delivered == [("c:1", {"result": 2})]

    run(main())


def test_work_ends_with_the_machine(worker):
    async def main():
        w = worker()
        ask(w, 1, waits=True)
        await w.mach.when("Working")
        w.mach.dispose()
        await w.over.wait()
        assert w.ended == [1]

    run(main())


def test_a_worker_that_is_paused_before_its_work_begins_with_it_when_it_goes_on(worker):
    async def main():
        w = worker()
        point = w.mach.pause_at(added="Working")
        ask(w, 1)
        await asyncio.sleep(0)  # the task begins
        assert w.mach.is_paused
        assert (w.begun, w.mach.is_("Working")) == ([], False)
        w.mach.remove_breakpoint(point)
        w.mach.resume()
        await w.mach.when("Idle")
        assert w.port.delivered == [("c:1", {"result": 2})]

    run(main())


def test_who_adds_the_state_has_the_last_request_worked_on_again(worker):
    async def main():
        w = worker()
        ask(w, 1)
        await w.mach.when("Idle")
        w.mach.add("Working")
        await w.mach.when("Idle")
        assert w.begun == [1, 1]
        ask(w, 2, waits=True)
        await w.mach.when("Working")
        w.mach.add("Working")  # it is there
        w.gate.set()
        await w.mach.when("Idle")
        assert w.begun == [1, 1, 2]

    run(main())


def test_the_answer_waits_for_work_that_is_quick_and_for_no_other(worker):
    async def main():
        w = worker()
        ask(w, 1)
        await w.mach.when("Idle")
        assert w.port.held == 0  # nobody knew
        ask(w, 2)
        await w.mach.when("Idle")
        assert w.port.held == 1
        ask(w, 3, waits=True)
        await w.mach.when("Working")
        asyncio.get_running_loop().call_later(0.01, w.gate.set)
        await w.mach.when("Idle")
        assert w.port.held == 2
        ask(w, 4)
        assert w.port.held == 2

    run(main())
