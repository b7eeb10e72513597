// The timeline: a lane per machine, one per state where unfolded, over wall time, time without idle spans, or order.
//
// Options: `axis` (time, cut, order), `idle_ms` (gaps above it are cut; found by looking if absent), `arrows` (false: none).
// This file keeps what is shown (the part of the axis, the lanes, the range) and answers keys and pointer; the modules in
// static/timeline know the axis, the lanes, the pictures and the words.

import { fill, plural, span } from "../shared/dom.js";
import { above } from "../shared/data.js";
import { View, widget } from "../shared/view.js";
import { TimelineScale, TIMELINE_MODES, timelineFrom } from "../timeline/scale.js";
import { TimelineTallies } from "../timeline/tally.js";
import { TimelineRows, TIMELINE_GROUP, TIMELINE_MACHINE, TIMELINE_STATE } from "../timeline/rows.js";
import { timelineSpanAt } from "../timeline/spans.js";
import { TimelineWindow } from "../timeline/columns.js";
import { timelineTicks, timelineTick } from "../timeline/axis.js";
import { timelineChain } from "../timeline/arrows.js";
import { TimelinePicture } from "../timeline/picture.js";
import { timelineHit } from "../timeline/hit.js";
import { timelineLength, timelineMeasure, timelineRecordWords, timelineSpanWords, timelineTable } from "../timeline/words.js";
import { timelineElements } from "../timeline/elements.js";
import { timelinePointer } from "../timeline/pointer.js";

export class TimelineView extends View {
  static title = "Timeline";
  static kind = "timeline";

  build(body) {
    const { options } = this;
    this.scale = new TimelineScale(options.idle_ms ?? 0);
    if (TIMELINE_MODES.some(([name]) => name === options.axis)) this.wantedMode = options.axis;
    this.tallies = new TimelineTallies();
    this.rows = new TimelineRows();
    this.picture = new TimelinePicture(getComputedStyle(this.root).fontFamily || "sans-serif");
    this.rowsStale = true;
    this.rowsFor = 0;
    this.a = 0;
    this.b = 1;
    this.isAll = true;
    this.width = 0;
    this.rowKey = "";
    this.span = null; // the range in places of the axis, finer than positions
    this.anchor = -1;
    this.hasArrows = options.arrows !== false;
    this.painted = 0; // when the first picture with records stood
    timelineElements(this, body);
    this.view = this.whole = new TimelineWindow(0, 1, 100);
    timelinePointer(this, this.stage, this.picture.axis, this.mapEl, this.signal);
    this.scroller.addEventListener("scroll", () => this.schedule(), { signal: this.signal, passive: true });
  }

  // Keys.

  keys() {
    const pan = (part) => () => this.panBy((this.b - this.a) * part);
    const zoom = (factor) => () => this.zoom(factor);
    const range = (command, n) => (event) => (event.shiftKey ? this.extend(n) : this.desk.command(command));
    return {
      w: zoom(1 / 1.5), W: zoom(1 / 4), s: zoom(1.5), S: zoom(4), "+": zoom(1 / 1.5), "=": zoom(1 / 1.5), "-": zoom(1.5),
      a: pan(-0.15), A: pan(-0.6), d: pan(0.15), D: pan(0.6),
      f: () => this.find(), F: () => this.find(), r: () => this.fitRange(), R: () => this.fitRange(), 0: () => this.showAll(),
      ArrowUp: () => this.moveRow(-1), ArrowDown: () => this.moveRow(1), Enter: () => this.toggle(this.chosen),
      ArrowRight: range("next", 1), ArrowLeft: range("prev", -1),
      x: () => this.nextMode(), g: () => this.toggleArrows(), v: () => this.toggleText(), u: () => this.foldAll(),
      Escape: () => this.clear(),
    };
  }
  help() {
    return [
      ["w / s", "zoom in, out; also + and −, or Ctrl + wheel"], ["a / d", "pan; also Shift + wheel, or drag the axis"], ["Shift", "with w, s, a, d: faster"],
      ["0", "show all; also a double click"], ["f", "the chosen record in the middle; again: as large as it fits"], ["r", "the range as large as it fits"],
      ["ArrowUp", "lane above"], ["ArrowDown", "lane below"], ["Enter", "fold or unfold the lane"], ["u", "fold or unfold all machines"],
      ["Shift →", "extend the range; or drag on the lanes"], ["x", "axis: time, idle cut, order"], ["g", "arrows from causes"], ["v", "as a table"],
    ];
  }

