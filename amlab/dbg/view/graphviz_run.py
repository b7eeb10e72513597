"""Layout by Graphviz: the `graphviz-pure` program, or a `dot` of the system, within a time limit.

What goes to the program are numbers, sizes and links, never a name; what comes back are coordinates (JSON).
It runs as a process of its own, since a dense graph can keep it busy for minutes, and is killed when time
is up.  The only module of the views that starts a process.

Knows nothing of: names, formats, other layouts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amlab.dbg.view.links import Link
from amlab.dbg.view.placement import Box, Placement, Point, Route

__all__ = ["PROGRAMS", "LayoutFailed", "find_program", "run_graphviz"]

PROGRAMS = ("graphviz-pure", "dot")

_INCH = 72.0


class LayoutFailed(Exception):
    """A program gave no layout; its text says why."""


def find_program(name: str) -> str | None:
    """Where a program is: beside this Python, or on the path."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        found = shutil.which(name, path=str(folder))
        if found:
            return found
    return shutil.which(name)


def run_graphviz(
    program: str,
    sizes: Mapping[int, tuple[float, float]],
    links: Mapping[int, Link],
    loose: frozenset[int],
    time_limit_s: float,
) -> Placement:
    """Places nodes and links by one of `PROGRAMS`.

    Raises:
        LayoutFailed: It is not there, did not finish in time, or gave nothing to go by.
    """
    path = find_program(program)
    if path is None:
        raise LayoutFailed(f"{program} is not installed")
    text = _dot(sizes, links, loose)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and its input holds numbers only
            [path, "-Tjson0"], input=text.encode(), capture_output=True, timeout=time_limit_s, check=True
        )
        placement = _read(json.loads(done.stdout), sizes, links)
    except subprocess.TimeoutExpired:
        raise LayoutFailed(f"{program} did not finish within {time_limit_s:g} s") from None
    except subprocess.CalledProcessError as err:
        words = err.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise LayoutFailed(f"{program} ended with {err.returncode}: {words[0][:200]}") from err
    except OSError as err:
        raise LayoutFailed(f"{program} could not be started: {err}") from err
    except (ValueError, KeyError, TypeError, IndexError) as err:
        raise LayoutFailed(f"{program} answered what cannot be read: {err!r}") from err
    placement.engine = program
    return placement


def _dot(sizes: Mapping[int, tuple[float, float]], links: Mapping[int, Link], loose: frozenset[int]) -> str:
    has_labels = any(link.label for link in links.values())
    lines = [
        "digraph {",
        f"graph [rankdir=LR, nodesep=0.2, ranksep={1.15 if has_labels else 0.72}, splines=true];",
        'node [shape=box, fixedsize=true, label=""];',
        "edge [arrowsize=0.8];",
    ]
    for n, (width, height) in sizes.items():
        lines.append(f"n{n} [width={width / _INCH:.4f}, height={height / _INCH:.4f}];")
    for k, link in links.items():
        first, last = link.flow
        # The line is turned round where its head stands at the left.
        head, tail = (link.has_head, link.is_both) if first == link.tail else (link.is_both, link.has_head)
        ways = {(True, True): "both", (True, False): "forward", (False, True): "back", (False, False): "none"}
        free = ", constraint=false" if k in loose else ""
        lines.append(f"n{first} -> n{last} [id=e{k}, dir={ways[head, tail]}{free}];")
    lines.append("}")
    return "\n".join(lines)


def _read(answer: Any, sizes: Mapping[int, tuple[float, float]], links: Mapping[int, Link]) -> Placement:
    if not isinstance(answer, dict):
        raise TypeError(f"a {type(answer).__name__} instead of an object")
    placement = Placement()
    for thing in answer.get("objects", ()):
        name = thing["name"]
        if name.startswith("n") and "pos" in thing:
            n = int(name[1:])
            x, y = map(float, thing["pos"].split(","))
            placement.boxes[n] = Box(x, -y, *sizes[n])
    for thing in answer.get("edges", ()):
        k = int(thing["id"][1:])
        placement.routes[k] = _route(thing["pos"], is_turned=links[k].flow[0] != links[k].tail)
    if placement.boxes.keys() != sizes.keys() or placement.routes.keys() != links.keys():
        raise ValueError("nodes or links are missing")
    return placement


def _route(text: str, *, is_turned: bool) -> Route:
    points: list[Point] = []
    head: Point | None = None
    tail: Point | None = None
    for part in text.split():
        *sign, x, y = part.split(",")
        point = (float(x), -float(y))
        if sign == ["e"]:
            head = point
        elif sign == ["s"]:
            tail = point
        else:
            points.append(point)
    if is_turned:
        return Route(tuple(reversed(points)), head=tail, tail=head)
    return Route(tuple(points), head=head, tail=tail)
