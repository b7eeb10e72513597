"""What `amlab bench` measures, by group.

measure.py   the clock, the result, the table
engine.py    mutations, resolution, reading, making machines
peers.py     the same with other state machine libraries
session.py   opening, seeking, importing
record.py    what recording costs
rpc.py       mutations on another process's machine
echo.py      the same by asyncio itself, and by gRPC
pool.py      a supervised pool at work
pools.py     the same with pools of other libraries
steady.py    a hundred workers for a minute
views.py     views in a real browser
"""
