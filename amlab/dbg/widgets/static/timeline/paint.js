// The lanes' picture: ticks of records, density where many share a pixel, bars of active states, idle breaks.
//
// One record alone shows the mark of its kind; records that share a pixel or stand close are columns, taller and
// stronger the more there are.  Errors and refusals are always drawn on top.  Knows nothing of: pointers, elements.

import { timelineCount, timelineBars } from "./columns.js";
import { timelineSpans } from "./spans.js";
import { TIMELINE_KINDS, TIMELINE_ERROR, TIMELINE_CANCELED } from "./tally.js";
import { TIMELINE_STATE, TIMELINE_QUIET, TIMELINE_MACHINE } from "./rows.js";

const TIMELINE_LEVELS = 6, TIMELINE_ROOM = 8;
const TIMELINE_ALPHA = [0.75, 0.8, 0.85, 0.9, 0.95, 1];

function timelineLevel(n) {
  return n < 2 ? 0 : n < 5 ? 1 : n < 17 ? 2 : n < 65 ? 3 : n < 257 ? 4 : 5;
}
export function timelineIsError(name) {
  return name === "Exception" || name.startsWith("Err");
}
function timelineColour(kind, colours) {
  return [colours.blue, colours.muted, colours.red, colours.muted, colours.muted, colours.red][kind];
}

export class TimelinePainter {
  constructor() {
    this.columns = TIMELINE_KINDS.flatMap(() => Array.from({ length: TIMELINE_LEVELS }, () => [])); // rectangles
    this.marks = TIMELINE_KINDS.map(() => []); // centres
    this.refused = [];
    this.counts = new Uint32Array(0);
  }
  room(width) {
    if (this.counts.length < width * TIMELINE_KINDS.length) this.counts = new Uint32Array(width * TIMELINE_KINDS.length);
    return this.counts;
  }

  // `s` has what is shown: W, H, top (scrolled), rows, scale, view, tallies, data, colours, chosen (row), cursor.
  paint(g, s) {
    const { W, H, rows, view, colours } = s;
    this.room(W);
    g.fillStyle = colours.paper;
    g.fillRect(0, 0, W, H);
    const first = Math.max(0, rows.at(s.top));
    this.bars = { plain: [], error: [], edges: [], faint: [] };
    const lines = [];
    for (let row = first; row < rows.count; row++) {
      const y = rows.top.a[row] - s.top;
      if (y >= H) break;
      const tall = rows.heightOf(row), type = rows.type.a[row];
      if (type === TIMELINE_MACHINE && row) lines.push(y);
      if (type === TIMELINE_STATE) this._state(row, y, tall, s);
      else if (type !== TIMELINE_QUIET) this._lane(row, y, tall, s);
    }
    g.fillStyle = colours.faint;
    for (const { x } of s.ticks.ticks) g.fillRect(Math.round(x), 0, 1, H);
    for (const y of lines) g.fillRect(0, Math.round(y), W, 1);
    this._flushBars(g, s);
    this._breaks(g, s);
    this._flushLanes(g, colours);
  }