  // What the desk tells.

  changed(event, what) {
    if (event === "data") this._grown();
    else if (event === "filters") {
      this.tallies.forget();
      this.rowsStale = true;
    } else if (event === "focus") this._focused(what);
    this.schedule();
  }
  _grown() {
    const { data } = this.desk;
    if (data.machines.length !== this.rowsMachines || !this.rowsFor) this.rowsStale = true;
    else if (this.rows.open.size) {
      // A state that changed for the first time gets a lane.
      for (let k = this.rowsFor ? data.changeEnds.a[this.rowsFor - 1] : 0; k < data.changeState.n && !this.rowsStale; k++) {
        const p = above(data.changeEnds.a, k, data.changeEnds.n);
        const m = data.machines[data.machine.a[p]];
        if (m.changes[data.changeState.a[k]].positions.a[0] === p && this.rows.open.has(m.key)) this.rowsStale = true;
      }
    }
    this.rowsFor = data.count;
  }
  _focused({ origin, old }) {
    const { focus } = this.desk;
    if (focus.range !== old.range && !this.isSelecting) this._rangeFromDesk();
    if (focus.machine !== old.machine || focus.state !== old.state) this.rowKey = "";
    if (focus.position !== old.position || focus.machine !== old.machine || focus.state !== old.state) {
      this.isMoved = true; // to be brought in sight
      if (origin === "user" && this.desk.active === this) this.announce();
    }
  }
  _rangeFromDesk() {
    const { range } = this.desk.focus;
    this.prepare();
    this.span = range && this.scale.count ? range.map((p) => this.scale.u.a[Math.max(0, Math.min(this.scale.count - 1, p))]) : null;
  }

  // Takes over what came since the last picture; cheap when nothing did.
  prepare() {
    const { desk, scale } = this, { data } = desk;
    if (this.rowsStale) {
      this.rowsStale = false;
      this.rows.build(desk);
      this.rowsMachines = data.machines.length;
      this.rowsFor = data.count;
    }
    this.tallies.update(desk, (number) => this.rows.owners.get(number));
    const had = scale.count;
    if (had === data.count) return;
    const last = scale.last, version = scale.version;
    const times = had ? [scale.timeAt(this.a), scale.timeAt(this.b), ...(this.span ?? []).map((u) => scale.timeAt(u))] : [];
    scale.update(data);
    if (!had && this.wantedMode) scale.setMode(this.wantedMode);
    if (had && version !== scale.version) {
      [this.a, this.b] = times.map((ms) => scale.placeOf(ms));
      if (this.span) this.span = times.slice(2).map((ms) => scale.placeOf(ms));
    }
    if (!had || this.isAll) this.showAll();
    else if (desk.tail || (last >= this.a && last <= this.b)) this.panBy(this.full[1] - this.b);
    if (!had && desk.focus.range) this._rangeFromDesk();
    if (!had && desk.position >= 0) this.isMoved = true;
  }

  // The part of the axis that is shown.

