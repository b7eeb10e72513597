"""Views in a real browser: first picture, panning and zooming, seeking, following a live session.

Sessions are made up as packets, as a desk sends them; the page is one of those that `to_html` writes, in the system's
Chromium without a window.  Frames are what `requestAnimationFrame` gives, so they count all that the browser did.
Of several runs the best is told, as what else the computer had to do is none of ours; where the middle one is far
above, that is said.

Knows nothing of: kernels, how views draw.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from amlab.dbg.bench.measure import NOISY, Measurement

__all__ = ["measure", "packet", "page"]

MACHINES, STATES = 24, 40
SIZES = (100_000, 1_000_000)
LIVE_PACKETS, LIVE_RECORDS, LIVE_EVERY_MS = 30, 500, 100
RUNS = 3
ONE_FRAME_MS, TWO_FRAMES_MS = 17.5, 34.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
HOW = "apt-get install chromium; pip install 'amlab[browser]'"

_PAGE = """<!doctype html><html><head><meta charset="utf-8"><style>body {{ margin: 12px; }} {css}</style></head>
<body><main></main><script type="application/json" id="source">{source}</script><script>{script}</script>
<script>
{frames}
const source = JSON.parse(document.getElementById("source").textContent);
const started = performance.now();
const view = amlab.mount(amlab.View, document.querySelector("main"), source, {{}});
const desk = view.desk;
const draws = [];
const draw = view.draw;
view.draw = function () {{ const t = performance.now(); draw.call(view); draws.push(performance.now() - t); }};
const shown = () => (globalThis.shownMs ??= performance.now() - started);
desk.on("data", () => requestAnimationFrame(() => requestAnimationFrame(shown)));
</script></body></html>
"""
_FRAMES = """
const frame = () => new Promise((done) => requestAnimationFrame(done));
const part = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
const spread = (took) => ({ p50: part(took, 0.5), p95: part(took, 0.95), worst: Math.max(...took) });
async function frames(n, act) {
  const took = [];
  draws.length = 0;
  let then = await frame();
  for (let i = 0; i < n; i++) {
    act(i);
    const now = await frame();
    took.push(now - then);
    then = now;
  }
  const fps = (1000 * n) / took.reduce((a, b) => a + b);
  return { ...spread(took), fps, js50: part(draws, 0.5), js95: part(draws, 0.95) };
}
async function panAndZoom() {
  view.showAll();
  view.zoom(0.5);
  await frame();
  return frames(240, (i) => {
    if (i < 80) view.panPixels(i % 40 < 20 ? 9 : -9);
    else if (i < 160) view.zoom(i % 40 < 20 ? 0.9 : 1 / 0.9);
    else view.panPixels(i % 40 < 20 ? -23 : 23);
  });
}
async function seeks(n) {
  const took = Array(n).fill(Infinity);
  view.showAll();
  view.zoom(0.5);
  for (let i = 0; i < 3 * n; i++) {
    const p = Math.floor(((i % n) * 0.618033 % 1) * desk.data.count), start = performance.now();
    desk.jump(p);
    draw.call(view);
    took[i % n] = Math.min(took[i % n], performance.now() - start);
    await frame();
  }
  return spread(took);
}
async function live(packets, everyMs) {
  const bytes = packets.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  desk.receive("live", { is_live: true });
  view.showAll();
  view.zoom(0.05, view.full[1]);
  if (!desk.tail) desk.command("tail");
  let k = 0, received = 0;
  const timer = setInterval(() => {
    const t = performance.now();
    if (k < bytes.length) desk.receive("records", { first: desk.data.count }, bytes[k++]);
    received = Math.max(received, performance.now() - t);
  }, everyMs);
  const found = await frames(Math.ceil((packets.length * everyMs) / 16.6), () => view.schedule());
  clearInterval(timer);
  return { ...found, received, taken: k };
}
"""


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`."""
    del exports, has_peers
    path = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        yield Measurement("timeline", None, "", note=f"no Playwright or no Chromium here; {HOW}")
        return
    yield _packing()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as where:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            for size in SIZES:
                yield from _timeline(browser, Path(where, f"{size}.html"), size)
        finally:
            browser.close()


def _packing() -> Measurement:
    """Records of a real session as a packet, as a kernel makes it when a view is shown."""
    from amlab.dbg.query.packet import records_packet
    from amlab.dbg.session.builder import SessionBuilder

    size, made = SIZES[0], SessionBuilder()
    machine = made.machine("m", [f"State{s}" for s in range(STATES)])
    clocks = [0] * STATES
    for i in range(size):
        clocks[i % STATES] += 1
        machine.append(kind=0, called=[i % STATES], clocks_after=clocks, time_ns=10**18 + i * 10**6)
    session = made.build()
    len(session.transitions)
    start = perf_counter()
    made_bytes = len(records_packet(session))
    note = f"{made_bytes / 2**20:.1f} MiB, the first time"
    return Measurement(f"records_packet, {size:,} records", (perf_counter() - start) * 1000, "ms", note=note)


