"""States, time and ends of a connection: who is cut off, by which name, and that nobody else is."""

import pytest

from amlab.core.rpc.auth import Access, Nonces, Role
from amlab.core.rpc.connection import State
from amlab.core.rpc.diff import Selection, checksum
from amlab.core.rpc.events import Closed, Proved
from amlab.core.rpc.faults import STATE_OF, Fault, is_final
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import SHAPES, Ask, Kind
from amlab.errors import LocalProtocolError, RemoteProtocolError, UsageError
from tests.core.rpc.pair import SECRET, Machine, Pair, client, server

MAC = b"m" * 32
SAMPLES = {
    Kind.HELLO: ("amlab", 1, "x", b"s" * 16, b"q" * 32, 2),
    Kind.CHALLENGE: ("amlab", 1, "server", b"q" * 32),
    Kind.PROOF: (MAC, b"", [], [], 1, 100, 1 << 20),
    Kind.WELCOME: (MAC, 2, b"", b"\x80", ["Exception"], [0], 1, 0, checksum([0], 1, 0), 1 << 20, 100),
    Kind.MUTATE: (1, 0, ["Work"], None, None),
    Kind.RESULT: (1, 0, "", None),
    Kind.PUSH: ([],),
    Kind.CLOCK: (b"", None, None, [0] * 5, 1, 0, checksum([0] * 5, 1, 0)),
    Kind.RESYNC: ("why",),
    Kind.SUBSCRIBE: (1, 0, ["Work"], [], None),
    Kind.UNSUBSCRIBE: (0,),
    Kind.MET: (1, None, "", None),
    Kind.PAYLOAD: (1, "p", "s", "", "", 1, 1, b"\x01", None),
    Kind.CHUNK: (1, 0, b"x"),
    Kind.ACK: (1, 1),
    Kind.CANCEL: (1, True, ""),
    Kind.ERROR: (0, [["E", "t", "", True]]),
    Kind.PING: (1,),
    Kind.PONG: (1,),
    Kind.BYE: (0, ""),
}
BOTH = {Kind.PAYLOAD, Kind.CHUNK, Kind.ACK, Kind.CANCEL, Kind.ERROR, Kind.PING, Kind.PONG, Kind.BYE}
ALLOWED = {
    ("client", State.GREETING): {Kind.CHALLENGE, Kind.BYE},
    ("client", State.PROVING): {Kind.WELCOME, Kind.BYE},
    ("client", State.OPEN): BOTH | {Kind.RESULT, Kind.PUSH, Kind.CLOCK, Kind.MET},
    ("client", State.CLOSING): BOTH | {Kind.RESULT, Kind.PUSH, Kind.CLOCK, Kind.MET},
    ("server", State.GREETING): {Kind.HELLO, Kind.BYE},
    ("server", State.PROVING): {Kind.PROOF, Kind.BYE},
    ("server", State.PROVEN): {Kind.BYE},
    ("server", State.OPEN): BOTH | {Kind.MUTATE, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE, Kind.RESYNC},
    ("server", State.CLOSING): BOTH | {Kind.MUTATE, Kind.SUBSCRIBE, Kind.UNSUBSCRIBE, Kind.RESYNC},
}


def brought_to(side, state):
    """A fresh side in a state, reached by the rules."""
    pair = Pair(client(), server())
    pair.welcomes = state is not State.PROVEN
    if state is State.GREETING:
        return getattr(pair, side)
    pair.to_server(pair.client.data_to_send())
    if (side, state) == ("server", State.PROVING):
        return pair.server
    pair.to_client(pair.server.data_to_send())
    if (side, state) == ("client", State.PROVING):
        return pair.client
    pair.pump()
    if state is State.CLOSING:
        getattr(pair, side).close(0.0)
    return getattr(pair, side)


