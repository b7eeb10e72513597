"""TLS from files: a network that is described by paths, so that other processes can be told of it.

    network = TlsNetwork("pool.pem", "pool.key")                  listens and connects, bound to the certificate
    network = TlsNetwork()                                        only connects, bound likewise
    network = TlsNetwork("pool.pem", "pool.key", trusted="ca.pem")   certificates are signed by somebody, too

Bound means that the proof of the secret covers the server's certificate: whoever stands in between and shows
another one is found out, also where nobody has signed it.  Both sides are bound, or none.

Knows nothing of: what streams carry, processes.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Any

from amlab.core.rpc.network import AnyNetwork, Factory, Listener, TcpNetwork
from amlab.errors import UsageError

__all__ = ["TlsFiles", "TlsNetwork"]

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a `TlsNetwork` is made of; see there."""

    certificate: str = ""
    key: str = ""
    trusted: str = ""
    server_hostname: str = ""
    is_bound: bool = True


class TlsNetwork(AnyNetwork):
    """As `AnyNetwork`, and `HOST:PORT` is TLS.

    Args:
        certificate: PEM file of the certificate of listening sides, its chain after it.
        key: PEM file of its key; without, it is in the same file.
        trusted: PEM file of certificates that a connecting side trusts: those of who signs, or a server's own.
            Without, no signature is looked at, and the proof of the secret has to cover the certificate.
        server_hostname: The name that the server's certificate must carry, where that is not the host; of use with
            `trusted` only.
        is_bound: The proof of the secret covers the server's certificate; both sides alike.

    Raises:
        UsageError: Neither bound nor trusted, or a file that cannot be read or does not fit.

    Attributes:
        files: What it was made of.
    """

    def __init__(
        self,
        certificate: StrPath = "",
        key: StrPath = "",
        *,
        trusted: StrPath = "",
        server_hostname: str = "",
        is_bound: bool = True,
    ) -> None:
        self.files = files = TlsFiles(
            _absolute(certificate), _absolute(key), _absolute(trusted), server_hostname, is_bound
        )  # fmt: skip
        if not files.trusted and not is_bound:
            raise UsageError("TLS without `trusted` and without `is_bound` would take anybody's certificate; give one")
        server, client = _server_context(files), _client_context(files)
        super().__init__(
            TcpNetwork(
                server, client, server_hostname=server_hostname, is_bound=is_bound, certificate=files.certificate
            )
        )

    async def listen(self, address: str, factory: Factory) -> Listener:
        """See `Network`.

        Raises:
            OSError: As `Network.listen`.
            UsageError: There is no certificate to show.
        """
        if not self.files.certificate and not address.startswith(("unix:", "mem:")):
            raise UsageError(f"to listen at {address} over TLS, give `certificate` and `key`", address=address)
        return await super().listen(address, factory)


def _absolute(path: StrPath) -> str:
    return os.path.abspath(path) if path else ""  # noqa: PTH100 - also of what is not there


def _server_context(files: TlsFiles) -> ssl.SSLContext | None:
    if not files.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key or None)
    except (OSError, ssl.SSLError) as err:
        raise UsageError(
            f"certificate {files.certificate!r} with key {files.key or files.certificate!r} cannot be used: {_why(err)}"
        ) from err
    return context


def _client_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not files.trusted:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(files.trusted)
    except (OSError, ssl.SSLError) as err:
        raise UsageError(f"trusted certificates {files.trusted!r} cannot be read: {_why(err)}") from err
    return context


def _why(err: Any) -> str:
    return str(getattr(err, "strerror", "") or err)
