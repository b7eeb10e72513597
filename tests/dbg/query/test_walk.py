"""Each kind of record has its own outcome, and each outcome says why."""

import pytest

from amlab.dbg.query.verify import judge_all, verify
from amlab.dbg.query.walk import Outcome, Reason
from amlab.dbg.session import RawStep, SessionBuilder

STATES = ("Exception", "Start", "Ready", "Tick")
SCHEMA = {"Start": {}, "Ready": {"require": ["Start"]}, "Tick": {"multi": True}, "Exception": {"multi": True}}


def handler(name="", to="", **flags):
    return RawStep(type=2, from_name=name, to_name=to, **flags)


def machine(*records, states=STATES, schema=SCHEMA, tags=()):
    builder = SessionBuilder()
    m = builder.machine("m", states, schema, tags=tags)
    for number, values in enumerate(records):
        m.append(**{"kind": 0, "tx_id": f"t{number}", **values})
    return builder.build()


def verdicts(*records, **options):
    return list(judge_all(machine(*records, **options).machines["m"]))


def add(*called, after, **more):
    return {"called": called, "clocks_after": after, **more}


def test_clocks_that_follow_are_reproduced():
    found = verdicts(add("Start", after=[0, 1, 0, 0]), add("Tick", after=[0, 1, 0, 1]), add("Tick", after=[0, 1, 0, 3]))
    assert [v.outcome for v in found] == [Outcome.REPRODUCED] * 3


def test_clocks_that_do_not_follow_show_both_sides():
    session = machine(add("Start", after=[0, 1, 0, 0]), add("Tick", after=[0, 1, 1, 0]))
    report = verify(session)
    found = report.mismatches[0]
    assert (report.checked, report.reproduced) == (2, 1)
    assert found.address == "mach://m/t1"
    assert found.mutation == "add Tick"
    assert found.states_before == ("Start",)
    assert found.recorded == (0, 1, 1, 0)
    assert found.derived == (0, 1, 0, 1)
    assert [tuple(d) for d in found.differences] == [("Ready", 0, 1, 0), ("Tick", 0, 0, 1)]
    text = str(found)
    for word in ("mach://m/t1", "add Tick", "accepted", "Start", "recorded", "derived"):
        assert word in text
    assert found.to_dict()["differences"][0] == {"state": "Ready", "before": 0, "recorded": 1, "derived": 0}


def test_a_mismatch_in_the_first_record_says_that_more_may_have_come_before():
    report = verify(machine(add("Start", after=[0, 1, 1, 0])))
    assert "first record" in report.mismatches[0].note


def test_a_refusal_by_relations_is_told_in_words():
    found = verdicts(add("Ready", after=[0, 0, 0, 0], accepted=False))
    assert found[0].reason == Reason.RELATION
    assert found[0].why == "Ready requires Start, not active"


def test_a_refusal_by_a_handler_is_named_by_the_last_step():
    steps = [handler(to="Start", is_enter=True), handler("Start", "Tick")]
    found = verdicts(add("Start", after=[0, 0, 0, 0], accepted=False, steps=steps))
    assert (found[0].reason, found[0].why) == (Reason.HANDLER, "refused by the handler StartTick")


def test_a_refusal_by_a_handler_is_named_by_the_log():
    log = [(3, "[m] [handler:0] StartEnter"), (3, "[m] [cancel] (Start) by StartEnter")]
    found = verdicts(add("Start", after=[0, 0, 0, 0], accepted=False, log=log))
    assert (found[0].reason, found[0].why) == (Reason.HANDLER, "refused by the handler StartEnter")


def test_a_refusal_that_nobody_made_is_a_mismatch():
    steps = [RawStep(type=32, to_name="Start")]
    found = verdicts(add("Start", after=[0, 0, 0, 0], accepted=False, steps=steps))
    assert found[0].outcome is Outcome.MISMATCH
    assert found[0].mismatch.derived == (0, 1, 0, 0)


def test_a_refusal_without_steps_is_not_judged():
    found = verdicts(add("Start", after=[0, 0, 0, 0], accepted=False))
    assert (found[0].outcome, found[0].reason) == (Outcome.SKIPPED, Reason.UNRECORDED)


def test_a_negotiation_handler_that_failed_is_told_from_one_that_refused():
    steps = [handler(to="Start", is_enter=True)]
    found = verdicts(
        add("Start", after=[0, 0, 0, 0], accepted=False, steps=steps),
        add("Exception", after=[1, 0, 0, 0], mut_queue_token=1, log=[(3, "[source] m/t0/0")]),
    )
    assert [v.reason for v in found] == [Reason.FAILED, Reason.REPRODUCED]
    assert found[0].why == "StartEnter failed"


