// The machines: a tree by parents with a search, where each stands at the cursor, and which of them are shown.
//
// Rows are of one height and only those that are seen stand in the page.

import { h, fill, count, middle, plural } from "../shared/dom.js";
import { View, fitCanvas, widget } from "../shared/view.js";
import { machinesDensity, machinesQuery, machinesRows, machinesState } from "../machines/tree.js";

const MACHINES_ROW = 24; // CSS pixels
const MACHINES_SPARK = 72, MACHINES_SPARK_HIGH = 16;
const MACHINES_SIGNS = { executed: "|", auto: "○", canceled: "✕", queued: "▽", check: "?", error: "◆" };
let machinesIds = 0;

export class MachinesView extends View {
  static title = "Machines";
  static kind = "machines";

  build(body) {
    const { desk } = this;
    this.kept = desk.memory.machines ??= { query: "", folded: new Set() };
    this.id = `amlab-machines-${++machinesIds}`;
    this.sparks = new Map();
    this.search = h("input", { type: "search", class: "am-machines-search", placeholder: "Search: name, tag:, role:, state:, err", spellcheck: false, value: this.kept.query,
      "aria-label": "Search machines (/): a name, tag:word, role:word, state:Name (active at the cursor), err",
      oninput: () => { this.kept.query = this.search.value; this.rows = null; this.box.scrollTop = 0; this.schedule(); },
      onkeydown: (event) => this.searchKey(event) });
    this.found = h("span", { class: "am-muted am-small am-machines-found", role: "status" });
    const pick = (words, title, act) => h("button", { class: "am-button am-quiet", type: "button", title, "aria-label": title, onclick: () => this.pick(act) }, words);
    this.picks = h("span", { class: "am-machines-picks", role: "group", "aria-label": "Which machines are shown" },
      pick("All", "Show all machines that are listed", () => true), pick("None", "Hide all machines that are listed", () => false), pick("Invert", "Show those that are hidden, hide those that are shown", (shown) => !shown));
    this.box = h("div", { class: "am-machines-box am-scroll", role: "tree", tabIndex: 0, "aria-label": "Machines", onscroll: () => this.schedule(), onclick: (event) => this.clicked(event), ondblclick: (event) => this.doubled(event) });
    this.space = h("div", { class: "am-machines-space", role: "presentation" });
    this.box.append(this.space);
    this.blankEl = h("div", {});
    fill(body, h("div", { class: "am-machines-bar" }, this.search, this.found, this.picks), this.box, this.blankEl);
  }

  changed(event, what) {
    if (event === "detail" || (event === "status" && this.desk.isLoaded)) return;
    if (event === "data" || event === "filters" || this.hasState) this.rows = null;
    if (event === "focus" && what?.old?.machine !== this.desk.focus.machine) this.follow = true;
    this.schedule();
  }

