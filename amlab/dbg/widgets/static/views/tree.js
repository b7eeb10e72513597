// The schema tree with steps: a machine's states and relations, and beside them how the record at the cursor was
// resolved, step by step: which state decided what about which, and why a state was refused.

import { h, fill, count, plural } from "../shared/dom.js";
import { momentOf, MOMENT_LOOKS } from "../shared/moment.js";
import { storyChanges } from "../shared/story.js";
import { KINDS } from "../shared/data.js";
import { View, widget, fitCanvas } from "../shared/view.js";
import { treeRows, treeStates, treeIsError, TREE_SORTS } from "../tree/rows.js";
import { treePlaces, treeMarks, treeWindow, treePaint, TREE_ROW } from "../tree/columns.js";

const TREE_HEAD = 22;

export class TreeView extends View {
  static title = "Schema tree";
  static kind = "tree";

  build(body) {
    const { desk } = this;
    this.search = "";
    this.sort = this.options.sort ?? "schema";
    this.onlyTouched = false;
    this.reversed = false;
    this.deciding = false;
    this.folds = new Map(); // "machine:state" -> whether unfolded, where somebody said so
    this.selected = "";
    this.rows = [];
    this.machineSelect = h("select", { class: "am-machine", "aria-label": "Machine", title: "Machine", onchange: () => desk.set({ machine: this.machineSelect.value }) });
    this.searchInput = h("input", { type: "search", class: "am-search", placeholder: "Find a state  /", "aria-label": "Find a state", oninput: () => {
      this.search = this.searchInput.value;
      this.schedule();
    }, onkeydown: (event) => {
      if (event.key === "Enter") {
        // The first state found is chosen, and keys go on from there.
        const first = this.rows.find((row) => row.kind === "state");
        this.search = this.searchInput.value = "";
        this.root.focus();
        if (first) this.choose(first.s, true);
      }
      if (event.key === "Escape") {
        this.search = this.searchInput.value = "";
        this.root.focus();
        this.schedule();
      }
    } });
    this.groupSelect = h("select", { "aria-label": "Group of states", title: "Group of states", onchange: () => desk.filter({ group: this.groupSelect.value }) });
    this.sortSelect = h("select", { "aria-label": "Order of states", title: "Order of states", onchange: () => {
      this.sort = this.sortSelect.value;
      this.schedule();
    } }, TREE_SORTS.map(([value, words]) => h("option", { value, selected: value === this.sort }, words)));
    const toggle = (name, words, title) => {
      const button = h("button", { class: "am-button", type: "button", title, "aria-pressed": "false", onclick: () => this.toggle(name) }, words);
      return (this.toggles[name] = button);
    };
    this.toggles = {};
    this.tools = h("div", { class: "am-bar", role: "group", "aria-label": "What the tree shows" },
      this.machineSelect, this.searchInput, this.groupSelect, this.sortSelect,
      toggle("onlyTouched", "Only concerned", "Only states with a part in this record (p)"),
      toggle("deciding", "Unfold deciding", "Unfold states whose relations had a say (u)"),
      toggle("reversed", "Both ways", "Also show who requires, adds or removes a state (r)"));
    this.outcome = h("div", { class: "am-outcome", "aria-live": "polite" });
    this.headEl = h("div", { class: "am-columns-head", "aria-hidden": "true" }, h("span", {}, "State"), h("span", { class: "am-tick" }, "Tick"));
    this.canvas = h("canvas", { class: "am-steps-canvas", role: "img", onclick: (event) => this.clickColumn(event) });
    this.sticky = h("div", { class: "am-sticky" }, this.headEl, this.canvas);
    this.list = h("div", { class: "am-rows", role: "tree", "aria-label": "States and their relations", onclick: (event) => this.clickRow(event) });
    this.scroll = h("div", { class: "am-tree-scroll am-scroll", onscroll: () => this.paintRows() }, this.sticky, this.list);
    this.treePane = h("div", { class: "am-tree-pane" }, this.scroll);
    this.stepsHead = h("span", { class: "am-muted" });
    this.stepBack = h("button", { class: "am-button", type: "button", "aria-label": "Step before", title: "Step before ([)", onclick: () => desk.command("stepBack") }, "‹");
    this.stepOn = h("button", { class: "am-button", type: "button", "aria-label": "Next step", title: "Next step (])", onclick: () => desk.command("stepOn") }, "›");
    this.steps = h("ol", { class: "am-steps-list am-scroll", "aria-label": "Steps of the record", onclick: (event) => this.clickLine(event) });
    this.stepsPane = h("div", { class: "am-steps-pane" }, h("div", { class: "am-steps-head" }, h("b", {}, "Steps"), this.stepsHead, h("span", { class: "am-spring" }), this.stepBack, this.stepOn), this.steps);
    this.panes = h("div", { class: "am-panes" }, this.treePane, this.stepsPane);
    this.note = h("p", { class: "am-blank", hidden: true });
    fill(body, this.tools, this.outcome, this.note, this.panes);
  }

