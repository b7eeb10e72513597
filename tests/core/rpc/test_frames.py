"""Frames: bytes in any pieces, limits before anything is built, nothing but RemoteProtocolError."""

import random
import time
import tracemalloc
from collections import Counter

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import FRAME_DEPTH, FrameDecoder, encode_frame, is_surely_flat, measure
from amlab.errors import LocalProtocolError, RemoteProtocolError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
arrays = st.lists(plain, max_size=6).map(lambda rest: [1, *rest])


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max((depth_of(v) for v in value), default=0) if isinstance(value, list) else 0


def count_of(value):
    if isinstance(value, dict):
        return 1 + sum(1 + count_of(v) for v in value.values())
    return 1 + sum(map(count_of, value)) if isinstance(value, list) else 1


def taken(decoder, data):
    decoder.feed(data)
    out = []
    while (body := decoder.take()) is not None:
        out.append(body)
    return out


def fault_of(data, *, max_frame=1 << 16, max_items=1 << 16):
    with pytest.raises(RemoteProtocolError) as e:
        taken(FrameDecoder(max_frame, max_items), data)
    return e.value.fault


def framed(body):
    return len(body).to_bytes(4, "big") + body


@given(st.lists(arrays.filter(lambda a: depth_of(a) <= FRAME_DEPTH), max_size=5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_frames_come_out_whole_however_the_bytes_are_cut(bodies, rng):
    data = b"".join(encode_frame(b, 1 << 20) for b in bodies)
    decoder = FrameDecoder(1 << 20, 1 << 16)
    out, at = [], 0
    while at < len(data):
        size = rng.choice((1, 1, 2, 3, 7, 50, 1000))
        out += taken(decoder, data[at : at + size])
        at += size
    assert out == bodies
    assert not decoder.has_half


def test_a_cut_at_every_byte_gives_nothing_early_and_all_in_the_end():
    bodies = [[1, "a" * 30], [2], [3, [b"x" * 700, None]]]
    data = b"".join(encode_frame(b, 1 << 20) for b in bodies)
    for cut in range(len(data) + 1):
        decoder = FrameDecoder(1 << 20, 1 << 16)
        first = taken(decoder, data[:cut])
        assert decoder.has_half == (cut not in {0, len(data)} and sum(len(encode_frame(b, 99999)) for b in first) < cut)
        assert first + taken(decoder, data[cut:]) == bodies


def test_feeding_before_all_was_taken_loses_nothing():
    data = encode_frame([1], 99) + encode_frame([2], 99)
    decoder = FrameDecoder(99, 99)
    decoder.feed(data)
    assert decoder.take() == [1]
    decoder.feed(encode_frame([3], 99)[:3])
    assert decoder.take() == [2]
    assert decoder.take() is None
    assert decoder.has_half
    decoder.feed(encode_frame([3], 99)[3:])
    assert decoder.take() == [3]


@pytest.mark.parametrize("size", [0, (1 << 16) + 1, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_refused_before_its_bytes_are_kept(size):
    assert fault_of(size.to_bytes(4, "big")) == Fault.OVERSIZE


@pytest.mark.parametrize(
    ("start", "word"), [(b"GET / HTTP/1.1\r\n", "HTTP"), (b"SSH-2.0-x", "SSH"), (b"\x16\x03\x01\x02\x00", "TLS")]
)
def test_other_protocols_are_called_by_name(start, word):
    with pytest.raises(RemoteProtocolError, match=word):
        taken(FrameDecoder(1 << 16, 99), start)


@pytest.mark.parametrize(
    "body",
    [b"\xc1", b"\xc0", b"\x90", b"\x91\xa1a", b"\x92\x01", b"\x91\x01\x01", b"\x91\xd9\xff", b"\x92\x01\xd4\x01\x01",
     b"\x92\x01\xd6\xff\x00\x00\x00\x00", b"\x92\x01\xa1\xff", b"\x92\x01\x81\x01\x01", b"\x92\xc3\x01"],
    ids=lambda body: body.hex(),
)  # fmt: skip
def test_a_body_that_is_no_array_of_plain_values_is_garbage(body):
    assert fault_of(framed(body)) == Fault.GARBAGE


@given(plain)
@settings(deadline=None)
def test_measuring_counts_what_is_there_and_finds_the_depth(value):
    data = msgpack.packb(value)
    depth = depth_of(value)
    assert measure(data, depth, 1 << 16) == count_of(value)
    if depth:
        with pytest.raises(RemoteProtocolError, match="deep"):
            measure(data, depth - 1, 1 << 16)
    if count_of(value) > 1:
        with pytest.raises(RemoteProtocolError):
            measure(data, depth, count_of(value) - 1)
    if is_surely_flat(data, 5):
        assert depth <= 5


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=500)
def test_measuring_any_bytes_agrees_with_msgpack_or_refuses(data):
    try:
        count = measure(data, 60, 1000)
    except RemoteProtocolError:
        return
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except ValueError:
        return  # no unicode, or a repeated key; the shape was right
    assert count >= count_of(value)  # keys that are there twice are counted twice


@pytest.mark.parametrize("opener", [b"\xdd\x00\x0f\xff\xff", b"\xdf\x00\x07\xff\xff", b"\xdc\xff\xff", b"\x9f"])
def test_claims_of_many_values_in_few_bytes_cost_nothing(opener):
    body = opener * (60_000 // len(opener))
    tracemalloc.start()
    try:
        assert fault_of(framed(body)) in {Fault.OVERSIZE, Fault.GARBAGE}
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_many_small_values_are_refused_by_count_in_the_time_of_that_count():
    body = b"\xdd" + (1_000_000).to_bytes(4, "big") + b"\x90" * 1_000_000
    assert fault_of(framed(body), max_frame=2 << 20, max_items=1000) == Fault.OVERSIZE


def test_a_large_frame_byte_by_byte_takes_time_linear_in_its_size():
    def seconds(size):
        data = encode_frame([1, b"x" * size], 1 << 21)
        decoder = FrameDecoder(1 << 21, 99)
        start = time.perf_counter()
        for i in range(0, len(data), 8):
            decoder.feed(data[i : i + 8])
            decoder.take()
        return time.perf_counter() - start

    small = min(seconds(20_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(2)) < 40 * small


def test_a_message_larger_than_the_peer_takes_is_a_local_error_that_names_the_way_out():
    with pytest.raises(LocalProtocolError, match="send large data as a payload") as e:
        encode_frame([1, b"x" * 100], 50)
    assert e.value.fault == Fault.OVERSIZE


def test_no_mutated_stream_raises_anything_else():
    rng = random.Random("frames")
    seeds = [b"".join(encode_frame(b, 9999) for b in bodies) for bodies in (
        [[1, "amlab", 1, "id", b"s" * 16, b"n" * 32, 2]],
        [[10, i, 0, ["Foo", "Bar"], b"\x81\xa1a\x01", None] for i in range(4)],
        [[12, [[[0, 1, 2, 3], 5, 123456789, [0, [1], True, False, "tx", ["m", "t", 4]]]]], [50, 3]],
    )]  # fmt: skip
    outcomes = Counter()
    for _ in range(30_000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(data))
            how = rng.randrange(4)
            if how == 0:
                data[at] = rng.choice((0, 0x7F, 0x80, 0x9F, 0xC1, 0xC7, 0xD4, 0xDD, 0xDF, 0xFF, rng.randrange(256)))
            elif how == 1:
                del data[at : at + rng.randrange(1, 6)]
            elif how == 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 6))
            else:
                data[at : at + 4] = rng.choice(seeds)[: rng.randrange(1, 20)]
            if not data:
                data = bytearray(b"\0")
        decoder = FrameDecoder(1 << 12, 100)
        try:
            for i in range(0, len(data), 13):
                for body in taken(decoder, bytes(data[i : i + 13])):
                    assert type(body) is list
                    assert type(body[0]) is int
        except RemoteProtocolError as e:
            outcomes[e.fault] += 1
        else:
            outcomes[Fault.NONE] += 1
    assert set(outcomes) == {Fault.NONE, Fault.GARBAGE, Fault.OVERSIZE}
    assert min(outcomes.values()) > 1000, outcomes
