// Spans in which a state was active, grown as records come: `from.a[k]` to `to.a[k]`, positions; the last may be open.
//
// Knows nothing of: the axis, pixels.

import { Column, above } from "../shared/data.js";

// Kept beside the changes; only new changes are looked at.
export function timelineSpans(changes) {
  const kept = (changes.timeline ??= { from: new Column(Int32Array, 8), to: new Column(Int32Array, 8), done: 0, isOpen: false });
  const { positions, ticks } = changes;
  for (; kept.done < positions.n; kept.done++) {
    const isActive = ticks.a[kept.done] % 2 === 1;
    if (isActive && !kept.isOpen) kept.from.push(positions.a[kept.done]);
    else if (!isActive && kept.isOpen) kept.to.push(positions.a[kept.done]);
    kept.isOpen = isActive;
  }
  return kept;
}

// The span that a position lies in, as [from, to or -1], or null.
export function timelineSpanAt(changes, position) {
  const { from, to } = timelineSpans(changes);
  const k = above(from.a, position, from.n) - 1;
  if (k < 0) return null;
  if (k < to.n && to.a[k] <= position) return null;
  return [from.a[k], k < to.n ? to.a[k] : -1];
}

// The tick of a state at a position.
export function timelineTickAt(changes, position) {
  const k = above(changes.positions.a, position, changes.positions.n) - 1;
  return k < 0 ? 0 : changes.ticks.a[k];
}
