"""Draws all pictures into `notebooks/pictures/`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from amlab import Session, draw_schema, draw_steps, record
from amlab.dbg.demo.kitchen import Bakery, bake
from tests.dbg.widgets.browser.waiting import DESK, settled

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


def screenshots():
    """The debugger on a real recording, in a real browser: light and dark."""
    import tempfile

    from PIL import Image
    from playwright.sync_api import sync_playwright

    session = Session.open(HERE.parents[1] / "exports" / "parcels.msgpack.br")
    scale = next(m for m in session.machines.values() if "scale" in m.tags and not m.accepted.all())
    refused = next(tx for tx in scale if not tx.accepted)
    position = session.transitions.position(refused)
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "page.html"
        session.to_html(page_file, at=refused, rpc=False)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, scheme in (("debugger", "light"), ("debugger-dark", "dark")):
            page = browser.new_page(viewport={"width": 1400, "height": 960}, color_scheme=scheme)
            page.goto(page_file.as_uri())
            settled(page)
            assert page.evaluate(f"{DESK}.position") == position
            shot = Path(folder) / "shot.png"
            shot.write_bytes(page.locator(".amlab").first.screenshot())
            Image.open(shot).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
                HERE / f"{name}.png", optimize=True
            )
            page.close()
            yield f"{name}.png"
        browser.close()


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, picture in pictures():
        picture.save(HERE / f"{name}.svg")
        print(f"wrote {name}.svg")
    for name in screenshots():
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
