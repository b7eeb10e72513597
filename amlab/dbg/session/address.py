"""Addresses of what was recorded: `mach://MACHINE/TX`.

    mach://MACHINE          a machine
    mach://MACHINE/TX       the transition with that id
    mach://MACHINE/N        the N-th transition of the machine, counted from 0
    mach://MACHINE/@N       the same, never read as an id

MACHINE and TX are percent-encoded where they hold anything but letters, digits and `-._~`.  TX is
tried as an id first, since ids may look like numbers; ids may also be empty or repeat, and such a
transition is addressed by its number.

Knows nothing of: sessions (they resolve what is parsed here).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from amlab.errors import UsageError

__all__ = ["Address", "format_address", "parse_address"]

_SCHEME = "mach://"


class Address(NamedTuple):
    """A parsed address; `tx` is an id or number as written, `number` is set for the `@N` form."""

    machine: str
    tx: str | None = None
    number: int | None = None


def format_address(machine: str, tx: str | int | None = None) -> str:
    """The address of a machine, of a transition by id (str) or by number (int, `@N`)."""
    head = _SCHEME + _quoted(machine)
    if tx is None:
        return head
    return f"{head}/@{tx}" if isinstance(tx, int) else f"{head}/{_quoted(tx)}"


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="surrogatepass")  # ids made in memory may hold what is no text


def _unquoted(part: str) -> str:
    try:
        return unquote(part, errors="surrogatepass")
    except UnicodeDecodeError:
        return unquote(part)


def parse_address(address: str) -> Address:
    """Parts of an address; the scheme may be left out.

    Raises:
        UsageError: no machine, or more than two parts.
    """
    parts = address.removeprefix(_SCHEME).rstrip("/").split("/")
    if not parts[0] or len(parts) > 2:
        raise UsageError(
            f"Cannot read the address {address!r}: expected mach://MACHINE or mach://MACHINE/TX"
            " with anything but letters, digits and -._~ percent-encoded",
            address=address,
        )
    machine = _unquoted(parts[0])
    if len(parts) == 1:
        return Address(machine)
    number = parts[1][1:]
    if parts[1].startswith("@") and number.isascii() and number.isdigit() and len(number) < 19:
        return Address(machine, parts[1], int(number))
    return Address(machine, _unquoted(parts[1]))
