"""A machine elsewhere, followed over a network: read and awaited here, mutated there.

Clocks are a local copy, kept up by the client; a mutation goes to the machine and gives its result once
the clocks here show it.  While the connection is gone the copy stands still (`is_stale`); what was asked
goes on once it is back, or ends with its deadline.

Changes come gathered, by the client's push interval: a state that comes and goes in between ticks by 2 and is
not seen active by `when`.  `when_time`, `when_ticks` and `when_args` miss nothing; `sync_mutations` shows all.

Knows nothing of: frames, sockets, when to connect again.
"""

from __future__ import annotations

from _thread import get_ident
from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amlab.core.machine.args import as_args
from amlab.core.machine.context import Context
from amlab.core.machine.current import current_source
from amlab.core.machine.event import Event
from amlab.core.machine.mutation import Result
from amlab.core.machine.requests import GivenArgs, GivenSource
from amlab.core.machine.schema import Schema
from amlab.core.machine.wait import Wait
from amlab.core.machine.waiting import Waitable
from amlab.core.machine.waits import Waits
from amlab.core.rpc.events import MutationNote
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.rpc.client import RpcClient
    from amlab.core.rpc.mirror import Mirror

__all__ = ["NetMachine"]

Answer = Future[Result]


class NetMachine(Waitable):
    """See `RpcClient.source`; made by it."""

    def __init__(self, client: RpcClient, schema: Schema, name: str) -> None:
        self.id = name
        """Of the machine there; empty until it is known."""
        self.schema = schema
        self.tags: tuple[str, ...] = ()
        self.parent_id = ""
        self.is_disposed = False
        self.is_stale = True
        """The copy may be old: there is no connection, or it is being caught up with."""
        self.machine_tick = 0
        self._client = client
        self._home = get_ident()
        self._clock = [0] * len(schema.names)
        self._tick = 1
        self._waits = Waits(_ignore)
        self._mirror: Mirror | None = None
        self._on_change: list[Callable[[NetMachine], object]] = []

    # ----- reading

    @property
    def active_states(self) -> tuple[str, ...]:
        """Names of the active states, by index: their order at the other end is not known here."""
        return tuple([name for name, tick in zip(self.schema.names, self._clock, strict=True) if tick & 1])

    @property
    def queue_tick(self) -> int:
        """The machine's queue tick, as far as told."""
        return self._tick

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Named lists of states."""
        return self.schema.groups

    def _ticks(self) -> Sequence[int]:
        return self._clock

    def _queue_tick(self) -> int:
        return self._tick

    def _queue_busy(self) -> bool:
        return False

    def _is_elsewhere(self) -> bool:
        return get_ident() != self._home

    def on_change(self, callback: Callable[[NetMachine], object]) -> None:
        """Calls back after every change of the copy; what it raises is an error of the client's machine."""
        self._on_change.append(callback)

    def off_change(self, callback: Callable[[NetMachine], object]) -> None:
        """Takes a callback back; unknown ones are ignored."""
        if callback in self._on_change:
            self._on_change.remove(callback)

    @property
    def mirror(self) -> Mirror:
        """It as a machine that tracers can be bound to, such as a recorder; made on first use."""
        if self._mirror is None:
            from amlab.core.rpc.mirror import Mirror

            client = self._client
            self._mirror = Mirror(self.schema, f"netmach-{client.id}", client.mach)
            self._mirror.jump(self.schema, self._clock, self._tick, self.machine_tick, self.tags)
        return self._mirror

    # ----- what the client tells

    def _opened(
        self, machine_id: str, schema: Schema, ticks: Sequence[int], queue_tick: int, about: dict[str, Any]
    ) -> None:
        self.id = str(about.get("id") or machine_id)
        self.tags = tuple(str(t) for t in about.get("tags") or ())
        self.parent_id = str(about.get("parent") or "")
        self._synced(schema, ticks, queue_tick)

    def _synced(self, schema: Schema | None, ticks: Sequence[int], queue_tick: int) -> None:
        old = self.schema.names
        if schema is not None:
            self.schema = schema
            if schema.names != old:
                self._move_waits()
        self._clock = list(ticks)
        self._tick = queue_tick
        self.is_stale = False
        if self._mirror is not None:
            self._mirror.jump(self.schema, ticks, queue_tick, self.machine_tick, self.tags)
        self._waits.look()
        self._tell()

    def _move_waits(self) -> None:
        """States have other numbers now, or are no more."""
        index = self.schema._index
        for wait, entry in list(self._waits._entries.items()):
            gone = [name for name in entry.names if name not in index]
            if gone:
                wait.end(f"machine {self.id!r} has no state {gone[0]!r} any more")
        self._waits.moved(index)

    def _changed(self, pairs: Sequence[int], queue_tick: int, note: MutationNote | None) -> None:
        clock = self._clock
        states = pairs[::2]
        for i, more in zip(states, pairs[1::2], strict=True):
            clock[i] += more
        self._tick = queue_tick
        if self._mirror is not None:
            self._mirror.follow(pairs, queue_tick, note)
        if self._waits:
            self._waits.ticked(states, (), None)
        if self._on_change:
            self._tell()

    def _tell(self) -> None:
        for callback in list(self._on_change):
            try:
                callback(self)
            except Exception as err:
                self._client.mach.add_err(err)

    def _dispose(self) -> None:
        if not self.is_disposed:
            self.is_disposed = self.is_stale = True
            self._waits.disposed()
            if self._mirror is not None:
                self._mirror.dispose()

    # ----- mutations

    def add(
        self, *states: str, args: GivenArgs = None, source: GivenSource = None, timeout_s: float | None = None
    ) -> Answer:
        """As `Machine.add`; await the answer for the result.

        Args:
            states: Called states.
            args: What handlers there get; declared types only.
            source: As `Machine.add`.
            timeout_s: How long to wait for the answer, reconnections included.

        Raises:
            ProtocolError: (when awaited) No answer in time, the arguments may not cross, or the role does not suffice.
            RemoteError: (when awaited) It raised there, such as for an unknown state.
        """
        return self._ask(Ask.ADD, states, args, source, timeout_s)

    def remove(
        self, *states: str, args: GivenArgs = None, source: GivenSource = None, timeout_s: float | None = None
    ) -> Answer:
        """As `Machine.remove`; see `add`."""
        return self._ask(Ask.REMOVE, states, args, source, timeout_s)

    def set(
        self, *states: str, args: GivenArgs = None, source: GivenSource = None, timeout_s: float | None = None
    ) -> Answer:
        """As `Machine.set`; see `add`."""
        return self._ask(Ask.SET, states, args, source, timeout_s)

    def toggle(
        self, *states: str, args: GivenArgs = None, source: GivenSource = None, timeout_s: float | None = None
    ) -> Answer:
        """As `Machine.toggle`; see `add`."""
        return self._ask(Ask.TOGGLE, states, args, source, timeout_s)

    def add_err(
        self,
        err: BaseException,
        state: str = "",
        *,
        args: Mapping[str, Any] | None = None,
        source: GivenSource = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """As `Machine.add_err`, with its chain of causes as text; `state` names an error state of its own."""
        states = (state,) if state else ()
        return self._ask(Ask.ADD_ERR, states, {**(args or {}), "err": err}, source, timeout_s)

    def can_add(self, *states: str, args: GivenArgs = None, timeout_s: float | None = None) -> Answer:
        """As `Machine.can_add`; see `add`."""
        return self._ask(Ask.CAN_ADD, states, args, None, timeout_s)

    def can_remove(self, *states: str, args: GivenArgs = None, timeout_s: float | None = None) -> Answer:
        """As `Machine.can_remove`; see `add`."""
        return self._ask(Ask.CAN_REMOVE, states, args, None, timeout_s)

    def add_soon(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> None:
        """Asks for states and does not wait for the answer; a failure is an error state of the client."""
        self.add(*states, args=args, source=source).add_done_callback(self._client.note_failure)

    def remove_soon(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> None:
        """Asks for states to go; see `add_soon`."""
        self.remove(*states, args=args, source=source).add_done_callback(self._client.note_failure)

    def _ask(
        self, ask: Ask, states: tuple[str, ...], args: GivenArgs, source: GivenSource, timeout_s: float | None
    ) -> Answer:
        if get_ident() != self._home:
            raise UsageError(
                f"the network machine {self.id!r} is used in the thread of its event loop; from here, use"
                " asyncio.run_coroutine_threadsafe",
                machine=self.id,
            )
        found = current_source() if source is None else source.as_source() if isinstance(source, Event) else source
        plain = args if args is None else as_args(args)
        return self._client.asking.mutate(ask, states, plain, found, timeout_s)

    # ----- waiting for what only the other end knows

    def when_args(self, state: str, args: Mapping[str, Any], *, context: Context | None = None) -> Wait:
        """The state is entered there with at least these arguments; gives all of them.

        Asked of the machine there: what happens before it has heard of the wait is not seen.

        Raises:
            UsageError: An unknown state.
        """
        self._check((state,))
        wanted = as_args(args) or {}
        name = f"{state} with {', '.join(f'{k}={v!r}' for k, v in wanted.items()) or 'any arguments'}"
        return self._client.asking.wait(name, WaitKind.WHEN_ARGS, (state,), args=wanted, context=context)

    def when_queue(self, result: Result, *, context: Context | None = None) -> Wait:
        """The queued mutation that `result` answered has run there.

        Raises:
            UsageError: It is no result.
        """
        if not getattr(result, "is_queued", False):
            return super().when_queue(result, context=context)
        return self._client.asking.wait(
            f"queue tick {result.tick}", WaitKind.WHEN_QUEUE, ticks=(result.tick,), context=context
        )

    def when_queue_ends(self, *, context: Context | None = None) -> Wait:
        """The queue there is empty and the machine idle."""
        return self._client.asking.wait("the end of the queue", WaitKind.WHEN_QUEUE_ENDS, context=context)

    def when_disposed(self) -> Wait:
        """The machine there was disposed, or is followed no more."""
        here = super().when_disposed()
        if not here.is_done:
            there = self._client.asking.wait("disposal", WaitKind.WHEN_DISPOSED)
            there.on_done(lambda: here.meet() if there.is_met else None)
            here.on_done(there.cancel)
        return here

    def __repr__(self) -> str:
        return f"<NetMachine {self.id!r} {self}{' stale' if self.is_stale else ''}>"


def _ignore() -> None:
    """Nobody has to know that somebody waits."""
