"""The protocol over a real machine, driven the way a link does it."""

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Source
from amlab.core.machine.tracer import Tracer
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import Answered, Asked, Changed, Failed, Met, Proved, Subscribed
from amlab.core.rpc.messages import Ask, WaitKind
from tests.core.rpc.pair import Pair, client, server

STATES = {
    "Start": {}, "Ready": {"require": ["Start"]}, "Work": {"multi": True, "require": ["Ready"]}, "Done": {"auto": True, "require": ["Work"]},
}  # fmt: skip


class Served(Tracer):
    """What a link does with the events of its connection: all of it."""

    def __init__(self, machine, connection):
        self.machine, self.connection, self.now = machine, connection, 0.0
        machine.bind_tracer(self)

    @property
    def schema(self):
        return self.machine.schema

    def read_clock(self):
        return self.machine._clock, self.machine.queue_tick, self.machine.machine_tick

    def transition_end(self, *_):
        self.connection.touch(self.now)

    def handle(self, event):
        m, connection = self.machine, self.connection
        if type(event) is Proved:
            connection.welcome(self, self.now)
        elif type(event) is Asked:
            call = {Ask.ADD: m.add, Ask.REMOVE: m.remove, Ask.SET: m.set, Ask.CAN_ADD: m.can_add}[event.ask]
            try:
                kwargs = {} if event.ask is Ask.CAN_ADD else {"source": event.source}
                result = call(*event.states, args=event.args, **kwargs)
            except Exception as e:
                connection.fail(event.id, e, self.now)
            else:
                connection.answer(event.id, result.tick, self.now, result.why)
        elif type(event) is Subscribed:
            wait = m.when_args(*event.states, event.args) if event.wait is WaitKind.WHEN_ARGS else m.when(*event.states)
            wait.on_done(lambda: connection.meet(event.id, self.now, wait.value, ended=wait.ended))


def joined(**selection):
    machine = Machine(STATES, "source")
    pair = Pair(client(selection=Selection(**selection)), server(server_id="source"), machine)
    pair.welcomes = pair.is_serving = False
    link = Served(machine, pair.server)

    def serve(events):
        pair.of_server += events
        for event in events:
            link.handle(event)

    pair._serve = serve
    pair.pump()
    pair.of_client.clear()
    return pair, machine


def in_step(pair, machine):
    return pair.client.follower.mirror.ticks == list(machine._clock) and pair.client.follower.schema == machine.schema


def test_mutations_run_and_their_results_and_reasons_come_back():
    pair, machine = joined()
    pair.add("Ready")
    pair.add("Start")
    pair.add("Ready")
    pair.client.mutate(Ask.CAN_ADD, ["Work"], 0.0)
    pair.client.mutate(Ask.REMOVE, ["Start", "Ready"], 0.0)
    pair.pump()
    answers = pair.events(Answered)
    assert [a.tick for a in answers] == [1, 0, 0, 0, 0]
    assert "Start" in answers[0].why
    assert in_step(pair, machine)


def test_an_unknown_state_is_an_error_with_near_matches_and_the_connection_goes_on():
    pair, machine = joined()
    number = pair.add("Redy")
    pair.add("Start")
    pair.pump()
    failed = pair.events(Failed)
    assert [f.id for f in failed] == [number]
    assert "Ready" in str(failed[0].error)
    assert failed[0].error.type_name in {"UsageError", "SchemaError"}
    assert in_step(pair, machine)


def test_the_source_of_a_mutation_crosses_and_reaches_the_handler():
    pair, machine = joined()
    seen = []

    class Handlers:
        def StartState(self, e):
            seen.append((e.source, dict(e.args)))

    machine.bind_handlers(Handlers())
    source = Source("far", "tx9", 44)
    pair.add("Start", args={"n": (1, 2)}, source=source)
    pair.pump()
    assert seen == [(source, {"n": (1, 2)})]


def test_waiting_for_arguments_works_across():
    pair, machine = joined()
    machine.set("Start", "Ready")
    right = pair.client.subscribe(WaitKind.WHEN_ARGS, ["Work"], args={"id": 2}, now=0.0)
    pair.pump()
    for i in range(3):
        machine.add("Work", args={"id": i, "more": "x" * i})
    pair.pump()
    assert pair.events(Met) == [Met(right, {"id": 2, "more": "xx"}, "")]


def test_changes_of_the_machine_arrive_without_being_asked_for():
    pair, machine = joined(push_interval_s=0)
    machine.add("Start")
    machine.add("Ready")
    pair.pump()
    assert len(pair.events(Changed)) == 2
    machine.dispose()
    assert in_step(pair, machine)


def test_a_disposed_machine_ends_the_waits():
    pair, machine = joined()
    number = pair.client.subscribe(WaitKind.WHEN, ["Ready"], now=0.0)
    pair.pump()
    machine.dispose()
    pair.pump()
    met = pair.events(Met)[0]
    assert met.id == number
    assert "disposed" in met.ended
