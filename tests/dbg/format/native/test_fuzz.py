"""Mutated recordings: a session, whole or in part, or a FormatError that says where, in bounded time and memory."""

import random
import time

import brotli
import msgpack
import pytest

from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.dbg.demo.kitchen import Bakery, bake
from amlab.dbg.format.limits import Limits
from amlab.dbg.format.native.codec import matches, read
from amlab.dbg.format.native.exporter import encode_session
from amlab.dbg.format.native.tail import Tail
from amlab.dbg.format.registry import read_session
from amlab.dbg.query.verify import verify
from amlab.dbg.record.recorder import Recorder
from amlab.errors import FormatError
from tests.dbg.format.test_fuzz import mutate
from tests.dbg.record.test_recorder import SCHEMA, Fussy, drive

INPUTS = 1600
SLOWEST_S = 1.0
LIMITS = Limits(max_bytes=1 << 20, max_values=100_000, max_depth=24)
ODD = (
    None,
    True,
    -1,
    0,
    1,
    2,
    255,
    256,
    1 << 16,
    1 << 31,
    (1 << 62) - 1,
    1 << 63,
    1.5,
    "",
    "A",
    b"",
    b"\0" * 9,
    [],
    {},
    [[]],
)


def recordings():
    """Plain streams: a recorder's with and without checks, and whole columns."""
    bakery = Bakery()
    machine = Machine(SCHEMA, "m", handlers=Fussy(), log_level=LogLevel.OPS)
    recorder = Recorder(flush_s=0).attach(*bakery.machines, machine)
    bake(bakery)
    drive(machine, 4)
    recorder.flush()
    machine.set_schema({**machine.schema.to_dict(), "New": {}})
    drive(machine, 3)
    recorder.close()
    plain = brotli.decompress(recorder.data)
    columns = encode_session(read_session(recorder.data, "it"))
    bakery.dispose()
    machine.dispose()
    return plain, unchecked(items_of(plain)), columns


def items_of(plain):
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(plain)
    return list(unpacker)


def unchecked(items):
    """The stream as one without checks is: nothing but the reader's own eyes guards it."""
    header = {**items[0], "types": [t for t in items[0]["types"] if t[0] != "check"]}
    return b"".join([msgpack.packb(item) for item in (header, *[i for i in items[1:] if i[0] != 9])])


def bend(rng, value, depth=0):
    """The value with one thing in it changed."""
    if isinstance(value, list) and value and (depth < 2 or rng.random() < 0.8):
        out = list(value)
        at = rng.randrange(len(out))
        if rng.random() < 0.1:
            del out[at]
        elif rng.random() < 0.1:
            out.insert(at, rng.choice(ODD))
        else:
            out[at] = bend(rng, out[at], depth + 1)
        return out
    if isinstance(value, dict) and value:
        out = dict(value)
        key = rng.choice(list(out))
        if rng.random() < 0.15:
            out[rng.choice([99, "x", -1])] = out.pop(key)
        else:
            out[key] = bend(rng, out[key], depth + 1)
        return out
    if isinstance(value, bytes) and value and rng.random() < 0.7:
        return mutate(rng, value, value)[: 2 * len(value)]
    if type(value) is int and rng.random() < 0.6:
        return value + rng.choice((-1, 1, 2, 7, 64))
    return rng.choice(ODD)


def look(session):
    """Everything that views ask for."""
    repr(session)
    for tx in session.transitions:
        repr(
            (tx, tx.steps, tx.log, tx.args, tx.time_ns, tx.states_before, tx.states_after, tx.runs, tx.source, tx.stack)
        )
        repr((tx.pipes, tx.contexts, tx.waits))
    for machine in session.machines.values():
        repr((machine.counts, machine.gaps, machine.children))
    verify(session).to_dict()


def check(data, number, *, is_looked_at):
    start = time.perf_counter()
    try:
        session = read(data, None, LIMITS) if matches(data[:64]) else None
    except FormatError:  # no header that makes sense
        session = None
    except Exception as err:
        pytest.fail(f"input {number}: {type(err).__name__}: {err}; {data.hex()}")
    if session is not None and is_looked_at:
        try:
            look(session)
        except Exception as err:
            pytest.fail(f"looking at input {number}: {type(err).__name__}: {err}; {data.hex()}")
    took = time.perf_counter() - start
    assert took < SLOWEST_S, f"input {number} took {took:.2f} s"
    return session is not None and session.damage is None


@pytest.mark.parametrize("which", [0, 1, 2])
def test_bytes_that_are_changed(which):
    rng = random.Random(f"bytes {which}")
    plain = recordings()[which]
    whole = [check(mutate(rng, plain, plain), n, is_looked_at=n % 20 == 0) for n in range(INPUTS // 4)]
    assert True in whole or which != 1
    assert False in whole


@pytest.mark.parametrize("which", [1, 2])
def test_values_that_are_bent(which):
    rng = random.Random(f"values {which}")
    items = items_of(recordings()[which])
    outcomes = []
    for number in range(INPUTS // 2):
        bent = list(items)
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(1 if rng.random() < 0.95 else 0, len(bent))
            bent[at] = bend(rng, bent[at])
        if rng.random() < 0.05:
            rng.shuffle(bent)
        if which == 2:
            bent = [item for item in bent if not (type(item) is list and item[:1] == [9])]
        data = b"".join([msgpack.packb(item, default=str) for item in bent if fits(item)])
        outcomes.append(check(data, number, is_looked_at=number % 4 == 0))
    assert outcomes.count(False) > 50


def fits(item):
    try:
        msgpack.packb(item)
    except Exception:
        return False
    return True


def test_a_tail_takes_the_same_and_never_raises():
    rng = random.Random("tail")
    items = items_of(recordings()[1])
    for _ in range(120):
        bent = list(items)
        at = rng.randrange(1, len(bent))
        bent[at] = bend(rng, bent[at])
        tail = Tail(LIMITS)
        packer = brotli.Compressor(quality=1)
        for item in filter(fits, bent):
            tail.feed(packer.process(msgpack.packb(item)) + packer.flush())
            news = tail.take()
            for machine in news.session.machines.values():
                repr([(tx, tx.steps) for tx in machine])
