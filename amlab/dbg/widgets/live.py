"""A desk over a session that grows, and views that show it while it does.

    desk = attach(supervisor)
    desk.debugger()                     follows what happens, in this cell, while other cells run
    desk.session                        a frozen session of all so far
    desk.save("run.msgpack.br")
    desk.close()

A thread polls while some view is open, and pushes new records to pages, so a cell that blocks the kernel blocks no
view.  A page that missed some asks for them.  What a page asks for is only heard when the kernel is free, so one that
has not been heard yet is told everything, a few times, further and further apart.

Closing the last view lets go of everything, unless the desk is kept.

Knows nothing of: where records come from.
"""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary, finalize, ref

from amlab.dbg.live.session import LiveSession
from amlab.dbg.live.sources import RecorderSource
from amlab.dbg.live.steering import state_of, steer
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.widgets.desk import Desk
from amlab.dbg.widgets.details import BLOCK, Details
from amlab.dbg.widgets.view import View
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.dbg.session.builder import MachineInfo

__all__ = ["POLL_S", "LiveDesk"]

POLL_S = 0.1
FIRST_PAUSE_S, MAX_PAUSE_S = 0.3, 20.0
"""Between two times that a page which was not heard is told everything."""
SHARE = 0.2
"""Of the time that polling may take."""


class LiveDesk(Desk):
    """The shared cursor over a session that grows.

    Args:
        live: What grows; closed with the desk.
        keep: Go on recording when the last view is closed; `close` ends it.
        poll_s: Seconds between looks at the source, while a view is open.
    """

    def __init__(self, live: LiveSession, *, keep: bool = False, poll_s: float = POLL_S) -> None:
        self.live, self.keep, self.poll_s = live, keep, poll_s
        self._wake = threading.Event()
        self._poller: threading.Thread | None = None
        self._is_closed = False
        self._sent = 0
        self._was_live = True
        self._steered: tuple[str, Any] = ("", None)
        self._unheard: WeakKeyDictionary[View, tuple[float, float]] = WeakKeyDictionary()
        self._told: dict[int, MachineInfo] = {}
        super().__init__(live.frozen())
        self._details = _LiveDetails(live)
        finalize(self, live.close)

    # What there is.

    @property
    def session(self) -> Session:
        """All so far, frozen."""
        self.poll()
        return self.live.frozen()

    @session.setter
    def session(self, session: Session) -> None:
        """It is what the source tells."""

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return not self._is_closed and not self.live.is_over

    @property
    def env(self) -> dict[str, str]:
        """Environment that makes other processes record to here; empty where nothing is collected."""
        source = self.live.source
        return source.env if isinstance(source, RecorderSource) else {}

    def record(self, *things: Any) -> Self:
        """Records machines, or what has one (`.mach`), and those that are made with them as parent.

        Raises:
            UsageError: The desk watches a file or another process; or something is no machine.
        """
        source = self.live.source
        if not isinstance(source, RecorderSource):
            raise UsageError("this desk watches what others record; `attach()` makes one that records")
        source.attach(*[machine_of(thing) for thing in things])
        return self

    def save(self, path: str | Path) -> None:
        """Writes all so far.

        Raises:
            UsageError: No format has that ending, or the file cannot be written.
        """
        if str(path).endswith(".msgpack.br"):
            try:
                if self.live.source.save(path):
                    return
            except OSError as err:
                raise UsageError(f"Cannot write {str(path)!r}: {err.strerror or err}", path=str(path)) from err
        self.session.save(path)

    # Views.

    def view(self, name: str, **options: Any) -> View:
        """A view on it by name, such as `timeline`; takes what all views take (see `Factories`).

        Raises:
            UsageError: No such view, option or filter, or nothing is at `at`.
        """
        return self._make(name, **options)

    def control(self, **options: Any) -> View:
        """Pausing and stepping machines of this process."""
        return self._make("control", **options)

    def attach(self, view: View) -> None:
        """A view more: looks at the source from now on."""
        super().attach(view)
        with self._lock:
            self._unheard[view] = (monotonic() + FIRST_PAUSE_S, FIRST_PAUSE_S)
            if self._poller is None and not self._is_closed:
                self._wake = threading.Event()
                self._poller = threading.Thread(
                    target=_poll, args=(ref(self), self._wake, self.poll_s), name="amlab-live", daemon=True
                )
                self._poller.start()

    def detach(self, view: View) -> None:
        """A view less; with the last one all is let go of, unless the desk is kept."""
        super().detach(view)
        if not self.views:
            self._rest()
            if not self.keep:
                self.close()

    def _rest(self) -> None:
        with self._lock:
            thread, self._poller = self._poller, None
            self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def close(self) -> None:
        """Ends thread, recording and connections; what was recorded stays to be looked at."""
        if self._is_closed:
            return
        self._is_closed = True
        self._rest()
        self.live.close()
        self._push()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<LiveDesk {self.live!r}, {len(self.views)} views>"

    # Growing.

    def poll(self) -> int:
        """Takes what has come; gives how many records.  A source that fails shows in `error`, once."""
        if self._is_closed:
            return 0
        try:
            return self.live.poll()
        except Exception as err:
            self.live.close()
            self.fail(err, "Reading the recording")
            return 0

    def tick(self) -> None:
        """One round: takes what has come and tells pages."""
        self.poll()
        self._push()

    def _push(self) -> None:
        is_live = self.is_live
        with self._lock:
            first = self._sent
            if len(self.live) > first or self.live.has_news(self._told):
                packet, self._sent = self.live.news(first, self._told)
                self.send("records", {"first": first, "is_live": is_live, "is_more": True}, [packet])
            self._tell_unheard(is_live)
        if is_live != self._was_live:
            self._was_live = is_live
            self.send("live", {"is_live": is_live})
        key, told = self._steered
        if key:
            now = self._control_state(key)
            if now != told:
                self._steered = (key, now)
                self.send("control", now)

    def _tell_unheard(self, is_live: bool) -> None:
        """Everything, to views whose pages have not been heard: they may not have listened when it was pushed."""
        now = monotonic()
        for view, (due, pause_s) in list(self._unheard.items()):
            if now >= due:
                self._unheard[view] = (now + pause_s, 2 * pause_s)
                view.send({"amlab": "records", "what": {"first": 0, "is_live": is_live}}, [self._whole(0)])
                if pause_s > MAX_PAUSE_S:
                    del self._unheard[view]

    def _whole(self, first: int) -> bytes:
        return self.live.news(first, stop=self._sent)[0]

    def packet(self, first: int) -> bytes:
        """Records from a position on, for a page."""
        return self.live.packet(first)

    def answer_to(self, view: View, kind: str, what: dict[str, Any]) -> tuple[str, Any, list[bytes] | None] | None:
        """Records are sent between two pushes, so that a page has what came before the next one.

        Otherwise it would have to ask again, which takes until the kernel is free.
        """
        if kind != "records":
            return self.answer(kind, what)
        with self._lock:
            self._unheard.pop(view, None)
            self._push()
            told, about, packets = self.answer_records(what)
            view.send({"amlab": told, "what": about}, packets)
        return None

    def answer_records(self, what: dict[str, Any]) -> tuple[str, Any, list[bytes]]:
        """Records from `first` on, as far as pages were told."""
        first = min(max(0, int(what.get("first", 0))), self._sent)
        return "records", {"first": first, "is_live": self.is_live}, [self._whole(first)]

    def answer_details(self, what: dict[str, Any]) -> tuple[str, Any, None]:
        """A block of details of one machine, as far as it has come."""
        machine = self.live.frozen().machines[what["machine"]]
        records = self._details.block(machine, int(what["block"]))
        return "details", {"number": what["number"], "block": what["block"], "records": records}, None

    # Steering.

    def answer_control(self, what: dict[str, Any]) -> tuple[str, Any, None]:
        """Pauses, steps and resumes a machine of this process, and tells what waits there; see `steer`."""
        key = str(what.get("machine", ""))
        machine = self._find(key)
        wrong = ""
        if machine is not None:
            try:
                steer(machine, what)
            except UsageError as err:
                wrong = err.message
        told = self._control_state(key)
        self._steered = (key, told)
        return "control", {**told, "error": wrong} if wrong else told, None

    def _find(self, key: str) -> Machine | None:
        source = self.live.source
        found = next((m for m in self.live.machines if m.key == key), None)
        if not isinstance(source, RecorderSource) or (found is not None and found.info.id != key):
            return None  # of machines with one id, only the first goes by it
        return source.find(key)

    def _control_state(self, key: str) -> dict[str, Any]:
        machine = self._find(key)
        if machine is not None:
            return {"machine": key, **state_of(machine)}
        known = any(m.key == key for m in self.live.machines)
        if not known:
            why = "Choose a machine." if not key else f"{key} has not been recorded yet."
        elif self._is_closed:
            why = "This recording is over."
        else:
            why = f"{key} runs in another process, or is gone; only machines of this kernel can be paused from here."
        return {
            "machine": key,
            "can": False,
            "why": why,
            "is_paused": False,
            "waiting": 0,
            "queue": [],
            "breakpoints": [],
        }


