"""Whole columns as items: how sessions that no recorder made are kept.

Knows nothing of: rows, moves.
"""

from __future__ import annotations

from typing import Any

from amlab.dbg.session.columns import Columns

__all__ = ["read_columns"]


def read_columns(items: list[dict[str, Any]], texts: list[str], pools: Any) -> Columns:
    raise ValueError("not yet")
