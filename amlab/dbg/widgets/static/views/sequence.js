// The sequence (space-time): machines as columns, records downwards with causes before effects, messages as arrows.
//
// There is no wall time here, only order; what passed between rows stands small at the left.

import { h, fill, count, plural } from "../shared/dom.js";
import { View, widget } from "../shared/view.js";
import { Pane, Texts, headName } from "../shared/pane.js";
import { SequenceRows } from "../sequence/model.js";
import { sequenceColumns } from "../sequence/columns.js";
import { SEQUENCE_HEIGHTS, paintSequence, sequenceLayout, sequenceBlockWidth, sequenceRowWords } from "../sequence/paint.js";

const SEQUENCE_WIDTHS = [34, 0, 120, 200]; // of columns; 0: as the room allows
const SEQUENCE_SPARE = 90; // right of the last column, for words and slanted names

export class SequenceView extends View {
  static title = "Sequence";
  static kind = "sequence";

  build(body) {
    const { desk } = this;
    this.model = new SequenceRows(desk);
    this.texts = new Texts();
    const kept = (this.kept = desk.memory.sequence ??= {});
    this.size = kept.size ?? 1;
    this.byTraffic = !!(this.options.by_traffic ?? kept.byTraffic);
    this.causes = !!(this.options.causes ?? kept.causes);
    this.model.talkingOnly = !!(this.options.talking ?? kept.talking);
    this.model.isFolded = kept.isFolded ?? true;
    this.hover = -1;
    this.cursorRow = -1;
    this.follow = true;
    this.columns = [];
    this.columnOf = new Map();
    const toggle = (name, words, label) => h("button", { class: "am-button", type: "button", title: words, onclick: () => this.toggle(name) }, label);
    this.causesEl = toggle("causes", "Light up what caused the chosen record and what it led to (h)", "causes");
    this.foldEl = toggle("fold", "Runs of records without messages as one block (o)", "fold runs");
    this.trafficEl = toggle("byTraffic", "Machines that talk stand close together (r)", "by traffic");
    this.talkingEl = toggle("talking", "Leave out machines without messages (q)", "talking only");
    fill(this.toolsEl, this.causesEl, this.foldEl, this.talkingEl, this.trafficEl);
    this.veiledWords = h("span");
    this.veiledEl = h("div", { class: "am-veiled", hidden: true }, this.veiledWords, h("button", { class: "am-button", type: "button", "aria-label": "Show all machines", onclick: () => desk.filter({ hidden: [], rpc: true, disconnected: true }) }, "show all"));
    this.wordsEl = h("span", { class: "am-foot-words" });
    this.pane = new Pane(this, "Sequence of messages", this.wordsEl);
    this.headsEl = h("div", { class: "am-heads", role: "group", "aria-label": "Machines" });
    this.pane.over.append(this.headsEl);
    this.legend = h("span", { class: "am-legend", "aria-hidden": "true" }, [["|", "executed"], ["○", "auto"], ["✕", "canceled"], ["▽", "queued"], ["?", "check"], ["◆", "error"]].map(([sign, words]) => h("span", {}, h("b", {}, sign), words)));
    this.blankEl = this.blank("");
    this.foot = h("div", { class: "am-foot" }, this.wordsEl, this.legend);
    fill(body, this.veiledEl, this.blankEl, this.pane.el, this.foot);
    const { canvas } = this.pane, { signal } = this;
    canvas.addEventListener("pointermove", (event) => this.pointed(event), { signal });
    canvas.addEventListener("pointerleave", () => { this.hover = -1; this.schedule(); }, { signal });
    canvas.addEventListener("click", (event) => this.clicked(event), { signal });
    this.pane.onZoom((n, at) => this.zoom(n, at));
  }

