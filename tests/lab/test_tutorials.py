"""The tutorial on causes, as a newcomer does it: in JupyterLab, with the mouse alone, and with the keyboard alone."""

from __future__ import annotations

import json
import shutil

import pytest

from amlab.dbg import Session
from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import ROOT

DESK = "document.querySelector('.amlab-debugger').__view.desk"
TITLE = f"{DESK}.data.titleAt({DESK}.position)"


@pytest.fixture
def debugger(lab, lab_root, chromium):
    """Tutorial 5 with its debugger shown."""
    for folder in ("notebooks", "exports"):
        shutil.copytree(ROOT / folder, lab_root / folder, dirs_exist_ok=True)
    book = lab.open(chromium, "notebooks/05_why_did_it_happen.ipynb", size=(1500, 1100))
    book.run_all()
    until(book.page, f"{DESK}.isLoaded")
    book.page.locator(".amlab-debugger").first.scroll_into_view_if_needed()
    yield book
    assert book.errors == []
    assert book.outside == []
    book.close()


@pytest.fixture(scope="module")
def scale():
    """The scale that refused, and whose fault that was, as Python finds it."""
    session = Session.open(ROOT / "exports" / "parcels.msgpack.br")
    return next(m for m in session.machines.values() if "scale" in m.tags and not m.accepted.all())


def at(book):
    """Where the views stand: machine and mutation."""
    return book.page.evaluate(f"[{DESK}.data.machines[{DESK}.data.machine.a[{DESK}.position]].key, {TITLE}]")


def test_the_cause_is_found_with_the_mouse_alone(debugger, scale, shots):
    page = debugger.page

    def click(selector):
        page.locator(f".amlab-debugger {selector}").first.click()

    for _ in range(20):
        click('[data-command="nextError"]')
        if at(debugger)[0] == "supervisor":
            break
    assert at(debugger) == ["supervisor", "add ErrWorker, Exception"]
    until(page, "document.querySelector('.amlab-reader').textContent.includes('ended with code 70')")
    click(f'.amlab-machines [data-key="{scale.key}"]')
    page.get_by_label("What steps go through").first.select_option("machine")
    click('[data-command="prev"]')
    assert at(debugger) == [scale.key, "add Weighing"]
    until(page, "document.querySelector('.amlab-tree').textContent.includes('Calibrated, not active')")
    (shots / "tutorial-5.png").write_bytes(page.locator(".amlab-debugger").first.screenshot())
    page.locator('.amlab-tree [role="treeitem"]').filter(has_text="Calibrated").first.click()
    click('[data-command="prevState"]')
    assert at(debugger) == [scale.key, "add Service"]
    for called in ("add Working", "add WorkRequested"):
        page.locator(".amlab-reader").get_by_role("button", name=called).first.click()
        until(page, f"{TITLE} === {json.dumps(called)}")
    assert at(debugger)[0] == scale.parent
    until(page, "document.querySelector('.amlab-reader').textContent.includes(\"'service': True\")")


def test_the_cause_is_found_with_the_keyboard_alone(debugger, scale):
    page = debugger.page
    page.locator(".amlab-debugger").first.focus()
    press = page.keyboard.press
    for _ in range(20):
        press("e")
        if at(debugger)[0] == "supervisor":
            break
    assert at(debugger) == ["supervisor", "add ErrWorker, Exception"]
    for _ in range(40):
        press("m")
        if page.evaluate(f"{DESK}.focus.machine") == scale.key:
            break
    press(",")
    assert at(debugger) == [scale.key, "add Weighing"]
    until(page, "document.querySelector('.amlab-tree').textContent.includes('Calibrated, not active')")
    press("3")
    for _ in range(10):
        press("ArrowDown")
        if page.evaluate(f"{DESK}.focus.state") == "Calibrated":
            break
    press("N")
    assert at(debugger) == [scale.key, "add Service"]
    press("c")
    assert at(debugger) == [scale.parent, "add Working"]
    press("c")
    assert at(debugger) == [scale.parent, "add WorkRequested"]