  _lane(row, y, tall, s) {
    const { W, view, scale, colours } = s, kinds = TIMELINE_KINDS.length, counts = this.counts;
    const tally = s.tallyOf(row);
    if (!tally) return;
    const life = s.lifeOf(row);
    if (life) {
      const a = Math.max(0, view.x(scale.u.a[life[0]])), b = Math.min(W, view.x(scale.u.a[life[1]]));
      if (b > a) this.bars.faint.push(a, y + tall - 5, b - a);
    }
    if (!timelineCount(tally, scale.u.a, view, W, counts)) return;
    const base = y + tall - 4, middle = y + tall / 2 - 0.5, low = tall > 20 ? 7 : 5, rise = tall > 20 ? 1.9 : 1.4;
    const next = (x) => {
      for (; x < W; x++) {
        const i = x * kinds;
        if (counts[i] || counts[i + 1] || counts[i + 2] || counts[i + 3] || counts[i + 4] || counts[i + 5]) return x;
      }
      return Infinity;
    };
    let before = -Infinity, runX = 0, runEnd = -1, runKey = -1, lastDiamond = -Infinity;
    const flush = (after) => {
      if (runKey < 0) return;
      // One pixel alone is hard to see: it gets a second one where that is free.
      if (runEnd - runX === 1 && after - runEnd >= 2) runEnd++;
      const height = low + (runKey % TIMELINE_LEVELS) * rise;
      this.columns[runKey].push(runX, base - height, runEnd - runX, height);
      runKey = -1;
    };
    for (let x = next(0); x < W; ) {
      const after = next(x + 1), i = x * kinds;
      let total = 0;
      for (let kind = 0; kind < kinds; kind++) total += counts[i + kind];
      const errors = counts[i + TIMELINE_ERROR], canceled = counts[i + TIMELINE_CANCELED];
      if (total === 1 && x - before >= TIMELINE_ROOM && after - x >= TIMELINE_ROOM) {
        flush(x);
        let kind = 0;
        while (!counts[i + kind]) kind++;
        this.marks[kind].push(x + 0.5, middle);
        if (kind === TIMELINE_ERROR) lastDiamond = x;
      } else {
        const others = total - errors - canceled;
        const kind = counts[i] ? 0 : others ? (counts[i + 1] ? 1 : counts[i + 3] ? 3 : 4) : canceled ? TIMELINE_CANCELED : TIMELINE_ERROR;
        const key = kind * TIMELINE_LEVELS + timelineLevel(total);
        if (key !== runKey || x !== runEnd) {
          flush(x);
          runKey = key;
          runX = x;
        }
        runEnd = x + 1;
        if (canceled) this.refused.push(x, base + 1);
        if (errors) {
          this.columns[TIMELINE_ERROR * TIMELINE_LEVELS + TIMELINE_LEVELS - 1].push(x, y + 3, 1, tall - 7);
          if (x - lastDiamond >= TIMELINE_ROOM) {
            this.marks[TIMELINE_ERROR].push(x + 0.5, middle);
            lastDiamond = x;
          }
        }
      }
      before = x;
      x = after;
    }
    flush(W);
  }
  _flushLanes(g, colours) {
    TIMELINE_KINDS.forEach((_, kind) => {
      if (kind === TIMELINE_ERROR) return;
      this._flushColumns(g, kind, colours);
    });
    g.fillStyle = colours.red;
    for (let k = 0; k < this.refused.length; k += 2) if (this.refused[k] % 3 !== 2) g.fillRect(this.refused[k], this.refused[k + 1], 1, 2);
    this.refused.length = 0;
    this._flushColumns(g, TIMELINE_ERROR, colours);
    this.marks.forEach((places, kind) => {
      timelineMarks(g, kind, places, colours);
      places.length = 0;
    });
  }
  _flushColumns(g, kind, colours) {
    g.fillStyle = timelineColour(kind, colours);
    for (let level = 0; level < TIMELINE_LEVELS; level++) {
      const list = this.columns[kind * TIMELINE_LEVELS + level];
      g.globalAlpha = TIMELINE_ALPHA[level];
      for (let k = 0; k < list.length; k += 4) g.fillRect(list[k], list[k + 1], list[k + 2], list[k + 3]);
      list.length = 0;
    }
    g.globalAlpha = 1;
  }

  _state(row, y, tall, s) {
    const { W, data, scale, view } = s;
    const m = data.machines[s.rows.machine.a[row]], state = s.rows.state.a[row], changes = m.changes[state];
    const into = timelineIsError(m.states[state]) ? this.bars.error : this.bars.plain;
    timelineBars(timelineSpans(changes), scale.u.a, view, (x0, x1, n) => {
      // An open span reaches as far as its session does.
      const a = Math.max(-2, x0), b = Math.min(W + 2, Math.min(x1, Math.max(x0 + 2, s.endX)));
      const wide = Math.max(1, b - a);
      into.push(a, y + 4, wide, tall - 8, n > 1 ? timelineLevel(n) : wide < 2 ? 1 : 5);
      if (x1 === Infinity && s.endX <= W) this.bars.edges.push(b, y + 4, tall - 8);
    });
  }
  _flushBars(g, s) {
    const { colours } = s;
    g.fillStyle = colours.rule;
    const { faint, edges } = this.bars;
    for (let k = 0; k < faint.length; k += 3) g.fillRect(faint[k], faint[k + 1], faint[k + 2], 1);
    for (const [list, soft, strong] of [[this.bars.plain, colours.blueSoft, colours.blue], [this.bars.error, colours.redSoft, colours.red]]) {
      g.fillStyle = soft;
      for (let k = 0; k < list.length; k += 5) if (list[k + 2] >= 3) g.fillRect(list[k], list[k + 1], list[k + 2], list[k + 3]);
      g.fillStyle = strong;
      for (let k = 0; k < list.length; k += 5) {
        if (list[k + 2] < 3) {
          g.globalAlpha = TIMELINE_ALPHA[list[k + 4]];
          g.fillRect(list[k], list[k + 1], list[k + 2], list[k + 3]);
          continue;
        }
        timelineBar(g, list[k], list[k + 1], list[k + 2], list[k + 3], "", strong);
      }
      g.globalAlpha = 1;
    }
    // Still active at the end: an arrow point beside the bar.
    g.fillStyle = colours.blue;
    for (let k = 0; k < edges.length; k += 3) {
      const [x, y, tall] = edges.slice(k, k + 3);
      g.beginPath();
      g.moveTo(x, y);
      g.lineTo(x + 5, y + tall / 2);
      g.lineTo(x, y + tall);
      g.fill();
    }
  }