  draw() {
    const { desk, box } = this;
    const { data, focus } = desk;
    const words = machinesQuery(this.kept.query);
    this.hasState = words.some((word) => word.kind === "state");
    if (!this.rows) {
      // What a filter hides is not listed, unless it is asked for by name; what was hidden here can be shown here again.
      const listed = words.length ? data.machines : data.machines.filter((m) => desk.shows(m) || desk.filters.hidden.includes(m.key));
      const made = machinesRows(listed, words, this.kept.folded, focus.position);
      this.rows = made.rows;
      this.fits = made.fits;
    }
    const { rows } = this;
    const all = data.machines.length;
    const why = !desk.isLoaded ? desk.waiting : !all ? "No machine was recorded." : !rows.length ? "No machine fits." : "";
    fill(this.blankEl, why ? this.blank(why) : null);
    box.hidden = !!why;
    const hiding = data.machines.filter((m) => !desk.shows(m)).length;
    this.infoEl.textContent = all ? `${count(all)}${hiding ? `, ${count(hiding)} hidden` : ""}` : "";
    this.found.textContent = words.length ? `${count(this.fits.size)} of ${count(all)}` : "";
    this.root.classList.toggle("am-narrow", this.body.clientWidth < 330);
    this.root.classList.toggle("am-tiny", this.body.clientWidth < 250);
    // Names are told apart by their ends too: where room is short they are cut in the middle.
    const wide = this.body.clientWidth;
    this.room = wide < 250 ? wide - 136 : wide < 330 ? wide - 214 : 0;
    if (why) return;
    this.space.style.height = `${rows.length * MACHINES_ROW}px`;
    if (this.follow !== false) {
      this.follow = false;
      this.reveal();
    }
    const first = Math.max(0, Math.floor(box.scrollTop / MACHINES_ROW) - 3);
    const last = Math.min(rows.length, Math.ceil((box.scrollTop + (box.clientHeight || 400)) / MACHINES_ROW) + 3);
    const focused = this.root.getRootNode().activeElement;
    const refocus = focused && this.space.contains(focused) ? [focused.closest("[role=treeitem]")?.dataset.key, focused.dataset.act] : null;
    const made = [], kept = new Map();
    for (let k = first; k < last; k++) {
      const el = this.rowOf(rows[k], k);
      kept.set(rows[k].m, el);
      made.push(el);
    }
    this.shown = kept;
    if (made.length !== this.space.childElementCount || made.some((el, n) => el !== this.space.children[n])) fill(this.space, made);
    if (refocus) [...this.space.children].find((el) => el.dataset.key === refocus[0])?.querySelector(`[data-act="${refocus[1]}"]`)?.focus();
    const chosen = made.find((el) => el.dataset.key === focus.machine);
    if (chosen) box.setAttribute("aria-activedescendant", chosen.id);
    else box.removeAttribute("aria-activedescendant");
    for (const el of made) this.spark(el);
    if (focus.machine !== this.said && focused && this.root.contains(focused)) this.say(chosen?.getAttribute("aria-label") ?? focus.machine);
    this.said = focus.machine;
  }