  get full() {
    const { first, last } = this.scale, pad = (last - first) * 0.01 || 1;
    return [first - pad, last + pad];
  }
  show(a, b) {
    const [from, to] = this.full;
    const wide = Math.max(Math.min(this.scale.least, to - from), Math.min(b - a, to - from));
    if (b - a !== wide) {
      const middle = (a + b) / 2;
      a = middle - wide / 2;
    }
    this.a = Math.max(from, Math.min(a, to - wide));
    this.b = this.a + wide;
    this.isAll = wide >= (to - from) * 0.9999;
    this.schedule();
  }
  showAll() {
    this.show(...this.full);
  }
  zoom(factor, at = this._zoomCentre()) {
    this.show(at - (at - this.a) * factor, at + (this.b - at) * factor);
  }
  // Keys zoom at the chosen record if it is in sight.
  _zoomCentre() {
    const p = this.desk.position, u = p >= 0 && p < this.scale.count ? this.scale.u.a[p] : NaN;
    return u >= this.a && u <= this.b ? u : (this.a + this.b) / 2;
  }
  panBy(du) {
    this.show(this.a + du, this.b + du);
  }
  panPixels(dx) {
    this.panBy(dx / this.view.k);
  }
  centre(u) {
    this.panBy(u - (this.a + this.b) / 2);
  }
  fit(from, to) {
    const pad = (to - from) * 0.08 || this.scale.least;
    this.show(from - pad, to + pad);
  }
  fitRange() {
    if (this.span) this.fit(...this.span);
    else this.say("No range; drag on the lanes, or Shift with an arrow, selects one");
  }
  // Brings the selection to the middle; if it is there, fits to it.
  find() {
    this.prepare();
    const p = this.desk.position, { u } = this.scale;
    if (p < 0 || p >= this.scale.count) return this.showAll();
    const own = this._chosenSpan(p);
    let from = u.a[p], to = from;
    if (own) [from, to] = [u.a[own[0]], own[1] < 0 ? this.scale.last : u.a[own[1]]];
    const middle = (from + to) / 2;
    const there = Math.max(this.full[0] + (this.b - this.a) / 2, Math.min(this.full[1] - (this.b - this.a) / 2, middle));
    if (Math.abs((this.a + this.b) / 2 - there) * this.view.k > 1) return this.centre(middle);
    if (!own) {
      // A record: with its causes and effects, or its neighbours.
      const linked = [...timelineChain(this.desk.data, p), ...this.tallies.effectsOf(p)].map((q) => u.a[q]);
      if (linked.length) [from, to] = [Math.min(from, ...linked), Math.max(to, ...linked)];
      if (from === to) [from, to] = [u.a[Math.max(0, p - 10)], u.a[Math.min(this.scale.count - 1, p + 10)]];
      const half = Math.max(middle - from, to - middle);
      return this.fit(middle - half, middle + half);
    }
    this.fit(from, to);
  }
  _chosenSpan(p) {
    const { machine, focus } = this.desk, s = machine && focus.state ? machine.states.indexOf(focus.state) : -1;
    return s < 0 ? null : timelineSpanAt(machine.changes[s], p);
  }
  setMode(mode) {
    this.prepare();
    const { scale } = this, wasAll = this.isAll;
    const first = Math.max(0, scale.above(this.a) - 1), last = Math.min(scale.count - 1, scale.above(this.b));
    const range = this.span && this.span.map((u) => Math.max(0, scale.above(u) - 1));
    if (!scale.setMode(mode)) {
      this.say("No times were recorded, so records are placed by order");
      this.modeSelect.value = scale.mode;
      return;
    }
    if (range) this.span = range.map((p) => scale.u.a[p]);
    if (wasAll || !scale.count) this.showAll();
    else this.show(scale.u.a[first], scale.u.a[last]);
    this.say(TIMELINE_MODES.find(([name]) => name === mode)[2]);
  }
  nextMode() {
    const names = TIMELINE_MODES.map(([name]) => name);
    this.setMode(names[(names.indexOf(this.scale.mode) + 1) % names.length]);
  }

  // Lanes.

