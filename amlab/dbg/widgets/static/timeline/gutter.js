// The names of the lanes that are in sight, as elements: a tree with folds, error marks and counts.
//
// Knows nothing of: the axis, the canvas.

import { h, count, plural } from "../shared/dom.js";
import { timelineIsError } from "./paint.js";
import { TIMELINE_GROUP, TIMELINE_MACHINE, TIMELINE_QUIET, TIMELINE_STATE } from "./rows.js";
import { timelineIsRpc } from "./family.js";
import { timelineTickAt } from "./spans.js";

const TIMELINE_CLASSES = ["machine", "state", "group", "quiet"];

export class TimelineGutter {
  // `acts`: toggle(row), choose(row).
  constructor(acts) {
    this.acts = acts;
    this.el = h("div", { class: "tl-gutter", role: "tree", "aria-label": "Lanes" });
    this.pool = [];
    this.id = `tl${Math.random().toString(36).slice(2)}`;
  }
  _row(k) {
    if (this.pool[k]) return this.pool[k];
    const row = { shown: {} };
    row.fold = h("button", { class: "tl-fold", type: "button", tabIndex: -1, onclick: (event) => { event.stopPropagation(); this.acts.toggle(row.n); } });
    row.name = h("span", { class: "tl-name" });
    row.role = h("span", { class: "tl-role" });
    row.mark = h("span", { class: "tl-mark" });
    row.count = h("span", { class: "tl-count" });
    row.el = h("div", { role: "treeitem", id: `${this.id}-${k}`, onclick: () => this.acts.choose(row.n), ondblclick: () => this.acts.toggle(row.n) }, row.fold, row.name, row.role, row.mark, row.count);
    this.el.append(row.el);
    return (this.pool[k] = row);
  }

  // As `TimelinePainter.paint`; only what changed is written.
  draw(s) {
    const { rows, H } = s;
    const key = `${s.top} ${H} ${rows.version} ${s.position} ${s.chosen} ${s.data.version} ${s.tallies.version}`;
    if (key === this.drawn) return;
    this.drawn = key;
    let k = 0, active = "";
    for (let n = Math.max(0, rows.at(s.top)); n < rows.count; n++) {
      const y = rows.top.a[n] - s.top;
      if (y >= H) break;
      const row = this._row(k++), told = this.words(n, s);
      row.n = n;
      timelineSet(row, "y", y, () => (row.el.style.transform = `translateY(${y}px)`));
      timelineSet(row, "tall", rows.heightOf(n), (v) => (row.el.style.height = `${v}px`));
      timelineSet(row, "depth", told.depth, (v) => {
        row.el.style.paddingLeft = `${4 + Math.min(8, v) * 12}px`;
        row.el.setAttribute("aria-level", v + 1);
      });
      timelineSet(row, "class", `tl-row tl-row-${TIMELINE_CLASSES[rows.type.a[n]]}${n === s.chosen ? " tl-chosen" : ""}${told.isActive ? " tl-active" : ""}`, (v) => (row.el.className = v));
      timelineSet(row, "selected", n === s.chosen, (v) => row.el.setAttribute("aria-selected", v));
      timelineSet(row, "fold", told.fold, (v) => {
        row.fold.style.visibility = v === "" ? "hidden" : "";
        row.fold.textContent = v ? "▾" : "▸";
        if (v === "") row.el.removeAttribute("aria-expanded");
        else row.el.setAttribute("aria-expanded", v);
      });
      timelineSet(row, "label", told.name, (v) => row.fold.setAttribute("aria-label", `Fold or unfold ${v}`));
      timelineSet(row, "name", told.name, (v) => (row.name.textContent = v));
      timelineSet(row, "role", told.role, (v) => (row.role.textContent = v));
      timelineSet(row, "mark", told.mark, (v) => (row.mark.textContent = v));
      timelineSet(row, "count", told.count, (v) => (row.count.textContent = v));
      timelineSet(row, "title", told.title, (v) => (row.el.title = v));
      timelineSet(row, "hidden", false, () => (row.el.hidden = false));
      if (n === s.chosen) active = row.el.id;
    }
    for (; k < this.pool.length; k++) timelineSet(this.pool[k], "hidden", true, () => (this.pool[k].el.hidden = true));
    if (this.active !== active) s.stage.setAttribute("aria-activedescendant", (this.active = active));
  }

  words(n, s) {
    const { rows, data, position } = s, type = rows.type.a[n], number = rows.machine.a[n];
    const m = number < 0 ? null : data.machines[number], depth = rows.depth.a[n];
    if (type === TIMELINE_STATE) {
      const state = rows.state.a[n], name = m.states[state], changes = m.changes[state];
      const tick = timelineTickAt(changes, position), isActive = tick % 2 === 1;
      const mark = timelineIsError(name) && changes.positions.n ? "◆" : "";
      return { depth, fold: "", name, role: "", mark, count: count(tick), isActive,
        title: `${m.label}: ${name}\n${isActive ? "active" : "inactive"} at the cursor, tick ${count(tick)}; ${plural(changes.positions.n, "change")} in all` };
    }
    if (type === TIMELINE_QUIET) {
      const quiet = rows.state.a[n], { others } = rows.split(m, s.group);
      const name = [quiet && plural(quiet, "quiet state"), others && `${count(others)} not in ${s.group}`].filter(Boolean).join(", ");
      return { depth, fold: quiet ? rows.isOpen(n, data.machines) : "", name, role: "", mark: "", count: "", isActive: false, title: `${name}\nQuiet states never changed` };
    }
    const tally = s.tallyOf(n), total = tally ? tally.count : 0, errors = tally ? tally.errors : 0;
    const mark = errors ? `◆${errors > 1 ? (errors > 999 ? "999+" : errors) : ""}` : "";
    if (type === TIMELINE_GROUP) {
      const words = rows.groups.get(number)?.words ?? "";
      return { depth, fold: rows.isOpen(n, data.machines), name: words, role: "", mark, count: count(total), isActive: false,
        title: `${words} machines${m ? ` of ${m.label}` : " without a parent in this session"}\n${plural(total, "record")}, ${plural(errors, "error")}` };
    }
    const role = m.role === "other" || m.label.toLowerCase().includes(m.role) ? "" : m.role === "rpc" ? "RPC" : m.role;
    return { depth, fold: m.states.length ? rows.isOpen(n, data.machines) : "", name: m.label, role: timelineIsRpc(m) ? "" : role, mark, count: count(total), isActive: false,
      title: [`${m.label} (${m.role === "rpc" ? "RPC" : m.role})`, m.parent && `below ${m.parent}`, `${plural(total, "record")}${total === m.count ? "" : ` shown of ${count(m.count)}`}, ${plural(errors, "error")}`,
        `${plural(m.states.length, "state")}${m.has_schema ? "" : ", no schema was recorded"}`, m.tags?.length && m.tags.join(", ")].filter(Boolean).join("\n") };
  }
}

function timelineSet(row, name, value, write) {
  if (row.shown[name] === value) return;
  row.shown[name] = value;
  write(value);
}
