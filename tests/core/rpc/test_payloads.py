"""Payloads: whole or in chunks, within a window, with progress; given up by name."""

import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.mutation import Source
from amlab.core.rpc.connection import State
from amlab.core.rpc.events import PayloadDelivered, PayloadFailed, PayloadProgress, PayloadReceived
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Kind
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError
from tests.core.rpc.pair import Pair
from tests.core.rpc.test_values import Job

SMALL = Limits(chunk_over=1000, chunk=300, window=900, max_payload=100_000, max_payloads=2, payload_s=5.0)


@given(st.binary(max_size=5000), st.booleans(), st.booleans())
@settings(deadline=None)
def test_what_is_sent_arrives_equal_in_both_directions(data, is_compressed, is_up):
    pair = Pair.made(limits=SMALL)
    sender = pair.client if is_up else pair.server
    number = sender.send_payload(
        "result", {"data": data, "n": (1, 2)}, 0.0, destination="d", token="t", is_compressed=is_compressed
    )
    pair.pump()
    received = pair.events(PayloadReceived)[0]
    assert received.data == {"data": data, "n": (1, 2)}
    assert received.head[:5] == (number, "result", sender.own_id, "d", "t")
    assert [e.head for e in pair.events(PayloadDelivered)] == [received.head]
    assert pair.client._transfers.next_timeout() == float("inf")
    assert pair.server._transfers.next_timeout() == float("inf")


def test_a_large_one_tells_its_progress_on_both_sides():
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 2000, 0.0)
    pair.pump()
    size = pair.events(PayloadReceived)[0].head.size
    here = [e.done for e in pair.of_client if type(e) is PayloadProgress]
    there = [e.done for e in pair.of_server if type(e) is PayloadProgress]
    assert here == there == [*range(300, size, 300), size]
    assert {e.is_incoming for e in pair.of_client if type(e) is PayloadProgress} == {True}


def test_a_megabyte_goes_whole_and_more_goes_in_chunks():
    for size, count in ((1 << 20, 0), ((1 << 20) + 1, 5)):
        pair = Pair.made()
        pair.server.send_payload("p", b"x" * (size - 5), 0.0)
        pair.pump()
        assert len([e for e in pair.of_client if type(e) is PayloadProgress]) == count
        assert len(pair.events(PayloadReceived)[0].data) == size - 5


def test_only_a_window_is_on_the_way_and_other_messages_pass_between_the_chunks():
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 50_000, 0.0)
    assert pair.server.bytes_waiting < 1200
    pair.to_client(pair.server.data_to_send())
    number = pair.add("Work")
    pair.to_server(pair.client.data_to_send())
    assert pair.server.bytes_waiting < 1200
    pair.to_client(pair.server.data_to_send())
    assert pair.client.requests_open == 0
    assert number
    assert not pair.events(PayloadReceived)
    pair.pump()
    assert len(pair.events(PayloadReceived)[0].data) == 50_000


def test_a_large_payload_never_takes_memory_before_its_bytes_arrive():
    pair = Pair.made()
    tracemalloc.start()
    try:
        pair.to_client(encode_frame((Kind.PAYLOAD, 1, "p", "s", "", "", 200 << 20, 200 << 20, None, None), 999))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert pair.client.state is State.OPEN


def test_either_side_can_give_up_and_late_chunks_are_ignored():
    pair = Pair.made(limits=SMALL)
    number = pair.server.send_payload("p", b"x" * 5000, 0.0)
    chunks = pair.server.data_to_send()
    pair.server.cancel_payload(number, "not needed")
    pair.server.cancel_payload(number)
    pair.to_client(chunks)
    pair.pump()
    assert [(e.reason, e.is_incoming) for e in pair.events(PayloadFailed)] == [
        ("not needed", True),
        ("not needed", False),
    ]
    pair.to_client(encode_frame((Kind.CHUNK, number, 900, b"x"), 999))
    assert pair.client.state is pair.server.state is State.OPEN


def test_one_that_makes_no_progress_is_given_up_by_whoever_waits():
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 5000, 0.0)
    pair.to_client(pair.server.data_to_send())
    assert pair.client.next_timeout() == pair.server.next_timeout() == 5.0
    pair.client.data_to_send()  # acknowledgements are lost
    pair.tick(5.0)
    assert {e.reason for e in pair.events(PayloadFailed)} == {
        "nothing arrived for 5.0 s", "nothing was acknowledged for 5.0 s",
    }  # fmt: skip
    pair.pump()
    assert pair.client.state is pair.server.state is State.OPEN


def test_one_on_the_way_outlives_a_process_that_was_stopped():
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 5000, 0.0)
    pair.to_client(pair.server.data_to_send())
    pair.client.next_timeout()
    pair.server.next_timeout()
    pair.tick(1000.0)
    assert pair.client.next_timeout() == pair.server.next_timeout() == 1005.0
    pair.pump()
    assert pair.events(PayloadReceived)
    pair.server.receive_eof(pair.now)
    pair.server.cancel_payload(1)


def test_the_end_of_the_connection_fails_what_is_on_the_way():
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 5000, 0.0)
    pair.to_client(pair.server.data_to_send())
    for side in (pair.client, pair.server):
        events = side.receive_eof(0.0)
        assert [type(e).__name__ for e in events] == ["PayloadFailed", "Closed"]


