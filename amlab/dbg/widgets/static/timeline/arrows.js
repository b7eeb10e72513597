// Arrows from causes to effects: the chain behind the chosen record and what it led to, or all that are in sight where
// these are few.
//
// Knows nothing of: rows beyond where a machine's lane is, pointers.

import { QUEUED } from "../shared/data.js";
import { timelineIsRpc } from "./family.js";

const TIMELINE_MANY = 300; // records in sight above which only the chosen one's arrows are drawn
const TIMELINE_CHAIN = 200;

// How a cause reached the record at p: "RPC", "payload", "pipe" (known of the chosen record only, by its log), "mutation".
export function timelineWay(desk, p) {
  const { data } = desk, m = data.machines[data.machine.a[p]], cause = data.source.a[p];
  if (cause < 0) return "";
  const from = data.machines[data.machine.a[cause]];
  for (const s of data.calledAt(p)) if (/Payload/.test(m.states[s] ?? "")) return "payload";
  if (from !== m && (timelineIsRpc(from) || timelineIsRpc(m) || m.tags?.some((tag) => tag.startsWith("rpc")))) return "RPC";
  if (from !== m && p === desk.position && desk.detail(p)?.log?.some(([, text]) => text.includes("[pipe"))) return "pipe";
  return "mutation";
}

// The causes of the record at p, nearest first.
export function timelineChain(data, p) {
  const out = [];
  for (let q = data.source.a[p]; q >= 0 && out.length < TIMELINE_CHAIN; q = data.source.a[q]) out.push(q);
  return out;
}

// What to draw: `[cause, effect, strength]`, strength 2 of the chosen, 1 further, 0 others.
export function timelineArrows(data, tallies, position, first, last, all, hides) {
  const out = [];
  if (all && last - first < TIMELINE_MANY) {
    for (let p = Math.max(0, first); p <= last; p++) {
      const cause = data.source.a[p];
      if (cause >= 0 && data.machine.a[cause] !== data.machine.a[p] && !hides(p) && !hides(cause)) out.push([cause, p, 0]);
    }
  }
  if (position < 0 || position >= data.count) return out;
  let effect = position;
  for (const cause of timelineChain(data, position)) {
    out.push([cause, effect, effect === position ? 2 : 1]);
    effect = cause;
  }
  const queue = [position];
  for (let k = 0, met = 0; k < queue.length && met < TIMELINE_CHAIN; k++) {
    for (const q of tallies.effectsOf(queue[k], TIMELINE_CHAIN)) {
      out.push([queue[k], q, k ? 1 : 2]);
      queue.push(q);
      met++;
    }
  }
  const link = data.link.a[position];
  if (link >= 0) out.push(data.flags.a[position] & QUEUED ? [position, link, 3] : [link, position, 3]);
  return out;
}

// `at(position)` gives [x, y] of a record.
export function timelinePaintArrows(g, arrows, at, size, colours, isRpc) {
  const { W, H } = size;
  for (const wanted of [0, 1, 3, 2]) {
    g.strokeStyle = g.fillStyle = wanted === 3 ? colours.muted : colours.purple;
    g.globalAlpha = wanted === 0 ? 0.4 : wanted === 1 ? 0.6 : 1;
    g.lineWidth = wanted === 2 ? 1.75 : 1.25;
    for (const [from, to, strength] of arrows) {
      if (strength !== wanted) continue;
      const a = at(from), b = at(to);
      if (!a || !b) continue;
      const [x0, y0] = a, [x1, y1] = b;
      if (Math.max(x0, x1) < 0 || Math.min(x0, x1) > W || Math.max(y0, y1) < 0 || Math.min(y0, y1) > H) continue;
      g.setLineDash(wanted === 3 ? [1.5, 3] : isRpc(to) ? [5, 3] : []);
      timelineArrow(g, x0, y0, x1, y1);
    }
  }
  g.setLineDash([]);
  g.globalAlpha = 1;
}

// Same lane: an arc below; other lanes: a line that leaves and arrives near upright.
function timelineArrow(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  let angle;
  if (Math.abs(y1 - y0) < 2) {
    if (Math.abs(x1 - x0) < 6) return;
    const lift = Math.min(11, 4 + Math.abs(x1 - x0) / 12);
    g.quadraticCurveTo((x0 + x1) / 2, y0 - 2 * lift, x1, y1 - 3);
    angle = Math.atan2(2 * lift, (x1 - x0) / 2);
    y1 -= 3;
  } else {
    const way = Math.sign(y1 - y0), bend = Math.min(Math.abs(y1 - y0) * 0.6, 60) * way;
    const end = y1 - way * 6;
    const side = Math.abs(x1 - x0) < 5 ? 10 : 0; // at once: bulge, so that it is seen beside the cursor
    g.bezierCurveTo(x0 + side, y0 + bend, x1 + side, end - bend * 0.6, x1, end);
    angle = Math.atan2(bend * 0.6, -side || 0.001 * Math.sign(x1 - x0 || 1));
    y1 = end;
  }
  g.stroke();
  const dash = g.getLineDash();
  g.setLineDash([]);
  g.beginPath();
  g.moveTo(x1, y1);
  g.lineTo(x1 - 7 * Math.cos(angle - 0.4), y1 - 7 * Math.sin(angle - 0.4));
  g.lineTo(x1 - 7 * Math.cos(angle + 0.4), y1 - 7 * Math.sin(angle + 0.4));
  g.fill();
  g.setLineDash(dash);
}
