// Records and spans reduced to pixels: what a pixel column holds is counted by searching for where the next one starts,
// so the cost follows the pixels, not the records.
//
// Knows nothing of: colours, rows, machines.

import { timelineFrom, timelineGallop } from "./scale.js";
import { TIMELINE_KINDS } from "./tally.js";

// A part of the axis over `width` pixels.  Columns stand at whole pixels of the axis, so that panning moves pictures
// and does not change them.
export class TimelineWindow {
  constructor(a, b, width) {
    this.a = a;
    this.b = b;
    this.width = width;
    this.k = width / (b - a);
    this.off = Math.round(a * this.k);
  }
  x(u) {
    return u * this.k - this.off;
  }
  u(x) {
    return (x + this.off) / this.k;
  }
}

// Fills `counts[x * kinds + kind]` with how many records of each kind stand in each pixel column of a view.
export function timelineCount(tally, u, view, width, counts) {
  const kinds = TIMELINE_KINDS.length, { k, off } = view;
  counts.fill(0, 0, width * kinds);
  const start = off / k;
  let total = 0;
  for (let kind = 0; kind < kinds; kind++) {
    const list = tally.lists[kind].a, n = tally.lists[kind].n;
    if (!n || u[list[n - 1]] < start) continue;
    let i = timelineFrom(list, n, u, start), step = 1;
    while (i < n) {
      const x = Math.max(0, Math.floor(u[list[i]] * k - off));
      if (x >= width) break;
      const next = timelineGallop(list, n, u, (x + 1 + off) / k, i + 1, step);
      step = Math.max(1, next - i); // as many as in the column before
      counts[x * kinds + kind] += next - i;
      total += next - i;
      i = next;
    }
  }
  return total;
}

// Calls `bar(x0, x1, n, k)` for what of a state's spans a view shows: one span from pixel x0 to x1 (not rounded; n is 1),
// or n spans that all lie in one pixel column; k is the first of them.
export function timelineBars(spans, u, view, bar) {
  const { from, to } = spans, n = from.n, closed = to.n;
  const start = view.u(0), stop = view.u(view.width);
  let k = timelineFrom(to.a, closed, u, start);
  while (k < n) {
    const a = view.x(u[from.a[k]]);
    if (a >= view.width) return;
    const b = k < closed ? view.x(u[to.a[k]]) : Infinity;
    const column = Math.floor(a);
    if (b > column + 1) {
      bar(a, b, 1, k);
      k++;
      continue;
    }
    // Those that end in the same column are one bar.
    const next = Math.max(k + 1, timelineGallop(to.a, closed, u, (column + 1 + view.off) / view.k, k + 1));
    bar(column, column + 1, next - k, k);
    if (u[from.a[Math.min(next, n - 1)]] > stop) return;
    k = next;
  }
}