  keys() {
    const pan = (n) => () => this.pane.scrollTo(this.pane.top, this.pane.left + n);
    return {
      ArrowUp: () => this.move(-1),
      ArrowDown: () => this.move(1),
      Enter: () => this.cursorRow >= 0 && this.openRun(this.cursorRow),
      h: () => this.toggle("causes"),
      o: () => this.toggle("fold"),
      q: () => this.toggle("talking"),
      r: () => this.toggle("byTraffic"),
      x: () => this.desk.focus.machine && this.hide(this.desk.focus.machine),
      w: () => this.zoom(1), s: () => this.zoom(-1), 0: () => this.zoom(1 - this.size),
      a: pan(-160), d: pan(160),
      f: () => { this.follow = true; this.schedule(); },
    };
  }
  help() {
    return [["↑ ↓", "row above, row below"], ["Enter", "open a block of records, or close it"], ["h", "light up causes and effects"], ["o", "fold runs without messages"],
      ["q", "leave out machines without messages"], ["r", "order machines by traffic"], ["x", "hide the chosen machine"], ["w s", "wider, narrower columns"], ["a d", "scroll sideways"], ["f", "back to the cursor"]];
  }

  toggle(name) {
    if (name === "fold") {
      this.model.isFolded = !this.model.isFolded;
      this.model.opened.clear();
    } else if (name === "talking") this.model.talkingOnly = !this.model.talkingOnly;
    else this[name] = !this[name];
    Object.assign(this.kept, { byTraffic: this.byTraffic, causes: this.causes, talking: this.model.talkingOnly, isFolded: this.model.isFolded });
    this.columnsKey = "";
    this.follow = true;
    this.schedule();
  }
  // Goes to the row above or below.
  move(n) {
    const { model, desk } = this;
    model.update();
    if (!model.count) return;
    const at = desk.focus.position < 0 ? -1 : model.rowAt(desk.focus.position);
    const row = at + n;
    if (row < 0 || row >= model.count) return;
    desk.set({ position: model.first[row] });
  }
  // Opens the block of a row, or closes the run that the row belongs to.
  openRun(row) {
    const { model, pane } = this;
    const run = model.run[row];
    if (run < 0 || !model.isFolded) return false;
    if (model.size[row] > 1) model.opened.add(run);
    else if (model.opened.has(run)) model.opened.delete(run);
    else return false;
    const before = model.rowOf[run] * this.rowHeight - pane.top;
    model.update();
    this.arrange();
    pane.scrollTo(model.rowOf[run] * this.rowHeight - before);
    this.follow = true;
    this.schedule();
    return true;
  }
  hide(key) {
    const { desk } = this;
    if (!desk.filters.hidden.includes(key)) desk.filter({ hidden: [...desk.filters.hidden, key] });
  }
  zoom(by, at) {
    const size = Math.max(0, Math.min(SEQUENCE_WIDTHS.length - 1, this.size + by));
    if (size === this.size || !this.rowHeight) return;
    const { pane } = this;
    const y = at ? at.y : this.layout.head + (this.cursorRow >= 0 ? this.cursorRow * this.rowHeight - pane.top : 0), x = at ? at.x : this.layout.gutter;
    const row = (y - this.layout.head + pane.top) / this.rowHeight, column = (x - this.layout.gutter + pane.left) / this.columnWidth;
    this.size = this.kept.size = size;
    this.arrange();
    pane.scrollTo(row * this.rowHeight + this.layout.head - y, column * this.columnWidth + this.layout.gutter - x);
    this.schedule();
  }

  changed(event, what) {
    if (event === "detail") return;
    if (event === "focus" && (what?.old?.position !== this.desk.focus.position || what?.old?.machine !== this.desk.focus.machine)) this.follow = true;
    if (event === "filters") this.follow = true;
    super.changed(event, what);
  }

  arrange() {
    const { desk, model, pane } = this;
    model.update();
    const key = `${desk.data.machines.length}|${JSON.stringify(desk.filters)}|${this.byTraffic}|${model.leavesOut}|${model.leavesOut ? model.talks.size : 0}|${desk.data.machines.reduce((n, m) => n + (m.count > 0 ? 1 : 0), 0)}`;
    if (this.columnsKey !== key) {
      this.columnsKey = key;
      ({ columns: this.columns, silent: this.silent, quiet: this.quiet } = sequenceColumns(desk, model, this.byTraffic));
      this.columnOf = new Map(this.columns.map((m, c) => [m.number, c]));
      this.headsKey = "";
    }
    if (!pane.measure()) return false;
    this.rowHeight = SEQUENCE_HEIGHTS[this.size];
    const fitting = Math.floor((pane.width - sequenceLayout(desk.data.count, 0, 0).gutter - SEQUENCE_SPARE) / Math.max(1, this.columns.length));
    this.columnWidth = SEQUENCE_WIDTHS[this.size] || Math.max(44, Math.min(240, fitting));
    this.layout = sequenceLayout(desk.data.count, this.columnWidth, pane.height);
    pane.resize(this.layout.gutter + this.columns.length * this.columnWidth + SEQUENCE_SPARE, this.layout.head + model.count * this.rowHeight + 6);
    return true;
  }

