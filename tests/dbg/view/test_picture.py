"""A picture shows itself, saves itself, and tells what cannot be."""

import base64
import re

import pytest

from amlab.dbg.view import Graph, Node, Picture, draw_machines, draw_schema, draw_steps
from amlab.errors import UsageError
from tests.dbg.view.samples import WORKER, Drawn, chain_session, worker


def test_a_notebook_gets_an_image_the_svg_and_a_text():
    picture = draw_schema(WORKER)
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["text/html", "image/svg+xml", "text/plain"]
    assert bundle["image/svg+xml"] == picture.svg == picture._repr_svg_()
    assert bundle["text/plain"] == picture.text == str(picture)
    data = re.fullmatch(r'<img alt="schema" src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)">', bundle["text/html"])
    assert base64.b64decode(data.group(1)).decode() == picture.svg


def test_a_notebook_may_ask_for_some_of_it():
    picture = draw_schema(WORKER)
    assert list(picture._repr_mimebundle_(include={"text/plain"})) == ["text/plain"]
    assert "text/html" not in picture._repr_mimebundle_(exclude=["text/html"])


def test_ipython_shows_it():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(draw_schema(WORKER))
    assert data["image/svg+xml"].startswith("<svg ")
    assert data["text/plain"].startswith("schema\n")


def test_titles_are_escaped_in_html():
    odd = Picture(Graph('a"><script>', (Node("a", "a"),)))
    assert '<img alt="a&quot;&gt;&lt;script&gt;" src=' in odd.html


@pytest.mark.parametrize(
    ("ending", "start"),
    [("svg", "<svg "), ("dot", "digraph {"), ("gv", "digraph {"), ("mmd", "---"), ("txt", "schema")],
)
def test_it_is_saved_by_ending(tmp_path, ending, start):
    path = draw_schema(WORKER).save(tmp_path / f"p.{ending}")
    data = path.read_bytes()
    assert data.decode().startswith(start)
    assert data.endswith(b"\n")
    assert b"\r" not in data


def test_what_cannot_be_saved_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"known are \.svg, \.dot, \.gv, \.mmd, \.txt"):
        draw_schema(WORKER).save(tmp_path / "p.png")
    with pytest.raises(UsageError, match="cannot write"):
        draw_schema(WORKER).save(tmp_path / "none" / "p.svg")


def test_layouts_and_limits_that_cannot_be_are_told_at_once():
    with pytest.raises(UsageError, match="did you mean 'layered'"):
        draw_schema(WORKER, layout="layred")
    for limit in (0, -1, float("nan"), 1e9):
        with pytest.raises(UsageError, match="time_limit_s"):
            draw_schema(WORKER, time_limit_s=limit)


def test_it_is_short_in_a_list():
    assert repr(draw_schema(WORKER)) == "<Picture 'schema': 9 nodes, 9 edges>"


def test_a_picture_of_a_machine_stays_as_it_was_when_it_was_asked_for():
    machine, _ = worker()
    picture = draw_schema(machine)
    machine.add("Start")
    assert Drawn(picture.svg).nodes["Start"] == "inactive"


def test_formats_are_made_once():
    picture = draw_machines(chain_session())
    assert picture.svg is picture.svg
    assert picture.text is picture.text


def test_the_calls_draw_what_they_say():
    machine, txs = worker()
    machine.add("Start")
    assert draw_steps(txs[0]).graph.title == "worker: add Start"
    assert draw_machines([machine]).graph.title == "machines"
    assert draw_schema(machine).graph.title == "worker"