def test_an_exception_of_another_cause_does_not_make_a_refusal_a_failure():
    refused = add("Start", after=[0, 0, 0, 0], accepted=False, steps=[handler(to="Start", is_enter=True)])
    for log, token in (([(3, "[source] other/t0/0")], 1), ([], 0)):
        found = verdicts(refused, add("Exception", after=[1, 0, 0, 0], mut_queue_token=token, log=log))
        assert [v.reason for v in found] == [Reason.HANDLER, Reason.REPRODUCED]


PUT_BACK = {
    "what ours puts back": ([0, 2, 0, 1], [1, 2, 0, 1]),
    "what the reference shows, and puts back unseen": ([0, 1, 0, 1], [1, 2, 0, 1]),
}


@pytest.mark.parametrize("name", PUT_BACK)
def test_a_final_handler_that_failed_leaves_its_state_inactive(name):
    left, after = PUT_BACK[name]
    # Tick is entered first: states outside of the require graph come before those in it
    steps = [handler(to="Tick", is_enter=True, is_final=True), handler(to="Start", is_enter=True, is_final=True)]
    found = verdicts(
        add("Start", "Tick", after=left, accepted=False, steps=steps),
        add("Exception", after=after, mut_queue_token=1),
        add("Tick", after=[1, 2, 0, 3]),
    )
    assert [v.reason for v in found] == [Reason.FAILED, Reason.REPRODUCED, Reason.REPRODUCED]
    assert found[0].why == "StartState failed"


def test_a_final_handler_that_failed_does_not_excuse_any_clock():
    steps = [handler(to="Start", is_enter=True, is_final=True)]
    found = verdicts(add("Start", after=[0, 1, 1, 0], accepted=False, steps=steps))
    assert found[0].outcome is Outcome.MISMATCH
    assert "StartState failed" in found[0].why


def test_auto_states_that_handlers_refused_are_left_out():
    schema = {"Start": {"auto": True}, "Ready": {"auto": True}, "Tick": {}, "Exception": {"multi": True}}
    steps = [handler(to="Ready", is_enter=True)]
    tick = add("Tick", after=[0, 0, 0, 1])
    auto = add("Start", "Ready", after=[0, 1, 0, 1], is_auto=True, steps=steps)
    assert [v.outcome for v in verdicts(tick, auto, schema=schema)] == [Outcome.REPRODUCED] * 2
    unheard = add("Start", "Ready", after=[0, 1, 0, 1], is_auto=True)
    assert verdicts(tick, unheard, schema=schema)[1].outcome is Outcome.MISMATCH
    log = [(3, "[cancel] (Start Ready Tick) by StartEnter"), (3, "[cancel] (Ready Tick) by ReadyEnter")]
    none = add("Start", "Ready", after=[0, 0, 0, 1], accepted=False, is_auto=True, log=log)
    assert verdicts(tick, none, schema=schema)[1].why == "refused by the handler StartEnter and ReadyEnter"


def test_a_check_must_agree_and_change_nothing():
    start = add("Start", after=[0, 1, 0, 0])
    found = verdicts(
        start,
        add("Ready", after=[0, 1, 0, 0], is_check=True),
        add("Ready", after=[0, 1, 0, 0], is_check=True, accepted=False),
        {"kind": 2, **add("Ready", after=[0, 1, 0, 0], is_check=True, accepted=False)},
        {"kind": 2, **add("Ready", after=[0, 1, 0, 0], is_check=True)},
        add("Ready", after=[0, 1, 1, 0], is_check=True),
    )
    assert [v.reason for v in found[1:]] == [
        Reason.CHECK_ALLOWED, Reason.CHECK_HANDLER, Reason.CHECK_RELATION, Reason.MISMATCH, Reason.MISMATCH,
    ]  # fmt: skip
    assert "not recorded" in found[2].why


def test_queued_mutations_are_told_by_whether_they_ran():
    found = verdicts(
        add("Start", after=[0, 0, 0, 0], is_queued=True, mut_queue_tick=2),
        add("Start", after=[0, 1, 0, 0], queue_tick=2),
        add("Ready", after=[0, 1, 0, 0], is_queued=True, mut_queue_tick=3),
    )
    assert [v.reason for v in found] == [Reason.QUEUED, Reason.REPRODUCED, Reason.NEVER_RUN]


