"""States of a machine that has connections to several hosts, taken together.

Knows nothing of: the single connections.
"""

from __future__ import annotations

from amlab.core.machine.declare import States
from amlab.core.machine.state import EXCEPTION, Group, State

__all__ = ["ConnPoolStates"]


class ConnPoolStates(States):
    """Many connections as one; needs `Start`."""

    ConnectedGroup = Group("Connected", "Disconnected", name="Connected")

    ErrConnecting = State(require=EXCEPTION)
    """One of the connections could not be made."""
    Connecting = State(require="Start", remove="Disconnecting")
    """At least one connection is being made."""
    Connected = State(require="Start", remove="Disconnected")
    """At least one connection stands."""
    ConnectedFully = State(require=Connected, remove="Disconnected")
    """Every connection stands."""
    Disconnecting = State(remove=(ConnectedFully, Connected, Connecting))
    """All connections are being closed."""
    Disconnected = State(remove=(Connecting, ConnectedFully, Disconnecting))
    """No connection is left."""
