"""Supervised pools: a supervisor keeps workers alive, clients are given one each.

    options       criteria of a pool, times, with their defaults
    policy        what to fork, kill and give, from facts alone
    process       one worker's process: its end, its last words
    launchers     how worker processes are started
    autopsy       what is known of a lost worker
    worker        the work, and serving it
    supervisor    the pool
    client        asking for a worker, and for work
    lab           an event loop of its own, for notebooks and shells

    class Squares(Worker):
        async def work(self, args):
            return args["input"] ** 2

    if __name__ == "__main__":
        Squares.main()

Knows nothing of: debuggers, recording (tracers are handed in).
"""
