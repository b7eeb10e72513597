// The log: lines of one machine or of all in the story's order, up to the cursor and, fainter, after it.
//
// Only what is seen stands in the page.  One record, the anchor, is held where it is; others are laid out around it
// by the browser, so lines that come late, wrapped ones and those of unknown height never push away what is read.

import { h, fill, count, plural } from "../shared/dom.js";
import { View, widget } from "../shared/view.js";
import { LogRecords } from "../log/records.js";
import { LOG_LINE, logLines, logRecord } from "../log/rows.js";
import { logSearch } from "../log/search.js";

const LOG_LEVELS = ["nothing", "changes", "operations", "decisions", "everything"];
const LOG_TALLEST = 4e6; // CSS pixels; browsers cut elements that are much taller
const LOG_SPARE = 54; // CSS pixels laid out above and below what is seen
const LOG_MOST_PASSED = 4000; // records without lines that one draw goes past
const LOG_KEPT = 200; // rows out of sight that are kept
let logIds = 0;

export class LogView extends View {
  static title = "Log";
  static kind = "log";

  build(body) {
    const { desk } = this;
    this.kept = desk.memory.log ??= { isAll: false, wraps: false };
    this.records = new LogRecords(desk);
    this.rowsBy = new Map(); // position -> element
    this.emptyBy = new Map(); // position -> what is known of a record without lines to show
    this.open = new Set();
    this.anchor = { k: 0, y: 0 };
    this.height = LOG_LINE * 2; // of a record, as seen so far
    this.id = `amlab-log-${++logIds}`;
    this.query = "";
    this.hits = new Int32Array(0);
    this.hit = -1;
    const toggle = (name, words, title) => h("button", { class: "am-button", type: "button", title, onclick: () => this.toggle(name) }, words);
    this.allButton = toggle("isAll", "All machines", "Lines of all machines in the story's order (a)");
    this.wrapButton = toggle("wraps", "Wrap", "Wrap long lines (w)");
    this.level = h("select", { "aria-label": "Log level", title: "How much of the log is shown", onchange: () => desk.filter({ level: Number(this.level.value) }) },
      LOG_LEVELS.map((word, n) => h("option", { value: n }, word)));
    this.search = h("input", { type: "search", class: "am-log-search", placeholder: "Search", spellcheck: false, "aria-label": "Search in the log (/)",
      oninput: () => this.look(), onkeydown: (event) => this.searchKey(event) });
    this.found = h("span", { class: "am-log-found am-muted am-small", role: "status" });
    this.hitPrev = h("button", { class: "am-button am-quiet", type: "button", title: "Match before (Shift Enter)", "aria-label": "Match before", onclick: () => this.go(-1) }, "↑");
    this.hitNext = h("button", { class: "am-button am-quiet", type: "button", title: "Next match (Enter)", "aria-label": "Next match", onclick: () => this.go(1) }, "↓");
    this.rest = h("button", { class: "am-button am-quiet", type: "button", title: "Load all lines, so that all are searched", onclick: () => this.loadRest() }, "Load all");
    this.note = h("div", { class: "am-log-says am-muted am-small", hidden: true });
    this.rows = h("div", { class: "am-log-rows", role: "rowgroup", onclick: (event) => this.clicked(event), onkeydown: (event) => this.rowKey(event) });
    this.sheet = h("div", { class: "am-log-sheet", role: "presentation", onscroll: () => { if (this.sheet.scrollTop) this.sheet.scrollTop = 0; } }, this.rows);
    this.space = h("div", { class: "am-log-space", role: "presentation" }, this.sheet);
    this.scroller = h("div", { class: "am-log-scroller am-scroll", tabIndex: 0, role: "grid", "aria-label": "Log lines", "aria-readonly": "true", onscroll: () => this.scrolled() }, this.space);
    this.blankEl = h("div", {});
    fill(body,
      h("div", { class: "am-log-bar", role: "toolbar", "aria-label": "Log" }, this.allButton, this.level, this.wrapButton,
        h("span", { class: "am-log-find" }, this.search, this.found, this.rest, this.hitPrev, this.hitNext)),
      this.note, this.scroller, this.blankEl);
    this.follow = true;
  }

  // What is chosen.

