// Draws the matrix: rows with their heads, cells, the names of states on top.
//
// Knows nothing of: where rows come from, events.

import { KINDS } from "../shared/data.js";
import { count, shortSpan } from "../shared/dom.js";
import { drawKind } from "../shared/pane.js";
import { MATRIX_ACTIVE, MATRIX_CALLED, MATRIX_ENTERED, MATRIX_EXITED, MATRIX_REFUSED, MATRIX_TOUCHED } from "./rows.js";

export const MATRIX_SIZES = [5, 8, 13, 18, 24]; // heights of rows
const MATRIX_FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MATRIX_MONO = "11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

// Where things are, for a machine with `total` records and names of up to `names` characters, in a pane of that size.
export function matrixLayout(size, numbers, total, { width, height }, names) {
  const rowHeight = MATRIX_SIZES[size];
  const isSmall = rowHeight < 13;
  const digits = Math.max(3, String(Math.max(0, total - 1)).length);
  const number = Math.round(digits * 6.7 + 6);
  const delta = !isSmall && width > 460 ? 64 : 0;
  const title = !isSmall && width > 700 ? Math.min(220, Math.round(width * 0.16)) : 0;
  const left = isSmall ? 18 : 22 + number + delta + (title ? title + 8 : 0) + 8;
  const columnWidth = isSmall ? rowHeight : numbers ? 38 : rowHeight;
  // Names stand at 60 degrees over cells that are wide enough.
  const head = isSmall ? 22 : Math.min(height < 360 ? 106 : 124, 26 + Math.ceil(Math.min(19, names) * 5.6));
  return { rowHeight, columnWidth, isSmall, number, delta, title, left, head };
}

// The room that the last slanted name takes beyond its column.
export function matrixOverhang(layout) {
  return layout.isSmall ? 4 : Math.ceil(layout.head * 0.6);
}

// `s` is the scene: {layout, rows (MatrixRows), columns, from, to (rows), first, last (columns), top, left, width, height,
// cursor (row), isCursorExact, chosen (column), hover {row, column}, numbers, paint, texts, data}.
export function paintMatrix(g, s) {
  const { layout: l, paint } = s;
  s.shown = [];
  for (let r = s.from; r < s.to; r++) s.shown.push(s.rows.row(r));
  const y = (r) => l.head + r * l.rowHeight - s.top, x = (c) => l.left + c * l.columnWidth - s.left;
  g.save();
  g.beginPath();
  g.rect(0, l.head, s.width, s.height - l.head);
  g.clip();
  matrixBands(g, s, x, y);
  g.save();
  g.beginPath();
  g.rect(l.left, l.head, s.width - l.left, s.height - l.head);
  g.clip();
  matrixRuns(g, s, x, y);
  matrixStrikes(g, s, x, y);
  matrixMarks(g, s, x, y);
  matrixChoice(g, s, x, y);
  g.restore();
  matrixRowHeads(g, s, y);
  g.restore();
  matrixCorner(g, s);
  g.fillStyle = paint.rule;
  g.fillRect(0, l.head - 1, s.width, 1);
  g.fillRect(l.left - 1, 0, 1, s.height);
}

function matrixBands(g, s, x, y) {
  const { layout: l, paint } = s;
  const bottom = Math.min(s.height, y(s.rows.count)), right = Math.min(s.width, x(s.columns.length));
  if (!l.isSmall) {
    g.fillStyle = paint.faint;
    for (let r = s.from; r < s.to; r++) g.fillRect(0, Math.round(y(r + 1)) - 1, right, 1);
    for (let c = Math.max(1, s.first); c < s.last; c++) if (c % 5 === 0) g.fillRect(Math.round(x(c)) - 1, l.head, 1, bottom - l.head);
  }
  const { hover } = s;
  g.fillStyle = paint.hover;
  if (hover && hover.row >= 0) g.fillRect(0, y(hover.row), right, l.rowHeight);
  if (hover && hover.column >= 0) g.fillRect(Math.max(l.left, x(hover.column)), l.head, l.columnWidth, bottom - l.head);
  if (s.chosen >= 0) g.fillRect(Math.max(l.left, x(s.chosen)), l.head, l.columnWidth, bottom - l.head);
  if (s.cursor >= 0 && s.cursor >= s.from && s.cursor < s.to) g.fillRect(0, y(s.cursor), right, l.rowHeight);
}

