// The matrix ("rain"): records of the chosen machine as rows, its states as columns.
//
// A column is read downwards: a bar while the state is active, + where it was entered, − where it was left.

import { h, fill, count, plural, middle } from "../shared/dom.js";
import { View, widget } from "../shared/view.js";
import { Pane, Texts, headName } from "../shared/pane.js";
import { MatrixRows, matrixColumns, MATRIX_ACTIVE, MATRIX_CALLED, MATRIX_ENTERED, MATRIX_EXITED, MATRIX_REFUSED, MATRIX_TOUCHED } from "../matrix/rows.js";
import { MATRIX_SIZES, matrixLayout, matrixOverhang, matrixCellWords, paintMatrix } from "../matrix/paint.js";

const MATRIX_DETAILS_AFTER = 60; // ms without scrolling after which details of rows are asked for

export class MatrixView extends View {
  static title = "Matrix";
  static kind = "matrix";

  build(body) {
    const { desk } = this;
    this.rowsOf = new MatrixRows(desk);
    this.texts = new Texts();
    const kept = (this.kept = desk.memory.matrix ??= {});
    this.size = kept.size ?? 3;
    this.numbers = !!(this.options.numbers ?? kept.numbers);
    this.changedOnly = !!(this.options.changed_only ?? kept.changedOnly);
    this.hover = null;
    this.follow = true;
    this.chosen = { columns: [], unchanged: 0, others: 0 };
    this.machineEl = h("select", { class: "am-machine", "aria-label": "Machine", title: "Machine (m, Shift m)", onchange: () => desk.set({ machine: this.machineEl.value }) });
    this.groupEl = h("select", { "aria-label": "Group of states", title: "Only states of this group", onchange: () => desk.filter({ group: this.groupEl.value }) });
    this.changedEl = h("button", { class: "am-button", type: "button", title: "Leave out states that never changed (u)", onclick: () => this.toggle("changedOnly") }, "changed only");
    this.numbersEl = h("button", { class: "am-button", type: "button", title: "Show ticks as numbers (v)", onclick: () => this.toggle("numbers") }, "ticks");
    fill(this.toolsEl, this.machineEl, this.groupEl, this.changedEl, this.numbersEl);
    this.wordsEl = h("span", { class: "am-foot-words" });
    this.pane = new Pane(this, "Matrix of records and states", this.wordsEl);
    this.headsEl = h("div", { class: "am-heads", role: "row", "aria-label": "States" });
    this.pane.over.append(this.headsEl);
    const sign = (name, text, words) => h("span", {}, h("b", { class: `am-sign-${name}` }, text), words);
    this.legend = h("span", { class: "am-legend", "aria-hidden": "true" },
      sign("active", "", "active"), sign("entered", "+", "entered"), sign("exited", "−", "left"), sign("called", "", "called"), sign("touched", "", "touched"), sign("refused", "✕", "refused"));
    this.blankEl = this.blank("");
    this.foot = h("div", { class: "am-foot" }, this.wordsEl, this.legend);
    fill(body, this.blankEl, this.pane.el, this.foot);
    const { canvas } = this.pane, { signal } = this;
    canvas.addEventListener("pointermove", (event) => this.pointed(event), { signal });
    canvas.addEventListener("pointerleave", () => this.unpointed(), { signal });
    canvas.addEventListener("click", (event) => this.clicked(event), { signal });
    this.pane.onZoom((n, at) => this.zoom(n, at));
  }

  keys() {
    const pan = (n) => () => this.pane.scrollTo(this.pane.top, this.pane.left + n);
    return {
      ArrowUp: () => this.desk.command("prevOwn"),
      ArrowDown: () => this.desk.command("nextOwn"),
      u: () => this.toggle("changedOnly"),
      v: () => this.toggle("numbers"),
      w: () => this.zoom(1), s: () => this.zoom(-1), 0: () => this.zoom(3 - this.size),
      a: pan(-160), d: pan(160),
      f: () => { this.follow = true; this.schedule(); },
    };
  }
  help() {
    return [["↑ ↓", "record before, next record of this machine"], ["u", "only states that changed"], ["v", "ticks as numbers"],
      ["w s", "larger, smaller cells"], ["a d", "scroll sideways"], ["f", "back to the cursor"], ["0", "usual size"]];
  }

