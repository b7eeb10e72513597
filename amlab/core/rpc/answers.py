"""Answers given lately, so that a request which is sent again is not run again.

A client whose connection was lost before an answer came sends the request again on the next one, with its
old number.  The server then knows it: the answer is told again, or, while it is still being worked out,
told when it comes.  So a mutation runs at most once, however often it is sent.

Per session the newest answers are kept, as many as a client may have open at once; a request whose answer
is forgotten is refused, not run.  Whole sessions are forgotten in the order in which they were last used.

Knows nothing of: connections, messages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

__all__ = ["Answers", "Reply", "Session"]

Reply = Callable[[int, Any], None]
"""Takes the number of a request and its outcome."""


class Answers:
    """Outcomes by session and number of the request.

    Args:
        keep: Outcomes kept per session; at least as many requests as a client may have open.
        sessions: Sessions kept.
    """

    __slots__ = ("_sessions", "keep", "sessions")

    def __init__(self, keep: int = 1024, sessions: int = 256) -> None:
        self.keep = keep
        self.sessions = sessions
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def session(self, key: bytes) -> Session:
        """All of one client's life, known by its session."""
        found = self._sessions.get(key)
        if found is None:
            found = self._sessions[key] = Session(self.keep)
            if len(self._sessions) > self.sessions:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(key)
        return found


class Session:
    """Outcomes of one client's requests.

    Args:
        keep: How many.
    """

    __slots__ = ("_done", "_highest", "_keep", "_running")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._done: OrderedDict[int, Any] = OrderedDict()
        self._running: dict[int, Reply | None] = {}
        self._highest = 0

    def begin(self, number: int, reply: Reply) -> bool:
        """Whether a request is new, and so has to be run.

        Of one that is not, `reply` gets the outcome, now or when it comes.

        Raises:
            LookupError: It is not new, and its outcome is forgotten.
        """
        if number > self._highest:
            self._highest = number
            self._running[number] = None
            return True
        if number in self._running:
            self._running[number] = reply
        else:
            reply(number, self._done[number])
        return False

    def settle(self, number: int, outcome: Any) -> None:
        """Notes the outcome of a request, and tells it to whoever asked again."""
        self._done[number] = outcome
        if len(self._done) > self._keep:
            self._done.popitem(last=False)
        reply = self._running.pop(number, None)
        if reply is not None:
            reply(number, outcome)
