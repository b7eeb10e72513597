"""Faults of the reference, each recognised by what happened during one operation.

A rule sees what the reference reported (`expected`), what ours did (`got`) and the case's schema.  It
never sees a case's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amlab.core.machine.order import cyclic_pairs

Op = dict[str, Any]


def final_error_recovery(case: Op, expected: Op, got: Op) -> bool:
    """A final handler failed: the reference recovers twice, restores no exits, reports the wrong time after."""
    failed = {e["name"] for e in handlers(expected) if e.get("panic") and e["name"].endswith(("State", "End"))}
    multi = {n for n, s in case["schema"].items() if s["multi"]} | {"Exception"}
    return any(tx["failed"] in failed and (tx["put_back"] or multi & set(tx["called"])) for tx in transitions(got))


def error_while_adding_exception(case: Op, expected: Op, got: Op) -> bool:
    """A handler failed in a transition that called Exception: the reference's handlers hang from then on."""
    return any(tx["failed"] and "Exception" in tx["called"] for tx in transitions(got))


def self_refusal_in_auto(case: Op, expected: Op, got: Op) -> bool:
    """A self handler refused in an auto transition: the reference skips the next state, or cancels all."""
    names = {n + n for n in case["names"]}
    refused = any(e["name"] in names and e["ret"] is False for e in handlers(expected))
    return refused and any(tx["is_auto"] for tx in transitions(expected))


def exit_refusal_in_auto(case: Op, expected: Op, got: Op) -> bool:
    """An Exit handler refused in an auto transition: the reference panics in the caller and locks the queue."""
    exits = {n + "Exit" for n in case["names"]}
    return expected["panic"] and any(
        tx["is_auto"] and tx["refused"] in exits and not tx["failed"] for tx in transitions(got)
    )


def full_queue_takes_exceptions(case: Op, expected: Op, got: Op) -> bool:
    """The queue is past its limit: the reference lets several Exceptions in."""
    limit = case["opts"].get("queue_limit")
    return bool(limit) and any(
        e["ev"] == "queued" and "Exception" in e["called"] and not e["queue_token"] and e["queue_len"] > limit
        for e in expected["events"]
    )


def broken_after_order(case: Op, expected: Op, got: Op) -> bool:
    """In the first transition that differs, the reference breaks an `after` pair which is part of no cycle."""
    names = case["names"]
    index = {n: i for i, n in enumerate(names)}
    after = [0] * len(names)
    for name, state in case["parsed_schema"].items():
        for other in state["after"] or ():
            after[index[name]] |= 1 << index[other]
    looped = cyclic_pairs(after)
    for tx in transitions({"events": expected["events"][first_difference(expected, got) :]})[:1]:
        for order in (tx["target"], tx["enters"], tx["exits"], tx["init"]["target"]):
            for at, name in enumerate(order):
                firm = after[index[name]] & ~looped[index[name]]
                if any(firm >> index[later] & 1 for later in order[at + 1 :]):
                    return True
    return False


def first_difference(expected: Op, got: Op) -> int:
    """Index of the first event in which handlers or the order of states differ."""
    for at, (a, b) in enumerate(zip(expected["events"], got["events"], strict=False)):
        keys = ("ev", "name", "active", "called", "target", "enters", "exits")
        if any(a.get(k) != b.get(k) for k in keys):
            return at
    return len(expected["events"])


RULES: dict[str, Callable[[Op, Op, Op], bool]] = {
    "final-error-recovery": final_error_recovery,
    "error-while-adding-exception": error_while_adding_exception,
    "self-refusal-in-auto": self_refusal_in_auto,
    "exit-refusal-in-auto": exit_refusal_in_auto,
    "full-queue-takes-exceptions": full_queue_takes_exceptions,
    "broken-after-order": broken_after_order,
}


def fault_of(case: Op, expected: Op, got: Op) -> str:
    """Name of the first rule that explains a difference in this operation; empty when none does."""
    return next((name for name, rule in RULES.items() if rule(case, expected, got)), "")


def handlers(op: Op) -> list[Op]:
    return [e for e in op["events"] if e["ev"] == "handler"]


def transitions(op: Op) -> list[Op]:
    return [e for e in op["events"] if e["ev"] == "tx"]
