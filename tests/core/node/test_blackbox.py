"""What a worker did last stands in memory that outlives it; whatever stands there, reading it does no harm."""

import os
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab.core.machine.machine import Machine
from amlab.core.node import blackbox
from amlab.core.node.blackbox import BOX_VAR, COUNT, SIZE, BlackBox, LastSeen, make_box, open_box, read_box
from amlab.core.states.node import WorkerStates


@pytest.fixture
def box():
    fd = make_box()
    yield fd
    os.close(fd)


@pytest.fixture
def worker(box):
    machine = Machine(WorkerStates, "worker-1", seed="5eed")
    with mmap(box, SIZE) as memory:
        tracer = BlackBox(machine, memory, lambda: REQUEST)
        machine.bind_tracer(tracer)
        yield machine
        machine.dispose()


REQUEST = {}


class Requests:
    """As a worker keeps what it works on."""

    def WorkRequestedState(self, e):
        REQUEST.clear()
        REQUEST.update(LARGE if "input" in e.args else e.args)


LARGE = {"token": "c:1", "args": {"scan": b"x" * 70_000}}
ENDED = "-Ready -LocalRpcReady -PublicRpcReady -RpcReady -SuperSendPayload -Working -Start"


def start(machine):
    machine.add("Start")
    machine.add("LocalRpcReady", "PublicRpcReady")
    machine.add("Ready")


def live(machine):
    start(machine)
    machine.add("Working")
    machine.add("PublicRpcReady", "SuperSendPayload", args={"a": 1})
    machine.remove("Start", "LocalRpcReady", "PublicRpcReady", args={"why": "it ends"})
    machine.add("Working")


def test_it_holds_ids_and_what_came_and_went_and_what_was_refused(worker, box):
    live(Machine(WorkerStates, "another"))  # so that all it does is known, and goes the short way
    live(worker)
    assert read_box(box).transitions == [
        "5eed-2 add Start: +Start",
        "5eed-3 add LocalRpcReady PublicRpcReady: +LocalRpcReady +PublicRpcReady +RpcReady",
        "5eed-4 add Ready: +Ready +Idle",
        "5eed-5 add Working: +Working -Idle",
        "5eed-6 add PublicRpcReady SuperSendPayload: +SuperSendPayload",
        f"5eed-7 remove Start LocalRpcReady PublicRpcReady: {ENDED}",
        "5eed-8 add Working (canceled)",
    ]


def test_it_keeps_the_last_ones_in_order(worker, box):
    start(worker)
    for _ in range(COUNT):
        worker.add("Working")
        worker.add("WorkReady")
    told = read_box(box).transitions
    assert len(told) == COUNT
    numbers = [int(line.split()[0].removeprefix("5eed-"), 16) for line in told]
    assert numbers == list(range(numbers[0], numbers[0] + COUNT))
    assert numbers[-1] == worker.queue_tick


def test_work_is_in_hand_until_the_worker_is_idle(worker, box):
    worker.bind_handlers(Requests())
    start(worker)
    assert (read_box(box).token, read_box(box).work) == ("", {})
    worker.add("WorkRequested", args={"token": "c:1", "args": {"input": 2, "data": bytes(9000)}})
    assert read_box(box)[1:] == ("c:1", {"input": 2, "data": "<9,000 bytes>"})
    worker.add("Working")
    worker.add("WorkReady")
    assert read_box(box).token == "c:1"
    worker.remove("WorkReady")
    assert read_box(box)[1:] == ("", {})
    worker.add("WorkRequested", args={"token": "c:2", "jobs": [{}, {}, {}]})
    assert read_box(box)[1:] == ("c:2", {"jobs": 3})


def test_work_that_came_apart_from_its_request_is_told_too(worker, box):
    worker.bind_handlers(Requests())
    start(worker)
    worker.add("WorkRequested", args={"token": "c:1", "input": True})
    assert read_box(box)[1:] == ("c:1", {"scan": "<70,000 bytes>"})
    worker.add("Idle")
    worker.add("WorkRequested", args={"token": "c:2", "input": True})
    assert read_box(box)[1:] == ("c:2", {})


def test_work_of_any_kind_is_told(worker, box):
    worker.bind_handlers(Requests())
    start(worker)
    worker.add("WorkRequested", args={"token": "c:1", "args": object()})
    assert read_box(box)[1:] == ("c:1", {"args": "<object>"})
    worker.add("Idle")
    worker.add("WorkRequested", args={"token": "c:2", "args": [1, 2.5, None, True, 1 << 80, {"a": {"b": {"c": 1}}}]})
    assert read_box(box).work == {"args": [1, 2.5, None, True, "<int>", {"a": "<dict of 1>"}]}


def test_work_that_is_too_long_even_when_shortened_is_counted(worker, box):
    worker.bind_handlers(Requests())
    start(worker)
    worker.add("WorkRequested", args={"token": "c:1", "args": {f"{n}": ["x" * 200] * 8 for n in range(20)}})
    assert read_box(box)[1:] == ("c:1", {"arguments": 20})


def test_rows_and_work_that_the_end_cut_off_are_left_out(worker, box):
    worker.bind_handlers(Requests())
    start(worker)
    worker.add("WorkRequested", args={"token": "c:1", "args": {"input": 2}})
    before = read_box(box).transitions
    at = blackbox.ROWS + len(before) * blackbox.ROW.size
    os.pwrite(box, (99).to_bytes(8, "little"), blackbox.WORK)
    assert read_box(box).work == {}
    os.pwrite(box, (99).to_bytes(8, "little"), at)
    assert read_box(box).transitions == before[:-1]


def test_a_box_that_nobody_wrote_to_tells_nothing(box):
    assert read_box(box) == LastSeen([])


@given(st.binary(max_size=SIZE), st.integers(0, SIZE))
def test_whatever_a_worker_wrote_is_read(data, at):
    fd = make_box()
    try:
        os.pwrite(fd, data[: SIZE - at], at)
        row = blackbox.ROW.pack(7, 1, 0, blackbox.BUSY, b"add Working", 7)
        os.pwrite(fd, row, blackbox.ROWS)
        seen = read_box(fd)
        assert isinstance(seen.work, dict)
        assert any("add Working" in line for line in seen.transitions)
    finally:
        os.close(fd)


def test_a_descriptor_that_is_no_box_is_left_alone(monkeypatch, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"x" * SIZE)
    with precious.open("r+b") as file:
        for number in (str(file.fileno()), "99999", "-1", "", "x"):
            monkeypatch.setenv(BOX_VAR, number)
            assert open_box() is None
            assert BOX_VAR not in os.environ
    assert precious.read_bytes() == b"x" * SIZE


def test_where_the_system_has_no_memory_files_a_file_without_a_name_will_do(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    fd = make_box()
    monkeypatch.setenv(BOX_VAR, str(os.dup(fd)))
    memory = open_box()
    machine = Machine(WorkerStates, "worker-1", seed="5eed")
    machine.bind_tracer(BlackBox(machine, memory, dict))
    machine.add("Start")
    assert read_box(fd).transitions == ["5eed-2 add Start: +Start"]
    machine.dispose()
    memory.close()
    os.close(fd)
