"""A small session with a parent, a queued mutation, a cause, a refusal and an error."""

from amlab.dbg.session import RawStep, Session, SessionBuilder

STATES = ("Exception", "Start", "Ready", "Tick")
SCHEMA = {"Start": {"require": ["Ready"]}, "Ready": {}, "Tick": {"multi": True}, "Exception": {"multi": True}}


def small() -> Session:
    builder = SessionBuilder()
    root = builder.machine("root", STATES, SCHEMA, groups={"Main": [1, 2]}, tags=["kind:x"])
    leaf = builder.machine("leaf/1", STATES, SCHEMA, parent="root")
    root.append(kind=0, called=["Ready"], clocks_after=[0, 0, 0, 0], is_queued=True, mut_queue_tick=2, time_ns=100)
    root.append(
        kind=0, called=["Ready"], clocks_after=[0, 0, 1, 0], queue_tick=2, tx_id="r1", time_ns=200, zone_s=3600,
        steps=[RawStep(type=32, to_idx=2, from_idx=-1), RawStep(type=4, to_idx=2, from_idx=-1)],
        log=[(3, "[handler:0] ReadyState"), (2, "[state] +Ready")], args={"who": "me"}, queue_len=1,
    )  # fmt: skip
    root.append(kind=0, called=["Tick"], clocks_after=[0, 0, 1, 1], queue_tick=3, tx_id="r2", time_ns=300)
    root.append(kind=0, called=["Tick"], clocks_after=[0, 0, 1, 3], queue_tick=4, tx_id="r3", time_ns=500)
    root.append(kind=0, called=["Start"], clocks_after=[0, 0, 1, 3], accepted=False, tx_id="12", time_ns=600)
    root.append(kind=1, called=["Ready"], clocks_after=[1, 0, 2, 3], queue_tick=5, tx_id="r5", time_ns=700)
    # The leaf's clock is slow: its effect of r2 is stamped before r2.
    leaf.append(
        kind=0, called=["Start"], clocks_after=[0, 1, 0, 0], tx_id="l1", time_ns=50, log=[(3, "[source] root/r2/2")]
    )
    leaf.append(kind=2, called=["Tick"], clocks_after=[0, 6, 0, 1], tx_id="l2", time_ns=400)
    return builder.build()
