"""The structs of a Go export: which fields they have, of which type.

Files of several versions exist, so what is read goes by the names on the wire; this is what is
expected under those names, and what a session that comes from no such file is written as.

Knows nothing of: bytes, sessions.
"""

from __future__ import annotations

from amlab.dbg.format.gob.types import GobType, Kind

__all__ = ["EXPORT_TYPES", "ROOT_ID", "TX_KINDS"]

# What a transition's field must be made of to be read.
TX_KINDS: dict[str, tuple[Kind, ...]] = {
    "MachineID": (Kind.STRING,),
    "ID": (Kind.STRING,),
    "Clocks": (Kind.SLICE, Kind.UINT),
    "QueueTick": (Kind.UINT,),
    "MutQueueToken": (Kind.UINT,),
    "MutQueueTick": (Kind.UINT,),
    "Type": (Kind.INT,),
    "CalledStates": (Kind.SLICE, Kind.STRING),
    "CalledStatesIdxs": (Kind.SLICE, Kind.INT),
    "Steps": (Kind.SLICE, Kind.STRUCT),
    "LogEntries": (Kind.SLICE, Kind.STRUCT),
    "PreLogEntries": (Kind.SLICE, Kind.STRUCT),
    "Queue": (Kind.INT,),
    "Time": (Kind.GOB_ENCODER,),
    "IsAuto": (Kind.BOOL,),
    "Accepted": (Kind.BOOL,),
    "IsCheck": (Kind.BOOL,),
    "IsQueued": (Kind.BOOL,),
    "Args": (Kind.MAP, Kind.STRING),
    "QueueDump": (Kind.SLICE, Kind.STRING),
    "StackTrace": (Kind.STRING,),
}

ROOT_ID = 84

# As Go announces them for a []*Exportable of the newest known structs, in its order.
EXPORT_TYPES: tuple[GobType, ...] = (
    GobType(84, Kind.SLICE, elem=83),
    GobType(83, Kind.STRUCT, "Exportable", fields=(("MsgStruct", 66), ("MsgTxs", 82), ("Version", 6))),
    GobType(
        66,
        Kind.STRUCT,
        "DbgMsgStruct",
        fields=(
            ("ID", 6),
            ("StatesIndex", 67),
            ("States", 70),
            ("Groups", 72),
            ("GroupsOrder", 69),
            ("Parent", 6),
            ("Tags", 69),
        ),
    ),
    GobType(67, Kind.SLICE, "S", elem=6),
    GobType(70, Kind.MAP, "map[string]machine.State", key=6, elem=68),
    GobType(
        68,
        Kind.STRUCT,
        "State",
        fields=(
            ("Auto", 1),
            ("Multi", 1),
            ("Require", 67),
            ("Add", 67),
            ("Remove", 67),
            ("After", 67),
            ("Tags", 69),
        ),
    ),
    GobType(69, Kind.SLICE, "[]string", elem=6),
    GobType(72, Kind.MAP, "map[string][]int", key=6, elem=71),
    GobType(71, Kind.SLICE, "[]int", elem=2),
    GobType(82, Kind.SLICE, "[]*telemetry.DbgMsgTx", elem=73),
    GobType(
        73,
        Kind.STRUCT,
        "DbgMsgTx",
        fields=(
            ("MachineID", 6),
            ("ID", 6),
            ("Clocks", 74),
            ("QueueTick", 3),
            ("MutQueueToken", 3),
            ("MutQueueTick", 3),
            ("Type", 2),
            ("CalledStates", 69),
            ("CalledStatesIdxs", 71),
            ("Steps", 76),
            ("LogEntries", 78),
            ("PreLogEntries", 78),
            ("Queue", 2),
            ("Time", 79),
            ("IsAuto", 1),
            ("Accepted", 1),
            ("IsCheck", 1),
            ("IsQueued", 1),
            ("Args", 80),
            ("QueueDump", 69),
            ("StackTrace", 6),
        ),
    ),
    GobType(74, Kind.SLICE, "Time", elem=3),
    GobType(76, Kind.SLICE, "[]*machine.Step", elem=75),
    GobType(
        75,
        Kind.STRUCT,
        "Step",
        fields=(
            ("Type", 2),
            ("RelType", 2),
            ("IsFinal", 1),
            ("IsSelf", 1),
            ("IsEnter", 1),
            ("FromState", 6),
            ("FromStateIdx", 2),
            ("ToState", 6),
            ("ToStateIdx", 2),
            ("Data", 8),
        ),
    ),
    GobType(78, Kind.SLICE, "[]*machine.LogEntry", elem=77),
    GobType(77, Kind.STRUCT, "LogEntry", fields=(("Level", 2), ("Text", 6))),
    GobType(79, Kind.GOB_ENCODER, inner_id=85),
    GobType(80, Kind.MAP, "map[string]string", key=6, elem=6),
)
