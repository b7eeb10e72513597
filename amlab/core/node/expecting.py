"""Answers that a client waits for: each is a payload that carries the asker's token.

Knows nothing of: whom was asked, and what for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["INPUT", "Answer", "Expecting"]

INPUT = "input"
"""Name of a payload to a worker: the content of a large request, which names it too and has the same token."""

Answer = asyncio.Future[dict[str, Any]]
OnPart = Callable[[Any], object]


class Expecting:
    """What one client waits for, by token.

    Args:
        name: Of the client; its tokens begin with it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._answers: dict[str, Answer] = {}
        self._parts: dict[str, OnPart] = {}

    def open(self, on_part: OnPart | None = None) -> tuple[str, Answer]:
        """A new token and its answer; `on_part` is called with what comes before that."""
        self._count += 1
        token = f"{self._name}:{self._count}"
        answer: Answer = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        if on_part is not None:
            self._parts[token] = on_part
        return token, answer

    def close(self, token: str) -> None:
        """Nobody waits for it any more."""
        self._answers.pop(token, None)
        self._parts.pop(token, None)

    def take(self, token: str, data: dict[str, Any]) -> None:
        """An answer has come; one that nobody waits for is dropped."""
        answer = self._answers.pop(token, None)
        if answer is not None and not answer.done():
            answer.set_result(data)

    def take_part(self, token: str, data: Any) -> None:
        """Something has come before the answer."""
        on_part = self._parts.get(token)
        if on_part is not None:
            on_part(data)

    def fail(self, token: str, error: BaseException) -> None:
        """It will not come."""
        answer = self._answers.pop(token, None)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def end(self) -> None:
        """None will come."""
        for answer in self._answers.values():
            answer.cancel()