  keys() {
    return {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      Enter: () => this.act(),
      "+": () => this.unfold(true),
      "-": () => this.unfold(false),
      "/": () => this.searchInput.focus(),
      p: () => this.toggle("onlyTouched"),
      u: () => this.toggle("deciding"),
      r: () => this.toggle("reversed"),
    };
  }
  help() {
    return [["↑ ↓", "row before, next row"], ["Enter", "unfold a state, or go to the related one"], ["+ −", "unfold, fold"], ["/", "find a state"],
      ["p", "only states with a part in this record"], ["u", "unfold states whose relations had a say"], ["r", "relations both ways"]];
  }

  toggle(name) {
    this[name] = !this[name];
    this.schedule();
  }

  changed(event, what) {
    if (event === "focus" && what.old.state !== this.desk.focus.state && what.origin !== "tree") this.reveal = true;
    super.changed(event, what);
  }

  draw() {
    const { desk } = this, { data } = desk;
    const m = desk.machine;
    this.controls(m);
    const blank = !desk.isLoaded ? desk.waiting : !data.machines.length ? "Nothing was recorded." : !m ? "Choose a machine." : !m.states.length ? `${m.label} has no states.` : "";
    this.note.hidden = !blank;
    this.note.textContent = blank;
    this.panes.hidden = this.outcome.hidden = !!blank;
    if (blank) return;
    const moment = (this.moment = momentOf(desk, m));
    this.infoEl.textContent = this.where(moment);
    const { story } = moment;
    const lines = story?.lines ?? [];
    this.lines = moment.facts?.steps.length ? lines : [];
    const step = desk.focus.step;
    this.current = moment.isOwn && step >= 0 ? this.lines.findIndex((line) => line.steps.includes(step)) : -1;
    this.tellOutcome(moment);
    this.tellSteps(moment, step);
    const used = new Set(lines.flatMap((line) => line.edges.map((edge) => edge.join("\n"))));
    const deciders = new Set(this.deciding ? lines.flatMap((line) => line.edges.map((edge) => edge[0])) : []);
    const states = treeStates(moment, { search: this.search, group: this.groupSelect.value, sort: this.sort, onlyTouched: this.onlyTouched });
    this.rows = treeRows(moment, states, {
      open: (s) => this.folds.get(`${m.key}:${s}`) ?? deciders.has(m.states[s]), reversed: this.reversed, used,
    });
    this.shown = states.length;
    const hidden = m.states.length - states.length;
    fill(this.headEl, h("span", {}, hidden ? `${count(states.length)} of ${plural(m.states.length, "state")}` : plural(m.states.length, "state")), h("span", { class: "am-tick" }, "tick"));
    const chosen = m.states.indexOf(desk.focus.state);
    if (chosen >= 0 && !(this.row && this.row.s === chosen)) this.selected = `s${chosen}`;
    if (this.row && chosen < 0) this.selected = "";
    this.places = treePlaces(this.rows);
    const index = new Map(m.states.map((name, s) => [name, s]).reverse());
    this.columns = this.lines.map((line) => treeMarks(line, this.places, index, moment));
    this.list.style.height = `${this.rows.length * TREE_ROW}px`;
    if (this.reveal) this.scrollTo(this.rows.findIndex((row) => row.id === this.selected));
    this.reveal = false;
    this.paintRows();
    if (!m.has_schema) this.say("no schema was recorded: relations are not known");
  }

