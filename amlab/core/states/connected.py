"""States of a machine that has one connection.

Pipe them to another machine's, with a prefix, by `amlab.core.machine.pipes.pipe_connected`.

Knows nothing of: what is connected, and by what.
"""

from __future__ import annotations

from amlab.core.machine.declare import States
from amlab.core.machine.state import EXCEPTION, Group, State

__all__ = ["ConnectedStates"]


class ConnectedStates(States):
    """One connection, in four states of which one is active at a time; needs `Start`."""

    ConnectedGroup = Group("Connecting", "Connected", "Disconnecting", "Disconnected", name="Connected")

    ErrConnecting = State(require=EXCEPTION)
    """The connection could not be made, or was refused."""
    Connecting = State(require="Start", remove=ConnectedGroup)
    """The connection is being made."""
    Connected = State(require="Start", remove=ConnectedGroup)
    """The connection stands."""
    Disconnecting = State(remove=ConnectedGroup)
    """The connection is being closed."""
    Disconnected = State(auto=True, remove=ConnectedGroup)
    """There is no connection."""
