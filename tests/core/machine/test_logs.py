"""Log lines: the reference's levels and words, where ours mean to be the same."""

from __future__ import annotations

import gzip
import json
import logging
import re
from pathlib import Path

import pytest

from amlab import LogLevel, Machine, State, States, Tracer
from amlab.core.machine.logs import PENDING_LIMIT, default_args_mapper
from tests.vectors.compare import judge
from tests.vectors.play import Play

ARGS = re.compile(r" \(\w+=.*\)$")
HANDMADE = Path(__file__).parents[2] / "vectors" / "handmade.json.gz"


class Flow(States):
    A = State()
    B = State(require=A)
    C = State(auto=True, require=B)
    D = State(add=A)
    E = State(remove=A)


class Lines(Tracer):
    """Log lines of each transition, and those before it."""

    def __init__(self, machine):
        self.entries = []
        machine.bind_tracer(self)

    def transition_end(self, tx):
        self.entries.append((tx, [*tx.pre_log_entries], [*tx.log_entries]))

    def of(self, called):
        """The texts of the first transition that called these states."""
        return next([text for _, text in log] for tx, _, log in self.entries if " ".join(tx.called) == called)


def logged(level=LogLevel.EVERYTHING, **kwargs):
    m = Machine(Flow, "logged", log_level=level, **kwargs)
    return m, Lines(m)


def plain(entries):
    """What both sides mean to say: without lines that only one of them has, without ids of transitions.

    The reference tells each time that a busy queue postpones (`[postpone]`), what is bound (`[tracers]`,
    `[handlers]`; here it is bound before the log is on), where it recovers, and no arguments in these cases;
    ours tells which handler raised what, before Exception is queued.
    """
    ours = ("[postpone]", "[tracers]", "[handlers]", "[recover]", "[error]", "[prepend:add] Exception")
    out = []
    for level, text in entries:
        words = text.removeprefix("[vec] ")
        if words.startswith("[source]"):
            words = words.split("/")[0]
        if words.startswith(ours):
            continue
        out.append((int(level), ARGS.sub("", words)))
    return out


def test_the_references_lines_are_ours_in_every_vector_without_a_fault():
    told = transitions = 0
    for case in json.loads(gzip.decompress(HANDMADE.read_bytes())):
        if set(judge(case).levels.values()) != {"passed"}:
            continue
        play = Play(case)
        play.machine.log_level = case["opts"]["log_level"]
        lines = Lines(play.machine)
        play.run()
        expected = [e for op in case["expect"] for e in op["events"] if e["ev"] == "tx"]
        resolved_again = {"auto-exit-cancel"}  # the reference tells the second time too
        for theirs, (tx, _, log) in zip(expected, lines.entries, strict=True):
            wanted = plain([(e["level"], e["text"]) for e in theirs.get("log") or []])
            if case["name"] in resolved_again and tx.is_auto:
                wanted = list(dict.fromkeys(wanted))
            assert plain(log) == wanted, (case["name"], tx)
            told += len(wanted)
            transitions += 1
    assert (transitions, told) > (500, 1500)


def test_each_level_tells_more_than_the_one_before():
    seen = []
    for level in LogLevel:
        m, lines = logged(level)
        m.add("D")
        m.add("B")
        m.remove("A")
        m.log("a word")
        m.add("A")
        seen.append(sum(len(pre) + len(log) for _, pre, log in lines.entries))
    assert seen[LogLevel.NOTHING] == 0
    assert seen[LogLevel.EXTERNAL] == 1
    assert seen[:5] == sorted(set(seen[:5]))
    assert seen[LogLevel.EVERYTHING] == seen[LogLevel.DECISIONS]


def test_an_add_tells_what_it_brings_what_it_drops_and_what_changes():
    m, lines = logged()
    m.add("D", args={"n": 1})
    m.add("B")
    assert [text for _, text in lines.entries[-1][2]] == ["[logge] [add:auto] C", "[logge] [auto_] +C"]
    m.add("E")
    assert lines.of("D")[:3] == ["[logge] [add] D (n=1)", "[logge] [implied] A", "[logge] [state] +D +A (n=1)"]
    assert lines.of("C") == ["[logge] [add:auto] C", "[logge] [reject:auto] C(-B)", "[logge] [cancel:reject] C"]
    assert lines.of("E") == [
        "[logge] [add] E",
        "[logge] [rel:remove] A by E",
        "[logge] [reject] B(-A) C(-B)",
        "[logge] [state] +E -A -B -C",
        "[logge] [auto] C",
        "[logge] [prepend:add] C",
    ]


def test_a_rejection_tells_what_is_missing():
    m, lines = logged()
    m.add("B")
    assert lines.of("B") == ["[logge] [add] B", "[logge] [reject] B(-A)", "[logge] [cancel:reject] B"]


def test_handlers_and_their_refusals_are_told():
    m, lines = logged()
    m.bind_handlers({"AEnter": lambda e: False})
    m.add("A")
    assert lines.of("A") == ["[logge] [add] A", "[logge] [handler:0] AEnter", "[logge] [cancel] (A) by AEnter"]


def test_a_handler_that_raises_is_told_in_one_line():
    def boom(e):
        raise ValueError("out of\npaper")

    m, lines = logged()
    m.bind_handlers({"AState": boom})
    m.add("A")
    assert lines.of("A") == [
        "[logge] [add] A",
        "[logge] [state] +A",
        "[logge] [handler:0] AState",
        "[logge] [recover] partial final states as ()",
        "[logge] [cancel] (A) by recover",
        "[logge] [error] AState raised ValueError: out of paper",
        "[logge] [prepend:add] Exception",
    ]
    assert lines.of("Exception")[0] == "[logge] [add] Exception (err=ValueError('out of\\npaper'))"


