"""The one order of all machines, cursors over it, and addresses."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amlab.dbg.session import Session, SessionBuilder, format_address, parse_address
from amlab.dbg.session.story import find_sources
from amlab.errors import UsageError
from tests.dbg.session.samples import small

EXPORTS = Path(__file__).resolve().parents[4] / "shared" / "exports"


@pytest.fixture(scope="module")
def session():
    return small()


def opened(name):
    path = EXPORTS / f"{name}.gob.br"
    if not path.exists():
        pytest.skip(f"the shared export {name} is not beside the checkout")
    return Session.open(path)


def ids(session):
    return [tx.id for tx in session.transitions]


def test_an_effect_never_stands_before_its_cause(session):
    assert ids(session) == ["", "r1", "r2", "l1", "l2", "r3", "12", "r5"]
    assert session.transitions.forced == 0


@pytest.mark.parametrize("name", ["node-payload", "secai-cook", "flood"])
def test_real_stories_keep_causes_and_each_machines_order(name):
    session = opened(name)
    story = session.transitions
    assert len(story) == sum(len(m) for m in session.machines.values())
    assert story.forced == 0
    for m in session.machines.values():
        positions = story.positions(m.number)
        assert (positions[1:] > positions[:-1]).all()
        assert (story.index[positions] == range(len(m))).all()
    sources = find_sources(session)
    assert len(sources) > 20
    for (m, i), (cause, k) in sources.items():
        assert story.positions(m)[i] > story.positions(cause)[k]


def test_sources_in_a_circle_are_cut_and_counted():
    builder = SessionBuilder()
    for name, other in (("a", "b"), ("b", "a")):
        m = builder.machine(name, ["A"])
        m.append(kind=0, called=[], clocks_after=[0], tx_id="x", time_ns=1, log=[(3, f"[source] {other}/x/0")])
    story = builder.build().transitions
    assert [tx.machine.id for tx in story] == ["a", "b"]
    assert story.forced == 1


def test_a_cursor_shows_the_state_of_all_machines(session):
    c = session.cursor()
    assert c.tx is None
    assert c.state == {"root": (), "leaf/1": ()}
    assert c.forward(4).state == {"root": ("Ready", "Tick"), "leaf/1": ("Start",)}
    assert c.clocks["root"].tolist() == [0, 0, 1, 1]
    assert c.back(2).tx.id == "r1"
    assert c.back(99).position == -1
    assert c.forward(99).tx.id == "r5"


def test_a_cursor_moves_within_one_machine(session):
    c = session.cursor("mach://root/r2")
    assert c.forward(machine="root").tx.id == "r3"
    assert c.back(2, machine="root").tx.id == "r1"
    assert session.cursor("mach://leaf%2F1/l2").back(machine="root").tx.id == "r2"
    assert session.cursor("mach://root/r1").forward(machine="leaf").tx.id == "l1"
    assert session.cursor("mach://leaf%2F1/l1").back(machine="leaf").position == -1


def test_a_cursor_goes_to_a_time(session):
    assert session.cursor(499).tx.id == "l2"
    assert session.cursor(500).tx.id == "r3"
    assert session.cursor(99).position == -1
    assert session.cursor(datetime(2000, 1, 1, tzinfo=UTC)).tx.id == "r5"


def test_a_cursor_jumps_between_changes_of_a_state(session):
    c = session.cursor()
    assert c.next_change("Ready").id == "r1"
    assert c.next_change("Ready").id == "r5"
    assert c.next_change("Ready") is None
    assert c.tx.id == "r5"
    assert c.prev_change("Ready").id == "r1"
    assert c.next_change("Start", machine="leaf").id == "l1"
    assert c.prev_change("Tick").id == "r2"
    with pytest.raises(UsageError, match="did you mean 'Ready'"):
        c.next_change("Reddy")


def test_seeking_agrees_with_stepping_through():
    session = opened("secai-cook")
    c = session.cursor()
    walked = [c.forward().state for _ in range(len(session.transitions))]
    rng = random.Random(3)
    for p in rng.sample(range(len(walked)), 100):
        assert session.cursor(session.transitions[p]).state == walked[p]
        tx = session.transitions[p]
        assert walked[p][tx.machine.key] == tx.states_after


@pytest.mark.parametrize("name", ["node-payload", "flood"])
def test_every_address_leads_back(name):
    session = opened(name)
    rng = random.Random(4)
    for p in rng.sample(range(len(session.transitions)), 300):
        tx = session.transitions[p]
        assert session.get(tx.address) == tx


def test_addresses_go_by_id_then_by_number(session):
    assert session.get("mach://root/12").index == 4
    assert session.get("mach://root/@1").id == "r1"
    assert session.get("mach://root/3").id == "r3"
    assert session.get("root/r1").id == "r1"
    assert session.machines["root"][0].address == "mach://root/@0"
    assert session.machines["leaf/1"][0].address == "mach://leaf%2F1/l1"


def test_addresses_are_encoded_and_parsed_back():
    for machine, tx in (("a/b", "c d"), ("ü", "%"), ("x", "-0"), ("m#2", "@5")):
        assert parse_address(format_address(machine, tx))[:2] == (machine, tx)
    assert parse_address("mach://m/@7") == ("m", "@7", 7)


def test_addresses_that_lead_nowhere_say_why(session):
    for address, hint in (
        ("mach://", "MACHINE/TX"),
        ("mach://a/b/c", "MACHINE/TX"),
        ("mach://root", "names a machine"),
        ("mach://root/r9", "r9"),
        ("mach://root/99", "99"),
        ("mach://rooot/r1", "did you mean 'root'"),
    ):
        with pytest.raises(UsageError, match=hint):
            session.get(address)
