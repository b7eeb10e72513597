"""Views in marimo, which renders them in shadow roots: records arrive, keys move Python, and Python moves the page."""

from __future__ import annotations

import importlib.util
import os

import pytest

from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import ROOT
from tests.lab.marimo_app import MarimoApp

APP = f"""
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from amlab.dbg import Session

    session = Session.open({str(ROOT / "exports" / "parcels.msgpack.br")!r})
    return mo, session


@app.cell
def _(mo, session):
    line = mo.ui.anywidget(session.timeline())
    line
    return (line,)


@app.cell
def _(mo, session):
    mo.ui.anywidget(session.debugger())
    return


@app.cell
def _(line, mo, session):
    at = line.value["_focus"]["position"]
    mo.Html(f"<p class='told'>trait {{at}}, desk {{session.desk.position}}</p>")
    return


@app.cell
def _(mo):
    go = mo.ui.button(label="Go to 200", value=0, on_click=lambda n: n + 1)
    go
    return (go,)


@app.cell
def _(go, session):
    if go.value:
        session.desk.position = 200
    return


if __name__ == "__main__":
    app.run()
"""
# `view("timeline")` is the view of that kind, in whatever shadow root it stands.
FIND = """globalThis.view = (kind, root = document) => {
  const found = root.querySelector(`.amlab-${kind}`);
  if (found) return found.__view;
  for (const el of root.querySelectorAll("*")) {
    const inside = el.shadowRoot && view(kind, el.shadowRoot);
    if (inside) return inside;
  }
  return null;
};"""
POSITION = "view('timeline').desk.position"


@pytest.fixture(params=["run", "edit"])
def page(request, chromium, tmp_path):
    """The app in a page, as its readers or its authors see it."""
    if importlib.util.find_spec("marimo") is None:
        pytest.skip("no marimo, so views are not looked at in it: pip install marimo")
    app = tmp_path / "app.py"
    app.write_text(APP, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.marimo.runtime]\nauto_instantiate = true\n", encoding="utf-8")
    paths = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    outside, wrong = [], []
    with MarimoApp(app, tmp_path, request.param, {"PYTHONPATH": paths}) as server:
        page = chromium.new_page(viewport={"width": 1400, "height": 1400})
        page.add_init_script(FIND)
        own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else outside.append(asked.url))
        page.on(
            "console", lambda said: wrong.append(said.text) if said.type == "error" and "amlab" in said.text else None
        )
        page.goto(server.url)
        yield page
        page.close()
    assert wrong == []
    assert outside == []


def test_views_in_marimo_and_python_move_each_other(page, shots, request):
    until(page, "view('timeline').desk.isLoaded && view('debugger').desk.isLoaded")
    assert page.evaluate("view('timeline').desk === view('debugger').desk")
    assert page.evaluate("view('timeline').root.getRootNode() instanceof ShadowRoot")
    assert page.evaluate("view('timeline').root.dataset.theme") == "light"
    page.locator(".amlab-timeline").first.focus()
    page.keyboard.press("e")
    position = page.evaluate(POSITION)
    assert position >= 0
    page.locator(".told", has_text=f"trait {position}, desk {position}").wait_for()
    until(page, f"view('timeline').desk.detail({position})")
    page.get_by_role("button", name="Go to 200").click()
    until(page, f"{POSITION} === 200")
    (shots / f"marimo-{request.node.callspec.params['page']}.png").write_bytes(page.screenshot(full_page=True))
