"""Draws all pictures into `notebooks/pictures/`."""

from __future__ import annotations

import sys
from pathlib import Path

from amlab import draw_schema, draw_steps, record
from amlab.dbg.demo.kitchen import Bakery, bake

HERE = Path(__file__).resolve().parents[2] / "notebooks" / "pictures"


def pictures():
    """Name and picture, from one day in the kitchen."""
    bakery = Bakery()
    with record(*bakery.machines) as session:
        bake(bakery)
    bakery.dispose()
    kitchen = session.machines["kitchen"]
    refused = next(tx for tx in kitchen if "Order" in tx.called and not tx.accepted)
    ordered = next(tx for tx in kitchen if "Order" in tx.called and tx.accepted and not tx.is_queued)
    yield "refused", draw_steps(refused)
    yield "kitchen", draw_schema(kitchen, at=ordered.index)


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, picture in pictures():
        picture.save(HERE / f"{name}.svg")
        print(f"wrote {name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
