"""The small demo: what it is there to show is in it."""

import json

from amlab.dbg.cli import main
from amlab.dbg.demo.kitchen import Bakery, bake
from amlab.dbg.query.verify import verify
from amlab.dbg.record.memory import record
from amlab.dbg.session.session import Session


def recorded(tmp_path):
    bakery = Bakery()
    with record(*bakery.machines) as session:
        results = bake(bakery)
    bakery.dispose()
    return session, results


def test_it_holds_a_refusal_by_a_relation_one_by_a_handler_an_error_and_causes_across_machines(tmp_path):
    session, results = recorded(tmp_path)
    assert [str(r) for r in results] == [
        "executed",
        "canceled",
        "executed",
        "executed",
        "executed",
        "executed",
        "canceled",
    ]
    report = verify(session)
    assert report.is_ok
    assert report.checked == report.reproduced > 30
    assert "LidOffEnter refused" in " ".join(report.refusals) or "LidOffEnter" in " ".join(report.refusals)
    assert any("requires Ready" in words for words in report.refusals)
    oven = session.machines["oven"]
    assert any("Exception" in tx.called for tx in oven)
    assert {tx.source.machine for tx in oven if tx.source} == {"kitchen", "oven"}
    assert session.machines["oven"].parent == "kitchen"


def test_saved_in_both_formats_it_reads_back_and_verifies(tmp_path):
    session, _ = recorded(tmp_path)
    session.save(tmp_path / "a.gob.br")
    again = Session.open(tmp_path / "a.gob.br")
    assert [tx.called for tx in again.machines["mixer"]] == [tx.called for tx in session.machines["mixer"]]
    assert verify(again).is_ok


def test_the_command_prints_facts_and_ends_well(tmp_path, capsys):
    out = tmp_path / "demo.gob.br"
    assert main(["demo", "--kitchen", "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"]
    assert facts["machines"] == 3
    assert facts["verify"]["mismatches"] == []
    assert main(["demo", "--file", str(out)]) == 0
    assert "3 machines" in capsys.readouterr().out
