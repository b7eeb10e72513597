"""Waits for what a page shows, without sleeping: looks once per frame of the page.

Not Playwright's `wait_for_function`: what it looks with again and again is what a page's own policy forbids.
"""

from __future__ import annotations

import json
from typing import Any

VIEW = "document.querySelector('.amlab').__view"
DESK = f"{VIEW}.desk"

_UNTIL = """() => new Promise((done, fail) => {
  const end = performance.now() + 30000;
  const look = () => {
    let found;
    try { found = (%s); } catch (error) { found = false; }
    if (found) done(found);
    else if (performance.now() > end) fail(new Error(%s + " did not come true"));
    else requestAnimationFrame(look);
  };
  look();
})"""


def until(page: Any, expression: str) -> Any:
    """The value of a JavaScript expression once it is true."""
    return page.evaluate(_UNTIL % (expression, json.dumps(expression)))


def settled(page: Any) -> None:
    """Waits until the view has nothing left to draw or to ask for."""
    until(page, f"!{VIEW}.frame && {DESK}.wanted.size === 0")


def go(page: Any, position: int, **more: Any) -> None:
    """Moves the cursor, as a click would."""
    page.evaluate(f"([p, more]) => {DESK}.set({{position: p, ...more}})", [position, more])
