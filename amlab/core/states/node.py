"""States of a worker pool: bootstrap, client, worker, supervisor.

The *supervisor* forks *workers* and keeps them healthy; a *bootstrap* machine per fork learns where the
new worker listens; a *client* is given a worker by the supervisor and then talks to it directly.

Knows nothing of: processes, policies of the pool.
"""

from __future__ import annotations

from amlab.core.machine.state import EXCEPTION, Group, Override, State
from amlab.core.states.basic import BasicStates
from amlab.core.states.connected import ConnectedStates
from amlab.core.states.rpc import ConsumerStates, StateSourceStates

__all__ = ["BootstrapStates", "NodeClientStates", "SupervisorStates", "WorkerStates"]


class BootstrapStates(BasicStates, StateSourceStates, own_first=True):
    """Waits, on behalf of the supervisor, for one new worker to call."""

    WorkerAddr = State()
    """The worker has told its id and its addresses."""


class NodeClientStates(BasicStates, ConsumerStates, own_first=True, lenient=True):
    """Asks a supervisor for a worker and works with it."""

    # As in the reference, where it names none of the client's states: they have prefixes.
    ConnectedGroup = Group(*ConnectedStates.ConnectedGroup, name="Connected")

    ErrWorker = State(require=EXCEPTION)
    """The worker failed, or is gone."""
    ErrSupervisor = State(require=EXCEPTION)
    """The supervisor failed, or cannot be reached."""
    WorkerDisconnected = State()
    """There is no connection to a worker."""
    WorkerConnecting = State()
    """The worker is being dialed."""
    WorkerConnected = State()
    """The worker is on the line."""
    WorkerDisconnecting = State()
    """The connection to the worker is being closed."""
    WorkerReady = State(remove="WorkerRequested")
    """A worker can be used."""
    Ready = State(auto=True, require=WorkerReady)
    """Work can be handed out, and payloads come back."""
    SuperDisconnected = State()
    """There is no connection to a supervisor."""
    SuperConnecting = State()
    """The supervisor is being dialed."""
    SuperConnected = State()
    """The supervisor is on the line."""
    SuperDisconnecting = State()
    """The connection to the supervisor is being closed."""
    SuperReady = State()
    """The supervisor can be asked for a worker."""
    WorkerRequested = State(require=SuperReady)
    """The supervisor was asked for a worker and has not given one yet."""


class WorkerStates(BasicStates, StateSourceStates, own_first=True):
    """Does the work of one client at a time, watched by a supervisor."""

    WorkStatus = Group("WorkRequested", "Working", "WorkReady", "Idle")

    ErrWork = State(require=EXCEPTION)
    """The work itself failed."""
    ErrWorkTimeout = State(require=EXCEPTION)
    """The work took too long."""
    ErrClient = State(require=EXCEPTION)
    """The client did something wrong, or is gone."""
    ErrSupervisor = State(require=EXCEPTION)
    """The supervisor did something wrong, or is gone."""
    Ready = State(require="LocalRpcReady")
    """The worker can be given work."""
    LocalRpcReady = State(require=BasicStates.Start)
    """The supervisor can connect."""
    PublicRpcReady = State(require=BasicStates.Start)
    """A client can connect."""
    RpcReady = State(auto=True, require=(LocalRpcReady, PublicRpcReady))
    """Supervisor and client can connect."""
    SuperConnected = State(require=BasicStates.Start)
    """The supervisor is on the line."""
    ServeClient = State(require=PublicRpcReady)
    """The supervisor has promised this worker to a client; nobody else is let in."""
    ClientConnected = State(require=BasicStates.Start)
    """The client is on the line."""
    ClientSendPayload = State(require=PublicRpcReady)
    """A payload goes to the client."""
    SuperSendPayload = State(require=LocalRpcReady)
    """A payload goes to the supervisor."""
    Idle = State(auto=True, require=Ready, remove=WorkStatus)
    """Nothing to do."""
    WorkRequested = State(require=Ready, remove=WorkStatus)
    """The client has asked for something."""
    Working = State(require=Ready, remove=WorkStatus)
    """The work is being done."""
    WorkReady = State(require=Ready, remove=WorkStatus)
    """The work is done and can be fetched."""


