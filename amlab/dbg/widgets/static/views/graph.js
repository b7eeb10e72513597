// Graphs at the cursor: a machine's schema, the network of machines, and how one record was resolved.
//
// Python lays them out, once; the page paints looks as the cursor moves, so nodes keep their places.  Where there is
// no Python, the whole drawings stand in the page, and regions are told by fading the rest.

import { h, fill, count, plural } from "../shared/dom.js";
import { KINDS, ERROR, above, Column } from "../shared/data.js";
import { momentOf, MOMENT_LOOKS } from "../shared/moment.js";
import { storySentence } from "../shared/story.js";
import { View, widget } from "../shared/view.js";
import { GraphDrawing } from "../graph/drawing.js";
import { graphLegend, graphLine, GRAPH_LINKS } from "../graph/legend.js";

const GRAPH_TABS = [["schema", "Schema", "States and relations of a machine (1)"], ["machines", "Machines", "Who belongs to whom, and who caused what (2)"], ["steps", "Steps", "How this record was resolved (3)"]];
const GRAPH_RELATIONS = { schema: ["require", "add", "remove", "after"], machines: ["parent", "pipe", "cause"], steps: ["require", "add", "remove", "after"] };
const GRAPH_FORMS = [["svg", "SVG"], ["dot", "DOT"], ["mermaid", "Mermaid"], ["text", "Text"]];
const GRAPH_KEPT = 60;

export class GraphView extends View {
  static title = "Graph";
  static kind = "graph";

