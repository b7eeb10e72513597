"""Streams that are cut up, mangled, doubled, reordered: a named end of one connection, and nothing else."""

import random
import time
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.rpc.auth import Nonces
from amlab.core.rpc.connection import State
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import Answered, Asked, Changed, Closed, Failed, Met, PayloadReceived, Subscribed
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Kind, WaitKind
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError, ProtocolError
from tests.core.rpc.pair import Pair, client, server
from tests.core.rpc.test_connection import SAMPLES
from tests.core.rpc.test_values import Job, Point

TYPES = Types(Job, Point)
LIMITS = Limits(max_pending=20, chunk_over=200, chunk=80, window=200, max_items=5000)


def talk(mangle, steps=12, seed=0):
    """A conversation with something of everything, both directions carried through `mangle(direction, data)`."""
    rng, refused = random.Random(seed), set()
    pair = Pair(
        client(limits=LIMITS, types=TYPES, selection=Selection(sync_mutations=seed % 2 == 0, push_interval_s=0)),
        server(limits=LIMITS, types=TYPES, nonces=Nonces()),
    )
    for step in range(steps):
        if pair.client.state is State.OPEN:
            try:
                how = rng.randrange(6)
                if how < 3:
                    pair.add("Work", args={"job": Job(step, parts=[(1, Point(2, {3}))]), "t": "ü" * step})
                elif how == 3:
                    pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"a": step}, now=pair.now)
                elif how == 4:
                    pair.client.send_payload("up", b"x" * rng.randrange(600), pair.now)
                else:
                    pair.client.report(ValueError("here"), pair.now)
                pair.client.unsubscribe(step, pair.now)
            except LocalProtocolError as e:
                refused.add(e.fault)
        if pair.server.state is State.OPEN:
            pair.machine.tick("Start")
            pair.server.touch(pair.now)
            if rng.random() < 0.3:
                try:
                    pair.server.send_payload("down", [step] * 300, pair.now, is_compressed=True)
                except LocalProtocolError as e:
                    refused.add(e.fault)
            for event in pair.of_server:
                if type(event) is Subscribed and event.id in pair.server._waits:
                    pair.server.meet(event.id, pair.now, {"a": 1})
        for _ in range(4):
            for part in mangle("up", pair.client.data_to_send()):
                pair.to_server(part)
            for part in mangle("down", pair.server.data_to_send()):
                pair.to_client(part)
        pair.tick(0.5)
    assert refused <= {Fault.FLOOD, Fault.DELIVERY}
    return pair


def check(pair):
    """What holds whatever happened."""
    for events, side in ((pair.of_client, pair.client), (pair.of_server, pair.server)):
        ends = [e for e in events if type(e) is Closed]
        assert len(ends) == (1 if side.is_over else 0)
        if ends:
            assert events[-1] is ends[0]
        if side.error is not None:
            assert isinstance(side.error, ProtocolError)
            assert ends[0].is_by_peer or side.error.fault != Fault.LOCAL, side.error
        assert side.bytes_waiting < 1 << 20
        assert len(side._decoder._rest) < 1 << 17
        check_timers(side, pair.now)
        assert side.handle_timeout(pair.now + 1000) == []
    assert pair.server.requests_open <= 20
    assert pair.client.requests_open <= 20
    assert len(pair.client._abandoned) <= 40
    if pair.client.error is None and not pair.client.follower.mirror.is_stale:
        told = pair.client.follower.mirror.ticks
        assert all(a <= b for a, b in zip(told, pair.machine.ticks, strict=True))


def check_timers(side, now):
    """Each call at its time does something; in the end, with nobody there, the connection is over."""
    side.data_to_send()
    for _ in range(200):
        due = side.next_timeout()
        if due is None:
            break
        assert due >= now - 0.5
        now = max(due, now)
        side.handle_timeout(now)
        side.data_to_send()
        assert side.is_over or side.next_timeout() > now
    assert side.is_over


