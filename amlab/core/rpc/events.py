"""What a connection tells its owner.

Events come in the order in which they happened.  `Closed` is always the last one of a connection, and
comes exactly once.

Knows nothing of: bytes, how to react.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from amlab.core.machine.mutation import Source
from amlab.core.machine.schema import Schema
from amlab.core.rpc.auth import Role
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.failure import RemoteError
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.core.rpc.payloads import PayloadHead
from amlab.errors import LocalProtocolError, ProtocolError

__all__ = [
    "Answered",
    "Asked",
    "Changed",
    "Closed",
    "Drifted",
    "Event",
    "Failed",
    "Met",
    "MutationNote",
    "Opened",
    "PayloadDelivered",
    "PayloadFailed",
    "PayloadProgress",
    "PayloadReceived",
    "Proved",
    "Subscribed",
    "Synced",
    "TimedOut",
    "Unsubscribed",
]


# ----- of a client


class Opened(NamedTuple):
    """The server let us in; requests may be made."""

    machine_id: str
    role: Role
    schema: Schema
    """Of the states that are followed, in the order of `ticks`."""
    ticks: Sequence[int]
    queue_tick: int
    machine_tick: int
    about: dict[str, Any]
    """More of the machine: `tags`, `parent`."""


class MutationNote(NamedTuple):
    """The mutation that made a change, where single ones are followed."""

    type: int
    called: Sequence[int]
    """Indexes as followed."""
    is_accepted: bool
    is_auto: bool
    tx_id: str
    source: Source | None


class Changed(NamedTuple):
    """The machine ticked.  Comes before the answer or wait that it belongs to."""

    pairs: Sequence[int]
    """[index, ticks, index, ticks, ...]."""
    queue_tick: int
    mutation: MutationNote | None


class Synced(NamedTuple):
    """The full clock came: what is known before is void."""

    ticks: Sequence[int]
    queue_tick: int
    machine_tick: int
    schema: Schema | None
    """A new one, when the machine grew states."""


class Drifted(NamedTuple):
    """A change did not fit; the full clock was asked for and will come as `Synced`."""

    reason: str


class Answered(NamedTuple):
    """The answer to a mutation."""

    id: int
    tick: int
    """As `Result.tick`."""
    why: str


class Failed(NamedTuple):
    """A request failed on the other side; with id 0, something else did there.

    With a `LocalProtocolError`, a request of the connection before could not be asked again.
    """

    id: int
    error: RemoteError | LocalProtocolError


class Met(NamedTuple):
    """A subscription is over."""

    id: int
    args: dict[str, Any] | None
    ended: str
    """Why it was given up; empty when it was met."""


class TimedOut(NamedTuple):
    """No answer came in time; if one still comes, it is dropped."""

    id: int


# ----- of a server


class Proved(NamedTuple):
    """A client proved the secret; now `welcome` or `refuse` it."""

    client_id: str
    session: bytes
    """The same over all connections of one client's life."""
    role: Role
    """What it was granted."""
    selection: Selection


class Asked(NamedTuple):
    """A mutation is asked for; `answer` or `fail` it."""

    id: int
    ask: Ask
    states: tuple[str, ...]
    args: dict[str, Any] | None
    source: Source | None


class Subscribed(NamedTuple):
    """The client waits for something; `meet` or `fail` it."""

    id: int
    wait: WaitKind
    states: tuple[str, ...]
    ticks: tuple[int, ...]
    args: dict[str, Any] | None


class Unsubscribed(NamedTuple):
    """The client does not wait any more; nothing has to be answered."""

    id: int


# ----- of both


class PayloadProgress(NamedTuple):
    """Some of a chunked payload arrived: here, or (of ours) there."""

    head: PayloadHead
    done: int
    is_incoming: bool


class PayloadReceived(NamedTuple):
    """A payload arrived whole."""

    head: PayloadHead
    data: Any


class PayloadDelivered(NamedTuple):
    """A payload of ours arrived whole."""

    head: PayloadHead


class PayloadFailed(NamedTuple):
    """A payload was given up, by either side."""

    head: PayloadHead
    reason: str
    is_incoming: bool


class Closed(NamedTuple):
    """The connection is over."""

    fault: Fault
    text: str
    error: ProtocolError | None
    """What to add to the machine; None when it was closed by agreement."""
    is_by_peer: bool
    """The peer said so; otherwise this side found it."""


Event = (
    Opened | Changed | Synced | Drifted | Answered | Failed | Met | TimedOut
    | Proved | Asked | Subscribed | Unsubscribed
    | PayloadProgress | PayloadReceived | PayloadDelivered | PayloadFailed | Closed
)  # fmt: skip
