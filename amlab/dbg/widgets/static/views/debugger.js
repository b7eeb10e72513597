// The composed debugger: all views of one session around one cursor, in panels that can be resized.
//
// Above: transport, the control of live machines, timeline.  Below: machines, the tree of the chosen machine, a panel with tabs, the reader.  Where
// there is little room, the lower panels become tabs of one.

import { h, fill } from "../shared/dom.js";
import { View, widget } from "../shared/view.js";
import { ControlView } from "./control.js";
import { GraphView } from "./graph.js";
import { LogView } from "./log.js";
import { MachinesView } from "./machines.js";
import { MatrixView } from "./matrix.js";
import { ReaderView } from "./reader.js";
import { SequenceView } from "./sequence.js";
import { TimelineView } from "./timeline.js";
import { TransportView } from "./transport.js";
import { TreeView } from "./tree.js";

const DEBUGGER_TABS = [["log", LogView], ["matrix", MatrixView], ["sequence", SequenceView], ["graph", GraphView]];
const DEBUGGER_SIDES = [["machines", MachinesView], ["tree", TreeView], ["reader", ReaderView]];
const DEBUGGER_NARROW = 860; // CSS pixels below which the lower panels share one place
const DEBUGGER_SIZES = { timeline: 250, lower: 420, machines: 230, tree: 300, reader: 310 };

export class DebuggerView extends View {
  static title = "Debugger";
  static kind = "debugger";

  build(body) {
    this.head.hidden = true;
    this.views = {};
    this.sizes = { ...DEBUGGER_SIZES, ...(this.options.sizes ?? {}) };
    this.tab = this.options.tab ?? "log";
    this.cells = Object.fromEntries(
      ["transport", "control", "timeline", "machines", "tree", "tabs", "reader"].map((name) => [name, h("div", { class: `am-cell am-cell-${name}` })]));
    this.tabList = h("div", { class: "am-tabs", role: "tablist", "aria-label": "Views" });
    this.tabBody = h("div", { class: "am-tab-body" });
    this.cells.tabs.append(this.tabList, this.tabBody);
    this.lower = h("div", { class: "am-lower" });
    this.grips = {
      timeline: this.grip("timeline", "row", "Height of the timeline"),
      machines: this.grip("machines", "column", "Width of the machines"),
      tree: this.grip("tree", "column", "Width of the tree"),
      reader: this.grip("reader", "column", "Width of the reader", -1),
      lower: this.grip("lower", "row", "Height of the lower panels"),
    };
    body.append(this.cells.transport, this.cells.control, this.cells.timeline, this.grips.timeline, this.lower, this.grips.lower);
    this.mount("transport", TransportView, this.cells.transport);
    this.mount("timeline", TimelineView, this.cells.timeline);
    this.desk.on("open", ({ view }) => this.show(view), this.signal);
    this.arrange(body.clientWidth > 0 && body.clientWidth < DEBUGGER_NARROW);
  }

  mount(name, Class, cell) {
    this.views[name] ??= new Class(cell, this.desk, { embedded: true });
    return this.views[name];
  }
  unmount(name) {
    this.views[name]?.destroy();
    delete this.views[name];
  }

