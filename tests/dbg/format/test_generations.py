"""Files of every generation of the Go program, made by our encoder."""

import pytest

from amlab.dbg.format.go.codec import matches, read
from amlab.dbg.format.go.exporter import encode_session
from amlab.dbg.format.go.values import iter_go
from amlab.dbg.format.gob.types import GobInterface, GobType, Kind
from amlab.dbg.format.gob.writer import GobWriter
from amlab.dbg.format.limits import DEFAULT_LIMITS
from amlab.dbg.session import MutationKind, Relation, StepType
from tests.dbg.format.exports import EXPORT_TYPES, GENERATIONS, encode, sample


def opened(generation, value=None):
    session = read(encode(generation, value), None, DEFAULT_LIMITS)
    assert session.damage is None, session.damage
    return session


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_steps_have_the_same_names_in_every_generation(generation):
    tx = opened(generation).machines["alpha"].tx("aa11")
    assert [(s.type, s.from_state, s.to_state) for s in tx.steps] == [
        (StepType.CALLED, None, "Start"),
        (StepType.RELATION, "Start", "Ready"),
        (StepType.HANDLER, None, "Start"),
        (StepType.ACTIVATE, None, "Start"),
    ]
    assert tx.steps[1].relation is Relation.REQUIRE
    assert tx.steps[2].handler == "StartState"


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_what_is_called_logged_and_timed_reads_the_same(generation):
    session = opened(generation)
    tx = session.machines["alpha"].tx("aa11")
    assert tx.called == ("Start",)
    assert tx.kind is MutationKind.ADD
    assert tx.clocks_after.tolist() == [0, 1, 300]
    assert [tuple(e) for e in tx.log] == [(3, "[handler:0] StartState"), (-1, "né\0e")]
    assert tx.pre_log[0].text == "x" * 500
    assert tx.time_ns == 1_700_000_000 * 10**9 + 2
    assert tx.zone_s == 3600
    assert session.machines["beta"][0].source == ("alpha", "aa11", 2)


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_writing_gives_the_same_bytes_again(generation):
    data = encode(generation)
    assert matches(data[:64])
    assert encode_session(read(data, None, DEFAULT_LIMITS)) == data


def test_interface_values_of_2024_are_kept():
    steps = next(iter_go(opened("2024")))["MsgTxs"][1]["Steps"]
    assert steps[1]["Data"] == {"$type": "machine.Relation", "value": 2}
    assert steps[3]["Data"] == {"$type": "string", "value": "why"}


def test_fields_of_later_generations_are_zero_in_older_ones():
    tx = next(iter_go(opened("2024")))["MsgTxs"][0]
    assert (tx["QueueTick"], tx["Args"], tx["IsQueued"], tx["StackTrace"]) == (0, {}, False, "")


def test_fields_that_are_not_known_are_skipped():
    extra = (("Before", 6), ("Inner", 73), ("Any", 8))
    types = tuple(t._replace(fields=extra + t.fields) if t.name == "DbgMsgTx" else t for t in EXPORT_TYPES)
    value = sample("newest")
    value[0]["MsgTxs"][1].update(Before="x", Inner={"ID": "in", "Inner": {}}, Any=GobInterface("int", 5, 2))
    writer = GobWriter(types)
    session = read(writer.definitions() + writer.message(84, value), None, DEFAULT_LIMITS)
    assert session.damage is None
    assert list(iter_go(session)) == list(iter_go(opened("newest")))


def test_transitions_may_stand_before_their_schema():
    flipped = tuple(t._replace(fields=t.fields[::-1]) if t.name == "Exportable" else t for t in EXPORT_TYPES)
    writer = GobWriter(flipped)
    session = read(writer.definitions() + writer.message(84, sample("newest")), None, DEFAULT_LIMITS)
    assert session.damage is None
    assert list(session.machines) == ["alpha", "beta"]
    assert session.machines["alpha"].tx("aa11").called == ("Start",)


def test_called_states_that_the_machine_does_not_have_are_shown_and_kept():
    value = sample("newest")
    value[0]["MsgTxs"][0].update(CalledStates=["Gone"], CalledStatesIdxs=[9, -1])
    value[0]["MsgTxs"][1].update(CalledStates=[], CalledStatesIdxs=[1, 77])
    value[0]["MsgTxs"][1].update(MachineID="other")
    session = opened("newest", value)
    assert session.machines["alpha"][0].called == ("Gone",)
    assert session.machines["alpha"][1].called == ("Start", "#77")
    assert encode_session(session) == encode("newest", value)


def test_machines_with_one_id_both_stay():
    value = sample("newest")
    value[1]["MsgStruct"]["ID"] = "alpha"
    session = opened("newest", value)
    assert list(session.machines) == ["alpha", "alpha#2"]
    tx = session.machines["alpha#2"][0]
    assert session.get(tx.address) == tx


def test_a_slice_of_something_else_is_told():
    writer = GobWriter((GobType(64, Kind.SLICE, elem=65), GobType(65, Kind.STRUCT, "Person", fields=(("Name", 6),))))
    session = read(writer.definitions() + writer.message(64, [{"Name": "Ann"}]), None, DEFAULT_LIMITS)
    assert "Person" in session.damage.message
    assert "MsgTxs" in session.damage.message
