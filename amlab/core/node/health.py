"""Whether workers are well: heartbeats, healthchecks, and errors that are counted.

    heartbeat     all workers are checked, asked to look after themselves, and the pool is brought to its criteria
    check         a worker that does not answer is killed, and one that has failed too often
    errors        what its client complains of, work that failed (`ErrWork`), a client that it did not let in

A worker whose work fails too often may have been asked for what cannot be done, by a client that goes on asking:
it is killed once it serves nobody, so that no work is lost by it.  One that its client complains of, or that
does not answer, is killed at once.

Knows nothing of: how workers are started and replaced.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amlab.core.node.policy import must_die
from amlab.errors import ProtocolError

if TYPE_CHECKING:
    from amlab.core.node.pooled import Pooled
    from amlab.core.node.supervisor import Supervisor
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["Health"]


class Health:
    """Looks after the workers of a supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._super = supervisor

    async def run(self) -> None:
        """A heartbeat now and then, until it is canceled."""
        s = self._super
        while True:
            await asyncio.sleep(s.options.heartbeat_s)
            s.mach.add("Heartbeat")
            await asyncio.gather(*[self.check(w) for w in s.workers()])
            for worker in s.workers("ready"):
                source = s.source_of(worker)
                if source is not None:
                    source.add_soon("Heartbeat")  # it rotates its logs, among others
            s.mach.remove("Heartbeat")
            s.retire_spare()
            s.check_pool()

    def note_error(self, pooled: Pooled, text: str) -> None:
        """Counts an error of a worker, and looks at it."""
        if self._count(pooled, text):
            self._super.spawn(self._look(pooled))

    def note_failures(self, pooled: Pooled, source: NetMachine) -> None:
        """Counts work that failed since the last look."""
        tick = source.tick("ErrWork")
        failed, pooled.err_tick = (tick + 1) // 2 - (pooled.err_tick + 1) // 2, tick
        for _ in range(failed):
            self._count(pooled, "its work failed")
        facts = pooled.facts
        if failed or facts.is_spent:
            facts.is_spent = self._is_due(pooled)
            if facts.is_spent and not facts.client:
                self._super.spawn(self._look(pooled))

    def _count(self, pooled: Pooled, text: str) -> bool:
        if pooled.facts.is_killed:
            return False
        self._super.mach.log(f"worker {pooled.id}: {text}")
        pooled.facts.errors.append(asyncio.get_running_loop().time())
        return True

    def _is_due(self, pooled: Pooled) -> bool:
        return must_die(pooled.facts, self._super.options, asyncio.get_running_loop().time())

    async def _look(self, pooled: Pooled) -> None:
        await self.check(pooled.id)

    async def check(self, worker_id: str) -> bool:
        """Whether a worker answers; one that does not, or has failed too often, is killed."""
        s = self._super
        pooled, options = s.pooled(worker_id), s.options
        if pooled is None or pooled.client is None or not pooled.facts.is_ready or pooled.facts.is_killed:
            return False
        if self._is_due(pooled) and not (pooled.facts.is_spent and pooled.facts.client):
            why = f"more than {options.err_kill} errors in {options.err_recent_s:g} s"
        else:
            why = f"no answer to {options.health_tries} healthchecks"
            for _ in range(options.health_tries):
                try:
                    await pooled.client.source.add("Healthcheck", timeout_s=options.health_delay_s)
                except ProtocolError:
                    continue
                return True
        if pooled.process is not None and not pooled.is_gone and not pooled.facts.is_killed:
            s.kill(worker_id, why)
        return False
