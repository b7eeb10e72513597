"""What reading one file may cost at most.

Knows nothing of: any format.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a file: bytes once decompressed, values decoded, and how deep they nest.

    A million transitions with 15 steps each stay below the defaults.
    """

    max_bytes: int = 1 << 30
    max_values: int = 64_000_000
    max_depth: int = 48


DEFAULT_LIMITS = Limits()