  toggle(name) {
    this.kept[name] = !this.kept[name];
    this.forget();
    this.follow = true;
    if (this.query) this.look(true);
    this.schedule();
  }
  // Lays all out anew.
  forget() {
    this.rowsBy.clear();
    this.emptyBy.clear();
    this.rows.replaceChildren();
  }
  changed(event, what) {
    if (event === "focus") {
      const old = what?.old ?? {};
      const { position, machine } = this.desk.focus;
      if (position !== old.position || machine !== old.machine) this.follow = true;
    } else if (event === "filters" || (event === "data" && this.rows.childElementCount === 0)) this.follow = true;
    if (this.query && (event === "detail" || event === "filters" || event === "data")) this.look(true);
    this.schedule();
  }
  get number() {
    return this.kept.isAll ? -1 : this.desk.machine?.number ?? -1;
  }

  // The place of things.

  draw() {
    const { desk, records, scroller } = this;
    const { data, focus } = desk;
    this.kept.wraps ? this.sheet.classList.add("am-wraps") : this.sheet.classList.remove("am-wraps");
    this.allButton.setAttribute("aria-pressed", String(this.kept.isAll));
    this.wrapButton.setAttribute("aria-pressed", String(this.kept.wraps));
    this.level.value = String(desk.filters.level);
    this.root.classList.toggle("am-narrow", this.body.clientWidth < 560);
    const number = this.number;
    if (number !== this.shown) {
      this.shown = number;
      this.forget();
      this.follow = true;
      if (this.query) this.look(true);
    }
    records.update(number);
    this.infoEl.textContent = this.kept.isAll ? "all machines" : desk.machine?.label ?? "";
    const why = this.missing();
    scroller.hidden = !!why;
    fill(this.blankEl, why ? this.blank(why) : null);
    this.tellSearch();
    if (why) {
      this.note.hidden = true;
      return;
    }
    const high = (this.high = scroller.clientHeight);
    if (!high) return;
    this.sheet.style.height = `${high}px`;
    this.cursor = records.find(focus.position);
    this.shape = `${desk.filters.level} ${this.kept.isAll} ${this.query} ${this.openSign}`;
    if (this.follow) {
      this.follow = false;
      this.reveal(Math.max(0, this.cursor));
    }
    this.lay();
    this.mark();
    this.tellNote();
    this.syncBar();
  }
  missing() {
    const { desk, records } = this;
    if (!desk.isLoaded) return desk.waiting;
    if (!desk.data.machines.length) return "Nothing was recorded.";
    if (!records.count) {
      if (!this.kept.isAll && desk.machine && !desk.machine.count) return `${desk.machine.label} has no records.`;
      return desk.data.count ? "All records here are hidden by filters." : "No records.";
    }
    if (desk.filters.level === 0) return "The log level is “nothing”: no lines are shown.";
    return "";
  }
  // Moves as little as needed to show a record: not at all where it is seen.
  reveal(k) {
    const row = this.rowsBy.get(this.records.at(k));
    const high = this.high, edge = 2 * LOG_LINE;
    if (row?.isConnected && this.last) {
      const top = row.offsetTop + this.shift, bottom = top + row.offsetHeight;
      if (top >= 0 && bottom <= high) this.anchor = { k, y: top };
      else if (bottom > high && top < high * 1.5) this.anchor = { k, y: Math.max(0, high - row.offsetHeight - edge) };
      else if (top < 0 && bottom > -high / 2) this.anchor = { k, y: edge };
      else this.anchor = { k, y: Math.round(high * 0.4) };
    } else this.anchor = { k, y: Math.round(high * 0.4) };
  }
  lay() {
    const { records, anchor, high } = this;
    const n = records.count;
    anchor.k = Math.max(0, Math.min(n - 1, anchor.k));
    let top = 0, bottom = 0, lo = 0, hi = 0;
    for (let round = 0; round < 8; round++) {
      const chosen = this.choose();
      ({ lo, hi } = chosen);
      this.place(chosen.places);
      const row = this.rowsBy.get(records.at(anchor.k));
      top = anchor.y - row.offsetTop;
      bottom = top + this.rows.offsetHeight;
      if (lo === 0 && top > 0) anchor.y -= top;
      else if (hi === n - 1 && bottom < high - 0.5 && (lo > 0 || top < -0.5)) anchor.y += lo > 0 ? high - bottom : Math.min(high - bottom, -top);
      else break;
    }
    this.shift = top;
    this.last = { lo, hi, bottom };
    this.rows.style.transform = `translateY(${top}px)`;
    const seen = (bottom - top) / (hi - lo + 1);
    if ((lo === 0 && hi === n - 1) || Math.abs(seen - this.height) > this.height * 0.3) this.height = Math.max(1, seen);
    // The next draw holds what one looks at: the cursor's record, or the first that is seen.
    const own = this.rowsBy.get(this.desk.focus.position);
    const isSeen = (row) => row.offsetTop + row.offsetHeight + top > 0 && row.offsetTop + top < high;
    const hold = own?.isConnected && own.offsetTop + top >= 0 && isSeen(own) ? own : [...this.rows.children].find(isSeen);
    if (hold) this.anchor = { k: records.find(Number(hold.dataset.position)), y: hold.offsetTop + top };
  }
  // Which records fill the view around the anchor, by how many lines they have; those without lines are passed over.
  choose() {
    const { records, anchor, high } = this;
    const at = this.desk.focus.position;
    const walk = (step, room) => {
      const found = [];
      let k = anchor.k;
      for (let filled = 0, looked = 0; filled < room && looked < LOG_MOST_PASSED; looked++) {
        const next = k + step;
        if (next < 0 || next >= records.count) break;
        k = next;
        const row = this.rowOf(k);
        if (row.lines || records.at(k) === at) found.push(k);
        filled += row.lines * LOG_LINE;
      }
      return [found, k];
    };
    const [up, lo] = walk(-1, anchor.y + LOG_SPARE);
    const [down, hi] = walk(1, high - anchor.y + LOG_SPARE);
    return { places: [...up.reverse(), anchor.k, ...down], lo, hi };
  }
  // The element of a record, made anew only where what it shows has changed.
  rowOf(k) {
    const { desk, records } = this;
    const p = records.at(k);
    const detail = desk.data.logs.a[p] ? desk.detail(p) : null;
    const sign = `${this.shape} ${detail || !desk.data.logs.a[p] ? "" : desk.isMissing(p)}`;
    const isHeld = p === desk.focus.position || k === this.anchor.k; // stands in the page even without lines
    const row = this.rowsBy.get(p);
    if (row && row.detail === detail && row.sign === sign) {
      if (row.k !== k) row.setAttribute("aria-rowindex", String((row.k = k) + 1));
      return row;
    }
    const empty = isHeld ? null : this.emptyBy.get(p);
    if (empty && empty.detail === detail && empty.sign === sign) return empty;
    const found = logLines(desk, p);
    if (!found.lines.length && found.state === "here" && !isHeld) {
      const light = { detail, sign, lines: 0 };
      if (this.emptyBy.size > 3 * LOG_MOST_PASSED) this.emptyBy.clear();
      this.emptyBy.set(p, light);
      this.rowsBy.delete(p);
      return light;
    }
    const fresh = logRecord(desk, p, k, found, { isAll: this.kept.isAll, query: this.query, open: this.open });
    fresh.detail = detail;
    fresh.sign = sign;
    fresh.k = k;
    fresh.id = `${this.id}-${p}`;
    fresh.isDerived = !!found.isDerived;
    fresh.lines = found.state === "loading" ? found.total : found.state === "missing" ? 1 : found.lines.length;
    if (row?.isConnected) row.replaceWith(fresh);
    this.emptyBy.delete(p);
    this.rowsBy.set(p, fresh);
    return fresh;
  }
  // Puts records into the page; elements that stay are not touched, so a selection of text stays too.
  place(places) {
    const wanted = new Set();
    for (const k of places) wanted.add(this.rowOf(k));
    for (const row of [...this.rows.children]) if (!wanted.has(row)) row.remove();
    let before = null;
    for (const row of wanted) {
      const next = before ? before.nextSibling : this.rows.firstChild;
      if (next !== row) this.rows.insertBefore(row, next);
      before = row;
    }
    if (this.rowsBy.size > wanted.size + LOG_KEPT) {
      for (const [p, row] of this.rowsBy) if (!wanted.has(row)) this.rowsBy.delete(p);
    }
  }
  // Which record is the cursor's, which come later; what is found.
  mark() {
    const { desk, records, scroller } = this;
    const at = desk.focus.position;
    let own = null;
    for (const row of this.rows.children) {
      const p = Number(row.dataset.position);
      const isAt = p === at;
      if (isAt) own = row;
      row.classList.toggle("am-at", isAt);
      row.classList.toggle("am-later", p > at);
      row.classList.toggle("am-found", this.hit >= 0 && this.hits[this.hit] === p);
      row.setAttribute("aria-selected", String(isAt));
      if (row.classList.contains("am-empty-at") && !isAt) row.classList.remove("am-empty-at");
      if (isAt && !row.firstChild.childElementCount) row.classList.add("am-empty-at");
      for (const link of isAt || row.wasAt ? row.querySelectorAll("[role=link]") : []) link.tabIndex = isAt ? 0 : -1;
      row.wasAt = isAt;
      for (const link of row.querySelectorAll(".am-log-to-state")) link.classList.toggle("am-chosen", link.dataset.value === desk.focus.state);
    }
    scroller.setAttribute("aria-rowcount", String(records.count));
    if (own) scroller.setAttribute("aria-activedescendant", own.id);
    else scroller.removeAttribute("aria-activedescendant");
    if (at !== this.said && own && this.root.contains(this.root.getRootNode().activeElement)) {
      this.said = at;
      this.say(`${desk.data.titleAt(at)}. ${[...own.querySelectorAll(".am-log-line")].slice(0, 3).map((el) => el.textContent).join(". ")}`);
    }
  }
  tellNote() {
    const shown = [...this.rows.children].filter((row) => row.classList.contains("am-rec-here"));
    const derived = shown.length > 0 && shown.every((row) => row.isDerived);
    const words = [derived ? "No log was recorded here: lines marked “derived” are made from the records." : "",
      shown.length || !this.rows.childElementCount ? "" : this.rows.querySelector(".am-rec-missing") ? this.desk.data.notes.join("; ") : ""].filter(Boolean).join(" ");
    this.note.hidden = !words;
    this.note.textContent = words;
  }

