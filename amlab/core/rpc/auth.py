"""Who may connect, and as what: proof of a shared secret in both directions.

    client                                   server
    Hello(version, id, session, nonce, role)  ->
                                          <-  Challenge(version, id, nonce)
    Proof(mac of "client" + transcript)       ->     verified first: the server shows nothing before
                                          <-  Welcome(mac of "server" + transcript, ...)

The transcript holds the protocol version, both ids, the session, the role, both nonces and the binding
of the channel beneath (for TLS: the server certificate's hash), each with its length.  So

- a recorded conversation fits no other connection: the other side's nonce is new;
- a proof sent back to its sender does not fit: the two directions start with different words;
- a man in the middle of TLS changes the binding, so neither side's proof fits.

The key is derived from the pool's secret per role: whoever was only given the key for `READ_ONLY` cannot
prove a higher role.  What it cannot do: frames after the handshake carry no mac; TLS is for that.

Knows nothing of: connections, frames, where secrets and randomness come from.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import msgpack

from amlab.core.rpc.faults import Fault, remote
from amlab.errors import UsageError

__all__ = ["Access", "Credential", "Nonces", "Role", "Transcript", "client_mac", "role_key", "server_mac", "verify"]

NONCE_BYTES = 32
MAC_BYTES = 32
SESSION_BYTES = 16
MIN_SECRET = 16
MAX_ID = 256


class Role(IntEnum):
    """What a client may do; each includes the ones before."""

    READ_ONLY = 1
    """Clocks, waits, payloads."""
    MUTATE = 2
    """Mutations too."""
    ADMIN = 3
    """Mutations of states that the server reserves for it, too."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


class Transcript(NamedTuple):
    """What both proofs are about."""

    version: int
    client_id: str
    server_id: str
    session: bytes
    role: int
    client_nonce: bytes
    server_nonce: bytes
    binding: bytes


def role_key(secret: bytes, role: Role) -> bytes:
    """The key by which one role is proven; give a peer this instead of the secret to bound what it can be.

    Raises:
        UsageError: The secret is too short to be one.
    """
    if len(secret) < MIN_SECRET:
        raise UsageError(
            f"a pool's secret is {MIN_SECRET} random bytes or more, given were {len(secret)}; see secrets.token_bytes"
        )
    return hmac.digest(secret, b"amlab rpc role " + bytes([role]), "sha256")


def client_mac(key: bytes, transcript: Transcript) -> bytes:
    """What the client sends to prove that it holds the key."""
    return hmac.digest(key, b"amlab rpc client " + msgpack.packb(transcript), "sha256")


def server_mac(key: bytes, transcript: Transcript) -> bytes:
    """What the server sends to prove that it holds the key."""
    return hmac.digest(key, b"amlab rpc server " + msgpack.packb(transcript), "sha256")


def verify(expected: bytes, given: bytes, who: str) -> None:
    """Compares two proofs in constant time.

    Raises:
        RemoteProtocolError: They differ (`WRONG_SECRET`).
    """
    if not hmac.compare_digest(expected, given):
        raise remote(
            Fault.WRONG_SECRET,
            f"{who} could not prove the pool's secret for this connection; give both sides the same one",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client proves: the key of a role."""

    role: Role
    key: bytes = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes, role: Role = Role.MUTATE) -> Credential:
        """The credential of one who holds the pool's secret.

        Raises:
            UsageError: The secret is too short.
        """
        return cls(role, role_key(secret, role))


@dataclass(frozen=True, slots=True)
class Access:
    """Whom a server lets in.

    Args:
        secret: The pool's.
        allow_ids: Only these ids; None for every one that proves the secret.
        max_role: No client gets more.
        roles: What single ids get at most, where that is less.

    Raises:
        UsageError: The secret is too short.
    """

    secret: bytes = field(repr=False)
    allow_ids: frozenset[str] | None = None
    max_role: Role = Role.ADMIN
    roles: Mapping[str, Role] = field(default_factory=dict)

    def __post_init__(self) -> None:
        role_key(self.secret, Role.READ_ONLY)

    def key(self, role: Role) -> bytes:
        """The key that proves a role."""
        return role_key(self.secret, role)

    def grant(self, client_id: str, wanted: Role) -> Role:
        """The role of a client that has proven its key; less than wanted where rules say so.

        Raises:
            RemoteProtocolError: This id may not connect (`DENIED`).
        """
        if self.allow_ids is not None and client_id not in self.allow_ids:
            raise remote(Fault.DENIED, f"client {client_id!r} may not connect here", client_id=client_id)
        return min(wanted, self.max_role, self.roles.get(client_id, wanted))


class Nonces:
    """Nonces of hellos seen lately, shared by all connections of one server, to name a replay.

    Proofs are safe without it; it only tells "replayed" from "wrong secret".  The oldest are forgotten.
    """

    __slots__ = ("_seen", "limit")

    def __init__(self, limit: int = 4096) -> None:
        self.limit = limit
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def note(self, nonce: bytes) -> None:
        """Remembers one.

        Raises:
            RemoteProtocolError: It was seen before (`REPLAY`).
        """
        if nonce in self._seen:
            raise remote(Fault.REPLAY, "this hello was seen before: its nonce is not new")
        self._seen[nonce] = None
        if len(self._seen) > self.limit:
            self._seen.popitem(last=False)