class _LiveDetails(Details):
    """Details of a session that grows: what refused is told record by record, not by deriving all."""

    def __init__(self, live: LiveSession) -> None:
        super().__init__()
        self._live = live

    def block(self, machine: MachineRecord, number: int) -> list[dict[str, Any]]:
        """Details of a block, as far as the machine has come."""
        start = max(0, number) * BLOCK
        return [
            self.of(tx, "" if tx.accepted or tx.is_queued else self._live.why(machine.key, tx.index))
            for tx in machine[start : start + BLOCK]
        ]


def machine_of(thing: Any) -> Machine:
    """A machine, or that of a supervisor, worker or client.

    Raises:
        UsageError: It is, and has, none.
    """
    from amlab.core.machine.machine import Machine

    found = thing if isinstance(thing, Machine) else getattr(thing, "mach", None)
    if not isinstance(found, Machine):
        raise UsageError(f"{thing!r} is no machine and has none", value=thing)
    return found


def _poll(desk_of: ref[LiveDesk], wake: threading.Event, poll_s: float) -> None:
    """Polls until it is woken; a desk that nobody knows any more ends it too.

    Where much happens it looks less often, so that watching takes a bounded share of the interpreter.
    """
    wait_s = poll_s
    while not wake.wait(wait_s):
        desk = desk_of()
        if desk is None:
            return
        began = thread_time()
        try:
            desk.tick()
        except Exception as err:
            desk.fail(err, "Following the recording")
        del desk
        wait_s = max(poll_s, (thread_time() - began) * (1 / SHARE - 1))
