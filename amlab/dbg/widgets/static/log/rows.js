// One record's lines as elements.  Knows nothing of: scrolling.

import { h, clock, plural } from "../shared/dom.js";
import { KINDS, QUEUED } from "../shared/data.js";
import { logIsTie, logParts, logPieces, logShows } from "./text.js";

export const LOG_LINE = 18; // CSS pixels
const LOG_SIGNS = { executed: "|", auto: "○", canceled: "✕", queued: "▽", check: "?", error: "◆" };

// `{state, lines: [[level, text, isDerived, isBefore]], total}` of the record at a position; state is "here", "loading", "missing".
export function logLines(desk, p) {
  const { data } = desk;
  const level = desk.filters.level;
  const told = data.logs.a[p];
  const detail = told ? desk.detail(p) : null;
  if (told && !detail && !desk.isMissing(p)) return { state: "loading", lines: [], total: told };
  const all = [...(detail?.pre ?? []).map(([n, text]) => [n, text, false, true]), ...(detail?.log ?? []).map(([n, text]) => [n, text, false, false])];
  const isOwn = all.some(([, text]) => !logIsTie(text));
  if (!isOwn && (!told || detail)) all.unshift([2, logDerived(data, p), true, false]);
  const lines = all.filter(([n]) => logShows(level, n));
  return { state: told && !detail ? "missing" : "here", lines, total: all.length, isDerived: !isOwn };
}

// "+Ready -Start" of a record, where no log tells it.
export function logDerived(data, p) {
  const m = data.machines[data.machine.a[p]];
  const kind = data.kindAt(p);
  const names = Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`).join(" ") || "nothing";
  const asked = `[${KINDS[data.kind.a[p]] ?? `kind ${data.kind.a[p]}`}] ${names}`;
  if (data.flags.a[p] & QUEUED) return `${asked}: queued`;
  if (kind === "check") return `${asked}: only asked`;
  if (kind === "canceled") return `${asked}: canceled`;
  const entered = [], exited = [];
  for (let k = m.starts.a[data.index.a[p]]; k < data.changeEnds.a[p]; k++) {
    const name = m.states[data.changeState.a[k]];
    if (data.changeTick.a[k] % 2) entered.push(`+${name}`);
    else exited.push(`-${name}`);
  }
  return `${asked}: ${[...entered, ...exited].join(" ") || "nothing changed"}`;
}

// The element of a record.  `about`: {isAll, query, hit, open}.
export function logRecord(desk, p, k, found, about) {
  const { data } = desk;
  const m = data.machines[data.machine.a[p]];
  const kind = data.kindAt(p);
  const title = `${m.label} @${data.index.a[p]} ${kind}: ${data.titleAt(p)}`;
  const cell = h("div", { class: "am-rec-lines", role: "gridcell" });
  const el = h("div", { class: `am-rec am-rec-${found.state}`, role: "row", "aria-rowindex": k + 1, "data-position": p }, cell);
  const first = () => [
    h("span", { class: `am-log-mark am-log-${kind}`, title }, LOG_SIGNS[kind]),
    h("span", { class: "am-log-time", title: `record ${data.index.a[p]} of ${m.label}` }, logTime(data, p)),
    about.isAll ? h("span", { class: "am-log-machine", title: m.label }, m.label) : null,
  ];
  const rest = () => [h("span", { class: "am-log-mark" }), h("span", { class: "am-log-time" }), about.isAll ? h("span", { class: "am-log-machine" }) : null];
  if (found.state === "loading") {
    cell.style.height = `${found.total * LOG_LINE}px`;
    cell.append(h("div", { class: "am-log-line am-muted" }, first(), h("span", { class: "am-log-prefix" }), h("span", { class: "am-log-text" }, "loading")));
    return el;
  }
  if (found.state === "missing") {
    cell.append(h("div", { class: "am-log-line am-muted" }, first(), h("span", { class: "am-log-prefix" }), h("span", { class: "am-log-text" }, `${plural(found.total, "line")} not in this page`)));
    return el;
  }
  found.lines.forEach(([level, text, isDerived, isBefore], n) => {
    const parts = logParts(text);
    const [line, ...more] = parts.rest.split("\n");
    const open = more.length > 0 && about.open.has(`${p}:${n}`);
    const body = h("span", { class: "am-log-text" }, logSpans(desk, m, p, { ...parts, rest: open ? parts.rest : line }, about.query));
    if (more.length) {
      body.append(h("button", { class: "am-log-more", type: "button", "data-more": `${p}:${n}`, "aria-expanded": String(open) },
        open ? "fold" : `+${plural(more.length, "line")}`));
    }
    const isHit = about.query && text.toLowerCase().includes(about.query);
    cell.append(h("div", {
      class: `am-log-line am-log-k-${parts.kind}${isDerived ? " am-log-derived" : ""}${isBefore ? " am-log-before" : ""}${isHit ? " am-log-hit" : ""}`,
      "data-line": n, title: isDerived ? "Derived from the record; no log line tells it" : isBefore ? "Logged before this transition" : undefined,
    }, n ? rest() : first(), h("span", { class: "am-log-prefix", title: `level ${level}` }, logMarked(parts.prefix, about.query)), body,
      isDerived ? h("span", { class: "am-log-note" }, "derived") : null));
  });
  return el;
}

function logTime(data, p) {
  const time = clock(data.timeNs(p));
  return time ? time.slice(0, 12) : `@${data.index.a[p]}`;
}

function logSpans(desk, m, p, parts, query) {
  return logPieces(m, desk.data, parts).map(([text, what, value]) => {
    if (!what) return logMarked(text, query);
    if (what === "source" && desk.data.source.a[p] < 0) return h("span", { title: "That record is not in this recording" }, logMarked(text, query));
    const words = { machine: `Choose the machine ${value}`, source: "Go to the source", address: "Go there" }[what];
    return h("span", { class: `am-log-link am-log-to-${what}`, role: "link", title: words, "data-to": what, "data-value": value }, logMarked(text, query));
  }).flat();
}

// The text with what was searched for marked.
function logMarked(text, query) {
  if (!query) return [text];
  const parts = [];
  const low = text.toLowerCase();
  if (low.length !== text.length) return [text];
  let from = 0;
  for (let at; (at = low.indexOf(query, from)) >= 0; from = at + query.length) {
    if (at > from) parts.push(text.slice(from, at));
    parts.push(h("mark", {}, text.slice(at, at + query.length)));
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}
