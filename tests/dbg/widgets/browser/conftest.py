"""A real browser for views: the system's Chromium, driven by Playwright, that can reach nothing but loopback.

Without either, tests of views are skipped and say what to install; where `AMLAB_NEED_BROWSER` is set they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amlab.dbg import Session
from amlab.dbg.widgets.page import page_text
from tests.dbg.widgets.browser.waiting import DESK, VIEW, until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
HOW = "Debian and Ubuntu: apt-get install chromium; then: pip install 'amlab[browser]'"


def missing(what: str) -> None:
    words = f"no {what}, so views are not looked at. {HOW}"
    if os.environ.get("AMLAB_NEED_BROWSER"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """A headless Chromium.  No wider than the package: Playwright keeps a running loop in the thread meanwhile."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright")
    path = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if path is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page_of(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`page_of(session or path, view)` opens a page of a view and waits for its records; errors of the page fail."""
    open_pages: list[Any] = []
    wrong: list[str] = []
    outside: list[str] = []

    def opened(
        session: Session | str | Path,
        view: str = "debugger",
        *,
        dark: bool = False,
        size: tuple[int, int] = (1280, 800),
        **about: Any,
    ) -> Any:
        found = session if isinstance(session, Session) else Session.open(session)
        path = tmp_path / f"{view}-{len(open_pages)}.html"
        path.write_text(page_text(found, view=view, **about), encoding="utf-8")
        page = chromium.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        open_pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:", "blob:")) else outside.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        until(page, f"{DESK}.isLoaded && !{VIEW}.frame")
        return page

    yield opened
    for page in open_pages:
        page.close()
    assert wrong == []
    assert outside == []
