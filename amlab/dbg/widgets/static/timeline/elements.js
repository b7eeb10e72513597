// The elements of the timeline, each kept in the view by its name: tools, axis, lanes with their gutter, words, table.
//
// Knows nothing of: what they show.

import { h, fill } from "../shared/dom.js";
import { TIMELINE_MODES } from "../timeline/scale.js";
import { TimelineGutter } from "../timeline/gutter.js";

export function timelineElements(view, body) {
  const button = (sign, words, act) => h("button", { class: "am-button", type: "button", title: words, "aria-label": words, onclick: act }, sign);
  view.modeSelect = h("select", { "aria-label": "Axis", title: "What the axis shows (x)", onchange: () => view.setMode(view.modeSelect.value) },
    TIMELINE_MODES.map(([name, label, words]) => h("option", { value: name, title: words }, label)));
  view.arrowsButton = button("Causes", "Arrows from causes to effects (g)", () => view.toggleArrows());
  view.textButton = button("Text", "What is active at the cursor, as a table (v)", () => view.toggleText());
  view.foldButton = button("Unfold", "Fold or unfold all machines (u)", () => view.foldAll());
  view.toolsEl.append(view.modeSelect, button("−", "Zoom out (s)", () => view.zoom(1.5)), button("+", "Zoom in (w)", () => view.zoom(1 / 1.5)),
    button("All", "Show all (0)", () => view.showAll()), view.foldButton, view.arrowsButton, view.textButton);
  view.whereEl = h("span", { class: "tl-where" });
  view.baseEl = h("span", { class: "tl-base" });
  view.gutter = new TimelineGutter({ toggle: (row) => view.toggle(row), choose: (row) => view.chooseRow(row) });
  view.mapEl = h("div", { class: "tl-map" }, view.picture.map, view.picture.frame);
  view.stage = h("div", { class: "tl-stage", role: "application", tabIndex: 0,
    "aria-label": "Lanes: arrows left and right go through records, up and down choose a lane, Enter folds it, W and S zoom, A and D pan; press v for a table" }, view.picture.lanes, view.picture.over);
  view.stick = h("div", { class: "tl-stick" }, view.gutter.el, view.stage);
  view.space = h("div", { class: "tl-space" }, view.stick);
  view.scroller = h("div", { class: "tl-scroll" }, view.space);
  view.topEl = h("div", { class: "tl-top" }, h("div", { class: "tl-corner" }, view.whereEl, view.baseEl), h("div", { class: "tl-axes" }, view.mapEl, view.picture.axis));
  view.said = h("span", { class: "tl-said" });
  view.foot = h("div", { class: "tl-foot" }, view.said, view.picture.legend);
  view.textEl = h("div", { class: "tl-text am-scroll", role: "region", "aria-label": "What is active at the cursor", tabIndex: 0, hidden: true });
  view.blankEl = view.blank("");
  view.tip = h("div", { class: "am-tip tl-tip", hidden: true, role: "tooltip" });
  fill(body, view.blankEl, view.topEl, view.scroller, view.foot, view.textEl);
  view.root.append(view.tip);
}
