"""Serving a recording to those who watch it, while it is written.

Each watcher has a thread that sends the file from its start, and then what is written to it; one that is slow waits
for nobody, and nobody for it.

Knows nothing of: what the bytes mean, who may watch (the collector checks that).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

__all__ = ["Watchers"]

LOOK_S = 0.1
SEND_S = 10.0
CHUNK = 1 << 18


class Watchers:
    """Sends a file that grows.

    Args:
        path: The file.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """Who watches now."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            return len(self._threads)

    def add(self, sock: socket.socket) -> None:
        """A watcher more."""
        thread = threading.Thread(target=self._serve, args=(sock,), name="amlab-watcher", daemon=True)
        with self._lock:
            thread.start()
            self._threads.append(thread)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock, self._path.open("rb", buffering=0) as file:
            sock.settimeout(SEND_S)
            while True:
                is_over = self._over.is_set()
                part = file.read(CHUNK)
                if part:
                    sock.sendall(part)
                elif is_over:
                    return
                else:
                    self._over.wait(LOOK_S)
                    _check(sock)

    def close(self, wait_s: float = 2.0) -> None:
        """Sends the rest and hangs up."""
        self._over.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(wait_s)


def _check(sock: socket.socket) -> None:
    """Raises where nobody is at the other end any more."""
    sock.setblocking(False)
    try:
        if sock.recv(1) == b"":
            raise ConnectionError
    except BlockingIOError:
        pass
    finally:
        sock.settimeout(SEND_S)
