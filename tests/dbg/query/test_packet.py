"""What pages are sent against what the session says, record by record."""

from functools import cache

import numpy as np
import pytest

from amlab.dbg import Session, SessionBuilder
from amlab.dbg.query.facts import find_source
from amlab.dbg.query.marks import EMPTY, ERROR, HEALTH, TIMELESS
from amlab.dbg.query.packet import pack, records_packet
from amlab.dbg.query.roles import ROLES
from tests.dbg.query.unpacking import ragged, unpack
from tests.dbg.session.samples import small
from tests.dbg.view.samples import odd_session
from tests.dbg.view.still.sessions import EXPORTS, hostile

NAMES = [path.name.partition(".")[0] for path in sorted(EXPORTS.glob("*.msgpack.br"))]
SESSIONS = {
    **{name: (lambda n=name: shipped(n)) for name in NAMES},
    "small": small,
    "odd": odd_session,
    "hostile": hostile,
}


@cache
def shipped(name):
    return Session.open(EXPORTS / f"{name}.msgpack.br")


def sample(session):
    """Positions to look at one by one: all of a small session, some of a big one."""
    n = len(session.transitions)
    return range(n) if n <= 2500 else range(0, n, 37)


@pytest.mark.parametrize("name", SESSIONS)
def test_every_array_is_what_the_session_says(name):
    session = SESSIONS[name]()
    story = session.transitions
    header, x = unpack(records_packet(session))
    assert (header["first"], header["count"], header["total"]) == (0, len(story), len(story))
    assert x["machine"].tolist() == story.machine.tolist()
    called = ragged(x["called"], x["called_ends"])
    changes = list(
        zip(ragged(x["change_state"], x["change_ends"]), ragged(x["change_tick"], x["change_ends"]), strict=True)
    )
    t0 = int(header["t0_ns"])
    for p in sample(session):
        tx = story[p]
        flags = int(x["flags"][p])
        assert [bool(flags & bit) for bit in (1, 2, 4, 8)] == [tx.accepted, tx.is_auto, tx.is_check, tx.is_queued]
        assert bool(flags & TIMELESS) == (tx.time_ns is None)
        assert int(x["kind"][p]) == int(tx.kind)
        assert int(x["queue_tick"][p]) == tx.queue_tick
        assert int(x["queue_len"][p]) == tx.queue_len
        assert int(x["logs"][p]) == len(tx.log) + len(tx.pre_log)
        if tx.time_ns is not None:
            assert abs(x["time"][p] - (int(story.time_ns[p]) - t0) / 1e6) < 1e-6
        states = tx.machine.states
        assert [states[s] for s in called[p] if s < len(states)] == [s for s in tx.called if s in states]
        link = tx.runs if tx.is_queued else tx.queued_by
        assert int(x["link"][p]) == (-1 if link is None else story.position(link))
        source = find_source(tx)
        assert int(x["source"][p]) == (-1 if source is None else story.position(source))
    for m in session.machines.values():
        clocks = np.zeros(len(m.states), dtype=np.int64)
        at = story.positions(m.number)
        step = max(1, len(m) // 300)
        for i in range(len(m)):
            states, ticks = changes[int(at[i])]
            clocks[states] = [int(t) for t in ticks]
            if i % step == 0:
                assert clocks.tolist() == m.clocks_at(i).tolist()


@pytest.mark.parametrize("name", SESSIONS)
def test_cards_tell_who_machines_are(name):
    session = SESSIONS[name]()
    cards = unpack(records_packet(session))[0]["machines"]
    assert [card["key"] for card in cards] == [k.encode("utf-8", "replace").decode() for k in session.machines]
    for card, m in zip(cards, session.machines.values(), strict=True):
        assert len(card["states"]) == len(m.states)
        assert card["role"] in ROLES
        assert card["has_schema"] == bool(m.schema_dict)
        for s, relations in card["relations"].items():
            told = m.schema_dict[m.states[int(s)]]
            for kind in ("require", "add", "remove", "after"):
                assert [m.states[i] for i in relations.get(kind, [])] == [
                    n for n in told.get(kind) or [] if n in m.states
                ]


@pytest.mark.parametrize("cut", [0, 1, 137, 999])
def test_packets_one_after_the_other_make_the_whole(cut):
    session = shipped("pool-crash")
    whole = unpack(records_packet(session))[1]
    first, rest = (unpack(p)[1] for p in (records_packet(session, 0, cut), records_packet(session, cut)))
    for name, values in whole.items():
        base = 0
        if name.endswith("_ends"):
            base = int(first[name][-1]) if cut else 0
        assert values.tolist() == [*first[name].tolist(), *(rest[name] + base).tolist()], name


def test_a_packet_past_the_end_is_empty():
    header, arrays = unpack(records_packet(shipped("pool-crash"), 10_000))
    assert header["count"] == 0
    assert all(len(values) == 0 for values in arrays.values())


def test_flags_tell_errors_health_and_what_changed_nothing():
    builder = SessionBuilder()
    m = builder.machine("m", ["Exception", "ErrIt", "Heartbeat", "A"])
    m.append(kind=0, called=[3], clocks_after=[0, 0, 0, 1])
    m.append(kind=0, called=[2], clocks_after=[0, 0, 1, 1], time_ns=5)
    m.append(kind=0, called=[3], clocks_after=[0, 0, 1, 1], time_ns=6)
    m.append(kind=0, called=[1, 0], clocks_after=[1, 1, 1, 1], time_ns=7)
    m.append(kind=1, called=[1, 0], clocks_after=[2, 2, 1, 1], time_ns=8)
    flags = unpack(records_packet(builder.build()))[1]["flags"].tolist()
    assert [bool(f & ERROR) for f in flags] == [False, False, False, True, False]
    assert [bool(f & HEALTH) for f in flags] == [False, True, False, False, False]
    assert [bool(f & EMPTY) for f in flags] == [False, False, True, False, False]


def test_a_block_holds_what_was_packed():
    header, arrays = unpack(
        pack({"a": "é🚀"}, {"x": ("u1", np.arange(3)), "y": ("f8", np.array([1.5])), "z": ("i4", np.array([-1]))})
    )
    assert header["a"] == "é🚀"
    assert {name: values.tolist() for name, values in arrays.items()} == {"x": [0, 1, 2], "y": [1.5], "z": [-1]}