  draw() {
    const started = performance.now();
    const { desk, pane, model } = this;
    const { data, focus } = desk;
    this.root.classList.toggle("am-tight", this.body.clientWidth < 900);
    this.titleEl.hidden = this.body.clientWidth < 520;
    model.update();
    const words = this.nothing();
    this.blankEl.hidden = !words;
    this.blankEl.textContent = words;
    pane.el.hidden = this.foot.hidden = !!words;
    const isSeen = this.arrange(), lit = words ? null : this.lit();
    this.tools();
    if (words || !isSeen) return;
    const { rowHeight, columnWidth } = this;
    this.cursorRow = focus.position < 0 ? -1 : model.rowAt(focus.position);
    const column = this.columnOf.get(desk.machine?.number);
    if (this.follow) {
      this.follow = false;
      const at = Math.max(0, this.cursorRow) * rowHeight + this.layout.head;
      pane.showRows(at, at + rowHeight, this.layout.head + rowHeight * 2, rowHeight * 3, 0.5);
      if (column !== undefined) pane.showColumns(this.layout.gutter + column * columnWidth, this.layout.gutter + (column + 1) * columnWidth, this.layout.gutter);
    }
    const top = pane.top, left = pane.left;
    const isExact = this.cursorRow >= 0 && model.rowOf[focus.position] === this.cursorRow;
    const isBlock = this.cursorRow >= 0 && model.size[this.cursorRow] > 1;
    this.scene = {
      rows: model, ...this.layout, columns: this.columns, columnOf: this.columnOf, columnWidth, rowHeight, top, left, width: pane.width, height: pane.height,
      from: Math.max(0, Math.floor(top / rowHeight)), to: Math.min(model.count, Math.ceil((top + pane.height - this.layout.head) / rowHeight)),
      first: Math.max(0, Math.floor(left / columnWidth)), last: Math.min(this.columns.length, Math.ceil((left + pane.width - this.layout.gutter) / columnWidth)),
      cursor: this.cursorRow, position: focus.position, isCursorExact: isExact, machine: desk.machine?.number ?? -1, hover: this.hover,
      inBlock: isBlock && isExact ? this.inBlock(focus.position) : 0, lit, paint: this.paint, texts: this.texts, data,
    };
    paintSequence(pane.begin(), this.scene);
    this.heads();
    this.tell();
    this.drawMs = performance.now() - started;
  }

  // Which record of its block a position is, from 1; 0 where that is not told (records are hidden between).
  inBlock(position) {
    const { data } = this.desk, { model } = this;
    const row = model.rowOf[position], first = data.index.a[model.first[row]], last = data.index.a[model.last[row]];
    return last - first + 1 === model.size[row] ? data.index.a[position] - first + 1 : 0;
  }
  // Rows of what caused the chosen record and of what it led to, or null where nothing is faint.
  lit() {
    const { model, desk } = this, { position } = desk.focus;
    if (!this.causes || position < 0) {
      this.causality = null;
      return null;
    }
    const key = `${position}|${model.builds}`;
    if (this.litKey !== key || !this.causality) {
      this.litKey = key;
      this.causality = model.causality(position);
      const rows = new Set([model.rowAt(position)]);
      for (const set of [this.causality.past, this.causality.future]) for (const p of set) if (model.rowOf[p] >= 0) rows.add(model.rowOf[p]);
      this.causality.rows = rows;
    }
    return this.causality;
  }

  nothing() {
    const { desk, model } = this;
    if (!desk.isLoaded) return desk.waiting;
    if (!desk.data.count) return desk.data.machines.length ? `${plural(desk.data.machines.length, "machine")}, but nothing was recorded.` : "This session has no machines.";
    if (!model.count) return `All ${plural(desk.data.count, "record")} are hidden by filters.`;
    return "";
  }

