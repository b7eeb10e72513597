"""A client's line to its supervisors: one at a time, the next of the list when it is lost.

What is asked is a mutation there; its answer comes as a payload.  A line that was given up is made anew by
the next request.

Knows nothing of: workers, work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from amlab.core.machine.pipes import pipe, pipe_connected
from amlab.core.node.expecting import Answer, Expecting
from amlab.core.node.lending import NoWorkerError
from amlab.errors import LocalProtocolError, ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.rpc.client import RpcClient
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["SuperLink", "seen"]

NOTHING: Mapping[str, Any] = {}
ANSWER_S = 5.0
"""How long a supervisor may take to answer, beyond what it was asked to wait."""


class SuperLink:
    """See the module.

    Args:
        mach: The client's machine, which shows how the line is.
        make: Makes the connection, to all addresses.
        expecting: Where answers come.
        on_failed: Called with what is wrong when no supervisor can be reached.

    Attributes:
        client: The connection.
    """

    def __init__(
        self,
        mach: Machine,
        make: Callable[[], RpcClient],
        expecting: Expecting,
        on_failed: Callable[[Exception], object],
    ) -> None:
        self._mach = mach
        self._make = make
        self._expecting = expecting
        self._on_failed = on_failed
        self._requests = 0
        self._is_stopping = False
        self._returning = asyncio.Lock()
        self.client = self._open()

    @property
    def source(self) -> NetMachine:
        """The supervisor's machine."""
        return self.client.source

    @property
    def is_ready(self) -> bool:
        """Whether a supervisor is on the line."""
        return self.client.mach.is_("Ready")

    def _open(self) -> RpcClient:
        made = self._make()
        pipe_connected(made.mach, self._mach, "Super")
        pipe(made.mach, "Ready", self._mach, "SuperReady")
        return made

    async def start(self) -> None:
        """Connects to a supervisor.

        Raises:
            ProtocolError: None can be reached, or the secret is wrong.
        """
        try:
            await self.client.start()
        except ProtocolError as err:
            self._on_failed(err)
            raise
        self.client.on_given_up = self._given_up

    async def _start_again(self) -> None:
        """After all supervisors were lost; of those who ask at once one tries, for all."""
        lost = self.client
        async with self._returning:
            if self.client is lost:
                await lost.stop()
                self.client = self._open()
                await self.start()
            elif self.source.is_disposed:
                raise self._lost()

    def _lost(self) -> LocalProtocolError:
        return LocalProtocolError(f"client {self._mach.id!r} lost its supervisors: {', '.join(self.client.addresses)}")

    def _given_up(self) -> None:
        if not self._is_stopping:
            self._on_failed(self._lost())

    def hang_up(self) -> None:
        """It will not be opened again."""
        self._is_stopping = True

    async def stop(self) -> None:
        """Says goodbye."""
        self.hang_up()
        await self.client.stop()

    async def request(self, state: str, wait_s: float, args: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
        """Asks the supervisor, and waits for its payload.

        Args:
            state: What is asked for.
            wait_s: How long the supervisor may wait before it answers.
            args: More of it.

        Raises:
            NoWorkerError: It refused, or did not answer in time.
            ProtocolError: It cannot be reached.
        """
        if self.source.is_disposed and not self._is_stopping:
            await self._start_again()
        name = self._mach.id
        token, answer = self._expecting.open()
        self._requests += 1
        if state == "ProvideWorker":
            self._mach.add("WorkerRequested")
        try:
            async with asyncio.timeout(wait_s + ANSWER_S):
                while not answer.done():  # a supervisor that was gone in between may not have told
                    line = await self._ask(state, {"client": name, "token": token, **args}, wait_s)
                    await self._answered_or_cut(answer, line)
                return await answer
        except TimeoutError:
            raise NoWorkerError(f"no answer to client {name!r} in {wait_s + ANSWER_S:g} s", client=name) from None
        finally:
            self._expecting.close(token)
            self._requests -= 1
            if not self._requests and not self._mach.is_disposed:
                self._mach.remove("WorkerRequested")

    async def _answered_or_cut(self, answer: Answer, line: int) -> None:
        event, cut = asyncio.Event(), self.client.mach.when_time({"Ready": line + 1})
        cut.on_done(event.set)
        answer.add_done_callback(lambda _: event.set())
        try:
            await event.wait()
        finally:
            cut.cancel()

    async def _ask(self, state: str, args: dict[str, Any], wait_s: float) -> int:
        """Asks; gives the tick of `Ready` while it was asked, or once it could be: past it, the line was cut."""
        loop, source, name = asyncio.get_running_loop(), self.source, self._mach.id
        until = loop.time() + wait_s
        while True:
            left = max(until - loop.time(), 0.0)
            line = self.client.mach.tick("Ready") | 1
            result = await source.add(state, args={**args, "wait_s": left}, timeout_s=left + ANSWER_S)
            if not result.is_canceled:
                return line
            available = source.when("WorkersAvailable")
            if not left or available.ended:
                raise NoWorkerError(f"no worker for client {name!r}: {result.why}", client=name)
            try:
                async with asyncio.timeout(left):
                    await available
            except TimeoutError:
                continue

    def complain(self, worker_id: str, err: BaseException) -> None:
        """Tells the supervisor of trouble with a worker, where it can be told."""
        if self.is_ready:
            args = {"client": self._mach.id, "worker": worker_id, "text": str(err)[:500]}
            self.source.add("WorkerIssues", args=args).add_done_callback(seen)


def seen(asked: asyncio.Future[Any]) -> None:
    """Of a request: nobody has to know how it ended."""
    if not asked.cancelled():
        asked.exception()