def test_too_large_or_too_many_are_refused_by_the_sender():
    pair = Pair.made(limits=SMALL)
    with pytest.raises(LocalProtocolError, match="has 100005 bytes, allowed are 100000"):
        pair.server.send_payload("p", b"x" * 100_000, 0.0)
    with pytest.raises(LocalProtocolError, match=r"payload p\.f: builtin"):
        pair.server.send_payload("p", {"f": print}, 0.0)
    with pytest.raises(LocalProtocolError, match="longer than 256 bytes"):
        pair.server.send_payload("p" * 300, b"", 0.0)
    for _ in range(2):
        pair.server.send_payload("p", b"x" * 5000, 0.0)
    with pytest.raises(LocalProtocolError, match="2 are on the way already"):
        pair.server.send_payload("p", b"", 0.0)


def head(number, size, full=None, data=None):
    return encode_frame((Kind.PAYLOAD, number, "p", "s", "", "", size, full or size, data, None), 1 << 16)


def test_too_large_or_too_many_are_refused_by_the_receiver_one_by_one():
    pair = Pair.made(limits=SMALL)
    pair.to_client(head(1, 60_000) + head(2, 60_000) + head(3, 10) + head(4, 10))
    reasons = [e.reason for e in pair.events(PayloadFailed)]
    assert reasons == [
        "it has 60000 bytes, with 60000 of others arriving; allowed are 100000",
        "2 payloads are arriving already",
    ]
    assert pair.client.state is State.OPEN


def test_what_the_receiver_cannot_read_is_refused_and_the_sender_told():
    pair = Pair.made(types=Types(Job), server_types=Types())
    pair.client.send_payload("job", Job(1), 0.0)
    pair.pump()
    failed = pair.events(PayloadFailed)
    assert len(failed) == 2
    assert all("type 'Job' is not declared here" in e.reason for e in failed)
    assert pair.client.state is pair.server.state is State.OPEN


def test_a_bomb_unpacks_to_no_more_than_was_told():
    packed = zlib.compress(b"\0" * 10_000_000, 9)
    for full in (len(packed) + 1, 50_000, 9_999_999, 10_000_001):
        pair = Pair.made()
        tracemalloc.start()
        try:
            pair.to_client(head(1, len(packed), full, packed))
            assert tracemalloc.get_traced_memory()[1] < 2 * full + 200_000
        finally:
            tracemalloc.stop()
        assert "does not unpack to the" in pair.events(PayloadFailed)[0].reason
    pair = Pair.made()
    pair.to_client(head(1, 3, 9, b"xyz"))
    assert "does not unpack" in pair.events(PayloadFailed)[0].reason


def test_what_does_not_get_smaller_is_sent_as_it_is():
    pair = Pair.made()
    pair.server.send_payload("zeros", bytes(100_000), 0.0, is_compressed=True)
    pair.server.send_payload("small", b"abc", 0.0, is_compressed=True)
    pair.pump()
    zeros, small = (e.head for e in pair.events(PayloadReceived))
    assert zeros.size < 1000 < zeros.full_size
    assert zeros.is_compressed
    assert not small.is_compressed


@pytest.mark.parametrize(
    "frames",
    [
        [head(1, 0)], [head(1, 5, 4)], [head(1, 5, 5, b"x")], [head(1, 5), head(1, 5)], [head(2, 5), head(1, 5)],
        [encode_frame((Kind.CHUNK, 1, 0, b"x"), 99)], [encode_frame((Kind.ACK, 1, 1), 99)],
        [head(1, 5), encode_frame((Kind.CHUNK, 1, 1, b"x"), 99)], [head(1, 5), encode_frame((Kind.CHUNK, 1, 0, b""), 99)],
        [head(1, 5), encode_frame((Kind.CHUNK, 1, 0, b"123456"), 99)],
    ],
)  # fmt: skip
def test_payload_messages_that_cannot_be_are_the_peers_fault(frames):
    pair = Pair.made()
    pair.to_client(b"".join(frames))
    assert pair.client.error.fault == Fault.BAD_MESSAGE


@pytest.mark.parametrize("received", [0, -1, 901, 5000])
def test_acknowledging_what_was_not_sent_is_the_peers_fault(received):
    pair = Pair.made(limits=SMALL)
    pair.server.send_payload("p", b"x" * 5000, 0.0)
    pair.to_server(encode_frame((Kind.ACK, 1, received), 99))
    assert pair.server.error.fault == Fault.BAD_MESSAGE


def test_chunks_fit_a_peer_that_takes_small_frames():
    pair = Pair.made(client_limits=Limits(max_frame=1 << 16), limits=Limits())
    pair.server.send_payload("p", b"x" * 300_000, 0.0)
    pair.pump()
    assert len(pair.events(PayloadReceived)[0].data) == 300_000


def test_what_a_payload_was_sent_for_crosses_with_it():
    pair = Pair.made(limits=SMALL)
    cause = Source("worker-1", "1f-2", 7)
    pair.server.send_payload("small", 1, 0.0, cause=cause)
    pair.server.send_payload("large", b"x" * 5000, 0.0, cause=cause)
    pair.pump()
    pair.server.send_payload("plain", 1, 0.0)
    pair.pump()
    assert {e.head.name: e.head.cause for e in pair.events(PayloadReceived)} == {
        "small": cause,
        "large": cause,
        "plain": None,
    }


def test_a_cause_that_is_none_ends_the_connection():
    pair = Pair.made(limits=SMALL)
    pair.to_client(encode_frame((Kind.PAYLOAD, 1, "p", "s", "", "", 1, 1, b"\x01", ["worker-1", 5]), 1 << 16))
    assert pair.client.is_over
