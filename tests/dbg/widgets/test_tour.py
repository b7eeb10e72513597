"""A tour goes through places: by its list, its slider, or Python; views move along, here and in a real kernel."""

import asyncio
import gc
import json
import weakref

import ipywidgets
import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_core.utils import ensure_event_loop

from amlab.dbg.widgets import Desk
from amlab.errors import UsageError
from tests.dbg.session.samples import small
from tests.test_layers import ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
PLACES = {"first": "mach://root/r1", "then": "mach://root/r2", "last": 6}


@pytest.fixture
def desk():
    return Desk(small())


@pytest.fixture
def tour(desk):
    made = desk.tour(PLACES)
    yield made
    made.close()


def standing(tour):
    """Where all parts of a tour say that they are."""
    return tour.at, tour.slider.value, tour.chooser.value, tour.desk.position


def test_it_begins_at_its_first_place_and_goes_where_it_is_told(tour, desk):
    first = desk.session.transitions.position(desk.session.get("mach://root/r1"))
    then = desk.session.transitions.position(desk.session.get("mach://root/r2"))
    assert standing(tour) == (0, 0, 0, first)
    tour.go(1)
    assert standing(tour) == (1, 1, 1, then)
    tour.slider.value = 2  # as the player does
    assert standing(tour) == (2, 2, 2, 6)
    tour.chooser.value = 0
    assert standing(tour) == (0, 0, 0, first)


def test_who_moves_a_view_leaves_it_and_comes_back_by_the_list(tour, desk):
    tour.go(2)
    desk.position = 0 if tour._positions[0] else 5
    assert tour.at == -1
    assert tour.chooser.value is None
    tour.chooser.value = 2
    assert standing(tour) == (2, 2, 2, 6)
    desk.show("mach://root/r2")  # one of its places, found otherwise
    assert tour.at == tour.chooser.value == 1


def test_places_may_be_the_same_and_are_still_gone_through(desk):
    tour = desk.tour({"a": 3, "b": 3, "c": 4})
    for number in (1, 2, 0, 1):
        tour.slider.value = number
        assert standing(tour) == (number, number, number, 4 if number == 2 else 3)


def test_the_player_and_the_slider_are_joined_in_the_browser_so_that_it_plays_while_the_kernel_is_busy(tour):
    assert isinstance(tour.player, ipywidgets.Play)
    assert tour.player.max == tour.slider.max == 2
    assert tour.player.interval == 2000
    assert tour._joint.source == (tour.player, "value")
    assert tour._joint.target == (tour.slider, "value")


def test_views_stand_side_by_side_and_are_of_one_desk(desk):
    views = desk.timeline(rpc=False), desk.tree()
    tour = desk.tour(PLACES, *views)
    assert tour.children[1].children == views
    assert isinstance(tour.children[1], ipywidgets.HBox)
    with pytest.raises(UsageError, match="another desk"):
        desk.tour(PLACES, Desk(small()).tree())


def test_without_views_there_is_a_timeline(tour):
    assert [view.kind for view in tour.views] == ["timeline"]


def test_transitions_name_themselves(desk):
    tour = desk.tour([desk.session.get("mach://root/r1"), "mach://root/r2", 5])
    tx = desk.session.get("mach://root/r1")
    assert tour.labels == (f"root: {tx.kind.name.lower()} {' '.join(tx.called)}", "mach://root/r2", "5")


def test_what_stands_beside_it_is_where_it_goes_and_a_picture_of_the_first_view(tour):
    data, _ = tour._repr_mimebundle_()
    assert set(data) == {WIDGET, "image/png", "text/plain"}
    assert data["text/plain"] == "A tour of 3 places\n1  first\n2  then\n3  last"
    assert set(tour._repr_mimebundle_(include=["text/plain"])[0]) == {"text/plain"}
    assert set(tour._repr_mimebundle_(exclude=[WIDGET])[0]) == {"image/png", "text/plain"}


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({}, "needs a place"),
        ([], "needs a place"),
        (["mach://nobody/1"], "nobody"),
        ({"x": "mach://root/none"}, "none"),
    ],
)
def test_places_that_cannot_be_are_refused(places, words, desk):
    with pytest.raises(UsageError, match=words):
        desk.tour(places)


def test_a_number_that_is_no_place_is_refused(tour):
    with pytest.raises(UsageError, match="no place 3 in a tour of 3"):
        tour.go(3)
    with pytest.raises(UsageError, match="no place -1"):
        tour.go(-1)


def test_a_closed_tour_is_let_go_of_and_the_desk_goes_on(desk):
    tour = desk.tour(PLACES)
    gone = weakref.ref(tour)
    tour.close()
    assert desk.views == []
    desk.position = 1
    del tour
    gc.collect()
    assert gone() is None


def test_in_a_kernel_a_front_end_moves_python_and_python_the_front_end():
    manager, client = start_new_kernel(cwd=str(ROOT))
    try:
        shown = run(
            client,
            "from amlab import Session\n"
            "session = Session.open('exports/parcels.msgpack.br')\n"
            "rows, ticks = session.machines['supervisor'].changes('ErrWorker')\n"
            "tour = session.tour([session.machines['supervisor'][int(row)] for row in rows], session.tree())\n"
            "print(tour.slider.comm.comm_id)\n"
            "tour",
        )
        (slider,) = [m["content"]["text"].strip() for m in shown if m["msg_type"] == "stream"]
        (result,) = [m["content"]["data"] for m in shown if m["msg_type"] == "execute_result"]
        assert result["text/plain"].startswith("A tour of 2 places\n1  supervisor: add ErrWorker Exception\n")
        assert WIDGET in result
        client.shell_channel.send(
            client.session.msg(
                "comm_msg",
                {"comm_id": slider, "data": {"method": "update", "state": {"value": 1}, "buffer_paths": []}},
            )
        )
        told = run(client, "print(tour.at, session.desk.tx.kind.name, *session.desk.tx.called)")
        assert text_of(told) == "1 REMOVE Exception ErrWorker"
        told = run(client, "tour.go(0)\nprint(session.desk.tx.kind.name)")
        assert text_of(told) == "ADD"
        updates = [m["content"]["data"]["state"] for m in told if m["msg_type"] == "comm_msg" and is_of(m, slider)]
        assert {"value": 0} in updates
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        ensure_event_loop().close()  # which the client made for itself
        asyncio.set_event_loop(None)


def run(client, code):
    """All that a kernel says while it runs some code."""
    said = []
    reply = client.execute_interactive(code, timeout=60, output_hook=said.append)
    assert reply["content"]["status"] == "ok", json.dumps(reply["content"])
    return said


def text_of(said):
    return "".join(m["content"]["text"] for m in said if m["msg_type"] == "stream").strip()


def is_of(message, comm_id):
    return message["content"]["comm_id"] == comm_id and "state" in message["content"]["data"]