  toggle(what) {
    this[what] = this.kept[what] = !this[what];
    this.follow = true;
    this.schedule();
  }
  // Larger or smaller cells; what is under `at` (or the cursor) stays where it is.
  zoom(by, at) {
    const size = Math.max(0, Math.min(MATRIX_SIZES.length - 1, this.size + by));
    if (size === this.size || !this.layout) return;
    const { pane, layout: old } = this;
    const y = at ? at.y : old.head + (this.cursorRow >= 0 ? this.cursorRow * old.rowHeight - pane.top : 0);
    const x = at ? at.x : old.left;
    const row = (y - old.head + pane.top) / old.rowHeight, column = (x - old.left + pane.left) / old.columnWidth;
    this.size = this.kept.size = size;
    this.arrange();
    const l = this.layout;
    pane.scrollTo(row * l.rowHeight + l.head - y, column * l.columnWidth + l.left - x);
    this.schedule();
  }

  changed(event, what) {
    if (event === "focus" && (what?.old?.position !== this.desk.focus.position || what?.old?.machine !== this.desk.focus.machine || what?.old?.state !== this.desk.focus.state)) {
      this.follow = true;
      this.spoken = false;
    }
    if (event === "filters") this.follow = true;
    super.changed(event, what);
  }

  // Takes in machine, filters and room; false where there is nothing to draw.
  arrange() {
    const { desk, pane, rowsOf } = this;
    const m = desk.isLoaded ? desk.machine : null;
    rowsOf.update(m);
    const key = m ? `${m.number}|${m.states.length}|${desk.filters.group}|${this.changedOnly}|${this.changedOnly ? desk.data.version : ""}` : "";
    if (this.columnsKey !== key) {
      this.columnsKey = key;
      this.chosen = matrixColumns(m, desk.filters.group, this.changedOnly);
      this.columnOf = new Map(this.chosen.columns.map((s, c) => [s, c]));
      this.longest = m ? this.chosen.columns.reduce((n, s) => Math.max(n, m.states[s].length), 0) : 0;
      this.headsKey = "";
    }
    if (!pane.measure()) return false;
    const l = (this.layout = matrixLayout(this.size, this.numbers, m?.count ?? 0, pane, this.longest));
    pane.resize(l.left + this.chosen.columns.length * l.columnWidth + matrixOverhang(l), l.head + rowsOf.count * l.rowHeight + 4);
    return true;
  }

  draw() {
    const started = performance.now();
    const { desk, pane, rowsOf } = this;
    const { data, focus } = desk;
    this.root.classList.toggle("am-tight", this.body.clientWidth < 640);
    this.titleEl.hidden = this.body.clientWidth < 520;
    const words = this.nothing();
    this.blankEl.hidden = !words;
    this.blankEl.textContent = words;
    pane.el.hidden = this.foot.hidden = !!words;
    const isSeen = this.arrange();
    this.tools();
    if (words || !isSeen) return;
    const l = this.layout, m = desk.machine;
    this.cursorRow = focus.position < 0 ? -1 : rowsOf.rowAt(focus.position);
    const state = focus.state ? m.states.indexOf(focus.state) : -1;
    this.chosenColumn = state < 0 ? -1 : (this.columnOf.get(state) ?? -1);
    if (this.follow) {
      this.follow = false;
      const at = Math.max(0, this.cursorRow) * l.rowHeight + l.head;
      pane.showRows(at, at + l.rowHeight, l.head + l.rowHeight, l.rowHeight * 2, 0.75);
      if (this.chosenColumn >= 0) pane.showColumns(l.left + this.chosenColumn * l.columnWidth, l.left + (this.chosenColumn + 1) * l.columnWidth + 20, l.left);
    }
    const top = pane.top, left = pane.left;
    const from = Math.max(0, Math.floor(top / l.rowHeight));
    const to = Math.min(rowsOf.count, Math.ceil((top + pane.height - l.head) / l.rowHeight));
    const first = Math.max(0, Math.floor(left / l.columnWidth));
    const last = Math.min(this.chosen.columns.length, Math.ceil((left + pane.width - l.left) / l.columnWidth));
    this.scene = {
      layout: l, rows: rowsOf, columns: this.chosen.columns, from, to, first, last, top, left, width: pane.width, height: pane.height, cursor: this.cursorRow,
      isCursorExact: this.cursorRow >= 0 && rowsOf.positions[this.cursorRow] === focus.position, chosen: this.chosenColumn, hover: this.hover,
      numbers: this.numbers && !l.isSmall, paint: this.paint, texts: this.texts, data,
    };
    paintMatrix(pane.begin(), this.scene);
    this.heads(m);
    this.tell(m);
    this.details(from, to);
    this.drawMs = performance.now() - started;
  }