  // Scrolling: near by pixels, far by the share of the bar.

  get tall() {
    return Math.max(this.high, Math.min(LOG_TALLEST, Math.round(this.records.count * this.height)));
  }
  syncBar() {
    clearTimeout(this.timer);
    const sync = () => {
      if (this.signal.aborted || !this.last) return;
      if (this.lastTop !== undefined && Math.abs(this.scroller.scrollTop - this.lastTop) > 1) return; // it moved, and that is not taken in yet
      const { lo, hi, bottom } = this.last;
      const n = this.records.count;
      this.space.style.height = `${this.tall}px`;
      const most = this.tall - this.high;
      const isStart = lo === 0 && this.shift >= -0.5, isEnd = hi === n - 1 && bottom <= this.high + 0.5;
      let to = Math.round(((this.anchor.k - this.anchor.y / this.height) / n) * this.tall);
      to = isStart ? 0 : isEnd ? most : Math.max(1, Math.min(most - 1, to));
      if (Math.abs(this.scroller.scrollTop - to) > 1) this.scroller.scrollTop = to;
      this.lastTop = this.scroller.scrollTop;
    };
    if (this.isScrolling) {
      const { lo, hi, bottom } = this.last;
      const isStart = lo === 0 && this.shift >= -0.5, isEnd = hi === this.records.count - 1 && bottom <= this.high + 0.5;
      const top = this.scroller.scrollTop, most = this.space.offsetHeight - this.high;
      if ((top <= 0 && !isStart) || (top >= most - 1 && !isEnd)) sync();
      this.isScrolling = false;
      this.timer = setTimeout(sync, 160);
    } else sync();
  }
  scrolled() {
    const top = this.scroller.scrollTop, by = top - (this.lastTop ?? 0);
    this.lastTop = top;
    if (Math.abs(by) < 0.5 || !this.high) return;
    this.isScrolling = true;
    if (Math.abs(by) <= this.high * 2.5) this.anchor.y -= by;
    else {
      const k = (top / Math.max(1, this.tall - this.high)) * (this.records.count - 1);
      this.anchor = { k: Math.floor(k), y: 0 };
    }
    this.holdFirst();
    this.schedule();
  }
  // An anchor far out of sight would need all between laid out: the nearest one that is seen takes over.
  holdFirst() {
    if (this.anchor.y > -this.high * 2 && this.anchor.y < this.high * 2) return;
    const by = this.anchor.y, step = Math.trunc(-by / this.height);
    this.anchor = { k: Math.max(0, Math.min(this.records.count - 1, this.anchor.k + step)), y: by + step * this.height };
  }

