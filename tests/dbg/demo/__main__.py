"""Runs the demo many times in a row: `python -m tests.dbg.demo [TIMES] [OPTION...]`.

Each must answer all, verify whole, and leave none of the processes that it started; the first that does not ends it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def is_running(pid):
    """Whether a process of ours runs, or was ended and not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number went to somebody else
        return False
    return True


def run_once(out, options):
    """The facts of one run, and what is wrong with it, in words."""
    command = [sys.executable, "-m", "amlab", "demo", "--json", "--out", str(out), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    try:
        facts = json.loads(done.stdout)
    except ValueError:
        return {}, [f"it ended with code {done.returncode} and told no facts"]
    verified = facts["verify"]
    wrong = list(facts["complaints"])
    if done.returncode or not facts["ok"]:
        wrong.append(f"it ended with code {done.returncode}")
    if facts["wrong"] or facts["lost"]:
        wrong.append(f"{facts['wrong']} answers are wrong, {facts['lost']} are lost")
    if verified["reproduced"] != verified["checked"] or verified["mismatches"]:
        wrong.append(f"{verified['reproduced']} of {verified['checked']} transitions follow")
    left = [pid for pid in facts["processes"] if is_running(pid)]
    if left:
        wrong.append(f"processes that still run: {', '.join(map(str, left))}")
    return facts, wrong


def main(argv):
    times, options = int(argv[0]) if argv else 10, argv[1:]
    with tempfile.TemporaryDirectory() as where:
        for number in range(1, times + 1):
            facts, wrong = run_once(Path(where) / "demo.msgpack.br", options)
            if wrong:
                print(f"run {number} of {times}: {'; '.join(wrong)}", flush=True)
                return 1
            print(
                f"run {number} of {times}: {facts['answers']} answers, {facts['killed']} killed,"
                f" ready in {facts['ready_in_s']:.2f} s, whole again in {facts['recovered_in_s']:.2f} s,"
                f" {facts['verify']['reproduced']} transitions follow, {len(facts['processes'])} processes, all ended",
                flush=True,
            )
    print(f"{times} runs, nothing wrong, nothing lost, no process left")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
