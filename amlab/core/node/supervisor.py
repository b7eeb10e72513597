"""The supervisor: keeps a pool of workers as its options say, and gives them to clients.

    fork        a bootstrap machine waits for the new worker's call; then the worker is followed
    ready       as many as `min` are: PoolReady; one is idle: WorkersAvailable
    lost        its process ended, or it does not answer: ErrWorker with the autopsy, and a new one is forked
    spare       idle beyond what is wanted: ended at the next heartbeat
    give        a client asks (ProvideWorker); see `giving`

All of it is states of `mach`, which clients and other supervisors see; others may kill a worker by
`KillWorker`, clients may only ask (see `giving`).  Workers that do not come up many
times in a row are an ErrPool; the next heartbeat tries again.

Knows nothing of: what workers do.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import WorkerLostError, lost
from amlab.core.node.blackbox import LastSeen
from amlab.core.node.bootstrap import Bootstrap
from amlab.core.node.giving import Giving
from amlab.core.node.health import Health
from amlab.core.node.keys import WorkerKeys
from amlab.core.node.launchers import ExecLauncher, Launcher
from amlab.core.node.options import PoolOptions
from amlab.core.node.policy import Facts, choose_spare, count_forks, count_wanted
from amlab.core.node.pooled import Pooled
from amlab.core.node.reach import Reach
from amlab.core.node.supervisor_handlers import SupervisorHandlers
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.mux import RpcMux
from amlab.core.rpc.network import Network, beside, loopback
from amlab.core.states.node import SupervisorStates
from amlab.errors import AmlabError, ProtocolError, UsageError, near
from amlab.tracing import trace_all, untrace

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer
    from amlab.core.node.process import Process
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["Supervisor"]

FOLLOW = Backoff(first_s=0.02, max_s=0.2, total_s=2.0)
FOR_CLIENTS = frozenset({"ErrOnClient", "Healthcheck", "ListWorkers", "ProvideWorker", "WorkerIssues"})
"""What clients may call; other supervisors may call all."""
NOTHING_SEEN = LastSeen([])
FOLLOW_WORKER = Selection(push_interval_s=0.02)


class Supervisor:
    """A pool of workers of one kind.

    Args:
        launcher: How to start a worker, or its command as a list.
        id: Of the supervisor's machine.
        address: Where clients connect; see `amlab.core.rpc.network`.  Workers listen for them beside it: on the
            same host, in the same folder, in the same memory.
        local_address: Where other supervisors connect; without, as `address`, but on loopback only.
        secret: The pool's, which clients prove; random without.
        local_secret: What other supervisors prove at the local address; random without.
        options: Criteria and times.
        network: Of all ports of the pool, such as a `TlsNetwork`; by the addresses without.
        tracers: Of its machine.
    """

    def __init__(
        self,
        launcher: Launcher | Sequence[str],
        *,
        id: str = "supervisor",  # noqa: A002 - as `Machine`
        address: str = "127.0.0.1:0",
        local_address: str = "",
        secret: bytes | None = None,
        local_secret: bytes | None = None,
        options: PoolOptions = PoolOptions(),  # noqa: B008 - immutable
        network: Network | None = None,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.launcher: Launcher = ExecLauncher(launcher) if isinstance(launcher, Sequence) else launcher
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self.local_secret = secrets.token_bytes(32) if local_secret is None else local_secret
        self.options = options
        self.mach = Machine(SupervisorStates, id, tags=("supervisor",), tracers=tracers)
        self.mach.bind_handlers(SupervisorHandlers(self))
        own = set(self.mach.schema.names) - FOR_CLIENTS
        self._mux = RpcMux(
            self.mach, id=f"{id}-public", address=address, secret=self.secret, parent=self.mach, admin_states=own,
            client_arg="client", network=network,
        )  # fmt: skip
        self._mux.on_joined = lambda client: self._note("ClientConnected", {"client": client})
        self._mux.on_left = lambda client: self._note("ClientDisconnected", {"client": client})
        self._network = network
        self._local = RpcMux(
            self.mach, id=f"{id}-local", address=local_address or beside(loopback(address), "local"),
            secret=self.local_secret, parent=self.mach, network=network,
        )  # fmt: skip
        self._local.on_joined = lambda other: self._note("SuperConnected", {"supervisor": other})
        self._local.on_left = lambda other: self._note("SuperDisconnected", {"supervisor": other})
        self.giving, self.health = Giving(self), Health(self)
        self._pool: dict[str, Pooled] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        """What ends connections; it is waited for, not cancelled."""
        self._is_stopping = False
        self._traced: list[Any] = []
        self._failed_forks = 0
        self.autopsies: list[WorkerLostError] = []
        """Of every worker that was lost."""

    # ----- life

    @property
    def address(self) -> str:
        """Where clients connect."""
        return self._mux.address

    async def start(self, timeout_s: float | None = None) -> str:
        """Opens both ports and forks the first workers; gives the address once the pool is ready.

        Raises:
            OSError: A port is taken.
            WorkerLostError: Workers do not come up; the last autopsy.
            TimeoutError: It was not ready in time.
        """
        self._traced += trace_all(self.mach, self._mux.mach, self._local.mach)
        await self._mux.start()
        await self._local.start()
        self.mach.add("Start")
        self.mach.add("PublicRpcReady", "LocalRpcReady")
        self.spawn(self.health.run())
        settled = asyncio.Event()
        for state in ("PoolReady", "ErrPool"):
            self.mach.when(state).on_done(settled.set)
        async with asyncio.timeout(timeout_s):
            await settled.wait()
        if not self.mach.is_("PoolReady"):
            last = self.autopsies[-1]
            text = f"the pool gave up, {self._failed_forks} workers in a row did not come up; the last:\n{last}"
            raise WorkerLostError(text, **last.fields)
        self.mach.add("Ready")
        return self.address

    @property
    def local_address(self) -> str:
        """Where other supervisors connect."""
        return self._local.address

    async def stop(self) -> None:
        """Ends all workers, at most after `stop_s`, and closes the ports."""
        if self._is_stopping:
            return
        self._is_stopping = True
        pooled = list(self._pool.values())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*[self._end(w) for w in pooled])
        if self._tasks or self._endings:
            await asyncio.wait({*self._tasks, *self._endings})
        await asyncio.gather(self._mux.stop(), self._local.stop())
        await self.launcher.stop()
        self.mach.dispose()
        await untrace(*self._traced)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def _note(self, state: str, args: dict[str, Any]) -> None:
        """An event: a multi state that comes and goes, since what it adds and removes is meant once."""
        if not self.mach.is_disposed:
            self.mach.add(state, args=args)
            self.mach.remove(state)

    def spawn(self, work: Coroutine[Any, Any, None], *, into: set[asyncio.Task[None]] | None = None) -> None:
        """Runs something beside the machine, until the supervisor stops at most."""
        tasks = self._tasks if into is None else into
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    # ----- the pool

    def set_pool(self, **criteria: Any) -> None:
        """Changes criteria (`min`, `max`, `warm`, ...) of a running pool; spare workers are ended.

        Raises:
            UsageError: They contradict each other.
        """
        from dataclasses import replace

        self.options = replace(self.options, **criteria)
        self._tell_ready()
        self.retire_spare()
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
            raise UsageError(f"no workers are {state!r}{near(state, tests)}", state=state)
        return [w.id for w in self._pool.values() if tests[state](w.facts)]

    @property
    def is_whole(self) -> bool:
        """Whether as many workers are ready as the criteria want now."""
        facts = self.facts()
        ready = sum(1 for worker in facts if worker.is_ready and not worker.is_killed)
        return ready >= count_wanted(facts, self.options)

    async def when_whole(self) -> None:
        """Waits until it is."""
        while not self.is_whole:
            changed = self.mach.when_time({"NormalizingPool": self.mach.tick("NormalizingPool") + 1})
            ready = self.mach.when_next_active("WorkerReady")
            event = asyncio.Event()
            for wait in (changed, ready):
                wait.on_done(event.set)
            await event.wait()
            changed.cancel()
            ready.cancel()

    def facts(self) -> list[Facts]:
        """What is known of each worker."""
        return [w.facts for w in self._pool.values()]

    def pooled(self, worker_id: str) -> Pooled | None:
        """A worker that is in the pool."""
        return self._pool.get(worker_id)

    def is_held(self, worker_id: str, client: str) -> bool:
        """Whether a worker is this client's, or was its and nobody else's since."""
        pooled = self._pool.get(worker_id)
        return pooled is not None and bool(client) and client == (pooled.facts.client or pooled.holder)

    def source_of(self, worker_id: str) -> NetMachine | None:
        """The machine of a worker, to be read and awaited."""
        found = self._pool.get(worker_id)
        return None if found is None or found.client is None else found.client.source

    def process_of(self, worker_id: str) -> Process | None:
        """The process of a worker."""
        found = self._pool.get(worker_id)
        return None if found is None else found.process

    def normalize(self) -> None:
        """Forks as many as are missing."""
        for _ in range(count_forks(self.facts(), self.options)):
            pooled = Pooled(f"worker-{next(self._numbers)}-{os.urandom(2).hex()}", WorkerKeys.new(self.secret))
            self._pool[pooled.id] = pooled
            self._note("SetWorker", {"worker": pooled.id})
            self._note("ForkWorker", {"worker": pooled.id})
            self.spawn(self._bring_up(pooled))
        self.mach.add("PoolNormalized")

    def retire_spare(self) -> None:
        """Ends workers beyond those wanted."""
        for facts in choose_spare(self.facts(), self.options):
            pooled = self._pool[facts.id]
            facts.is_killed = pooled.is_retired = True
            self._note("KillingWorker", {"worker": facts.id, "why": "it is not wanted any more"})
            self.spawn(self._end(pooled))
        self.tell_available()

    async def _bring_up(self, pooled: Pooled) -> None:
        reach = Reach.near(pooled.id, self.address, self.local_address, self._network)
        bootstrap = Bootstrap(
            pooled.id, pooled.keys.own, self.mach, address=beside(loopback(self.local_address), f"{pooled.id}-first"),
            network=self._network,
        )  # fmt: skip
        try:
            address = await bootstrap.start()
            self._note("ForkingWorker", {"worker": pooled.id})
            pooled.process = self.launcher.launch(pooled.id, address, pooled.keys.to_bytes(), reach)
            pooled.process.on_exit(reach.forget)
            pooled.process.on_exit(lambda: self._ended(pooled))
            pooled.process.on_exit(bootstrap.give_up)
            async with asyncio.timeout(self.options.connect_s):
                local, public = await bootstrap.called()
                self._note("WorkerConnected", {"worker": pooled.id})
                await self._follow(pooled, local, public)
        except (AmlabError, OSError, TimeoutError) as err:
            self._not_up(pooled, err)
        finally:
            await bootstrap.stop()

    async def _follow(self, pooled: Pooled, local: str, public: str) -> None:
        pooled.local, pooled.public = local, public
        pooled.client = RpcClient(
            local, id=f"{self.mach.id}-{pooled.id}", secret=pooled.keys.own, expect_id=pooled.id, parent=self.mach,
            backoff=FOLLOW, selection=FOLLOW_WORKER, network=self._network,
        )  # fmt: skip
        source = await pooled.client.start()
        pooled.is_up = True
        pooled.client.on_given_up = partial(self._silent, pooled)
        source.on_change(lambda nm: self._changed(pooled, nm))
        self._note("WorkerForked", {"worker": pooled.id})
        self._failed_forks = 0
        if self.mach.is_("ErrPool"):
            self.mach.remove("Exception", "ErrPool")
        self._changed(pooled, source)

    def _not_up(self, pooled: Pooled, err: Exception) -> None:
        """A worker did not come up; its process, if it runs, is ended."""
        if pooled.is_gone or self._is_stopping:
            return
        process = pooled.process
        if process is not None and process.exit_code is None:
            process.stderr.append(f"it was ended: {str(err) or f'it did not call in {self.options.connect_s:g} s'}")
            process.kill()
            return  # `_ended` tells the rest
        if process is None:
            self._gone(pooled, lost(pooled.id, None, [str(err)]))

    def _changed(self, pooled: Pooled, source: NetMachine) -> None:
        facts = pooled.facts
        active = source.active_states
        text = " ".join(active)
        if not pooled.history or pooled.history[-1] != text:
            pooled.history.append(text)
        was_ready, was_idle = facts.is_ready, facts.is_idle
        facts.is_ready, facts.is_idle = "Ready" in active, "Idle" in active
        if pooled.is_given and "ServeClient" not in active:
            facts.client, pooled.is_given = "", False
        self.health.note_failures(pooled, source)
        if facts.is_idle and not was_idle:
            facts.idle_since = asyncio.get_running_loop().time()
        if facts.is_ready and not was_ready:
            self._note("WorkerReady", {"worker": pooled.id})
        if facts.is_ready != was_ready:
            self._tell_ready()
        self.tell_available()

    def _tell_ready(self) -> None:
        """Sets `PoolReady` and `Ready` as it is."""
        mach = self.mach
        if mach.is_disposed or not mach.is_("Start"):
            return
        is_ready = len(self.workers("ready")) >= self.options.min
        if is_ready:
            if not mach.is_("PoolReady"):
                mach.add("PoolReady")  # called, so that it may end PoolStarting
            if not mach.is_("Ready"):
                mach.add("Ready")
        elif mach.is_("PoolReady"):
            mach.remove("PoolReady")

    def tell_available(self) -> None:
        """Sets `WorkersAvailable` as it is."""
        if self.mach.is_disposed:
            return
        has_idle = bool(self.workers("idle"))
        if has_idle and not self.mach.is_("WorkersAvailable"):
            self.mach.add("WorkersAvailable")
        elif not has_idle and self.mach.is_("WorkersAvailable"):
            self.mach.remove("WorkersAvailable")

    # ----- losing workers

    def _silent(self, pooled: Pooled) -> None:
        """It is not on the line any more; whatever still runs of it is ended."""
        if not pooled.is_gone and pooled.process is not None:
            pooled.process.kill()

    def _ended(self, pooled: Pooled) -> None:
        process = pooled.process
        assert process is not None
        if self._is_stopping or pooled.is_gone:
            return
        last = process.last or NOTHING_SEEN
        told = lost(
            pooled.id, process.exit_code, list(process.stderr), last.work, last.transitions, list(pooled.history)
        )
        self._gone(pooled, told)

    def _gone(self, pooled: Pooled, autopsy: WorkerLostError) -> None:
        pooled.is_gone = True
        self._pool.pop(pooled.id, None)
        if pooled.client is not None:
            self.spawn(pooled.client.stop(), into=self._endings)
        if self.mach.is_disposed:
            return
        self._note("SetWorker", {"worker": pooled.id, "is_gone": True})
        if pooled.facts.is_ready:
            self._note("WorkerGone", {"worker": pooled.id})
        if pooled.is_retired:
            self._note("WorkerKilled", {"worker": pooled.id})
            return
        self.autopsies.append(autopsy)
        client = pooled.facts.client
        if not pooled.is_up:
            self._failed_forks += 1
        self.mach.add_err_state("ErrWorker", autopsy, args=autopsy.as_args())
        self.mach.remove("Exception", "ErrWorker")
        self.tell_available()
        if client:
            self.spawn(self.tell_client(client, "worker-lost", {"worker": pooled.id, **_plain(autopsy)}))
        if self._failed_forks <= self.options.err_kill * max(self.options.min + self.options.warm, 1):
            self.check_pool()
        else:
            self.mach.add_err_state("ErrPool", autopsy)

    async def check_health(self, worker_id: str) -> bool:
        """Whether a worker answers; one that does not, or has failed too often, is killed."""
        return await self.health.check(worker_id)

    def kill(self, worker_id: str, why: str = "") -> None:
        """Kills a worker; the pool replaces it.

        Args:
            worker_id: Which.
            why: Stands in its autopsy.

        Raises:
            UsageError: There is no such worker.
        """
        pooled = self._pool.get(worker_id)
        if pooled is None or pooled.process is None:
            raise UsageError(f"no worker {worker_id!r}{near(worker_id, self._pool)}", worker=worker_id)
        self._note("KillWorker", {"worker": worker_id, "why": why})

    def kill_now(self, worker_id: str, why: str = "") -> None:
        """What `KillWorker` does."""
        pooled = self._pool.get(worker_id)
        if pooled is None or pooled.process is None or pooled.facts.is_killed:
            return
        pooled.facts.is_killed = True
        self._note("KillingWorker", {"worker": worker_id, "why": why})
        if why:
            pooled.process.stderr.append(f"it was killed: {why}")
        pooled.process.on_exit(lambda: self._note("WorkerKilled", {"worker": worker_id}))
        pooled.process.kill()

    async def _end(self, pooled: Pooled) -> None:
        process = pooled.process
        if process is not None and process.exit_code is None:
            process.terminate()
            await asyncio.wait([process.ended], timeout=self.options.stop_s)
            if process.exit_code is None:
                process.kill()
                await process.ended
        if pooled.client is not None:
            await pooled.client.stop()

    # ----- clients

    async def tell_client(self, client: str, name: str, data: dict[str, Any], token: str = "") -> None:
        """Sends a payload to a client, if it is there."""
        self._note("ClientSendPayload", {"client": client, "name": name})
        try:
            await self._mux.send_payload(name, data, token=token, client_id=client)
        except ProtocolError as err:
            self.mach.log(f"{name} for client {client}: {err}")


def _plain(autopsy: WorkerLostError) -> dict[str, Any]:
    fields = autopsy.fields
    return {
        "exit_code": fields["exit_code"], "exit": fields["exit"], "stderr": fields["stderr"][-10:],
        "transitions": fields["transitions"][-10:], "states": fields["states"][-10:],
    }  # fmt: skip