class SupervisorStates(BasicStates, StateSourceStates, own_first=True):
    """Keeps a pool of workers and gives them to clients."""

    # As in the reference, where it is left empty.
    ConnectedGroup = Group(name="Connected")
    PoolStatus = Group("PoolStarting", "PoolReady")
    Errors = Group("ErrWorker", "ErrPool")
    PoolNormalizedGroup = Group("PoolNormalized", "NormalizingPool", name="PoolNormalized")

    ErrWorker = State(require=EXCEPTION, add=("NormalizingPool", "Heartbeat"))
    """A worker failed, did not come up, or is gone; which one is in the arguments."""
    ErrPool = State(require=EXCEPTION, add="NormalizingPool", remove="PoolNormalized")
    """The pool as a whole is not as it should be."""
    LocalRpcReady = State(require=BasicStates.Start)
    """Other supervisors can connect."""
    PublicRpcReady = State(require=BasicStates.Start)
    """Clients can connect."""
    Ready = State(require=(LocalRpcReady, PublicRpcReady, "PoolReady"))
    """Clients can connect and there are workers enough."""
    Heartbeat = State(require=BasicStates.Start)
    """Time to check workers and connections."""
    PoolStarting = State(add="NormalizingPool", remove=PoolStatus)
    """The first workers are being forked."""
    NormalizingPool = State(require=BasicStates.Start, remove=PoolNormalizedGroup, after=ErrWorker)
    """Workers are forked or killed until the pool is as its criteria say."""
    PoolNormalized = State(require=BasicStates.Start, add=Heartbeat, remove=PoolNormalizedGroup)
    """Normalizing has ended; `PoolReady` tells how."""
    PoolReady = State(require=BasicStates.Start, add=Heartbeat, remove=PoolStatus)
    """At least the minimum of workers is ready."""
    WorkersAvailable = State(require=PoolReady)
    """At least one worker is idle."""
    ListWorkers = State(multi=True, require=BasicStates.Start)
    """Somebody asks for the list of workers, or for some of them."""
    SetWorker = State(multi=True, require=BasicStates.Start)
    """The entry of one worker is written or deleted."""
    ForkWorker = State(multi=True, require=BasicStates.Start)
    """A worker is wanted: its bootstrap is made."""
    ForkingWorker = State(multi=True, require=BasicStates.Start)
    """The process of a worker is being started."""
    WorkerConnected = State(multi=True, require=BasicStates.Start)
    """A new worker has called its bootstrap."""
    WorkerForked = State(multi=True, require=BasicStates.Start, add=Heartbeat)
    """A new worker is up and followed."""
    KillWorker = State(multi=True)
    """A worker is to be killed."""
    KillingWorker = State(multi=True)
    """A worker is being killed."""
    WorkerKilled = State(multi=True, add=(NormalizingPool, Heartbeat))
    """A worker was killed; the pool may need another one."""
    WorkerReady = State(multi=True, require=BasicStates.Start, add=PoolReady)
    """One of the workers has become ready."""
    WorkerGone = State(multi=True, require=BasicStates.Start, remove=PoolReady)
    """One of the workers is on the line no more."""
    ClientConnected = State(multi=True)
    """A client has connected."""
    ClientDisconnected = State(multi=True)
    """A client has left; its worker is free for others."""
    ProvideWorker = State(multi=True, require=WorkersAvailable)
    """A client asks for a worker."""
    WorkerIssues = State(multi=True)
    """A client complains of its worker."""
    ClientSendPayload = State(multi=True)
    """A payload goes to a client."""
    SuperConnected = State(multi=True)
    """Another supervisor has connected."""
    SuperDisconnected = State(multi=True)
    """Another supervisor has left."""
    SuperSendPayload = State(multi=True)
    """A payload goes to another supervisor."""
    Start = Override(add=PoolStarting)
    """The pool is wanted."""
