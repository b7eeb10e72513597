// Where records stand on the timeline's x axis, in units of its own: wall time, wall time with idle spans cut, or order.
//
// `u.a[p]` is the place of the record at position p; it never falls.  Records without a time stand between their timed
// neighbours, by order.  Knows nothing of: pixels, lanes, filters.

import { Column, TIMELESS, above } from "../shared/data.js";

export const TIMELINE_MODES = [
  ["time", "Time", "Wall time"],
  ["cut", "Time, idle cut", "Wall time; idle spans are cut out and named"],
  ["order", "Order", "One place per record, causes before effects"],
];
const TIMELINE_IDLE_SHARE = 0.05; // a gap longer than this part of the busy time is idle,
const TIMELINE_IDLE_GAPS = 6; // and longer than so many usual gaps
const TIMELINE_MAX_CUTS = 16;

// The first place k in `list` (rising positions, `n` of them) whose record stands at or after `value`.
export function timelineFrom(list, n, u, value, from = 0) {
  let a = from, b = n;
  while (a < b) {
    const k = (a + b) >>> 1;
    if (u[list[k]] < value) a = k + 1;
    else b = k;
  }
  return a;
}

// The same from a place that is probably about `step` before it: steps double until they are past it.
export function timelineGallop(list, n, u, value, from, step = 1) {
  if (from >= n || u[list[from]] >= value) return from;
  let a = from;
  while (a + step < n && u[list[a + step]] < value) {
    a += step;
    step *= 2;
  }
  return timelineFrom(list, Math.min(n, a + step), u, value, a + 1);
}

export class TimelineScale {
  constructor(idleMs = 0) {
    this.idleMs = idleMs; // chosen threshold; 0: found by looking
    this.mode = "";
    this.version = 0; // rises when places change that were given before
    this.reset();
  }
  reset() {
    this.t = new Column(Float64Array); // ms since the start, filled in where none was recorded
    this.u = this.t;
    this.timeless = 0;
    this.waiting = -1; // first of the records at the end that have no time yet
    this.cuts = []; // {p, t0, t1, u0, u1}: idle before the record at p
    this.removed = 0;
    this.threshold = Infinity;
    this.plannedFor = 0;
  }
  get count() {
    return this.u.n;
  }
  get isTimed() {
    return this.t.n > this.timeless;
  }

  // Takes records that came.
  update(data) {
    if (data.count === this.t.n) return;
    const had = this.u.n;
    const changed = this._times(data);
    if (!this.mode) {
      this._plan();
      this.mode = !this.isTimed ? "order" : this.idle > 0.6 * this.length ? "cut" : "time";
      return this._rebuild();
    }
    if (this.mode === "order") this._order();
    else if (this.mode === "cut") {
      // What is idle changes with how much there is; it is looked at again when that doubled.
      if (this.t.n > 2 * this.plannedFor || changed < had) this._plan(), this._rebuild();
      else this._cutFrom(had);
    }
  }
  setMode(mode) {
    if (mode !== "order" && !this.isTimed) return false;
    this.mode = mode;
    if (mode === "cut") this._plan();
    this._rebuild();
    return true;
  }

