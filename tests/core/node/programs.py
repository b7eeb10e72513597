"""Supervisors as programs, with workers of both kinds; whatever happens, none is left."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.core.node.pools import ENV, ROOT

FORKED = ("--fork=tests.core.node.squares:Squares",)
RUN = ("--", sys.executable, "-m", "tests.core.node.squares")


class Program:
    """A supervisor as a program, for a block; one that is killed can be started again, where it was.

    Attributes:
        address: Where its clients connect.
    """

    def __init__(self, *options, workers=FORKED):
        self.options, self.workers = options, workers
        self.address = ""
        self.process = None

    def start(self):
        """Done once it is ready."""
        argv = [sys.executable, "-m", "amlab.core.node", "--warm=0", *self.options]
        argv += [f"--address={self.address}"] if self.address else []
        self.process = subprocess.Popen([*argv, *self.workers], stdout=subprocess.PIPE, cwd=ROOT, env=ENV, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address

    @property
    def pid(self):
        return self.process.pid

    @property
    def children(self):
        """All processes under it, a fork server first."""
        return children_of(self.process.pid)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.kill()


def children_of(pid):
    """All processes under one, with what they have under them."""
    try:
        found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # it has ended
        return []
    return found + [grandchild for child in found for grandchild in children_of(child)]


def wait_for_end(pids, timeout_s=10):
    """Fails where one of them does not end; then it is ended."""
    left = []
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if not select.select([fd], [], [], timeout_s)[0]:
            left.append(pid)
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        os.close(fd)
    assert not left
