// The control strip: pauses, steps and resumes the chosen live machine, shows what waits there, and where it stops.
//
// Python does it and tells the state of the machine (event "control"), also when that changes by itself.

import { h, fill, plural } from "../shared/dom.js";
import { View, widget } from "../shared/view.js";

const CONTROL_ASK_MS = 300; // between two questions about a machine that is at work

export class ControlView extends View {
  static title = "Control";
  static kind = "control";

  build(body) {
    const { desk, signal } = this;
    this.state = null;
    const act = (what, sign, words, title) => h("button", { class: "am-button", type: "button", title, "aria-label": title, onclick: () => this.do(what) }, sign, words ? ` ${words}` : "");
    this.pause = act({ do: "pause" }, "❚❚", "Pause", "Pause the machine: what is asked of it waits (p)");
    this.resume = act({ do: "resume" }, "▶", "Resume", "Resume: all that waits runs, in order (p)");
    this.step = act({ do: "step" }, "⇥", "Step", "Run the next mutation that waits (s)");
    this.steps = act({ do: "step", n: 10 }, "⇥ 10", "", "Run the next 10 mutations that wait (Shift S)");
    this.chip = h("span", { class: "am-control-chip", role: "status" });
    this.waiting = h("span", { class: "am-muted" });
    this.why = h("p", { class: "am-blank" });
    this.wrong = h("span", { class: "am-bad", role: "alert" });
    this.queue = h("ol", { class: "am-control-queue am-scroll", "aria-label": "Mutations that wait, the next one first" });
    this.points = h("ul", { class: "am-control-points", "aria-label": "Breakpoints" });
    this.kindInput = h("select", { "aria-label": "What the breakpoint stops at" }, h("option", { value: "added" }, "add of"), h("option", { value: "removed" }, "remove of"));
    this.stateList = h("datalist", { id: `am-states-${Math.random().toString(36).slice(2)}` });
    this.stateInput = h("input", { type: "text", class: "am-mono", spellcheck: false, autocomplete: "off", placeholder: "state", "aria-label": "State, or several, separated by blanks", list: this.stateList.id,
      oninput: () => this.check(), onkeydown: (event) => { if (event.key === "Enter") this.addPoint(); } });
    this.addButton = h("button", { class: "am-button", type: "button", onclick: () => this.addPoint() }, "Add");
    this.main = h("div", { class: "am-control-main" },
      h("div", { class: "am-control-row" }, this.chip, this.pause, this.resume, this.step, this.steps, this.waiting, this.wrong),
      h("div", { class: "am-control-columns" },
        h("section", {}, h("h4", {}, "Waiting"), this.queue),
        h("section", {}, h("h4", {}, "Pause before"), h("div", { class: "am-control-row" }, this.kindInput, this.stateInput, this.stateList, this.addButton), this.points)));
    fill(body, this.why, this.main);
    desk.on("control", (what) => this.told(what), signal);
    this.ask();
  }

  keys() {
    return {
      p: () => this.do({ do: this.state?.is_paused ? "resume" : "pause" }),
      s: () => this.do({ do: "step" }),
      S: () => this.do({ do: "step", n: 10 }),
    };
  }
  help() {
    return [["p", "pause and resume the machine"], ["s", "run the next that waits"], ["S", "run the next 10"]];
  }
  destroyed() {
    clearTimeout(this.timer);
  }

