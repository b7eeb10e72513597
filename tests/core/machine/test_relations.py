"""Relations, one rule after the other: what is called, and what comes of it."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.relations import FEW, Relations, bits_of, in_order, without
from amlab.core.machine.schema import Schema


def after(schema, *operations):
    """The active states after some operations, such as "+A B", "-A", "=A"; the last one's result with them."""
    kinds = {"+": "add", "-": "remove", "=": "set"}
    m = Machine(Schema.from_dict(schema, lenient=True))
    result = None
    for operation in operations:
        result = getattr(m, kinds[operation[0]])(*operation[1:].split())
    return set(m.active_states), result.is_executed


ADDS = {"A": {"add": "B"}, "B": {"add": "C"}, "C": {"add": "D"}, "D": {}, "M": {"multi": True, "add": "A"}}


@pytest.mark.parametrize(
    ("operations", "active"),
    [
        (["+A"], "A B C"),  # one level, and one more at the end
        (["+B"], "B C D"),
        (["+A", "-C"], "A B"),
        (["+A", "-C", "+A"], "A B"),  # A is not newly set
        (["+A", "-B C", "+D"], "A D"),
        (["+A", "=A"], "A"),  # nor is it by a set
        (["+M", "-A", "+D"], "M A B D"),  # multi ones bring theirs with every mutation
        (["+M", "-M A"], "B"),
        (["+M", "-B"], "M A"),
    ],
)
def test_add_brings_others_one_level_when_the_state_is_new_or_multi(operations, active):
    assert after(ADDS, *operations)[0] == set(active.split())


REQUIRES = {
    "A": {}, "B": {"require": "A"}, "C": {"require": "B"}, "D": {"require": ["A", "X"]}, "X": {},
    "N": {"require": "Nope"}, "P": {"require": "Q"}, "Q": {"require": "P"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "active", "is_executed"),
    [
        (["+B"], "", False),
        (["+C B A"], "A B C", True),
        (["+A B C", "-A"], "", True),  # all that hung on it go
        (["+A B C", "-B"], "A", True),
        (["+A B C", "=C"], "A B C", False),
        (["+A", "+D"], "A", False),  # both are needed
        (["+A X D", "-X"], "A", True),
        (["+N"], "", False),  # a state that does not exist
        (["+A N"], "", False),
        (["+P"], "", False),
        (["+P Q"], "P Q", True),  # each needs the other, and has it
        (["+P Q", "-P"], "", True),
    ],
)
def test_require_drops_who_misses_a_state_until_nobody_does(operations, active, is_executed):
    assert after(REQUIRES, *operations) == (set(active.split()), is_executed)


