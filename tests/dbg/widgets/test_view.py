"""A view as notebooks see it: what it is asked for, what stands beside it, what it says of itself."""

import base64
import re

import pytest

from amlab.dbg.view.still import STILLS, still_of
from amlab.dbg.widgets import Desk, View
from amlab.dbg.widgets.bundle import VIEWS, view_names
from amlab.dbg.widgets.desk import _OPTIONS
from amlab.dbg.widgets.view import view_class
from amlab.errors import UsageError
from tests.dbg.session.samples import small
from tests.dbg.view.still.sessions import hostile, shipped

WIDGET = "application/vnd.jupyter.widget-view+json"
SAFE = {WIDGET, "image/png", "text/html", "text/plain"}
"""What JupyterLab shows of an untrusted notebook, and the widget."""


@pytest.fixture
def view():
    return Desk(small()).transport(at="mach://root/r2")


def bundle_of(view, **wanted):
    data, metadata = view._repr_mimebundle_(**wanted)
    assert isinstance(metadata, dict)
    return data


def test_a_picture_and_a_text_of_the_same_moment_stand_beside_the_widget(view):
    data = bundle_of(view)
    assert set(data) == SAFE
    assert data[WIDGET]["model_id"] == view.model_id
    still = still_of(view.desk.session, "transport", focus=view.desk.focus)
    assert data["image/png"] == still.png
    assert data["text/plain"] == still.text
    assert "mach://root/r2" in data["text/plain"]


def test_the_html_is_one_image_with_words_and_nothing_else(view):
    html = bundle_of(view)["text/html"]
    found = re.fullmatch(r'<img alt="([^"]+)" [^<>]* src="data:image/png;base64,([A-Za-z0-9+/=]+)">', html)
    assert found.group(1).startswith("Transport: record 3 of 8, mach://root/r2")
    assert base64.b64decode(found.group(2)) == bundle_of(view)["image/png"]


def test_the_picture_moves_with_the_cursor(view):
    before = bundle_of(view)
    view.desk.show("mach://root/r5")
    after = bundle_of(view)
    assert before["image/png"] != after["image/png"]
    assert "mach://root/r5" in after["text/plain"]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"include": {"text/plain"}}, {"text/plain"}),
        ({"include": {WIDGET}}, {WIDGET}),
        ({"exclude": {"image/png"}}, SAFE - {"image/png"}),
        ({"exclude": {WIDGET, "text/html"}}, {"image/png", "text/plain"}),
        ({"include": None, "exclude": None}, SAFE),
    ],
)
def test_only_what_is_asked_for_is_given(view, wanted, kinds):
    assert set(bundle_of(view, **wanted)) == kinds


def test_without_pillow_the_picture_is_an_svg_in_an_image(view, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.ImageFont", None)
    data = bundle_of(view)
    assert "image/png" not in data
    assert "image/svg+xml" not in data
    assert 'src="data:image/svg+xml;base64,' in data["text/html"]


def test_a_picture_that_fails_leaves_the_widget(view, monkeypatch):
    def broken(*args, **more):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("amlab.dbg.widgets.stills.still_of", broken)
    data = bundle_of(view)
    assert set(data) == {WIDGET, "text/plain"}
    assert "ZeroDivisionError: oh" in data["text/plain"]


def test_names_are_never_markup():
    session = hostile()
    data = bundle_of(session.transport(at=2))
    assert "<script" not in data["text/html"]


def test_a_view_says_what_it_is_without_an_address(view):
    assert repr(view) == "<TransportView of a session>"


def test_a_view_is_short_for_its_desk(view):
    view.position = 1
    assert view.desk.position == view.position == 1
    view.show("mach://root/r1")
    assert view.desk.tx.id == "r1"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        view.nothing


def test_a_view_holds_no_records():
    session = shipped("pool-crash")
    view = session.transport()
    state = {k: v for k, v in view.get_state().items() if k not in {"_esm", "_css"}}
    assert len(repr(state)) < 2_000


def test_options_reach_the_page(view):
    made = view.desk.transport(height=300, title="mine")
    assert made._options == {"height": 300, "title": "mine"}
    assert view.desk.transport()._options == {}


def test_an_option_of_another_view_is_refused_and_its_own_is_taken(view):
    assert view.desk.matrix(changed_only=True)._options == {"changed_only": True}
    assert view.desk.timeline(axis="order", arrows=False)._options == {"axis": "order", "arrows": False}
    with pytest.raises(UsageError, match=r"matrix\(\) takes no 'axis'"):
        view.desk.matrix(axis="order")


def test_every_option_that_a_view_reads_can_be_given():
    for name in view_names():
        text = (VIEWS / f"{name}.js").read_text("utf-8")
        read = set(re.findall(r"options\.(\w+)", text)) - {"height", "title", "embedded"}
        assert read == set(_OPTIONS.get(name, ())), name


def test_filters_and_places_that_are_given_hold_for_all_views(view):
    view.desk.transport(at="mach://root/r5", auto=False, level=2, machine="leaf/1", state="Start")
    focus = view.desk.focus
    assert focus["position"] == view.desk.session.cursor("mach://root/r5").position
    assert (focus["machine"], focus["state"]) == ("leaf/1", "Start")
    assert (focus["filters"]["auto"], focus["filters"]["level"]) == (False, 2)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"atuo": False}, r"transport\(\) takes no 'atuo', did you mean 'auto'"),
        ({"auto": "no"}, "is no bool"),
        ({"at": "mach://nobody/1"}, "No machine 'nobody'"),
        ({"machine": "nobody"}, "No machine 'nobody'"),
        ({"machine": "root", "state": "Redy"}, "no state 'Redy', did you mean 'Ready'"),
        ({"state": "Redy"}, "did you mean 'Ready'"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_and_moves_nothing(wanted, words):
    desk = Desk(small())
    before = desk.focus
    with pytest.raises(UsageError, match=words):
        desk.transport(**wanted)
    assert desk.focus == before
    assert desk.views == []


def test_a_graph_of_another_kind_is_refused():
    with pytest.raises(UsageError, match="no graph 'tree'; there are schema, machines, steps"):
        Desk(small()).graph("tree")


def test_views_are_made_once_per_kind():
    assert view_class("transport") is view_class("transport")
    assert issubclass(view_class("transport"), View)
    assert view_class("transport").kind in STILLS
