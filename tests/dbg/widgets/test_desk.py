"""The shared cursor in Python: traits, observers, callbacks on a loop, what pages send, what closing frees."""

import asyncio
import gc
import threading
import weakref

import pytest
import traitlets

from amlab.dbg import Session
from amlab.dbg.widgets.desk import FOCUS, Desk
from amlab.dbg.widgets.view import view_class
from amlab.errors import UsageError
from tests.dbg.session.samples import small


@pytest.fixture
def desk():
    return Desk(small())


def view_of(desk, **options):
    """A view of the desk, and what it sent to its page."""
    view = view_class("transport")(desk, **options)
    sent = []
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    return view, sent


def test_the_cursor_stands_where_the_traits_say(desk):
    assert desk.tx is None
    desk.position = 2
    assert desk.cursor.position == 2
    assert desk.tx == desk.session.transitions[2]


@pytest.mark.parametrize(("place", "position"), [("mach://root/r2", 3), (4, 4), (-9, -1), (10_000, 7)])
def test_show_takes_addresses_and_positions(desk, place, position):
    desk.show(place)
    found = desk.session.cursor(place).position if isinstance(place, str) else position
    assert desk.position == found


def test_show_takes_a_machine_and_a_transition(desk):
    tx = desk.session.machines["leaf/1"][1]
    desk.show(tx)
    assert desk.tx == tx
    desk.show("mach://leaf%2F1")
    assert desk.tx == tx.machine[0]


def test_show_chooses_the_machine_and_lets_go_of_the_state_of_the_one_before(desk):
    root, leaf = desk.session.machines["root"], desk.session.machines["leaf/1"]
    desk.show(root[0])
    desk.state = root.states[0]
    desk.show(root[1])
    assert (desk.machine, desk.state) == (root.key, root.states[0])
    desk.show(leaf[0])
    assert (desk.machine, desk.state) == (leaf.key, "")
    desk.show(-1)
    assert desk.machine == leaf.key


def test_show_refuses_what_is_not_there(desk):
    with pytest.raises(UsageError, match="No transition 'nope'"):
        desk.show("mach://root/nope")
    with pytest.raises(UsageError, match="another session"):
        desk.show(small().machines["root"][0])


def test_filters_that_are_none_are_refused_by_the_trait(desk):
    with pytest.raises(traitlets.TraitError, match="no filter 'atuo'"):
        desk.filters = {"atuo": False}
    desk.filters = {"auto": False}
    assert desk.filters["auto"] is False
    assert desk.filters["canceled"] is True


def test_a_move_in_python_is_told_to_all_views_once(desk):
    views = [view_of(desk)[0] for _ in range(3)]
    told = []
    for view in views:
        view.observe(lambda change: told.append(change["new"]), "_focus")
    desk.position = 3
    assert [t["position"] for t in told] == [3, 3, 3]
    assert {t["by"] for t in told} == {"python"}
    assert len({t["n"] for t in told}) == 1


def test_a_move_in_a_page_sets_the_traits_and_is_told_to_other_pages(desk):
    one, other = view_of(desk)[0], view_of(desk)[0]
    seen = []
    desk.observe(lambda change: seen.append((change["name"], change["new"])), FOCUS)
    one._focus = {**desk.focus, "position": 5, "range": [1, 4], "by": "page-1", "n": 9}
    assert desk.position == 5
    assert desk.range == (1, 4)
    assert ("position", 5) in seen
    assert other._focus["position"] == 5
    assert other._focus["by"] == "page-1"


def test_a_page_is_told_where_an_observer_moved_on(desk):
    one, other = view_of(desk)[0], view_of(desk)[0]
    desk.observe(lambda change: setattr(desk, "step", 1), "position")
    one._focus = {**desk.focus, "position": 5, "by": "page-1", "n": 9}
    for view in (one, other):
        assert (view._focus["position"], view._focus["step"], view._focus["by"]) == (5, 1, "python")


def test_what_a_page_sends_again_changes_nothing(desk):
    view, _ = view_of(desk)
    seen = []
    desk.observe(seen.append, FOCUS)
    view._focus = {**desk.focus, "by": "page-1", "n": 1}
    view._focus = {**desk.focus, "by": "page-1", "n": 2}
    assert seen == []


def test_nonsense_from_a_page_is_shown_and_does_no_harm(desk):
    view, sent = view_of(desk)
    view._focus = {"position": "far", "filters": {"atuo": 1}, "step": 2, "by": "page-1", "n": 1}
    assert desk.position == -1
    assert desk.step == 2
    assert [content["amlab"] for content, _ in sent] == ["error", "error"]