def words(events):
    return [e for e in events if type(e) is not Closed and type(e) is not Failed]


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3, 7, 40]))
@settings(deadline=None, max_examples=30)
def test_however_the_bytes_are_cut_up_the_same_happens(seed, size):
    def whole(_, data):
        return [data] if data else []

    def pieces(_, data):
        return [data[i : i + size] for i in range(0, len(data), size)]

    one, other = talk(whole, seed=seed), talk(pieces, seed=seed)
    assert one.client.state is other.client.state is State.OPEN
    check(one)
    assert words(one.of_server) == words(other.of_server)
    assert words(one.of_client) == words(other.of_client)
    kinds = {type(e) for s in range(10) for e in talk(whole, seed=s).of_client + talk(whole, seed=s).of_server}
    assert {Answered, Asked, Changed, Met, Failed, PayloadReceived} <= kinds


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_flipped_lost_and_added_bytes_end_by_name(seed, rng):
    def mangle(_, data):
        data = bytearray(data)
        if data and rng.random() < 0.15:
            at = rng.randrange(len(data))
            how = rng.randrange(4)
            if how == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                del data[at : at + rng.randrange(1, 9)]
            elif how == 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            else:
                data[at:] = b""
        return [bytes(data)] if data else []

    check(talk(mangle, seed=seed))


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_whole_frames_lost_doubled_swapped_or_sent_back_end_by_name(seed, rng):
    kept = []

    def mangle(_, data):
        frames = []
        while len(data) >= 4:
            end = 4 + int.from_bytes(data[:4], "big")
            frames.append(data[:end])
            data = data[end:]
        kept.extend(frames)
        if frames and rng.random() < 0.3:
            how = rng.randrange(5)
            at = rng.randrange(len(frames))
            if how == 0:
                del frames[at]
            elif how == 1:
                frames.insert(at, frames[at])
            elif how == 2:
                rng.shuffle(frames)
            elif how == 3:
                frames.insert(at, rng.choice(kept))  # replayed, or reflected from the other direction
            else:
                kind = rng.choice(list(SAMPLES))
                frames.insert(at, encode_frame((kind, *SAMPLES[kind]), 1 << 16))
        return frames

    check(talk(mangle, seed=seed))


@given(st.lists(st.binary(max_size=40), max_size=10), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=200)
def test_any_bytes_at_any_time_end_by_name_or_wait_for_more(parts, is_server, is_open):
    pair = Pair.made() if is_open else Pair(client(), server())
    one = pair.server if is_server else pair.client
    for part in parts:
        one.receive_data(part, 0.0)
    assert one.error is None or one.error.fault in {Fault.OVERSIZE, Fault.GARBAGE, Fault.BAD_MESSAGE, Fault.UNEXPECTED}


def test_mutated_messages_of_every_kind_never_fail_on_our_side():
    rng = random.Random("messages")
    odd = [None, True, 0, 1, -1, 5, 2**63, 2**64 - 1, 1.5, "", "Work", b"", b"\x80", b"m" * 32, [], [1], ["Work"], [[]],
           [[0, 1], 2, 3], [[[0, 1], 2, 3]], [["E", "t", "", True]], {"a": 1}]  # fmt: skip
    outcomes = {True: 0, False: 0}
    pairs = [Pair.made(is_open=i > 1) for i in range(4)]
    started = time.perf_counter()
    for i in range(12_000):
        pair = pairs[i % 4]
        one = pair.client if rng.random() < 0.5 else pair.server
        kind = rng.choice(list(Kind))
        fields = list(SAMPLES[kind])
        for _ in range(rng.randrange(3)):
            fields[rng.randrange(len(fields))] = rng.choice(odd)
        one.receive_data(encode_frame((kind, *fields), 1 << 16), pair.now)
        one.data_to_send()
        outcomes[one.error is None] += 1
        if one.is_over:
            assert one.error is None or one.error.fault != Fault.LOCAL or kind is Kind.BYE, one.error
            pairs[i % 4] = Pair.made(is_open=i % 4 > 1)
    assert min(outcomes.values()) > 1000, outcomes
    assert time.perf_counter() - started < 60


def test_a_peer_that_only_takes_does_not_make_us_grow():
    pair = Pair.made(limits=LIMITS)
    pair.is_serving = False
    ask = b"".join(encode_frame((10, n, 0, ["Work"], b"\x81\xa1a\x01", None), 999) for n in range(1, 200))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pair.server.receive_data(ask, 0.0)
        assert pair.server.error.fault == Fault.FLOOD
        for _ in range(1000):
            pair.server.touch(0.0)
            pair.server.receive_data(ask, 0.0)
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()