  get chosen() {
    if (this.rowKey) return this.rows.findKey(this.rowKey);
    const { machine, focus } = this.desk;
    return machine ? this.rows.find(machine.number, focus.state ? machine.states.indexOf(focus.state) : -1) : -1;
  }
  moveRow(n) {
    this.prepare();
    const row = Math.max(0, Math.min(this.rows.count - 1, this.chosen + n));
    if (row < this.rows.count) this.chooseRow(row);
  }
  chooseRow(row) {
    const { rows, desk } = this, type = rows.type.a[row], m = desk.data.machines[rows.machine.a[row]];
    if (type === TIMELINE_MACHINE) desk.set({ machine: m.key, state: "" });
    else if (type === TIMELINE_STATE) desk.set({ machine: m.key, state: m.states[rows.state.a[row]] });
    this.rowKey = rows.key(row);
    this.isMoved = false;
    this.sight(row);
    this.say(this._rowWords(row));
    this.schedule();
  }
  _rowWords(row) {
    const told = this.gutter.words(row, this.scene());
    return `${told.name}, ${told.title.split("\n").slice(1).join(", ")}${told.fold === "" ? "" : told.fold ? ", unfolded" : ", folded"}`;
  }
  // Scrolls a row into sight.
  sight(row) {
    if (row < 0 || row >= this.rows.count) return;
    const top = this.rows.top.a[row], tall = this.rows.heightOf(row), { scroller } = this;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + tall > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + tall - scroller.clientHeight;
  }
  toggle(row) {
    if (row < 0 || row >= this.rows.count) return;
    const { rows, desk } = this, { machines } = desk.data;
    const key = rows.type.a[row] === TIMELINE_STATE ? `${TIMELINE_MACHINE}:${rows.machine.a[row]}:` : rows.key(row);
    const isOpen = rows.toggle(row, machines);
    rows.build(desk);
    this.rowKey = key;
    const now = rows.findKey(key);
    this.space.style.height = `${rows.height}px`;
    this.sight(now);
    this.say(isOpen ? "unfolded" : "folded");
    this.schedule();
  }
  foldAll() {
    const { rows, desk } = this;
    if (rows.open.size || rows.openGroups.size) {
      rows.open.clear();
      rows.openGroups.clear();
    } else for (const m of desk.data.machines) if (desk.shows(m) && !rows.owners.has(m.number)) rows.open.add(m.key);
    rows.build(desk);
    this.isMoved = true;
    this.schedule();
  }
  tallyOf(row) {
    const number = this.rows.machine.a[row];
    return this.rows.type.a[row] === TIMELINE_GROUP ? this.tallies.groups.get(number) : this.tallies.own[number];
  }

  // The pointer.

