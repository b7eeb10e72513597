"""Facts are plain data that agree with what Go decodes."""

import json

import pytest

from amlab.dbg.query.facts import machine_facts, session_facts, tx_facts
from amlab.dbg.query.verify import judge
from amlab.dbg.session import Session
from tests.dbg.format.exports import REAL, SHARED, real
from tests.dbg.session.samples import small

SAME = {
    "id": "ID", "parent": "Parent", "tags": "Tags", "version": "Version", "states": "states", "txs": "txs",
    "accepted": "accepted", "queued": "queued", "auto": "auto", "checks": "checks", "steps": "steps",
    "log_entries": "log_entries", "pre_log_entries": "pre_log_entries", "first_time": "first_time",
    "last_time": "last_time",
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_the_facts_of_a_real_session_are_those_that_go_counts(name):
    path = real(name)
    facts = session_facts(Session.open(path), path.stat().st_size)
    wanted = json.loads((SHARED / "truth" / f"{name}.summary.json").read_text())["machines"]
    assert [{key: m[key] for key in SAME} for m in facts["machines"]] == [
        {key: m[theirs] for key, theirs in SAME.items()} for m in wanted
    ]
    assert facts["bytes"] == path.stat().st_size
    assert facts["damage"] is None
    assert facts["totals"]["txs"] == sum(m["txs"] for m in wanted)
    json.dumps(facts)


def test_a_machine_tells_its_schema_and_how_it_ended():
    facts = machine_facts(small().machines["root"])
    assert facts["children"] == ["leaf/1"]
    assert facts["active"] == ["Exception", "Tick"]
    assert facts["clocks"] == {"Exception": 1, "Start": 0, "Ready": 2, "Tick": 3}
    assert facts["schema"]["Start"] == {"require": ["Ready"]}
    assert facts["groups"] == {"Main": ["Start", "Ready"]}
    json.dumps(facts)


def test_a_transition_tells_clocks_steps_log_and_how_it_came_about():
    session = small()
    tx = session.get("mach://root/r1")
    facts = tx_facts(tx, judge(tx))
    assert facts["verdict"] == "reproduced"
    assert facts["clocks_before"]["Ready"] == 0
    assert facts["clocks_after"]["Ready"] == 1
    assert facts["entered"] == ["Ready"]
    assert facts["args"] == {"who": "me"}
    assert facts["queued_by"] == "mach://root/@0"
    assert [(s["type"], s["to"]) for s in facts["steps"]] == [("called", "Ready"), ("activate", "Ready")]
    assert facts["log"][1] == {"level": 2, "text": "[state] +Ready"}
    assert facts["time"] == "1970-01-01T01:00:00.0000002+01:00"
    json.dumps(facts)


def test_a_cause_that_is_recorded_has_an_address():
    facts = tx_facts(small().get("mach://leaf%2F1/l1"))
    assert facts["source"] == {"machine": "root", "tx": "r2", "time": 2, "address": "mach://root/r2"}
