"""The supervisor: keeps a pool of workers as its options say, and gives them to clients.

    fork        a bootstrap machine waits for the new worker's call; then the worker is followed
    ready       as many as `min` are: PoolReady; one is idle: WorkersAvailable
    lost        its process ended, or it does not answer: ErrWorker with the autopsy, and a new one is forked
    give        a client asks (ProvideWorker); an idle worker lets it in, and its address goes to the client

All of it is states of `mach`, which clients see and may not change but for ProvideWorker.

Knows nothing of: what workers do.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import WorkerLostError, lost
from amlab.core.node.launchers import ExecLauncher, Launcher
from amlab.core.node.options import PoolOptions
from amlab.core.node.policy import Facts, choose_idle, count_forks, count_wanted, must_die, why_not
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.server import RpcMux, RpcServer
from amlab.core.states.node import BootstrapStates, SupervisorStates
from amlab.errors import AmlabError, ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer
    from amlab.core.node.process import Process
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["Supervisor"]

FOLLOW = Backoff(first_s=0.02, max_s=0.2, total_s=2.0)
HISTORY = 20


class _Pooled:
    """A worker, as its supervisor knows it."""

    def __init__(self, worker_id: str) -> None:
        self.facts = Facts(worker_id)
        self.process: Process | None = None
        self.client: RpcClient | None = None
        self.public = ""
        self.history: deque[str] = deque(maxlen=HISTORY)
        self.is_gone = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.facts.id


class Supervisor:
    """A pool of workers of one kind.

    Args:
        launcher: How to start a worker, or its command as a list.
        id: Of the supervisor's machine.
        address: Where clients connect; see `amlab.core.rpc.network`.
        secret: The pool's; random without.
        options: Criteria and times.
        tracers: Of its machine.
    """

    def __init__(
        self,
        launcher: Launcher | Sequence[str],
        *,
        id: str = "supervisor",  # noqa: A002 - as `Machine`
        address: str = "127.0.0.1:0",
        secret: bytes | None = None,
        options: PoolOptions = PoolOptions(),  # noqa: B008 - immutable
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.launcher: Launcher = ExecLauncher(launcher) if isinstance(launcher, Sequence) else launcher
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self.options = options
        self.mach = Machine(SupervisorStates, id, tags=("supervisor",), tracers=tracers)
        self.mach.bind_handlers(_Handlers(self))
        self._mux = RpcMux(self.mach, address=address, secret=self.secret, parent=self.mach)
        self._mux.on_left = self._client_left
        self._pool: dict[str, _Pooled] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._failed_forks = 0
        self.autopsies: list[WorkerLostError] = []
        """Of every worker that was lost."""

    # ----- life

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._mux.address

    async def start(self, timeout_s: float | None = None) -> str:
        """Opens the port and forks the first workers; gives the address once the pool is ready.

        Raises:
            OSError: The port is taken.
            TimeoutError: It was not ready in time.
        """
        self.mach.add("Start")
        await self._mux.start()
        self.mach.add("PublicRpcReady", "LocalRpcReady")
        self._spawn(self._heartbeats())
        ready = self.mach.when("PoolReady")
        async with asyncio.timeout(timeout_s):
            await ready
        self.mach.add("Ready")
        return self.address

    async def stop(self) -> None:
        """Ends all workers, at most after `stop_s`, and closes the port."""
        self._is_stopping = True
        pooled = list(self._pool.values())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*[self._end(w) for w in pooled])
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._mux.stop()
        await self.launcher.stop()
        self.mach.dispose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def _note(self, state: str, args: dict[str, Any]) -> None:
        """An event: a multi state that comes and goes, since what it adds and removes is meant once."""
        self.mach.add(state, args=args)
        self.mach.remove(state)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ----- the pool

    def set_pool(self, **criteria: Any) -> None:
        """Changes criteria (`min`, `max`, `warm`, ...) of a running pool.

        Raises:
            UsageError: They contradict each other.
        """
        from dataclasses import replace

        self.options = replace(self.options, **criteria)
        self.check_pool()

    def check_pool(self) -> None:
        """Forks what is missing."""
        if not self._is_stopping and not self.mach.is_disposed:
            self.mach.add("NormalizingPool")

    def workers(self, state: str = "") -> list[str]:
        """Ids of the workers, or of those that are `ready`, `idle`, `busy`.

        Raises:
            UsageError: No such word.
        """
        tests: Mapping[str, Any] = {
            "": lambda f: not f.is_killed,
            "ready": lambda f: f.is_ready,
            "idle": lambda f: f.is_ready and f.is_idle and not f.client,
            "busy": lambda f: bool(f.client),
        }
        if state not in tests:
            from amlab.errors import UsageError, near

            raise UsageError(f"no workers are {state!r}{near(state, tests)}", state=state)
        return [w.id for w in self._pool.values() if tests[state](w.facts)]

    @property
    def is_whole(self) -> bool:
        """Whether as many workers are ready as the criteria want now."""
        return len(self.workers("ready")) >= count_wanted(self._facts(), self.options)

    async def when_whole(self) -> None:
        """Waits until it is."""
        while not self.is_whole:
            changed = self.mach.when_time({"NormalizingPool": self.mach.tick("NormalizingPool") + 1})
            ready = self.mach.when_next_active("WorkerReady")
            event = asyncio.Event()
            for wait in (changed, ready):
                wait.on_done(event.set)
            await event.wait()

    def process_of(self, worker_id: str) -> Process | None:
        """The process of a worker."""
        found = self._pool.get(worker_id)
        return None if found is None else found.process

    def normalize(self) -> None:
        """Forks as many as are missing."""
        for _ in range(count_forks(self._facts(), self.options)):
            pooled = _Pooled(f"worker-{next(self._numbers)}-{os.urandom(2).hex()}")
            self._pool[pooled.id] = pooled
            self._note("ForkWorker", {"worker": pooled.id})
            self._spawn(self._bring_up(pooled))
        self.mach.add("PoolNormalized")

    def _facts(self) -> list[Facts]:
        return [w.facts for w in self._pool.values()]

    async def _bring_up(self, pooled: _Pooled) -> None:
        machine = Machine(BootstrapStates, f"bootstrap-{pooled.id}", parent=self.mach, tags=("bootstrap",))
        server = RpcServer(machine, secret=self.secret, allow_id=pooled.id, parent=machine)
        try:
            address = await server.start()
            called = machine.when_args("WorkerAddr", {"worker": pooled.id})
            self._note("ForkingWorker", {"worker": pooled.id})
            pooled.process = self.launcher.launch(pooled.id, address, self.secret)
            pooled.process.on_exit(lambda: self._ended(pooled))
            pooled.process.on_exit(called.cancel)
            async with asyncio.timeout(self.options.connect_s):
                args = await called
                self._note("WorkerConnected", {"worker": pooled.id})
                await self._follow(pooled, str(args["local"]), str(args["public"]))
        except (AmlabError, OSError, TimeoutError) as err:
            self._not_up(pooled, err)
        finally:
            await server.stop()
            machine.dispose()

    async def _follow(self, pooled: _Pooled, local: str, public: str) -> None:
        pooled.public = public
        pooled.client = RpcClient(
            local, id=f"{self.mach.id}-{pooled.id}", secret=self.secret, expect_id=pooled.id, parent=self.mach,
            backoff=FOLLOW,
        )  # fmt: skip
        source = await pooled.client.start()
        pooled.client.mach.when("ConnRetryFailed").on_done(lambda: self._silent(pooled))
        source.on_change(lambda nm: self._changed(pooled, nm))
        self._note("WorkerForked", {"worker": pooled.id})
        self._failed_forks = 0
        self._changed(pooled, source)

    def _not_up(self, pooled: _Pooled, err: Exception) -> None:
        """A worker did not come up; its process, if it runs, is ended."""
        if pooled.is_gone or self._is_stopping:
            return
        process = pooled.process
        if process is not None and process.exit_code is None:
            process.kill()
            return  # `_ended` tells the rest
        if process is None:
            self._gone(pooled, lost(pooled.id, None, [str(err)]))

    def _changed(self, pooled: _Pooled, source: NetMachine) -> None:
        facts = pooled.facts
        active = source.active_states
        text = " ".join(active)
        if not pooled.history or pooled.history[-1] != text:
            pooled.history.append(text)
        was_ready, was_idle = facts.is_ready, facts.is_idle
        facts.is_ready, facts.is_idle = "Ready" in active, "Idle" in active
        if facts.client and "ServeClient" not in active:
            facts.client = ""
        if facts.is_idle and not was_idle:
            facts.idle_since = asyncio.get_running_loop().time()
        if facts.is_ready and not was_ready:
            self._note("WorkerReady", {"worker": pooled.id})
            if not self.mach.is_("PoolReady") and len(self.workers("ready")) >= self.options.min:
                self.mach.add("PoolReady")  # called, so that it may end PoolStarting
                self.mach.add("Ready")
        self._tell_available()

    def _tell_available(self) -> None:
        if self.mach.is_disposed:
            return
        has_idle = bool(self.workers("idle"))
        if has_idle and not self.mach.is_("WorkersAvailable"):
            self.mach.add("WorkersAvailable")
        elif not has_idle and self.mach.is_("WorkersAvailable"):
            self.mach.remove("WorkersAvailable")

    # ----- losing workers

    def _silent(self, pooled: _Pooled) -> None:
        """It is not on the line any more; whatever still runs of it is ended."""
        if not pooled.is_gone and pooled.process is not None:
            pooled.process.kill()

    def _ended(self, pooled: _Pooled) -> None:
        process = pooled.process
        assert process is not None
        if self._is_stopping or pooled.is_gone:
            return
        self._gone(pooled, lost(pooled.id, process.exit_code, list(process.stderr), None, list(pooled.history)))

    def _gone(self, pooled: _Pooled, autopsy: WorkerLostError) -> None:
        pooled.is_gone = True
        self._pool.pop(pooled.id, None)
        self.autopsies.append(autopsy)
        client = pooled.facts.client
        if pooled.client is not None:
            self._spawn(pooled.client.stop())
        else:
            self._failed_forks += 1
        if self.mach.is_disposed:
            return
        if pooled.facts.is_ready:
            self._note("WorkerGone", {"worker": pooled.id})
        self.mach.add_err_state("ErrWorker", autopsy, args={"worker": pooled.id})
        self.mach.remove("Exception", "ErrWorker")
        self._tell_available()
        if client:
            self._spawn(self._tell_client(client, "worker-lost", {"worker": pooled.id, **_plain(autopsy)}))
        if self._failed_forks <= self.options.err_kill * max(self.options.min + self.options.warm, 1):
            self.check_pool()
        else:
            self.mach.add_err_state("ErrPool", autopsy)

    def kill(self, worker_id: str) -> None:
        """Kills a worker; the pool replaces it.

        Raises:
            UsageError: There is no such worker.
        """
        pooled = self._pool.get(worker_id)
        if pooled is None or pooled.process is None:
            from amlab.errors import UsageError, near

            raise UsageError(f"no worker {worker_id!r}{near(worker_id, self._pool)}", worker=worker_id)
        self._note("KillWorker", {"worker": worker_id})
        pooled.facts.is_killed = True
        pooled.process.kill()
        self._note("WorkerKilled", {"worker": worker_id})

    async def _end(self, pooled: _Pooled) -> None:
        process = pooled.process
        if process is not None and process.exit_code is None:
            process.terminate()
            await asyncio.wait([process.ended], timeout=self.options.stop_s)
            if process.exit_code is None:
                process.kill()
                await process.ended
        if pooled.client is not None:
            await pooled.client.stop()

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.options.heartbeat_s)
            self.mach.add("Heartbeat")
            await asyncio.gather(*[self.check_health(w) for w in list(self._pool)])
            self.mach.remove("Heartbeat")
            self.check_pool()

    async def check_health(self, worker_id: str) -> bool:
        """Whether a worker answers; one that does not, or has failed too often, is killed."""
        pooled = self._pool.get(worker_id)
        if pooled is None or pooled.client is None or not pooled.facts.is_ready:
            return False
        now = asyncio.get_running_loop().time()
        if not must_die(pooled.facts, self.options, now):
            for _ in range(self.options.health_tries):
                try:
                    await pooled.client.source.add("Healthcheck", timeout_s=self.options.health_delay_s)
                except ProtocolError:
                    continue
                return True
        if pooled.process is not None and not pooled.is_gone:
            self.kill(worker_id)
        return False

    # ----- clients

    async def provide(self, client: str, token: str, wait_s: float) -> None:
        """Gives a worker to a client, or tells it why not."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            facts = choose_idle(self._facts(), client, self.options)
            if facts is not None:
                facts.client = client
                self._tell_available()
                pooled = self._pool[facts.id]
                assert pooled.client is not None
                try:
                    result = await pooled.client.source.add("ServeClient", args={"client": client}, timeout_s=2.0)
                except ProtocolError as err:
                    facts.client = ""
                    facts.errors.append(loop.time())
                    self.mach.log(f"worker {facts.id} did not take client {client}: {err}")
                    continue
                if not result.is_canceled:
                    self.check_pool()  # there should be idle ones beyond it
                    answer = {"worker": facts.id, "address": pooled.public}
                    await self._tell_client(client, "worker", answer, token)
                    return
                facts.client = ""
            left = until - loop.time()
            if left <= 0:
                reason = why_not(self._facts(), client, self.options)
                await self._tell_client(client, "no-worker", {"reason": reason}, token)
                return
            available = self.mach.when("WorkersAvailable")
            try:
                async with asyncio.timeout(min(left, 0.05) if available.is_met else left):
                    await (asyncio.sleep(left) if available.is_met else available)
            except TimeoutError:
                continue

    async def _tell_client(self, client: str, name: str, data: dict[str, Any], token: str = "") -> None:
        self._note("ClientSendPayload", {"client": client, "name": name})
        try:
            await self._mux.send_payload(name, data, token=token, client_id=client)
        except ProtocolError as err:
            self.mach.log(f"{name} for client {client}: {err}")

    def _client_left(self, client_id: str) -> None:
        if not self.mach.is_disposed:
            self._note("ClientDisconnected", {"client": client_id})


