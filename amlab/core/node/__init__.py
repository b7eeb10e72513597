"""Supervised pools: a supervisor keeps workers alive, clients are given one each.

    options       criteria of a pool, times, with their defaults
    policy        what to fork, kill and give, from facts alone
    process       one worker's process: its end, its last words
    launchers     how worker processes are started: by a command, or as tasks of this one
    reach         where a worker listens, and over which network
    forkserver    a third way: as forks of a process that has imported them; `forkhost` is that process
    parent        how a worker notices that its supervisor is gone
    autopsy       what is known of a lost worker
    blackbox      what a worker did last, in memory that outlives it
    keys          what the parts of a pool prove to each other
    worker        a worker's life, and serving it
    working       what it works on: one request, from being asked to its delivery
    bootstrap     where a new worker calls first
    pooled        one worker, as its supervisor knows it
    giving        what clients ask of a supervisor
    health        whether workers are well, and who is killed for not being so
    supervisor    the pool; `supervisor_handlers`, what its machine does by itself
    lending       which of a client's workers is free, and who waits for one
    superlink     a client's line to its supervisors; `expecting`: the answers it waits for
    delegating    work that a client has done: one piece, or many, in `portions`
    client        asking for a worker, and for work
    lab           an event loop of its own, for notebooks and shells
    __main__      a supervisor as a program

    class Squares(Worker):
        async def work(self, args):
            return args["input"] ** 2

    if __name__ == "__main__":
        Squares.main()

Knows nothing of: debuggers, recording (tracers are handed in).
"""
