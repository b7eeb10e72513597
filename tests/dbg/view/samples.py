"""Schemas, machines and sessions to draw, and what a drawing holds."""

import random
import xml.etree.ElementTree as ET

from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.machine.tracer import Tracer
from amlab.dbg.session import RawStep, SessionBuilder

SVG = "{http://www.w3.org/2000/svg}"

WORKER = {
    "Start": {},
    "Ready": {"require": ["Start"]},
    "Working": {"require": ["Ready"], "remove": ["Idle"], "after": ["Ready"], "doc": "Has a job in hand"},
    "Idle": {"auto": True, "require": ["Ready"], "remove": ["Working"]},
    "Job": {"multi": True, "add": ["Working"], "require": ["Ready"]},
    "Broken": {"require": ["Nope"]},
    "Alone": {},
}

HOSTILE = (
    'quo"te', "apos'trophe", "<script>alert(1)</script>", "]]>", "&amp;", "a & b", "back\\slash", "\\N", "a:b", "<b>x</b>",
    "new\nline", "nul\0", "right\u202eto left", "👩\u200d🚀 rocket", "日本語", "end", "%%{init}%%", "`code`", "#35;", "n0",
    "a -->|x| b", "[x](y)", "{{x}}", "x" * 5000, "two words", "-", "\ud800", "--", "graph", "e\u0301",
)  # fmt: skip


def hostile():
    """States of these names, each with a relation to the next."""
    names = list(HOSTILE)
    kinds = ("require", "add", "remove", "after")
    return Schema.from_dict(
        {n: {kinds[i % 4]: [names[(i + 1) % len(names)]]} for i, n in enumerate(names)}, lenient=True
    )


def dense(size, kind):
    """Every state related to every other."""
    names = [f"S{i}" for i in range(size)]
    return Schema.from_dict({n: {kind: [x for x in names if x != n]} for n in names})


def scattered(states, relations, seed=1):
    rng = random.Random(seed)
    made = {f"State{i}": {} for i in range(states)}
    for _ in range(relations):
        a, b = rng.sample(range(states), 2)
        made[f"State{a}"].setdefault(rng.choice(["require", "add", "remove", "after"]), []).append(f"State{b}")
    return Schema.from_dict(made, lenient=True)


class Ends(Tracer):
    """Keeps every transition of a machine."""

    def __init__(self):
        self.txs = []

    def transition_end(self, tx):
        self.txs.append(tx)


class Handlers:
    def WorkingEnter(self, e):
        return e.args.get("ok", True)

    def WorkingState(self, e):
        if e.args.get("boom"):
            raise ValueError("boom")

    def IdleExit(self, e):
        return None


def worker():
    """A machine with handlers, and the list that its transitions go to."""
    ends = Ends()
    machine = Machine(WORKER, "worker", handlers=[Handlers()], tracers=[ends], seed="s")
    return machine, ends.txs


def odd_session():
    """Machines as no engine makes them: names that repeat or are empty, nothing known of relations or steps."""
    builder = SessionBuilder()
    twice = builder.machine("twice", ["A", "A", "", "B"], {"A": {"require": ["B"]}, "B": {"auto": True}})
    twice.append(kind=0, called=[0], clocks_after=[1, 0, 0, 0], tx_id="t")
    bare = builder.machine("bare", ["Exception", "One"])
    bare.append(kind=0, called=["One"], clocks_after=[0, 1], tx_id="b", time_ns=5)
    bare.append(
        kind=0, called=["One"], clocks_after=[0, 7], tx_id="gap",
        steps=[RawStep(type=1, from_idx=1, to_idx=9, rel=2), RawStep(type=77, from_idx=0, to_idx=1)],
    )  # fmt: skip
    builder.machine("empty", [])
    return builder.build()


def chain_session():
    """Three machines below each other, a pipe that both logs tell of, and a cause."""
    states, schema = ("Exception", "Start", "Ready"), {"Ready": {"require": ["Start"]}}
    builder = SessionBuilder()
    top = builder.machine("top", states, schema, tags=["kind:x"])
    mid = builder.machine("mid", states, schema, parent="top")
    low = builder.machine("low", states, schema, parent="mid")
    lost = builder.machine("lost", states, schema, parent="gone")
    top.append(kind=0, called=["Start"], clocks_after=[0, 1, 0], tx_id="t1", log=[(3, "[pipe-out:add] Start to mid")])
    mid.append(
        kind=0, called=["Start"], clocks_after=[0, 1, 0], tx_id="m1",
        log=[(2, "[source] top/t1/0"), (3, "[pipe-in:add] Ready from top"), (3, "[pipe-in:add] Ready from mid")],
    )  # fmt: skip
    low.append(kind=0, called=["Exception"], clocks_after=[1, 0, 0], tx_id="l1", log=[(2, "[source] mid/m1/0")])
    lost.append(kind=0, called=["Start"], clocks_after=[0, 1, 0], log=[(3, "[pipe-out:remove] Ready to nobody")])
    return builder.build()


class Drawn:
    """An SVG taken apart; parsing it is the first test."""

    def __init__(self, svg):
        self.root = ET.fromstring(svg)
        assert self.root.tag == f"{SVG}svg"
        self.texts = [e.text or "" for e in self.root.iter(f"{SVG}text")]

    def _groups(self, word):
        return [g for g in self.root.iter(f"{SVG}g") if word in g.get("class", "").split()]

    @property
    def nodes(self):
        """Classes of each node, by its key."""
        return {g.get("data-state"): g.get("class").split()[1].removeprefix("look-") for g in self._groups("node")}

    @property
    def told(self):
        """All words on the picture in one line, as lines are wrapped."""
        return " ".join(self.texts)

    @property
    def links(self):
        """(from, kind, to) of each link."""
        return [
            (g.get("data-from"), g.get("class").split()[1].removeprefix("edge-"), g.get("data-to"))
            for g in self._groups("edge")
        ]

    @property
    def said(self):
        """All lines of the tooltips of links."""
        return {line for g in self._groups("edge") for line in g.find(f"{SVG}title").text.split("\n")}

    @property
    def boxes(self):
        """(left, top, right, bottom) of each node's box, by its key."""
        found = {}
        for g in self._groups("node"):
            rect = [r for r in g.iter(f"{SVG}rect") if "box" in r.get("class", "")][-1]
            x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            found[g.get("data-state")] = (x, y, x + w, y + h)
        return found


def overlapping(boxes):
    items = sorted(boxes.items())
    return [
        (a, b)
        for i, (a, p) in enumerate(items)
        for b, q in items[i + 1 :]
        if p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]
    ]
