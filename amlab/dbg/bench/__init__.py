"""What `amlab bench` measures, by group.

measure.py   the clock, the result, the table
engine.py    mutations, resolution, reading, making machines
peers.py     the same with other state machine libraries
session.py   opening, seeking, importing
"""
