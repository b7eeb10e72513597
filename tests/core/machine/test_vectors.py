"""Conformance with the reference: all vectors, at both levels, whatever is remembered of plans."""

import json
from pathlib import Path

import pytest

from tests.vectors.__main__ import load, main, run
from tests.vectors.compare import judge
from tests.vectors.faults import RULES

HERE = Path(__file__).resolve().parents[2] / "vectors"
HANDMADE, RANDOM = HERE / "handmade.json.gz", HERE / "random_public.json.gz"


@pytest.fixture(scope="module")
def reports():
    """By file and by how many plans are kept."""
    return {(path.name, limit): run([path], limit) for path in (HANDMADE, RANDOM) for limit in (0, None, 8)}


@pytest.mark.parametrize("limit", [0, None, 8])
@pytest.mark.parametrize("path", [HANDMADE, RANDOM], ids=lambda p: p.name)
def test_results_ticks_and_states_are_those_of_the_reference_but_for_its_faults(reports, path, limit):
    report = reports[path.name, limit]
    first = report["level1"]
    assert [d for d in report["differences"] if d["level"] == 1 and not d["fault"]] == []
    assert first["passed"] + first["faults"] == first["total"] > 100


@pytest.mark.parametrize("path", [HANDMADE, RANDOM], ids=lambda p: p.name)
def test_orders_and_steps_are_those_of_the_reference_in_99_of_100_cases(reports, path):
    second = reports[path.name, None]["level2"]
    comparable = second["total"] - second["faults"]
    assert second["passed"] >= 0.99 * comparable


def test_few_random_cases_show_a_fault_of_the_reference(reports):
    first = reports[RANDOM.name, None]["level1"]
    assert 0 < first["faults"] <= 0.09 * first["total"]


@pytest.mark.parametrize("path", [HANDMADE, RANDOM], ids=lambda p: p.name)
def test_nothing_depends_on_whether_a_plan_was_remembered(reports, path):
    assert reports[path.name, 0] == reports[path.name, None] == reports[path.name, 8]


def test_every_fault_is_known_by_a_rule_with_a_name(reports):
    names = {d["fault"] for report in reports.values() for d in report["differences"] if d["fault"]}
    assert {"final-error-recovery", "self-refusal-in-auto", "exit-refusal-in-auto", "broken-after-order"} <= names
    assert names <= set(RULES)


def test_the_command_prints_both_levels_and_the_differences_as_json(capsys):
    main([str(HANDMADE), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report.keys() == {"level1", "level2", "differences"}
    assert report["level1"].keys() == {"passed", "total", "faults"}
    assert report["differences"][0].keys() == {"case", "op", "level", "what", "expected", "got", "fault"}


def test_the_command_prints_what_is_no_fault_of_the_reference_and_both_levels_as_text(capsys):
    main([str(HANDMADE), "--limit", "0"])
    *differences, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("level1: ")
    assert second.startswith("level2: ")
    assert not any(f"[{rule}]" in line for rule in RULES for line in differences)
    main([str(HANDMADE), "--all"])
    assert "[final-error-recovery]" in capsys.readouterr().out


def test_the_command_fails_where_ours_is_another_and_not_where_only_the_reference_is_at_fault(tmp_path, capsys):
    cases = {case["name"]: case for case in load(HANDMADE)}
    wrong = json.loads(json.dumps(cases["auto-any-enter"]))
    wrong["expect"][0]["time"][0] += 2
    fault = next(case for case in cases.values() if set(judge(case).levels.values()) == {"fault"})
    codes = []
    for name, case in (("right", cases["auto-any-enter"]), ("wrong", wrong), ("fault", fault)):
        path = tmp_path / f"{name}.json"  # not gzipped
        path.write_text(json.dumps([case]), encoding="utf-8")
        codes.append(main([str(path), "--json"]))
    assert codes == [0, 1, 0]
    right, wrong, fault = map(json.loads, capsys.readouterr().out.splitlines())
    assert right["level1"] == right["level2"] == {"passed": 1, "total": 1, "faults": 0}
    assert wrong["level1"] == {"passed": 0, "total": 1, "faults": 0}
    assert [d["what"] for d in wrong["differences"]] == ["time"]
    assert fault["level1"] == {"passed": 0, "total": 1, "faults": 1}
