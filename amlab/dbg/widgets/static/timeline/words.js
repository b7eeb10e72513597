// The timeline in words: what the pointer is on, what a range holds, what is active at the cursor.
//
// Knows nothing of: pixels, canvases.

import { h, clock, count, plural, span } from "../shared/dom.js";
import { TIMELESS } from "../shared/data.js";
import { timelineWay } from "./arrows.js";
import { timelineIsRpc } from "./family.js";
import { timelineSpanAt, timelineTickAt } from "./spans.js";

const TIMELINE_TABLE_ROWS = 300;

export function timelineTime(data, scale, p) {
  if (data.flags.a[p] & TIMELESS) return "no time recorded, placed by order";
  return `+${span(scale.t.a[p] - scale.t.a[0])} · ${clock(data.timeNs(p))}`;
}

// "12 ms", and in order mode also how many records.
export function timelineLength(scale, from, to) {
  const ms = scale.timeAt(to) - scale.timeAt(from);
  return scale.isTimed ? span(Math.max(0, ms)) : plural(Math.max(0, Math.round(to) - Math.round(from)), "record");
}

export function timelineRecordWords(desk, scale, p, byKind) {
  const { data } = desk, m = data.machines[data.machine.a[p]], lines = [];
  lines.push(`${m.label}: ${data.titleAt(p)}`, `${data.kindAt(p)} · record ${count(data.index.a[p] + 1)} of ${count(m.count)}`, timelineTime(data, scale, p));
  const cause = data.source.a[p];
  if (cause >= 0) lines.push(`by ${timelineWay(desk, p)} from ${data.machines[data.machine.a[cause]].label}: ${data.titleAt(cause)}`);
  const others = byKind ? Object.entries(byKind) : [];
  const total = others.reduce((sum, [, n]) => sum + n, 0);
  if (total > 1) lines.push(`${plural(total, "record")} in this pixel: ${others.map(([kind, n]) => `${count(n)} ${kind}`).join(", ")}`);
  return lines.join("\n");
}

export function timelineSpanWords(data, scale, m, state, from, to, n) {
  const end = to < 0 ? data.count - 1 : to;
  const lasted = scale.isTimed ? span(scale.t.a[end] - scale.t.a[from]) : plural(end - from, "record");
  const lines = [`${m.label}: ${m.states[state]}`, to < 0 ? `active for ${lasted} so far` : `active for ${lasted}`,
    `from ${timelineTime(data, scale, from)}`, to < 0 ? "to the end of the session" : `to ${timelineTime(data, scale, to)}`];
  if (n > 1) lines.push(`${count(n)} spans in this pixel`);
  return lines.join("\n");
}

// What a range holds: how long, how many records, of whom.
export function timelineMeasure(desk, scale, tallies, range, from, to) {
  const parts = [timelineLength(scale, from, to)];
  if (range) {
    const total = tallies.all.between(...range);
    parts.push(plural(total, "record"));
    const per = tallies.own.map((tally, k) => [tally.between(...range), k]).filter(([n]) => n).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    if (per.length > 1) parts.push(...per.slice(0, 4).map(([n, k]) => `${desk.data.machines[k].label} ${count(n)}`));
    if (per.length > 4) parts.push(`${plural(per.length - 4, "machine")} more`);
  } else parts.push("no records");
  return parts;
}

// What is active at a position, as a table; machines of RPC come last.
export function timelineTable(desk, scale, rows, position) {
  const { data } = desk, group = desk.filters.group;
  const body = [], caption = position < 0 ? "Before the first record nothing is active." : `Active after record ${count(position + 1)} of ${count(data.count)}, ${timelineTime(data, scale, position)}`;
  let left = 0;
  const shown = data.machines.filter((m) => desk.shows(m) && m.count).sort((a, b) => timelineIsRpc(a) - timelineIsRpc(b) || a.number - b.number);
  for (const m of shown) {
    if (body.length >= TIMELINE_TABLE_ROWS) {
      left++;
      continue;
    }
    let any = false;
    for (const s of rows.split(m, group).moved) {
      const found = timelineSpanAt(m.changes[s], position);
      if (!found || body.length >= TIMELINE_TABLE_ROWS) continue;
      const [from, to] = found;
      body.push(h("tr", {}, h("th", { scope: "row" }, any ? h("span", { class: "am-live" }, m.label) : m.label), h("td", {}, m.states[s]), h("td", {}, String(timelineTickAt(m.changes[s], position))),
        h("td", {}, timelineTime(data, scale, from)), h("td", {}, to < 0 ? "still active at the end" : timelineTime(data, scale, to)),
        h("td", {}, scale.isTimed ? span(scale.t.a[to < 0 ? data.count - 1 : to] - scale.t.a[from]) : plural((to < 0 ? data.count - 1 : to) - from, "record"))));
      any = true;
    }
  }
  const head = h("tr", {}, ["Machine", "State", "Tick", "From", "To", "Active for"].map((words) => h("th", { scope: "col" }, words)));
  return [
    h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, body)),
    left ? h("p", { class: "am-blank" }, `${plural(left, "machine")} more are not listed; hide machines or choose a group to see them.`) : null,
  ];
}
