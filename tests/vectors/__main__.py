"""Runs vector files and prints what passed, per level."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.compare import Difference, judge


def load(path: Path) -> list[dict[str, Any]]:
    """The cases of a file, plain or gzipped."""
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)


def run(paths: list[Path], plan_limit: int | None = None) -> dict[str, Any]:
    """Both levels over all cases of the files."""
    levels = {level: {"passed": 0, "total": 0, "faults": 0} for level in (1, 2)}
    differences: list[Difference] = []
    for path in paths:
        for case in load(path):
            verdict = judge(case, plan_limit)
            differences += verdict.differences
            for level, counts in levels.items():
                counts["total"] += 1
                counts["passed"] += verdict.levels[level] == "passed"
                counts["faults"] += verdict.levels[level] == "fault"
    return {
        "level1": levels[1],
        "level2": levels[2],
        "differences": [d._asdict() for d in differences],
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json[.gz]")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--limit", type=int, help="keep at most this many plans; 0 turns the plan cache off")
    parser.add_argument("--all", action="store_true", help="print differences that are faults of the reference too")
    args = parser.parse_args(argv)
    report = run(args.files, args.limit)
    if args.json:
        json.dump(report, sys.stdout, default=str)
        print()
    else:
        for d in report["differences"]:
            if args.all or not d["fault"]:
                print(
                    f"{d['case']} op {d['op']} level {d['level']} {d['what']} {d['fault'] and '[' + d['fault'] + ']'}"
                )
                print(f"  expected {d['expected']}\n  got      {d['got']}")
        for level in ("level1", "level2"):
            counts = report[level]
            print(f"{level}: {counts['passed']}/{counts['total']}, {counts['faults']} faults of the reference")
    return int(any(not d["fault"] for d in report["differences"]))


if __name__ == "__main__":
    sys.exit(main())
