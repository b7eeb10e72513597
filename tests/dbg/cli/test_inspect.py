"""`amlab inspect`: sessions, machines, transitions; as text and as JSON; damaged and hostile ones."""

import json
import re

import brotli
import pytest

from amlab.dbg.cli import main
from amlab.dbg.session import Session, SessionBuilder
from amlab.dbg.view.inspect_text import WIDTH, clean, cut, session_lines, table
from tests.dbg.format.exports import REAL, encode, real, sample
from tests.dbg.session.samples import small


@pytest.fixture
def inspect(capsys):
    def run(*args, code=0):
        assert main(["inspect", *map(str, args)]) == code
        return capsys.readouterr()

    return run


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "small.gob.br"
    small().save(target)
    return target


@pytest.mark.parametrize("name", REAL)
def test_no_line_of_a_real_session_is_wider_than_the_terminal(name, inspect):
    path = real(name)
    lines = inspect(path).out.splitlines()[1:]  # the first has the path
    machines = Session.open(path).machines
    biggest = max(machines.values(), key=len)
    lines += inspect(path, biggest.key, "--queued").out.splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    for m in machines.values():
        assert any(m.key in line for line in lines)


def test_machines_stand_below_their_parents(inspect):
    lines = inspect(real("secai-cook")).out.splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("cook "))
    assert lines[at + 1].startswith("├ tool-searxng-cook ")
    assert lines[at + 2].startswith("└ memory-cook ")
    assert "3 machines, 462 records" in lines[1]


def rows_of(out):
    """Number, mutation and outcome of each row of a machine's table."""
    found = (re.match(r" *(\d+) +\d+\.\d{6}  (.*?) {2,}(.*)$", line) for line in out.splitlines())
    return {int(m[1]): (m[2], m[3]) for m in found if m}


def test_a_machine_lists_its_transitions_with_what_they_did(inspect, path):
    out = inspect(path, "root").out
    rows = rows_of(out)
    assert list(rows) == [1, 2, 3, 4, 5]
    assert rows[1] == ("add Ready", "+Ready")
    assert rows[3] == ("add Tick", "Tick again")
    assert rows[4] == ("add Start", "canceled by what was not recorded")
    assert rows[5][0] == "remove Ready"
    assert rows[5][1].startswith("DOES NOT FOLLOW")  # the sample enters Exception along with it
    assert "1 queued mutation not shown: --queued" in out
    assert rows_of(inspect(path, "root", "--queued").out)[0] == ("queue add Ready", "runs as 1")


def test_a_real_refusal_tells_why(inspect):
    out = inspect(real("node-payload"), "ns", "--from", 111, "--limit", 1).out
    assert rows_of(out) == {111: ("add PoolReady", "canceled: refused by the handler PoolReadyEnter")}
    out = inspect(real("secai-cook"), "cook", "--from", 65, "--limit", 1).out
    assert rows_of(out)[65][1].startswith("canceled: Ready requires ResourcesReady, not ")


def test_a_mirror_shows_how_its_clocks_jumped(inspect):
    rows = rows_of(inspect(real("flood"), "rw-rep-2-2", "--limit", 3).out)
    assert all(outcome.startswith("jump: ") for _, outcome in rows.values())


def test_pages_go_on_where_the_one_before_ended(inspect, path):
    whole = inspect(path, "root", "--queued", "--limit", 0).out
    first = inspect(path, "root", "--queued", "--limit", 4).out
    assert first.splitlines()[-1] == "more: --from 4"
    rest = inspect(path, "root", "--queued", "--from", 4).out
    assert {**rows_of(first), **rows_of(rest)} == rows_of(whole)
    assert list(rows_of(whole)) == [0, 1, 2, 3, 4, 5]
    assert "more" not in whole.splitlines()[-1]
    assert "the last is 5" in inspect(path, "root", "--from", 99).out


@pytest.mark.parametrize(
    "args",
    [["root", "--tx", "r1"], ["root", "--tx", "1"], ["mach://root/r1"], ["mach://root/@1"], ["--tx", "mach://root/r1"],
     ["mach://root", "--tx", "r1"], ["ro", "--tx", "mach://root/r1"]],
)  # fmt: skip
def test_a_transition_is_found_by_id_number_and_address(args, inspect, path):
    out = inspect(path, *args).out
    for words in ("mach://root/r1", "add Ready", "+Ready", "activate Ready", "[state] +Ready", "who = me", "Ready:1",
                  "queued as record 0"):  # fmt: skip
        assert words in out, words


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["rooot"], "did you mean 'root'"),
        (["root", "--tx", "zz"], "No transition 'zz'"),
        (["--tx", "4"], "of which machine"),
        (["leaf", "--tx", "mach://root/r1"], "another machine"),
        (["mach://root/r1", "--tx", "2"], "names a transition already"),
        (["mach://a/b/c"], "Cannot read the address"),
    ],
)
def test_what_is_not_there_is_told(args, words, inspect, path):
    told = inspect(path, *args, code=2)
    assert told.out == ""
    assert words in told.err