  changed(event) {
    const chosen = this.desk.focus.machine;
    if (chosen !== this.asked || event === "status") this.ask();
    else if (event === "data") this.later();
    super.changed(event);
  }
  // Asks how the machine is, now, or soon where it is asked for often.
  ask() {
    this.asked = this.desk.focus.machine;
    if (this.state && this.state.machine !== this.asked) this.state = null;
    if (this.desk.isLive && this.asked) this.desk.ask("control", { do: "state", machine: this.asked });
  }
  later() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (!this.signal.aborted) this.ask();
    }, CONTROL_ASK_MS);
  }
  do(what) {
    const { state } = this;
    if (!state?.can || (what.do === "step" && !state.is_paused)) return;
    this.desk.ask("control", { ...what, machine: state.machine });
    this.later(); // the machine's own thread may see to it a little later
  }
  told(state) {
    if (state.machine !== this.desk.focus.machine) return;
    if (state.is_paused && this.state && !this.state.is_paused) this.say(`${state.machine} is paused`);
    this.state = state;
    this.schedule();
  }
  get typed() {
    return this.stateInput.value.split(/[\s,]+/).filter(Boolean);
  }
  check() {
    const states = this.desk.machine?.states ?? [];
    const unknown = this.typed.filter((name) => !states.includes(name));
    this.stateInput.setAttribute("aria-invalid", String(unknown.length > 0));
    this.addButton.disabled = !this.typed.length || unknown.length > 0;
    this.addButton.title = unknown.length ? `No state ${unknown.join(", ")}` : "";
  }
  addPoint() {
    this.check();
    if (this.addButton.disabled) return;
    this.do({ do: "break", [this.kindInput.value]: this.typed });
    this.stateInput.value = "";
    this.check();
  }

  draw() {
    const { desk, state } = this;
    const machine = desk.machine;
    this.infoEl.textContent = machine?.label ?? "";
    const why = !desk.isLoaded ? desk.waiting : !desk.isLive ? "Machines can be paused while they are recorded live. This session is not live." : !machine ? "Choose a machine." : !state ? "Asking …" : state.can ? "" : state.why;
    this.why.textContent = why;
    this.why.hidden = !why;
    this.main.hidden = !!why;
    if (why) return;
    this.chip.textContent = state.is_paused ? "❚❚ paused" : "▶ running";
    this.chip.dataset.paused = String(state.is_paused);
    this.pause.hidden = state.is_paused;
    this.resume.hidden = !state.is_paused;
    this.step.disabled = this.steps.disabled = !state.is_paused || !state.waiting;
    this.waiting.textContent = state.waiting ? `${plural(state.waiting, "mutation")} waiting${state.is_full ? ", which is all that it takes: more are refused" : ""}` : "nothing waits";
    this.wrong.textContent = state.error ?? "";
    if (this.shownMachine !== machine) {
      this.shownMachine = machine;
      fill(this.stateList, machine.states.map((name) => h("option", { value: name })));
      this.check();
    }
    const seen = JSON.stringify([state.queue, state.waiting, state.breakpoints]);
    if (seen === this.seen) return;
    this.seen = seen;
    const more = state.waiting - state.queue.length;
    fill(this.queue, state.queue.map((one) => this.row(one)),
      more > 0 ? h("li", { class: "am-muted am-control-more" }, `and ${plural(more, "more", "more")}`) : null,
      state.queue.length ? null : h("li", { class: "am-muted am-control-more" }, state.is_paused ? "Nothing was asked for since it was paused." : "Nothing waits."));
    fill(this.points, state.breakpoints.map((point) => {
      const words = `${point.added.length ? "add" : "remove"} of ${[...point.added, ...point.removed].join(" ")}`;
      return h("li", {}, h("span", { class: "am-control-dot", "aria-hidden": "true" }, "●"), h("span", { class: "am-mono" }, words),
        h("span", { class: "am-muted am-small" }, point.hits ? `${plural(point.hits, "hit")}` : "no hit yet", point.pauses ? "" : ", does not pause"),
        h("button", { class: "am-button am-quiet", type: "button", "aria-label": `Take away the breakpoint at ${words}`, title: "Take it away", onclick: () => this.do({ do: "unbreak", number: point.number }) }, "✕"));
    }), state.breakpoints.length ? null : h("li", { class: "am-muted" }, "No breakpoint."));
  }
  row(one) {
    const args = Object.entries(one.args ?? {}).map(([key, value]) => `${key}=${value}`).join(", ");
    return h("li", {}, h("span", { class: "am-muted" }, one.kind), h("b", {}, one.states.join(", ")),
      one.mark ? h("span", { class: `am-kind am-kind-${one.mark}` }, one.mark) : null,
      args ? h("span", { class: "am-mono am-muted am-control-args", title: args }, args) : null,
      one.source ? h("span", { class: "am-muted am-small am-control-source", title: one.source }, `from ${one.source.split("/")[0]}`) : null);
  }
}

export default widget(ControlView);