  build(body) {
    const { desk, signal } = this;
    const kind = this.options.graph;
    this.tab = GRAPH_TABS.some(([name]) => name === kind) ? kind : "schema";
    this.depth = "all"; // of the region of interest: "all" (no region), 1, 2, "any"
    this.off = new Set(); // relations not shown
    this.hide = false;
    this.search = "";
    this.asked = "";
    this.look = { x: 0, y: 0, k: 1 };
    desk.graphs ??= new Map();
    desk.on("graph", (answer) => this.took(answer), signal);
    this.tabs = GRAPH_TABS.map(([name, words, title]) => h("button", { class: "am-button", type: "button", role: "tab", title, onclick: () => this.show(name) }, words));
    this.machineSelect = h("select", { class: "am-machine", "aria-label": "Machine", title: "Machine", onchange: () => desk.set({ machine: this.machineSelect.value }) });
    this.searchInput = h("input", { type: "search", class: "am-search", placeholder: "Find  /", "aria-label": "Find by name", oninput: () => {
      this.search = this.searchInput.value.trim().toLowerCase();
      this.schedule();
    }, onkeydown: (event) => {
      if (event.key === "Enter") this.chooseFound();
      if (event.key === "Escape") this.search = this.searchInput.value = "";
      if (event.key === "Enter" || event.key === "Escape") {
        this.root.focus();
        this.schedule();
      }
    } });
    this.depthSelect = h("select", { "aria-label": "Region around what is chosen", title: "Region around what is chosen (Enter)", onchange: () => {
      this.depth = this.depthSelect.value;
      this.schedule();
    } }, [["all", "everything"], ["1", "1 link around"], ["2", "2 links around"], ["any", "all it reaches"]].map(([value, words]) => h("option", { value }, words)));
    this.boxes = h("span", { class: "am-links", role: "group", "aria-label": "Links shown" });
    this.hideBox = h("input", { type: "checkbox", onchange: () => {
      this.hide = this.hideBox.checked;
      this.schedule();
    } });
    const button = (sign, words, act) => h("button", { class: "am-button", type: "button", title: words, "aria-label": words, onclick: act }, sign);
    this.bar = h("div", { class: "am-bar" },
      h("span", { class: "am-tabs", role: "tablist", "aria-label": "Which graph" }, this.tabs), this.machineSelect, this.searchInput, this.depthSelect,
      this.boxes, h("label", { class: "am-toggle" }, this.hideBox, "hide unrelated"));
    this.zoomBar = h("span", { class: "am-zoom" }, button("−", "Zoom out (-)", () => this.zoom(1 / 1.3)), button("+", "Zoom in (+)", () => this.zoom(1.3)), button("Fit", "Fit (F)", () => this.fit()));
    this.outcome = h("div", { class: "am-outcome" });
    this.stage = h("div", { class: "am-stage", role: "group", onpointerdown: (event) => this.press(event), ondblclick: (event) => this.twice(event) });
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false, signal });
    this.note = h("div", { class: "am-note", role: "status" });
    this.legend = h("div", { class: "am-legend", "aria-label": "Legend" });
    this.copied = h("span", { class: "am-muted am-small", role: "status" });
    this.copyButtons = GRAPH_FORMS.map(([form, words]) => h("button", { class: "am-button", type: "button", title: `Copy as ${words}`, onclick: () => this.copy(form) }, words));
    this.copyNote = h("span", { class: "am-muted am-small" });
    this.textArea = h("textarea", { class: "am-text am-mono", readOnly: true, rows: 8, spellcheck: false, "aria-label": "The graph as text" });
    this.details = h("details", { class: "am-copied" }, h("summary", {}, "As text"), this.textArea);
    this.details.hidden = true;
    fill(body, this.bar, this.outcome, h("div", { class: "am-frame" }, this.stage, this.zoomBar, this.note),
      h("div", { class: "am-foot" }, this.legend, h("div", { class: "am-copy" }, this.copied, this.copyNote, h("span", { class: "am-muted am-small" }, "Copy as"), this.copyButtons)), this.details);
  }

  keys() {
    return {
      f: () => this.fitOrCentre(), F: () => this.fitOrCentre(), "+": () => this.zoom(1.3), "=": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3),
      w: () => this.zoom(1.3), s: () => this.zoom(1 / 1.3), a: () => this.pan(80, 0), d: () => this.pan(-80, 0),
      1: () => this.show("schema"), 2: () => this.show("machines"), 3: () => this.show("steps"),
      "/": () => this.searchInput.focus(), ArrowDown: () => this.walk(1), ArrowUp: () => this.walk(-1), Enter: () => this.around(),
    };
  }
  help() {
    return [["1 2 3", "schema, machines, steps"], ["F", "fit; again: to what is chosen"], ["+ −", "zoom; also W S, or Ctrl and the wheel"], ["A D", "pan; also Shift and the wheel, or drag"],
      ["↑ ↓", "choose the node before, the next"], ["Enter", "only the region around what is chosen, or everything"], ["/", "find by name"]];
  }

  show(tab) {
    this.tab = tab;
    this.schedule();
  }
  changed(event, what) {
    if (event === "data") this.errorsOf = null;
    super.changed(event, what);
  }

  // What is to be drawn, and who has it.

  get isPage() {
    return [...this.desk.channels].some((channel) => channel.isPage);
  }
  // The machine whose states are drawn: of the record at the cursor for steps.
  get machine() {
    const { desk } = this, { data } = desk;
    return this.tab === "steps" ? data.machines[data.machine.a[desk.position]] ?? null : desk.machine;
  }
  // What was chosen in this graph, as a name: a state, or the key of a machine.
  get chosen() {
    const { desk, tab } = this, m = this.machine;
    if (tab === "machines") return desk.machine?.key ?? "";
    return m && m === desk.machine && m.states.includes(desk.focus.state) ? desk.focus.state : "";
  }
  get relations() {
    return GRAPH_RELATIONS[this.tab].filter((kind) => !this.off.has(kind));
  }
  // The request for the drawing; `name` is what a page without Python has it by.
  request() {
    const { desk, tab, isPage } = this, { data } = desk, m = this.machine;
    if (tab !== "machines" && !m) return null;
    const name = tab === "machines" ? "machines" : `schema:${m.number}`;
    if (isPage) return { kind: tab, name, key: name };
    const what = { kind: tab, name, machine: tab === "machines" ? "" : m.key, relations: this.relations, hide: this.hide };
    if (tab === "steps") {
      if (desk.position < 0) return null;
      Object.assign(what, { position: desk.position, relations: GRAPH_RELATIONS.steps, hide: false });
    } else if (this.depth !== "all" && this.chosen) Object.assign(what, { states: [this.chosen], depth: this.depth === "any" ? null : Number(this.depth) });
    // A network of machines is laid out anew when machines came, or twice as many records.
    const size = tab === "machines" ? [data.machines.length, Math.ceil(Math.log2(data.count + 1))] : tab === "schema" ? m.states.length : 0;
    return { ...what, key: JSON.stringify([what, size]) };
  }
  took(answer) {
    if (answer.key === this.asked) this.asked = "";
    if (answer.text !== undefined || answer.key === this.copyKey) return this.tookText(answer);
    const { graphs } = this.desk;
    graphs.set(answer.key, answer);
    if (graphs.size > GRAPH_KEPT) graphs.delete(graphs.keys().next().value);
    this.schedule();
  }

  draw() {
    const { desk, tab } = this, { data } = desk;
    this.controls();
    const m = this.machine;
    this.infoEl.textContent = !desk.isLoaded ? "" : tab === "machines" ? plural(data.machines.length, "machine") : m ? `${m.label}, ${plural(m.states.length, "state")}` : "";
    let blank = !desk.isLoaded ? desk.waiting : !data.machines.length ? "Nothing was recorded." : "";
    if (!blank && tab === "steps" && desk.position < 0) blank = "Before the first record: there is nothing to resolve. Press → to step.";
    if (!blank && tab !== "machines" && !m?.states.length) blank = `${m?.label ?? "It"} has no states.`;
    const want = blank ? null : this.request();
    const answer = want ? desk.graphs.get(want.key) : null;
    let note = "";
    if (want && !answer) {
      // One question at a time: a fast cursor asks only for where it comes to rest.
      // What asked for it may be gone, and some questions are never answered.
      const isLost = !desk.channels.has(this.askedBy) || (want.key !== this.asked && performance.now() - this.askedAt > 4000);
      if (!this.asked || isLost) {
        Object.assign(this, { asked: want.key, askedBy: [...desk.channels][0], askedAt: performance.now() });
        if (!desk.ask("graph", want)) this.asked = "";
      }
      note = "Laying out";
    }
    if (answer?.isMissing) blank = "This drawing is not in this page: it would take Python to lay it out.";
    if (answer?.error) blank = answer.error;
    if (answer?.svg && this.answer !== answer) this.mount(answer);
    const isShown = !blank && this.drawing && this.drawnFor === `${tab} ${tab === "machines" ? "" : m.number}`;
    this.stage.hidden = !isShown;
    this.legend.hidden = !isShown;
    this.zoomBar.hidden = !isShown;
    if (isShown) {
      if (this.isFitted && (this.fitW !== this.stage.clientWidth || this.fitH !== this.stage.clientHeight)) this.fit();
      const notes = tab === "machines" ? this.paintMachines() : this.paintStates();
      note = [note, ...notes].filter(Boolean).join(". ");
    }
    this.stage.classList.toggle("am-waiting", !!(want && !answer));
    this.note.textContent = blank || note;
    this.note.classList.toggle("am-blank", !!blank || !isShown);
    this.tellOutcome();
  }

  controls() {
    const { desk, tab } = this, { data } = desk;
    this.tabs.forEach((el, k) => el.setAttribute("aria-selected", String(GRAPH_TABS[k][0] === tab)));
    if (this.machinesShown !== data.version) {
      this.machinesShown = data.version;
      fill(this.machineSelect, data.machines.map((one) => h("option", { value: one.key }, one.label)));
    }
    this.machineSelect.hidden = tab === "steps";
    this.machineSelect.value = desk.machine?.key ?? "";
    this.depthSelect.hidden = tab === "steps";
    this.depthSelect.value = this.depth;
    this.depthSelect.disabled = this.depth === "all" && !this.chosen;
    this.depthSelect.title = this.chosen ? `Region around ${this.chosen} (Enter)` : "Choose a state first: then its region can be shown alone";
    this.hideBox.parentNode.hidden = this.boxes.hidden = tab === "steps";
    if (this.boxesShown !== tab) {
      this.boxesShown = tab;
      fill(this.boxes, GRAPH_RELATIONS[tab].map((kind) => {
        const box = h("input", { type: "checkbox", checked: !this.off.has(kind), onchange: () => {
          if (box.checked) this.off.delete(kind);
          else this.off.add(kind);
          this.schedule();
        } });
        return h("label", { class: "am-toggle" }, box, graphLine(kind), GRAPH_LINKS[kind].replace("caused mutations in", "causes").replace("parent of", "parents"));
      }));
    }
    const { isPage } = this;
    this.copyButtons.forEach((el, k) => (el.hidden = isPage && GRAPH_FORMS[k][0] !== "svg"));
    this.copyNote.textContent = isPage ? "DOT and Mermaid take Python" : "";
  }

  mount(answer) {
    const before = this.answer;
    this.answer = answer;
    try {
      this.drawing = new GraphDrawing(answer);
    } catch (error) {
      this.drawing = null;
      this.stage.replaceChildren();
      throw error;
    }
    this.drawnFor = `${this.tab} ${this.tab === "machines" ? "" : this.machine.number}`;
    this.stage.replaceChildren(this.drawing.svg);
    fill(this.legend, graphLegend(this.tab, new Set(this.drawing.links.map((link) => link.kind))));
    this.legend.hidden = this.stage.hidden = false;
    // A drawing of the same nodes stays where one looked.
    if (!before || before.nodes.join() !== answer.nodes.join() || before.kind !== answer.kind) this.start();
    else this.place();
  }

  // Looks.

  // Who is faint: what a search or a region (without Python) leaves out.
  faintNodes(label) {
    const { drawing, isPage, tab } = this;
    let near = null, notes = [];
    if (isPage && tab !== "steps" && this.depth !== "all" && this.chosen) {
      const k = drawing.nodes.findIndex((node) => node.number >= 0 && label(node.number) === this.chosen);
      if (k >= 0) {
        near = drawing.region(k, this.depth === "any" ? Infinity : Number(this.depth), this.relations);
        notes.push(`${near.size} of ${plural(drawing.nodes.length, "node")} near ${this.chosen}. Without Python nothing is laid out anew, so the rest stays, faint`);
      }
    }
    let related = null;
    if (isPage && this.hide && tab !== "steps") {
      related = new Set();
      for (const link of drawing.links) if (this.relations.includes(link.kind)) for (const k of [link.tail, link.head]) related.add(k);
    }
    const found = this.search ? (name) => name.toLowerCase().includes(this.search) : null;
    let hits = 0;
    const faint = drawing.nodes.map((node, k) => {
      const hit = !found || (node.number >= 0 && found(label(node.number)));
      if (found && hit) hits++;
      return (near && !near.has(k)) || (related && !related.has(k)) || !hit;
    });
    if (found) notes.push(hits ? `${hits} found` : "no name has that in it");
    return { faint, notes };
  }

  paintStates() {
    const { desk, drawing, tab } = this;
    const m = this.machine, moment = momentOf(desk, m), story = moment.story;
    const lines = story?.lines ?? [], step = desk.focus.step;
    const line = moment.isOwn && step >= 0 ? lines.find((one) => one.steps.includes(step)) : null;
    const now = new Set(line?.states ?? []), nowEdges = new Set(line?.edges.map((edge) => edge.join("\n")) ?? []);
    const used = new Set(lines.flatMap((one) => one.edges.map((edge) => edge.join("\n"))));
    for (const [from, , to] of line?.edges ?? []) now.add(from).add(to);
    const { faint, notes } = this.faintNodes((s) => m.states[s]);
    // Without Python steps are shown on the whole schema, and what had no part in them is faint.
    const isWhole = tab === "steps" && this.isPage;
    const name = (k) => m.states[drawing.nodes[k]?.number] ?? drawing.nodes[k]?.el.dataset.state; // what is no state has its name there
    drawing.nodes.forEach((node, k) => {
      const s = node.number;
      const isFaint = faint[k] || (isWhole && !(s >= 0 && moment.touched.has(m.states[s]))) || (line && tab === "steps" && s >= 0 && !now.has(m.states[s]));
      const classes = [isFaint && "faint", s >= 0 && m.states[s] === this.chosen && "chosen", s >= 0 && now.has(m.states[s]) && "now", s >= 0 && moment.touched.has(m.states[s]) && "touched"].filter(Boolean).join(" ");
      if (s < 0) return drawing.paintNode(k, { look: "", classes });
      const state = m.states[s], look = moment.looks[s], isCalled = moment.called.has(state);
      const why = (moment.refused.get(state) ?? []).map((reason) => `\n${storySentence(state, reason)}`).join("");
      drawing.paintNode(k, {
        look, classes, isCalled, tick: String(moment.ticks[s]),
        title: `${state}: ${MOMENT_LOOKS[look][1]}${isCalled ? ", called" : ""}, tick ${moment.ticks[s]}${why}`,
      });
    });
    const isOff = (kind) => tab !== "steps" && this.off.has(kind);
    drawing.links.forEach((link, k) => {
      const pairs = link.pairs.map(([a, b]) => `${name(a)}\n${link.kind}\n${name(b)}`);
      const members = drawing.hubs.get(link.head);
      if (members) for (const other of members) if (other !== link.tail) pairs.push(`${name(link.tail)}\nremove\n${name(other)}`, `${name(other)}\nremove\n${name(link.tail)}`);
      const isUsed = pairs.some((pair) => used.has(pair)), isNow = pairs.some((pair) => nowEdges.has(pair));
      const isFaint = faint[link.tail] || (link.head < drawing.nodes.length && faint[link.head]) || (isWhole && !isUsed) || (line && tab === "steps" && !isNow);
      drawing.paintLink(k, [isUsed && "used", isNow && "now", isFaint && "faint"].filter(Boolean).join(" "), isOff(link.kind));
    });
    if (this.answer.layout === "matrix") notes.push(this.answer.note || "as a matrix");
    if (!m.has_schema) notes.push("No schema was recorded: relations are not known");
    if (moment.facts && !moment.facts.isQueued && moment.isWaiting) notes.push(desk.isMissing(desk.position) ? "The steps of this record are not in this page" : "Steps are being looked up");
    else if (moment.facts && !moment.facts.isQueued && !moment.facts.steps.length) notes.push("No steps were recorded: how relations decided is not known");
    if (isWhole && moment.facts?.steps.length) notes.push("Shown on the whole schema, since a page has no Python to lay out the steps alone");
    const inside = drawing.nodes.filter((node) => node.number >= 0).length;
    if (tab === "schema" && inside < m.states.length) notes.push(`${inside} of ${plural(m.states.length, "state")} shown`);
    this.stage.setAttribute("aria-label", `Graph of ${m.label}: ${plural(moment.looks.filter((look) => look === "active" || look === "entered").length, "active state")} of ${m.states.length}`);
    return notes;
  }

  paintMachines() {
    const { desk, drawing } = this, { data } = desk, p = desk.position;
    const acting = p >= 0 && p < data.count ? data.machine.a[p] : -1;
    const source = acting >= 0 ? data.source.a[p] : -1, cause = source >= 0 ? data.machine.a[source] : -1;
    const { faint, notes } = this.faintNodes((number) => data.machines[number].key);
    const most = Math.log(1 + Math.max(1, ...data.machines.map((m) => m.count)));
    drawing.nodes.forEach((node, k) => {
      const m = data.machines[node.number];
      if (!m) return;
      const n = m.upTo(p);
      const classes = [faint[k] && "faint", m.key === this.chosen && "chosen", m.number === acting && "now", m.number === cause && cause !== acting && "causing"].filter(Boolean).join(" ");
      const told = `${n} ${m.count} ${most} ${classes}`;
      if (node.told === told) return;
      node.told = told;
      const errors = this.errorsUpTo(m, p), clocks = this.desk.data.clocksAt(m.number, n - 1);
      const active = m.states.filter((_, s) => clocks[s] % 2 === 1);
      const look = active.includes("Exception") ? "refused" : active.length ? "active" : "inactive";
      drawing.paintNode(k, {
        look, classes, tick: count(n), hint: errors ? `◆${errors}` : "", load: Math.log(1 + n) / most,
        title: `${m.label}: ${count(n)} of ${plural(m.count, "record")}${errors ? `, ${plural(errors, "error")}` : ""}\nactive: ${active.slice(0, 30).join(" ") || "nothing"}`,
      });
      node.hint?.setAttribute("class", "small am-errors");
    });
    drawing.links.forEach((link, k) => {
      const isNow = link.kind === "cause" && cause !== acting && drawing.nodes[link.tail]?.number === cause && drawing.nodes[link.head]?.number === acting;
      drawing.paintLink(k, [isNow && "now used", (faint[link.tail] || faint[link.head]) && "faint"].filter(Boolean).join(" "), this.off.has(link.kind));
    });
    if (!this.isFitted && this.look.k * drawing.height > this.stage.clientHeight + 40) notes.push("A part of it: F shows all");
    notes.push(...(this.answer.notes ?? []).filter((note) => note.includes("not drawn") || note.includes("not shown")).map((note) => (note.includes("not drawn") && !this.isPage ? `${note}: a region around a machine has them` : note)));
    if (drawing.nodes.length < data.machines.length) notes.push(`${drawing.nodes.length} of ${plural(data.machines.length, "machine")} shown`);
    this.stage.setAttribute("aria-label", `Network of ${plural(drawing.nodes.length, "machine")}`);
    return notes;
  }
  // Errors of a machine that have happened at a position; the records are gone through once.
  errorsUpTo(m, p) {
    const { data } = this.desk;
    const kept = (data.errorPlaces ??= { upTo: 0, of: [] });
    for (; kept.upTo < data.count; kept.upTo++) {
      if (data.flags.a[kept.upTo] & ERROR) (kept.of[data.machine.a[kept.upTo]] ??= new Column(Int32Array, 8)).push(kept.upTo);
    }
    const places = kept.of[m.number];
    return places ? above(places.a, p, places.n) : 0;
  }

  tellOutcome() {
    const { desk } = this, { data } = desk, p = desk.position;
    if (!data.count || p < 0) return void fill(this.outcome, h("span", { class: "am-muted" }, data.count ? "Before the first record" : ""));
    const m = data.machines[data.machine.a[p]], kind = data.kindAt(p), source = data.source.a[p];
    const moment = momentOf(desk, m), why = [...moment.refused].flatMap(([state, reasons]) => reasons.map((reason) => storySentence(state, reason)));
    const told = why.length ? why : moment.facts?.detail?.why && !moment.facts.isAccepted ? [moment.facts.detail.why] : [];
    const line = desk.focus.step >= 0 ? moment.story?.lines.find((one) => one.steps.includes(desk.focus.step)) : null;
    fill(this.outcome, h("span", { class: `am-kind am-kind-${kind}` }, kind), " ", h("b", { class: "am-name" }, m.label), " ", KINDS[data.kind.a[p]] ?? "", " ",
      h("b", { class: "am-name" }, Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`).join(", ")),
      ...[...(moment.facts?.entering ?? [])].map((state) => h("span", { class: "am-entered" }, ` +${state}`)),
      ...[...(moment.facts?.leaving ?? [])].map((state) => h("span", { class: "am-exited" }, ` −${state}`)),
      source >= 0 ? h("span", { class: "am-muted" }, " caused by ", h("button", { class: "am-button am-quiet", type: "button", title: "Go to the cause (c)", onclick: () => desk.jump(source) }, `${data.machines[data.machine.a[source]].label}: ${data.titleAt(source)}`)) : null,
      line ? h("div", { class: "am-step" }, h("span", { class: "am-muted" }, `step ${desk.focus.step + 1} of ${moment.facts.steps.length}  `), line.text) : null,
      !line && told.length ? h("div", { class: "am-why" }, h("span", { class: "am-bad" }, "✕ "), told.slice(0, 3).join("; "), told.length > 3 ? ` and ${told.length - 3} more` : "") : null);
  }

  // Where one looks.

  place() {
    const { x, y, k } = this.look;
    this.drawing?.moved.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${k.toFixed(4)})`);
  }
  // Where a new drawing is first looked at: all of it, or if that would be too small to read, around what is chosen.
  start() {
    this.fit();
    if (this.look.k < 0.4 && this.answer.layout !== "matrix") this.centre(0.75);
  }
  fitOrCentre() {
    if (!this.isFitted || !this.centre(1)) this.fit();
  }
  // Brings what is chosen (or acts) to the middle; false where there is nothing of that kind.
  centre(k) {
    const { data } = this.desk, { stage, drawing } = this;
    const chosen = this.tab === "machines" ? data.byKey.get(this.chosen)?.number : this.machine?.states.indexOf(this.chosen);
    const at = drawing?.middle(drawing.byNumber.get(chosen ?? -1));
    if (!at) return false;
    this.look = { k, x: stage.clientWidth / 2 - at[0] * k, y: stage.clientHeight / 2 - at[1] * k };
    this.isFitted = false;
    this.place();
    return true;
  }
  fit() {
    const { drawing, stage } = this;
    if (!drawing) return;
    const w = stage.clientWidth, hgt = stage.clientHeight;
    if (!w || !hgt) return;
    Object.assign(this, { isFitted: true, fitW: w, fitH: hgt });
    const k = Math.min(1.25, (w - 16) / drawing.width, (hgt - 16) / drawing.height);
    this.look = { k, x: (w - drawing.width * k) / 2, y: (hgt - drawing.height * k) / 2 };
    this.place();
  }
  zoom(by, px = this.stage.clientWidth / 2, py = this.stage.clientHeight / 2) {
    const { x, y, k } = this.look, next = Math.max(0.02, Math.min(8, k * by)), ratio = next / k;
    this.look = { k: next, x: px - (px - x) * ratio, y: py - (py - y) * ratio };
    this.isFitted = false;
    this.place();
  }
  pan(dx, dy) {
    this.isFitted = false;
    this.look.x += dx;
    this.look.y += dy;
    this.place();
  }
  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const at = this.stage.getBoundingClientRect();
      this.zoom(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.006), event.clientX - at.left, event.clientY - at.top);
    } else if (event.shiftKey) {
      event.preventDefault();
      this.pan(-(event.deltaX || event.deltaY), 0);
    }
  }
  press(event) {
    if (event.button !== 0) return;
    const { stage } = this, from = { x: event.clientX, y: event.clientY, look: { ...this.look } };
    const node = this.nodeAt(event);
    const over = new AbortController();
    let isDragged = false;
    stage.addEventListener("pointermove", (move) => {
      const dx = move.clientX - from.x, dy = move.clientY - from.y;
      if (!isDragged && Math.hypot(dx, dy) < 4) return;
      if (!isDragged) stage.setPointerCapture(move.pointerId);
      isDragged = true;
      this.isFitted = false;
      stage.classList.add("am-dragged");
      this.look = { k: from.look.k, x: from.look.x + dx, y: from.look.y + dy };
      this.place();
    }, { signal: over.signal });
    const end = () => {
      over.abort();
      stage.classList.remove("am-dragged");
      if (!isDragged && node) this.choose(node);
    };
    stage.addEventListener("pointerup", end, { signal: over.signal });
    stage.addEventListener("pointercancel", () => over.abort(), { signal: over.signal });
    stage.addEventListener("pointerleave", () => { if (!isDragged) over.abort(); }, { signal: over.signal });
  }
  nodeAt(event) {
    const el = event.target.closest?.(".node");
    return el ? this.drawing?.nodes.find((node) => node.el === el) ?? null : null;
  }
  twice(event) {
    const node = this.nodeAt(event);
    if (!node) return this.fit();
    this.choose(node);
    if (this.tab !== "steps") this.depth = "1";
    this.schedule();
  }
  choose(node) {
    const { desk } = this;
    if (node.number < 0) return;
    if (this.tab === "machines") desk.set({ machine: desk.data.machines[node.number].key });
    else desk.set({ machine: this.machine.key, state: this.machine.states[node.number] });
    this.say(node.title?.textContent ?? "");
  }
  walk(n) {
    const nodes = this.drawing?.nodes.filter((node) => node.number >= 0 && !node.el.classList.contains("faint")) ?? [];
    if (!nodes.length) return false;
    const at = nodes.findIndex((node) => node.el.classList.contains("chosen"));
    this.choose(nodes[at < 0 ? (n > 0 ? 0 : nodes.length - 1) : (at + n + nodes.length) % nodes.length]);
    return true;
  }
  around() {
    if (this.tab === "steps" || (this.depth === "all" && !this.chosen)) return;
    this.depth = this.depth === "all" ? "1" : "all";
    this.schedule();
  }
  chooseFound() {
    const { data } = this.desk, m = this.machine;
    const node = this.drawing?.nodes.find((one) => one.number >= 0 && (this.tab === "machines" ? data.machines[one.number].key : m.states[one.number]).toLowerCase().includes(this.search));
    this.search = this.searchInput.value = "";
    if (node) this.choose(node);
  }

  // Copies.

  copy(form) {
    const { desk } = this;
    this.copyForm = form;
    if (form === "svg") {
      if (this.drawing) this.give(this.drawing.text(this.tab === "machines" ? "machines" : this.machine.label));
      return;
    }
    const want = this.request();
    if (!want) return;
    this.copyKey = `${form} ${want.key} ${desk.position}`;
    desk.ask("graph", { ...want, position: desk.position, form, key: this.copyKey });
  }
  tookText(answer) {
    if (answer.key !== this.copyKey) return;
    this.copyKey = null;
    if (answer.error || answer.isMissing) this.copied.textContent = answer.error ?? "That takes Python.";
    else this.give(answer.text);
  }
  async give(text) {
    this.details.hidden = false;
    this.textArea.value = text;
    let words = "copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page may be forbidden to write to the clipboard, so the text stands there to be taken.
      words = "to be copied below";
      this.details.open = true;
      this.textArea.select();
    }
    this.copied.textContent = `${Object.fromEntries(GRAPH_FORMS)[this.copyForm]} ${words}, ${plural(text.length, "character")}`;
  }
}

export default widget(GraphView);
