"""Desks of what is going on: they follow it, slow nobody down, show errors, and let go of everything."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from weakref import ref

import pytest

pytest.importorskip("anywidget")

from amlab import Lab, Machine, Session, Supervisor, UsageError, verify
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.dbg import attach
from amlab.dbg.live.session import LiveSession
from amlab.dbg.live.sources import RecorderSource
from amlab.dbg.widgets.live import LiveDesk

TOGGLE = {"A": {"remove": "B"}, "B": {"remove": "A"}}


class Heard:
    """What pages are told; `wait` for the first that fits."""

    def __init__(self, desk):
        self.messages = []
        self.news = threading.Condition()
        desk.send = self.send

    def send(self, kind, what, buffers=None):
        with self.news:
            self.messages.append((kind, what, buffers))
            self.news.notify_all()

    def wait(self, fits):
        with self.news:
            assert self.news.wait_for(lambda: any(fits(m) for m in self.messages), 10)


@pytest.fixture
def machine():
    with Machine(TOGGLE, "m") as machine:
        yield machine


def threads():
    return sorted(t.name for t in threading.enumerate() if t.name.startswith(("amlab-live", "amlab-rec", "amlab-coll")))


def test_pages_are_told_while_a_view_is_open_and_the_session_grows_without(machine):
    with attach(machine, keep=True) as desk:
        assert threads() == ["amlab-recorder"]
        heard = Heard(desk)
        machine.add("A")
        view = desk.view("control")
        heard.wait(lambda m: m[0] == "records" and m[1]["first"] == 0)
        machine.add("B")
        heard.wait(lambda m: m[0] == "records" and m[1]["first"] == 1)
        view.close()
        assert threads() == ["amlab-recorder"]
        told = len(heard.messages)
        machine.add("A")
        desk.live.source.recorder.flush()
        assert len(desk.session.transitions) == 3
        assert len(heard.messages) == told
        assert desk.is_live
    assert threads() == []


def test_closing_the_last_view_lets_go_of_everything(machine):
    desk = attach(machine)
    one, two = desk.view("control"), desk.view("control")
    machine.add("A")
    one.close()
    assert desk.is_live
    two.close()
    assert not desk.is_live
    assert threads() == []
    assert machine.tracers == ()
    assert len(desk.session.transitions) == 1
    gone = ref(desk), ref(desk.live), ref(one)
    del desk, one, two
    gc.collect()
    assert [one() for one in gone] == [None, None, None]


def test_a_desk_that_nobody_knows_any_more_ends_its_recording(machine):
    desk = attach(machine)
    gone = ref(desk.live)
    del desk
    gc.collect()
    assert gone() is None
    assert threads() == []
    assert machine.tracers == ()


def test_an_error_of_the_source_is_shown_once_and_ends_it(machine):
    class Breaks(RecorderSource):
        def read(self):
            raise OSError("the disk is gone")

    desk = LiveDesk(LiveSession(Breaks([machine])))
    heard = Heard(desk)
    view = desk.view("control")
    heard.wait(lambda m: m[0] == "error" and "the disk is gone" in m[1]["text"])
    heard.wait(lambda m: m[0] == "live" and not m[1]["is_live"])
    assert "the disk is gone" in desk.error
    assert sum(m[0] == "error" for m in heard.messages) == 1
    view.close()


def test_a_page_that_takes_its_time_does_not_slow_the_machine(machine):
    with attach(machine) as desk:
        is_stuck = threading.Event()
        goes_on = threading.Event()

        def send(kind, what, buffers=None):
            is_stuck.set()
            goes_on.wait(10)

        desk.send = send
        view = desk.view("control")
        machine.add("A")
        assert is_stuck.wait(10)
        began = time.perf_counter()
        for n in range(20_000):
            machine.add("A" if n % 2 else "B")
        took = time.perf_counter() - began
        goes_on.set()
        view.close()
    assert took < 2.0
    assert len(desk.session.transitions) == 20_001


def test_what_a_machine_of_this_process_waits_for_is_told_and_steered(machine):
    with attach(machine) as desk:
        machine.add("A")
        desk.live.source.recorder.flush()
        assert desk.answer("control", {"machine": "m", "do": "pause"})[1]["is_paused"]
        machine.add("B", args={"n": 1})
        told = desk.answer("control", {"machine": "m", "do": "state"})[1]
        assert told["queue"] == [{"kind": "add", "states": ["B"], "mark": "", "args": {"n": "1"}}]
        told = desk.answer("control", {"machine": "m", "do": "break", "added": ["Nope"]})[1]
        assert "Nope" in told["error"]
        told = desk.answer("control", {"machine": "m", "do": "break", "added": ["A"]})[1]
        (point,) = told["breakpoints"]
        assert (point["added"], point["pauses"]) == (["A"], True)
        told = desk.answer("control", {"machine": "m", "do": "unbreak", "number": point["number"]})[1]
        assert told["breakpoints"] == []
        told = desk.answer("control", {"machine": "m", "do": "step", "n": 1})[1]
        assert told["waiting"] == 0
        assert not desk.answer("control", {"machine": "m", "do": "resume"})[1]["is_paused"]
        assert "not paused" in desk.answer("control", {"machine": "m", "do": "step"})[1]["error"]
        assert "not been recorded" in desk.answer("control", {"machine": "other", "do": "pause"})[1]["why"]


def test_a_machine_of_a_lab_is_steered_in_its_own_thread():
    with Lab() as lab, attach(lab) as desk:
        machine = lab.start(Machine, TOGGLE, "far")
        lab.call(lambda: machine.add("A"))
        lab.call(desk.live.source.recorder.flush)
        desk.poll()
        desk.answer("control", {"machine": "far", "do": "pause"})
        result = machine.add("B")
        assert lab.call(lambda: machine.queue_len) == 1
        wait = machine.when("B")
        desk.answer("control", {"machine": "far", "do": "step"})
        assert wait.wait(5)
        assert result.has_run
        assert machine.is_paused


def test_other_processes_are_collected_and_cannot_be_paused():
    code = (
        "from amlab import Machine; from amlab.dbg.record.remote import attach\n"
        "m = Machine({'A': {}}, 'child'); r = attach(m); m.add('A'); r.close()"
    )
    with attach() as desk:
        assert set(desk.env) == {"AM_DBG_ADDR", "AMLAB_DBG_SECRET"}
        subprocess.run([sys.executable, "-c", code], env={"PATH": "", "PYTHONPATH": ".", **desk.env}, check=True)
        heard = Heard(desk)
        desk.view("control")
        heard.wait(lambda m: m[0] == "records" and "child" in m[2][0].decode("utf-8", "replace"))
        told = desk.answer("control", {"machine": "child", "do": "pause"})[1]
        assert not told["can"]
        assert "another process" in told["why"]


def test_a_pool_of_a_lab_is_recorded_with_its_workers(tmp_path):
    launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"])
    lab = Lab()
    desk = attach(lab, keep=True, path=tmp_path / "meanwhile.msgpack.br")
    pool = lab.start(Supervisor, launcher, options=PoolOptions(min=1, warm=0, max=1))
    (worker,) = pool.workers()
    lab.close()
    desk.close()
    assert lab.errors == []
    assert {"supervisor", worker} <= set(desk.session.machines)
    assert verify(desk.session).is_ok
    assert launcher.env == {}
    desk.save(tmp_path / "pool.msgpack.br")
    for name in ("pool", "meanwhile"):
        saved = Session.open(tmp_path / f"{name}.msgpack.br")
        assert {key: len(m) for key, m in saved.machines.items()} == {
            key: len(m) for key, m in desk.session.machines.items()
        }


def test_what_cannot_be_watched_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("AMLAB_DBG_SECRET", raising=False)
    with pytest.raises(UsageError, match="Cannot read"):
        attach(tmp_path / "none.msgpack.br")
    with pytest.raises(UsageError, match="asks for a secret"):
        attach("127.0.0.1:1")
    with pytest.raises(UsageError, match="Nobody serves"):
        attach("127.0.0.1:1", secret="00" * 32)
    with pytest.raises(UsageError, match="no machine"):
        attach(object())
    with pytest.raises(UsageError, match="does not end in"):
        attach(path=tmp_path / "x.gob.br")


def test_a_secret_that_is_no_hexadecimal_text_is_refused(machine):
    with pytest.raises(UsageError, match="the secret is not hexadecimal"):
        attach(machine, secret="secret")
    with pytest.raises(UsageError, match="the secret is not hexadecimal"):
        attach("127.0.0.1:1", secret="secret")


def test_live_views_take_what_all_views_take(machine):
    with attach(machine, keep=True) as desk:
        machine.add("A")
        desk.live.source.recorder.flush()
        assert desk.timeline(at="mach://m/@0", auto=False).kind == "timeline"
        assert (desk.position, desk.filters["auto"]) == (0, False)
        with pytest.raises(UsageError, match="takes no 'atuo', did you mean 'auto'"):
            desk.debugger(atuo=False)


def test_saving_in_another_format_saves_the_session(machine, tmp_path):
    with attach(machine) as desk:
        machine.add("A")
        desk.live.source.recorder.flush()
        desk.save(tmp_path / "m.gob.br")
        assert len(Session.open(tmp_path / "m.gob.br").machines["m"]) == 1
        with pytest.raises(UsageError, match="Cannot write"):
            desk.save(tmp_path / "no" / "m.msgpack.br")


def test_a_recorder_of_another_desk_is_not_disturbed(machine):
    with attach(machine) as desk, attach(machine) as other:
        machine.add("A")
        desk.close()
        machine.add("B")
        other.live.source.recorder.flush()
        assert len(other.session.transitions) == 2
    assert len(desk.session.transitions) == 1


def test_a_page_that_was_not_heard_is_told_everything_until_it_is(machine):
    with attach(machine) as desk:
        machine.add("A")
        view = desk.view("control")
        heard = Heard(desk)
        whole = Heard(view)
        view.send = lambda content, buffers=None: whole.send(content["amlab"], content["what"], buffers)
        heard.wait(lambda m: m[0] == "records")
        whole.wait(lambda m: m[0] == "records" and m[1]["first"] == 0 and "is_more" not in m[1])
        machine.add("B")
        view._asked(view, {"amlab": "records", "what": {"first": 1}}, [])
        assert whole.messages[-1][1]["first"] == 1
        assert not desk._unheard
        view.close()
