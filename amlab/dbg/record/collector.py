"""Gathers what other processes record into one file.

A process that records to a collector sends the same stream that it would write to a file, after proving
a shared secret.  The collector unpacks it, checks that it is whole items, and hands them on as a stream
of their own, so that nothing has to be renumbered.  It tells each peer what the disk has of it, and to begin anew
where the recording goes on in another file.  One thread serves all; a peer that is slow, lies or
vanishes costs itself only: what had come of it stays.

Knows nothing of: what items mean, but their types.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection
from itertools import count
from typing import TYPE_CHECKING, Self

from amlab.dbg.record.outside import Sent
from amlab.dbg.record.peer import CUT, TAKEN, Peer

if TYPE_CHECKING:
    from amlab.dbg.record.recorder import Recorder

__all__ = ["Collector"]

ROOM_S = 0.05
CUT_S = 5.0
"""How long a peer may take to begin anew where its file has ended."""
_CHUNK = 1 << 16
_log = logging.getLogger("amlab.record")


class Collector:
    """Takes recordings of other processes, on loopback.

    Args:
        recorder: What writes them, along with its own machines.
        secret: What peers must prove; random without.
        address: `host:port`, port 0 for a free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, recorder: Recorder, *, secret: bytes | None = None, address: str = "127.0.0.1:0") -> None:
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self._recorder = recorder
        self._streams = count(1)
        self._selector = selectors.DefaultSelector()
        host, _, port = address.rpartition(":")
        self._server = socket.create_server((host, int(port)))
        self._server.setblocking(False)
        self.address = "{}:{}".format(*self._server.getsockname()[:2])
        """Where to send recordings; processes are told by `AM_DBG_ADDR`."""
        self._waker, self._waked = socket.socketpair()
        self._waker.setblocking(False)
        self._is_open = True
        self._is_over = False
        self.on_watcher: Callable[[socket.socket], object] | None = None
        """Given the connection of a peer that has proven itself and would watch; without, it is hung up on."""
        self.is_connected = threading.Event()
        """Set once a peer has proven itself."""
        self._selector.register(self._server, selectors.EVENT_READ, None)
        self._selector.register(self._waked, selectors.EVENT_READ, None)
        self._peers: set[Peer] = set()
        self._to_cut: set[int] = set()
        self._is_cutting = False
        self._answered = -1
        """What was written when peers were told of it last; -1 where they are to be told anyway."""
        recorder.outside.on_cut, recorder.outside.on_written = self._cut, self._wake
        self._thread = threading.Thread(target=self._run, name="amlab-collector", daemon=True)
        self._thread.start()

    @property
    def env(self) -> dict[str, str]:
        """Environment that makes a process record to here."""
        return {"AM_DBG_ADDR": self.address, "AMLAB_DBG_SECRET": self.secret.hex()}

    def close(self, wait_s: float = 2.0) -> None:
        """Takes what peers still have to say, for a while, and ends."""
        self._is_open = False
        self._wake()
        self._thread.join(wait_s)
        if self._thread.is_alive():
            self._is_over = True
            self._wake()
            self._thread.join()
        for peer in list(self._peers):
            self._hang_up(peer)
        self._recorder.outside.on_cut = self._recorder.outside.on_written = None
        for sock in (self._server, self._waker, self._waked):
            sock.close()
        self._selector.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        while self._is_open or (self._peers and not self._is_over):
            has_room = self._recorder.has_room
            for key, _ in self._selector.select(0.2):
                if key.fileobj is self._server:
                    self._accept()
                elif key.data is None:
                    self._waked.recv(4096)
                elif has_room:
                    self._read(key.data)
            self._answer(has_room=has_room)
            if not has_room:  # peers keep what they have, and count what finds no room there
                self._recorder.wait_for_room(ROOM_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._server.accept()
            try:
                peer = Peer(sock)
            except OSError:
                sock.close()
                return
            self._peers.add(peer)
            self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(_CHUNK)
            parts = peer.take(data, self.secret)
        except BlockingIOError:
            return
        except Exception as err:  # a peer may send anything
            if not isinstance(err, ConnectionError):
                _log.warning("a recording from outside was cut off: %s", err)
            data, parts = b"", []
        if peer.is_watcher:
            self._selector.unregister(peer.sock)
            self._peers.discard(peer)
            if self.on_watcher is None:
                peer.cut()
            else:
                self.on_watcher(peer.sock)
            return
        if peer.is_proven:
            self.is_connected.set()
        for part in parts:
            self._forward(peer, part)
        if peer.checks:
            peer.taken += [self._recorder.outside.taken] * peer.checks
            peer.checks, self._answered = 0, -1
        if not data:
            self._hang_up(peer)

    def _forward(self, peer: Peer, part: Sent) -> None:
        if not peer.stream:
            peer.stream = next(self._streams)
        self._recorder.forward(peer.stream, part)
        if part.is_last:
            peer.stream, peer.asked_at = 0, 0.0

    def _hang_up(self, peer: Peer) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(peer.sock)
        self._peers.discard(peer)
        if peer.stream:
            self._forward(peer, Sent(b"", has_news=False, is_last=True))
        if peer.taken and not self._recorder.is_closed:  # it will be written
            peer.tell(TAKEN * len(peer.taken))
        peer.cut()

    def _cut(self, streams: Collection[int]) -> None:
        """The recorder goes on in another file; it calls from its own thread."""
        self._to_cut.update(streams)
        self._wake()

    def _answer(self, *, has_room: bool) -> None:
        """Tells peers what the disk has of them, and to begin anew; hangs up on those that do not."""
        now, written = time.monotonic(), self._recorder.outside.written
        to_cut = {self._to_cut.pop() for _ in range(len(self._to_cut))}
        self._is_cutting |= bool(to_cut)
        if written == self._answered and not (self._is_cutting or self._recorder.is_closed):
            return
        self._answered = written
        for peer in list(self._peers):
            while peer.taken and peer.taken[0] <= written and peer.tell(TAKEN):
                peer.taken.popleft()
            if self._recorder.is_closed:  # nothing will be written any more: they are to know
                self._hang_up(peer)
            elif peer.stream in to_cut:
                peer.tell(CUT)
                peer.asked_at = now
            elif peer.asked_at and not has_room:  # it may wait for us
                peer.asked_at = now
            elif peer.asked_at and now - peer.asked_at > CUT_S:
                _log.warning("a recording from outside did not go on in another file in %g s; it was cut off", CUT_S)
                self._hang_up(peer)
        self._is_cutting = any(peer.asked_at for peer in self._peers)
