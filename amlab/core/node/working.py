"""What a worker works on: one request of its client, from `WorkRequested` to the delivery of what came of it.

    WorkRequested   a task is made; while work is quick, the answer to the client waits for what follows at once
    Working         the task has added it, and works; it is cancelled when the state ends
    WorkReady       the work is done, what came of it is on its way (`ClientSendPayload`)
    Idle            it has arrived

Where the machine does not let `Working` in at once, as one that is paused, the work begins with the state; where
it never does, the client hears why.  Who adds the state without a request has the last one worked on again.  A
newer request takes the place of one that is not done; whatever that still does is nobody's.

Knows nothing of: ports, supervisors, who the client is.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from amlab.core.machine.current import FORKED, running_loop
from amlab.core.node.expecting import INPUT
from amlab.core.rpc.failure import describe
from amlab.errors import ProtocolError, UsageError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.rpc.payloads import PayloadHead
    from amlab.core.rpc.server import RpcServer

__all__ = ["Working"]

NO_INPUT: tuple[str, Mapping[str, Any]] = "", {}
QUICK_S = 0.001
"""Work that took no longer is answered along with its request."""


class Working:
    """See the module.

    Args:
        mach: The worker's machine.
        work: Does it: given the arguments, gives what is delivered, or something to be awaited for it.

    Attributes:
        public: Where the client is served; None before that.
        joins: How often a client has come; a result that was on its way to one that was cut off is sent again.
        request: What `WorkRequested` came with last.
        token: Of the request that is, or was, worked on last.
    """

    def __init__(self, mach: Machine, work: Callable[[Mapping[str, Any]], Any]) -> None:
        self.public: RpcServer | None = None
        self.joins = 0
        self.request: Mapping[str, Any] = {}
        self.token = ""
        self._mach = mach
        self._work = work
        self._input = NO_INPUT
        self._is_quick = False
        self._asks = 0
        """How often work was asked for: the number of the newest request."""
        self._is_entering = False
        """A task adds `Working`."""
        self._next: asyncio.Task[None] | None = None
        """The one that was made last."""
        self._task: asyncio.Task[None] | None = None
        """The one that works, while its state lasts."""
        self._runs = self._wanted = 0
        """How often work was begun, and the number of the one whose result is wanted; 0 for none."""

    # ----- what is asked

    def take_input(self, head: PayloadHead, data: Any) -> None:
        """The content of a large request, which follows; one at a time."""
        if head.name == INPUT and isinstance(data, dict):
            self._input = head.token, data

    def forget_input(self) -> None:
        """Its client has left."""
        self._input = NO_INPUT

    def ask(self, args: Mapping[str, Any]) -> None:
        """Has a request worked on: `WorkRequested` has come, or was called again before its work had begun."""
        self._asks += 1
        self._wanted = 0
        if not self._take(args):
            self._mach.fork(None, self._refuse(str(args.get("token", "")), self._asks))
            return
        if self._is_quick and self.public is not None:
            self.public.hold()
        self._next = self._mach.fork(None, self._begin(self._asks))

    def _take(self, args: Mapping[str, Any]) -> bool:
        """Notes a request; false when its content is not there."""
        if INPUT not in args:
            self.request = args
            return True
        there, data = self._input
        token = str(args.get("token", ""))
        if there != token:
            return False
        self._input = NO_INPUT
        self.request = {**data, "token": token}
        return True

    async def _refuse(self, token: str, number: int) -> None:
        """Answers a request whose content is not there."""
        text = f"the content of request {token!r} is not here: it comes first, as a payload {INPUT!r} with its token"
        await self._turn_down(UsageError(text, token=token), token, number)

    async def _turn_down(self, why: UsageError, token: str, number: int) -> None:
        """Answers a request that is not worked on."""
        if number == self._asks:  # else the states are those of a newer one
            self._mach.remove("WorkRequested", "Working")  # first: the next one may follow the answer at once
        await self._deliver({"error": describe(why)}, token)

    # ----- the work

    async def _begin(self, number: int) -> None:
        """Goes on to `Working`, unless the request was withdrawn meanwhile."""
        mach, task = self._mach, self._next
        if number != self._asks or not mach.is_("WorkRequested"):
            return
        self._task, self._is_entering = task, True
        try:
            result = mach.add("Working")
        finally:
            self._is_entering = False
        if result.is_canceled and not mach.is_disposed:
            self._task = None
            token = str(self.request.get("token", ""))
            await self._turn_down(UsageError(f"the worker does not begin: {result.why}", token=token), token, number)
        elif result.is_executed and self._task is task:  # else it waits, or has ended already
            await self._do(self.request)

    def enter(self, event: Event) -> None:
        """`Working` has come: has the work done while it lasts, unless the task that added it does that."""
        if self._is_entering:
            self._is_entering = False
            FORKED.set(event)  # what the task does from now on is done because of this
        else:
            self._task = self._mach.fork(None, self._do(self.request))

    def leave(self) -> None:
        """`Working` has ended, and with it the work; a task that ends its own state may finish."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            loop = running_loop()
            if loop is None or asyncio.current_task(loop) is not task:
                self._wanted = 0
                task.cancel()

    async def _do(self, request: Mapping[str, Any]) -> None:
        """Works on one request and delivers what came of it."""
        mach, began = self._mach, perf_counter()
        token = self.token = str(request.get("token", ""))
        self._runs += 1
        run = self._wanted = self._runs
        answer: dict[str, Any] = {}
        error: Exception | None = None
        try:
            jobs = request.get("jobs")
            if jobs is None:
                answer = {"result": await self._one(request.get("args") or {})}
            else:
                answer = {"results": [await self._guarded(job) for job in jobs]}
        except asyncio.CancelledError as err:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = RuntimeError("the work awaited something that was cancelled")  # nobody has cancelled the work
            error.__cause__ = err
        except Exception as err:
            error = err
        if run != self._wanted:  # it went on although it was cancelled; there may be other work by now
            return
        if error is not None:
            answer = {"error": describe(error)}
            mach.add_err_state("ErrWork", error, args={"token": token})
            mach.remove("Exception", "ErrWork")
        self._is_quick = perf_counter() - began < QUICK_S
        self._task = None  # what is left of it is no work, and may outlast the state
        mach.add("WorkReady", "ClientSendPayload", args={"token": token})
        await self._deliver(answer, token)

    async def _one(self, args: Mapping[str, Any]) -> Any:
        made: Any = self._work(args)  # a plain method will do, too
        return await made if type(made) is CoroutineType or inspect.isawaitable(made) else made

    async def _guarded(self, args: Mapping[str, Any]) -> list[Any]:
        try:
            return [True, await self._one(args)]
        except Exception as err:
            return [False, describe(err)]

    # ----- what came of it

    async def _deliver(self, answer: dict[str, Any], token: str) -> None:
        """Hands it to the client; what goes in one piece is on its way when this returns."""
        public, joins = self.public, self.joins
        if public is None:
            return
        try:
            arrived = public.post_payload("work", answer, token=token)
            if arrived is None:
                await public.send_payload("work", answer, token=token)
        except (ProtocolError, UsageError) as err:
            await self._not_delivered(err, answer, token, joins)
            return
        if arrived is None:
            self._is_done(token)
            return
        arrived.add_done_callback(partial(self._on_arrived, token, answer, joins))
        asyncio.get_running_loop().call_soon(self._on_sent)

    def _on_sent(self) -> None:
        """What came of the work is on its way; while the client reads it, there is time for this."""
        is_sending = self.public is not None and self.public.is_sending
        if not is_sending and not self._mach.is_disposed:
            self._mach.remove("ClientSendPayload")

    def _on_arrived(self, token: str, answer: dict[str, Any], joins: int, arrived: asyncio.Future[None]) -> None:
        err = None if arrived.cancelled() else arrived.exception()
        if err is None:
            self._is_done(token)
        elif not self._mach.is_disposed:
            self._mach.fork(None, self._not_delivered(err, answer, token, joins))

    def _is_done(self, token: str) -> None:
        """Nothing is left to do for the client, unless it has asked for more meanwhile."""
        mach = self._mach
        if self.token == token and not mach.is_disposed and mach.any_("WorkReady", "ClientSendPayload"):
            mach.remove("WorkReady", "ClientSendPayload")  # Idle follows

    async def _not_delivered(self, err: BaseException, answer: dict[str, Any], token: str, joins: int) -> None:
        mach = self._mach
        if mach.is_disposed:
            return
        mach.add_err_state("ErrClient", err, args={"token": token})
        mach.remove("Exception", "ErrClient")
        if await self._has_returned(joins):
            if self.token == token:
                await self._deliver(answer, token)
        elif mach.is_("ClientConnected") and "error" not in answer:  # it may not cross: that much may
            await self._deliver({"error": describe(err)}, token)
        else:
            self._is_done(token)

    async def _has_returned(self, joins: int) -> bool:
        """Whether a client that was cut off is there again; it has as long as it is expected."""
        mach = self._mach
        if not mach.is_("ClientConnected") and mach.is_("ServeClient"):
            event = asyncio.Event()
            waits = (mach.when("ClientConnected"), mach.when_not("ServeClient"))
            for wait in waits:
                wait.on_done(event.set)
            await event.wait()
            for wait in waits:
                wait.cancel()
        return self.joins != joins and mach.is_("ClientConnected")
