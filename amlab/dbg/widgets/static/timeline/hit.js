// What stands at a point of the lanes.
//
// Knows nothing of: elements, words, what is done with it.

import { timelineFrom } from "./scale.js";
import { TIMELINE_KINDS, TIMELINE_ERROR } from "./tally.js";
import { TIMELINE_STATE } from "./rows.js";
import { timelineSpans } from "./spans.js";

const TIMELINE_NEAR = 6, TIMELINE_EDGE = 3; // pixels around the pointer in which a record, a bar's edge is found

// Null beside all lanes, else `{row}` with `record` and `kinds` (of all records in its pixel), or `machine`, `state` and
// `span` ([from, to or -1, how many share the pixel]).  `s` is as `TimelinePainter.paint` takes it.
export function timelineHit(s, x, y) {
  const row = s.rows.at(y + s.top);
  if (row < 0 || !s.scale.count) return null;
  return s.rows.type.a[row] === TIMELINE_STATE ? timelineHitBar(s, row, x) : timelineHitRecord(s, row, x);
}

function timelineHitBar({ rows, scale, view, data }, row, x) {
  const m = data.machines[rows.machine.a[row]], state = rows.state.a[row], { from, to } = timelineSpans(m.changes[state]), u = scale.u.a;
  let k = timelineFrom(to.a, to.n, u, view.u(x));
  if (k >= from.n || view.x(u[from.a[k]]) > x + TIMELINE_EDGE) {
    // Not inside of one: the nearest edge behind.
    if (k > 0 && view.x(u[to.a[k - 1]]) >= x - TIMELINE_EDGE) k--;
    else return { row };
  }
  const end = k < to.n ? to.a[k] : -1;
  let n = 1;
  if (end >= 0 && view.x(u[end]) - view.x(u[from.a[k]]) < 1) n = Math.max(1, timelineFrom(to.a, to.n, u, view.u(Math.floor(x) + 1), k) - k);
  return { row, span: [from.a[k], end, n], machine: m, state };
}

function timelineHitRecord({ scale, view, tallyOf }, row, x) {
  const tally = tallyOf(row), u = scale.u.a;
  if (!tally) return { row };
  let best = -1, far = TIMELINE_NEAR + 0.5;
  tally.lists.forEach((list, kind) => {
    const k = timelineFrom(list.a, list.n, u, view.u(x));
    for (const p of [k < list.n ? list.a[k] : -1, k ? list.a[k - 1] : -1]) {
      if (p < 0) continue;
      // An error wins over what stands beside it.
      const d = Math.abs(view.x(u[p]) + 0.5 - x) - (kind === TIMELINE_ERROR ? 2.5 : 0);
      if (d < far) [best, far] = [p, d];
    }
  });
  if (best < 0) return { row };
  const column = Math.floor(view.x(u[best])), kinds = {};
  let record = best;
  tally.lists.forEach((list, kind) => {
    const k = timelineFrom(list.a, list.n, u, view.u(column)), n = timelineFrom(list.a, list.n, u, view.u(column + 1), k) - k;
    if (n) kinds[TIMELINE_KINDS[kind]] = n;
    if (n && kind === TIMELINE_ERROR) record = list.a[k];
  });
  return { row, record, kinds };
}