  get row() {
    return this.rows.find((row) => row.id === this.selected);
  }

  controls(m) {
    const { desk } = this, { data } = desk;
    const machines = `${data.machines.length} ${data.version}`;
    if (this.machinesShown !== machines) {
      this.machinesShown = machines;
      fill(this.machineSelect, data.machines.map((one) => h("option", { value: one.key }, one.label)));
    }
    this.machineSelect.value = m?.key ?? "";
    const groups = Object.keys(m?.groups ?? {}), shown = ["", ...groups].join("\n");
    if (this.groupsShown !== shown) {
      this.groupsShown = shown;
      fill(this.groupSelect, h("option", { value: "" }, "all groups"), groups.map((name) => h("option", { value: name }, name)));
    }
    this.groupSelect.hidden = !groups.length;
    this.groupSelect.value = groups.includes(desk.filters.group) ? desk.filters.group : "";
    for (const [name, button] of Object.entries(this.toggles)) button.setAttribute("aria-pressed", String(this[name]));
  }

  where(moment) {
    const { machine: m, index } = moment;
    if (!m.count) return `${m.label}: no records`;
    return index < 0 ? `${m.label}, before its first record` : `${m.label}, record ${count(index + 1)} of ${count(m.count)}`;
  }

  // What was asked, what became of it, and why a state was refused.
  tellOutcome(moment) {
    const { desk } = this, { data } = desk, { machine: m, facts } = moment;
    const name = (text, tag = "b") => h(tag, { class: "am-name" }, text);
    const said = [];
    const notes = [];
    this.outcome.title = "";
    if (!facts) {
      const p = desk.position;
      if (p < 0) said.push(h("span", { class: "am-muted" }, "Before the first record. Press → to step."));
      else {
        const other = data.machines[data.machine.a[p]];
        said.push(h("span", { class: "am-muted" }, "The record here is of ", name(other.label), ": ", data.titleAt(p), ". "));
        if (moment.position >= 0) said.push(this.link(`Last record of ${m.label}`, () => desk.jump(moment.position)));
        said.push(this.link(`Show ${other.label}`, () => desk.set({ machine: other.key })));
      }
    } else {
      const kind = data.kindAt(desk.position);
      said.push(h("span", { class: `am-kind am-kind-${kind}` }, kind), " ", facts.isCheck ? "may it " : "", KINDS[data.kind.a[desk.position]] ?? "kind ?", " ");
      facts.called.forEach((state, k) => said.push(k ? ", " : "", name(state)));
      if (!facts.called.length) said.push(h("span", { class: "am-muted" }, "nothing"));
      if (facts.isQueued) {
        const runs = data.link.a[desk.position];
        said.push(h("span", { class: "am-muted" }, " was queued: a mutation, not a transition"));
        said.push(runs >= 0 ? this.link("Go to where it ran", () => desk.jump(runs)) : h("span", { class: "am-muted" }, "; what ran it is not in this recording"));
      } else if (facts.isAccepted) {
        for (const state of facts.entering) said.push(h("span", { class: "am-entered" }, " +", name(state)));
        for (const state of facts.leaving) said.push(h("span", { class: "am-exited" }, " −", name(state)));
        if (!facts.before) said.push(h("span", { class: "am-muted" }, " what changed is not known: records before it are missing"));
        else if (!facts.entering.size && !facts.leaving.size) said.push(h("span", { class: "am-muted" }, facts.isCheck ? " it may" : ` ${storyChanges(facts)}`));
      } else said.push(h("span", { class: "am-muted" }, facts.isCheck ? " it may not" : " nothing changed"));
      const failed = facts.steps.find((s) => s.handler && s.answer === "failed");
      if (failed) notes.push([h("span", { class: "am-sign" }, "◆"), "handler ", name(failed.handler), " failed"]);
      let explained = false;
      for (const [state, reasons] of moment.refused) {
        for (const reason of reasons) explained = notes.push([h("span", { class: "am-sign" }, "✕"), name(state), " ", treeReason(reason)]) > 0;
      }
      const why = facts.detail?.why;
      if (!facts.isAccepted && !facts.isQueued && !explained) {
        if (why) notes.push([h("span", { class: "am-sign" }, "✕"), why]);
        else if (moment.isWaiting && !desk.isMissing(desk.position)) notes.push([h("span", { class: "am-muted" }, "Why is being looked up")]);
        else notes.push([h("span", { class: "am-sign" }, "✕"), "why is not known: ", moment.isWaiting ? "its steps and log are not in this page" : "its steps were not recorded"]);
      } else if (why && !facts.isAccepted) this.outcome.title = why;
    }
    if (!m.has_schema) notes.push([h("span", { class: "am-muted" }, "No schema was recorded: relations are not known")]);
    fill(this.outcome, h("div", { class: "am-asked" }, said), notes.slice(0, 4).map((note) => h("div", { class: "am-why" }, note)),
      notes.length > 4 ? h("div", { class: "am-why am-muted" }, `${notes.length - 4} more below`) : null);
  }