def test_the_cause_in_another_machine_is_named(inspect, path):
    out = inspect(path, "leaf/1", "--tx", "l1").out
    assert "mach://root/r2 (add Tick)" in out


def test_json_holds_counts_of_every_machine(inspect):
    path = real("secai-cook")
    facts = json.loads(inspect(path, "--json").out)
    assert facts["bytes"] == path.stat().st_size
    assert facts["format"] == "gob"
    assert [m["id"] for m in facts["machines"]] == ["tool-searxng-cook", "cook", "memory-cook"]
    cook = facts["machines"][1]
    assert (cook["states"], cook["txs"], cook["queued"], cook["checks"], cook["steps"]) == (73, 444, 222, 22, 8516)


def test_json_of_a_machine_and_of_a_transition(inspect, path):
    facts = json.loads(inspect(path, "root", "--json").out)
    assert [t["number"] for t in facts["transitions"]] == [1, 2, 3, 4, 5]
    assert facts["clocks"]["Tick"] == 3
    assert len(json.loads(inspect(path, "root", "--json", "--queued", "--limit", "2").out)["transitions"]) == 2
    tx = json.loads(inspect(path, "root", "--tx", "r1", "--json").out)
    assert tx["log"][0]["text"] == "[handler:0] ReadyState"


@pytest.fixture
def damaged(tmp_path):
    data = encode("newest")
    at = data.index(b"aa11")
    target = tmp_path / "bad.gob.br"
    target.write_bytes(brotli.compress(data[: at - 1] + b"\xf7" + data[at:]))
    return target


def test_a_damaged_file_says_how_to_see_what_came_before(inspect, damaged):
    told = inspect(damaged, code=2)
    assert told.out == ""
    assert told.err.startswith("amlab: ")
    assert "[0].MsgTxs[1].ID" in told.err
    assert "--partial" in told.err


def test_partial_shows_what_came_before_the_damage_and_says_so(inspect, damaged):
    told = inspect(damaged, "--partial")
    assert "damaged" in told.out
    assert "1 machine, 1 record" in told.out
    assert "[0].MsgTxs[1].ID" in told.err
    facts = json.loads(inspect(damaged, "--partial", "--json").out)
    assert facts["damage"]["path"] == "[0].MsgTxs[1].ID"


def test_a_file_that_is_no_session_has_nothing_to_show(inspect, tmp_path):
    target = tmp_path / "zip.gob.br"
    target.write_bytes(b"PK\x03\x04" * 50)
    for options in ([], ["--partial"]):
        told = inspect(target, *options, code=2)
        assert "brotli" in told.err
    assert "--partial" not in inspect(target, code=2).err


@pytest.mark.parametrize("end", range(60, 900, 67))
def test_wherever_a_file_ends_its_beginning_can_be_inspected(end, inspect, tmp_path):
    target = tmp_path / "cut.gob.br"
    target.write_bytes(brotli.compress(encode("newest")[:end]))
    told = inspect(target, "--partial")
    assert "damaged" in told.err
    assert "machine" in told.out


def test_names_and_logs_cannot_move_the_cursor(inspect, tmp_path):
    value = sample("newest")
    value[0]["MsgStruct"]["ID"] = "al\x1b[2Jpha"
    value[0]["MsgStruct"]["Tags"] = ["\x9b31m\u202eevil"]
    value[0]["MsgTxs"][1]["LogEntries"] = [{"Level": 3, "Text": "a\x1b]0;title\x07\nb"}]
    target = tmp_path / "hostile.gob.br"
    target.write_bytes(brotli.compress(encode("newest", value)))
    out = inspect(target).out + inspect(target, "al").out + inspect(target, "al", "--tx", "aa11").out
    assert "al\\x1b[2Jpha" in out
    assert "a\\x1b]0;title\\x07" in out
    assert all(line.isprintable() for line in out.splitlines())


def test_parents_in_a_circle_and_repeated_ids_are_all_listed():
    builder = SessionBuilder()
    for name, parent in (("a", "b"), ("b", "a"), ("c", "c"), ("a", ""), ("d", "nobody")):
        builder.machine(name, ["Exception"], parent=parent)
    session = builder.build()
    names = [line.split()[-3] for line in list(session_lines(session, 0)) if line.endswith(" 0")]
    assert sorted(n.strip("└├ ") for n in names) == ["a", "a#2", "b", "c", "d"]


def test_a_deep_chain_of_parents_stays_in_the_table():
    builder = SessionBuilder()
    for k in range(3000):
        builder.machine(f"m{k}", ["Exception"], parent=f"m{k - 1}" if k else "")
    lines = list(session_lines(builder.build(), 0))
    assert len(lines) > 3000
    assert max(map(len, lines)) <= WIDTH


def test_cells_are_cut_to_fit():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
    assert cut("abcdefghij", 7, keep_end=True) == "abc…hij"
    assert cut("abc", 1) == "…"
    assert clean("é\t\x00") == "é\\t\\x00"
    assert table(["#", "text"], [["1", "x" * 50], ["10", "y"]], left={1}, width=20) == [
        " #  text",
        " 1  " + "x" * 15 + "…",
        "10  y",
    ]