  _times(data) {
    const { flags, time } = data, t = this.t;
    let changed = t.n;
    t.grow(data.count - t.n);
    for (let p = t.n; p < data.count; p++) {
      const before = p ? t.a[p - 1] : -Infinity;
      if (flags.a[p] & TIMELESS) {
        this.timeless++;
        if (this.waiting < 0) this.waiting = p;
        t.a[p] = p ? before : 0;
        continue;
      }
      const now = Math.max(time.a[p], this.waiting === 0 ? -Infinity : before);
      if (this.waiting >= 0) {
        const from = this.waiting, start = from ? t.a[from - 1] : now;
        for (let q = from; q < p; q++) t.a[q] = start + ((now - start) * (q - from + 1)) / (p - from + 1);
        changed = Math.min(changed, from);
        this.waiting = -1;
      }
      t.a[p] = now;
    }
    t.n = data.count;
    return changed;
  }
  get length() {
    return this.t.n ? this.t.a[this.t.n - 1] - this.t.a[0] : 0;
  }
  // Chooses what is idle: gaps longer than a part of what is left without them, at most so many.
  _plan() {
    const t = this.t.a, n = this.t.n;
    this.plannedFor = n;
    const share = (cuts) => Math.max(TIMELINE_IDLE_SHARE, TIMELINE_IDLE_GAPS / Math.max(1, n - cuts));
    let threshold = this.idleMs || this.length * share(0), idle = 0, cuts = 0;
    for (let round = 0; round < 12; round++) {
      idle = cuts = 0;
      for (let p = 1; p < n; p++) {
        const gap = t[p] - t[p - 1];
        if (gap > threshold) idle += gap, cuts++;
      }
      const next = (this.length - idle) * share(cuts);
      if (this.idleMs || !(next < threshold * 0.99) || next <= 0) break;
      let more = 0;
      for (let p = 1; p < n && more <= TIMELINE_MAX_CUTS; p++) if (t[p] - t[p - 1] > next) more++;
      if (more > TIMELINE_MAX_CUTS) break;
      threshold = next;
    }
    this.threshold = threshold;
    this.idle = idle;
    const busy = this.length - idle;
    this.kept = busy > 0 ? busy * Math.max(0.01, Math.min(0.06, 0.5 / Math.max(1, cuts))) : 1;
  }
  _rebuild() {
    this.version++;
    this.cuts = [];
    this.removed = 0;
    if (this.mode === "time") this.u = this.t;
    else {
      this.u = new Column(Float64Array, this.t.n + 1);
      if (this.mode === "order") this._order();
      else this._cutFrom(0);
    }
  }
  _order() {
    const u = this.u, n = this.t.n;
    u.grow(n - u.n);
    for (let p = u.n; p < n; p++) u.a[p] = p;
    u.n = n;
  }
  _cutFrom(first) {
    const { u, t, threshold, kept } = this, n = t.n;
    u.grow(n - u.n);
    let removed = this.removed;
    for (let p = first; p < n; p++) {
      const gap = p ? t.a[p] - t.a[p - 1] : 0;
      if (gap > threshold) {
        const u0 = t.a[p - 1] - removed;
        removed += gap - kept;
        this.cuts.push({ p, t0: t.a[p - 1], t1: t.a[p], u0, u1: u0 + kept });
      }
      u.a[p] = t.a[p] - removed;
    }
    this.removed = removed;
    u.n = n;
  }

  get first() {
    return this.u.n ? this.u.a[0] : 0;
  }
  get last() {
    return this.u.n ? this.u.a[this.u.n - 1] : 0;
  }
  // The finest width a view may have.
  get least() {
    return this.mode === "order" ? 4 : 1e-4;
  }
  // The first position that stands above `value`.
  above(value) {
    return above(this.u.a, value, this.u.n);
  }
  // ms since the start at a place; in order mode that of the record there.
  timeAt(value) {
    if (!this.u.n) return 0;
    if (this.mode === "order") return this.t.a[Math.max(0, Math.min(this.t.n - 1, Math.round(value)))];
    if (this.mode === "time") return value;
    const k = this._cutBefore(value);
    if (k < 0) return value;
    const cut = this.cuts[k];
    if (value < cut.u1) return cut.t0 + ((value - cut.u0) / (cut.u1 - cut.u0)) * (cut.t1 - cut.t0);
    return cut.t1 + (value - cut.u1);
  }
  // The place of a time in ms since the start.
  placeOf(ms) {
    if (this.mode === "time") return ms;
    if (this.mode === "order") return Math.max(0, above(this.t.a, ms, this.t.n) - 1);
    let k = 0;
    while (k < this.cuts.length && this.cuts[k].t1 <= ms) k++;
    const cut = this.cuts[k], before = this.cuts[k - 1];
    if (cut && ms > cut.t0) return cut.u0 + ((ms - cut.t0) / (cut.t1 - cut.t0)) * (cut.u1 - cut.u0);
    return before ? before.u1 + (ms - before.t1) : ms;
  }
  // The idle span that a place lies in, or null.
  cutAt(value) {
    const k = this._cutBefore(value);
    return k >= 0 && value < this.cuts[k].u1 ? this.cuts[k] : null;
  }
  _cutBefore(value) {
    let a = 0, b = this.cuts.length;
    while (a < b) {
      const k = (a + b) >>> 1;
      if (this.cuts[k].u0 <= value) a = k + 1;
      else b = k;
    }
    return a - 1;
  }
  // Parts of [from, to] in which time passes evenly: [u at start, u at end, time at start].
  parts(from, to) {
    if (this.mode !== "cut") return [[from, to, from]];
    const out = [];
    let k = this._cutBefore(from);
    let start = k < 0 ? from : Math.max(from, this.cuts[k].u1);
    for (k++; ; k++) {
      const cut = this.cuts[k];
      const end = cut && cut.u0 < to ? cut.u0 : to;
      if (end > start) out.push([start, end, this.timeAt(start)]);
      if (!cut || cut.u0 >= to) return out;
      start = cut.u1;
    }
  }
}