  // Search.

  look(quiet = false) {
    const query = this.search.value.trim().toLowerCase();
    const isNew = query !== this.query;
    if (isNew) {
      this.query = query;
      this.hit = -1;
    }
    clearTimeout(this.looking);
    this.looking = setTimeout(() => {
      if (this.signal.aborted) return;
      const at = this.hits[this.hit];
      this.records.update(this.number);
      const { hits, looked } = logSearch(this.desk, this.records, this.number, this.query, this.anchor.k);
      this.hits = hits;
      this.looked = looked;
      this.hit = at === undefined ? -1 : hits.indexOf(at);
      if (isNew && !quiet && hits.length) this.go(1, true);
      this.schedule();
    }, isNew ? 60 : 250);
    this.schedule();
  }
  // To the next match from here, or the one before.
  go(direction, stay = false) {
    const { hits } = this;
    if (!hits.length) return;
    if (this.hit < 0 || stay) {
      const from = this.records.at(this.anchor.k) ?? 0;
      const k = hits.findIndex((p) => p >= from);
      this.hit = direction > 0 ? (k < 0 ? 0 : k) : (k <= 0 ? hits.length : k) - 1;
    } else this.hit = (this.hit + direction + hits.length) % hits.length;
    this.reveal(this.records.find(hits[this.hit]));
    this.schedule();
    this.say(`Match ${this.hit + 1} of ${hits.length}: ${this.desk.data.titleAt(hits[this.hit])}`);
  }
  searchKey(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.go(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (this.search.value) {
        this.search.value = "";
        this.look();
      } else this.scroller.focus();
    }
  }
  tellSearch() {
    const { hits, query } = this;
    const left = query ? this.records.count - (this.looked ?? 0) : 0;
    this.found.textContent = !query ? "" : `${this.hit >= 0 ? `${count(this.hit + 1)} of ` : ""}${count(hits.length)}${left > 0 ? ` in ${count(this.looked ?? 0)} of ${count(this.records.count)} records` : ""}`;
    this.hitPrev.hidden = this.hitNext.hidden = !query;
    this.hitPrev.disabled = this.hitNext.disabled = !hits.length;
    this.rest.hidden = left <= 0 || this.records.count > 100_000;
  }
  // Asks for the details of all records in the list, so that all are searched.
  loadRest() {
    for (let k = 0; k < this.records.count; k++) if (this.desk.data.logs.a[this.records.at(k)]) this.desk.detail(this.records.at(k));
    this.look(true);
  }

