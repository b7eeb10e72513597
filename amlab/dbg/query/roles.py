"""What a machine is in a pool: a supervisor, a worker, a client.

Knows nothing of: records, how views show it.
"""

from __future__ import annotations

from amlab.dbg.session.record import MachineRecord

__all__ = ["ROLES", "is_cut_off", "role_of"]

ROLES = ("supervisor", "worker", "client", "bootstrap", "rpc", "other")
"""What a machine is in a pool; views group by it, in this order."""

_BY_STATE = (("PoolReady", "supervisor"), ("SuperReady", "client"), ("ServeClient", "worker"))


def is_cut_off(m: MachineRecord) -> bool:
    """Whether the process of the machine never said that it ended: it was killed, or still runs."""
    return m.key in m.session.about.get("cut_off", ())


def role_of(m: MachineRecord) -> str:
    """One of `ROLES`, by the machine's tags, else by states that only one of them has."""
    tags = {tag.removeprefix("node-") for tag in m.tags}
    if any(tag.startswith("rpc-") for tag in tags):
        return "rpc"
    for role in ROLES[:4]:
        if role in tags:
            return role
    states = set(m.states)
    if "HandshakeDone" in states or "NewServerErr" in states:
        return "rpc"
    if "WorkerAddr" in states and "ServeClient" not in states and "PoolReady" not in states:
        return "bootstrap"
    return next((role for state, role in _BY_STATE if state in states), "other")