  // What to say in place of a matrix, or "".
  nothing() {
    const { desk } = this;
    if (!desk.isLoaded) return desk.waiting;
    if (!desk.data.machines.length) return "This session has no machines.";
    const m = desk.machine;
    if (!m) return "No machine is chosen.";
    if (!m.states.length) return `${m.label} has no states.`;
    if (!m.count) return `${m.label} has no records.`;
    this.rowsOf.update(m);
    if (!this.rowsOf.count) return `All ${plural(m.count, "record")} of ${m.label} are hidden by filters.`;
    return "";
  }

  tools() {
    const { desk } = this;
    const { data, filters } = desk;
    const m = desk.isLoaded ? desk.machine : null;
    const shown = `${data.version}|${data.machines.length}`;
    if (this.machinesShown !== shown && !this.machineEl.matches(":focus")) {
      this.machinesShown = shown;
      fill(this.machineEl, data.machines.map((other) => h("option", { value: other.key }, `${middle(other.label, 32)} (${count(other.count)})`)));
    }
    if (m) this.machineEl.value = m.key;
    this.machineEl.hidden = !data.machines.length;
    const groups = Object.keys(m?.groups ?? {});
    const groupsShown = groups.join("\n");
    if (this.groupsShown !== groupsShown) {
      this.groupsShown = groupsShown;
      fill(this.groupEl, h("option", { value: "" }, "all states"), groups.map((name) => h("option", { value: name }, middle(name, 24))));
    }
    this.groupEl.hidden = !groups.length;
    this.groupEl.value = groups.includes(filters.group) ? filters.group : "";
    this.changedEl.setAttribute("aria-pressed", String(this.changedOnly));
    this.numbersEl.setAttribute("aria-pressed", String(this.numbers));
    if (!m) {
      this.infoEl.textContent = "";
      return;
    }
    const { columns, unchanged, others } = this.chosen;
    const out = [];
    if (this.changedOnly && unchanged) out.push(`${plural(unchanged, "state")} that never changed left out`);
    if (others) out.push(`${plural(others, "state")} of other groups left out`);
    else if (filters.group && !m.groups[filters.group]) out.push(`no group ${filters.group} here`);
    if (!m.has_schema) out.push("no schema was recorded");
    if (this.stepsMissing) out.push("steps are not in this page, so touched states are not marked");
    const text = [`${plural(this.rowsOf.count, "record")}, ${plural(columns.length, "state")}`, ...out].join(" · ");
    this.infoEl.textContent = text;
    this.infoEl.title = text;
  }

