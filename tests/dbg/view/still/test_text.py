"""What the texts of views say of a session that is known."""

from amlab.dbg.view.still import still_of
from tests.dbg.session.samples import small
from tests.dbg.view.still.sessions import shipped


def told(view, address, **focus):
    session = small()
    position = -1 if address is None else session.cursor(address).position
    return still_of(session, view, focus={"position": position, **focus}).text


def test_the_tree_marks_what_was_entered_left_and_refused():
    assert "+ Ready" in told("tree", "mach://root/r1")
    assert "- Ready" in told("tree", "mach://root/r5")
    refused = told("tree", "mach://root/12")
    assert "✕ Start" in refused
    assert "called, refused" in refused
    assert "requires Ready" in refused


def test_the_tree_of_a_schema_that_was_not_recorded_says_so():
    from tests.dbg.view.samples import odd_session

    session = odd_session()
    assert "no schema was recorded" in still_of(session, "tree", focus={"machine": "bare"}).text


def test_the_reader_names_source_effects_queue_and_arguments():
    text = told("reader", "mach://root/r1")
    assert "queued as mach://root/@0" in text
    assert "who = me" in text
    assert "ReadyState" in text
    text = told("reader", "mach://root/r2")
    assert "Caused" in text
    assert "mach://leaf%2F1/l1" in text
    assert "Source" in told("reader", "mach://leaf%2F1/l1")


def test_the_log_stops_at_the_cursor_and_counts_lines_above_the_level():
    text = told("log", "mach://root/r2")
    assert "[state] +Ready" in text
    assert "leaf" not in text
    session = small()
    focus = {"position": session.cursor("mach://root/r1").position, "filters": {"level": 2}}
    text = still_of(session, "log", focus=focus).text
    assert "[state] +Ready" in text
    assert "ReadyState" not in text
    assert "1 line above level 2 hidden here" in text


def test_the_list_of_machines_is_a_tree_with_errors_and_what_is_left():
    text = told("machines", "mach://root/r1")
    lines = text.splitlines()
    assert lines[0] == "Machines: 2 machines, 8 records, 2 levels"
    root, leaf = (next(line for line in lines if name in line) for name in ("root", "leaf/1"))
    assert "◆ 1" in root
    assert leaf.startswith("  leaf/1")


def test_the_transport_tells_where_it_stands_and_what_happened():
    text = told("transport", "mach://root/r1", bookmarks=[2, 5])
    assert "mach://root/r1" in text.splitlines()[0]
    assert "executed root add Ready +Ready" in text
    assert "bookmarks: 3, 6" in text
    assert "before the first of 8 records" in told("transport", None)


def test_the_sequence_draws_an_arrow_from_cause_to_effect():
    lines = told("sequence", "mach://leaf%2F1/l1").splitlines()
    assert "  A root" in lines
    assert "  B leaf/1" in lines
    assert any("├──>●" in line and "add Start" in line and line.endswith("<") for line in lines)


def test_the_timeline_counts_errors_and_cancels_by_machine():
    session = shipped("pool-crash")
    text = still_of(session, "timeline", focus={"machine": "supervisor"}).text
    lane = next(line for line in text.splitlines() if line.startswith("supervisor"))
    counts = session.machines["supervisor"].counts
    assert lane.endswith(f" {counts['txs']}  ◆ {counts['errors']}  ✕ {counts['canceled']}")
    shown, left_out = 14, [m for m in session.machines.values() if len(m)]
    assert f"{len(left_out) - shown} more machines with " in text


def test_the_chosen_state_stands_among_the_bars_of_the_timeline():
    session = shipped("pool-crash")
    m = session.machines["supervisor"]
    for state in (s for s in m.states if len(m.changes(s)[0])):
        text = still_of(session, "timeline", focus={"machine": "supervisor", "state": state}).text
        assert any(line.strip().startswith(f"{state} ") for line in text.splitlines())