  link(words, act) {
    return h("button", { class: "am-button am-link", type: "button", onclick: act }, words);
  }

  tellSteps(moment, step) {
    const { desk } = this, { facts } = moment;
    const n = facts?.steps.length ?? 0;
    this.stepBack.disabled = this.stepOn.disabled = !n;
    this.stepsHead.textContent = !n ? "" : step < 0 ? plural(n, "step") : `${step + 1} of ${n}`;
    let blank = "";
    if (!facts) blank = "No record of this machine is at the cursor.";
    else if (facts.isQueued) blank = "A queued mutation has no steps: the transition that runs it has.";
    else if (moment.isWaiting) blank = desk.isMissing(desk.position) ? "Steps of this record are not in this page." : "Steps are being looked up.";
    else if (!n) blank = "No steps were recorded: how relations and handlers decided is not known.";
    const shown = `${desk.position} ${moment.machine.number} ${n} ${blank} ${this.lines.length} ${moment.story?.lines.map((line) => line.text).join() ?? ""}`;
    if (shown !== this.stepsShown) {
      this.stepsShown = shown;
      if (blank) fill(this.steps, h("li", { class: "am-blank" }, blank));
      else fill(this.steps, this.lines.map((line, k) => h("li", {},
        h("button", { type: "button", class: `am-line am-line-${line.kind}`, "data-line": k, disabled: false },
          h("span", { class: "am-number" }, String(line.number)), h("span", { class: "am-sign", "aria-hidden": "true" }, treeLineSign(line)), h("span", { class: "am-words" }, line.text)))));
      this.steps.scrollTop = 0;
    }
    const { current } = this;
    this.steps.querySelectorAll(".am-line").forEach((button, k) => {
      button.setAttribute("aria-current", k === current ? "step" : "false");
      button.classList.toggle("am-later", this.isLater(k, step));
    });
    if (current >= 0) {
      const button = this.steps.querySelectorAll(".am-line")[current];
      const a = button.offsetTop, b = a + button.offsetHeight;
      if (a < this.steps.scrollTop || b > this.steps.scrollTop + this.steps.clientHeight) this.steps.scrollTop = a - this.steps.clientHeight / 2;
      this.say(`Step ${step + 1} of ${n}: ${this.lines[current].text}`);
    }
  }
  // Whether a line tells of what comes after the step that is looked at.
  isLater(k, step) {
    if (step < 0) return false;
    const line = this.lines[k];
    return line.steps.length ? line.steps[0] > step : true;
  }

  // Rows in sight, and the columns beside them.
  paintRows() {
    const { moment } = this;
    if (!moment || this.panes.hidden) return;
    const top = this.scroll.scrollTop, height = this.scroll.clientHeight;
    const first = Math.max(0, Math.floor(top / TREE_ROW) - 2), last = Math.min(this.rows.length, Math.ceil((top + height) / TREE_ROW) + 2);
    this.place(this.rows.slice(first, last).map((row, k) => this.rowOf(row, first + k)));
    if (!this.rows.length) fill(this.list, h("p", { class: "am-blank" }, this.search ? "No state has that in its name." : this.onlyTouched ? "No state had a part in this record." : "No state is in this group."));
    this.list.setAttribute("aria-activedescendant", this.row ? `${this.uid}-${this.rows.indexOf(this.row)}` : "");
    const names = this.headEl.offsetWidth, width = Math.max(0, this.scroll.clientWidth - names);
    this.canvas.style.left = `${names}px`;
    this.canvas.hidden = !this.lines.length || width < 30;
    if (this.canvas.hidden) return;
    const g = fitCanvas(this.canvas, width, height);
    const step = this.desk.focus.step;
    this.window = treeWindow(this.columns.length, width, this.current);
    treePaint(g, this.paint, this.columns, this.window, {
      top, width, height, head: TREE_HEAD, current: this.current, alphaOf: (k) => (this.isLater(k, step) ? 0.35 : step >= 0 && k !== this.current ? 0.65 : 1),
    });
    this.canvas.setAttribute("aria-label", `${plural(this.lines.length, "line")} of steps beside the states they are about; the list of steps tells the same`);
  }