def test_an_observer_that_raises_shows_its_error_in_the_views(desk):
    view, sent = view_of(desk)

    def broken(change):
        raise ValueError("no such luck")

    desk.observe(broken, "position")
    view._focus = {**desk.focus, "position": 2, "by": "page-1", "n": 1}
    assert desk.error.startswith("ValueError: no such luck (test_desk.py, line ")
    assert sent[-1][0] == {"amlab": "error", "what": {"text": f"A callback failed: {desk.error}"}}


def test_callbacks_run_on_the_loop_that_was_asked_for(desk):
    async def main():
        loop = asyncio.get_running_loop()
        got = loop.create_future()
        here = threading.get_ident()

        async def moved(position):
            got.set_result((position, threading.get_ident() == here))

        stop = desk.on("position", moved, loop=loop)
        worker = threading.Thread(target=desk.show, args=(3,))
        worker.start()
        worker.join()
        assert await asyncio.wait_for(got, 5) == (3, True)
        stop()
        desk.position = 4
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_coroutine_that_fails_on_a_loop_shows_its_error(desk):
    async def main():
        failed = asyncio.Event()
        desk.observe(lambda change: failed.set(), "error")

        async def moved(position):
            raise KeyError("lost")

        desk.on("position", moved, loop=asyncio.get_running_loop())
        desk.position = 1
        await asyncio.wait_for(failed.wait(), 5)
        assert "KeyError: 'lost'" in desk.error

    asyncio.run(main())


def test_a_plain_callback_stops_when_told(desk):
    got = []
    stop = desk.on(["position", "machine"], got.append)
    desk.position = 1
    desk.machine = "root"
    stop()
    desk.position = 2
    assert got == [1, "root"]


def test_pages_get_records_details_and_addresses(desk):
    view, sent = view_of(desk)
    view._asked(view, {"amlab": "records", "what": {"first": 0}}, None)
    view._asked(view, {"amlab": "details", "what": {"machine": "root", "number": 0, "block": 0}}, None)
    view._asked(view, {"amlab": "find", "what": {"address": "mach://root/r2"}}, None)
    (records, buffers), (details, _), (found, _) = sent
    assert records == {"amlab": "records", "what": {"first": 0}}
    assert buffers == [desk.packet(0)]
    assert [r["address"] for r in details["what"]["records"]] == [tx.address for tx in desk.session.machines["root"]]
    assert found == {"amlab": "focus", "what": {"position": desk.session.cursor("mach://root/r2").position}}


@pytest.mark.parametrize(
    "message",
    [
        {"amlab": "nothing", "what": {}},
        {"amlab": "details", "what": {"machine": "nobody", "number": 0, "block": 0}},
        {"amlab": "records", "what": {"first": "x"}},
        {"amlab": "find", "what": {"address": "mach://root/none"}},
    ],
)
def test_what_cannot_be_answered_is_answered_with_an_error(desk, message):
    view, sent = view_of(desk)
    view._asked(view, message, None)
    assert [content["amlab"] for content, _ in sent] == ["error"]


@pytest.mark.parametrize("message", [None, "text", {}, {"other": 1}])
def test_messages_of_others_are_left_alone(desk, message):
    view, sent = view_of(desk)
    view._asked(view, message, None)
    assert sent == []


def test_a_closed_view_is_told_nothing_more(desk):
    view, _ = view_of(desk)
    view.close()
    desk.position = 3
    assert view._focus["position"] == -1
    assert desk.views == []


def test_closing_frees_views_and_dropping_a_session_frees_its_desk():
    session = small()
    view = session.transport()
    watched = [weakref.ref(view), weakref.ref(session.desk), weakref.ref(session)]
    view.close()
    del view
    gc.collect()
    assert watched[0]() is None
    assert session.desk.views == []
    del session
    gc.collect()
    assert [ref() for ref in watched] == [None, None, None]


def test_views_of_a_session_share_one_desk():
    session = small()
    assert session.desk is session.desk
    one, other = session.transport(), session.transport(at=3)
    assert one.desk is other.desk is session.desk
    assert one.position == other.position == 3
    one.position = 5
    assert other.position == session.desk.position == 5


def test_a_desk_can_be_made_for_a_session_that_is_empty():
    session = Session()
    desk = Desk(session)
    desk.show(10)
    assert desk.position == -1
    assert desk.tx is None
