"""Whatever a mangled file still decodes to can be listed, derived and printed, in whole lines."""

import json
import random

import pytest

from amlab.dbg.format.go.codec import read
from amlab.dbg.format.limits import DEFAULT_LIMITS
from amlab.dbg.query.facts import machine_facts, session_facts, tx_facts
from amlab.dbg.query.verify import judge_all, verify
from amlab.dbg.view.inspect_text import machine_lines, session_lines, tx_lines
from tests.dbg.format.exports import GENERATIONS, encode


def mangled(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data))
        if rng.random() < 0.6:
            data[at] = rng.randrange(256)
        elif rng.random() < 0.5:
            del data[at]
        else:
            data.insert(at, rng.randrange(256))
    return bytes(data)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_view_of_a_mangled_session_comes_out(generation):
    rng = random.Random(11)
    whole = encode(generation)
    records = 0
    for _ in range(250):
        session = read(mangled(rng, whole), None, DEFAULT_LIMITS)
        lines = list(session_lines(session, 1))
        json.dumps([session_facts(session, 1), verify(session).to_dict()])
        for m in session.machines.values():
            verdicts = list(judge_all(m))
            assert len(verdicts) == len(m)
            lines += machine_lines(m, verdicts, limit=0, show_queued=True)
            json.dumps(machine_facts(m))
            for tx, verdict in zip(m, verdicts, strict=True):
                records += 1
                lines += tx_lines(tx, verdict)
                json.dumps(tx_facts(tx, verdict))
        assert all(line.isprintable() for line in lines)
    assert records > 100
