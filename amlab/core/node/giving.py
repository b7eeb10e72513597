"""What clients ask of a supervisor: a worker, a list of them, a look at one that gives trouble.

    ProvideWorker    an idle worker lets the client in, then the client is told its address; none: it waits
    ListWorkers      ids, as a payload
    WorkerIssues     counts as an error of that worker, which is checked at once; only who holds it may complain

Knows nothing of: how workers come and go.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from amlab.core.node.policy import Facts, choose_idle, why_not
from amlab.errors import ProtocolError, UsageError

if TYPE_CHECKING:
    from amlab.core.node.supervisor import Supervisor

__all__ = ["Giving"]

SERVE_S = 2.0
"""How long a worker may take to let a client in."""
LOOK_S = 0.05
"""Between looks, while workers are idle but none is for this client."""


class Giving:
    """Serves the clients of a supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._super = supervisor

    async def provide(self, client: str, token: str, wait_s: float) -> None:
        """Gives a worker to a client, or tells it why not."""
        loop, s = asyncio.get_running_loop(), self._super
        until = loop.time() + wait_s
        while True:
            facts = choose_idle(s.facts(), client, s.options)
            if facts is not None:
                if await self._give(facts, client, token):
                    return
                continue
            left = until - loop.time()
            if left <= 0:
                reason = why_not(s.facts(), client, s.options)
                await s.tell_client(client, "no-worker", {"reason": reason}, token)
                return
            available = s.mach.when("WorkersAvailable")
            if available.is_met:  # but not for this client
                await asyncio.sleep(min(left, LOOK_S))
                continue
            try:
                async with asyncio.timeout(left):
                    await available
            except TimeoutError:
                continue

    async def _give(self, facts: Facts, client: str, token: str) -> bool:
        s = self._super
        pooled = s.pooled(facts.id)
        if pooled is None or pooled.client is None:
            return False
        facts.client, pooled.is_given = client, False
        s.tell_available()
        try:
            result = await pooled.client.source.add("ServeClient", args={"client": client}, timeout_s=SERVE_S)
        except ProtocolError as err:
            facts.client = ""
            facts.is_idle = False  # until it says so itself
            s.health.note_error(pooled, f"it did not let client {client!r} in: {err}")
            return False
        if result.is_canceled:
            facts.client, facts.is_idle = "", False
            return False
        pooled.holder, pooled.is_given = client, True
        s.check_pool()  # there should be idle ones beyond it
        await s.tell_client(client, "worker", {"worker": facts.id, "address": pooled.public}, token)
        return True

    async def list_workers(self, client: str, token: str, state: str) -> None:
        """Tells a client which workers there are."""
        answer: dict[str, Any]
        try:
            answer = {"workers": self._super.workers(state)}
        except UsageError as err:
            answer = {"reason": str(err)}
        await self._super.tell_client(client, "workers", answer, token)
