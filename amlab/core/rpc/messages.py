"""The messages: kinds, the fields of each, and who may send them.

Every frame is `[kind, field, ...]`.  `?` may be nil.  C sends to S (>), S to C (<), or both (=).

     1 HELLO       >  magic, version, client id, session, nonce, role
     2 CHALLENGE   <  magic, version, server id, nonce
     3 PROOF       >  mac, schema hash, allowed states, skipped states, flags, push interval (ms), max frame
     4 WELCOME     <  mac, role, schema hash, about, names?, clock, max frame, max pending
    10 MUTATE      >  id, ask, states, args?, source?
    11 RESULT      <  id, result, why, change?
    12 PUSH        <  changes
    13 CLOCK       <  schema hash, about?, names?, clock
    14 RESYNC      >  reason
    20 SUBSCRIBE   >  id, wait, states, ticks, args?
    21 UNSUBSCRIBE >  id
    22 MET         <  id, args?, ended, change?
    30 PAYLOAD     =  id, name, source, destination, token, size, full size, data?, cause?
    31 CHUNK       =  id, offset, data
    32 ACK         =  id, received
    33 CANCEL      =  id, is by sender, reason
    40 ERROR       =  id (0: of no request), links
    50 PING        =  number
    51 PONG        =  number
    60 BYE         =  fault, text

- The first three fields of HELLO and CHALLENGE never change, so any two versions can tell each other apart.
- Request ids (MUTATE, SUBSCRIBE) grow within a connection, and over the connections of one session.
  Each is answered once: by RESULT, MET or ERROR.
- args, about and data are opaque bytes here: values as `amlab.core.rpc.values` encodes them.
- clock: ticks, queue tick, machine tick, checksum.
- change: `[pairs, queue tick, checksum]`, or with a fourth `[type, called, accepted, auto, tx id, source?]`
  where the client follows single mutations.  source: `[machine, tx, time]`.

Knows nothing of: states of a connection, what a message leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from itertools import product
from typing import Any

from amlab.core.machine.mutation import Source
from amlab.core.rpc.faults import Fault, remote
from amlab.errors import RemoteProtocolError

__all__ = [
    "MAGIC",
    "SHAPES",
    "VERSION",
    "Ask",
    "Kind",
    "WaitKind",
    "are_ints",
    "are_texts",
    "bad_message",
    "check_hello",
    "kind_name",
    "source_of",
]

MAGIC = "amlab"
VERSION = 1


class Kind(IntEnum):
    """The number a frame starts with."""

    HELLO = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    MUTATE = 10
    RESULT = 11
    PUSH = 12
    CLOCK = 13
    RESYNC = 14
    SUBSCRIBE = 20
    UNSUBSCRIBE = 21
    MET = 22
    PAYLOAD = 30
    CHUNK = 31
    ACK = 32
    CANCEL = 33
    ERROR = 40
    PING = 50
    PONG = 51
    BYE = 60


class Ask(IntEnum):
    """What is asked of the machine; the first three are numbered as mutations are."""

    ADD = 0
    REMOVE = 1
    SET = 2
    TOGGLE = 3
    ADD_ERR = 4
    """The error is `args["err"]`; a state of its own may be named."""
    CAN_ADD = 5
    CAN_REMOVE = 6


class WaitKind(IntEnum):
    """What is awaited on the other side."""

    WHEN = 0
    """All of the states are active."""
    WHEN_NOT = 1
    """None of them is."""
    WHEN_TIME = 2
    """Every state has come to its tick; `when_ticks` and `when_next_active` are of this kind."""
    WHEN_ARGS = 3
    """The state is entered with at least these arguments."""
    WHEN_QUEUE = 4
    """The queue has come to a tick."""
    WHEN_QUEUE_ENDS = 5
    """The queue is empty."""
    WHEN_DISPOSED = 6
    """The machine is disposed."""


_NONE = type(None)
_FIELDS: dict[Kind, tuple[tuple[type, ...] | type, ...]] = {
    Kind.HELLO: (str, int, str, bytes, bytes, int),
    Kind.CHALLENGE: (str, int, str, bytes),
    Kind.PROOF: (bytes, bytes, list, list, int, int, int),
    Kind.WELCOME: (bytes, int, bytes, bytes, (list, _NONE), list, int, int, int, int, int),
    Kind.MUTATE: (int, int, list, (bytes, _NONE), (list, _NONE)),
    Kind.RESULT: (int, int, str, (list, _NONE)),
    Kind.PUSH: (list,),
    Kind.CLOCK: (bytes, (bytes, _NONE), (list, _NONE), list, int, int, int),
    Kind.RESYNC: (str,),
    Kind.SUBSCRIBE: (int, int, list, list, (bytes, _NONE)),
    Kind.UNSUBSCRIBE: (int,),
    Kind.MET: (int, (bytes, _NONE), str, (list, _NONE)),
    Kind.PAYLOAD: (int, str, str, str, str, int, int, (bytes, _NONE), (list, _NONE)),
    Kind.CHUNK: (int, int, bytes),
    Kind.ACK: (int, int),
    Kind.CANCEL: (int, bool, str),
    Kind.ERROR: (int, list),
    Kind.PING: (int,),
    Kind.PONG: (int,),
    Kind.BYE: (int, str),
}

SHAPES: dict[int, frozenset[tuple[type, ...]]] = {
    int(kind): frozenset(
        (int, *types) for types in product(*(f if isinstance(f, tuple) else (f,) for f in fields))
    )
    for kind, fields in _FIELDS.items()
}  # fmt: skip
"""Kind to the types its whole array may have; `tuple(map(type, body)) in SHAPES[kind]`."""

_TEXT = frozenset({str})
_INT = frozenset({int})


def kind_name(kind: int) -> str:
    """A kind's name, for texts."""
    return Kind(kind).name if kind in SHAPES else f"kind {kind}"


