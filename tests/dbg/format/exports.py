"""Synthetic exports of every generation, and where the shared real ones lie."""

from pathlib import Path

import pytest

from amlab.dbg.format.go.shapes import EXPORT_TYPES
from amlab.dbg.format.gob.times import UNIX_EPOCH_S, GoTime, pack_time
from amlab.dbg.format.gob.types import GobInterface, GobType, Kind
from amlab.dbg.format.gob.writer import GobWriter

SHARED = Path(__file__).resolve().parents[4] / "shared" / "exports"
REAL = ("node-payload", "secai-cook", "flood")


def real(name: str) -> Path:
    path = SHARED / f"{name}.gob.br"
    if not path.exists():
        pytest.skip(f"the shared export {name} is not beside the checkout")
    return path


def without(types: tuple[GobType, ...], **dropped: tuple[str, ...]) -> tuple[GobType, ...]:
    """The types with fields left out, by struct name."""
    return tuple(
        t._replace(fields=tuple(f for f in t.fields if f[0] not in dropped.get(t.name, ()))) if t.fields else t
        for t in types
    )


# The 2024 generation: names in steps, interface values as their data, none of the later fields.
TYPES_2024 = without(
    EXPORT_TYPES,
    Exportable=("Version",),
    DbgMsgStruct=("Groups", "GroupsOrder", "Parent", "Tags"),
    DbgMsgTx=(
        "QueueTick", "MutQueueToken", "MutQueueTick", "CalledStatesIdxs", "IsCheck", "IsQueued", "Args",
        "QueueDump", "StackTrace",
    ),
    Step=("RelType", "FromStateIdx", "ToStateIdx"),
)  # fmt: skip
TYPES_LATE_2025 = without(EXPORT_TYPES, Exportable=("Version",), DbgMsgTx=("StackTrace",))
TYPES_MID_2025 = without(
    EXPORT_TYPES,
    Exportable=("Version",),
    DbgMsgTx=("QueueTick", "MutQueueToken", "MutQueueTick", "Args", "QueueDump", "StackTrace"),
)
GENERATIONS = {
    "2024": TYPES_2024,
    "mid-2025": TYPES_MID_2025,
    "late-2025": TYPES_LATE_2025,
    "newest": EXPORT_TYPES,
}


def step(kind: int, to: int, *, by_name: bool, origin: int = -1, data: object = None, **more: object) -> dict:
    names = ["Exception", "Start", "Ready"]
    if by_name:
        refs = {"ToState": names[to], "FromState": names[origin] if origin >= 0 else ""}
    else:
        refs = {"ToStateIdx": to, "FromStateIdx": origin}
    return {"Type": kind, "Data": data, **refs, **more}


def sample(generation: str) -> list[dict]:
    """Two machines as that generation would hold them."""
    by_name = generation in {"2024", "newest"}
    rel = GobInterface("machine.Relation", 2, 2) if generation == "2024" else None

    def time(i: int) -> bytes:
        return pack_time(GoTime(UNIX_EPOCH_S + 1_700_000_000, i, 3600))

    txs = [
        {
            "MachineID": "alpha", "ID": "-0", "Clocks": [0, 0, 0], "QueueTick": 1, "MutQueueTick": 2, "Type": 0,
            "CalledStates": ["Start"], "CalledStatesIdxs": [1], "LogEntries": [{"Level": 2, "Text": "[queue] +Start"}],
            "Queue": 1, "Time": time(1), "Accepted": True, "IsQueued": True, "Args": {"addr": "here"},
        },
        {
            "MachineID": "alpha", "ID": "aa11", "Clocks": [0, 1, 300], "QueueTick": 2, "Type": 0,
            "CalledStates": ["Start"], "CalledStatesIdxs": [1], "Accepted": True, "Time": time(2),
            "Steps": [
                step(32, 1, by_name=by_name),
                step(1, 2, by_name=by_name, origin=1, data=rel, RelType=2),
                step(2, 1, by_name=by_name, IsFinal=True, IsEnter=True),
                step(4, 1, by_name=by_name, data=GobInterface("string", "why", 6) if rel else None),
            ],
            "LogEntries": [{"Level": 3, "Text": "[handler:0] StartState"}, {"Level": -1, "Text": "né\0e"}],
            "PreLogEntries": [{"Level": 3, "Text": "x" * 500}], "QueueDump": ["add Ready"], "StackTrace": "main.go:1",
        },
    ]  # fmt: skip
    states = {"Start": {"Auto": True, "Require": ["Ready"]}, "Ready": {"Multi": True}, "Exception": {"Multi": True}}
    alpha = {
        "ID": "alpha", "StatesIndex": ["Exception", "Start", "Ready"], "States": states,
        "Groups": {"Main": [1, 2]}, "GroupsOrder": ["Main"], "Tags": ["kind:x"],
    }  # fmt: skip
    beta = {"ID": "beta", "StatesIndex": ["Exception", "Start"], "States": {}, "Parent": "alpha"}
    follow = [
        {
            "MachineID": "beta", "ID": "bb22", "Clocks": [0, 1], "CalledStates": ["Start"], "CalledStatesIdxs": [1],
            "Accepted": True, "Time": time(0), "LogEntries": [{"Level": 3, "Text": "[source] alpha/aa11/2"}],
        }
    ]  # fmt: skip
    return [
        {"MsgStruct": alpha, "MsgTxs": txs, "Version": "v1"},
        {"MsgStruct": beta, "MsgTxs": follow},
    ]


def encode(generation: str, value: list[dict] | None = None) -> bytes:
    """The gob stream of a generation's file."""
    types = GENERATIONS[generation]
    writer = GobWriter(types)
    root = next(t for t in types if t.kind is Kind.SLICE and t.elem == 83)
    return writer.definitions() + writer.message(root.id, sample(generation) if value is None else value)
