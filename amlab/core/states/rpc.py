"""States of machines that talk over a network: server, client, mux, and who uses them.

A *state source* is served to one client by a *server*; a *mux* accepts many clients and makes a server
for each.  The client keeps the source's clocks; payloads that the source sends reach a *consumer*.

Knows nothing of: frames, sockets, how peers find each other.
"""

from __future__ import annotations

from amlab.core.machine.declare import States
from amlab.core.machine.state import EXCEPTION, Group, Override, State
from amlab.core.states.basic import BasicStates
from amlab.core.states.connected import ConnectedStates

__all__ = [
    "ConsumerStates",
    "RpcClientStates",
    "RpcMuxStates",
    "RpcServerStates",
    "RpcSharedStates",
    "StateSourceStates",
]


class StateSourceStates(States, own_first=True):
    """What a machine needs to be served to others."""

    ErrOnClient = State(require=EXCEPTION)
    """A client of this machine ran into an error of its own."""


class ConsumerStates(States, own_first=True):
    """What a machine needs to be sent payloads."""

    ServerPayload = State(multi=True)
    """A payload has come; it is in the arguments."""


class RpcSharedStates(BasicStates, StateSourceStates, own_first=True):
    """What both ends of a link have: their errors and the handshake."""

    HandshakeGroup = Group("Handshaking", "HandshakeDone", name="Handshake")

    ErrNetworkTimeout = State(require=EXCEPTION)
    """The peer did not answer in time."""
    ErrRpc = State(require=EXCEPTION)
    """A call failed for another reason than the network: a message or its content was wrong."""
    ErrDelivery = State(require=EXCEPTION)
    """A payload could not be handed to the one it was for."""
    HandshakeDone = State(require=BasicStates.Start, remove=HandshakeGroup)
    """Both ends know each other's schema and clocks."""
    Handshaking = State(require=BasicStates.Start, remove=HandshakeGroup)
    """Both ends introduce themselves."""
    ErrNetwork = Override(require=EXCEPTION)
    """The link broke, or could not be used."""


class RpcServerStates(RpcSharedStates, own_first=True):
    """Serves one state source to one client."""

    RpcGroup = Group("RpcStarting", "RpcAccepting", "RpcReady", name="Rpc")

    Ready = State(auto=True, require=("HandshakeDone", "RpcReady"))
    """A client is served."""
    RpcStarting = State(require=RpcSharedStates.Start, remove=RpcGroup)
    """The port is being opened."""
    RpcAccepting = State(require=RpcSharedStates.Start, remove=RpcGroup)
    """The port is open and waits for a client."""
    RpcReady = State(require=RpcSharedStates.Start, remove=RpcGroup)
    """Clients are listened to."""
    ClientConnected = State(require=RpcReady)
    """A client is on the line."""
    HandshakeDone = State(
        require=(RpcSharedStates.Start, ClientConnected), remove=(*RpcSharedStates.HandshakeGroup, EXCEPTION)
    )
    """The client knows the source's schema and clocks."""
    MetricSync = State(multi=True)
    """How much was sent and called so far is noted down."""
    WebSocketTunnel = State()
    """The link runs inside of a WebSocket."""
    Start = Override(add=RpcStarting)
    """The server is wanted."""
    ErrNetwork = Override(require=EXCEPTION, remove=ClientConnected)
    """The link broke, and the client with it."""


class RpcClientStates(RpcSharedStates, ConnectedStates, own_first=True):
    """Follows one state source over a network."""

    RetryingCall = State(require=RpcSharedStates.Start)
    """A call failed and is tried again."""
    CallRetryFailed = State(remove=RetryingCall, add=(RpcSharedStates.ErrNetwork, EXCEPTION))
    """A call was given up after the last try."""
    RetryingConn = State(require=RpcSharedStates.Start)
    """The connection failed and is tried again."""
    ConnRetryFailed = State(remove=RpcSharedStates.Start)
    """Connecting was given up after the last try; the client stops."""
    Ready = State(auto=True, require="HandshakeDone")
    """The source can be read, awaited and mutated."""
    HandshakeDone = State(
        require=(RpcSharedStates.Start, ConnectedStates.Connected), remove=RpcSharedStates.HandshakeGroup
    )
    """The source's schema and clocks are known."""
    ServerDelivering = State(multi=True, require=ConnectedStates.Connected)
    """The server has announced a payload."""
    ServerPayload = State(multi=True, require=ConnectedStates.Connected)
    """A payload has come from the server; it is in the arguments."""
    MetricSync = State(multi=True)
    """How much was received and called so far is noted down."""
    Start = Override(add=ConnectedStates.Connecting, remove=ConnRetryFailed)
    """The client is wanted; it connects."""
    Handshaking = Override(
        require=(RpcSharedStates.Start, ConnectedStates.Connected), remove=RpcSharedStates.HandshakeGroup
    )
    """Client and server introduce themselves."""
    Connected = Override(
        require=RpcSharedStates.Start,
        add=RpcSharedStates.Handshaking,
        remove=(*ConnectedStates.ConnectedGroup, RetryingConn),
    )
    """The connection stands; the handshake comes next."""
    ErrNetwork = Override(require=EXCEPTION, remove=ConnectedStates.Connecting)
    """The link broke, or could not be made."""


class RpcMuxStates(BasicStates, own_first=True):
    """Accepts many clients on one port, with a server for each."""

    Exception = State(multi=True, remove="Ready")
    """Something went wrong; no client is taken until it is dealt with."""
    Ready = State(require=BasicStates.Start)
    """Clients are accepted."""
    ClientConnected = State(multi=True, require=BasicStates.Start)
    """A client has connected; called for each."""
    HasClients = State(require=BasicStates.Start)
    """At least one client is connected."""
    NewServerErr = State()
    """No server could be made for a client."""