@pytest.mark.parametrize(("side", "state"), list(ALLOWED), ids=lambda v: getattr(v, "value", v))
@pytest.mark.parametrize("kind", list(Kind), ids=lambda k: k.name)
def test_each_state_takes_just_the_messages_of_its_row(side, state, kind):
    assert (int, *map(type, SAMPLES[kind])) in SHAPES[kind]
    side = brought_to(side, state)
    assert side.state is state
    side.receive_data(encode_frame((kind, *SAMPLES[kind]), 1 << 16), 0.0)
    is_allowed = kind in ALLOWED["client" if hasattr(side, "follower") else "server", state]
    is_unexpected = side.error is not None and side.error.fault == Fault.UNEXPECTED
    assert is_unexpected is not is_allowed
    assert side.error is None or side.error.fault != Fault.LOCAL
    if is_unexpected:
        assert kind.name in side.error.message


def test_every_state_that_is_not_over_has_a_row():
    rows = {state for _, state in ALLOWED}
    assert rows == set(State) - {State.CLOSED, State.FAILED}


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.BYE], ids=lambda k: k.name)
@pytest.mark.parametrize("wrong", [None, 1, -1, 2**64 - 1, True, "x", b"x", [], [None], [[]], {}, 0.5])
def test_a_field_of_any_other_type_or_value_is_refused_and_never_our_failure(kind, wrong):
    good = SAMPLES[kind]
    for (name, state), kinds in ALLOWED.items():
        if kind not in kinds or state is State.CLOSING:
            continue
        for at in range(len(good)):
            side = brought_to(name, state)
            side.receive_data(encode_frame((kind, *good[:at], wrong, *good[at + 1 :]), 1 << 16), 0.0)
            assert side.error is None or (
                isinstance(side.error, RemoteProtocolError) and side.error.fault != Fault.LOCAL
            )
        for fields in (good[:-1], (*good, wrong)):
            side = brought_to(name, state)
            side.receive_data(encode_frame((kind, *fields), 1 << 16), 0.0)
            assert isinstance(side.error, RemoteProtocolError)


# ----- ends


def test_a_goodbye_is_answered_and_ends_both_sides_without_an_error():
    for closer, other in (("client", "server"), ("server", "client")):
        pair = Pair.made()
        getattr(pair, closer).close(0.0)
        assert getattr(pair, closer).state is State.CLOSING
        pair.pump()
        assert [(e.fault, e.error) for e in pair.events(Closed)] == [(Fault.NONE, None)] * 2
        assert {pair.client.state, pair.server.state} == {State.CLOSED}
        assert getattr(pair, other).data_to_send() == b""
        getattr(pair, closer).close(0.0)
        assert getattr(pair, closer).receive_eof(1.0) == []


def test_goodbyes_that_cross_end_both_sides():
    pair = Pair.made()
    pair.client.close(0.0)
    pair.server.close(0.0)
    pair.to_server(pair.client.data_to_send())
    pair.to_client(pair.server.data_to_send())
    assert pair.client.state is pair.server.state is State.CLOSED
    assert pair.client.data_to_send() == pair.server.data_to_send() == b""


def test_a_goodbye_that_is_not_answered_ends_in_time_or_with_the_stream():
    pair = Pair.made()
    pair.client.close(0.0)
    assert pair.client.next_timeout() == 1.0
    pair.tick(1.0)
    assert pair.events(Closed)[0].error is None
    pair = Pair.made()
    pair.client.close(0.0)
    assert [type(e) for e in pair.client.receive_eof(0.5)] == [Closed]
    assert pair.client.state is State.CLOSED


def test_a_goodbye_leaves_no_timer_that_cannot_be_served():
    pair = Pair.made(selection=Selection(push_interval_s=0.1), limits=Limits(payload_s=0.2, chunk=100, chunk_over=100))
    pair.is_serving = False
    pair.add("Work", timeout_s=0.3)
    pair.client.send_payload("p", b"x" * 1000, 0.0)
    pair.to_server(pair.client.data_to_send())
    pair.machine.tick("Start")
    pair.server.touch(0.0)
    pair.client.close(0.0)
    pair.server.close(0.0)
    pair.client.data_to_send()
    pair.server.data_to_send()
    assert pair.client.next_timeout() == pair.server.next_timeout() == 1.0


