"""Every view in a real JupyterLab: it renders, follows the keyboard, and Python says the same."""

from __future__ import annotations

import pytest

from amlab.dbg.widgets.bundle import view_names
from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import ROOT, write_notebook

VIEWS = [name for name in view_names() if name not in {"control", "debugger"}]
OPEN = f"""
from amlab.dbg import Session

session = Session.open({str(ROOT / "exports" / "parcels.msgpack.br")!r})
desk = session.desk
seen = []
desk.observe(lambda change: seen.append(change["new"]), "position")
"""
ROOT_OF = "document.querySelector('.amlab-{0}')"


@pytest.fixture(scope="module")
def book(lab, lab_root, chromium):
    """A notebook with every view in a cell of its own, and what Python knows."""
    names = {"machines": "machine_list"}
    write_notebook(lab_root / "views.ipynb", OPEN, *(f"desk.{names.get(view, view)}()" for view in VIEWS))
    page = lab.open(chromium, "views.ipynb", size=(1400, 1000))
    page.run_all()
    yield page
    page.close()


def root(book, view):
    book.page.locator(f".amlab-{view}").first.scroll_into_view_if_needed()
    until(book.page, f"{ROOT_OF.format(view)}.__view.desk.isLoaded && !{ROOT_OF.format(view)}.__view.frame")
    return book.page.locator(f".amlab-{view}").first


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_renders_and_its_keys_move_python(book, shots, view):
    found = root(book, view)
    book.python("desk.position = 200")
    until(book.page, f"{ROOT_OF.format(view)}.__view.desk.position === 200")
    found.focus()
    found.press("e")
    position = book.page.evaluate(f"{ROOT_OF.format(view)}.__view.desk.position")
    assert position > 200
    until_python(book, "desk.position", str(position))
    assert "Err" in book.python("print(*desk.tx.entered)")
    assert found.bounding_box()["height"] > 120  # the sheets of other views in the page take nothing from it
    (shots / f"lab-{view}-light.png").write_bytes(found.screenshot())
    assert book.errors == []
    assert book.outside == []


def test_keys_never_reach_the_notebook(book):
    cells = book.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
    found = root(book, "transport")
    found.focus()
    for key in ("b", "a", "x", "d", "d", "z", "m", "y"):
        found.press(key)
    assert book.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length") == cells
    assert book.page.evaluate("jupyterapp.shell.currentWidget.content.widgets[1].model.type") == "code"


def test_all_views_of_a_desk_move_together_without_the_kernel(book):
    found = root(book, "transport")
    book.page.evaluate(
        "() => { jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute("
        "{ code: 'import time; time.sleep(1.5)', store_history: false }); }"
    )
    found.focus()
    found.press("Home")
    found.press("ArrowRight")
    assert book.page.evaluate(f"{ROOT_OF.format('timeline')}.__view.desk.position") == 1
    until_python(book, "desk.position", "1")


def test_an_error_in_an_observer_is_shown_in_the_views(book):
    book.python("def broken(change): raise ValueError('observer is broken')\ndesk.observe(broken, 'machine')")
    found = root(book, "transport")
    found.focus()
    found.press("m")
    until(
        book.page,
        f"{ROOT_OF.format('transport')}.querySelector('.am-error').textContent.includes('observer is broken')",
    )
    book.python("desk.unobserve(broken, 'machine'); desk.error = ''")
    until(book.page, f"{ROOT_OF.format('transport')}.querySelector('.am-error').hidden")


def test_views_follow_the_theme_of_the_lab(book, shots):
    root(book, "timeline")
    book.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    until(book.page, f"{ROOT_OF.format('timeline')}.dataset.theme === 'dark'")
    for view in VIEWS:
        found = root(book, view)
        until(book.page, f"{ROOT_OF.format(view)}.dataset.theme === 'dark' && !{ROOT_OF.format(view)}.__view.frame")
        (shots / f"lab-{view}-dark.png").write_bytes(found.screenshot())
    book.page.evaluate("() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    root(book, "timeline")
    until(book.page, f"{ROOT_OF.format('timeline')}.dataset.theme === 'light'")


def test_closing_views_frees_what_pages_and_python_held(lab, lab_root, chromium):
    write_notebook(
        lab_root / "closing.ipynb",
        OPEN,
        "import gc, weakref\nview = desk.timeline()\nref = weakref.ref(view)\nview",
    )
    page = lab.open(chromium, "closing.ipynb")
    page.run_all()
    until(page.page, "document.querySelector('.amlab-timeline').__view.desk.isLoaded")
    page.python("view.close(); del view; Out.clear(); _ = __ = ___ = None")
    page.python("get_ipython().user_ns.pop('_2', None); get_ipython().displayhook.flush()")
    until(page.page, "!document.querySelector('.amlab-timeline')")
    assert page.page.evaluate("[...globalThis[Symbol.for('amlab.desks.1')].keys()].length") == 0
    assert page.python("gc.collect(); print(len(desk.views))") == "0"
    page.close()


def until_python(book, expression, wanted):
    """Waits until Python says so: changes come by messages that the page has sent already."""
    for _ in range(100):
        if book.python(f"print({expression})") == wanted:
            return
        book.page.evaluate("() => new Promise(requestAnimationFrame)")
    raise AssertionError(f"{expression} is {book.python(f'print({expression})')}, not {wanted}")