REMOVES = {
    "A": {"remove": "B"}, "B": {"remove": "C"}, "C": {}, "X": {"remove": "Y"}, "Y": {"remove": "X"},
    "Child": {"require": "B"}, "All": {"remove": ["A", "B", "C", "X", "Y"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("operations", "active", "is_executed"),
    [
        (["+B", "+A"], "A", True),
        (["+B", "+C"], "B", False),  # an active state keeps out what it removes
        (["+A", "+B"], "A", False),
        (["+A B"], "", False),
        (["+C", "+A"], "A C", True),
        (["+X", "+Y"], "Y", True),  # each removes the other: the called one comes first in the list
        (["+X", "+Y", "+X"], "X", True),
        (["+X Y"], "", False),
        (["+B Child", "+A"], "A", True),  # what required the removed one goes as well
        (["+A C X", "+All"], "All", True),
        (["+All", "+A"], "All", False),
        (["+All", "-A"], "All", True),
        (["+B", "=A"], "A", True),
        (["+B", "=C"], "C", True),  # a set does not ask those it ends
    ],
)
def test_remove_ends_states_and_keeps_them_out(operations, active, is_executed):
    assert after(REMOVES, *operations) == (set(active.split()), is_executed)


def test_a_state_that_was_dropped_itself_removes_nobody():
    """From the end of the list [A B C]: B removes C, so C goes; A removes B, so B goes; A stays."""
    chain = {"A": {"remove": "B"}, "B": {"remove": "C"}, "C": {}}
    assert after(chain, "+C", "+B", "+A")[0] == {"A"}
    # Called together, C was dropped by a B that is dropped later on: the order of the list decides.
    reversed_ = {"A": {"remove": "B"}, "B": {"remove": "C"}, "C": {}}
    m = Machine(reversed_)
    m.add("C", "A")
    assert set(m.active_states) == {"C", "A"}


@pytest.mark.parametrize(
    ("schema", "operation", "active"),
    [
        # What is brought counts for what is required.
        ({"A": {"add": "B", "require": "B"}, "B": {}}, "+A", "A B"),
        # What is brought is dropped when it misses something, and what brought it stays.
        ({"A": {"add": "B"}, "B": {"require": "X"}, "X": {}}, "+A", "A"),
        # What is brought removes others.
        ({"A": {"add": "B"}, "B": {"remove": "C"}, "C": {}}, "+A C", ""),
        # The second time, what one that is left removes is not brought again.
        ({"A": {"add": "B"}, "B": {}, "C": {"remove": "B"}}, "+A C", "A C"),
        # A state that is brought at the end brings nothing further and is checked once more.
        ({"A": {"add": "B"}, "B": {"add": "C"}, "C": {"add": "D", "require": "D"}, "D": {}}, "+A", "A B"),
    ],
)
def test_relations_work_together(schema, operation, active):
    assert after(schema, operation)[0] == set(active.split())


@pytest.mark.parametrize("called", ["A", "B", "A B", "C", "A C"])
def test_a_rejected_mutation_changes_nothing_at_all(called):
    schema = {
        "A": {"require": "X", "remove": "Z"},
        "B": {"require": "A"},
        "C": {"add": "X", "require": "Y"},
        "X": {},
        "Y": {},
        "Z": {},
    }
    m = Machine(schema)
    m.add("Z")
    before = m.export()
    assert m.add(*called.split()).is_canceled
    assert {**m.export(), "queue_tick": 0} == {**before, "queue_tick": 0}


def test_relations_are_compiled_to_masks():
    r = Relations(Schema.from_dict({"A": {"add": ["C", "B"], "require": "Nope"}, "B": {"remove": ["A"]},
                                    "C": {"multi": True, "require": ["A", "B"], "after": "A"},
                                    "Heartbeat": {"auto": True}}, lenient=True))  # fmt: skip
    assert r.names == ("A", "B", "C", "Heartbeat", "Exception")
    assert r.size == 5
    assert r.add == [(2, 1), (), (), (), ()]
    assert r.require == [1 << 5, 0, 0b11, 0, 0]  # the bit past the last state: one that does not exist
    assert r.requires[0] == ("Nope",)
    assert r.remove == [0, 1, 0, 0, 0]
    assert r.removed_by == [0b10, 0, 0, 0, 0]
    assert r.required_by == [0b100, 0b100, 0, 0, 0]
    assert r.after == r.after_firm == [0, 0, 1, 0, 0]
    assert (r.multi, r.auto, r.auto_states, r.health) == (0b10100, 0b01000, (3,), 0b01000)
    assert list(bits_of(0b10110)) == [1, 2, 4]


@pytest.mark.parametrize("size", [0, 1, 2, FEW, FEW + 1, 12])
def test_sets_are_read_in_the_order_of_a_sequence_however_many_they_have(size):
    states = (7, 3, 12, 0, 5, 70, 1, 9, 2, 30, 4, 11)
    wanted = [states[i] for i in (10, 0, 4, 2, 7, 1, 3, 5, 6, 8, 9, 11)[:size]]
    mask = sum(1 << i for i in wanted)
    assert in_order(mask, states) == [i for i in states if i in wanted]
    assert without(states, mask) == [i for i in states if i not in wanted]


def test_the_cone_holds_what_can_matter_to_a_mutation_and_no_more():
    r = Relations(Schema.from_dict({
        "A": {"add": "B"}, "B": {"remove": "C", "require": "D"}, "C": {}, "D": {}, "E": {"require": "C"},
        "F": {"remove": "B"}, "G": {}, "H": {"require": "G"},
    }))  # fmt: skip
    index = {n: i for i, n in enumerate(r.names)}

    def cone(*names, is_remove=False):
        found = r.cone(tuple(index[n] for n in names), is_remove=is_remove)
        return {r.names[i] for i in bits_of(found)}

    assert cone("A") == {"A", "B", "C", "D", "E", "F"}
    assert cone("G") == {"G"}
    assert cone("G", is_remove=True) == {"G", "H"}
    assert cone("C", is_remove=True) == {"C", "E"}
