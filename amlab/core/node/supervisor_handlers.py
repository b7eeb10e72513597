"""What a supervisor's machine does by itself.

Knows nothing of: how the supervisor does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.node.supervisor import Supervisor

__all__ = ["SupervisorHandlers"]


class SupervisorHandlers:
    """See the module."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor

    def NormalizingPoolState(self, e: Event) -> None:
        """Brings the pool to its criteria."""
        self.supervisor.normalize()

    def KillWorkerState(self, e: Event) -> None:
        """Asked for here, or by another supervisor."""
        self.supervisor.kill_now(str(e.args.get("worker", "")), str(e.args.get("why", ""))[:200])

    def HealthcheckState(self, e: Event) -> None:
        """Answers by having run."""
        e.machine.remove("Healthcheck")

    def PoolReadyEnter(self, e: Event) -> bool:
        """Ready means: at least `min` workers are."""
        s = self.supervisor
        return len(s.workers("ready")) >= s.options.min

    def PoolReadyExit(self, e: Event) -> bool:
        """A worker less is no matter while there are enough."""
        s = self.supervisor
        return len(s.workers("ready")) < s.options.min or not e.machine.is_("Start")

    def ProvideWorkerEnter(self, e: Event) -> bool:
        """Somebody must ask; it is the public port that says who does."""
        return bool(e.args.get("client"))

    def ProvideWorkerState(self, e: Event) -> None:
        """Done beside the machine."""
        args, giving = e.args, self.supervisor.giving
        e.machine.remove("ProvideWorker")
        wait_s = float(args.get("wait_s", 0))
        e.machine.fork(None, giving.provide(str(args["client"]), str(args.get("token", "")), wait_s))

    def ListWorkersEnter(self, e: Event) -> bool:
        """Somebody must ask; it is the public port that says who does."""
        return bool(e.args.get("client"))

    def ListWorkersState(self, e: Event) -> None:
        """Answers with a payload."""
        args, giving = e.args, self.supervisor.giving
        e.machine.remove("ListWorkers")
        answer = giving.list_workers(str(args["client"]), str(args.get("token", "")), str(args.get("state", "")))
        e.machine.fork(None, answer)

    def WorkerIssuesEnter(self, e: Event) -> bool:
        """Only who has the worker may complain of it, or who had it last."""
        args = e.args
        return self.supervisor.is_held(str(args.get("worker", "")), str(args.get("client", "")))

    def WorkerIssuesState(self, e: Event) -> None:
        """Looks at the worker."""
        args = e.args
        e.machine.remove("WorkerIssues")
        pooled = self.supervisor.pooled(str(args.get("worker", "")))
        if pooled is not None:
            self.supervisor.health.note_error(pooled, f"client {args.get('client')}: {args.get('text')}")
