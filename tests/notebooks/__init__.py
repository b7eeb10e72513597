"""The tutorials, run again and compared with what they show.

    python -m tests.notebooks            strict: every output must be as saved
    python -m tests.notebooks --write    runs them and saves what came out
"""
