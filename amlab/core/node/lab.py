"""A place for actors inside of a notebook or a shell: an event loop of its own, in a thread of its own.

    lab = Lab()
    supervisor = lab.run(start_pool())      blocks until it is done, gives what it gives
    await lab.wait(client.work(input=2))    the same without blocking the notebook's own loop
    lab.close()

Actors go on while no cell runs, and while one blocks.  Machines made by `run` live in the lab's thread;
reading them from a cell is fine, and mutations made from one are queued to it.

Knows nothing of: pools.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from amlab.errors import UsageError

__all__ = ["Lab"]

T = TypeVar("T")


class Lab:
    """An event loop in a background thread; ends with the process, or when closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.errors: list[BaseException] = []
        """What tasks of the lab failed with, that nobody awaited."""
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
        """Runs a coroutine in the lab and waits for it.

        Raises:
            UsageError: Called in the lab itself, where it would wait for itself, or the lab is closed.
            TimeoutError: It took too long; it is cancelled.
            Exception: What the coroutine raised.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            raise UsageError("a lab that is closed, or its own thread, cannot wait for it; await it instead")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

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

    def close(self, timeout_s: float = 10.0) -> None:
        """Cancels what still runs and ends the thread."""
        if not self._thread.is_alive():
            return
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