def _timeline(browser: Any, path: Path, size: int) -> Iterator[Measurement]:
    few = size == SIZES[0]
    name, frame_ms = f"timeline, {size:,} records", ONE_FRAME_MS if few else TWO_FRAMES_MS
    path.write_text(page("timeline", packet(0, size)), encoding="utf-8")
    runs = []
    for k in range(RUNS):
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(path.as_uri())
        tab.wait_for_function("globalThis.shownMs !== undefined && view.painted", timeout=120_000)
        runs.append(tab.evaluate("({ shown: shownMs, drawn: view.painted - started, lanes: view.rows.count })"))
        if k < RUNS - 1:
            tab.close()
    runs.sort(key=lambda run: run["shown"])
    got = runs[0]
    note = f"{got['drawn']:.0f} ms until drawn; {got['lanes']} lanes; unpacking counts{_noise(runs, 'shown')}"
    yield Measurement(f"{name}: first picture", got["shown"], "ms", 500.0 if few else None, note=note)
    for words, unfold in (("folded", ""), (f"{STATES} states of a machine", "desk.machine.key")):
        if unfold:
            tab.evaluate(f"view.rows.open.add({unfold}), view.rowsStale = true, view.schedule()")
        runs = sorted((tab.evaluate("panAndZoom()") for _ in range(RUNS)), key=lambda run: run["p95"])
        got = runs[0]
        drawing = f"drawing {got['js50']:.1f}, 95 % {got['js95']:.1f}"
        note = (
            f"{got['fps']:.0f} fps, median {got['p50']:.1f}, worst {got['worst']:.0f}; {drawing}{_noise(runs, 'p95')}"
        )
        yield Measurement(f"  pan and zoom, {words}: a frame, 95 %", got["p95"], "ms", frame_ms, note=note)
    got = tab.evaluate("seeks(100)")
    note = f"each the best of 3; median {got['p50']:.1f}, worst of 100 {got['worst']:.1f}"
    yield Measurement("  seek and draw, 95 %", got["p95"], "ms", 16.0, note=note)
    runs = sorted((_follow(tab, size + k * LIVE_PACKETS * LIVE_RECORDS) for k in range(RUNS)), key=lambda r: r["worst"])
    got = runs[0]
    taking = f"taking one of {got['taken']} packets {got['received']:.1f} at most"
    note = f"median {got['p50']:.1f}, 95 % {got['p95']:.1f}; {taking}{_noise(runs, 'worst')}"
    rate = LIVE_RECORDS * 1000 // LIVE_EVERY_MS
    yield Measurement(f"  live, {rate:,} records/s: worst frame", got["worst"], "ms", 100.0, note=note)
    tab.close()


def _follow(tab: Any, first: int) -> dict[str, float]:
    """Packets one after another, as a desk sends those of a session that goes on."""
    packets = [b64encode(packet(first + i * LIVE_RECORDS, LIVE_RECORDS)).decode() for i in range(LIVE_PACKETS)]
    got: dict[str, float] = tab.evaluate(f"(packets) => live(packets, {LIVE_EVERY_MS})", packets)
    return got


def _noise(runs: list[dict[str, float]], name: str) -> str:
    middle = runs[len(runs) // 2][name]
    return f"; noisy: the middle of {len(runs)} runs is {middle:.0f}" if middle > runs[0][name] * NOISY else ""


def page(view: str, records: bytes) -> str:
    """A page of a view that holds a packet and the functions that measure it."""
    from amlab.dbg.widgets.bundle import bundle, style

    source = {"records": b64encode(gzip.compress(records, 1, mtime=0)).decode(), "details": {}}
    script = bundle(view, is_page=True).replace("</script", "<\\/script")
    return _PAGE.format(css=style(view), source=json.dumps(source), script=script, frames=_FRAMES)


def packet(first: int, n: int) -> bytes:
    """Records `first` to `first + n` of a made-up session that has no end; the same however it is cut."""
    from amlab.dbg.query.marks import ERROR
    from amlab.dbg.query.packet import pack

    at = np.arange(first, first + n, dtype=np.int64)
    rng = np.random.default_rng(7)
    noise = rng.random(4096)[(at * 2654435761) % 4096]
    machine, index = at % MACHINES, at // MACHINES
    flags = np.where(noise < 0.02, 0, np.where(noise < 0.2, 3, 1))  # canceled, auto, executed
    flags = np.where(noise < 0.0005, 1 | ERROR, flags)
    state, turn = index % (STATES // 2), index // (STATES // 2)
    ends = np.arange(1, n + 1, dtype=np.int64)
    cards: list[dict[str, Any]] = [
        {
            "key": f"machine-{k}",
            "id": f"machine-{k}",
            "parent": "" if k == 0 else "machine-0",
            "tags": [],
            "role": "supervisor" if k == 0 else "worker" if k < MACHINES // 2 else "client",
            "states": [f"State{s}" for s in range(STATES)],
            "relations": {},
            "groups": {},
            "has_schema": True,
        }
        for k in range(MACHINES)
    ]
    header = {
        "v": 1,
        "first": first,
        "count": n,
        "total": first + n,
        "t0_ns": str(10**18),
        "name": "bench",
        "machines": cards,
    }
    return pack(
        header,
        {
            "machine": ("u2", machine),
            "time": ("f8", at + noise),
            "kind": ("u1", np.zeros(n)),
            "flags": ("u1", flags),
            "source": ("i4", np.where((noise > 0.5) & (at > 0), at - 1, -1)),
            "link": ("i4", np.full(n, -1)),
            "queue_tick": ("f8", index),
            "queue_len": ("u2", np.zeros(n)),
            "logs": ("u2", np.zeros(n)),
            "called_ends": ("u4", ends),
            "called": ("u2", state),
            "change_ends": ("u4", ends * 2),
            "change_state": ("u2", np.stack([state, state + STATES // 2], axis=1).ravel()),
            "change_tick": ("f8", np.repeat(turn + 1, 2)),
        },
    )