def bad_message(body: list[Any], why: str = "") -> RemoteProtocolError:
    """The error of a message whose fields are wrong."""
    kind = body[0]
    if not why:
        if kind not in SHAPES:
            return remote(Fault.BAD_MESSAGE, f"there is no message of kind {kind}", kind=kind)
        why = "its fields are " + ", ".join(type(field).__name__ for field in body[1:14])
    return remote(Fault.BAD_MESSAGE, f"a {kind_name(kind)} that cannot be: {why}", kind=kind)


def check_hello(body: list[Any]) -> None:
    """What any version of HELLO and CHALLENGE has in common.

    Raises:
        RemoteProtocolError: Not this protocol (`GARBAGE`), or another version of it (`VERSION`).
    """
    if len(body) < 3 or body[1] != MAGIC or type(body[2]) is not int:
        raise remote(Fault.GARBAGE, "the first frame is no greeting of this protocol")
    if body[2] != VERSION:
        raise remote(
            Fault.VERSION,
            f"the peer speaks protocol version {body[2]}, this side {VERSION}; use the same release of amlab on both",
            version=body[2],
        )  # fmt: skip


def are_texts(items: Iterable[Any]) -> bool:
    """Whether all of them are texts."""
    return _TEXT.issuperset(map(type, items))


def are_ints(items: list[Any]) -> bool:
    """Whether a list holds numbers from 0 on only."""
    return not items or (_INT.issuperset(map(type, items)) and min(items) >= 0)


def source_of(body: list[Any], field: list[Any]) -> Source:
    """The source in a message.

    Raises:
        RemoteProtocolError: It is none (`BAD_MESSAGE`).
    """
    if len(field) != 3 or type(field[0]) is not str or type(field[1]) is not str or type(field[2]) is not int:
        raise bad_message(body, "its source is no [machine, tx, time]")
    return Source(*field)
