"""A machine elsewhere, followed over a network: read and awaited here, mutated there.

Clocks are a local copy, kept up by the client; a mutation goes to the machine and gives its result once
the clocks here show it.  While the connection is gone the copy stands still (`is_stale`); what was asked
goes on once it is back, or ends with its deadline.

Knows nothing of: frames, sockets, when to connect again.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident
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
from amlab.core.rpc.messages import Ask
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.rpc.client import RpcClient

__all__ = ["NetMachine"]

Answer = asyncio.Future[Result]


class NetMachine(Waitable):
    """See `RpcClient.source`; made by it."""

    def __init__(self, client: RpcClient, schema: Schema) -> None:
        self.id = ""
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
        self._tick = 0
        self._waits = Waits(_ignore)
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

    def _ticks(self) -> Sequence[int]:
        return self._clock

    def _queue_tick(self) -> int:
        return self._tick

    def _queue_busy(self) -> bool:
        return False

    def _is_elsewhere(self) -> bool:
        return get_ident() != self._home

    def on_change(self, callback: Callable[[NetMachine], object]) -> None:
        """Calls back after every change of the copy."""
        self._on_change.append(callback)

    # ----- what the client tells

    def _opened(
        self, machine_id: str, schema: Schema, ticks: Sequence[int], queue_tick: int, about: dict[str, Any]
    ) -> None:
        self.id = machine_id
        self.tags = tuple(str(t) for t in about.get("tags") or ())
        self.parent_id = str(about.get("parent") or "")
        self._synced(schema, ticks, queue_tick)

    def _synced(self, schema: Schema | None, ticks: Sequence[int], queue_tick: int) -> None:
        if (schema is not None and schema.names != self.schema.names) or (
            schema is not None and not self.schema.states
        ):
            self.schema = schema
        self._clock = list(ticks)
        self._tick = queue_tick
        self.is_stale = False
        self._waits.look()
        self._waits.came_to(queue_tick)
        self._tell()

    def _changed(self, pairs: Sequence[int], queue_tick: int) -> None:
        clock = self._clock
        states = pairs[::2]
        for i, more in zip(states, pairs[1::2], strict=True):
            clock[i] += more
        self._tick = queue_tick
        if self._waits:
            self._waits.ticked(states, (), None)
            self._waits.came_to(queue_tick)
        if self._on_change:
            self._tell()

    def _tell(self) -> None:
        for callback in self._on_change:
            callback(self)

    def _dispose(self) -> None:
        self.is_disposed = self.is_stale = True
        self._waits.disposed()

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
        timeout_s: float | None = None,
    ) -> Answer:
        """As `Machine.add_err`, with its chain of causes as text; `state` names an error state of its own."""
        states = (state,) if state else ()
        return self._ask(Ask.ADD_ERR, states, {**(args or {}), "err": err}, None, timeout_s)

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
        return self._client.ask(ask, states, as_args(args), found, timeout_s)

    # ----- waiting for what only the other end knows

    def when_args(self, state: str, args: Mapping[str, Any], *, context: Context | None = None) -> Wait:
        """The state is entered there with at least these arguments; gives all of them.

        Raises:
            UsageError: An unknown state.
        """
        self._check((state,))
        return self._client.await_args(state, dict(args), context)

    def when_queue(self, result: Result, *, context: Context | None = None) -> Wait:
        """The queued mutation that `result` answered has run there."""
        if not result.is_queued or self._tick > result.tick:
            result = Result(0)
        return super().when_queue(result, context=context)

    def __repr__(self) -> str:
        return f"<NetMachine {self.id!r} {self}{' stale' if self.is_stale else ''}>"


def _ignore() -> None:
    """Nobody has to know that somebody waits."""