def test_what_was_answered_before_the_goodbye_still_arrives():
    pair = Pair.made()
    pair.is_serving = False
    number = pair.add("Work")
    pair.to_server(pair.client.data_to_send())
    pair.server.answer(number, 0, 0.0)
    pair.client.close(0.0)
    pair.pump()
    assert [type(e).__name__ for e in pair.of_client] == ["Changed", "Answered", "Closed"] or [
        type(e).__name__ for e in pair.of_client
    ] == ["Answered", "Closed"]


def test_requests_that_come_after_our_goodbye_are_dropped():
    pair = Pair.made()
    pair.server.close(0.0, Fault.SHUTDOWN, "the worker ends")
    pair.add("Work")
    pair.client.subscribe(0, ["Work"], now=0.0)
    pair.to_server(pair.client.data_to_send())
    assert pair.of_server == []
    pair.pump()
    closed = pair.events(Closed)
    assert [e.fault for e in closed] == [Fault.SHUTDOWN, Fault.NONE]
    assert closed[0].text == "the worker ends"
    assert len(pair.client.unanswered()) == 2


def test_a_stream_that_is_cut_is_named_so_and_inside_a_frame_differently():
    for data, fault in ((b"", Fault.CUT), (b"\0\0", Fault.HALF_FRAME), (b"\0\0\0\x09abc", Fault.HALF_FRAME)):
        for side in ("client", "server"):
            pair = Pair.made()
            one = getattr(pair, side)
            one.receive_data(data, 0.0)
            events = one.receive_eof(0.0)
            assert [e.fault for e in events] == [fault]
            assert isinstance(one.error, RemoteProtocolError)
            assert one.data_to_send() == b""
            assert STATE_OF[fault] == "ErrNetwork"


def test_a_cut_at_every_byte_of_a_conversation_ends_both_sides_by_name():
    def conversation(cut):
        """All bytes the client sends, with the connection cut after some."""
        pair = Pair(client(), server(nonces=Nonces()))
        sent = 0
        while data := pair.client.data_to_send():
            if sent + len(data) > cut:
                pair.to_server(data[: cut - sent])
                pair.of_server += pair.server.receive_eof(0.0)
                pair.of_client += pair.client.receive_eof(0.0)
                return pair
            pair.to_server(data)
            sent += len(data)
            pair.to_client(pair.server.data_to_send())
            if pair.client.state is State.OPEN and not pair.client.requests_open and pair.client.next_id == 1:
                pair.add("Work", args={"a": 1})
        pair.sent = sent
        return pair

    total = conversation(1 << 30).sent
    assert total > 140
    for cut in range(total):
        pair = conversation(cut)
        assert pair.server.error.fault in {Fault.CUT, Fault.HALF_FRAME}
        assert pair.client.error.fault == Fault.CUT
        assert len(pair.events(Closed)) == 2


def test_the_side_that_breaks_a_rule_is_told_which():
    pair = Pair.made()
    pair.to_server(encode_frame((Kind.RESULT, 1, 0, "", None), 999))
    pair.pump()
    there, here = pair.events(Closed)[1], pair.events(Closed)[0]
    assert there.fault == here.fault == Fault.UNEXPECTED
    assert isinstance(there.error, RemoteProtocolError)
    assert isinstance(here.error, LocalProtocolError)
    assert "'server' ended the connection (UNEXPECTED)" in here.error.message


def test_garbage_first_is_told_from_garbage_later():
    s = server()
    s.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0.0)
    assert "looks like HTTP" in s.error.message
    s = server()
    s.receive_data(encode_frame((77, "other protocol"), 999), 0.0)
    assert s.error.fault == Fault.GARBAGE
    s = server()
    s.receive_data(encode_frame((Kind.HELLO, "other", 1), 999), 0.0)
    assert s.error.fault == Fault.GARBAGE
    pair = Pair.made()
    pair.to_server(encode_frame((77,), 999))
    assert pair.server.error.fault == Fault.BAD_MESSAGE