def test_a_gap_is_skipped_and_the_order_after_it_is_said_to_be_unknown():
    session = machine(
        add("Start", after=[0, 1, 0, 0]),
        add("Tick", after=[0, 5, 3, 9]),
        add("Tick", after=[0, 5, 3, 11]),
        add("Tick", after=[0, 5, 3, 12]),
    )
    report = verify(session)
    assert report.skipped == {Reason.GAP: 1}
    assert report.reproduced == 2
    assert report.mismatches[0].is_order_known is False
    assert "not recorded" in str(report.mismatches[0])


def test_a_canceled_transition_whose_ticks_moved_tells_of_a_gap():
    found = verdicts(add("Start", after=[0, 1, 0, 0]), add("Ready", after=[0, 1, 0, 1], accepted=False))
    assert found[1].reason == Reason.CANCELED_GAP


@pytest.mark.parametrize("tag", ["rpc-worker", "rpc-netmach"])
def test_a_mirror_is_skipped_whole(tag):
    found = verdicts(add("Start", after=[0, 4, 0, 0]), add("Start", after=[0, 1, 0, 0], is_queued=True), tags=[tag])
    assert {v.reason for v in found} == {Reason.MIRROR}


def test_what_this_version_does_not_know_is_skipped():
    found = verdicts(
        {**add("Start", after=[0, 0, 0, 0]), "kind": 3},
        add("Ready", after=[0, 1]),
        add("Start", after=[0, 1, 0, 0]),
    )
    assert [v.reason for v in found] == [Reason.STRANGE_KIND, Reason.STRANGE_STATE, Reason.REPRODUCED]


def test_after_a_record_without_clocks_the_next_one_cannot_be_judged():
    found = verdicts(
        add("Start", after=[0, 1, 0, 0]),
        add("Ready", after=[]),
        add("Tick", after=[0, 1, 1, 1]),
        add("Tick", after=[0, 1, 1, 3]),
    )
    assert [v.reason for v in found] == [Reason.REPRODUCED, Reason.CLOCKLESS, Reason.GAP, Reason.REPRODUCED]


def test_a_schema_that_cannot_be_is_told():
    found = verdicts(add("A", after=[1, 0]), states=("A", ""), schema={})
    assert (found[0].outcome, found[0].reason) == (Outcome.SKIPPED, Reason.SCHEMA)
    assert "''" in found[0].why


def test_a_schema_that_grew_is_taken_as_it_was():
    # Tick came later; before it, Start did not remove it
    schema = {"Start": {"remove": ["Tick"]}, "Ready": {}, "Tick": {}, "Exception": {"multi": True}}
    found = verdicts(
        add("Start", after=[0, 1, 0]),
        add("Ready", after=[0, 1, 1]),
        add("Tick", after=[0, 1, 1, 0], accepted=False),
        add("Ready", after=[0, 1, 1, 0]),
        schema=schema,
    )
    assert [v.reason for v in found] == [
        Reason.REPRODUCED, Reason.REPRODUCED, Reason.RELATION, Reason.REPRODUCED,
    ]  # fmt: skip


def test_a_machine_whose_schema_contradicts_itself_may_begin_in_exception():
    schema = {
        "Start": {"require": ["Ready"], "remove": ["Ready"]},
        "Ready": {},
        "Tick": {},
        "Exception": {"multi": True},
    }
    found = verdicts(add("Ready", after=[1, 0, 1, 0]), add("Tick", after=[1, 0, 1, 1]), schema=schema)
    assert [v.outcome for v in found] == [Outcome.REPRODUCED] * 2


def test_every_record_is_counted_once():
    session = machine(
        add("Start", after=[0, 0, 0, 0], is_queued=True, mut_queue_tick=2),
        add("Start", after=[0, 1, 0, 0], queue_tick=2),
        add("Ready", after=[0, 1, 0, 0], accepted=False),
        add("Tick", after=[0, 1, 1, 0]),
        add("Tick", after=[0, 9, 1, 0]),
    )
    report = verify(session)
    refused = [m for m in report.mismatches if not m.is_accepted]
    assert report.records == 5
    assert report.records == (
        report.checked + sum(report.explained.values()) + sum(report.skipped.values()) + len(refused)
    )
    assert repr(report) == ("<Report: 1 of 2 accepted transitions reproduced, 0 explained, 3 skipped, 1 mismatches>")