def test_an_error_of_an_exception_handler_is_told_even_at_the_lowest_level():
    def boom(e):
        raise ValueError("worse")

    m, lines = logged(LogLevel.EXTERNAL)
    m.bind_handlers({"ExceptionState": boom})
    m.add_err(ValueError("bad"))
    assert lines.of("Exception") == ["[logge] [error] ExceptionState raised ValueError: worse"]


def test_lines_between_transitions_go_to_the_next_one():
    m, lines = logged()
    m.add("A")
    m.log("in between")
    m.remove("A")
    _, pre, log = lines.entries[-2]
    assert [text for _, text in pre] == ["[logge] [exter] in between", "[logge] [queue:remove] A"]
    assert [text for _, text in log][:2] == ["[logge] [remove] A", "[logge] [state] -A"]


def test_queued_mutations_name_each_state_once_and_leave_arguments_to_the_transition():
    m, lines = logged()
    m.add("A", "A", args={"n": 1})
    assert lines.entries[0][1][-1] == (LogLevel.OPS, "[logge] [queue:add] A")


def test_duplicates_are_told():
    m, lines = logged()
    m.bind_handlers({"AState": lambda e: [e.machine.add("D"), e.machine.add("D", "D")]})
    m.add("A")
    assert "[logge] [queue:skipped] Duplicate detected for [add] D" in lines.of("A")


def test_a_source_is_told():
    m, lines = logged()
    m.bind_handlers({"AState": lambda e: e.machine.add("D")})
    m.add("A")
    tx = lines.entries[0][0]
    assert f"[logge] [source] logged/{tx.id}/0" in lines.of("D")


def test_users_lines_are_one_line_at_the_external_level():
    out = []
    m = Machine(Flow, "m", log_level=LogLevel.EXTERNAL, logger=lambda level, text: out.append((level, text)))
    m.log("two\nlines")
    assert out == [(LogLevel.EXTERNAL, "[m] [exter] two lines")]


def test_the_level_can_be_changed_and_the_quick_way_comes_back():
    out = []
    m = Machine(Flow, "m", logger=lambda level, text: out.append(text))
    m.add("A")
    m.remove("A")
    m.add("A")
    m.log_level = LogLevel.CHANGES
    m.remove("A")
    m.log_level = LogLevel.NOTHING
    m.add("A")
    assert out == ["[m] [state] -A"]
    assert m._quick


def test_a_logger_that_raises_is_dropped_and_told_of(caplog):
    def broken(level, text):
        raise OSError("disk full")

    m = Machine(Flow, "m", log_level=LogLevel.EVERYTHING, logger=broken)
    with caplog.at_level(logging.WARNING, "amlab.machine"):
        assert m.add("A").is_executed
    assert "[m] logger dropped, it raised OSError('disk full')" in caplog.text
    assert len(caplog.records) == 1


def test_tracers_get_the_lines_within_the_level():
    class Watch(Tracer):
        def __init__(self):
            self.seen = []

        def log(self, machine, level, text):
            self.seen.append((level, text))

    watch = Watch()
    m = Machine(Flow, "m", log_level=LogLevel.CHANGES, tracers=[watch])
    m.add("A")
    assert watch.seen == [(LogLevel.CHANGES, "[m] [state] +A")]


def test_lines_that_no_transition_takes_are_bounded():
    m = Machine(Flow, "m", log_level=LogLevel.EXTERNAL)
    for n in range(3 * PENDING_LIMIT):
        m.log(str(n))
    pending = [text for _, text in m._logs.pending]
    assert len(pending) <= PENDING_LIMIT
    assert pending[-1] == f"[m] [exter] {3 * PENDING_LIMIT - 1}"
    assert pending[0] == f"[m] [log] {PENDING_LIMIT // 2} lines left out here"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"b": 1, "a": "x y"}, " (a=x y b=1)"),
        ({"long": "x" * 30}, f" (long={'x' * 19}…)"),
        ({"err": ValueError("bad"), "err_trace": None, "panic": {"tx": 1}}, " (err=ValueError('bad'))"),
        ({"err_trace": None}, ""),
        ({"list": list(range(100))}, " (list=[0, 1, 2, 3, 4, 5, …)"),
    ],
)
def test_arguments_are_told_by_name_and_bounded(args, text):
    m = Machine(Flow)
    assert m._logs.args(args) == text


def test_an_args_mapper_chooses_what_is_told():
    m, lines = logged()
    m.set_args_mapper(lambda args: {"id": f"<{args['id']}>"} if "id" in args else {})
    m.add("A", args={"id": 7, "secret": "x"})
    m.remove("A", args={"secret": "x"})
    assert lines.of("A")[0] == "[logge] [add] A (id=<7>)"
    assert lines.entries[-2][2][0][1] == "[logge] [remove] A"


def test_an_args_mapper_that_raises_disturbs_nothing():
    m, lines = logged()
    m.set_args_mapper(lambda args: args["missing"])
    assert m.add("A", args={"n": 1}).is_executed
    assert lines.of("A")[0] == "[logge] [add] A (args mapper raised KeyError)"


def test_the_mapper_takes_values_whose_repr_raises_nothing_else():
    assert default_args_mapper({"a": "text", "b": 1.5, "c": None}) == {"a": "text", "b": "1.5", "c": "None"}