  // Pointer and keys.

  clicked(event) {
    const { desk } = this;
    const target = event.target.closest("[data-more], [data-to], .am-rec");
    if (!target) return;
    if (target.dataset.more) {
      const key = target.dataset.more;
      this.open.has(key) ? this.open.delete(key) : this.open.add(key);
      this.openSign = [...this.open].join(" ");
      this.schedule();
      return;
    }
    const row = target.closest(".am-rec"), p = Number(row.dataset.position);
    if (target.dataset.to) return this.followLink(target, p);
    const chosen = (this.root.getRootNode().getSelection?.() ?? globalThis.getSelection?.())?.toString();
    if (chosen) return; // a text is being selected
    desk.jump(p);
  }
  followLink(link, p) {
    const { desk } = this;
    const { to, value } = link.dataset;
    const m = desk.data.machines[desk.data.machine.a[p]];
    if (to === "state") desk.set({ machine: m.key, state: desk.focus.state === value && desk.focus.machine === m.key ? "" : value });
    else if (to === "machine") desk.set({ machine: value });
    else if (to === "source") desk.jump(desk.data.source.a[p]);
    else {
      const at = desk.data.parse(value);
      if (at >= 0) desk.jump(at);
      else if (!desk.ask("find", { address: value })) this.say("No such address");
    }
  }
  rowKey(event) {
    if (event.key === "Enter" && event.target.dataset?.to) {
      event.preventDefault();
      this.followLink(event.target, Number(event.target.closest(".am-rec").dataset.position));
    }
  }
  keys() {
    const move = (by) => () => {
      const { records, desk } = this;
      records.update(this.number);
      const at = records.find(desk.focus.position);
      const isOn = at >= 0 && records.at(at) === desk.focus.position;
      const k = by > 0 ? at + 1 : isOn ? at - 1 : at;
      if (k >= 0 && k < records.count) desk.set({ position: records.at(k) });
    };
    return {
      ArrowDown: move(1), ArrowUp: move(-1), "/": () => this.search.focus(), w: () => this.toggle("wraps"), a: () => this.toggle("isAll"),
      l: () => this.desk.filter({ level: (this.desk.filters.level + 1) % LOG_LEVELS.length }),
    };
  }
  help() {
    return [["↓ ↑", "record below and above"], ["/", "search; Enter and Shift Enter go on and back"], ["a", "lines of all machines, or of one"], ["w", "wrap long lines"], ["l", "next log level"]];
  }
  destroyed() {
    clearTimeout(this.timer);
    clearTimeout(this.looking);
  }
}

export default widget(LogView);