  get uid() {
    return (this.uidOf ??= `tree-${Math.random().toString(36).slice(2)}`);
  }

  // The element of a row, the same one as long as it tells the same.
  rowOf(row, k) {
    const { looks, ticks, called, touched, machine: m } = this.moment;
    const s = row.to ?? row.s, name = m.states[s];
    const told = `${m.key} ${m.states.length} ${k} ${row.n} ${row.isOpen} ${row.isUsed} ${row.id === this.selected} ${looks[s]} ${ticks[s]} ${called.has(name)} ${touched.has(name)}`;
    const known = this.pool?.get(row.id);
    if (known?.told === told) return known;
    return { told, id: row.id, el: this.rowEl(row, k) };
  }
  place(shown) {
    this.pool = new Map(shown.map((one) => [one.id, one]));
    const els = shown.map((one) => one.el), { children } = this.list;
    // Only what changed is touched: a page is laid out anew at each record otherwise.
    if (children.length !== els.length) return void this.list.replaceChildren(...els);
    els.forEach((el, k) => children[k] !== el && children[k].replaceWith(el));
  }

  rowEl(row, k) {
    const { moment } = this, { machine: m, looks, ticks, called, touched } = moment;
    const about = {
      class: `am-row am-row-${row.kind}`, role: "treeitem", id: `${this.uid}-${k}`, "aria-level": row.level, "aria-selected": String(row.id === this.selected),
      "data-row": row.id, style: { top: `${k * TREE_ROW}px` },
    };
    if (row.kind === "reason") return h("div", about, h("span", { class: "am-sign am-look-refused" }, "✕"), h("span", { class: "am-reason", title: `${m.states[row.s]} ${treeReason(row.reason)}` }, treeReason(row.reason)));
    if (row.kind === "missing") {
      about["aria-label"] = about.title = `${row.words} ${row.name}, which is no state`;
      return h("div", about, h("span", { class: "am-relation" }, row.words), h("span", { class: "am-sign am-muted", "aria-hidden": "true" }, "?"), h("span", { class: "am-name am-muted" }, row.name), h("span", { class: "am-extra" }, "no such state"));
    }
    const s = row.kind === "state" ? row.s : row.to, name = m.states[s], look = looks[s];
    const [sign, words] = MOMENT_LOOKS[look];
    const told = m.relations[s] ?? {};
    const extra = [told.auto && "auto", told.multi && "multi", treeIsError(name) && "error"].filter(Boolean);
    const isBad = treeIsError(name) && ticks[s] % 2 === 1;
    const label = h("span", { class: `am-name${called.has(name) ? " am-called" : ""}${isBad ? " am-bad" : ""}` }, name || "(no name)");
    const title = `${name}: ${words}${called.has(name) ? ", called" : ""}, tick ${ticks[s]}${extra.length ? `, ${extra.join(", ")}` : ""}`;
    about["data-look"] = look;
    about["data-state"] = s;
    about["aria-label"] = row.kind === "state" ? title : `${row.words} ${title}`;
    about.title = about["aria-label"];
    if (row.kind === "state") {
      if (row.n) about["aria-expanded"] = String(row.isOpen);
      if (touched.has(name)) about.class += " am-touched";
    } else if (row.isUsed) about.class += " am-used";
    return h("div", about,
      row.kind === "state" ? h("span", { class: "am-fold", "aria-hidden": "true" }, row.n ? (row.isOpen ? "▾" : "▸") : "") : h("span", { class: "am-relation" }, row.words),
      h("span", { class: `am-sign am-look-${look}`, "aria-hidden": "true" }, sign), label,
      extra.length ? h("span", { class: "am-extra" }, extra.join(" ")) : null,
      h("span", { class: "am-tick am-mono" }, String(ticks[s])));
  }

