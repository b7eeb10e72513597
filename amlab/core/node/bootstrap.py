"""Waits, on behalf of the supervisor, for one new worker to call.

    bootstrap = Bootstrap(worker_id, secret, parent)
    address = await bootstrap.start()       for the worker's command line
    local, public = await bootstrap.called()  where the worker listens
    await bootstrap.stop()

Only the worker of that id gets in, and it must say the same id.

Knows nothing of: processes, pools.
"""

from __future__ import annotations

from amlab.core.machine.machine import Machine
from amlab.core.rpc.network import Network
from amlab.core.rpc.server import RpcServer
from amlab.core.states.node import BootstrapStates

__all__ = ["Bootstrap"]


class Bootstrap:
    """See the module.

    Args:
        worker_id: Who is to call.
        secret: The worker's own key.
        parent: Of its machine.
        address: Where to listen.
        network: How.
    """

    def __init__(
        self,
        worker_id: str,
        secret: bytes,
        parent: Machine,
        *,
        address: str = "127.0.0.1:0",
        network: Network | None = None,
    ) -> None:
        self.mach = Machine(BootstrapStates, f"bootstrap-{worker_id}", parent=parent, tags=("bootstrap",))
        self._server = RpcServer(
            self.mach, address=address, secret=secret, allow_id=worker_id, parent=self.mach, network=network
        )  # fmt: skip
        self._called = self.mach.when_args("WorkerAddr", {"worker": worker_id})

    async def start(self) -> str:
        """Listens; gives the address.

        Raises:
            OSError: No port can be had.
        """
        self.mach.add("Start")
        address = await self._server.start()
        self.mach.add("Ready")
        return address

    async def called(self) -> tuple[str, str]:
        """The worker's local and public address, once it has called.

        Raises:
            WaitEndedError: It will not call any more; see `give_up`.
        """
        args = await self._called
        return str(args.get("local", "")), str(args.get("public", ""))

    def give_up(self) -> None:
        """It will not call any more."""
        self._called.cancel()

    async def stop(self) -> None:
        """Closes the port and ends the machine."""
        self._called.cancel()
        await self._server.stop()
        self.mach.dispose()
