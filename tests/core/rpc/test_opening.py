"""What a welcome brings, and which ones are refused."""

import pytest

from amlab.core.rpc.connection import State
from amlab.core.rpc.diff import Selection, checksum
from amlab.core.rpc.events import Closed, Opened
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.messages import Kind
from amlab.errors import LocalProtocolError
from tests.core.rpc.pair import Machine, Pair, client, server
from tests.core.rpc.test_connection import brought_to


def test_a_welcome_brings_schema_clock_and_what_else_there_is_to_know():
    machine = Machine()
    machine.tick("Start", "Idle")
    machine.machine_tick = 3
    pair = Pair(client(), server(), machine)
    pair.pump()
    opened = pair.events(Opened)[0]
    assert opened.schema == machine.schema
    assert opened.ticks == (1, 0, 0, 1, 0)
    assert (opened.queue_tick, opened.machine_tick) == (2, 3)
    assert opened.about == {"tags": ["t"]}
    assert pair.is_in_step


def test_a_schema_that_is_known_is_not_sent():
    sizes = []
    for known in (None, Machine().schema):
        c, s = client(schema=known), server()
        pair = Pair(c, s)
        pair.to_server(c.data_to_send())
        pair.to_client(s.data_to_send())
        pair.to_server(c.data_to_send())
        sizes.append(s.bytes_waiting)
        pair.pump()
        assert pair.events(Opened)[0].schema == pair.machine.schema
    assert sizes[1] < sizes[0] / 2


def test_another_schema_than_the_known_one_is_sent():
    pair = Pair(client(schema=Machine({"Other": {}}).schema), server())
    pair.pump()
    assert pair.events(Opened)[0].schema == pair.machine.schema


@pytest.mark.parametrize("known", [None, Machine().schema])
def test_a_part_of_the_states_comes_with_the_part_of_the_schema(known):
    pair = Pair(client(schema=known, selection=Selection(allowed=("Ready", "Work"))), server())
    pair.machine.tick("Work")
    pair.pump()
    opened = pair.events(Opened)[0]
    assert opened.schema.names == ("Ready", "Work", "Exception")
    assert opened.schema["Work"].multi
    assert opened.schema["Ready"].require == ()
    assert opened.ticks == (0, 1, 0)


def test_without_schema_only_names_come():
    pair = Pair(client(selection=Selection(has_schema=False)), server())
    pair.pump()
    opened = pair.events(Opened)[0]
    assert opened.schema.names == pair.machine.schema.names
    assert not opened.schema["Work"].multi


def test_a_client_that_is_proven_can_still_be_turned_away_with_a_reason():
    pair = Pair(client(), server())
    pair.welcomes = False
    pair.pump()
    assert pair.server.state is State.PROVEN
    pair.server.refuse(Fault.BUSY, "serves another client", 0.0)
    pair.pump()
    assert [e.fault for e in pair.events(Closed)] == [Fault.BUSY, Fault.BUSY]
    assert "serves another client" in pair.client.error.message
    pair.server.welcome(pair.machine, 0.0)
    assert pair.server.data_to_send() == b""


def test_a_client_is_welcomed_once_it_is_proven_and_only_once():
    for state in (State.GREETING, State.PROVING, State.OPEN):
        with pytest.raises(LocalProtocolError, match=f"the connection is {state.value}"):
            brought_to("server", state).welcome(Machine(), 0.0)


@pytest.mark.parametrize(
    "fields",
    [
        {0: b"short"}, {1: 3}, {1: 0}, {3: b"\xc1"}, {3: b"\x90"}, {4: ["A", "A"]}, {4: ["A"]}, {4: [1] * 5}, {5: []},
        {4: None}, {5: [0, 0, 0, 0, -1]}, {6: -1}, {8: 1}, {9: 100}, {10: 0}, {3: b"\x81\xa6schema\x80"},
        {3: b"\x81\xa6schema\x01"}, {4: ["", "B", "C", "D", "Exception"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_proven_server_that_tells_nonsense_is_refused(fields):
    pair = Pair(client(), server())
    pair.to_server(pair.client.data_to_send())
    pair.to_client(pair.server.data_to_send())
    pair.to_server(pair.client.data_to_send())
    good = [
        pair.server._proof,
        2,
        b"h",
        b"\x80",
        ["A", "B", "C", "D", "Exception"],
        [0] * 5,
        1,
        0,
        checksum([0] * 5, 1, 0),
        1 << 20,
        100,
    ]
    for at, value in fields.items():
        good[at] = value
    pair.to_client(encode_frame((Kind.WELCOME, *good), 1 << 16))
    assert pair.client.error.fault in {Fault.BAD_MESSAGE, Fault.BAD_VALUE}