  // Idle spans that were cut: a torn strip down all lanes, over bars that last through it.
  _breaks(g, { scale, view, W, H, colours }) {
    if (scale.mode !== "cut") return;
    for (const cut of scale.cuts) {
      const a = view.x(cut.u0), b = view.x(cut.u1);
      if (b < 0) continue;
      if (a > W) return;
      const x = (a + b) / 2, half = Math.max(1, Math.min(3, (b - a) / 2 - 3));
      g.fillStyle = colours.panel;
      g.strokeStyle = colours.grey;
      g.lineWidth = 1;
      const edge = (dx, up) => {
        for (let k = 0, n = Math.ceil(H / 6); k <= n; k++) {
          const at = up ? n - k : k;
          g.lineTo(x + dx + (at % 2 ? 2 : -2), at * 6);
        }
      };
      g.beginPath();
      edge(-half, false);
      edge(half, true);
      g.fill();
      g.beginPath();
      g.moveTo(x - half - 2, 0);
      edge(-half, false);
      g.moveTo(x + half - 2, 0);
      edge(half, false);
      g.stroke();
    }
  }
}

// A bar: filled softly unless `soft` is empty, strong where it starts.
export function timelineBar(g, x, y, wide, tall, soft, strong) {
  if (soft) {
    g.fillStyle = soft;
    g.fillRect(x, y, wide, tall);
  }
  g.fillStyle = strong;
  g.globalAlpha = 1;
  g.fillRect(x, y, 2, tall);
  g.globalAlpha = 0.55;
  g.fillRect(x + 2, y, wide - 2, 1);
  g.fillRect(x + 2, y + tall - 1, wide - 2, 1);
  g.fillRect(x + wide - 1, y, 1, tall);
  g.globalAlpha = 1;
}

// Marks of a kind at centres [x, y, x, y, ...].
export function timelineMarks(g, kind, at, colours) {
  if (!at.length) return;
  const r = 3.5;
  g.fillStyle = g.strokeStyle = timelineColour(kind, colours);
  g.lineWidth = 1.5;
  if (kind === 0) {
    for (let k = 0; k < at.length; k += 2) g.fillRect(at[k] - 1, at[k + 1] - 5, 2, 12);
    return;
  }
  if (kind === 4) {
    g.font = "bold 11px sans-serif";
    g.textBaseline = "middle";
    g.textAlign = "center";
    for (let k = 0; k < at.length; k += 2) g.fillText("?", at[k], at[k + 1] + 0.5);
    g.textAlign = "start";
    return;
  }
  g.beginPath();
  for (let k = 0; k < at.length; k += 2) {
    const x = at[k], y = at[k + 1];
    if (kind === 1) {
      g.moveTo(x + r, y);
      g.arc(x, y, r, 0, 7);
    } else if (kind === 2) {
      g.moveTo(x - r, y - r);
      g.lineTo(x + r, y + r);
      g.moveTo(x + r, y - r);
      g.lineTo(x - r, y + r);
    } else if (kind === 3) {
      g.moveTo(x - r, y - 3);
      g.lineTo(x + r, y - 3);
      g.lineTo(x, y + 3.5);
      g.closePath();
    } else {
      g.moveTo(x, y - 5);
      g.lineTo(x + 4.5, y);
      g.lineTo(x, y + 5);
      g.lineTo(x - 4.5, y);
    }
  }
  if (kind === 5) g.fill();
  else g.stroke();
}
