"""A recording that goes on in other files: each opens by itself, together they are all of it."""

import threading
import time
from pathlib import Path

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.query.verify import verify
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.rotation import numbered
from amlab.dbg.session.session import Session

AB = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}, "C": {"multi": True}}


def files(path):
    found = []
    while True:
        name = numbered(str(path), len(found))
        try:
            found.append(Session.open(name))
        except Exception:
            return found


def test_names_are_numbered_before_the_ending():
    assert [numbered("x/run.msgpack.br", n) for n in (0, 1, 12)] == [
        "x/run.msgpack.br", "x/run.1.msgpack.br", "x/run.12.msgpack.br",
    ]  # fmt: skip


def test_past_a_size_it_goes_on_in_another_file_and_nothing_is_lost(tmp_path):
    path = tmp_path / "run.msgpack.br"
    machine = Machine(AB, "m")
    recorder = Recorder(path, flush_s=0, max_bytes=600).attach(machine)
    for n in range(300):
        machine.add("ABC"[n % 3], args={"n": n, "text": f"{n * 7919:x}"})
        if n % 10 == 9:
            recorder.flush()
    recorder.close()
    parts = files(path)
    assert len(parts) > 3
    assert all(part.about["is_complete"] for part in parts)
    calls = [tx.args["n"] for part in parts for tx in part.machines["m"]]
    assert calls == [str(n) for n in range(300)]
    ids = [tx.id for part in parts for tx in part.machines["m"]]
    assert len(set(ids)) == 300
    assert all(verify(part).is_ok for part in parts)
    assert all(verify(part).to_dict()["skipped"] in ({}, 0) for part in parts)
    last = [part.machines["m"] for part in parts if len(part.machines["m"])][-1]
    assert last[-1].clocks_after.tolist() == list(machine.time())
    machine.dispose()


def test_past_an_age_it_does_too_with_a_machine_that_does_nothing_told_anew(tmp_path):
    path = tmp_path / "run.msgpack.br"
    now = [0]
    machine, idle = Machine(AB, "m"), Machine(AB, "idle")
    recorder = Recorder(path, flush_s=0, max_age_s=10, now_ns=lambda: now[0]).attach(machine, idle)
    idle.add("A")
    for n in range(40):
        now[0] += 10**9
        machine.add("AB"[n % 2])
        recorder.flush()
    idle.add("B")
    recorder.close()
    parts = files(path)
    assert 3 <= len(parts) <= 5
    assert sum(len(part.machines["m"]) for part in parts) == 40
    last = parts[-1].machines["idle"]
    assert [tx.called for tx in last] == [("B",)]
    assert last[0].states_before == ("A",)
    assert all(verify(part).is_ok for part in parts)
    for m in (machine, idle):
        m.dispose()


def test_it_cuts_while_threads_record(tmp_path):
    path = tmp_path / "run.msgpack.br"
    recorder = Recorder(path, flush_s=0.002, max_bytes=400)
    ran = {}
    third = Path(numbered(str(path), 3))
    ends = time.monotonic() + 30

    def work(name):
        machine = Machine(AB, name)
        recorder.attach(machine)
        n = 0
        while n < 3000 or (not third.exists() and time.monotonic() < ends):
            machine.add("ABC"[n % 3], args={"n": n % 100} if n % 5 == 0 else None)
            n += 1
            if n % 500 == 0:
                time.sleep(0.001)  # lets the others in
        ran[name] = n, list(machine.time())
        machine.dispose()

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    parts = files(path)
    assert len(parts) > 3
    for name, (count, clocks) in ran.items():
        assert sum(len(part.machines[name]) for part in parts if name in part.machines) == count
        last = [part.machines[name] for part in parts if name in part.machines and len(part.machines[name])][-1]
        assert last[-1].clocks_after.tolist() == clocks
    assert all(verify(part).is_ok for part in parts)
    assert all(part.gaps == () for part in parts)


def test_where_no_next_file_can_be_made_the_one_there_is_grows(tmp_path, caplog):
    path = tmp_path / "run.msgpack.br"
    (tmp_path / "run.1.msgpack.br").mkdir()
    machine = Machine(AB, "m")
    recorder = Recorder(path, flush_s=0, max_bytes=300).attach(machine)
    for n in range(100):
        machine.add("AB"[n % 2], args={"n": n})
        recorder.flush()
    recorder.close()
    assert "grows on" in caplog.text
    assert len(Session.open(path).machines["m"]) == 100
    machine.dispose()


@pytest.mark.parametrize("handlers", [(), ("AState",)])
def test_a_machine_that_is_made_anew_in_another_file_has_its_handlers_and_moves_there(tmp_path, handlers):
    path = tmp_path / "run.msgpack.br"
    machine = Machine(AB, "m", handlers=[{name: lambda e: None for name in handlers}] if handlers else ())
    recorder = Recorder(path, flush_s=0, max_bytes=1).attach(machine)
    for _ in range(5):
        machine.add("A")
        machine.add("B")
        recorder.flush()
    recorder.close()
    parts = files(path)
    assert sum(len(part.machines["m"]) for part in parts if part.machines) == 10
    for part in parts:
        for tx in part.machines["m"]:
            assert tx.steps
            assert [s.handler for s in tx.steps if s.handler] == [h for h in handlers if "A" in tx.called]
    machine.dispose()
