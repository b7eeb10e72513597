"""What `amlab demo` runs.

pool.py        a supervised pool at work, workers killed on the way; squares.py is its worker
outcome.py     what came of it, and what can be seen of it meanwhile
recordings.py  the sessions in exports/
kitchen.py     a few cooperating machines in one process
"""