  tools() {
    const { desk, model } = this;
    const { data, filters } = desk;
    this.causesEl.setAttribute("aria-pressed", String(this.causes));
    this.foldEl.setAttribute("aria-pressed", String(model.isFolded));
    this.talkingEl.setAttribute("aria-pressed", String(model.talkingOnly));
    this.trafficEl.setAttribute("aria-pressed", String(this.byTraffic));
    const veiled = desk.isLoaded ? data.machines.filter((m) => !desk.shows(m)) : [];
    this.veiledEl.hidden = !veiled.length;
    this.veiledWords.textContent = veiled.length ? `${plural(veiled.length, "machine")} hidden: ${veiled.slice(0, 12).map((m) => m.label).join(", ")}${veiled.length > 12 ? " …" : ""}` : "";
    if (!desk.isLoaded || !data.count) {
      this.infoEl.textContent = "";
      return;
    }
    const folded = model.taken - model.count;
    const parts = [plural(desk.visible.length, "record"), model.messages ? plural(model.messages, "message") : "no message between machines was recorded"];
    if (folded > 0) parts.push(`${count(folded)} folded`);
    const out = [this.quiet ? `${count(this.quiet)} without messages` : "", this.silent ? `${count(this.silent)} without records` : ""].filter(Boolean);
    if (out.length) parts.push(`machines left out: ${out.join(", ")}`);
    if (this.causes && this.causality) parts.push(`caused by ${count(this.causality.past.size)}, led to ${count(this.causality.future.size)}`);
    this.infoEl.textContent = this.infoEl.title = parts.join(" · ");
  }

  heads() {
    const { scene: s, desk } = this;
    this.headsEl.style.left = `${s.gutter}px`;
    this.headsEl.style.height = `${s.head - 1}px`;
    const key = `${this.columnsKey}|${s.head}|${s.first}|${s.last}|${s.columnWidth}|${this.byTraffic}`;
    if (this.headsKey !== key) {
      this.headsKey = key;
      const focused = this.headsEl.querySelector(":focus");
      const kept = focused && [focused.className, focused.dataset.machine];
      const room = s.isSlanted ? (s.head - 36) / 0.788 : s.columnWidth - 12;
      this.names = [];
      for (let c = Math.max(0, s.first - (s.isSlanted ? 2 : 0)); c < s.last; c++) {
        const m = s.columns[c];
        this.names.push({ c, m, el: h("div", { class: s.isSlanted ? "am-column am-slanted" : "am-column", style: { width: `${s.columnWidth}px` }, title: m.label },
          h("button", { class: "am-who", type: "button", "data-machine": m.key, "aria-label": `Machine ${m.label}`, onclick: () => desk.set({ machine: m.key }) }, headName(this.pane, this.texts, m.label, room, `${s.isSlanted ? 11 : 12}px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`)),
          h("div", { class: "am-what" }, !s.isSlanted && m.role !== "other" && !m.label.startsWith(m.role) ? h("span", {}, m.role) : null,
            h("button", { class: "am-hide", type: "button", "data-machine": m.key, "aria-label": `Hide ${m.label}`, title: `Hide ${m.label}`, onclick: () => this.hide(m.key) }, "✕"))) });
      }
      fill(this.headsEl, this.names.map((name) => name.el));
      if (kept) [...this.headsEl.querySelectorAll("button")].find((b) => b.className === kept[0] && b.dataset.machine === kept[1])?.focus({ preventScroll: true });
    }
    for (const { c, m, el } of this.names) {
      el.style.left = `${Math.round(c * s.columnWidth - s.left)}px`;
      el.classList.toggle("am-on", m.number === s.machine);
    }
  }

