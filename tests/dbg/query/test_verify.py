"""Verify: what really was recorded follows, what was tampered with does not."""

import random

import pytest

from amlab.core.machine.order import cyclic_pairs
from amlab.dbg.query.verify import judge, judge_all, verify
from amlab.dbg.query.walk import Outcome, Reason
from amlab.dbg.session import Session
from amlab.errors import UsageError
from tests.dbg.format.exports import real
from tests.dbg.query.recorder import copy, play
from tests.dbg.query.vectors import cases, record

REAL = {"node-payload": (272, 91, 364), "secai-cook": (147, 84, 231), "flood": (15_707, 5_182, 2_523)}


@pytest.fixture(scope="module")
def flood():
    return Session.open(real("flood"))


def told(report):
    return "\n\n".join(map(str, report.mismatches[:5]))


@pytest.mark.parametrize("name", REAL)
def test_every_accepted_transition_of_a_real_session_follows(name):
    session = Session.open(real(name))
    report = verify(session)
    assert report.mismatches == [], told(report)
    assert report.is_ok
    assert report.checked == report.reproduced
    assert (report.checked, sum(report.explained.values()), sum(report.skipped.values())) == REAL[name]
    assert report.records == sum(REAL[name]) == len(session.transitions)


@pytest.mark.parametrize("name", ["node-payload", "secai-cook"])
def test_every_canceled_transition_of_a_real_session_is_explained(name):
    session = Session.open(real(name))
    report = verify(session)
    canceled = sum(m.counts["canceled"] for m in session.machines.values())
    assert sum(n for reason, n in report.explained.items() if reason.startswith("canceled")) == canceled
    whys = [
        v.why for m in session.machines.values() for v in judge_all(m) if v.reason in {Reason.RELATION, Reason.HANDLER}
    ]
    assert len(whys) == canceled
    assert all(" requires " in w or " is removed by " in w or "refused by the handler" in w for w in whys), whys


def test_the_handlers_that_refused_in_a_real_session_are_named():
    report = verify(Session.open(real("node-payload")))
    assert report.explained[Reason.HANDLER] == 4
    handlers = {words: n for words, n in report.refusals.items() if "handler" in words}
    assert handlers == {"refused by the handler PoolReadyExit": 3, "refused by the handler PoolReadyEnter": 1}


def test_mirrors_of_remote_machines_are_skipped_as_such(flood):
    mirrors = [m for m in flood.machines.values() if "rpc-worker" in m.tags]
    assert len(mirrors) == 6
    report = verify(flood, machines=[m.key for m in mirrors])
    assert report.checked == 0
    assert report.skipped == {Reason.MIRROR: sum(map(len, mirrors))}


@pytest.mark.parametrize("name", ["node-payload", "secai-cook"])
@pytest.mark.parametrize("limit", [0, 1, 7])
def test_the_plan_cache_makes_no_difference(name, limit):
    session = Session.open(real(name))
    assert verify(session, limit=limit).to_dict() == verify(session).to_dict()


def test_the_cone_cache_makes_no_difference_to_the_vectors():
    session = record(cases("random_public"))
    assert verify(session, limit=0).to_dict() == verify(session).to_dict()


@pytest.mark.parametrize("with_log", [True, False])
def test_the_vectors_follow_with_their_logs_or_by_their_steps_alone(with_log):
    report = verify(record(cases("handmade"), with_log=with_log))
    assert report.mismatches == [], told(report)
    assert report.skipped == {}
    assert report.checked > 400
    assert report.explained[Reason.HANDLER] > 20
    assert report.explained[Reason.FAILED] > 10


def test_random_vectors_follow_unless_the_reference_broke_an_after_pair():
    found = cases("random_public")
    report = verify(record(found))
    assert report.checked > 7000
    assert report.explained[Reason.FAILED] > 40
    wrong = {m.machine for m in report.mismatches}
    assert wrong <= {case["name"] for case in found if breaks_after(case)}, told(report)
    assert len(wrong) <= 1