def _plain(autopsy: WorkerLostError) -> dict[str, Any]:
    fields = autopsy.fields
    return {
        "exit_code": fields["exit_code"], "exit": fields["exit"], "stderr": fields["stderr"][-10:],
        "transitions": fields["transitions"][-10:],
    }  # fmt: skip


class _Handlers:
    """What the supervisor's machine does by itself."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor

    def NormalizingPoolState(self, e: Event) -> None:
        """Brings the pool to its criteria."""
        self.supervisor.normalize()

    def PoolReadyEnter(self, e: Event) -> bool:
        """Ready means: at least `min` workers are."""
        s = self.supervisor
        return len(s.workers("ready")) >= s.options.min

    def PoolReadyExit(self, e: Event) -> bool:
        """A worker less is no matter while there are enough."""
        s = self.supervisor
        return len(s.workers("ready")) < s.options.min or not e.machine.is_("Start")

    def ProvideWorkerEnter(self, e: Event) -> bool:
        """Somebody must ask."""
        return bool(e.args.get("client"))

    def ProvideWorkerState(self, e: Event) -> None:
        """Done beside the machine."""
        args = e.args
        e.machine.remove("ProvideWorker")
        e.machine.fork(
            None, self.supervisor.provide(str(args["client"]), str(args.get("token", "")), float(args.get("wait_s", 0)))
        )
