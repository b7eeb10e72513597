"""Two connections joined in memory, with a machine of ticks behind the server (as h11 tests its cores)."""

from amlab.core.machine.schema import Schema
from amlab.core.rpc.auth import Access, Credential, Nonces, Role
from amlab.core.rpc.calling import ClientConnection
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import Asked, Proved
from amlab.core.rpc.limits import DEFAULT_LIMITS
from amlab.core.rpc.messages import Ask
from amlab.core.rpc.serving import ServerConnection
from amlab.errors import UsageError

SECRET = b"the secret of this pool, 32 bytes"
OTHER = b"the secret of another pool......"
SESSION = b"s" * 16
STATES = {"Start": {}, "Ready": {"require": ["Start"]}, "Work": {"multi": True}, "Idle": {"auto": True}}


EVERYTHING = Selection()


class Machine:
    """Ticks, and a schema; what a connection needs of a machine."""

    def __init__(self, states=STATES):
        self.schema = Schema.from_dict(states)
        self.ticks = [0] * len(self.schema.names)
        self.queue_tick = 1
        self.machine_tick = 0

    def read_clock(self):
        return self.ticks, self.queue_tick, self.machine_tick

    def tick(self, *names, by=1):
        for name in names:
            self.ticks[self.schema.names.index(name)] += by
        self.queue_tick += 1

    def grow(self, *names):
        self.schema = Schema.from_dict({**self.schema.to_dict(), **{n: {} for n in names}})
        self.ticks += [0] * len(names)


def client(now=0.0, *, secret=SECRET, role=Role.MUTATE, client_id="client", nonce=b"c" * 32, session=SESSION, **kwargs):
    return ClientConnection(
        client_id, Credential.from_secret(secret, role), nonce=nonce, session=session, now=now, **kwargs
    )


def server(now=0.0, *, secret=SECRET, access=None, server_id="server", nonce=b"n" * 32, **kwargs):
    return ServerConnection(server_id, access or Access(secret), nonce=nonce, now=now, **kwargs)


class Pair:
    """A client and a server; `pump` carries bytes until nothing more happens.

    Events are gathered in `of_client` and `of_server`.  The server welcomes whoever is proven; `serve`
    answers each mutation by ticking the states it names.
    """

    def __init__(self, client, server, machine=None, *, is_serving=True):
        self.client, self.server = client, server
        self.machine = machine or Machine()
        self.is_serving = is_serving
        self.now = 0.0
        self.of_client, self.of_server = [], []
        self.asked = []
        self.welcomes = True

    @classmethod
    def made(cls, machine=None, *, selection=EVERYTHING, role=Role.MUTATE, limits=DEFAULT_LIMITS, client_limits=None,
             types=None, server_types=None, is_open=True, **kwargs):  # fmt: skip
        pair = cls(
            client(selection=selection, role=role, limits=client_limits or limits, types=types),
            server(limits=limits, types=server_types or types, nonces=Nonces(), **kwargs),
            machine,
        )
        if is_open:
            pair.pump()
            pair.of_client.clear()
            pair.of_server.clear()
        return pair

    def to_server(self, data):
        self._serve(self.server.receive_data(data, self.now))

    def to_client(self, data):
        self.of_client += self.client.receive_data(data, self.now)

    def _serve(self, events):
        self.of_server += events
        for event in events:
            if type(event) is Proved and self.welcomes:
                self.server.welcome(self.machine, self.now, about={"tags": ["t"]})
            elif type(event) is Asked and self.is_serving:
                self.asked.append(event)
                unknown = set(event.states) - set(self.machine.schema.names)
                if unknown:
                    self.server.fail(event.id, UsageError(f"unknown states {unknown}"), self.now)
                    continue
                self.machine.tick(*event.states)
                self.server.answer(event.id, 0, self.now)

    def pump(self):
        """Carries bytes to and fro until both are quiet."""
        while (up := self.client.data_to_send()) or (down := self.server.data_to_send()):
            if up:
                self.to_server(up)
                continue
            self.to_client(down)

    def tick(self, seconds):
        """Lets time pass, and both do what is due."""
        self.now += seconds
        self.of_client += self.client.handle_timeout(self.now)
        self._serve(self.server.handle_timeout(self.now))

    def add(self, *states, **kwargs):
        return self.client.mutate(Ask.ADD, states, self.now, **kwargs)

    def events(self, kind):
        return [e for e in [*self.of_client, *self.of_server] if type(e) is kind]

    @property
    def is_in_step(self):
        """Whether the client knows the machine's clock."""
        mirror = self.client.follower.mirror
        return not mirror.is_stale and mirror.ticks == list(self.machine.ticks)