def breaks_after(case):
    """Whether a transition of the case orders states against an `after` pair that is part of no cycle."""
    index = {name: i for i, name in enumerate(case["names"])}
    after = [0] * len(index)
    for name, state in case["parsed_schema"].items():
        for other in state["after"] or ():
            after[index[name]] |= 1 << index[other]
    looped = cyclic_pairs(after)
    for tx in (e for op in case["expect"] for e in op["events"] if e["ev"] == "tx"):
        for at, name in enumerate(tx["target"]):
            if any((after[index[name]] & ~looped[index[name]]) >> index[x] & 1 for x in tx["target"][at + 1 :]):
                return True
    return False


@pytest.mark.parametrize("name", ["handmade", "random_public"])
def test_what_our_own_engine_does_follows_refusals_and_failures_included(name):
    session = play(cases(name))
    report = verify(session)
    assert report.mismatches == [], told(report)
    assert report.skipped == {}
    assert report.explained[Reason.FAILED] > 10
    assert report.explained[Reason.HANDLER] > 20
    assert report.checked == report.reproduced > 400


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_clock_is_found_wherever_it_stands(seed):
    session = Session.open(real("secai-cook"))
    rng = random.Random(seed)
    clean = {v.number for v in judge_all(session.machines["cook"]) if v.outcome is Outcome.REPRODUCED}
    for at in rng.sample(sorted(clean), 6):
        state = rng.randrange(len(session.machines["cook"].states))

        def change(machine, number, values, at=at, state=state):
            if machine == "cook" and number == at:
                values["clocks_after"][state] += 1

        wrong = copy(session, change)
        verdict = judge(wrong.machines["cook"][at])
        moved = int(wrong.machines["cook"].clocks_at(at)[state]) - int(
            session.machines["cook"].clocks_at(at - 1)[state]
        )
        if moved > 2:
            assert verdict.reason == Reason.GAP
        else:
            assert verdict.outcome is Outcome.MISMATCH
            report = verify(wrong)
            assert not report.is_ok
            found = next(m for m in report.mismatches if m.index == at)
            assert [d.state for d in found.differences] == [session.machines["cook"].states[state]]
            assert found.differences[0].recorded == found.differences[0].derived + 1
            assert report.checked == report.reproduced + len([m for m in report.mismatches if m.is_accepted])


def test_an_accepted_transition_marked_as_canceled_is_found():
    session = Session.open(real("node-payload"))
    # a removal that changed nothing and ran no handler
    key, at = next(
        (m.key, tx.index) for m in session.machines.values() for tx in m
        if not tx.is_queued and tx.accepted and not tx.is_auto and tx.kind == 1 and not tx.entered and not tx.exited
        and not any(s.handler for s in tx.steps)
    )  # fmt: skip

    def change(machine, number, values):
        if (machine, number) == (key, at):
            values["accepted"] = False

    report = verify(copy(session, change))
    assert [(m.machine, m.index) for m in report.mismatches] == [(key, at)]
    assert "no handler ran" in report.mismatches[0].why
    assert report.checked == 271


def test_a_canceled_transition_marked_as_accepted_is_found_with_what_refuses_it():
    session = Session.open(real("secai-cook"))
    m = session.machines["cook"]
    at = next(v.number for v in judge_all(m) if v.reason == Reason.RELATION)

    def change(machine, number, values):
        if (machine, number) == ("cook", at):
            values["accepted"] = True

    found = verify(copy(session, change)).mismatches
    assert [f.index for f in found] == [at]
    assert "relations refuse it" in found[0].why
    assert " requires " in found[0].why


def test_one_machine_can_be_asked_alone():
    session = Session.open(real("secai-cook"))
    report = verify(session, machines=["memory"])
    assert [m.machine for m in report.machines] == ["memory-cook"]
    with pytest.raises(UsageError, match="nobody"):
        verify(session, machines=["nobody"])


def test_progress_goes_up_to_no_more_than_all(flood):
    seen = []
    mirrors = [m for m in flood.machines.values() if "rpc-worker" in m.tags]
    verify(flood, machines=[m.key for m in mirrors], progress=lambda done, total: seen.append((done, total)))
    total = sum(map(len, mirrors))
    assert seen == [(done, total) for done in range(256, total + 1, 256)]
