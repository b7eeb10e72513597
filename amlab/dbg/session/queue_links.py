"""Which transition ran which queued mutation, within one machine.

A queued mutation was given a queue tick, or a token where it was prepended; the transition that runs
it carries the token, or stands at that queue tick without one.  Recordings that know neither are
matched by what was called: the first later transition of the same kind and called states, in order.

Knows nothing of: other machines, files.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import numpy as np

from amlab.dbg.session.columns import Columns, Flag

__all__ = ["link_queue"]


def link_queue(columns: Columns) -> tuple[dict[int, int], dict[int, int]]:
    """Transition by queued record, and queued record by transition."""
    queued = (columns.flags & Flag.QUEUED.value) != 0
    waiting: defaultdict[Any, deque[int]] = defaultdict(deque)
    runs: dict[int, int] = {}
    token, mut_tick, tick = columns.mut_queue_token, columns.mut_queue_tick, columns.queue_tick
    has_ticks = bool(np.any(token)) or bool(np.any(mut_tick))
    if not queued.any():
        return {}, {}
    for i in range(len(columns.flags)):
        if queued[i]:
            waiting[_key(columns, i, int(token[i]), int(mut_tick[i]), has_ticks)].append(i)
        elif waiting:
            at_tick = int(mut_tick[i]) or int(tick[i])
            line = waiting.get(_key(columns, i, int(token[i]), at_tick, has_ticks))
            if line:
                runs[line.popleft()] = i
    return runs, {transition: record for record, transition in runs.items()}


def _key(columns: Columns, i: int, token: int, tick: int, has_ticks: bool) -> Any:
    if has_ticks:
        return ("token", token) if token else ("tick", tick)
    return (int(columns.kind[i]), columns.called[i].tobytes())
