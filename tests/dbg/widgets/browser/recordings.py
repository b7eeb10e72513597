"""Small sessions for views: our engine with handlers that agree, refuse and fail; and what no engine makes."""

from amlab.core.machine.machine import Machine
from amlab.dbg.session import RawStep, SessionBuilder
from tests.dbg.query.recorder import Recorder

WORKER = {
    "Start": {},
    "Ready": {"require": ["Start"]},
    "Working": {"require": ["Ready"], "remove": ["Idle"], "after": ["Ready"]},
    "Idle": {"auto": True, "require": ["Ready"], "remove": ["Working"]},
    "Job": {"multi": True, "add": ["Working"], "require": ["Ready"]},
    "Broken": {"require": ["Nope"]},
    "ErrJob": {},
}
SCRIPT = "<script>globalThis.hit = 1</script>"
NAMES = (
    SCRIPT,
    '"><img src=x onerror=hit=1>',
    "👩\u200d🚀 rocket",
    "a]]>b",
    "&amp;",
    "right\u202eto left",
    "new\nline",
    "x" * 300,
)


class Handlers:
    def WorkingEnter(self, e):
        return e.args.get("ok", True)

    def WorkingState(self, e):
        if e.args.get("boom"):
            raise ValueError("boom")

    def ReadyExit(self, e):
        if e.args.get("fall"):
            raise ValueError("fell")


def worked():
    """A session with executed transitions, ones that relations or handlers refused, and ones that failed."""
    builder = SessionBuilder()
    machine = Machine(WORKER, "worker", handlers=[Handlers()], seed="s")
    schema = {name: state.to_dict() for name, state in machine.schema.states.items()}
    machine.bind_tracer(Recorder(builder.machine("worker", machine.names, schema, {"work": [2, 4], "rest": [3]})))
    machine.add("Ready")
    machine.add("Broken")
    machine.add("Start")
    machine.add("Ready")
    machine.add("Working", args={"ok": False})
    machine.add("Job")
    machine.add("Job")
    machine.remove("Working")
    machine.add("Working", args={"boom": True})
    machine.remove("Ready", args={"fall": True})
    machine.set("Idle")
    machine.remove("Start")
    return builder.build()


def bare():
    """A machine without schema and steps, one with a schema and no records, one without states."""
    builder = SessionBuilder()
    one = builder.machine("bare", ["Exception", "One", "Two"])
    one.append(kind=0, called=["One"], clocks_after=[0, 1, 0], tx_id="b")
    one.append(kind=0, called=["Two"], clocks_after=[0, 1, 0], tx_id="c", accepted=False)
    one.append(kind=0, called=["Two"], clocks_after=[0, 1, 0], tx_id="q", is_queued=True)
    builder.machine("silent", list(WORKER), WORKER)
    builder.machine("nothing", [])
    return builder.build()


def named(names=NAMES):
    """States and machines of hostile names, all related."""
    builder = SessionBuilder()
    schema = {name: {"require": [names[(k + 1) % len(names)]]} for k, name in enumerate(names)}
    for number, key in enumerate(names[:3]):
        machine = builder.machine(
            key, names, schema, {SCRIPT: [0, 1]}, parent=names[0] if number else "", tags=[SCRIPT]
        )
        machine.append(
            kind=0, called=[names[0]], clocks_after=[0] * len(names), tx_id=f"t{number}", accepted=False,
            log=[(2, f"[source] {names[0]}/t0/0"), (1, SCRIPT)],
            steps=[
                RawStep(type=32, from_name="", to_name=names[0]),
                RawStep(type=1, rel=2, from_name=names[0], to_name=names[1]),
                RawStep(type=16, from_name=names[0], to_name=""),
                RawStep(type=64, from_name="", to_name=names[0]),
            ],
        )  # fmt: skip
    return builder.build()


def wide(states=500, relations=8):
    """A machine of many states that each require many others."""
    builder = SessionBuilder()
    names = [f"State{k}" for k in range(states)]
    schema = {
        n: {"require": [names[(k + j * j) % states] for j in range(1, relations + 1)]} for k, n in enumerate(names)
    }
    machine = builder.machine("wide", names, schema)
    clocks = [0] * states
    for k in range(20):
        clocks[k] += 1
        machine.append(kind=0, called=[k], clocks_after=list(clocks), tx_id=f"w{k}")
    return builder.build()