  // Moving about.

  clickRow(event) {
    const el = event.target.closest?.("[data-row]");
    const row = el && this.rows.find((one) => one.id === el.dataset.row);
    if (!row) return;
    if (row.kind === "relation") return this.choose(row.to, true);
    if (event.target.classList.contains("am-fold") || (row.id === this.selected && row.kind === "state")) this.fold(row, !row.isOpen);
    this.selected = row.id;
    this.choose(row.s);
  }
  choose(s, reveal = false) {
    const m = this.moment.machine;
    if (reveal) {
      this.selected = `s${s}`;
      this.reveal = true;
      if (!this.rows.some((row) => row.id === this.selected)) {
        // What was filtered away is shown, since it was asked for.
        this.search = this.searchInput.value = "";
        this.onlyTouched = false;
        if (this.groupSelect.value && !m.groups[this.groupSelect.value].includes(s)) this.desk.filter({ group: "" });
      }
    }
    this.desk.set({ machine: m.key, state: m.states[s] }, "tree");
    this.schedule();
  }
  clickLine(event) {
    const button = event.target.closest?.("[data-line]");
    if (!button) return;
    const line = this.lines[Number(button.dataset.line)];
    const step = line.steps.length ? line.steps[0] : -1;
    this.desk.set({ step: this.desk.focus.step === step ? -1 : step });
  }
  clickColumn(event) {
    const k = Math.floor(event.offsetX / 20) + this.window[0];
    const line = this.lines[k];
    if (line) this.desk.set({ step: line.steps.length && this.current !== k ? line.steps[0] : -1 });
  }
  move(n) {
    if (!this.rows.length) return false;
    const at = this.rows.findIndex((row) => row.id === this.selected);
    const k = at < 0 ? (n > 0 ? 0 : this.rows.length - 1) : Math.max(0, Math.min(this.rows.length - 1, at + n));
    const row = this.rows[k];
    this.selected = row.id;
    this.scrollTo(k);
    this.choose(row.s);
    this.say(row.kind === "reason" ? treeReason(row.reason) : row.kind === "missing" ? `${row.words} ${row.name}, which is no state` : `${row.words ?? ""} ${this.moment.machine.states[row.kind === "state" ? row.s : row.to]}, ${MOMENT_LOOKS[this.moment.looks[row.kind === "state" ? row.s : row.to]][1]}`);
    return true;
  }
  act() {
    const { row } = this;
    if (!row) return;
    if (row.kind === "relation") this.choose(row.to, true);
    else this.fold(row, !row.isOpen);
  }
  unfold(isOpen) {
    const { row } = this;
    if (!row) return;
    if (!isOpen && row.kind !== "state") this.selected = `s${row.s}`;
    this.fold(row, isOpen);
  }
  fold(row, isOpen) {
    this.folds.set(`${this.moment.machine.key}:${row.s}`, isOpen);
    this.schedule();
  }
  scrollTo(k) {
    if (k < 0) return;
    const a = k * TREE_ROW, { scrollTop, clientHeight } = this.scroll;
    if (a < scrollTop) this.scroll.scrollTop = a;
    else if (TREE_HEAD + a + TREE_ROW > scrollTop + clientHeight) this.scroll.scrollTop = TREE_HEAD + a + TREE_ROW - clientHeight;
  }
}

function treeReason(reason) {
  return reason.startsWith("by ") ? `was refused ${reason}` : reason.startsWith("removed ") ? `was ${reason}` : reason;
}

const TREE_LINE_SIGNS = { called: "»", handler: "ƒ", dropped: "✕", refused: "✕", end: "" };
function treeLineSign(line) {
  if (line.kind in TREE_LINE_SIGNS) return TREE_LINE_SIGNS[line.kind];
  return line.text.endsWith("to enter") ? "+" : line.text.endsWith("to leave") ? "−" : line.edges.length ? "→" : "·";
}

export default widget(TreeView);