// Active cells: upright bars that join, column by column.
function matrixRuns(g, s, x, y) {
  const { layout: l, paint } = s;
  const inset = l.isSmall ? 0.5 : 2, wide = l.columnWidth - inset * 2;
  for (let c = s.first; c < s.last; c++) {
    const state = s.columns[c];
    let start = -1;
    for (let k = 0; k <= s.shown.length; k++) {
      const isActive = k < s.shown.length && s.shown[k].marks[state] & MATRIX_ACTIVE;
      if (isActive && start < 0) start = k;
      else if (!isActive && start >= 0) {
        g.fillStyle = l.isSmall ? paint.blue : paint.blueSoft;
        g.fillRect(x(c) + inset, y(s.from + start), wide, (k - start) * l.rowHeight);
        start = -1;
      }
    }
  }
  for (let k = 0; k < s.shown.length; k++) {
    const row = s.shown[k];
    for (let c = s.first; c < s.last; c++) {
      const m = row.marks[s.columns[c]];
      if (!(m & (MATRIX_ENTERED | MATRIX_EXITED))) continue;
      if (m & MATRIX_ENTERED) {
        if (row.stayed.has(s.columns[c]) && !l.isSmall) continue;
        g.fillStyle = l.isSmall ? paint.green : paint.greenSoft;
      } else g.fillStyle = l.isSmall ? paint.orange : paint.orangeSoft;
      g.fillRect(x(c) + inset, y(s.from + k) + (l.isSmall ? 0 : 1), wide, l.rowHeight - (l.isSmall ? 0 : 2));
    }
  }
}

// Canceled records are struck through.
function matrixStrikes(g, s, x, y) {
  const { layout: l, paint } = s;
  const right = Math.min(s.width, x(s.columns.length));
  g.lineWidth = 1;
  g.globalAlpha = s.numbers ? 0.45 : 1;
  g.strokeStyle = paint.red;
  g.setLineDash([4, 3]);
  g.beginPath();
  for (let k = 0; k < s.shown.length; k++) {
    if (s.shown[k].kind !== "canceled") continue;
    const at = Math.round(y(s.from + k) + l.rowHeight / 2) + 0.5;
    g.moveTo(l.left, at);
    g.lineTo(right, at);
  }
  g.stroke();
  g.globalAlpha = 1;
  g.setLineDash([]);
}

