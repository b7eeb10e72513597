// The transport: where the cursor is, and all ways to move it: steps, jumps, play, address, history, bookmarks, filters.

import { h, fill, count, clock, span, plural } from "../shared/dom.js";
import { KINDS, above } from "../shared/data.js";
import { View, widget } from "../shared/view.js";

const TOGGLES = [
  ["auto", "auto", "transitions made by auto states"],
  ["canceled", "canceled", "refused transitions"],
  ["checks", "checks", "mutations that were only asked for (can_add)"],
  ["queued", "queued", "mutations being queued"],
  ["empty", "empty", "transitions that changed nothing"],
  ["health", "health", "heartbeats and health checks"],
  ["disconnected", "disconnected", "machines whose process was cut off: killed, or not ended"],
  ["rpc", "RPC", "RPC and bootstrap machines"],
];
const TRANSPORT_STEPS = { 1: "relation", 2: "handler", 4: "activate", 8: "deactivate", 16: "leave out", 32: "called", 64: "cancel" };
const TRANSPORT_RELATIONS = ["after", "add", "require", "remove"];

// A step in words: "Start require Ready", "handler StartEnter", "cancel Ready".
export function transportStep([type, from, to, relation, , handler]) {
  if (type === 2) return `handler ${handler}`;
  if (type === 1) return `${from ?? "?"} ${TRANSPORT_RELATIONS[relation] ?? "relation"} ${to ?? "?"}`;
  return `${TRANSPORT_STEPS[type] ?? `step ${type}`} ${to ?? from ?? ""}`.trim();
}

export class TransportView extends View {
  static title = "Transport";
  static kind = "transport";

  build(body) {
    const { desk } = this;
    this.names = desk.memory.bookmarks ??= {};
    const button = (command, sign, words) =>
      h("button", { class: "am-button", type: "button", title: words, "aria-label": words, "data-command": command, onclick: () => desk.command(command) }, sign);
    const group = (words, ...children) => h("span", { class: "am-group", role: "group", "aria-label": words }, ...children);
    const label = (words) => h("span", { class: "am-label am-muted", "aria-hidden": "true" }, words);
    this.play = button("play", "Play", "Play (Space)");
    this.tail = button("tail", "Tail", "Follow a live session (t)");
    this.mark = button("bookmark", "☆", "Bookmark (b)");
    this.back = button("back", "↩", "Where you were before (Backspace)");
    this.on = button("forward", "↪", "Forward in history");
    this.errors = [button("prevError", "‹", "Error before (Shift E)"), button("nextError", "›", "Next error (e)")];
    this.speed = h("select", { "aria-label": "Speed of playing", title: "Speed of playing, in records a second", onchange: () => {
      desk.speed = Number(this.speed.value);
      if (desk.playing) desk.play();
    } }, [1, 5, 10, 50, 200, 1000].map((n) => h("option", { value: n }, `${n}/s`)));
    this.scope = h("select", { "aria-label": "What steps go through", title: "What arrows, play and jumps of 100 go through", onchange: () => desk.set({ scope: this.scope.value }) },
      h("option", { value: "all" }, "all machines"), h("option", { value: "machine" }, "this machine"));
    this.machine = h("select", { class: "am-pick", "aria-label": "Machine that is chosen", title: "Machine to step through", onchange: () => desk.set({ machine: this.machine.value }) });
    this.state = h("select", { class: "am-pick", "aria-label": "State that is chosen", title: "State whose changes to step through", onchange: () => desk.set({ state: this.state.value }) });
    this.addressInput = h("input", { type: "text", class: "am-mono am-address", spellcheck: false, "aria-label": "Address of the transition", placeholder: "mach://MACHINE/TX",
      onkeydown: (event) => { if (event.key === "Enter") this.goTo(this.addressInput.value.trim()); }, onblur: () => this.schedule() });
    this.copy = h("button", { class: "am-button", type: "button", title: "Copy the address", "aria-label": "Copy the address", onclick: () => this.copyAddress() }, "Copy");
    this.history = h("select", { class: "am-history", "aria-label": "Places you were before", title: "Places you were before", onfocus: () => this.fillHistory(), onpointerdown: () => this.fillHistory(), onchange: () => {
      const p = Number(this.history.value);
      if (this.history.value !== "") desk.jump(p);
      this.history.value = "";
    } }, h("option", { value: "" }, "History"));
    this.slider = h("input", { type: "range", class: "am-slider", min: 0, max: 0, step: 1, "aria-label": "Place in the session", oninput: () => {
      const seen = desk.visible;
      const k = Number(this.slider.value);
      desk.set({ position: k ? seen[k - 1] : -1 });
    } });
    this.where = h("span", { class: "am-where am-mono" });
    this.stepSlider = h("input", { type: "range", class: "am-slider am-step-slider", min: 0, max: 0, step: 1, "aria-label": "Step inside of the transition", oninput: () => desk.set({ step: Number(this.stepSlider.value) - 1 }) });
    this.stepWhere = h("span", { class: "am-where am-mono" });
    this.what = h("div", { class: "am-what am-now" });
    this.next = h("div", { class: "am-what am-next am-muted" });
    this.marks = h("div", { class: "am-row am-marks", role: "list", "aria-label": "Bookmarks", hidden: true });
    this.level = h("select", { "aria-label": "Log level", title: "Log level", onchange: () => desk.filter({ level: Number(this.level.value) }) },
      ["log off", "log changes", "log ops", "log decisions", "log everything"].map((word, n) => h("option", { value: n }, word)));
    this.group = h("select", { "aria-label": "Group of states", title: "Show only states of this group", onchange: () => desk.filter({ group: this.group.value }) });
    this.showAll = h("button", { class: "am-button am-quiet", type: "button", title: "Show everything that filters hide", onclick: () => desk.filter({ ...Object.fromEntries(TOGGLES.map(([name]) => [name, true])), hidden: [] }) }, "Show all");
    this.toggles = TOGGLES.map(([name, word, words]) => {
      const box = h("input", { type: "checkbox", onchange: () => desk.filter({ [name]: box.checked }) });
      const n = h("span", { class: "am-muted am-small" });
      return { name, box, n, el: h("label", { class: "am-toggle", title: `Show ${words}` }, box, word, n) };
    });
    fill(body,
      h("div", { class: "am-row am-moves" },
        group("Records",
          button("first", "|◀", "First record (Home)"), button("jumpBack", "−100", "100 records back (PgUp)"), button("prev", "◀", "Record before (←)"),
          this.play, button("next", "▶", "Next record (→)"), button("jumpOn", "+100", "100 records on (PgDn)"), button("last", "▶|", "Last record (End)"), this.speed, this.scope),
        group("By machine", label("Machine"), this.machine, button("prevOwn", "‹", "Record before of this machine (,)"), button("nextOwn", "›", "Next record of this machine (.)")),
        group("By state", label("State"), this.state, button("prevState", "‹", "Change before of this state (Shift N)"), button("nextState", "›", "Next change of this state (n)")),
        group("By error", label("Error"), ...this.errors),
        this.tail),
      h("div", { class: "am-row am-places" }, group("History", this.back, this.on, this.history), this.addressInput, this.copy, this.mark),
      h("div", { class: "am-bars" },
        h("div", { class: "am-bar" }, label("Transition"), this.slider, this.where),
        h("div", { class: "am-bar am-step-bar" }, label("Step"), button("stepBack", "‹", "Step before ([)"), this.stepSlider, button("stepOn", "›", "Next step (])"), this.stepWhere)),
      this.what, this.next,
      h("div", { class: "am-row am-filters", role: "group", "aria-label": "Filters" }, label("Show"), this.toggles.map((t) => t.el), this.level, this.group, this.showAll),
      this.marks);
  }

