"""Every error that amlab raises on purpose, by whose fault it is.

`SchemaError` and `UsageError` are the caller's, `HandlerError` is user code's (its cause is kept),
`FormatError` is a file's, `ReplayMismatch` is a recording that does not follow from itself.
`LocalProtocolError` is ours and `RemoteProtocolError` the peer's, on a connection between machines.
A mutation that was refused is no error: it is a `Result` with its `why`.

All of them pickle, since workers are processes.  A message says what was asked, what stood in the
way with its value, and what to try.

Knows nothing of: machines, files, wires.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AmlabError",
    "FormatError",
    "HandlerError",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "ReplayMismatch",
    "SchemaError",
    "UsageError",
    "near",
]


class AmlabError(Exception):
    """Base of all errors of amlab; `fields` holds the values that the message was made of."""

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("fields")
        if fields is not None and name in fields:
            return fields[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.fields))


def _rebuild(cls: type[AmlabError], message: str, fields: dict[str, Any]) -> AmlabError:
    return cls(message, **fields)


class SchemaError(AmlabError):
    """A schema that cannot be: unknown or ambiguous names, relations that contradict each other."""


class UsageError(AmlabError):
    """A call that cannot be served as it was made: an unknown state, a wrong handler name, a bad argument."""


class HandlerError(AmlabError):
    """A handler raised or overran its time limit; the exception of user code is `__cause__`."""


class FormatError(AmlabError):
    """A file is not what it says it is; fields: `offset` (bytes, decompressed), `path` inside the value."""


class ProtocolError(AmlabError):
    """A rule of the wire was broken; field `fault` names which.  Raised as one of the two below."""


class LocalProtocolError(ProtocolError):
    """This side asked for what the rules or limits do not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule, or is not who it has to be; it is cut off."""


class ReplayMismatch(AmlabError):
    """A recorded transition and its re-execution differ; fields: `recorded`, `derived`."""


def near(name: str, known: Iterable[str]) -> str:
    """A ", did you mean ...?" for `name`, or what is known when nothing is near."""
    names = [str(k) for k in known]
    matches = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if not matches:
        lower = {n.lower(): n for n in names}
        matches = [lower[name.lower()]] if name.lower() in lower else []
    if matches:
        return ", did you mean " + " or ".join(repr(m) for m in matches) + "?"
    if not names:
        return ""
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f" (known: {shown})"
