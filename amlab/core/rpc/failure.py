"""An exception of the other side: its type's name, text, traceback as text, and the chain of its causes.

On the wire an exception is a list of links, from what was raised down to its first cause.  Here it
becomes a `RemoteError` whose `__cause__` (or `__context__`) is the next one, so that printing it shows
the whole chain.  No class is looked up by name, so a peer cannot choose what is made here.  Passing one
on to a third machine keeps the words of the first.

Knows nothing of: frames, machines.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from amlab.core.machine.traces import trace_text
from amlab.errors import AmlabError

__all__ = ["Link", "RemoteError", "describe", "rebuild", "shorten"]

Link = list[Any]
"""[type name, text, traceback text, whether it is the explicit cause of the one before]."""

MAX_LINKS = 16
MAX_TEXT = 4096
MAX_TRACEBACK = 8192
MAX_BYTES = 40_000
"""Of all links together; past that only names and short texts follow.  It fits the smallest frame."""


class RemoteError(AmlabError):
    """An exception raised on the other side; fields: `type_name`, `text`, `traceback` (as text)."""

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        if fields.get("traceback"):
            self.add_note(f"On the other side (most recent call last):\n{fields['traceback']}")

    def is_a(self, kind: type[BaseException]) -> bool:
        """Whether its type had this class's name; subclasses are not known here."""
        return bool(self.fields.get("type_name") == kind.__name__)


def describe(error: BaseException) -> list[Link]:
    """An exception as links, bounded in number and length."""
    links: list[Link] = []
    size = 0
    seen: set[int] = set()
    step: BaseException | None = error
    is_cause = True
    while step is not None and id(step) not in seen and len(links) < MAX_LINKS:
        seen.add(id(step))
        link = _link(step, is_cause=is_cause)
        size += sum(len(word.encode()) for word in link[:3])
        links.append(link if size <= MAX_BYTES else [link[0][:200], link[1][:200], "", is_cause])
        is_cause = step.__cause__ is not None
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return links


def _link(error: BaseException, *, is_cause: bool) -> Link:
    if isinstance(error, RemoteError):
        words = [str(error.fields.get(field, "")) for field in ("type_name", "text", "traceback")]
        return [*words, is_cause]
    try:
        text = str(error)
    except Exception as e:
        text = f"(its text failed: {type(e).__name__})"
    trace = trace_text(error.__traceback__, 20)
    return [type(error).__name__[:200], _sendable(text[:MAX_TEXT]), _sendable(trace[-MAX_TRACEBACK:]), is_cause]


def _sendable(text: str) -> str:
    """Text without lone surrogates, which no encoding takes."""
    return text.encode("utf-8", "backslashreplace").decode()


def shorten(links: list[Link]) -> list[Link]:
    """The same in few bytes, to be kept: the first causes and texts, no tracebacks."""
    return [[name, text[:500], "", is_cause] for name, text, _, is_cause in links[:4]]


def rebuild(links: list[Link]) -> RemoteError:
    """The exception that links describe.

    Raises:
        ValueError: They are no links.
    """
    if not links or len(links) > MAX_LINKS:
        raise ValueError(f"an error of {len(links)} links, allowed are 1 to {MAX_LINKS}")
    made: list[tuple[RemoteError, bool]] = []
    for link in links:
        if type(link) is not list or tuple(map(type, link)) != (str, str, str, bool):
            raise ValueError("a link of an error is no [type, text, traceback, is_cause]")
        name, text, trace, is_cause = link
        error = RemoteError(f"{name}: {text}" if text else name, type_name=name, text=text, traceback=trace)
        made.append((error, is_cause))
    for (error, _), (cause, is_cause) in pairwise(made):
        if is_cause:
            error.__cause__ = cause
        else:
            error.__context__ = cause
    return made[0][0]
