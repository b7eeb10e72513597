"""A place for actors inside of a notebook or a shell: an event loop of its own, in a thread of its own.

    lab = Lab()
    supervisor = lab.run(start_pool())      blocks until it is done, gives what it gives
    await lab.wait(client.work(input=2))    the same without blocking the notebook's own loop
    pool = lab.start(Supervisor, command)   made and started in the lab, stopped when the lab is closed
    lab.close()

Actors go on while no cell runs, and while one blocks.  Machines made by `run` live in the lab's thread;
reading them from a cell is fine, and mutations made from one are queued to it.  Interrupting a cell ends what the
cell waits for, and nothing else; what tasks fail with that nobody awaits is kept in `errors`.

Knows nothing of: pools.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from inspect import CORO_CREATED, getcoroutinestate
from math import inf
from time import monotonic
from typing import Any, Self, TypeVar

from amlab.errors import UsageError

__all__ = ["Lab"]

T = TypeVar("T")
LOOK_S = 0.2
"""How long a wait goes on without a look at signals: one that comes just as it begins is not seen by it."""
END_S = 2.0
"""How long a cancelled coroutine may take to end."""


class Lab:
    """An event loop in a background thread; ends with the process, or when closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors: list[BaseException] = []
        """What tasks of the lab failed with, that nobody awaited."""
        self._running: list[Any] = []
        self._on_start: list[Callable[[Any], object]] = []
        self._thread = threading.Thread(target=self._run, name="amlab-lab", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._note)
        self.loop.run_forever()
        self.loop.close()

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or RuntimeError(str(context.get("message"))))

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = 60.0) -> T:
        """Runs a coroutine in the lab and waits for it; one that is cancelled has ended when this returns.

        Raises:
            UsageError: Called in the lab itself, where it would wait for itself, or the lab is closed.
            TimeoutError: It took too long; it is cancelled.
            Exception: What the coroutine raised.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            raise UsageError("a lab that is closed, or its own thread, cannot wait for it; await it instead")
        over, is_given_up = threading.Event(), threading.Event()
        tasks: list[asyncio.Task[Any] | None] = []

        async def guarded() -> T:
            try:
                if is_given_up.is_set():
                    work.close()
                    raise asyncio.CancelledError
                tasks.append(asyncio.current_task())
                return await work
            finally:
                over.set()

        def give_up() -> None:
            is_given_up.set()
            for task in tasks:
                if task is not None:
                    task.cancel()
            self.loop.call_soon(drop)  # after what was to begin with it, if anything was

        def drop() -> None:
            if getcoroutinestate(guard) == CORO_CREATED:
                guard.close()
                work.close()
                over.set()

        guard = guarded()
        try:
            return _wait(asyncio.run_coroutine_threadsafe(guard, self.loop), timeout_s)
        except (TimeoutError, KeyboardInterrupt):  # an interrupt may come before there is anything to wait for
            self.loop.call_soon_threadsafe(give_up)
            over.wait(END_S)
            raise

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine in the lab without waiting for it; `.result(timeout)` of what this gives does.

        Raises:
            UsageError: The lab is closed.
        """
        if not self._thread.is_alive():
            work.close()
            raise UsageError("a lab that is closed runs nothing")
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Runs a coroutine in the lab; to be awaited from another loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def call(self, function: Callable[[], T], timeout_s: float | None = 60.0) -> T:
        """Calls a function in the lab's thread, the home of its machines.

        Raises:
            UsageError: As `run`.
            Exception: What the function raised.
        """

        async def calling() -> T:
            return function()

        return self.run(calling(), timeout_s)

    def start(self, make: Callable[..., T], *args: Any, timeout_s: float | None = 60.0, **kwargs: Any) -> T:
        """Makes something in the lab, starts it where it has a `start`, and stops it when the lab is closed.

        `make` is called with the arguments in the lab's thread, which is home to the machines that it makes; what it
        gives may be a supervisor, a worker, a client, a machine.  One that does not start is stopped.

        Raises:
            UsageError: As `run`.
            TimeoutError: It took too long.
            Exception: What making or starting it raised.
        """

        async def starting() -> T:
            made = make(*args, **kwargs)
            self._running.append(made)
            for call in list(self._on_start):
                call(made)
            try:
                start = getattr(made, "start", None)
                if start is not None:
                    await start()
            except BaseException:
                await self._stop(made)
                raise
            return made

        return self.run(starting(), timeout_s)

    def stop(self, made: Any, timeout_s: float | None = 60.0) -> None:
        """Stops what `start` made; does nothing where it was stopped.

        Raises:
            UsageError: As `run`.
            TimeoutError: It took too long.
        """
        self.run(self._stop(made), timeout_s)

    async def _stop(self, made: Any) -> None:
        left = [one for one in self._running if one is not made]
        if len(left) == len(self._running):
            return
        self._running = left
        stop = getattr(made, "stop", None)
        if stop is not None:
            await stop()
        elif hasattr(made, "dispose"):
            made.dispose()

    @property
    def running(self) -> tuple[Any, ...]:
        """What `start` made and is not stopped, in order."""
        return tuple(self._running)

    def on_start(self, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Calls back in the lab's thread with what `start` has made, before it starts it; gives what ends that."""
        self._on_start.append(callback)

        def end() -> None:
            if callback in self._on_start:
                self._on_start.remove(callback)

        return end

    async def _stop_all(self) -> None:
        for made in reversed(self._running):
            try:
                await self._stop(made)
            except Exception as err:
                self.errors.append(err)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stops what was started, the last first, cancels what still runs, and ends the thread.

        What cannot be stopped in time is cancelled; why it could not is in `errors`.
        """
        if not self._thread.is_alive():
            return
        if self._running:
            try:
                self.run(self._stop_all(), timeout_s)
            except TimeoutError as err:
                self.errors.append(err)
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self.loop).result(timeout_s)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s)

    async def _cancel_all(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _wait(future: Future[T], timeout_s: float | None) -> T:
    """The result of a future, as `Future.result`, with an interrupt at any moment."""
    until = inf if timeout_s is None else monotonic() + timeout_s
    while True:
        left_s = until - monotonic()
        try:
            return future.result(max(min(left_s, LOOK_S), 0.0))
        except TimeoutError:
            if future.done():  # just now; or the coroutine has raised it
                return future.result()
            if left_s <= LOOK_S:
                raise
