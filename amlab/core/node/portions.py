"""Many jobs in portions: as many at once as are worth one request, and fit into it.

Sizes are estimates; a request that is larger than thought goes in pieces.  Each value counts `LEAST` bytes or more,
so a portion of several jobs has no more values than a message may have, either (`Types.max_items`).

Knows nothing of: workers, how values are encoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["portions", "weigh"]

MAX_BYTES = 1 << 19
"""Of one portion of several jobs."""
MAX_DEPTH = 64
LEAST = 9
"""Bytes of a number, and before the content of what has one."""


def portions(jobs: Sequence[Mapping[str, Any]], count: int, max_bytes: int = MAX_BYTES) -> Iterator[range]:
    """Numbers of jobs that go together: at most `count`, and at most `max_bytes` unless one alone has more."""
    start, size = 0, 0
    for at, job in enumerate(jobs):
        size += (more := weigh(job))
        if at > start and (at - start >= count or size > max_bytes):
            yield range(start, at)
            start, size = at, more
    if start < len(jobs):
        yield range(start, len(jobs))


def weigh(value: Any, depth: int = 0) -> int:
    """About how many bytes a value has on the wire; what cannot be sent as little."""
    kind = type(value)
    if kind is int or kind is float:
        return LEAST
    if kind is str or kind is bytes or kind is bytearray:
        return len(value) + LEAST
    if depth > MAX_DEPTH:
        return 0
    depth += 1
    if kind is dict:
        return LEAST + sum([weigh(key, depth) + weigh(item, depth) for key, item in value.items()])
    if isinstance(value, (list, tuple, set, frozenset)):
        count = 1 if kind is list else 2  # all but lists are packed twice
        return count * LEAST + sum([weigh(item, depth) for item in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return 4 * LEAST + sum([len(f.name) + LEAST + weigh(getattr(value, f.name, None), depth) for f in fields])
    if kind is memoryview:
        return int(value.nbytes) + LEAST
    return LEAST
