"""Views in hosts of any kind: inside a shadow root, on backgrounds told in any words, and where no kernel answers."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.packet import records_packet
from amlab.dbg.widgets.bundle import bundle, view_names
from tests.dbg.widgets.browser.waiting import until

EXPORTS = Path(__file__).parents[4] / "exports"
DESK = "shadowView.desk"
NO_KERNEL = "No kernel answers: run the cell again"

# Takes the view and its style sheet out of the page, and mounts it again inside a shadow root, as some hosts do.
# From then on whoever looks for something in the document is written down in `looked`.
INTO_SHADOW = """(background) => {
  const source = JSON.parse(document.getElementById("amlab-source").textContent);
  const sheet = document.querySelector("style").textContent;
  document.querySelector(".amlab").__view.destroy();
  document.querySelector("style").remove();
  const host = document.body.appendChild(document.createElement("div"));
  host.id = "host";
  host.style.cssText = `margin: 40px 60px; width: 1000px; background: ${background}`;
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = sheet;
  const place = document.createElement("div");
  root.append(style, place);
  globalThis.looked = [];
  for (const name of ["querySelector", "querySelectorAll", "getElementById", "getElementsByClassName", "getElementsByTagName", "elementFromPoint"]) {
    const found = document[name].bind(document);
    document[name] = (...asked) => { looked.push(`${name}(${asked})`); return found(...asked); };
  }
  for (const target of [document, globalThis]) target.addEventListener = (type) => looked.push(`addEventListener(${type})`);
  globalThis.shadowView = amlab.mount(amlab.View, place, source);
  for (const target of [document, globalThis]) delete target.addEventListener; // Playwright listens too
}"""

# A view whose model is given by the test: `answers` lets what was asked for be answered.
AS_WIDGET = """([script, packet]) => {
  document.querySelector(".amlab").__view.destroy();
  const asked = (globalThis.asked = []), heard = {}, traits = { _desk_id: "silent", _options: {}, _focus: { by: "python", n: 0 } };
  const model = {
    get: (name) => traits[name], set: (name, value) => (traits[name] = value), save_changes: () => {},
    on: (name, act) => (heard[name] = act), off: () => {}, send: (message) => asked.push(message),
  };
  globalThis.answers = () => heard["msg:custom"]({ amlab: "records", what: { first: 0 } }, [Uint8Array.from(atob(packet), (c) => c.charCodeAt(0))]);
  const widget = new Function(`${script.replace("export default", "return")}`)();
  const el = document.body.appendChild(document.createElement("div"));
  globalThis.end = widget.render({ model, el });
  globalThis.shadowView = el.querySelector(".amlab").__view;
}"""


@pytest.fixture(scope="module")
def parcels():
    return Session.open(EXPORTS / "parcels.msgpack.br")


@pytest.fixture
def shadow(page_of, parcels):
    """`shadow(view, background)` is a page with a view in a shadow root, once it has drawn."""

    def opened(view, background="#ffffff", **about):
        page = page_of(parcels, view, size=(1280, 1000), **about)
        page.evaluate(INTO_SHADOW, background)
        until(page, f"{DESK}.isLoaded && !shadowView.frame")
        return page

    return opened


@pytest.mark.parametrize("view", ["timeline", "tree", "debugger"])
def test_a_view_in_a_shadow_root_draws_and_takes_keys_and_mouse(shadow, view):
    page = shadow(view)
    root = page.locator(f"#host .amlab-{view}").first
    assert root.evaluate("el => el.getRootNode() instanceof ShadowRoot")
    assert root.evaluate("el => getComputedStyle(el).display") == "flex"  # the sheet inside of the root reaches it
    assert root.bounding_box()["height"] > 120
    root.focus()
    page.keyboard.press("e")
    position = page.evaluate(f"{DESK}.position")
    assert position >= 0
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{DESK}.position") < position
    page.keyboard.press("End")
    until(page, f"!shadowView.frame && {DESK}.wanted.size === 0")
    if view != "tree":
        inks = """el => [...el.querySelectorAll("canvas")].filter((c) => c.width > 300).map((c) =>
          new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size)"""
        assert max(root.evaluate(inks)) > 8
    else:
        assert root.locator('[role="treeitem"]').count() > 3
    assert page.evaluate("looked") == []


@pytest.mark.parametrize("view", ["timeline", "tree", "debugger"])
def test_help_opens_in_the_shadow_root_and_takes_the_keyboard(shadow, view):
    page = shadow(view)
    root = page.locator(f"#host .amlab-{view}").first
    root.focus()
    page.keyboard.press("?")
    found = root.locator("> .am-help")
    assert found.is_visible()
    assert found.evaluate("el => el.getRootNode().activeElement === el")
    page.keyboard.press("Escape")
    assert found.count() == 0
    assert root.evaluate("el => el.getRootNode().activeElement === el")
    assert page.evaluate("looked") == []


@pytest.mark.parametrize("view", ["timeline", "debugger"])
def test_a_click_moves_and_a_tooltip_stands_beside_the_pointer(shadow, view):
    page = shadow(view)
    timeline = page.locator("#host .amlab-timeline").first
    spot = timeline.evaluate(
        """el => {
          const { rows, scroller, stage, scale, desk, view } = el.__view;
          const row = 0, box = stage.getBoundingClientRect();
          const m = desk.data.machines[rows.machine.a[row]];
          const x = view.x(scale.u.a[m.positions.a[0]]) + 0.5;
          return [box.left + x, box.top + rows.top.a[row] + rows.heightOf(row) / 2 - scroller.scrollTop];
        }"""
    )
    page.mouse.move(*spot)
    tip = timeline.locator(".tl-tip")
    tip.wait_for(state="visible")
    box, inside = tip.bounding_box(), timeline.bounding_box()
    assert abs(box["x"] - spot[0]) < 40
    assert 0 < box["y"] - spot[1] < 40 or 0 < spot[1] - box["y"] - box["height"] < 40
    assert inside["x"] <= box["x"] and box["x"] + box["width"] <= inside["x"] + inside["width"]  # noqa: PT018
    page.mouse.click(*spot)
    assert page.evaluate(f"{DESK}.position") >= 0
    assert page.evaluate("looked") == []


@pytest.mark.parametrize(
    ("background", "theme"),
    [
        ("#ffffff", "light"),
        ("#111827", "dark"),
        ("color(srgb 1 1 1)", "light"),
        ("color(srgb 0.05 0.06 0.09)", "dark"),
        ("oklch(0.98 0 0)", "light"),
        ("oklch(0.2 0.02 260)", "dark"),
        ("lab(97 0 0)", "light"),
    ],
)
def test_the_theme_is_that_of_what_stands_behind_the_shadow_root(shadow, background, theme):
    page = shadow("transport", background, dark=theme == "light")  # the system's own wish is the other one
    assert page.evaluate("shadowView.root.dataset.theme") == theme
    other = {"light": "#101010", "dark": "#fafafa"}[theme]
    page.evaluate("(colour) => (shadowView.el.getRootNode().host.style.background = colour)", other)
    page.evaluate("shadowView.root.dispatchEvent(new PointerEvent('pointerenter'))")
    assert page.evaluate("shadowView.root.dataset.theme") != theme


@pytest.fixture
def unanswered(parcels, chromium):
    """`unanswered(view)` is a page with a view as a widget whose kernel says nothing until `answers()`."""
    pages = []
    wrong = []

    def opened(view):
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.clock.install()
        page.set_content(
            "<div class='amlab'></div><script>document.querySelector('.amlab').__view={destroy(){}}</script>"
        )
        page.evaluate(AS_WIDGET, [bundle(view), b64encode(records_packet(parcels)).decode()])
        return page

    yield opened
    for page in pages:
        page.close()
    assert wrong == []


@pytest.mark.parametrize("view", [name for name in view_names() if name != "filters"])
def test_a_view_that_no_kernel_answers_says_what_to_do_and_recovers(unanswered, view):
    page = unanswered(view)
    text = "shadowView.root.textContent"
    assert page.evaluate("asked[0]") == {"amlab": "records", "what": {"first": 0}}
    until(page, f"{text}.includes('Waiting for records')")
    assert NO_KERNEL not in page.evaluate(text)
    page.clock.fast_forward(5100)
    until(page, f"{text}.includes('{NO_KERNEL}') && !{text}.includes('Waiting for records')")
    page.evaluate("answers()")
    until(page, f"{DESK}.isLoaded && !{text}.includes('{NO_KERNEL}')")
    assert page.evaluate(f"{DESK}.data.count") > 600
    page.clock.fast_forward(60_000)
    assert page.evaluate(f"{DESK}.isSilent") is False


def test_a_page_that_is_not_looked_at_is_patient(unanswered):
    page = unanswered("transport")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.fast_forward(60_000)
    assert page.evaluate(f"{DESK}.isSilent") is False
    page.evaluate("delete document.hidden")
    page.clock.fast_forward(5100)
    until(page, f"{DESK}.isSilent")


def test_a_view_that_is_gone_waits_for_nobody(unanswered):
    page = unanswered("transport")
    page.evaluate("globalThis.kept = shadowView.desk; end()")
    page.clock.fast_forward(60_000)
    assert page.evaluate("kept.isSilent") is False


def test_any_answer_is_an_answer(unanswered):
    page = unanswered("transport")
    page.clock.fast_forward(5100)
    until(page, f"{DESK}.isSilent")
    page.evaluate(f"{DESK}.receive('error', {{ text: 'no records: the file is gone' }})")
    assert page.evaluate(f"[{DESK}.isSilent, {DESK}.error]") == [False, "no records: the file is gone"]