  // The element of a row, made anew only where what it shows has changed.
  rowOf(row, k) {
    const { desk } = this;
    const { focus } = desk;
    const { m } = row;
    const done = m.upTo(focus.position), at = done ? m.positions.a[done - 1] : -1;
    const sign = [k, done, m.count, at === focus.position, m.key === focus.machine, m.key === focus.machine ? focus.state : "", desk.shows(m), desk.filters.hidden.includes(m.key), row.depth, row.folds, row.isFolded, row.isContext, row.place, row.size, this.room, m.errors, m.tags.length].join();
    const old = this.shown?.get(m);
    if (old?.sign === sign) return old;
    const el = this.row(row, k);
    el.sign = sign;
    return el;
  }
  row(row, k) {
    const { desk } = this;
    const { data, focus } = desk;
    const { m } = row;
    const done = m.upTo(focus.position), left = m.count - done;
    const at = done ? m.positions.a[done - 1] : -1;
    const isAt = at >= 0 && at === focus.position;
    const kind = at < 0 ? "" : data.kindAt(at);
    const { word, active, isBad } = machinesState(m, focus.position, focus.machine === m.key ? focus.state : "");
    const isShown = desk.shows(m);
    const isPicked = !desk.filters.hidden.includes(m.key);
    const chosen = m.key === focus.machine;
    const tags = m.tags.filter((tag) => tag !== m.role && !tag.endsWith(`-${m.role}`));
    const words = [m.label, m.role === "other" ? "" : m.role, word || (active ? "" : "no state active"), plural(active, "active state"), m.errors ? plural(m.errors, "error") : "", `${count(done)} records before, ${count(left)} after the cursor`, isShown ? "" : "hidden"];
    return h("div", {
      class: `am-machines-row${chosen ? " am-at" : ""}${isShown ? "" : " am-off"}${row.isContext ? " am-context" : ""}`, role: "treeitem", id: `${this.id}-${m.number}`, "data-key": m.key,
      "aria-level": row.depth + 1, "aria-setsize": row.size, "aria-posinset": row.place, "aria-selected": String(chosen), "aria-expanded": row.folds ? String(!row.isFolded) : undefined,
      "aria-label": words.filter(Boolean).join(", "), title: `${m.label}${m.id !== m.key ? ` (${m.id})` : ""}\n${[m.role, ...m.tags].join(", ")}\n${words.slice(2).filter(Boolean).join(", ")}`,
      style: { top: `${k * MACHINES_ROW}px` },
    },
      h("input", { type: "checkbox", class: "am-machines-check", checked: isPicked, tabIndex: -1, "data-act": "pick", "aria-label": `Show ${m.label}`, title: isPicked ? "Hide this machine" : "Show this machine" }),
      h("span", { class: "am-machines-indent", style: { width: `${this.indent(row)}px` } }),
      h("span", { class: "am-machines-fold", "data-act": row.folds ? "fold" : undefined, "aria-hidden": "true" }, row.folds ? (row.isFolded ? "▸" : "▾") : ""),
      h("span", { class: "am-machines-name" }, h("span", { class: "am-machines-label" }, this.room ? this.shortName(row) : m.label),
        m.role !== "other" && m.label !== m.role ? h("span", { class: "am-machines-role" }, m.role) : null, tags.length ? h("span", { class: "am-machines-tags" }, tags.join(" ")) : null),
      m.errors ? h("span", { class: "am-machines-err", title: plural(m.errors, "error"), "data-act": "error" }, `◆ ${count(m.errors)}`) : null,
      h("span", { class: `am-machines-state${isBad ? " am-bad" : ""}` }, word || (m.count ? (active ? "" : "–") : ""), active ? h("span", { class: "am-muted" }, ` ${active}`) : null),
      h("span", { class: `am-machines-mark${isAt ? " am-now" : ""} am-machines-${kind}`, title: at < 0 ? "no record yet" : `${isAt ? "the cursor's record" : "last record"}: ${kind}, ${data.titleAt(at)}` }, MACHINES_SIGNS[kind] ?? ""),
      h("span", { class: "am-machines-count" }, m.count ? [h("span", {}, count(done)), h("span", { class: "am-muted" }, " ‹ "), h("span", { class: "am-muted" }, count(left))] : h("span", { class: "am-muted" }, "no records")),
      h("canvas", { class: "am-machines-spark", "aria-hidden": "true" }));
  }
  indent(row) {
    return Math.min(row.depth, 6) * (this.room ? 8 : 12);
  }
  // A name where room is short: without what its parent's name says already, and cut in the middle, as ends tell names apart.
  shortName(row) {
    const { m } = row;
    const own = m.parent && row.depth && m.label.startsWith(m.parent) && m.label.length > m.parent.length ? `…${m.label.slice(m.parent.length)}` : m.label;
    return middle(own, Math.max(7, Math.floor((this.room - this.indent(row) - (m.errors ? 32 : 0)) / 6.5)));
  }
  // Density of a machine's records over the session, up to the cursor and after it.
  spark(el) {
    if (this.root.classList.contains("am-narrow")) return;
    const { data, focus } = this.desk;
    const m = data.byKey.get(el.dataset.key);
    let kept = this.sparks.get(m);
    if (!kept || kept.version !== data.version) this.sparks.set(m, (kept = { version: data.version, bins: machinesDensity(m, data.count, MACHINES_SPARK) }));
    const now = data.count ? Math.floor(((focus.position + 1) / data.count) * MACHINES_SPARK) : 0;
    const sign = `${data.version} ${now} ${this.root.dataset.theme}`;
    if (el.spark === sign) return;
    el.spark = sign;
    const g = fitCanvas(el.querySelector("canvas"), MACHINES_SPARK, MACHINES_SPARK_HIGH);
    g.clearRect(0, 0, MACHINES_SPARK, MACHINES_SPARK_HIGH);
    for (let k = 0; k < MACHINES_SPARK; k++) {
      if (!kept.bins[k]) continue;
      const high = Math.max(1.5, Math.sqrt(kept.bins[k]) * (MACHINES_SPARK_HIGH - 2));
      g.fillStyle = k < now ? this.paint.blue : this.paint.grey;
      g.fillRect(k, MACHINES_SPARK_HIGH - 1 - high, 1, high);
    }
    g.fillStyle = this.paint.rule;
    g.fillRect(0, MACHINES_SPARK_HIGH - 1, MACHINES_SPARK, 1);
    g.fillStyle = this.paint.ink;
    g.fillRect(Math.min(MACHINES_SPARK - 1, now), 0, 1, MACHINES_SPARK_HIGH);
  }
  reveal() {
    const k = this.rows.findIndex((row) => row.m.key === this.desk.focus.machine);
    if (k < 0) return;
    const { box } = this, top = k * MACHINES_ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + MACHINES_ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + MACHINES_ROW - box.clientHeight;
  }