def test_one_bad_client_harms_no_other():
    machine, nonces, access = Machine(), Nonces(), Access(SECRET)
    pairs = [
        Pair(client(client_id=f"c{i}", nonce=bytes([i]) * 32), server(access=access, nonces=nonces, nonce=bytes([99 + i]) * 32), machine)
        for i in range(3)
    ]  # fmt: skip
    for pair in pairs:
        pair.pump()
    pairs[1].to_server(b"\xff" * 50)
    assert pairs[1].server.state is State.FAILED
    for pair in (pairs[0], pairs[2]):
        pair.add("Work")
        pair.pump()
        assert pair.client.state is pair.server.state is State.OPEN
        pair.server.push(0.0)
        pair.pump()
        assert pair.is_in_step


# ----- time


def test_a_handshake_that_takes_too_long_is_cut_off_in_every_state_of_it():
    for side, state in ALLOWED:
        if state in {State.OPEN, State.CLOSING}:
            continue
        one = brought_to(side, state)
        assert one.next_timeout() == 5.0
        assert one.handle_timeout(4.9) == []
        events = one.handle_timeout(5.0)
        assert [e.fault for e in events] == [Fault.HANDSHAKE]
        assert STATE_OF[Fault.HANDSHAKE] == "ErrNetworkTimeout"


def test_silence_is_broken_by_a_ping_and_the_answer_tells_the_round_trip():
    pair = Pair.made()
    assert pair.client.next_timeout() == 10.0
    pair.tick(10.0)
    pair.now += 0.25
    pair.pump()
    assert pair.client.round_trip_s == 0.25
    assert pair.of_client == pair.of_server == []
    assert pair.client.next_timeout() == 20.25


def test_a_peer_that_does_not_answer_pings_is_silent_and_cut_off():
    pair = Pair.made()
    assert pair.client.next_timeout() == 10.0
    assert pair.client.handle_timeout(10.0) == []
    pair.client.data_to_send()
    assert pair.client.next_timeout() == 30.0
    assert [e.fault for e in pair.client.handle_timeout(30.0)] == [Fault.SILENT]


def test_a_process_that_was_stopped_does_not_blame_its_peer():
    pair = Pair.made()
    pair.server.receive_data(b"\0", 0.0)
    for side in (pair.client, pair.server):
        assert side.next_timeout() == 10.0
        assert side.handle_timeout(1000.0) == []
        assert side.next_timeout() <= 1020.0
    pair.client.send_payload("p", b"x", 1000.0)
    pair.client.next_timeout()
    assert pair.client.handle_timeout(2000.0) == []
    assert pair.client.state is pair.server.state is State.OPEN


def test_half_a_frame_that_stands_still_is_cut_off_though_other_halves_may_take_their_time():
    pair = Pair.made()
    ping = encode_frame((Kind.PING, 1), 999)
    for now in range(0, 40, 8):  # every frame is whole in time, the stream is never between frames
        pair.server.receive_data(ping[3:] + ping[:3] if now else ping[:3], float(now))
        pair.server.data_to_send()
        assert pair.server.handle_timeout(float(now)) == []
    assert pair.server.next_timeout() == 42.0
    pair.server.receive_data(ping[3:4], 41.0)
    assert [e.fault for e in pair.server.handle_timeout(42.0)] == [Fault.HALF_FRAME]


def test_a_flood_of_messages_or_bytes_is_cut_off_and_a_steady_rate_is_not():
    limits = Limits(frames_per_s=100, frames_burst=50, bytes_per_s=10_000, bytes_burst=2000)
    ping = encode_frame((Kind.PING, 1), 999)
    steady = Pair.made(limits=limits).server
    for i in range(1, 500):
        steady.receive_data(ping, i * 0.01)
        steady.data_to_send()
    assert steady.state is State.OPEN
    flooded = Pair.made(limits=limits).server
    for _ in range(49):  # after the two of the handshake
        assert flooded.error is None
        flooded.receive_data(ping, 0.0)
        flooded.data_to_send()
    assert flooded.error.fault == Fault.FLOOD
    assert "100 messages a second" in flooded.error.message
    flooded = Pair.made(limits=limits).server
    flooded.receive_data(b"\0\0\xff\xff" + b"x" * 1999, 0.0)
    assert flooded.error.fault == Fault.FLOOD


