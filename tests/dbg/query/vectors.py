"""Sessions made of the conformance vectors: what the reference's own tracer would have recorded of each case."""

import gzip
import json
from pathlib import Path

import pytest

from amlab.dbg.session import RawStep, Session, SessionBuilder

HOME = Path(__file__).resolve().parents[4] / "shared" / "reference" / "vectors"
KINDS = {"add": 0, "remove": 1, "set": 2}
STEPS = {
    "rel": 1, "handler": 2, "activate": 4, "deactivate": 8, "deactivate-passive": 16, "called": 32, "cancel": 64,
}  # fmt: skip
RELATIONS = {"": 0, "after": 0, "add": 1, "require": 2, "remove": 3}


def cases(name: str) -> list[dict]:
    path = HOME / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"the shared vectors {name} are not beside the checkout")
    return json.loads(gzip.decompress(path.read_bytes()))


def record(found: list[dict], *, with_log: bool = True) -> Session:
    """One machine per case; its records are the transitions in the order in which they ended."""
    builder = SessionBuilder()
    for case in found:
        schema = {
            name: {key: value for key, value in state.items() if value} for name, state in case["parsed_schema"].items()
        }
        machine = builder.machine(case["name"], case["names"], schema)
        for number, tx in enumerate(e for op in case["expect"] for e in op["events"] if e["ev"] == "tx"):
            machine.append(
                kind=KINDS[tx["type"]],
                called=tx["called"],
                clocks_after=tx["time_after"],
                accepted=tx["accepted"],
                is_auto=tx["is_auto"],
                is_check=tx["is_check"],
                queue_tick=tx["queue_tick"],
                mut_queue_tick=tx["mut_queue_tick"],
                mut_queue_token=tx["mut_queue_token"],
                queue_len=tx["queue_len"],
                steps=[raw_step(step) for step in tx["steps"]],
                log=[(e["level"], e["text"]) for e in tx.get("log") or ()] if with_log else (),
                tx_id=f"t{number}",
                time_ns=number,
            )
    return builder.build()


def raw_step(step: list) -> RawStep:
    kind, from_, to, relation, flags = step
    return RawStep(
        type=STEPS[kind], rel=RELATIONS[relation], from_name=from_, to_name=to,
        is_final="F" in flags, is_self="S" in flags, is_enter="E" in flags,
    )  # fmt: skip