  tell() {
    const { desk, model, scene: s } = this;
    const { data, focus } = desk;
    const at = `${focus.position}|${this.cursorRow}|${model.builds}`;
    if (this.toldOf === at) return;
    this.toldOf = at;
    this.pane.canvas.setAttribute("aria-label", `Sequence of ${plural(desk.visible.length, "record")} of ${plural(this.columns.length, "machine")}: ${plural(model.count, "row")}, ${plural(model.messages, "message")}`);
    if (this.cursorRow < 0) {
      fill(this.wordsEl, h("span", { class: "am-muted" }, "Before the first record. Press ↓ to step."));
      return;
    }
    const p = s.isCursorExact ? focus.position : model.first[this.cursorRow], m = data.machines[data.machine.a[p]], kind = data.kindAt(p);
    const q = data.source.a[p], led = model.causality(p, 1000).future.size;
    const cause = q >= 0 && q < data.count ? `caused by ${data.machines[data.machine.a[q]].label} ${count(data.index.a[q])}` : "";
    const effects = led ? `led to ${plural(led, "record")}` : "";
    const block = model.size[this.cursorRow] > 1 ? `in a block of ${plural(model.size[this.cursorRow], "record")}` : "";
    const more = [cause, effects, block].filter(Boolean).join(" · ");
    fill(this.wordsEl, h("span", { class: `am-kind am-kind-${kind}` }, kind), " ", h("b", {}, `${m.label} ${count(data.index.a[p])}`), ` ${data.titleAt(p)}`,
      more ? h("span", { class: "am-muted" }, ` · ${more}`) : null, s.isCursorExact ? null : h("span", { class: "am-muted" }, " · the cursor's record is hidden"));
    this.wordsEl.title = this.wordsEl.textContent;
    if (desk.active === this || !desk.active) this.say([`Record ${count(data.index.a[p])} of ${m.label}, ${kind}: ${data.titleAt(p)}`, cause, effects, block].filter(Boolean).join("; "));
  }

  // The pointer.

  hit(event) {
    const { pane, model, scene: s } = this;
    const { x, y } = pane.at(event);
    const row = !s || y < this.layout.head ? -1 : Math.floor((y - this.layout.head + pane.top) / this.rowHeight);
    if (row < 0 || row >= model.count) return { row: -1, x, y, isOnRun: false };
    const c = this.columnOf.get(this.desk.data.machine.a[model.first[row]]), middleX = c === undefined ? -1e9 : s.x(c);
    const run = model.run[row];
    const isBlock = model.size[row] > 1 && Math.abs(x - middleX) <= sequenceBlockWidth(this.columnWidth) / 2;
    const isHead = model.size[row] === 1 && run >= 0 && model.first[row] === run && model.opened.has(run) && model.runSizes.has(run) && x > middleX - 28 && x < middleX - 8;
    return { row, x, y, isOnRun: isBlock || isHead };
  }
  pointed(event) {
    const hit = this.hit(event);
    this.pane.canvas.style.cursor = hit.isOnRun ? "pointer" : "";
    if (this.hover !== hit.row) {
      this.hover = hit.row;
      this.schedule();
    }
    if (hit.row >= 0) this.pane.tip(hit.x, hit.y, sequenceRowWords(this.desk.data, this.model, hit.row));
    else this.pane.hideTip();
  }
  clicked(event) {
    const hit = this.hit(event), { desk, model } = this;
    this.root.focus({ preventScroll: true });
    this.pane.hideTip();
    if (hit.row < 0) return;
    const p = model.first[hit.row];
    if (hit.isOnRun && this.openRun(hit.row)) desk.set({ position: p });
    else desk.jump(p);
  }

  // For tests.

  // All rows: `{machine, first, last, size, cause}`, cause -1 where no message reaches it.
  rows(from = 0, to = this.model.count) {
    const out = [];
    for (let r = from; r < Math.min(to, this.model.count); r++) {
      const { first, last, size } = this.model;
      out.push({ machine: this.desk.data.machines[this.desk.data.machine.a[first[r]]].key, first: first[r], last: last[r], size: size[r], cause: this.model.causeOf(r) });
    }
    return out;
  }
  // Messages drawn last: `{cause, effect, from, to}` as positions and machine keys.
  messages() {
    return this.scene.arrows.map(({ row, cause, from, to }) => ({ cause, effect: this.model.first[row], from: this.columns[from].key, to: this.columns[to].key }));
  }
  // Where a row's mark is drawn, in CSS pixels of the canvas.
  placeOf(row) {
    return { x: this.scene.x(this.columnOf.get(this.desk.data.machine.a[this.model.first[row]])), y: this.scene.y(row) };
  }
}

export default widget(SequenceView);
