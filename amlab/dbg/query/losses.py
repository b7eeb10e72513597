"""What a recorded pool tells of each worker that it lost: its last transitions, its work in hand, who did it then.

A loss is an `ErrWorker` of a supervisor that names the worker.  Work in hand is the last request that the worker
took and that its client got no answer to.  Its recording may end a moment before its life did, and not hold that
request; then it is what the client's own `ErrWorker` says.

Knows nothing of: texts, verification.
"""

from __future__ import annotations

from ast import literal_eval
from dataclasses import dataclass
from itertools import takewhile

from amlab.core.node.autopsy import IN_HAND, work_words
from amlab.dbg.session.kinds import MutationKind
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx

__all__ = ["Loss", "losses_of"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker that was lost.

    Attributes:
        worker: Its id.
        noticed: Its supervisor's `ErrWorker`.
        machine: Its recording; None where there is none.
        request: Its `WorkRequested` that was never answered; None for an idle one, or where it is not recorded.
        work: Its work in hand, as text; empty for none, or where nobody says.
        told: How the client that waited for it heard of it, its `ErrWorker`.
        again: The `WorkRequested` of the worker that had the same to do next, for the same client.
        answer: What that client got for it then.
        replacement: The `ForkWorker` of the supervisor that came next, before another worker was lost.
    """

    worker: str
    noticed: Tx
    machine: MachineRecord | None = None
    request: Tx | None = None
    work: str = ""
    told: Tx | None = None
    again: Tx | None = None
    answer: Tx | None = None
    replacement: Tx | None = None

    @property
    def client(self) -> str:
        """Whose worker it was; empty where it was nobody's, or that is not recorded."""
        if self.request is not None:
            return client_of(self.request)
        return "" if self.told is None else self.told.machine.id

    def last(self, limit: int = 8) -> list[Tx]:
        """The last transitions that were recorded of it, at most `limit`; queued mutations are left out."""
        if self.machine is None:
            return []
        return [self.machine[int(i)] for i in self.machine.executed[-limit:]]


def client_of(request: Tx) -> str:
    """Who asked with this token, `CLIENT:NUMBER`."""
    return request.args.get("token", "").rpartition(":")[0]


def losses_of(session: Session) -> list[Loss]:
    """All workers that supervisors lost, in the order of the story."""
    story = session.transitions
    noticed = [
        tx
        for m in session.machines.values()
        if "supervisor" in m.tags
        for tx in _executed(m, "ErrWorker")
        if "worker" in tx.args
    ]
    requests = [tx for m in session.machines.values() if "worker" in m.tags for tx in _executed(m, "WorkRequested")]
    answers = {
        (m.id, tx.args["token"]): tx
        for m in session.machines.values()
        if "client" in m.tags
        for tx in _executed(m, "ServerPayload")
        if tx.args.get("name") == "work" and "token" in tx.args
    }
    told = [tx for m in session.machines.values() if "client" in m.tags for tx in _executed(m, "ErrWorker")]
    return [_loss(session, tx, requests, answers, told) for tx in sorted(noticed, key=story.position)]


def _executed(m: MachineRecord, state: str) -> list[Tx]:
    return [tx for tx in (m[int(i)] for i in m.executed) if _enters(tx, state)]


def _enters(tx: Tx, state: str) -> bool:
    return tx.accepted and state in tx.called and tx.kind != MutationKind.REMOVE


def _loss(
    session: Session, noticed: Tx, requests: list[Tx], answers: dict[tuple[str, str], Tx], told: list[Tx]
) -> Loss:
    position = session.transitions.position
    worker = noticed.args["worker"]
    request = _in_hand([tx for tx in requests if tx.machine.id == worker], answers)
    heard = min((tx for tx in told if tx.args.get("worker") == worker), key=position, default=None)
    work = request.args.get("args", "") if request is not None else _told_work(heard)
    again = answer = None
    since = request or heard
    if work and since is not None:
        client = since.machine.id if request is None else client_of(request)
        same = [
            tx
            for tx in requests
            if tx.machine.id != worker
            and client_of(tx) == client
            and work in {tx.args.get("args"), _plain(tx.args.get("args", ""))}
            and position(tx) > position(since)
        ]
        again = min(same, key=position, default=None)
        if again is not None:
            answer = answers.get((client, again.args.get("token", "")))
    later = [tx for tx in noticed.machine[noticed.index + 1 :] if not tx.is_queued]
    rest = takewhile(lambda tx: not _enters(tx, "ErrWorker"), later)
    fork = next((tx for tx in rest if _enters(tx, "ForkWorker")), None)
    machine = session.machines.find(worker)
    return Loss(worker, noticed, machine, request, work, heard, again, answer, fork)


def _in_hand(requests: list[Tx], answers: dict[tuple[str, str], Tx]) -> Tx | None:
    last = max(requests, key=lambda tx: tx.index, default=None)
    if last is None or (client_of(last), last.args.get("token", "")) in answers:
        return None
    return last


def _told_work(heard: Tx | None) -> str:
    """The work in hand, as the client's `ErrWorker` has it: `input=3, slow_s=0.1`."""
    if heard is None:
        return ""
    return heard.args.get("work") or heard.args.get("err", "").partition("\n")[0].partition(IN_HAND)[2]


def _plain(args: str) -> str:
    """The arguments of a request in the words of an autopsy."""
    try:
        found = literal_eval(args)
    except (ValueError, SyntaxError):  # cut, or no plain data
        return ""
    return work_words(found) if isinstance(found, dict) else ""
