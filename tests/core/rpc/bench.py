"""What the protocol itself costs per request, without any transport: `python -m tests.core.rpc.bench`.

Client encode, server decode, answer, client decode, and a machine that only counts.
"""

import statistics
import time

from amlab.core.rpc.answers import Answers
from amlab.core.rpc.messages import Ask
from tests.core.rpc.pair import Machine, Pair

REQUESTS, ROUNDS = 5000, 9
LARGE = {"Start": {}, "Ready": {}, "Work": {"multi": True}, **{f"S{i}": {} for i in range(50)}}


def carried(pair, batch, args):
    """Requests there and back, `batch` of them per write."""
    client, server, machine = pair.client, pair.server, pair.machine
    for _ in range(REQUESTS // batch):
        for _ in range(batch):
            client.mutate(Ask.ADD, ("Work",), 0.0, args=args)
        for event in server.receive_data(client.data_to_send(), 0.0):
            machine.ticks[2] += 2
            machine.queue_tick += 1
            server.answer(event.id, 0, 0.0)
        client.receive_data(server.data_to_send(), 0.0)


def measured(machine, batch, args):
    """Microseconds per request, one figure a round."""
    out = []
    for _ in range(ROUNDS):
        pair = Pair.made(machine(), answers=Answers())
        start = time.perf_counter()
        carried(pair, batch, args)
        out.append((time.perf_counter() - start) / REQUESTS * 1e6)
        assert pair.client.error is None
        assert pair.server.error is None
        assert pair.is_in_step
    return out


def main():
    """Prints the table."""
    print(f"microseconds per request, median (min) of {ROUNDS} rounds of {REQUESTS}; at most once")
    for states, machine in (("5", Machine), ("54", lambda: Machine(LARGE))):
        for batch, way in ((1, "one by one"), (100, "100 pipelined")):
            for args in (None, {"input": 2, "name": "abc"}):
                took = measured(machine, batch, args)
                words = f"{states:>2} states, {way:<13}, {len(args or ())} args"
                print(f"  {words}: {statistics.median(took):5.1f} ({min(took):.1f})")


if __name__ == "__main__":
    main()
