"""Which connections a server takes: one client, or as a mux many.

    a stream comes          at most `max_greeting` may be unproven at once, and each address may come only
                            so often; else BUSY or FLOOD
    a client is proven      same id, same session   it lost its old connection: the new one REPLACEs it
                            same id, other session  refused, until the old one was silent for `takeover_s`
                            new id                  taken while there are fewer than `max_clients`, else BUSY
    a connection ends       its seat is free again

Whoever is refused is cut off; nobody else notices.

Knows nothing of: how connections are made and closed.
"""

from __future__ import annotations

from collections import OrderedDict

from amlab.core.rpc.faults import Fault, remote
from amlab.core.rpc.limits import Bucket
from amlab.core.rpc.serving import ServerConnection

__all__ = ["Admission"]

MAX_ADDRESSES = 1024


class Admission:
    """Seats of one server.

    Args:
        max_clients: Seats; 1 for a server that serves one client.
        max_greeting: Connections that may be unproven at once.
        greets_per_s: Rate of connections from one address; `greets_burst` may come at once.
        greets_burst: See there.
        takeover_s: Silence after which another client may take an id.
    """

    def __init__(
        self,
        *,
        max_clients: int = 1,
        max_greeting: int = 32,
        greets_per_s: float = 20.0,
        greets_burst: float = 100.0,
        takeover_s: float = 15.0,
    ) -> None:
        self.max_clients = max_clients
        self.max_greeting = max_greeting
        self.greets_per_s = greets_per_s
        self.greets_burst = greets_burst
        self.takeover_s = takeover_s
        self._greeting: set[ServerConnection] = set()
        self._seats: dict[str, ServerConnection] = {}
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    @property
    def clients(self) -> dict[str, ServerConnection]:
        """Connections by client id."""
        return dict(self._seats)

    def greet(self, connection: ServerConnection, address: str, now: float) -> None:
        """A stream came in.

        Args:
            connection: Made for it.
            address: Where it comes from, without the port.
            now: The time.

        Raises:
            RemoteProtocolError: Too often, or too many at once (`FLOOD`, `BUSY`).
        """
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self.greets_per_s, self.greets_burst, now)
            if len(self._buckets) > MAX_ADDRESSES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        if not bucket.take(1, now):
            raise remote(Fault.FLOOD, f"{address or 'a local peer'} connects over {self.greets_per_s:g} times a second")
        if len(self._greeting) >= self.max_greeting:
            raise remote(Fault.BUSY, f"{len(self._greeting)} connections are in their handshake")
        self._greeting.add(connection)

    def prove(self, connection: ServerConnection, now: float) -> ServerConnection | None:
        """A client is proven: it takes a seat; the connection that it replaces, to be closed (`REPLACED`).

        Raises:
            RemoteProtocolError: No seat for it (`BUSY`).
        """
        self._greeting.discard(connection)
        client_id = connection.peer_id
        old = self._seats.get(client_id)
        if old is not None and not old.is_over and old is not connection:
            silent_s = now - old.last_heard
            if old.session != connection.session and silent_s < self.takeover_s:
                raise remote(
                    Fault.BUSY, f"client {client_id!r} is connected already, and was heard {silent_s:.1f} s ago"
                )
        elif old is None and len(self._seats) >= self.max_clients:
            taken = ", ".join(sorted(self._seats)[:4])
            raise remote(Fault.BUSY, f"all {self.max_clients} seats are taken, by {taken}")
        self._seats[client_id] = connection
        return old if old is not connection else None

    def leave(self, connection: ServerConnection) -> None:
        """A connection ended, for whatever reason."""
        self._greeting.discard(connection)
        if self._seats.get(connection.peer_id) is connection:
            del self._seats[connection.peer_id]
