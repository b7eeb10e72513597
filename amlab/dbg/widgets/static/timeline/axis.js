// The axis above the lanes, and the map of the whole session above it.
//
// Knows nothing of: lanes, pointers.

import { count, span } from "../shared/dom.js";
import { timelineCount } from "./columns.js";
import { TIMELINE_ERROR } from "./tally.js";

export const TIMELINE_AXIS_HEIGHT = 24, TIMELINE_MAP_HEIGHT = 30;
const TIMELINE_STEPS = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000].flatMap((v) => [v, 2 * v, 5 * v])
  .filter((v) => v < 10000)
  .concat([1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 4320e5, 8640e5]);

// The smallest good step in ms that is at least `least`.
export function timelineStep(least) {
  return TIMELINE_STEPS.find((step) => step >= least) ?? 864e5 * 10 ** Math.ceil(Math.log10(least / 864e5));
}

// A time in ms with as many digits as ticks of `step` need: "0", "340 µs", "12.5 ms", "3.2 s", "4:05", "13:00:00".
export function timelineTick(ms, step) {
  if (Math.abs(ms) < step / 1e3) return "0";
  const digits = (unit) => Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / unit) - 1e-9)));
  const a = Math.abs(ms), sign = ms < 0 ? "−" : "";
  if (a >= 6e4) {
    const two = (n) => String(n).padStart(2, "0");
    const places = digits(1000);
    const total = Math.round((a / 1000) * 10 ** places) / 10 ** places;
    const whole = Math.floor(total + 1e-9), h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60);
    const s = places ? (total - h * 3600 - m * 60).toFixed(places).padStart(3 + places, "0") : two(whole % 60);
    return `${sign}${h ? `${h}:${two(m)}` : m}:${s}`;
  }
  if (a >= 1000) return `${sign}${(a / 1000).toFixed(digits(1000))} s`;
  if (a >= 1 || step >= 1) return `${sign}${a.toFixed(digits(1))} ms`;
  return `${sign}${(a * 1000).toFixed(digits(0.001))} µs`;
}

// Places and words of the ticks that a view shows: `{x, words}`.
export function timelineTicks(scale, view) {
  const out = [], gap = 92;
  if (scale.mode === "order") {
    const step = Math.max(1, timelineStep(gap / view.k));
    for (let v = Math.max(0, Math.ceil(view.a / step) * step); v <= Math.min(view.b, scale.last); v += step) out.push({ x: view.x(v), words: `#${count(v + 1)}` });
    return { ticks: out, step, base: 0 };
  }
  const step = timelineStep(gap / view.k);
  // Far into a long session, digits that all ticks share are told once, as the base.
  const start = scale.timeAt(view.a);
  const base = Math.abs(start) / step > 1e5 ? Math.floor(start / (step * 1000)) * step * 1000 : 0;
  let last = -Infinity;
  for (const [from, to, time] of scale.parts(view.a, view.b)) {
    const n = Math.floor((time + to - from) / step + 1e-9);
    let found = false;
    for (let i = Math.ceil(time / step - 1e-9); i <= n; i++) {
      const x = view.x(from + (i * step - time));
      found = true;
      const shown = x - last >= gap * 0.7;
      out.push({ x, words: shown ? (base ? `+${timelineTick(i * step - base, step)}` : timelineTick(i * step, step)) : "" });
      if (shown) last = x;
    }
    const x = view.x(from);
    if (!found && x >= 0 && x - last >= gap) {
      out.push({ x, words: timelineTick(time, step) });
      last = x;
    }
  }
  return { ticks: out, step, base };
}

