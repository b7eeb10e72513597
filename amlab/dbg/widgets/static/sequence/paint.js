// Draws the sequence: lifelines, marks of records, blocks of runs, messages.
//
// A message runs from the mark of its cause down beside that machine's line, then across to its effect, in the effect's
// own row; so messages never cross each other's words.
// Knows nothing of: how rows are found, events.

import { count, plural, shortSpan } from "../shared/dom.js";
import { KINDS, QUEUED } from "../shared/data.js";
import { drawKind } from "../shared/pane.js";

export const SEQUENCE_HEIGHTS = [16, 22, 26, 30];
const SEQUENCE_FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const SEQUENCE_MONO = "11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const SEQUENCE_PALE = 0.28;

// Names of what a record calls: "add Ready", of an auto transition only "Ready".
export function sequenceTitle(data, p) {
  const m = data.machines[data.machine.a[p]];
  const names = Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`).join(", ") || "nothing";
  return data.kindAt(p) === "auto" ? names : `${KINDS[data.kind.a[p]] ?? "kind"} ${names}`;
}

// How wide a block of a run is drawn.
export function sequenceBlockWidth(columnWidth) {
  return Math.max(30, Math.min(columnWidth - (columnWidth < 60 ? 4 : 10), 104));
}

// Where things are in a pane that is `height` high: how wide the column at the left is, how high the heads; names of narrow
// columns stand slanted.
export function sequenceLayout(total, columnWidth, height) {
  const number = Math.round(Math.max(4, String(total).length) * 6.7 + 12);
  const isSlanted = columnWidth < 96;
  return { number, gutter: number + 66, isSlanted, head: !isSlanted ? 42 : height < 360 ? 108 : 128 };
}

// `s`: {rows, gutter, head, number (of the layout), columns, columnOf (by machine number), columnWidth, rowHeight, from, to, first, last, top, left, width, height,
// cursor (row), position, isCursorExact, machine (number), hover (row), lit (null or {rows, positions}), paint, texts, data}.
export function paintSequence(g, s) {
  const { paint } = s;
  s.x = (c) => s.gutter + (c + 0.5) * s.columnWidth - s.left;
  s.y = (r) => s.head + (r + 0.5) * s.rowHeight - s.top;
  s.pale = (row) => (s.lit && !s.lit.rows.has(row) ? SEQUENCE_PALE : 1);
  g.save();
  g.beginPath();
  g.rect(0, s.head, s.width, s.height - s.head);
  g.clip();
  sequenceBands(g, s);
  g.save();
  g.beginPath();
  g.rect(s.gutter, s.head, s.width - s.gutter, s.height - s.head);
  g.clip();
  sequenceLines(g, s);
  sequenceRuns(g, s);
  sequenceMessages(g, s);
  sequenceRecords(g, s);
  g.restore();
  sequenceGutter(g, s);
  g.restore();
  g.fillStyle = paint.panel;
  g.fillRect(0, 0, s.width, s.head);
  g.fillStyle = paint.rule;
  g.fillRect(0, s.head - 1, s.width, 1);
  g.fillRect(s.gutter - 1, 0, 1, s.height);
  g.font = SEQUENCE_FONT;
  g.fillStyle = paint.muted;
  g.textBaseline = "alphabetic";
  g.textAlign = "right";
  g.fillText("no.", s.number, s.head - 10);
  g.fillText("after", s.gutter - 8, s.head - 10);
}

function sequenceBands(g, s) {
  const { paint, rowHeight: h } = s;
  g.fillStyle = paint.hover;
  if (s.hover >= 0) g.fillRect(0, s.y(s.hover) - h / 2, s.width, h);
  const column = s.columnOf.get(s.machine);
  if (column !== undefined) g.fillRect(Math.max(s.gutter, s.x(column) - s.columnWidth / 2), s.head, s.columnWidth, s.height);
  if (s.cursor >= 0) {
    const top = Math.round(s.y(s.cursor) - h / 2);
    g.fillRect(0, top, s.width, h);
    g.strokeStyle = paint.focus;
    g.lineWidth = 1;
    g.setLineDash(s.isCursorExact ? [] : [3, 3]);
    g.beginPath();
    g.moveTo(0, top + 0.5), g.lineTo(s.width, top + 0.5), g.moveTo(0, top + h - 0.5), g.lineTo(s.width, top + h - 0.5);
    g.stroke();
    g.setLineDash([]);
  }
}

// Lifelines: firm between a machine's first and last record, dotted before and after.
function sequenceLines(g, s) {
  const { paint, rows } = s;
  const bottom = Math.min(s.height, s.y(rows.count - 1) + s.rowHeight / 2);
  g.lineWidth = 1;
  for (let c = s.first; c < s.last; c++) {
    const m = s.columns[c], x = Math.round(s.x(c)) + 0.5;
    const a = rows.rowOf[m.positions.a[0]], b = rows.rowOf[m.positions.a[m.count - 1]];
    const from = a >= 0 ? Math.max(s.head, Math.min(bottom, s.y(a))) : s.head, to = b >= 0 ? Math.max(s.head, Math.min(bottom, s.y(b))) : bottom;
    g.strokeStyle = paint.rule;
    g.setLineDash([1, 5]);
    g.beginPath();
    g.moveTo(x, s.head), g.lineTo(x, from), g.moveTo(x, to), g.lineTo(x, bottom);
    g.stroke();
    g.strokeStyle = paint.grey;
    g.setLineDash([]);
    g.beginPath();
    g.moveTo(x, from), g.lineTo(x, to);
    g.stroke();
  }
}

// A bracket beside the records of an opened run.
function sequenceRuns(g, s) {
  const { rows, paint, data } = s;
  g.lineWidth = 1;
  g.strokeStyle = paint.blue;
  g.setLineDash([]);
  for (let r = s.from; r < s.to; r++) {
    const run = rows.run[r];
    if (run < 0 || !rows.runSizes.has(run) || !rows.opened.has(run)) continue;
    const c = s.columnOf.get(data.machine.a[rows.first[r]]);
    if (c === undefined) continue;
    const x = Math.round(s.x(c)) - 12.5, y = s.y(r), h = s.rowHeight / 2;
    const isHead = rows.first[r] === run;
    g.globalAlpha = s.pale(r);
    g.beginPath();
    if (isHead) g.moveTo(x + 4, y - h + 3), g.lineTo(x, y - h + 3), g.lineTo(x, y + h);
    else g.moveTo(x, y - h), g.lineTo(x, y + h);
    g.stroke();
    if (isHead) {
      g.strokeRect(x - 12, Math.round(y) - 5.5, 9, 9);
      g.beginPath();
      g.moveTo(x - 10, Math.round(y) - 1), g.lineTo(x - 5, Math.round(y) - 1);
      g.stroke();
    }
  }
  g.globalAlpha = 1;
}

// The messages in view; `s.arrows` keeps what was drawn.
function sequenceMessages(g, s) {
  const { rows, data } = s;
  s.arrows = [];
  const add = (row) => {
    const cause = rows.causeOf(row);
    if (cause < 0) return;
    const a = s.columnOf.get(data.machine.a[cause]), b = s.columnOf.get(data.machine.a[rows.first[row]]);
    if (a !== undefined && b !== undefined) s.arrows.push({ row, cause, causeRow: rows.rowOf[cause], from: a, to: b });
  };
  for (let r = s.from; r < s.to; r++) add(r);
  for (const r of rows.below(s.from, s.to, 300)) add(r);
  // What leaves one cause on one side shares a trunk, drawn once; chosen messages come last, on top.
  const trunks = new Map();
  for (const arrow of s.arrows) {
    const p = rows.first[arrow.row];
    arrow.isChosen = p === s.position || arrow.cause === s.position;
    arrow.isLit = !s.lit || (s.lit.rows.has(arrow.row) && s.lit.rows.has(arrow.causeRow));
    arrow.forward = arrow.to > arrow.from ? 1 : -1;
    // Messages of different causes leave side by side.
    arrow.trunk = Math.round(s.x(arrow.from) + arrow.forward * (7 + (arrow.causeRow % 3) * 3)) + 0.5;
    const key = `${arrow.cause}|${arrow.forward}|${arrow.isChosen}|${arrow.isLit}`;
    const y = s.y(arrow.row), trunk = trunks.get(key);
    if (!trunk) trunks.set(key, { ...arrow, low: y, high: y });
    else (trunk.low = Math.min(trunk.low, y)), (trunk.high = Math.max(trunk.high, y));
  }
  for (const isChosen of [false, true]) {
    for (const trunk of trunks.values()) if (trunk.isChosen === isChosen) sequenceTrunk(g, s, trunk);
    for (const arrow of s.arrows) if (arrow.isChosen === isChosen) sequenceArrow(g, s, arrow, rows.first[arrow.row]);
  }
  g.globalAlpha = 1;
}

const SEQUENCE_BEND = 5;

function sequenceTrunk(g, s, { causeRow, from, forward, trunk, low, high, isChosen, isLit }) {
  const x0 = s.x(from), y0 = s.y(causeRow), edge = 20;
  g.globalAlpha = isLit ? 1 : SEQUENCE_PALE;
  g.strokeStyle = isChosen ? s.paint.focus : s.paint.muted;
  g.lineWidth = isChosen ? 2 : 1.2;
  g.beginPath();
  if (y0 > -edge && y0 < s.height + edge) g.moveTo(x0 + forward * 3, y0), g.lineTo(trunk, y0);
  const top = Math.max(-edge, Math.min(y0, low + SEQUENCE_BEND)), bottom = Math.min(s.height + edge, Math.max(y0, high - SEQUENCE_BEND));
  g.moveTo(trunk, top);
  g.lineTo(trunk, bottom);
  g.stroke();
}

function sequenceArrow(g, s, { row, from, to, causeRow, forward, trunk, isChosen, isLit }, p) {
  const { paint, data } = s;
  const y = Math.round(s.y(row)) + 0.5, x1 = s.x(to);
  if (y < -20 || y > s.height + 20) return;
  const kind = data.kindAt(p), down = row >= causeRow ? 1 : -1;
  g.globalAlpha = isLit ? 1 : SEQUENCE_PALE;
  g.strokeStyle = g.fillStyle = isChosen ? paint.focus : kind === "canceled" || kind === "error" ? paint.red : paint.muted;
  g.lineWidth = isChosen ? 2 : 1.2;
  g.setLineDash(kind === "canceled" ? [4, 3] : data.flags.a[p] & QUEUED ? [2, 3] : []);
  const room = Math.min(SEQUENCE_BEND, Math.abs(x1 - trunk) / 2);
  g.beginPath();
  g.moveTo(trunk, y - down * SEQUENCE_BEND);
  g.quadraticCurveTo(trunk, y, trunk + forward * room, y);
  g.lineTo(x1 - forward * 8, y);
  g.stroke();
  g.setLineDash([]);
  g.beginPath();
  g.moveTo(x1 - forward * 6, y), g.lineTo(x1 - forward * 13, y - 4), g.lineTo(x1 - forward * 13, y + 4), g.closePath();
  g.fill();
}

// Where a row's machine is out of view, which it is, at the side where it stands.
function sequenceAside(g, s, r, c) {
  const { paint, rows } = s;
  const isLeft = c < s.first;
  g.font = SEQUENCE_FONT;
  g.textBaseline = "middle";
  g.textAlign = isLeft ? "left" : "right";
  const n = rows.size[r], said = n > 1 ? `${s.columns[c].label} (${count(n)})` : `${s.columns[c].label}: ${sequenceTitle(s.data, rows.first[r])}`;
  const name = s.texts.fit(g, said, Math.min(240, s.width / 3));
  const words = isLeft ? `‹ ${name}` : `${name} ›`, wide = s.texts.width(g, words) + 8;
  if (rows.causeOf(r) >= 0) {
    g.fillStyle = paint.paper;
    g.fillRect(isLeft ? s.gutter : s.width - wide, s.y(r) - 7, wide, 14);
  }
  g.fillStyle = paint.muted;
  g.fillText(words, isLeft ? s.gutter + 6 : s.width - 6, s.y(r) + 0.5);
}

function sequenceRecords(g, s) {
  const { rows, paint, data, rowHeight: h } = s;
  const small = h < 20;
  for (let r = s.from; r < s.to; r++) {
    const p = rows.first[r], m = data.machine.a[p], c = s.columnOf.get(m);
    if (c === undefined) continue;
    const x = Math.round(s.x(c)), y = Math.round(s.y(r));
    g.globalAlpha = s.pale(r);
    if (c < s.first || c >= s.last) {
      if (!small) sequenceAside(g, s, r, c);
      continue;
    }
    if (rows.size[r] > 1) {
      sequenceBlock(g, s, r, x, y);
      continue;
    }
    const kind = data.kindAt(p);
    // The mark stands on paper, so that it does not merge with its line.
    g.fillStyle = paint.paper;
    g.fillRect(x - 6, y - h / 2 + 2, 13, h - 4);
    drawKind(g, kind, x + 0.5, y, small ? 9 : 11, paint);
    if (p === s.position) {
      g.strokeStyle = paint.focus;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(x + 0.5, y, 9, 0, Math.PI * 2);
      g.stroke();
    }
    if (rows.hiddenCauseOf(r) >= 0) {
      g.strokeStyle = paint.muted;
      g.lineWidth = 1.2;
      g.setLineDash([2, 2]);
      g.beginPath();
      g.moveTo(x - 24, y + 0.5), g.lineTo(x - 8, y + 0.5);
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      g.moveTo(x - 11, y - 2.5), g.lineTo(x - 7, y + 0.5), g.lineTo(x - 11, y + 3.5);
      g.stroke();
    }
  }
  g.globalAlpha = 1;
  if (!small) for (let r = s.from; r < s.to; r++) if (rows.size[r] === 1) sequenceLabel(g, s, r);
}

function sequenceBlock(g, s, r, x, y) {
  const { rows, paint } = s;
  const wide = sequenceBlockWidth(s.columnWidth), tall = s.rowHeight - 5;
  const isCursor = r === s.cursor;
  g.fillStyle = paint.panel;
  g.strokeStyle = isCursor ? paint.focus : paint.grey;
  g.lineWidth = isCursor ? 2 : 1;
  g.beginPath();
  g.roundRect(Math.round(x - wide / 2) + 0.5, Math.round(y - tall / 2) + 0.5, wide, tall, 4);
  g.globalAlpha = 1; // its machine's line never shows through
  g.fill();
  g.globalAlpha = s.pale(r);
  g.stroke();
  const bad = rows.bad[r];
  const inset = wide < 60 ? 4 : 8;
  let right = x + wide / 2 - inset - 3;
  for (const [bit, kind] of [[2, "canceled"], [1, "error"]]) {
    if (!(bad & bit) || (wide < 60 && bad === 3 && bit === 2)) continue;
    drawKind(g, kind, right, y, 8, paint);
    right -= wide < 60 ? 7 : 12;
  }
  g.font = SEQUENCE_FONT;
  g.fillStyle = isCursor ? paint.ink : paint.muted;
  g.textAlign = "left";
  g.textBaseline = "middle";
  const n = rows.size[r], room = right + 4 - (x - wide / 2 + inset);
  const short = n > 99999 ? `${Math.round(n / 1000)}k` : n > 9999 ? `${Math.round(n / 100) / 10}k` : String(n);
  let words = n > 99999 ? `${count(Math.round(n / 1000))}k records` : `${count(n)} records`;
  if (isCursor && s.inBlock) words = `${count(s.inBlock)} of ${count(n)}`;
  if (s.texts.width(g, words) > room) words = short;
  g.fillText(s.texts.fit(g, words, room + 2), x - wide / 2 + inset, y + 0.5);
}

// What a record is called: on its message where there is room, else right of its mark.
function sequenceLabel(g, s, r) {
  const { rows, paint, data } = s;
  const p = rows.first[r], c = s.columnOf.get(data.machine.a[p]);
  if (c === undefined || c < s.first || c >= s.last) return;
  const x = s.x(c), y = Math.round(s.y(r));
  const kind = data.kindAt(p), cause = rows.causeOf(r);
  const from = cause >= 0 ? s.columnOf.get(data.machine.a[cause]) : undefined;
  const title = sequenceTitle(data, p);
  g.font = SEQUENCE_FONT;
  g.textBaseline = "middle";
  const isMessage = from !== undefined;
  g.fillStyle = kind === "canceled" || kind === "error" ? paint.red : isMessage || p === s.position ? paint.ink : paint.muted;
  const colour = g.fillStyle;
  let room = isMessage ? Math.abs(s.x(from) - x) - 46 : 0, left;
  const width = s.texts.width(g, title);
  if (isMessage && room >= Math.min(width, 60)) {
    // Beside its effect, on the message; within what is in view.
    room = Math.min(width, room);
    left = from < c ? x - 22 - room : x + 22;
  } else {
    room = Math.min(width, 170);
    left = x + (rows.hasOut[p] ? 24 : 13);
    if (isMessage && from > c) {
      // The message comes from the right: the words go left.
      left = x - 13 - room;
      if (left < s.gutter + 2) left = x + 22;
    }
  }
  const words = s.texts.fit(g, title, room + 0.5);
  g.fillStyle = paint.paper;
  g.globalAlpha = 0.88;
  g.fillRect(left - 3, y - 7, s.texts.width(g, words) + 6, 14);
  g.globalAlpha = s.pale(r);
  g.fillStyle = colour;
  g.textAlign = "left";
  g.fillText(words, left, y + 0.5);
  g.globalAlpha = 1;
}

function sequenceGutter(g, s) {
  const { rows, paint, data, rowHeight: h } = s;
  g.fillStyle = paint.panel;
  g.fillRect(0, s.head, s.gutter, s.height);
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (let r = s.from; r < s.to; r++) {
    const p = rows.first[r], y = Math.round(s.y(r));
    if (r === s.cursor) {
      g.fillStyle = paint.blueSoft;
      g.fillRect(0, y - h / 2, s.gutter - 1, h);
      g.fillStyle = paint.focus;
      if (s.isCursorExact) g.fillRect(0, y - h / 2, 3, h);
    }
    if (h < 16) continue;
    g.fillStyle = r === s.cursor ? paint.ink : paint.muted;
    g.font = SEQUENCE_MONO;
    g.fillText(String(p + 1), s.number, y + 0.5);
    g.font = SEQUENCE_FONT;
    g.fillStyle = paint.muted;
    g.fillText(sequenceDelta(data, rows, r), s.gutter - 8, y + 0.5);
  }
}

// How long after the row before it a row begins; empty where a time is missing.
function sequenceDelta(data, rows, r) {
  if (!r) return "";
  const a = rows.first[r - 1], b = rows.first[r];
  if (data.timeNs(a) === null || data.timeNs(b) === null) return "";
  const ms = data.time.a[b] - data.time.a[a];
  return Math.abs(ms) < 0.001 ? "" : `${ms < 0 ? "−" : "+"}${shortSpan(Math.abs(ms))}`;
}

// The words of a row, line by line.
export function sequenceRowWords(data, rows, r) {
  const p = rows.first[r], m = data.machines[data.machine.a[p]];
  if (rows.size[r] > 1) {
    const q = rows.last[r], lines = [`${plural(rows.size[r], "record")} of ${m.label}`];
    lines.push(`${count(data.index.a[p])} to ${count(data.index.a[q])}${data.timeNs(p) === null || data.timeNs(q) === null ? "" : `, ${shortSpan(data.time.a[q] - data.time.a[p])}`}; no message leaves or reaches them`);
    if (rows.bad[r]) lines.push([rows.bad[r] & 1 ? "◆ with errors" : "", rows.bad[r] & 2 ? "✕ with canceled ones" : ""].filter(Boolean).join(", "));
    lines.push("Click or Enter opens them");
    return lines;
  }
  const lines = [`${m.label} ${count(data.index.a[p])}: ${data.titleAt(p)}`, data.kindAt(p)];
  const cause = data.source.a[p];
  if (cause >= 0 && cause < data.count) {
    const other = data.machines[data.machine.a[cause]];
    lines.push(`caused by ${other === m ? "its own record" : other.label} ${count(data.index.a[cause])}: ${data.titleAt(cause)}${rows.rowOf[cause] < 0 ? " (hidden)" : ""}`);
  }
  return lines;
}
