"""Signs of the matrix against what each record says of itself."""

import pytest

from amlab.dbg.view.still import still_of
from tests.dbg.view.still.sessions import shipped


def expected(tx, state):
    if state in tx.entered:
        return "+"
    if state in tx.exited:
        return "-"
    if state in tx.states_after:
        return "1"
    return "|" if state in tx.called else "."


@pytest.mark.parametrize(
    ("name", "key"), [("pool-crash", "supervisor"), ("pool-crash", "client-1"), ("flood", "crossing")]
)
def test_each_sign_is_what_the_record_did(name, key):
    session = shipped(name)
    m = session.machines[key]
    at = len(m) // 2
    focus = {"position": session.transitions.position(m[at])}
    lines = still_of(session, "matrix", focus=focus).text.splitlines()
    marks, rows, here = lines[1], lines[2:], next(line for line in lines if line.rstrip().endswith(f"^ {at}"))
    left = marks.index(" ") + 1
    left = len(marks) - len(marks[left:].lstrip())
    first = at - (here.index("^") - left)
    count = len(marks) - left
    seen = 0
    for row in rows:
        state = row.split(" ")[0]
        if state not in m.states or "^" in row:
            continue
        seen += 1
        assert row[left:] == "".join(expected(m[first + k], state) for k in range(count)), state
    assert seen > 3


def test_the_cursor_stands_below_its_record():
    session = shipped("pool-crash")
    m = session.machines["supervisor"]
    for at in (0, 5, len(m) - 1):
        text = still_of(session, "matrix", focus={"position": session.transitions.position(m[at])}).text
        assert f"^ {at}\n" in text + "\n"


def test_states_that_rest_are_counted():
    text = still_of(shipped("pool-crash"), "matrix", focus={"position": 500}).text
    assert "states that stay as they are, or do not fit, not shown" in text
