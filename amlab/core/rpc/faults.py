"""What can go wrong on a connection, each with a name, a state of the machine, and whether to try again.

A fault ends the connection it happens on and nothing else.  `STATE_OF` says which error state of the
RPC machine stands for it; `is_final` says that trying the same again cannot help.

Knows nothing of: machines, sockets.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from amlab.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["STATE_OF", "Fault", "is_final", "local", "remote"]


class Fault(IntEnum):
    """Why a connection ended, or a request was refused; the numbers go over the wire."""

    NONE = 0
    """It was closed by agreement."""
    CUT = 1
    """The stream ended without a goodbye."""
    HALF_FRAME = 2
    """The stream ended, or stood still, inside a frame."""
    OVERSIZE = 3
    """A frame or value larger, deeper or with more items than allowed."""
    GARBAGE = 4
    """Bytes that are no frame of this protocol."""
    BAD_MESSAGE = 5
    """A frame whose fields are not those of its kind."""
    UNEXPECTED = 6
    """A message that this side never sends, or not now."""
    VERSION = 7
    """Another protocol version."""
    WRONG_SECRET = 8
    """The proof of the secret does not fit: another secret, or a proof made for another connection."""
    REPLAY = 9
    """A hello that was seen before, a reflected challenge, a request number that did not grow."""
    DENIED = 10
    """The id may not connect, or the role does not suffice."""
    FLOOD = 11
    """More than the rate, or more unanswered requests than allowed."""
    SLOW_READER = 12
    """The peer does not take what is sent to it."""
    SILENT = 13
    """Nothing was heard for too long, not even a heartbeat."""
    HANDSHAKE = 14
    """The handshake took too long."""
    BAD_VALUE = 15
    """An argument or payload that is no declared data."""
    BUSY = 16
    """The server serves another client, or as many as it may."""
    REPLACED = 17
    """The same client came again on a newer connection."""
    SHUTDOWN = 18
    """The peer ends its work."""
    DELIVERY = 19
    """A payload that did not arrive."""
    LOCAL = 20
    """The other side, or this one, found its own state broken."""


STATE_OF: dict[Fault, str] = {
    Fault.CUT: "ErrNetwork",
    Fault.HALF_FRAME: "ErrNetwork",
    Fault.SLOW_READER: "ErrNetworkTimeout",
    Fault.SILENT: "ErrNetworkTimeout",
    Fault.HANDSHAKE: "ErrNetworkTimeout",
    Fault.DELIVERY: "ErrDelivery",
    **dict.fromkeys(
        (
            Fault.OVERSIZE, Fault.GARBAGE, Fault.BAD_MESSAGE, Fault.UNEXPECTED, Fault.VERSION, Fault.WRONG_SECRET,
            Fault.REPLAY, Fault.DENIED, Fault.FLOOD, Fault.BAD_VALUE, Fault.BUSY, Fault.LOCAL,
        ),
        "ErrRpc",
    ),
}  # fmt: skip
"""The error state that stands for a fault; the others (closed, replaced, shut down) are no errors."""

_FINAL = frozenset({Fault.VERSION, Fault.WRONG_SECRET, Fault.DENIED, Fault.REPLACED})


def is_final(fault: Fault) -> bool:
    """Whether connecting again, unchanged, would fail again."""
    return fault in _FINAL


def local(fault: Fault, message: str, **fields: Any) -> LocalProtocolError:
    """An error of this side, ready to raise."""
    return LocalProtocolError(message, fault=fault, **fields)


def remote(fault: Fault, message: str, **fields: Any) -> RemoteProtocolError:
    """An error of the peer, ready to raise."""
    return RemoteProtocolError(message, fault=fault, **fields)