  // Names over the columns: buttons, only for those in view.
  heads(m) {
    const { layout: l, scene: s, headsEl } = this;
    headsEl.style.left = `${l.left}px`;
    headsEl.style.height = `${l.head - 1}px`;
    headsEl.style.display = l.isSmall ? "none" : "";
    if (l.isSmall) return;
    const key = `${this.columnsKey}|${l.head}|${s.first}|${s.last}|${this.size}|${this.numbers}`;
    if (this.headsKey !== key) {
      this.headsKey = key;
      const focused = headsEl.querySelector(":focus")?.dataset.state;
      this.names = [];
      // A name leans over columns to its right, so some left of the view are there too.
      for (let c = Math.max(0, s.first - 4); c < s.last; c++) {
        const state = s.columns[c];
        this.names.push({
          c, state,
          el: h("button", { class: "am-name", type: "button", tabIndex: -1, "data-state": state, title: m.states[state], "aria-label": `State ${m.states[state]}`, "aria-pressed": "false",
            onclick: () => this.choose(state), onkeydown: (event) => this.headKey(event, c),
            onpointerenter: () => { this.hover = { row: -1, column: c }; this.schedule(); }, onpointerleave: () => this.unpointed() }, headName(this.pane, this.texts, m.states[state], (l.head - 22) / 0.848)),
        });
      }
      fill(headsEl, this.names.map((name) => name.el));
      if (focused !== undefined) headsEl.querySelector(`[data-state="${focused}"]`)?.focus({ preventScroll: true });
    }
    const row = this.cursorRow >= 0 ? this.rowsOf.row(this.cursorRow) : null;
    const reach = this.chosenColumn >= s.first && this.chosenColumn < s.last ? this.chosenColumn : s.first;
    for (const { c, state, el } of this.names) {
      el.style.left = `${Math.round((c + 0.5) * l.columnWidth - s.left + 5)}px`;
      el.style.visibility = c < s.first ? "hidden" : "";
      el.setAttribute("aria-pressed", String(c === this.chosenColumn));
      el.classList.toggle("am-live-state", !!row && !!(row.marks[state] & MATRIX_ACTIVE));
      el.classList.toggle("am-on", this.hover?.column === c);
      el.tabIndex = c === reach ? 0 : -1;
    }
  }
  headKey(event, c) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const to = c + step, { layout: l, pane } = this;
    if (to < 0 || to >= this.chosen.columns.length) return;
    pane.showColumns(l.left + to * l.columnWidth, l.left + (to + 1) * l.columnWidth + 20, l.left);
    this.draw();
    this.headsEl.querySelector(`[data-state="${this.chosen.columns[to]}"]`)?.focus({ preventScroll: true });
  }
  // Chooses a state, or no longer.
  choose(state) {
    const { desk } = this;
    const name = desk.machine.states[state];
    desk.set({ state: desk.focus.state === name ? "" : name });
  }

  // The words below, and for those who listen.
  tell(m) {
    const { desk } = this;
    const { data, focus } = desk;
    const row = this.cursorRow >= 0 ? this.rowsOf.row(this.cursorRow) : null;
    const at = `${m.number}|${row?.index}|${focus.state}|${focus.position}|${row?.touched}|${this.rowsOf.count}`;
    if (this.toldOf === at) return;
    this.toldOf = at;
    this.pane.canvas.setAttribute("aria-label", `Matrix of ${m.label}: ${plural(this.rowsOf.count, "record")} by ${plural(this.chosen.columns.length, "state")}`);
    if (!row) {
      fill(this.wordsEl, h("span", { class: "am-muted" }, `Before the first record of ${m.label}. Press ↓ to step.`));
      return;
    }
    const names = (bit, but = 0) => m.states.filter((_, s) => row.marks[s] & bit && !(row.marks[s] & but));
    const entered = names(MATRIX_ENTERED), exited = names(MATRIX_EXITED);
    const touched = names(MATRIX_TOUCHED, MATRIX_CALLED | MATRIX_ENTERED | MATRIX_EXITED);
    const active = names(MATRIX_ACTIVE);
    const state = focus.state ? m.states.indexOf(focus.state) : -1;
    const cell = state >= 0 ? `${focus.state} is ${row.marks[state] & MATRIX_ACTIVE ? "active" : "inactive"}, tick ${count(row.clocks[state])}` : "";
    const exact = row.position === focus.position;
    fill(this.wordsEl,
      h("span", { class: `am-kind am-kind-${row.kind}` }, row.kind), ` ${count(row.index)} `, h("b", {}, data.titleAt(row.position)),
      entered.length ? h("span", { class: "am-entered" }, ` +${entered.join(" +")}`) : null,
      exited.length ? h("span", { class: "am-exited" }, ` −${exited.join(" −")}`) : null,
      row.gap ? h("span", { class: "am-exited" }, " what came before was not recorded") : null,
      touched.length ? h("span", { class: "am-muted" }, ` touched ${touched.join(", ")}`) : null,
      cell ? h("span", { class: "am-muted" }, ` · ${cell}`) : null,
      exact ? null : h("span", { class: "am-muted" }, " · its last record before the cursor"));
    this.wordsEl.title = this.wordsEl.textContent;
    const said = [`Record ${row.index} of ${m.label}, ${row.kind}: ${data.titleAt(row.position)}`, entered.length ? `entered ${entered.join(", ")}` : "",
      exited.length ? `left ${exited.join(", ")}` : "", cell, active.length ? `active: ${active.join(", ")}` : "nothing active"];
    if (desk.active === this || !desk.active) this.say(said.filter(Boolean).join("; "));
  }

  // Details of the rows in view, once scrolling rests.
  details(from, to) {
    clearTimeout(this.detailsDue);
    this.detailsDue = setTimeout(() => {
      if (this.signal.aborted || !this.rowsOf.machine) return;
      const missing = this.rowsOf.want(from, Math.min(to, this.rowsOf.count));
      if (missing !== !!this.stepsMissing) {
        this.stepsMissing = missing;
        this.schedule();
      }
    }, MATRIX_DETAILS_AFTER);
  }

  // The pointer.

  hit(event) {
    const { layout: l, pane, rowsOf } = this;
    if (!l) return { row: -1, column: -1, x: 0, y: 0 };
    const { x, y } = pane.at(event);
    const row = y < l.head ? -1 : Math.floor((y - l.head + pane.top) / l.rowHeight);
    const column = x < l.left ? -1 : Math.floor((x - l.left + pane.left) / l.columnWidth);
    return { row: row < rowsOf.count ? row : -1, column: column < this.chosen.columns.length ? column : -1, x, y };
  }
  pointed(event) {
    const hit = this.hit(event);
    const { rowsOf, desk } = this, m = rowsOf.machine;
    if (this.hover?.row !== hit.row || this.hover?.column !== hit.column) {
      this.hover = hit;
      this.schedule();
    }
    const row = m ? rowsOf.row(hit.row) : null;
    if (row && hit.column >= 0) this.pane.tip(hit.x, hit.y, matrixCellWords(desk.data, m, row, this.chosen.columns[hit.column]));
    else if (row) this.pane.tip(hit.x, hit.y, [`record ${count(row.index)}: ${desk.data.titleAt(row.position)}`, row.gap ? `${row.kind}; what came before was not recorded` : row.kind]);
    else if (hit.column >= 0 && this.layout.isSmall && hit.y < this.layout.head) this.pane.tip(hit.x, hit.y, [m.states[this.chosen.columns[hit.column]]]);
    else this.pane.hideTip();
  }
  unpointed() {
    this.hover = null;
    this.pane.hideTip();
    this.schedule();
  }
  clicked(event) {
    const hit = this.hit(event), { desk, rowsOf } = this;
    this.root.focus({ preventScroll: true });
    const state = hit.column >= 0 ? this.chosen.columns[hit.column] : -1;
    if (hit.row >= 0) desk.jump(rowsOf.positions[hit.row], { machine: rowsOf.machine.key, ...(state >= 0 ? { state: rowsOf.machine.states[state] } : {}) });
    else if (state >= 0) this.choose(state);
  }

  destroyed() {
    clearTimeout(this.detailsDue);
  }

  // For tests.

  get rowCount() {
    return this.rowsOf.count;
  }
  columns() {
    return this.chosen.columns.map((s) => this.rowsOf.machine.states[s]);
  }
  // Rows drawn last: `{row, position, index, kind, gap}`.
  rows() {
    return this.scene.shown.map(({ position, index, kind, gap }, k) => ({ row: this.scene.from + k, position, index, kind, gap }));
  }
  // What a cell shows.
  cellAt(row, name) {
    const r = this.rowsOf.row(row), s = this.rowsOf.machine.states.indexOf(name), m = r.marks[s];
    return {
      active: !!(m & MATRIX_ACTIVE), entered: !!(m & MATRIX_ENTERED), exited: !!(m & MATRIX_EXITED), called: !!(m & MATRIX_CALLED),
      touched: !!(m & MATRIX_TOUCHED), refused: !!(m & MATRIX_REFUSED), tick: r.clocks[s],
    };
  }
  // Where a cell is drawn, in CSS pixels of the canvas.
  boxOf(row, name) {
    const { layout: l, pane } = this, c = this.columns().indexOf(name);
    return { x: l.left + c * l.columnWidth - pane.left, y: l.head + row * l.rowHeight - pane.top, width: l.columnWidth, height: l.rowHeight };
  }
}

export default widget(MatrixView);
