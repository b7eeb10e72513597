"""What a worker did last, in memory that outlives it: told even by one that was killed.

Parent and worker share a small piece of memory, which the parent makes and hands over as a descriptor.  The
worker's machine writes each transition into it, as it ends, and each piece of work, as it comes; nothing is
sent and nobody is waited for.  When the worker has ended the parent reads what stands there.

    row     count, queue tick, place, flags, text, count again: a row that was cut off by the end has two counts
    work    count, length, [token, arguments in short], count again

Knows nothing of: processes, supervisors.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from mmap import mmap
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from amlab.core.machine.tracer import Tracer
from amlab.core.machine.transition import transition_id
from amlab.core.node.autopsy import shorten

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Source
    from amlab.core.machine.plan import Config, Plan
    from amlab.core.machine.transition import Transition

__all__ = ["BOX_VAR", "BlackBox", "LastSeen", "make_box", "open_box", "read_box"]

BOX_VAR = "AMLAB_WORKER_BOX"
"""The number of its descriptor, in a worker's environment."""
MAGIC = b"amlab black box\n"
SIZE = 8192
HEAD, WORK, ROWS = Struct("<16s64s"), 128, 1024
"""The header, and where work and rows begin."""
ROW = Struct("<QQBB174sQ")
COUNT = 32
"""Rows that are kept."""
MAX_TEXT = 174
MAX_WORK = 800
WORK_ROW = Struct(f"<QH{MAX_WORK}sQ")
MAX_KNOWN = 2000
BUSY, CANCELED, ASKED = 1, 2, 4
BUSY_STATES = frozenset({"ClientSendPayload", "WorkReady", "WorkRequested", "Working"})
KINDS = ("add", "remove", "set", "auto", "auto")
"""By the number of a plan's kind."""
PACK = msgpack.Packer().pack
Known = tuple[bytes, int]


class LastSeen(NamedTuple):
    """What a box tells."""

    transitions: list[str]
    """Each with id, what was called and what came and went, oldest first."""
    token: str = ""
    """Of the work in hand; empty for none."""
    work: Mapping[str, Any] = {}
    """Its arguments, shortened."""


