"""Conformance: cases that the reference engine produced, played on ours and compared.

    python -m tests.vectors FILE.json[.gz] ... [--json] [--limit N] [--all]

play.py      runs one case and reports what happened in the words of the vectors
compare.py   levels 1 and 2, difference by difference
faults.py    rules that recognise faults of the reference by what happened
"""