export function timelinePaintAxis(g, { W, scale, view, colours, font, ticks, cursorX, cursorWords, range }) {
  const H = TIMELINE_AXIS_HEIGHT;
  g.fillStyle = colours.panel;
  g.fillRect(0, 0, W, H);
  g.fillStyle = colours.rule;
  g.fillRect(0, H - 1, W, 1);
  g.font = `11px ${font}`;
  g.textBaseline = "middle";
  if (range) {
    g.fillStyle = colours.blueSoft;
    g.fillRect(range[0], 0, Math.max(1, range[1] - range[0]), H - 1);
  }
  const taken = [];
  if (cursorX >= 0 && cursorX <= W) {
    const w = g.measureText(cursorWords).width + 10;
    const x = Math.max(0, Math.min(W - w, cursorX - w / 2));
    taken.push([x, x + w]);
  }
  const free = (x, w) => taken.every(([a, b]) => x + w < a - 4 || x > b + 4);
  g.fillStyle = colours.muted;
  for (const cut of scale.mode === "cut" ? scale.cuts : []) {
    const a = view.x(cut.u0), b = view.x(cut.u1);
    if (b < 0 || a > W) continue;
    const words = `${span(cut.t1 - cut.t0)} idle`, w = g.measureText(words).width, x = (a + b) / 2 - w / 2;
    if (free(x, w) && x > 0 && x + w < W) {
      g.fillStyle = colours.orange;
      g.fillText(words, x, H / 2);
      taken.push([x, x + w]);
    }
  }
  for (const { x, words } of ticks.ticks) {
    g.fillStyle = colours.grey;
    g.fillRect(Math.round(x), H - 5, 1, 4);
    if (!words) continue;
    const w = g.measureText(words).width;
    if (x + 4 + w > W || !free(x + 4, w)) continue;
    g.fillStyle = colours.muted;
    g.fillText(words, x + 4, H / 2);
  }
  if (taken.length && cursorX >= 0 && cursorX <= W) {
    const [a, b] = taken[0];
    g.fillStyle = colours.focus;
    g.beginPath();
    g.roundRect(a, 3, b - a, H - 7, 3);
    g.fill();
    g.fillStyle = colours.paper;
    g.fillText(cursorWords, a + 5, H / 2);
  }
}

// How many records all lanes have, over the whole session: the picture below the map's frame.
export function timelinePaintMap(g, { W, scale, whole, tally, colours, counts }) {
  const H = TIMELINE_MAP_HEIGHT - 1, kinds = tally.lists.length, sums = new Uint32Array(W);
  g.fillStyle = colours.paper;
  g.fillRect(0, 0, W, H + 1);
  timelineCount(tally, scale.u.a, whole, W, counts);
  let most = 1;
  for (let x = 0; x < W; x++) {
    for (let k = 0; k < kinds; k++) sums[x] += counts[x * kinds + k];
    if (sums[x] > most) most = sums[x];
  }
  const unit = (H - 8) / Math.log2(1 + most);
  g.fillStyle = colours.blue;
  g.globalAlpha = 0.6;
  for (let x = 0; x < W; ) {
    const sum = sums[x];
    let end = x + 1;
    while (end < W && sums[end] === sum) end++;
    if (sum) {
      const tall = Math.max(2, Math.round(Math.log2(1 + sum) * unit));
      g.fillRect(x, H - 2 - tall, end - x, tall);
    }
    x = end;
  }
  g.globalAlpha = 1;
  g.fillStyle = colours.red;
  for (let x = 0; x < W; x++) {
    if (!counts[x * kinds + TIMELINE_ERROR]) continue;
    g.beginPath();
    g.moveTo(x + 0.5, 0);
    g.lineTo(x + 3.5, 3);
    g.lineTo(x + 0.5, 6);
    g.lineTo(x - 2.5, 3);
    g.fill();
    g.fillRect(x, 6, 1, H - 8);
  }
  g.fillStyle = colours.rule;
  g.fillRect(0, H, W, 1);
}

// What the lanes show of the map is framed; the range and the cursor stand in it.
export function timelinePaintFrame(g, { W, whole, view, colours, cursor, range }) {
  const H = TIMELINE_MAP_HEIGHT - 1;
  g.clearRect(0, 0, W, H + 1);
  if (range) {
    g.fillStyle = colours.focus;
    g.globalAlpha = 0.25;
    g.fillRect(range[0], 0, Math.max(1, range[1] - range[0]), H);
    g.globalAlpha = 1;
  }
  if (cursor >= 0) {
    g.fillStyle = colours.focus;
    g.fillRect(Math.round(cursor), 0, 1, H);
  }
  const a = Math.max(0, whole.x(view.a)), b = Math.min(W, whole.x(view.b));
  if (a <= 0.5 && b >= W - 0.5) return;
  g.fillStyle = colours.panel;
  g.globalAlpha = 0.75;
  g.fillRect(0, 0, a, H);
  g.fillRect(b, 0, W - b, H);
  g.globalAlpha = 1;
  g.strokeStyle = colours.muted;
  g.lineWidth = 1;
  g.strokeRect(Math.round(a) + 0.5, 0.5, Math.max(3, Math.round(b - a) - 1), H - 1);
}