  goTo(address) {
    const { desk } = this;
    const p = desk.data.parse(address);
    if (p >= 0) desk.jump(p);
    else if (!desk.ask("find", { address })) this.say("No such address");
  }
  async copyAddress() {
    const text = this.desk.address;
    if (!text) return;
    let isDone = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // No right to the clipboard here: the address is left selected, and the old way is tried.
      this.addressInput.focus();
      this.addressInput.value = text;
      this.addressInput.select();
      isDone = this.root.ownerDocument.execCommand?.("copy") ?? false;
    }
    this.copy.textContent = isDone ? "Copied" : "Selected";
    this.say(isDone ? "Copied" : "The address is selected");
    clearTimeout(this.copyTimer);
    this.copyTimer = setTimeout(() => (this.copy.textContent = "Copy"), 1500);
  }
  fillHistory() {
    const { desk } = this;
    const places = [...new Set([...desk.past].reverse())].filter((p) => p >= 0 && p < desk.data.count).slice(0, 20);
    const name = (p) => `${desk.data.machines[desk.data.machine.a[p]].label} @${desk.data.index.a[p]}  ${desk.data.titleAt(p)}`;
    fill(this.history, h("option", { value: "" }, "History"), places.map((p) => h("option", { value: p }, name(p))));
    this.history.value = "";
  }

  changed(event, what) {
    if (event === "detail" && this.desk.position >= 0 && this.desk.data.machine.a[this.desk.position] !== what?.number) return;
    super.changed(event, what);
  }

  draw() {
    const { desk } = this;
    const { data, focus, filters } = desk;
    const seen = desk.visible, p = Math.min(focus.position, data.count - 1); // records may still be to come
    const k = above(seen, p);
    this.slider.max = seen.length;
    this.slider.value = k;
    this.slider.disabled = !seen.length;
    this.slider.setAttribute("aria-valuetext", p < 0 ? "before the first record" : `record ${k} of ${seen.length}, ${data.titleAt(p)}`);
    this.where.textContent = `${count(k)} / ${count(seen.length)}`;
    this.where.title = seen.length < data.count ? `${count(data.count)} with those that filters hide` : "";
    this.titleEl.textContent = data.name || "Transport";
    this.infoEl.textContent = desk.isLoaded ? `${plural(data.machines.length, "machine")}, ${plural(data.count, "record")}${desk.isLive ? ", live" : ""}` : "";
    this.play.textContent = desk.playing ? "Pause" : "Play";
    this.play.setAttribute("aria-pressed", String(!!desk.playing));
    this.play.disabled = !seen.length;
    if (this.speed.value !== String(desk.speed)) this.speed.value = String(desk.speed);
    this.tail.hidden = !desk.isLive && !desk.tail;
    this.tail.setAttribute("aria-pressed", String(desk.tail));
    const marked = desk.bookmarks.includes(p);
    this.mark.textContent = marked ? "★" : "☆";
    this.mark.disabled = p < 0;
    this.mark.setAttribute("aria-pressed", String(marked));
    this.back.disabled = !desk.past.length;
    this.on.disabled = !desk.future.length;
    this.history.disabled = !desk.past.some((at) => at >= 0);
    const hasErrors = data.machines.some((m) => m.errors);
    for (const el of this.errors) el.disabled = !hasErrors;
    this.scope.value = focus.scope;
    this.level.value = filters.level;
    if (!this.addressInput.matches(":focus")) this.addressInput.value = desk.address;
    this.copy.disabled = p < 0;
    this.drawSteps(p);
    fill(this.what, ...this.words(p));
    fill(this.next, ...this.nextWords(seen[k] ?? -1));
    this.drawPicks();
    for (const { name, box, n } of this.toggles) {
      box.checked = filters[name];
      n.textContent = desk.hidden[name] ? ` ${count(desk.hidden[name])} hidden` : "";
    }
    this.showAll.hidden = !desk.hidden.total && !filters.hidden.length;
    this.drawMarks();
  }
  drawSteps(p) {
    const { desk } = this;
    const steps = desk.detail(p)?.steps ?? [];
    const at = Math.min(desk.focus.step, steps.length - 1);
    this.stepSlider.max = steps.length;
    this.stepSlider.value = at + 1;
    this.stepSlider.disabled = !steps.length;
    this.stepWhere.textContent = steps.length ? `${at + 1} / ${steps.length}` : "none";
    this.stepWhere.title = steps.length ? "" : "This record holds no steps";
    this.stepSlider.setAttribute("aria-valuetext", steps.length ? `step ${at + 1} of ${steps.length}${at >= 0 ? `, ${transportStep(steps[at])}` : ""}` : "no steps");
    this.stepWords = at >= 0 ? transportStep(steps[at]) : "";
  }
  // Choices of machines, states and groups; made anew only where they changed.
  drawPicks() {
    const { desk } = this;
    const { data, focus, filters } = desk;
    const renew = (el, words, ...options) => {
      if (el.shown === words) return;
      el.shown = words;
      fill(el, ...options);
    };
    const m = desk.machine;
    if (this.machinesShown !== data.machines.length) {
      this.machinesShown = data.machines.length;
      fill(this.machine, data.machines.map((other) => h("option", { value: other.key }, other.label)));
    }
    this.machine.value = focus.machine;
    this.machine.disabled = !m;
    renew(this.state, `${m?.key}\n${m?.states.length}`, h("option", { value: "" }, "any change"), (m?.states ?? []).map((name) => h("option", { value: name }, name)));
    this.state.value = m?.states.includes(focus.state) ? focus.state : "";
    this.state.disabled = !m?.states.length;
    const groups = Object.keys(m?.groups ?? {});
    renew(this.group, ["", ...groups].join("\n"), h("option", { value: "" }, "all states"), groups.map((name) => h("option", { value: name }, name)));
    this.group.value = groups.includes(filters.group) ? filters.group : "";
    this.group.hidden = !groups.length;
  }

  words(p) {
    const { desk } = this;
    const { data } = desk;
    if (!data.count) return [h("span", { class: "am-muted" }, desk.isLoaded ? "Nothing was recorded." : desk.waiting)];
    if (p < 0) return [h("span", { class: "am-muted" }, "Before the first record. Press → to step, Space to play.")];
    const m = data.machines[data.machine.a[p]];
    const kind = data.kindAt(p);
    const { entered, exited } = data.effect(p);
    const names = Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`).join(", ");
    const some = (list, sign) => (list.length > 8 ? `${list.slice(0, 8).map((s) => sign + m.states[s]).join(" ")} and ${list.length - 8} more` : list.map((s) => sign + m.states[s]).join(" "));
    const time = data.timeNs(p);
    return [
      h("span", { class: `am-kind am-kind-${kind}` }, kind),
      h("b", {}, m.label), h("span", {}, KINDS[data.kind.a[p]] ?? "kind"), h("b", {}, names || "nothing"),
      entered.length ? h("span", { class: "am-entered" }, some(entered, "+")) : null,
      exited.length ? h("span", { class: "am-exited" }, some(exited, "−")) : null,
      this.stepWords ? h("span", { class: "am-step-words" }, `step: ${this.stepWords}`) : null,
      h("span", { class: "am-muted am-right am-mono" }, time === null ? "no time" : `${clock(time)}  +${span(data.time.a[p])}`),
    ];
  }
  nextWords(p) {
    const { data } = this.desk;
    if (!data.count) return [];
    if (p < 0) return [h("span", {}, "Next"), h("span", {}, "the end")];
    const kind = data.kindAt(p), here = this.desk.focus.position;
    const isTimed = here >= 0 && data.timeNs(p) !== null && data.timeNs(here) !== null;
    return [h("span", {}, "Next"), h("span", {}, data.machines[data.machine.a[p]].label), h("span", {}, data.titleAt(p)), kind === "executed" ? null : h("span", {}, `(${kind})`),
      isTimed ? h("span", { class: "am-right am-mono" }, `${data.time.a[p] < data.time.a[here] ? "−" : "+"}${span(Math.abs(data.time.a[p] - data.time.a[here]))}`) : null];
  }

  // Bookmarks.

  drawMarks() {
    const { desk } = this;
    const { data } = desk;
    this.marks.hidden = !desk.bookmarks.length;
    if (this.marks.querySelector("input")) return; // one is being named
    const at = desk.focus.position;
    const shown = `${desk.bookmarks.join()} ${at} ${JSON.stringify(this.names)} ${data.count}`;
    if (this.marksShown === shown) return;
    this.marksShown = shown;
    const active = this.root.getRootNode().activeElement;
    const focused = this.marks.contains(active) ? active.dataset.position : null;
    fill(this.marks, h("span", { class: "am-label am-muted", "aria-hidden": "true" }, "Bookmarks"), desk.bookmarks.filter((b) => b >= 0 && b < data.count).map((b) => this.bookmark(b, b === at)));
    if (focused !== null) this.marks.querySelector(`[data-position="${focused}"]`)?.focus();
  }
  bookmark(b, isHere) {
    const { desk } = this;
    const { data } = desk;
    const name = this.names[b] || `${data.machines[data.machine.a[b]].label} @${data.index.a[b]}`;
    return h("span", { class: `am-bookmark${isHere ? " am-here" : ""}`, role: "listitem" },
      h("button", { class: "am-bookmark-go", type: "button", title: `${data.titleAt(b)}\nDouble click or F2 to name it, Delete to take it away`, "aria-label": `Bookmark ${name}`, "data-position": b, onclick: () => desk.jump(b),
        ondblclick: () => this.rename(b), onkeydown: (event) => {
          if (event.key === "F2") this.rename(b);
          else if (event.key === "Delete") this.unmark(b);
        } }, "★ ", name),
      h("button", { class: "am-bookmark-off", type: "button", title: "Take this bookmark away", "aria-label": `Take bookmark ${name} away`, onclick: () => this.unmark(b) }, "✕"));
  }
  unmark(b) {
    const { desk } = this;
    desk.bookmarks = desk.bookmarks.filter((other) => other !== b);
    delete this.names[b];
    desk.emit("focus", { origin: "user", old: desk.focus });
    for (const channel of desk.channels) if (channel.focus?.(desk)) break;
  }
  rename(b) {
    const go = this.marks.querySelector(`[data-position="${b}"]`);
    if (!go) return;
    let isDone = false;
    const end = (keep) => {
      if (isDone) return;
      isDone = true; // taking it out of the page ends it once more, by the loss of focus
      const words = input.value.trim();
      if (keep && words) this.names[b] = words;
      else if (keep) delete this.names[b];
      input.remove();
      this.marksShown = null;
      this.drawMarks();
      this.marks.querySelector(`[data-position="${b}"]`)?.focus();
    };
    const input = h("input", { type: "text", class: "am-bookmark-name", "aria-label": "Name of the bookmark", value: this.names[b] ?? "", placeholder: "name", onkeydown: (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        event.stopPropagation();
        end(event.key === "Enter");
      }
    }, onblur: () => end(true) });
    go.replaceWith(input);
    input.focus();
  }
  destroyed() {
    clearTimeout(this.copyTimer);
  }
}

export default widget(TransportView);
