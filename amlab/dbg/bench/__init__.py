"""What `amlab bench` measures, by group.

measure.py   the clock, the result, the table
engine.py    mutations, resolution, reading, making machines
peers.py     the same with other state machine libraries
session.py   opening, seeking, importing
record.py    what recording costs
rpc.py       mutations on another process's machine
pool.py      a supervised pool at work
views.py     views in a real browser
"""
