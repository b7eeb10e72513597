"""A tour in a real JupyterLab: played, chosen from, left and found again."""

from __future__ import annotations

import pytest

from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import write_notebook
from tests.lab.test_views import OPEN, ROOT_OF, until_python

TOUR = """
tour = session.tour({"the start": 50, "the middle": 200, "the end": 400}, desk.timeline(), desk.tree(), every_s=0.2)
tour
"""
VIEW = f"{ROOT_OF.format('timeline')}.__view"


@pytest.fixture(scope="module")
def book(lab, lab_root, chromium):
    write_notebook(lab_root / "tour.ipynb", OPEN, TOUR)
    page = lab.open(chromium, "tour.ipynb", size=(1400, 1000))
    page.run_all()
    until(page.page, f"{VIEW}.desk.isLoaded && !{VIEW}.frame")
    yield page
    page.close()


def test_it_is_played_to_its_end(book):
    assert book.python("print(tour.at, desk.position)") == "0 50"
    book.page.locator(".widget-play button").first.click()
    until_python(book, "tour.at", "2")
    until(book.page, f"{VIEW}.desk.position === 400")
    book.page.locator(".widget-play button").first.click()  # it would stand at its end, and go on if that moved


def test_a_place_that_is_chosen_is_shown_by_all_views(book, shots):
    chooser = book.page.locator(".widget-dropdown select").first
    texts = [text.replace("\N{NO-BREAK SPACE}", " ") for text in chooser.locator("option").all_text_contents()]
    assert texts[-3:] == ["1. the start", "2. the middle", "3. the end"]
    chooser.select_option(label="2. the middle")
    until_python(book, "desk.position", "200")
    for view in ("timeline", "tree"):
        until(book.page, f"{ROOT_OF.format(view)}.__view.desk.position === 200")
    shown = book.page.locator(".amlab-tree").first
    until_python(book, "desk.machine == desk.tx.machine.key", "True")
    until(book.page, "!document.querySelector('.amlab-tree').innerText.includes('Choose a machine')")
    assert "Ready" in shown.inner_text()
    (shots / "lab-tour-light.png").write_bytes(book.page.screenshot())
    assert book.errors == []
    assert book.outside == []


def test_who_moves_a_view_leaves_the_tour_and_comes_back_by_the_list(book):
    found = book.page.locator(".amlab-timeline").first
    found.focus()
    found.press("e")
    until_python(book, "tour.at", "-1")
    chooser = book.page.locator(".widget-dropdown select").first
    chooser.select_option(label="2. the middle")
    until_python(book, "tour.at", "1")
    until(book.page, f"{VIEW}.desk.position === 200")


def test_views_stand_side_by_side_within_the_page(book):
    boxes = [book.page.locator(f".amlab-{view}").first.bounding_box() for view in ("timeline", "tree")]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] + 1
    assert all(box["width"] > 250 for box in boxes)
    assert book.page.evaluate("document.querySelector('.jp-OutputArea-output').scrollWidth <= innerWidth")
