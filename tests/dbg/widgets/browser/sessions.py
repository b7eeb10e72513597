"""Sessions that are hard on views: names that are markup, logs of all kinds, no logs, many machines, nothing."""

from __future__ import annotations

from amlab.dbg.session import RawStep, Session, SessionBuilder

EVIL = "<script>globalThis.wrong = 1</script>"
STATES = ("Exception", "Start", "Ready", "Héllo🐝", EVIL)
SCHEMA = {name: {} for name in STATES}


def evil() -> Session:
    """Names and logs that hold markup and emoji, a cause, a refusal, an error with a stack, a queue, pipes."""
    builder = SessionBuilder()
    root = builder.machine(f"root 🐝 {EVIL}", STATES, SCHEMA, tags=[EVIL])
    leaf = builder.machine("leaf", STATES, SCHEMA, parent=f"root 🐝 {EVIL}")
    root.append(
        kind=0, called=["Start"], clocks_after=[0, 0, 0, 0, 0], is_queued=True, mut_queue_tick=2, time_ns=1000,
        queue_len=2, queue_dump=[f"add Start {EVIL}", "remove Ready"], log=[(2, "[queue] +Start")],
    )  # fmt: skip
    root.append(
        kind=0, called=["Start"], clocks_after=[0, 1, 0, 0, 0], queue_tick=2, tx_id="r1", time_ns=2000, args={"a": EVIL, "🐝": "b"},
        log=[(3, "[add] Start (Ready=1)"), (3, "[handler:0] StartEnter"), (2, "[state] +Start"), (1, f"[extern] {EVIL} 🐝 Start"),
             (3, "[ctx:new] Start"), (3, "[when:new] Ready")],
        pre_log=[(3, "[pipe-out:add] Ready to leaf")],
        steps=[RawStep(type=32, to_idx=1, from_idx=-1), RawStep(type=2, to_idx=1, from_idx=-1, is_enter=True), RawStep(type=4, to_idx=1, from_idx=-1)],
    )  # fmt: skip
    leaf.append(
        kind=0, called=["Ready"], clocks_after=[0, 0, 1, 0, 0], tx_id="l1", time_ns=3000,
        log=[(3, f"[source] root 🐝 {EVIL}/r1/1"), (2, "[state] +Ready")],
    )  # fmt: skip
    root.append(
        kind=0, called=[EVIL, "Héllo🐝"], clocks_after=[0, 1, 0, 1, 1], tx_id="r2", time_ns=4000,
        log=[(2, f"[state] +{EVIL} +Héllo🐝"), (3, "[when:match] Ready"), (3, "see mach://leaf/@0 there")],
    )  # fmt: skip
    root.append(
        kind=0, called=["Exception"], clocks_after=[1, 1, 0, 1, 1], tx_id="r3", time_ns=5000, stack=f"one\n  two {EVIL}",
        log=[(2, "[error] it failed\n  at one\n  at two\n  at three"), (3, "[rel:remove] Ready by Exception"), (5, "[noise] all")],
    )  # fmt: skip
    root.append(
        kind=0, called=["Ready"], clocks_after=[1, 1, 0, 1, 1], accepted=False, tx_id="r4", time_ns=6000,
        log=[(2, "[cance] +Ready"), (3, "[ctx:match] Start"), (3, "[source] elsewhere/x9/4")],
        steps=[RawStep(type=2, to_idx=2, from_idx=-1, is_enter=True), RawStep(type=64, to_idx=2, from_idx=-1)],
    )  # fmt: skip
    return builder.build()


def silent(records: int = 40) -> Session:
    """A machine that no log tells of; every fifth record is refused."""
    builder = SessionBuilder()
    mach = builder.machine("quiet", ("Start", "Ready"), {"Start": {}, "Ready": {}})
    tick = 0
    for k in range(records):
        refused = k % 5 == 4
        tick += not refused
        mach.append(kind=tick % 2 == 0, called=["Start"], clocks_after=[tick, 0], accepted=not refused)
    return builder.build()


def crowd(machines: int = 1000, records: int = 3) -> Session:
    """Many machines, a few records each; each third one fails."""
    builder = SessionBuilder()
    states = ("Exception", "Start", "Ready")
    made = [
        builder.machine(f"mach-{k:04}", states, {name: {} for name in states}, parent=f"mach-{k // 10:04}" if k >= 10 else "", tags=[f"kind:{k % 7}"])
        for k in range(machines)
    ]  # fmt: skip
    for n in range(records):
        for k, mach in enumerate(made):
            is_bad = n == 1 and k % 3 == 0
            mach.append(
                kind=0, called=["Exception" if is_bad else "Start"], tx_id=f"t{n}", time_ns=(n * machines + k + 1) * 1000,
                clocks_after=[int(k % 3 == 0 and n > 0), 1 + n * 2 - 2 * is_bad, 0],
            )  # fmt: skip
    return builder.build()


def nothing() -> Session:
    return SessionBuilder().build()


def bare() -> Session:
    """A machine without a record."""
    builder = SessionBuilder()
    builder.machine("idle", ("Start",), {"Start": {}})
    return builder.build()