def test_a_peer_that_does_not_read_is_cut_off_by_size():
    pair = Pair.made(limits=Limits(max_out=10_000))
    with_text = ValueError("x" * 3000)
    for _ in range(6):
        pair.server.report(with_text, 0.0)
    assert pair.server.bytes_waiting == 0
    assert pair.server.next_timeout() == 0.0
    assert [e.fault for e in pair.server.handle_timeout(0.0)] == [Fault.SLOW_READER]
    assert STATE_OF[Fault.SLOW_READER] == "ErrNetworkTimeout"
    pair = Pair.made(limits=Limits(max_out=10_000))
    for _ in range(6):
        pair.server.report(with_text, 0.0)
    assert [e.fault for e in pair.server.receive_data(b"", 0.0)] == [Fault.SLOW_READER]


def test_a_peer_that_does_not_read_is_cut_off_by_time():
    pair = Pair.made()
    pair.server.report(ValueError("x"), 5.0)
    for now in (12.0, 20.0, 34.0):
        pair.server.receive_data(encode_frame((Kind.PING, 1), 99), now)
        assert pair.server.handle_timeout(now) == []
    assert pair.server.next_timeout() == 35.0
    assert [e.fault for e in pair.server.handle_timeout(35.0)] == [Fault.SLOW_READER]


@pytest.mark.parametrize(
    "fields", [{"heartbeat_s": 31}, {"chunk": 1 << 21}, {"max_frame": 1 << 15}, {"max_frame": 999}]
)
def test_limits_that_contradict_each_other_are_refused(fields):
    with pytest.raises(UsageError, match="limits: "):
        Limits(**fields)


def test_a_pong_to_nothing_is_the_peers_fault():
    for number in (0, 1, 99):
        pair = Pair.made()
        pair.to_server(encode_frame((Kind.PONG, number), 99))
        assert pair.server.error.fault == Fault.BAD_MESSAGE


def test_faults_have_states_and_some_are_final():
    assert set(STATE_OF) == set(Fault) - {Fault.NONE, Fault.REPLACED, Fault.SHUTDOWN}
    assert set(STATE_OF.values()) == {"ErrNetwork", "ErrNetworkTimeout", "ErrRpc", "ErrDelivery"}
    assert {f for f in Fault if is_final(f)} == {Fault.VERSION, Fault.WRONG_SECRET, Fault.DENIED, Fault.REPLACED}


def test_an_unknown_fault_in_a_goodbye_still_ends_it():
    pair = Pair.made()
    pair.to_client(encode_frame((Kind.BYE, 9999, "?"), 99))
    assert pair.events(Closed)[0].fault == Fault.LOCAL


def test_a_failure_of_our_own_cuts_one_connection_and_keeps_its_cause():
    pair = Pair.made()
    pair.machine.read_clock = lambda: 1 / 0
    pair.to_server(encode_frame((Kind.RESYNC, ""), 99))
    assert isinstance(pair.server.error, LocalProtocolError)
    assert isinstance(pair.server.error.__cause__, ZeroDivisionError)
    pair.pump()
    assert isinstance(pair.client.error, RemoteProtocolError)


def test_a_server_role_never_exceeds_what_was_proven():
    pair = Pair(client(role=Role.READ_ONLY), server())
    pair.pump()
    assert pair.events(Proved)[0].role is Role.READ_ONLY
    assert pair.client.role is Role.READ_ONLY
    with pytest.raises(LocalProtocolError):
        pair.client.mutate(Ask.ADD, ["Work"], 0.0)
