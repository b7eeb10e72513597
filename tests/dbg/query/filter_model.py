"""Filters as one would write them down: the first that hides a record has it."""

from amlab.dbg.query.filters import check_filters
from amlab.dbg.query.roles import role_of

HEALTH = {"Healthcheck", "Heartbeat"}


def hides(tx, filters, changed):
    """The name of the filter that hides a record, or an empty text; `changed` are records that changed a state."""
    f = check_filters(filters)
    if tx.machine.key in f["hidden"]:
        return "machines"
    if not f["rpc"] and role_of(tx.machine) in {"rpc", "bootstrap"}:
        return "rpc"
    if not f["disconnected"] and tx.machine.key in tx.machine.session.about.get("cut_off", []):
        return "disconnected"
    if tx.is_queued and not f["queued"]:
        return "queued"
    if tx.is_check and not f["checks"]:
        return "checks"
    if not tx.accepted and not tx.is_queued and not tx.is_check and not f["canceled"]:
        return "canceled"
    if tx.is_auto and not f["auto"]:
        return "auto"
    if tx.called and set(tx.called) <= HEALTH and not f["health"]:
        return "health"
    is_empty = not tx.is_queued and not tx.is_check and tx.index not in changed
    return "empty" if is_empty and tx.accepted and not f["empty"] else ""


def modelled(session, filters):
    """Shown positions, and counts by filter."""
    changed = {
        m.key: {int(i) for s in range(len(m.states)) for i in m.changes(s)[0]} for m in session.machines.values()
    }
    shown, counts = [], {}
    for p, tx in enumerate(session.transitions):
        why = hides(tx, filters, changed[tx.machine.key])
        if why:
            counts[why] = counts.get(why, 0) + 1
        else:
            shown.append(p)
    return shown, counts