function matrixMarks(g, s, x, y) {
  const { layout: l, paint } = s;
  const h = l.rowHeight, w = l.columnWidth;
  const arm = Math.min(4, h * 0.22);
  const plus = new Path2D(), minus = new Path2D(), cross = new Path2D(), called = new Path2D(), dots = new Path2D(), hollow = new Path2D();
  g.font = h >= 24 ? MATRIX_MONO.replace("11px", "12px") : MATRIX_MONO;
  g.textAlign = "center";
  g.textBaseline = "middle";
  for (let k = 0; k < s.shown.length; k++) {
    const row = s.shown[k], top = y(s.from + k), quiet = row.kind === "queued" || row.kind === "check";
    for (let c = s.first; c < s.last; c++) {
      const state = s.columns[c], m = row.marks[state];
      if (!m && !s.numbers) continue;
      const left = x(c), cx = Math.round(left + w / 2), cy = Math.round(top + h / 2);
      if (m & MATRIX_CALLED) {
        if (quiet) !l.isSmall && hollow.rect(left + 2.5, top + 1.5, w - 5, h - 4);
        else if (l.isSmall) called.rect(left, top + h - 1.5, w, 1.5);
        else called.rect(left + 2, top + h - 4, w - 4, 2);
      }
      if (l.isSmall) {
        if (m & MATRIX_REFUSED) cross.moveTo(left + 1, top + 1), cross.lineTo(left + w - 1, top + h - 1);
        continue;
      }
      if (s.numbers) {
        const tick = row.clocks[state];
        g.fillStyle = m & MATRIX_REFUSED ? paint.red : m & MATRIX_ENTERED ? paint.green : m & MATRIX_EXITED ? paint.orange : m & MATRIX_ACTIVE ? paint.blue : paint.grey;
        const words = (m & MATRIX_ENTERED ? "+" : m & MATRIX_EXITED ? "−" : m & MATRIX_REFUSED ? "✕" : "") + matrixTick(tick);
        if (tick || m) g.fillText(words, cx, cy);
        if (m & MATRIX_TOUCHED && !(m & MATRIX_CALLED)) dots.moveTo(left + w - 3.7, top + 4), dots.arc(left + w - 5, top + 4, 1.3, 0, Math.PI * 2);
        continue;
      }
      if (m & MATRIX_REFUSED) cross.moveTo(cx - arm, cy - arm), cross.lineTo(cx + arm, cy + arm), cross.moveTo(cx + arm, cy - arm), cross.lineTo(cx - arm, cy + arm);
      else if (m & MATRIX_ENTERED) plus.moveTo(cx - arm, cy), plus.lineTo(cx + arm, cy), plus.moveTo(cx, cy - arm), plus.lineTo(cx, cy + arm);
      else if (m & MATRIX_EXITED) minus.moveTo(cx - arm, cy), minus.lineTo(cx + arm, cy);
      else if (m & MATRIX_TOUCHED && !(m & MATRIX_CALLED)) dots.moveTo(cx + 1.3, cy), dots.arc(cx, cy, 1.3, 0, Math.PI * 2);
    }
  }
  g.lineWidth = 1.8;
  g.strokeStyle = paint.green;
  g.stroke(plus);
  g.strokeStyle = paint.orange;
  g.stroke(minus);
  g.strokeStyle = paint.red;
  g.stroke(cross);
  g.fillStyle = paint.ink;
  g.fill(called);
  g.fillStyle = paint.muted;
  g.fill(dots);
  g.lineWidth = 1;
  g.strokeStyle = paint.muted;
  g.setLineDash([2, 2]);
  g.stroke(hollow);
  g.setLineDash([]);
}

function matrixTick(tick) {
  if (tick < 10000) return String(tick);
  return tick < 1e6 ? `${Math.floor(tick / 1000)}k` : `${Math.floor(tick / 1e6)}M`;
}

function matrixChoice(g, s, x, y) {
  const { layout: l, paint } = s;
  g.lineWidth = 1;
  g.strokeStyle = paint.focus;
  if (s.cursor >= 0) {
    const top = Math.round(y(s.cursor)) + 0.5, right = Math.min(s.width, x(s.columns.length));
    if (!s.isCursorExact) g.setLineDash([3, 3]);
    g.beginPath();
    g.moveTo(0, top - 1), g.lineTo(right, top - 1);
    g.moveTo(0, top + l.rowHeight - 1), g.lineTo(right, top + l.rowHeight - 1);
    g.stroke();
    g.setLineDash([]);
    if (s.chosen >= 0) {
      g.lineWidth = 2;
      g.strokeRect(x(s.chosen) + 1, y(s.cursor) + (l.isSmall ? 0 : 0.5), l.columnWidth - 2, l.rowHeight - 1);
    }
  }
}