  choose(x, y) {
    this.prepare();
    const found = timelineHit(this.scene(), x, y), { desk } = this;
    if (!found) return this.seekTo(this.view.u(x));
    const { rows } = this, { data } = desk;
    const m = data.machines[rows.machine.a[found.row]];
    const state = rows.type.a[found.row] === TIMELINE_STATE ? m.states[rows.state.a[found.row]] : "";
    const started = performance.now();
    if (found.span) desk.jump(found.span[0], { machine: m.key, state });
    else if (found.record !== undefined) desk.jump(found.record, { machine: data.machines[data.machine.a[found.record]].key, state: "" });
    else this.seekTo(this.view.u(x), m && rows.type.a[found.row] !== TIMELINE_GROUP ? { machine: m.key, state } : {});
    this.seekMs = performance.now() - started;
    this.isMoved = false;
  }
  // Goes to the last shown record at a place or before it.
  seekTo(u, more = {}) {
    this.prepare();
    const seen = this.desk.visible;
    let k = timelineFrom(seen, seen.length, this.scale.u.a, u);
    if (k < seen.length && this.scale.u.a[seen[k]] === u) k++;
    if (k) this.desk.jump(seen[k - 1], more) || this.desk.set(more);
    else this.desk.set({ position: -1, ...more });
  }
  hover(at) {
    if (!at || !this.scale.count) {
      this.tip.hidden = true;
      return;
    }
    const [x, y] = at, found = timelineHit(this.scene(), x, y), { desk, scale } = this;
    let words = "";
    if (found?.span) words = timelineSpanWords(desk.data, scale, found.machine, found.state, ...found.span);
    else if (found?.record !== undefined) words = timelineRecordWords(desk, scale, found.record, found.kinds);
    else {
      const cut = scale.mode === "cut" ? scale.cutAt(this.view.u(x)) : null;
      if (cut) words = `${span(cut.t1 - cut.t0)} idle, cut out`;
    }
    this.tip.hidden = !words;
    if (!words) return;
    if (this.tip.textContent !== words) this.tip.textContent = words;
    const root = this.root.getBoundingClientRect(), stage = this.stage.getBoundingClientRect();
    const left = stage.left - root.left + x, top = stage.top - root.top + y, wide = this.tip.offsetWidth, tall = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(4, left + 14 + wide > root.width ? left - wide - 10 : left + 14)}px`;
    this.tip.style.top = `${Math.max(4, top + 14 + tall > root.height ? top - tall - 8 : top + 14)}px`;
  }

  // The range.

  positionsIn([a, b]) {
    const { scale } = this;
    let first = scale.above(a);
    while (first > 0 && scale.u.a[first - 1] === a) first--;
    const last = scale.above(b) - 1;
    return last >= first ? [first, last] : null;
  }
  select(from, to) {
    this.prepare();
    this.isSelecting = true;
    this.span = [Math.min(from, to), Math.max(from, to)];
    this.schedule();
  }
  selected() {
    const range = this.positionsIn(this.span);
    this.desk.set({ range });
    this.isSelecting = false;
    this.say(`Range: ${timelineMeasure(this.desk, this.scale, this.tallies, range, ...this.span).join(", ")}`);
    this.schedule();
  }
  // Extends the range by records, from where the cursor is.
  extend(n) {
    const { desk } = this, { range } = desk.focus;
    if (!range || this.anchor < 0 || !range.includes(this.anchor)) this.anchor = Math.max(0, range ? range[n > 0 ? 0 : 1] : desk.position);
    desk.command(n > 0 ? "next" : "prev");
    const p = Math.max(0, desk.position);
    desk.set({ range: [Math.min(this.anchor, p), Math.max(this.anchor, p)] });
    if (this.span) this.say(`Range: ${timelineMeasure(desk, this.scale, this.tallies, desk.focus.range, ...this.span).join(", ")}`);
  }
  clear() {
    this.span = null;
    this.anchor = -1;
    this.desk.command("clear");
    this.schedule();
  }

  toggleArrows() {
    this.hasArrows = !this.hasArrows;
    this.say(this.hasArrows ? "Arrows are shown" : "Arrows are hidden");
    this.schedule();
  }
  toggleText() {
    this.textEl.hidden = !this.textEl.hidden;
    this.textFor = "";
    this.schedule();
  }
  announce() {
    const { desk } = this, p = desk.position;
    this.prepare();
    if (p < 0) return this.say("Before the first record");
    const own = this._chosenSpan(p);
    if (own && own[0] === p) this.say(timelineSpanWords(desk.data, this.scale, desk.machine, desk.machine.states.indexOf(desk.focus.state), ...own, 1).replaceAll("\n", ", "));
    else this.say(timelineRecordWords(desk, this.scale, p).replaceAll("\n", ", "));
  }

  // Drawing.

  // All that pictures, gutter and pointer need to know of what is shown.
  scene() {
    const { desk } = this;
    return { desk, whole: this.whole, span: this.span, hasArrows: this.hasArrows, W: this.width, H: this.height, top: this.scroller.scrollTop, rows: this.rows, scale: this.scale, view: this.view, tallies: this.tallies, data: desk.data,
      colours: this.paint, chosen: this.chosen, position: desk.position, stage: this.stage, group: desk.filters.group, endX: this.view.x(this.scale.last),
      tallyOf: (row) => this.tallyOf(row), lifeOf: (row) => this._life(row) };
  }
  _life(row) {
    const m = this.rows.type.a[row] === TIMELINE_MACHINE ? this.desk.data.machines[this.rows.machine.a[row]] : null;
    return m && m.count ? [m.positions.a[0], m.positions.a[m.count - 1]] : null;
  }
  draw() {
    const { desk } = this, { data } = desk;
    if (!this._hasRecords()) return;
    this.prepare();
    this._layout();
    if (this.isMoved) this._follow();
    const { scale, width: W } = this;
    this.view = new TimelineWindow(this.a, this.b, W);
    this.whole = new TimelineWindow(...this.full, W);
    const s = this.scene();
    s.ticks = timelineTicks(scale, this.view);
    this.picture.draw(s);
    this.gutter.draw(s);
    this._words(s);
    if (!this.painted && data.count) this.painted = performance.now();
  }
  _hasRecords() {
    const { desk } = this, has = desk.data.count > 0;
    this.infoEl.textContent = desk.isLoaded ? this._info() : "";
    this.blankEl.hidden = has;
    this.blankEl.textContent = desk.isLoaded ? (desk.data.machines.length ? `${plural(desk.data.machines.length, "machine")}, but nothing was recorded of them.` : "Nothing was recorded.") : desk.waiting;
    for (const el of [this.topEl, this.scroller, this.foot]) el.style.display = has ? "" : "none";
    return has;
  }
  _info() {
    const { desk, scale } = this, { data } = desk;
    const parts = [`${plural(data.machines.length, "machine")}, ${plural(data.count, "record")}`];
    if (scale.isTimed) parts.push(span(scale.length));
    if (scale.mode === "cut" && scale.cuts.length) parts.push(`${plural(scale.cuts.length, "idle span")} over ${span(scale.threshold)} cut`);
    if (scale.timeless) parts.push(scale.isTimed ? `${plural(scale.timeless, "record")} without a time placed by order` : "no times were recorded: placed by order");
    this.infoEl.title = [...parts, ...data.notes].join("\n");
    return [...parts, ...data.notes].join(" · ");
  }
  _layout() {
    const { rows } = this;
    if (this.spaceHeight !== rows.height) this.space.style.height = `${(this.spaceHeight = rows.height)}px`;
    const total = this.scroller.clientWidth, gutter = Math.round(Math.max(Math.min(160, total * 0.4), Math.min(232, total * 0.26)));
    if (this.gutterWidth !== gutter) this.root.style.setProperty("--tl-gutter", `${(this.gutterWidth = gutter)}px`);
    this.width = Math.max(40, total - gutter);
    const tall = this.scroller.clientHeight;
    if (this.height !== tall) this.stick.style.height = `${(this.height = tall)}px`;
  }
  // The cursor was moved: it comes in sight.
  _follow() {
    this.isMoved = false;
    const p = this.desk.position;
    if (p >= 0 && p < this.scale.count) {
      const u = this.scale.u.a[p];
      if (u < this.a || u > this.b) this.centre(u);
    }
    this.sight(this.chosen);
  }
  _words(s) {
    const { desk, scale, span: range } = this, { position } = s;
    const where = timelineLength(scale, Math.max(this.a, scale.first), Math.min(this.b, scale.last));
    timelineText(this.whereEl, this.isAll ? "" : `${where} shown`);
    timelineText(this.baseEl, s.ticks.base ? `from ${timelineTick(s.ticks.base, s.ticks.step * 1000)}` : "");
    let words = "Before the first record";
    if (range) words = `Range: ${timelineMeasure(desk, scale, this.tallies, this.positionsIn(range), ...range).join(" · ")}`;
    else if (position >= 0) words = timelineRecordWords(desk, scale, position).replaceAll("\n", " · ");
    timelineText(this.said, words);
    this.said.title = words;
    this.modeSelect.value = scale.mode;
    for (const option of this.modeSelect.options) option.disabled = option.value !== "order" && !scale.isTimed;
    this.arrowsButton.setAttribute("aria-pressed", String(this.hasArrows));
    this.textButton.setAttribute("aria-pressed", String(!this.textEl.hidden));
    timelineText(this.foldButton, this.rows.open.size || this.rows.openGroups.size ? "Fold" : "Unfold");
    if (this.textEl.hidden) return;
    const key = `${position} ${desk.data.version} ${JSON.stringify(desk.filters)}`;
    if (key === this.textFor) return;
    this.textFor = key;
    fill(this.textEl, timelineTable(desk, scale, this.rows, position));
  }
  destroyed() {
    this.tip.remove();
  }
}

function timelineText(el, words) {
  if (el.textContent !== words) el.textContent = words;
}

export default widget(TimelineView);
