"""What `amlab demo` runs.

kitchen.py   a few cooperating machines in one process
"""
