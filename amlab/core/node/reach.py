"""Where a worker opens its ports, and over which network; told to a worker process by its environment.

Knows nothing of: workers, how processes are started.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amlab.core.rpc.network import Network, beside, forget, loopback
from amlab.errors import UsageError

__all__ = ["REACH_VAR", "Reach"]

REACH_VAR = "AMLAB_WORKER_REACH"


@dataclass(frozen=True, slots=True)
class Reach:
    """See the module.

    Attributes:
        public: Where the port for its client is opened; see `amlab.core.rpc.network`.
        local: The same of the port for its supervisor.
        network: How; by the address without.
    """

    public: str = "127.0.0.1:0"
    local: str = "127.0.0.1:0"
    network: Network | None = None

    @classmethod
    def near(cls, worker_id: str, public: str, local: str, network: Network | None) -> Reach:
        """That of a worker whose supervisor has these ports: the public one beside its public one."""
        return cls(beside(public, worker_id), beside(loopback(local), f"{worker_id}-local"), network)

    def forget(self) -> None:
        """Removes what a worker that was killed left of its ports."""
        forget(self.public)
        forget(self.local)

    def to_env(self) -> dict[str, str]:
        """As environment of a process; see `from_env`.

        Raises:
            UsageError: Its network lives in this process only.
        """
        if self == Reach():
            return {}
        told: dict[str, Any] = {"public": self.public, "local": self.local}
        if self.network is not None:
            files = getattr(self.network, "files", None)
            if files is None:
                raise UsageError(
                    f"a worker process cannot be told of a {type(self.network).__name__}; give a `TlsNetwork`, or run"
                    " workers in this process (`InProcessLauncher`)"
                )
            told["tls"] = asdict(files)
        for address in (self.public, self.local):
            if address.startswith("mem:"):
                raise UsageError(f"a worker process cannot listen in the memory of this one, at {address}")
        return {REACH_VAR: json.dumps(told)}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Reach:
        """What `to_env` told; the usual where it told nothing.

        Raises:
            UsageError: A certificate cannot be read.
        """
        text = env.get(REACH_VAR)
        if not text:
            return cls()
        told = json.loads(text)
        if "tls" not in told:
            return cls(told["public"], told["local"])
        from amlab.core.rpc.tls import TlsNetwork

        return cls(told["public"], told["local"], TlsNetwork(**told["tls"]))
