"""The order of states: required ones first, then by `after`, as the reference has it where that keeps its word."""

import itertools
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.machine import Machine
from amlab.core.machine.order import BLOCK, FEW, cyclic_pairs, sort_after, topology
from amlab.core.machine.schema import Schema


def masks(after, names):
    """`after` by name as masks by index."""
    index = {n: i for i, n in enumerate(names)}
    found = [0] * len(names)
    for name, others in after.items():
        for other in others:
            found[index[name]] |= 1 << index[other]
    return found


def ordered(names, after, all_names):
    """The names, sorted by `after`, in one text."""
    relations = masks(after, all_names)
    looped = cyclic_pairs(relations)
    firm = [mask & ~looped[i] for i, mask in enumerate(relations)]
    return "".join(all_names[i] for i in sort_after([all_names.index(n) for n in names], relations, firm))


@pytest.mark.parametrize(
    ("names", "after", "expected"),
    [
        ("CAB", {}, "CAB"),  # nothing to sort by: as it was
        ("AB", {"A": "B"}, "BA"),
        ("BA", {"A": "B"}, "BA"),
        ("ABCD", {"A": "D"}, "BCDA"),
        ("ABC", {"A": "BC"}, "BCA"),
        ("ABC", {"A": "B", "B": "C"}, "CBA"),  # a chain
        ("ABCD", {"A": "B", "C": "D"}, "BADC"),
        ("AB", {"A": "X", "X": "B"}, "AB"),  # the middle of a chain is not there: nothing is said of A and B
        ("AB", {"A": "B", "B": "A"}, "AB"),  # a circle says nothing
        ("ABC", {"A": "BC", "B": "A"}, "BCA"),  # but what is not part of it does
        ("ABCD", {"A": "B", "B": "C", "C": "A", "D": "A"}, "BACD"),  # and within a circle the reference's sort does
    ],
)
def test_states_come_after_those_they_name(names, after, expected):
    assert ordered(names, after, "ABCDX") == expected


def insertion_sort(states, after):
    """The reference's order of up to 20 states: a stable insertion sort that sees direct pairs only."""
    out = list(states)
    for i in range(1, len(out)):
        at = i
        while at and after[out[at - 1]] >> out[at] & 1 and not after[out[at]] >> out[at - 1] & 1:
            out[at - 1], out[at] = out[at], out[at - 1]
            at -= 1
    return out


@st.composite
def relations(draw, least=2, most=12):
    size = draw(st.integers(least, most))
    others = st.lists(st.integers(0, size - 1), max_size=draw(st.integers(0, 3)))
    after = [sum({1 << o for o in draw(others) if o != i}) for i in range(size)]
    states = draw(st.permutations(range(size)))
    return after, states[: draw(st.integers(1, size))]


def firm_pairs(after):
    looped = cyclic_pairs(after)
    return [mask & ~looped[i] for i, mask in enumerate(after)]


def broken(states, firm):
    """Pairs that the order breaks."""
    at = {s: i for i, s in enumerate(states)}
    return [(s, o) for s in states for o in states if firm[s] >> o & 1 and at[o] > at[s]]


@settings(max_examples=400, deadline=None)
@given(relations())
def test_every_pair_that_is_on_no_circle_is_honoured_and_nobody_gets_lost(given_):
    after, states = given_
    firm = firm_pairs(after)
    result = sort_after(list(states), after, firm)
    assert sorted(result) == sorted(states)
    assert broken(result, firm) == []


@settings(max_examples=400, deadline=None)
@given(relations())
def test_it_is_the_references_order_where_that_honours_all(given_):
    after, states = given_
    firm = firm_pairs(after)
    theirs = insertion_sort(states, after)
    if not broken(theirs, firm):
        assert sort_after(list(states), after, firm) == theirs


@st.composite
def few_relations(draw):
    after, states = draw(relations(2, 45))
    kept = draw(st.sets(st.sampled_from(states), max_size=FEW + 1))
    return [mask if i in kept else 0 for i, mask in enumerate(after)], states


@settings(max_examples=300, deadline=None)
@given(few_relations())
def test_where_few_states_come_after_others_the_short_way_leads_to_the_same_order(given_):
    after, states = given_
    firm = firm_pairs(after)
    with mock.patch("amlab.core.machine.order.FEW", -1):
        long_way = sort_after(list(states), after, firm)
    assert sort_after(list(states), after, firm) == long_way


@settings(max_examples=60, deadline=None)
@given(relations(BLOCK + 1, 64))
def test_more_states_than_a_block_are_sorted_as_well(given_):
    after, states = given_
    firm = firm_pairs(after)
    result = sort_after(list(states), after, firm)
    assert sorted(result) == sorted(states)
    assert broken(result, firm) == []
    if not any(after[s] >> o & 1 for s in states for o in states):
        assert result == list(states)


@settings(max_examples=200, deadline=None)
@given(relations(2, 7))
def test_pairs_on_a_circle_are_those_whose_ends_reach_each_other(given_):
    after, _ = given_
    size = len(after)
    reach = {(i, j) for i in range(size) for j in range(size) if after[i] >> j & 1}
    for k, i, j in itertools.product(range(size), repeat=3):
        if (i, k) in reach and (k, j) in reach:
            reach.add((i, j))
    expected = [sum(1 << j for j in range(size) if after[i] >> j & 1 and (j, i) in reach) for i in range(size)]
    assert cyclic_pairs(after) == expected


def test_required_states_come_before_those_that_require_them():
    names = ["C", "B", "A", "Free"]
    ranks = dict(zip(names, topology(names, {"C": ["B"], "B": ["A"], "A": [], "Free": []}), strict=True))
    assert ranks == {"A": 0, "B": 1, "C": 2, "Free": -1}


def test_a_circle_of_requires_leaves_the_order_to_the_rest():
    assert topology(["A", "B", "C"], {"A": ["B"], "B": ["A"], "C": ["A"]}) == [-1, -1, -1]


def test_a_long_chain_of_requires_needs_no_recursion():
    names = [f"S{i:05d}" for i in range(5000)]
    require = {n: names[i + 1 : i + 2] for i, n in enumerate(names)}
    assert topology(names, require) == list(range(4999, -1, -1))


def test_handlers_run_in_that_order():
    seen = []
    schema = Schema.from_dict({
        "Late": {"after": ["Mid"]}, "Mid": {"after": ["Early"]}, "Early": {}, "Needs": {"require": "Base"}, "Base": {},
    })  # fmt: skip
    names = [n + k for n in schema.names for k in ("Enter", "State", "Exit", "End")]
    m = Machine(schema, handlers={n: lambda e: seen.append(e.name) for n in names})
    m.add("Needs", "Late", "Mid", "Base", "Early")
    order = ["Early", "Mid", "Late", "Base", "Needs"]
    assert seen == [n + "Enter" for n in order] + [n + "State" for n in order]
    assert list(m.active_states) == order
    seen.clear()
    m.set()
    assert seen == [n + "Exit" for n in order] + [n + "End" for n in order]


def test_a_chain_of_after_is_honoured_where_the_reference_sees_direct_pairs_only():
    """Its insertion sort stops at the first neighbour that is not a direct pair."""
    names = "ABC"
    after = masks({"A": "C", "B": "", "C": ""}, names)
    assert insertion_sort([0, 1, 2], after) == [0, 1, 2]  # A stays before C: B stands between them
    assert sort_after([0, 1, 2], after, firm_pairs(after)) == [1, 2, 0]