class BlackBox(Tracer):
    """Writes what a worker's machine does.

    Args:
        machine: The machine; bind the box to it.
        memory: Of `open_box`.
        request: Gives the request that the worker works on, after it was called for it.
    """

    def __init__(self, machine: Machine, memory: mmap | bytearray, request: Callable[[], Mapping[str, Any]]) -> None:
        self._machine = machine
        self._request = request
        self._memory = memory
        self._count = self._works = 0
        self._known: dict[Plan, Known] = {}
        """Of plans that went the short way, along with the auto mutation after them."""
        self._single: dict[Plan, Known] = {}
        HEAD.pack_into(memory, 0, MAGIC, machine.seed.encode()[:64])

    def sink(self, machine: Machine) -> Callable[[Plan, Event | Source | None], object] | None:
        """See `Tracer.sink`."""
        return self._take

    def _take(self, plan: Plan, source: Event | Source | None) -> None:
        found = self._known.get(plan)
        if found is None:
            found = _learn(self._known, plan, plan.quick_next)
        self._count = count = self._count + 1
        at = ROWS + count % COUNT * ROW.size
        ROW.pack_into(self._memory, at, count, self._machine._queue.tick, 0, found[1], found[0], count)

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer.transition_end`."""
        mutation, plan = tx.mutation, tx.plan
        if mutation.is_check or (mutation.is_auto and not tx.is_changed):
            return
        if not tx.is_accepted:
            text, flags = _describe(tx.first_plan, plan.before)
            flags |= CANCELED
        elif plan is tx.first_plan:
            text, flags = self._single.get(plan) or _learn(self._single, plan, plan.next)
            if flags & ASKED and mutation.args:
                self._take_work(str(mutation.args.get("token", "")))
        else:
            text, flags = _describe(tx.first_plan, plan.next)
        self._count = count = self._count + 1
        at = ROWS + count % COUNT * ROW.size
        ROW.pack_into(self._memory, at, count, tx.tick, min(tx.place, 255), flags, text, count)

    def _take_work(self, token: str) -> None:
        request = self._request()
        jobs, work = request.get("jobs"), request.get("args")
        if request.get("token", "") != token:
            work = {}  # its content has not come
        elif jobs is not None:
            work = {"jobs": len(jobs)}
        elif not isinstance(work, dict):
            work = {} if work is None else {"args": work}
        data = PACK((token[:200], shorten(work)))
        if len(data) > MAX_WORK:
            data = PACK((token[:200], {"arguments": len(work)}))
        self._works = count = self._works + 1
        WORK_ROW.pack_into(self._memory, WORK, count, len(data), data, count)


def _learn(known: dict[Plan, Known], plan: Plan, after: Config) -> Known:
    if len(known) >= MAX_KNOWN:
        known.clear()
    found = known[plan] = _describe(plan, after)
    return found


def _describe(plan: Plan, after: Config) -> Known:
    names, before = after.automaton.relations.names, plan.before.mask
    words = [KINDS[plan.kind], *plan.names]
    text = " ".join(words) + ":"
    for sign, states in (("+", after.mask & ~before), ("-", before & ~after.mask)):
        text += "".join([f" {sign}{name}" for i, name in enumerate(names) if states >> i & 1])
    flags = (0 if BUSY_STATES.isdisjoint(after.names) else BUSY) | (ASKED if "WorkRequested" in plan.names else 0)
    return text.removesuffix(":").encode()[:MAX_TEXT], flags if plan.is_accepted else flags | CANCELED


def make_box() -> int:
    """A new one, as a descriptor that is to be closed; not inherited unless asked for.

    Raises:
        OSError: There is no memory for it.
    """
    create: Callable[[str], int] | None = getattr(os, "memfd_create", None)
    if create is not None:
        fd = create("amlab-worker")
    else:
        import tempfile  # here, for it brings much along

        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        os.write(fd, MAGIC)
        os.ftruncate(fd, SIZE)
    except OSError:
        os.close(fd)
        raise
    return fd


def open_box() -> mmap | None:
    """The one that the environment names, for the worker; None where it names none that is one."""
    number = os.environ.pop(BOX_VAR, "")
    if not number.isdecimal():
        return None
    fd = int(number)
    with contextlib.suppress(OSError, ValueError):
        if os.pread(fd, len(MAGIC), 0) == MAGIC and os.fstat(fd).st_size == SIZE:
            memory = mmap(fd, SIZE)
            os.close(fd)
            return memory
    return None


def read_box(fd: int) -> LastSeen:
    """What stands in a box, of a worker that has ended; nothing where it never wrote.

    Raises:
        OSError: It cannot be read.
    """
    memory = os.pread(fd, SIZE, 0)
    seed = HEAD.unpack_from(memory)[1].rstrip(b"\0").decode("utf-8", "replace")
    rows = [ROW.unpack_from(memory, ROWS + n * ROW.size) for n in range(COUNT)]
    whole = sorted((row for row in rows if row[0] and row[0] == row[5]), key=lambda row: row[0])
    told = [_row_words(seed, *row[1:5]) for row in whole]
    if not whole or not whole[-1][3] & BUSY:
        return LastSeen(told)
    return LastSeen(told, *_read_work(memory))


def _row_words(seed: str, tick: int, place: int, flags: int, text: bytes) -> str:
    words = text.rstrip(b"\0").decode("utf-8", "replace")
    return f"{transition_id(seed, tick, place)} {words}{' (canceled)' if flags & CANCELED else ''}"


def _read_work(memory: bytes) -> tuple[str, Mapping[str, Any]]:
    count, length, data, again = WORK_ROW.unpack_from(memory, WORK)
    if not count or count != again:
        return "", {}
    try:
        token, work = msgpack.unpackb(data[:length])
    except (TypeError, ValueError, msgpack.UnpackException):  # a worker may write there what it likes
        return "", {}
    return (str(token), work) if isinstance(work, dict) else ("", {})