  // Puts the lower panels side by side, or into tabs of one.
  arrange(narrow) {
    if (this.narrow === narrow) return;
    this.narrow = narrow;
    for (const [name] of [...DEBUGGER_SIDES, ...DEBUGGER_TABS]) this.unmount(name);
    const { machines, tree, tabs, reader } = this.cells;
    if (narrow) fill(this.lower, tabs);
    else {
      fill(this.lower, machines, this.grips.machines, tree, this.grips.tree, tabs, this.grips.reader, reader);
      for (const [name, Class] of DEBUGGER_SIDES) this.mount(name, Class, this.cells[name]);
    }
    this.choices = narrow ? [...DEBUGGER_SIDES, ...DEBUGGER_TABS] : DEBUGGER_TABS;
    if (!this.choices.some(([name]) => name === this.tab)) this.tab = "log";
    fill(this.tabList, this.choices.map(([name, Class]) =>
      h("button", { class: "am-tab", type: "button", role: "tab", "data-tab": name, onclick: () => this.open(name), onkeydown: (event) => this.tabKey(event) }, Class.title)));
    this.open(this.tab);
    this.resize();
  }
  // Shows a tab; the one before is ended, so nothing unseen is kept up to date.
  open(name) {
    if (!this.choices.some(([other]) => other === name)) return;
    if (this.tab !== name) this.unmount(this.tab);
    this.tab = name;
    for (const button of this.tabList.children) {
      const chosen = button.dataset.tab === name;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    if (this.views[name]) return;
    const cell = h("div", { class: "am-cell", role: "tabpanel" });
    fill(this.tabBody, cell);
    this.mount(name, this.choices.find(([other]) => other === name)[1], cell);
  }
  // Brings a view to the front, and the keyboard to it.
  show(name) {
    if (!this.views[name]) this.open(name);
    this.views[name]?.root.focus();
  }
  tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const names = this.choices.map(([name]) => name);
    this.open(names[(names.indexOf(this.tab) + step + names.length) % names.length]);
    this.tabList.querySelector('[aria-selected="true"]').focus();
  }

  // A bar between two panels that is dragged, or moved with the arrow keys.
  grip(name, axis, words, sign = 1) {
    const move = (by) => {
      const [least, most] = name === "timeline" || name === "lower" ? [90, 1600] : [130, 900];
      this.sizes[name] = Math.max(least, Math.min(most, this.sizes[name] + by * sign));
      this.resize();
    };
    const el = h("div", { class: `am-grip am-grip-${axis}`, role: "separator", tabIndex: 0, "aria-label": words, "aria-orientation": axis === "row" ? "horizontal" : "vertical",
      onkeydown: (event) => {
        const by = { ArrowLeft: -20, ArrowUp: -20, ArrowRight: 20, ArrowDown: 20 }[event.key];
        if (!by) return;
        event.preventDefault();
        event.stopPropagation();
        move(by);
      },
      onpointerdown: (event) => {
        event.preventDefault();
        el.setPointerCapture(event.pointerId);
        let at = axis === "row" ? event.clientY : event.clientX;
        const drag = (e) => {
          const now = axis === "row" ? e.clientY : e.clientX;
          move(now - at);
          at = now;
        };
        el.addEventListener("pointermove", drag);
        el.addEventListener("pointerup", () => el.removeEventListener("pointermove", drag), { once: true });
        el.addEventListener("lostpointercapture", () => el.removeEventListener("pointermove", drag), { once: true });
      } });
    return el;
  }
  resize() {
    const { sizes, cells } = this;
    cells.timeline.style.height = `${sizes.timeline}px`;
    this.lower.style.height = `${sizes.lower}px`;
    for (const name of ["machines", "tree", "reader"]) cells[name].style.width = `${sizes[name]}px`;
    for (const [name, grip] of Object.entries(this.grips)) grip.setAttribute("aria-valuenow", String(sizes[name]));
  }

  changed(event) {
    if (event === "status") this.schedule();
  }
  draw() {
    if (this.desk.isLive) this.mount("control", ControlView, this.cells.control);
    else this.unmount("control");
    const width = this.body.clientWidth;
    if (width) this.arrange(width < DEBUGGER_NARROW);
  }
  keys() {
    const go = (name) => () => this.show(name);
    return { 1: go("timeline"), 2: go("machines"), 3: go("tree"), 4: go("log"), 5: go("matrix"), 6: go("sequence"), 7: go("graph"), 8: go("reader"), 9: go("transport") };
  }
  help() {
    return [["1 to 9", "go to timeline, machines, tree, log, matrix, sequence, graph, reader, transport"]];
  }
  destroyed() {
    for (const name of Object.keys(this.views)) this.unmount(name);
  }
}

export default widget(DebuggerView);
