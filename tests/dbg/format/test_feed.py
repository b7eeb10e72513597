"""Following a recording: what polls give, put together, is what opening the file gives."""

import random
import time

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.demo.kitchen import Bakery, bake
from amlab.dbg.format.feed import Feed
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.remote import recorder_to
from amlab.dbg.record.rotation import numbered
from amlab.dbg.session.session import Session
from amlab.errors import UsageError
from tests.dbg.record.test_recorder import SCHEMA, Fussy

PARTS = ("id", "called", "accepted", "is_auto", "is_check", "is_queued", "queue_tick", "mut_queue_tick", "queue_len",
         "args", "source", "steps", "time_ns", "states_before", "states_after", "mut_queue_token")  # fmt: skip


def facts(tx):
    return [*[getattr(tx, part) for part in PARTS], tx.clocks_after.tolist()]


class Collected:
    """All that polls have given."""

    def __init__(self):
        self.records = {}
        self.gaps = []

    def take(self, news):
        for key, machine in news.session.machines.items():
            held = self.records.setdefault(key, [])
            assert news.firsts[key] == len(held)
            held += [facts(tx) for tx in machine]
        self.gaps += [(g.machine, g.count) for g in news.session.gaps]
        return news


def drive(machine, rng):
    machine.add(rng.choice(["A", "B", "C", "Quiet"]), args=rng.choice([None, {"please": rng.random() < 0.5}]))
    if rng.random() < 0.2:
        machine.add("A", args={"fail": True})
        machine.remove("Exception")
    if rng.random() < 0.2:
        machine.remove("A", "Quiet")
        machine.can_add("B")


def check(collected, session):
    assert sorted(collected.records) == sorted(session.machines)
    for key, machine in session.machines.items():
        whole = [facts(tx) for tx in machine]
        for mine, theirs in zip(collected.records[key], whole, strict=True):
            assert mine == theirs


@pytest.mark.parametrize("seed", range(6))
def test_polls_put_together_are_the_session(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "a.msgpack.br"
    machines = [Machine(SCHEMA, f"m{n}", handlers=Fussy()) for n in range(3)]
    recorder = Recorder(path, flush_s=0)
    collected = Collected()
    with Feed(path) as feed:
        for n in range(60):
            if n % 20 == 0:
                recorder.attach(machines[n // 20])
            for machine in machines[: n // 20 + 1]:
                for _ in range(rng.randrange(4)):
                    drive(machine, rng)
            if rng.random() < 0.7:
                recorder.flush()
            news = collected.take(feed.poll())
            assert not news.is_over
        recorder.close()
        while not collected.take(feed.poll()).is_over:
            pass
        assert not feed.poll()
    check(collected, Session.open(path))
    for machine in machines:
        machine.dispose()


def test_a_recorder_in_memory_is_followed_too():
    bakery = Bakery()
    recorder = Recorder().attach(*bakery.machines)
    feed, collected = Feed(recorder), Collected()
    bake(bakery)
    assert not feed.poll().count
    recorder.flush()
    assert collected.take(feed.poll()).count
    session = feed.session()
    recorder.close()
    assert collected.take(feed.poll()).is_over
    check(collected, session)
    bakery.dispose()


def test_a_feed_that_begins_late_catches_up_and_one_byte_at_a_time_is_enough(tmp_path, monkeypatch):
    path = tmp_path / "a.msgpack.br"
    machine = Machine(SCHEMA, "m", handlers=Fussy())
    with Recorder(path, flush_s=0).attach(machine) as recorder:
        rng = random.Random(7)
        for _ in range(40):
            drive(machine, rng)
            recorder.flush()
    monkeypatch.setattr("amlab.dbg.format.feed.MAX_PACKED", 1)
    collected = Collected()
    with Feed(path) as feed:
        while not collected.take(feed.poll()).is_over:
            pass
    check(collected, Session.open(path))
    machine.dispose()


def test_gaps_show_at_once():
    machine = Machine({"A": {"multi": True}}, "m")
    recorder = Recorder(flush_s=0, max_rows=10).attach(machine)
    feed, collected = Feed(recorder), Collected()
    for _ in range(100):
        machine.add("A")
    recorder.flush()
    collected.take(feed.poll())
    machine.add("A")
    recorder.flush()
    news = collected.take(feed.poll())
    (gap,) = news.session.gaps
    assert gap.count + len(collected.records["m"]) == 101
    assert news.session.machines["m"][0].clocks_after.tolist() == list(machine.time())
    recorder.close()
    machine.dispose()


def test_a_recording_that_goes_on_in_another_file_is_followed_there(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine({"C": {"multi": True}}, "m")
    calls = []
    recorder = Recorder(path, flush_s=0, max_bytes=400).attach(machine)
    with Feed(path) as feed:
        for n in range(60):
            machine.add("C", args={"n": n * 7919})
            recorder.flush()
            calls += [tx.args["n"] for m in feed.poll().session.machines.values() for tx in m]
        recorder.close()
        news = feed.poll()
        while not news.is_over or news.count:
            calls += [tx.args["n"] for m in news.session.machines.values() for tx in m]
            news = feed.poll()
    assert (tmp_path / numbered("a.msgpack.br", 2)).exists()
    assert calls == [str(n * 7919) for n in range(60)]
    machine.dispose()


def test_what_a_collector_gathers_is_in_the_feed(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine(SCHEMA, "far")
    with Recorder(path, flush_s=0.01) as recorder, Collector(recorder) as collector, Feed(path) as feed:
        with recorder_to(collector.address, collector.secret) as far:
            far.attach(machine)
            machine.add("A")
        collector.close()
        recorder.flush()
        news = feed.poll()
        assert news.session.machines["far"][0].called == ("A",)
    machine.dispose()


def test_what_a_collector_gathers_is_followed_into_other_files(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine({"C": {"multi": True}}, "far")
    third = tmp_path / numbered("a.msgpack.br", 3)
    calls, count = [], 0
    with Recorder(path, flush_s=0.005, max_bytes=500) as recorder, Collector(recorder) as collector, Feed(path) as feed:
        with recorder_to(collector.address, collector.secret, flush_s=0.005).attach(machine):
            while not third.exists():
                machine.add("C", args={"n": count * 7919})
                count += 1
                time.sleep(0.0005)
        collector.close()
        recorder.close()
        news = feed.poll()
        while not news.is_over or news.count:
            calls += [tx.args["n"] for m in news.session.machines.values() for tx in m]
            news = feed.poll()
        assert news.session.damage is None
    assert calls == [str(n * 7919) for n in range(count)]
    machine.dispose()


def test_damage_ends_a_feed_and_is_told(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine(SCHEMA, "m")
    recorder = Recorder(path, flush_s=0).attach(machine)
    machine.add("A")
    recorder.flush()
    with Feed(path) as feed:
        assert feed.poll().count
        with path.open("ab") as file:
            file.write(b"\xff" * 100)
        news = feed.poll()
        assert news.is_over
        assert news.session.damage is not None
        assert feed.poll().is_over
    recorder.close()
    machine.dispose()


def test_a_file_that_is_not_there_cannot_be_followed(tmp_path):
    with pytest.raises(UsageError, match="Cannot read"):
        Feed(tmp_path / "none.msgpack.br")
