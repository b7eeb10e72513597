"""What is proven between the parts of a pool, each of which knows no more than it needs.

    clients        the pool's secret: they are served by the supervisor, and by workers that they were given
    a worker       that, to let clients in, and a key of its own, which it and its supervisor prove to each other
    supervisors    one more secret, at the port for other supervisors

So who is a client can neither act as a supervisor nor as a worker, and a worker not as another one.

Knows nothing of: how it is proven.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple, Self

from amlab.errors import UsageError

__all__ = ["WorkerKeys"]

OWN_BYTES = 32


class WorkerKeys(NamedTuple):
    """Of one worker."""

    own: bytes
    """Between it and its supervisor."""
    pool: bytes
    """Proven by its client."""

    @classmethod
    def new(cls, pool: bytes) -> Self:
        """Those of a new worker of a pool with this secret."""
        return cls(secrets.token_bytes(OWN_BYTES), pool)

    def to_bytes(self) -> bytes:
        """Both, for a launcher to hand on; see `from_bytes`."""
        return self.own + self.pool

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` gave.

        Raises:
            UsageError: It is too short to be that.
        """
        if len(data) <= OWN_BYTES:
            raise UsageError(
                f"a worker was given {len(data)} bytes as its secret; its supervisor gives more than {OWN_BYTES}: a key"
                " of its own, then the pool's secret"
            )
        return cls(data[:OWN_BYTES], data[OWN_BYTES:])