  // Shows or hides the machines that are listed.
  pick(act) {
    const { desk } = this;
    const listed = this.kept.query.trim() ? this.fits : new Set(desk.data.machines);
    const hidden = new Set(desk.filters.hidden);
    for (const m of listed) {
      if (act(!hidden.has(m.key))) hidden.delete(m.key);
      else hidden.add(m.key);
    }
    desk.filter({ hidden: [...hidden] });
  }
  toggle(m) {
    const { hidden } = this.desk.filters;
    this.desk.filter({ hidden: hidden.includes(m.key) ? hidden.filter((key) => key !== m.key) : [...hidden, m.key] });
  }
  fold(m) {
    this.kept.folded.has(m.key) ? this.kept.folded.delete(m.key) : this.kept.folded.add(m.key);
    this.rows = null;
    this.schedule();
  }
  clicked(event) {
    const { desk } = this;
    const row = event.target.closest("[role=treeitem]");
    const m = row && desk.data.byKey.get(row.dataset.key);
    if (!m) return;
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "pick") this.toggle(m);
    else if (act === "fold") this.fold(m);
    else if (act === "error") this.nextError(m);
    else desk.set({ machine: m.key });
  }
  doubled(event) {
    const m = this.desk.data.byKey.get(event.target.closest("[role=treeitem]")?.dataset.key);
    if (m && !event.target.closest("[data-act]")) this.enter(m);
  }
  // To the machine's record that is nearest to the cursor.
  enter(m = this.desk.machine) {
    const { desk } = this;
    if (!m?.count) return this.say(`${m?.label ?? "This machine"} has no records`);
    const p = desk.focus.position, k = m.upTo(p);
    const before = k ? m.positions.a[k - 1] : -1, after = k < m.count ? m.positions.a[k] : -1;
    desk.jump(before < 0 ? after : after < 0 || p - before <= after - p ? before : after);
  }
  nextError(m) {
    const { desk } = this;
    const at = [];
    m.states.forEach((name, s) => {
      if (name !== "Exception" && !name.startsWith("Err")) return;
      const { positions, ticks } = m.changes[s];
      for (let k = 0; k < positions.n; k++) if (ticks.a[k] % 2) at.push(positions.a[k]);
    });
    at.sort((a, b) => a - b);
    if (at.length) desk.jump(at.find((p) => p > desk.focus.position) ?? at[0]);
  }
  move(by) {
    const { rows, desk } = this;
    if (!rows?.length) return;
    const k = rows.findIndex((row) => row.m.key === desk.focus.machine);
    const next = rows[k < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, k + by))];
    desk.set({ machine: next.m.key });
  }
  searchKey(event) {
    if (event.key === "Escape" && this.search.value) {
      event.stopPropagation();
      this.search.value = this.kept.query = "";
      this.rows = null;
      this.schedule();
    } else if (event.key === "ArrowDown" || event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.box.focus();
      if (event.key !== "Escape" && this.rows?.length && !this.rows.some((row) => row.m.key === this.desk.focus.machine)) this.desk.set({ machine: (this.rows.find((row) => !row.isContext) ?? this.rows[0]).m.key });
    }
  }
  keys() {
    return {
      ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1), Enter: () => this.enter(), "/": () => this.search.focus(),
      h: () => this.desk.machine && this.toggle(this.desk.machine),
      "+": () => this.desk.machine && this.kept.folded.has(this.desk.machine.key) && this.fold(this.desk.machine),
      "-": () => this.desk.machine && !this.kept.folded.has(this.desk.machine.key) && this.fold(this.desk.machine),
    };
  }
  help() {
    return [["↓ ↑", "choose a machine"], ["Enter", "go to its nearest record"], ["/", "search"], ["h", "hide or show it"], ["+ -", "unfold, fold"]];
  }
}

export default widget(MachinesView);
