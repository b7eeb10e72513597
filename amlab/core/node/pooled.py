"""One worker of a pool, as its supervisor knows it.

Knows nothing of: what becomes of it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from amlab.core.node.policy import Facts

if TYPE_CHECKING:
    from amlab.core.node.keys import WorkerKeys
    from amlab.core.node.process import Process
    from amlab.core.rpc.client import RpcClient

__all__ = ["Pooled"]

HISTORY = 20


class Pooled:
    """A worker: its facts, process and connection.

    Attributes:
        keys: What it and its supervisor prove to each other, and its client to it.
        local: Where its supervisor connects.
        public: Where its client connects.
        is_given: It has let its client in, and is free again once it says so.
        holder: The client that it was given to last, and may still have.
        history: The last sets of active states that it was seen in.
        is_up: It was followed, so it came up.
        is_gone: Its process has ended.
    """

    def __init__(self, worker_id: str, keys: WorkerKeys) -> None:
        self.keys = keys
        self.facts = Facts(worker_id)
        self.process: Process | None = None
        self.client: RpcClient | None = None
        self.local = self.public = ""
        self.is_given = False
        self.holder = ""
        self.history: deque[str] = deque(maxlen=HISTORY)
        self.err_tick = 0
        """Of its `ErrWork`, as far as it was counted."""
        self.is_up = self.is_gone = False
        self.is_retired = False
        """Ended because it was not wanted any more."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.facts.id