function matrixRowHeads(g, s, y) {
  const { layout: l, paint, data } = s;
  g.fillStyle = paint.panel;
  g.fillRect(0, l.head, l.left, s.height - l.head);
  g.textBaseline = "middle";
  for (let k = 0; k < s.shown.length; k++) {
    const r = s.from + k, row = s.shown[k], top = y(r), cy = Math.round(top + l.rowHeight / 2);
    const isCursor = r === s.cursor;
    if (isCursor) {
      g.fillStyle = paint.blueSoft;
      g.fillRect(0, top, l.left - 1, l.rowHeight);
      g.fillStyle = paint.focus;
      if (s.isCursorExact) g.fillRect(0, top, 3, l.rowHeight);
    } else if (s.hover?.row === r) {
      g.fillStyle = paint.hover;
      g.fillRect(0, top, l.left - 1, l.rowHeight);
    }
    if (row.gap) {
      // Torn off: what came before it was not recorded.
      g.strokeStyle = paint.orange;
      g.lineWidth = 1;
      g.beginPath();
      g.moveTo(5, top + 1.5);
      for (let x = 5, up = true; x < 20 + l.number; x += 4, up = !up) g.lineTo(x + 4, top + (up ? -1.5 : 1.5));
      g.stroke();
    }
    drawKind(g, row.kind, 12, cy, l.isSmall ? Math.min(6, l.rowHeight - 1) : 9, paint);
    if (l.isSmall) continue;
    const faded = row.kind === "queued" || row.kind === "check" || row.kind === "auto";
    g.font = MATRIX_MONO;
    g.textAlign = "right";
    g.fillStyle = row.kind === "canceled" || row.kind === "error" ? paint.red : isCursor ? paint.ink : paint.muted;
    let right = 22 + l.number;
    g.fillText(String(row.index), right, cy);
    if (l.delta) {
      right += l.delta;
      g.fillStyle = paint.muted;
      g.font = MATRIX_FONT;
      g.fillText(matrixDelta(s, r), right, cy);
    }
    if (l.title) {
      g.font = MATRIX_FONT;
      g.textAlign = "left";
      g.fillStyle = row.kind === "canceled" || row.kind === "error" ? paint.red : faded && !isCursor ? paint.muted : paint.ink;
      const m = s.rows.machine;
      const names = Array.from(data.calledAt(row.position), (c) => m.states[c] ?? `#${c}`).join(", ");
      const verb = row.kind === "auto" ? "" : `${KINDS[data.kind.a[row.position]] ?? "kind"} `;
      g.fillText(s.texts.fit(g, verb + (names || "nothing"), l.title), right + 10, cy);
    }
  }
}

// What stands in the rows' heads.
function matrixCorner(g, s) {
  const { layout: l, paint } = s;
  if (l.isSmall) return;
  g.font = MATRIX_FONT;
  g.fillStyle = paint.muted;
  g.textBaseline = "alphabetic";
  g.textAlign = "right";
  const y = l.head - 9;
  g.fillText(l.number < 40 ? "no." : "record", 22 + l.number, y);
  if (l.delta) g.fillText("after", 22 + l.number + l.delta, y);
  g.textAlign = "left";
  if (l.title) g.fillText("mutation", 22 + l.number + l.delta + 10, y);
}

// How long after the row before it a record was made; empty where one of them has no time.
function matrixDelta(s, r) {
  const { data, rows } = s;
  if (!r) return "";
  const a = rows.positions[r - 1], b = rows.positions[r];
  if (data.timeNs(a) === null || data.timeNs(b) === null) return "";
  const ms = data.time.a[b] - data.time.a[a];
  return ms < 0.001 ? "" : `+${shortSpan(ms)}`;
}

// The words of a cell, line by line.
export function matrixCellWords(data, machine, row, state) {
  const name = machine.states[state], m = row.marks[state], tick = row.clocks[state];
  const what = [];
  if (row.stayed.has(state)) what.push("entered again, stayed active");
  else if (m & MATRIX_ENTERED) what.push("+ entered");
  if (m & MATRIX_EXITED) what.push("− left");
  if (m & MATRIX_REFUSED) what.push("✕ called, refused");
  else if (m & MATRIX_CALLED) what.push(row.kind === "queued" ? "called, queued" : row.kind === "check" ? "asked for" : "called");
  if (m & MATRIX_TOUCHED && !(m & (MATRIX_CALLED | MATRIX_ENTERED | MATRIX_EXITED))) what.push("touched: a step named it, it did not change");
  const is = m & MATRIX_ACTIVE ? "active" : "inactive";
  const lines = [name, [`${is}, tick ${count(tick)}`, ...what].join("; ")];
  lines.push(`record ${count(row.index)}: ${data.titleAt(row.position)} (${row.kind})`);
  if (row.gap) lines.push("what came before was not recorded");
  return lines;
}
