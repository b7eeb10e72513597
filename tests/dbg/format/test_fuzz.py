"""Mutated files: a session, or a FormatError with offset and path, in bounded time."""

import random
import time

import pytest

from amlab.dbg.format.go.codec import read
from amlab.dbg.format.limits import Limits
from amlab.errors import FormatError
from tests.dbg.format.exports import GENERATIONS, encode

INPUTS = 100_000
SLOWEST_S = 0.5
LIMITS = Limits(max_bytes=1 << 20, max_values=100_000, max_depth=24)
EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xF8, 0xF7, 0xFC, 0xFD, 0xFE, 0xFF)


def mutate(rng: random.Random, seed: bytes, other: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data)) if data else 0
        how = rng.randrange(8)
        if how < 3 and data:
            data[at] = rng.choice(EDGES) if how else rng.randrange(256)
        elif how == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        elif how == 4:
            del data[at : at + rng.randrange(1, 9)]
        elif how == 5:
            del data[at:]
        elif how == 6:
            data[at:at] = b"\xfc\x40\x00\x00\x00"  # a claim of 1 GB
        else:
            start = rng.randrange(len(other))
            data[at : at + 8] = other[start : start + rng.randrange(1, 40)]
    return bytes(data)


@pytest.mark.parametrize("generation", list(GENERATIONS))
def test_a_mutated_file_opens_or_is_a_format_error_soon(generation):
    rng = random.Random(f"fuzz {generation}")
    seeds = [encode(g) for g in GENERATIONS]
    seed = encode(generation)
    outcomes = {True: 0, False: 0}
    for number in range(INPUTS // len(GENERATIONS)):
        data = mutate(rng, seed, rng.choice(seeds))
        start = time.thread_time()  # others may be at work
        try:
            session = read(data, None, LIMITS)
        except Exception as e:
            pytest.fail(f"input {number} of {generation}: {type(e).__name__}: {e}; {data.hex()}")
        took = time.thread_time() - start
        for _ in range(3):  # what is slow by itself is so again
            if took >= SLOWEST_S:
                start = time.thread_time()
                read(data, None, LIMITS)
                took = min(took, time.thread_time() - start)
        assert took < SLOWEST_S, f"input {number} of {generation} took {took:.2f} s"
        damage = session.damage
        outcomes[damage is None] += 1
        if damage is not None:
            assert type(damage) is FormatError
            assert 0 <= damage.offset <= len(data)
            assert isinstance(damage.path, str)
        if number % 50 == 0:
            repr(session)
            for tx in session.transitions:
                repr((tx, tx.steps, tx.log, tx.args, tx.time, tx.states_before, tx.states_after, tx.runs, tx.source))
    assert min(outcomes.values()) > 100, outcomes
