"""What must be equal at which level.

Level 1: results, ticks, accepted, active sets, enters and exits as sets, handler answers, errors.
Level 2: the order of handlers and states, steps without `after` steps, queued events, all events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.vectors.faults import fault_of, handlers, transitions
from tests.vectors.play import Play

Op = dict[str, Any]


class Difference(NamedTuple):
    """One thing that is not as the reference has it."""

    case: str
    op: int
    level: int
    what: str
    expected: Any
    got: Any
    fault: str


class Verdict(NamedTuple):
    """One case: per level `passed`, `fault` or `failed`, and what was found."""

    levels: dict[int, str]
    differences: list[Difference]


def judge(case: Op, plan_limit: int | None = None) -> Verdict:
    """Plays a case and compares, up to the first fault."""
    found: list[Difference] = []
    levels = {1: "passed", 2: "passed"}
    play = Play(case, plan_limit)
    if play.new_err != bool(case["new_err"]):
        found.append(Difference(case["name"], -1, 1, "new_err", case["new_err"], play.new_err, ""))
    ops = play.run()
    for at, (raw, got) in enumerate(zip(case["expect"], ops, strict=True)):
        expected = normal(case, raw)
        first = list(level_1(expected, got))
        second = list(level_2(case, expected, got))
        fault = fault_of(case, expected, got) if first or second else ""
        found += [Difference(case["name"], at, 1, *d, fault) for d in first]
        found += [Difference(case["name"], at, 2, *d, fault) for d in second]
        if fault:
            break
    else:
        texts = [str(play.machine), play.machine.string_all()]
        if texts != [case["final"]["string"], case["final"]["string_all"]]:
            found.append(Difference(case["name"], len(ops), 1, "final", case["final"], texts, ""))
    for level in (1, 2):
        mine = [d for d in found if d.level == level]
        if any(not d.fault for d in mine):
            levels[level] = "failed"
        elif any(d.fault for d in found if d.level <= level):
            levels[level] = "fault"
    return Verdict(levels, found)


def normal(case: Op, expected: Op) -> Op:
    """An expectation in the shape of `Play.step`."""
    err = expected["err"]
    return {
        "result": expected["result"] if expected["result_str"] not in {"panic", "bool"} else None,
        "result_bool": expected.get("result_bool"),
        "panic": expected["result_str"] == "panic",
        "active": expected["active"],
        "time": expected["time"],
        "queue_tick": expected["queue_tick"],
        "queue_len": expected["queue_len"],
        "err": "schema" if err is not None and err == case["new_err"] else err,
        "events": [normal_event(e) for e in expected["events"]],
    }


def normal_event(event: Op) -> Op:
    if event["ev"] == "queued":
        source = event.get("source")
        return {**event, "args": event.get("args") or {}, "source": source and source["mach"]}
    if event["ev"] == "handler" and event.get("nested"):
        nested = [
            {
                "op": n["op"],
                "result": None if n["panic"] or n.get("result_bool") is not None else n["result"],
                "result_bool": n.get("result_bool"),
                "panic": n["panic"],
            }
            for n in event["nested"]
        ]
        return {**event, "nested": nested}
    return event


def level_1(expected: Op, got: Op) -> Iterator[tuple[str, Any, Any]]:
    for key in ("result", "result_bool", "panic", "time", "queue_tick", "queue_len", "err"):
        if expected[key] != got[key]:
            yield key, expected[key], got[key]
    if set(expected["active"]) != set(got["active"]):
        yield "active set", sorted(expected["active"]), sorted(got["active"])
    for what, pick in (("transitions", tx_facts), ("handlers", handler_facts)):
        theirs, ours = pick(expected), pick(got)
        if theirs != ours:
            pairs = [(a, b) for a, b in zip(theirs, ours, strict=False) if a != b]
            yield what, *(pairs[0] if pairs else (theirs, ours))


def tx_facts(op: Op) -> list[Any]:
    plain = ("type", "is_auto", "is_check", "accepted", "time_before", "time_after", "queue_len", "queue_tick")
    sets = ("called", "target", "enters", "exits")
    return [
        {
            **{k: tx[k] for k in plain},
            **{k: sorted(tx[k]) for k in sets},
            "init": {k: v if k in {"accepted", "time_after"} else sorted(v) for k, v in tx["init"].items()},
        }
        for tx in transitions(op)
    ]


def handler_facts(op: Op) -> list[Any]:
    facts = [
        (h["name"], h["group"], h["call"], str(h["ret"]), h.get("panic") or "", str(nested_facts(h)))
        for h in handlers(op)
    ]
    return sorted(facts)


def nested_facts(handler: Op) -> list[Any]:
    return [(n["op"], n["result"], n["result_bool"], bool(n["panic"])) for n in handler.get("nested") or ()]


def level_2(case: Op, expected: Op, got: Op) -> Iterator[tuple[str, Any, Any]]:
    if expected["active"] != got["active"]:
        yield "active order", expected["active"], got["active"]
    theirs = [event_facts(case, e) for e in expected["events"]]
    ours = [event_facts(case, e) for e in got["events"]]
    for a, b in zip(theirs, ours, strict=False):
        if a != b:
            yield "event", a, b
            return
    if len(theirs) != len(ours):
        yield "events", theirs[len(ours) :], ours[len(theirs) :]


def event_facts(case: Op, event: Op) -> Op:
    if event["ev"] == "handler":
        return {k: event[k] for k in ("ev", "name", "group", "call", "active")}
    if event["ev"] == "queued":
        return {k: v for k, v in event.items() if k != "ev"}
    if event["ev"] == "tx":
        steps = [s for s in event["steps"] if s[3] != "after"]
        if event["is_check"] and not case["opts"].get("log_can"):
            # the reference keeps quiet about most steps of a check then
            steps = [s for s in steps if (s[0] == "handler" and "S" not in s[4]) or s[3] == "add"]
        keys = ("called", "target", "enters", "exits", "mut_queue_tick", "mut_queue_token")
        return {"ev": "tx", **{k: event[k] for k in keys}, "steps": steps}
    return {"ev": event["ev"]}
