"""What a lost worker leaves is whole in the recorded session, at its supervisor and at its client."""

import asyncio
import sys

import pytest

from amlab.core.node.autopsy import MAX_ARG, WorkerLostError, lost
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.dbg.query.verify import verify
from amlab.dbg.record.bounds import MAX_CHARS, bounded_args
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.session.session import Session
from tests.core.node.pools import ROOT, client_of, run

LONG = "long words " * 30


def err_worker(machine):
    return next(tx for tx in machine if "ErrWorker" in tx.called and not tx.is_queued)


def record_a_crash(path):
    async def main():
        with Recorder(path) as recorder, Collector(recorder) as collector:
            argv = [sys.executable, "-m", "tests.core.node.squares"]
            launcher = ExecLauncher(argv, env={**collector.env, "PYTHONPATH": str(ROOT)})
            supervisor = Supervisor(launcher, options=PoolOptions(min=1, warm=0, max=1))
            recorder.attach(supervisor.mach)
            try:
                await supervisor.start(20)
                (worker,) = supervisor.workers()
                client = client_of(supervisor, id="client")
                recorder.attach(client.mach)
                async with client:
                    assert await client.work(input=2) == 4
                    while not recorder.outside.taken:  # noqa: ASYNC110 - until some of the worker's own is written
                        await asyncio.sleep(0.01)
                    with pytest.raises(WorkerLostError) as caught:
                        await client.work(die=1, why=LONG, with_words=LONG)
                return worker, caught.value
            finally:
                await supervisor.stop()

    return run(main())


def test_an_autopsy_is_whole_in_the_session_that_was_recorded(tmp_path):
    path = tmp_path / "crash.msgpack.br"
    worker, error = record_a_crash(path)
    session = Session.open(path)
    assert verify(session).is_ok
    for machine in ("supervisor", "client"):
        tx = err_worker(session.machines[machine])
        args = tx.args
        assert args["worker"] == worker
        assert args["exit"] == "killed by SIGKILL"
        assert args["stderr"].endswith("these are my last words")
        assert "long words long words" in args["stderr_before"]
        assert args["work"].startswith("die=1, why='long words")
        told = args["transitions"].split("; ")
        assert told == error.fields["transitions"][-len(told) :]
        before = args["transitions_before"].split("; ")
        assert [*before, *told] == error.fields["transitions"][-len(told) - len(before) :]
        assert not any("characters)" in args[name] for name in args if name != "err")
    known = {tx.id: tx for tx in session.machines[worker]}
    last = error.fields["transitions"][-1].split(" ")
    assert last[1:] == ["add", "Working:", "+Working", "-WorkRequested"]
    ids = [line.split(" ")[0] for line in error.fields["transitions"]]
    numbers = [int(name.split("-")[1].split(".")[0], 16) for name in ids]
    assert numbers == sorted(numbers)
    recorded = [name for name in ids if name in known]  # the last of them were not written any more
    assert recorded
    for name in recorded:
        line = next(line for line in error.fields["transitions"] if line.startswith(f"{name} "))
        assert line.split(":")[0].split(" ")[2:] == list(known[name].called)


def test_no_argument_of_an_autopsy_is_longer_than_a_recording_keeps():
    assert MAX_ARG == MAX_CHARS
    lines = [f"{n} {'x' * 150}" for n in range(40)]
    args = lost("w", -9, [*lines, "y" * 900], {"a": "z" * 9000}, lines, lines).as_args()
    told = bounded_args(args)
    assert dict(zip(told[::2], told[1::2], strict=True)) == args
