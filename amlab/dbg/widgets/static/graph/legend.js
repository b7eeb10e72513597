// The legend of graphs: what marks, outlines and lines mean, drawn as the graphs draw them.

import { h } from "../shared/dom.js";
import { MOMENT_LOOKS } from "../shared/moment.js";
import { graphEl } from "./safe.js";
import { graphMark } from "./drawing.js";

export const GRAPH_LINKS = {
  require: "requires", add: "adds", remove: "removes", after: "runs after", parent: "parent of", pipe: "pipe", cause: "caused mutations in",
};

function graphSample(width, ...parts) {
  return graphEl("svg", { class: "am-sample", width, height: 16, viewBox: `0 -8 ${width} 16`, "aria-hidden": "true" }, ...parts);
}

// A short line of one kind, with its head.
export function graphLine(kind) {
  const heads = {
    require: graphEl("path", { class: "full", d: "M18 -3.6L25 0L18 3.6Z" }), cause: graphEl("path", { class: "full", d: "M18 -3.6L25 0L18 3.6Z" }),
    add: graphEl("path", { class: "line head", d: "M19 -4L25 0L19 4" }), pipe: graphEl("path", { class: "line head", d: "M19 -4L25 0L19 4" }),
    remove: graphEl("path", { class: "line head", d: "M23 -5V5" }), after: graphEl("circle", { class: "line head", cx: 22, cy: 0, r: 3 }),
  };
  const line = graphEl("path", { class: "line", d: kind === "after" ? "M1 0H19" : "M1 0H24" });
  return graphSample(27, graphEl("g", { class: `edge edge-${kind}` }, line, ...(heads[kind] ? [heads[kind]] : [])));
}

function graphKey(sample, words) {
  return h("span", { class: "am-key" }, sample, words);
}

// Keys for one kind of graph; `links` are the kinds of lines it has.
export function graphLegend(kind, links) {
  const keys = [];
  if (kind === "machines") {
    keys.push(graphKey(graphSample(20, graphEl("g", { class: "node look-active now" }, graphEl("rect", { class: "box", x: 2, y: -6, width: 16, height: 12, rx: 3 }))), "acts here"));
    keys.push(graphKey(graphSample(20, graphEl("g", { class: "node look-inactive causing" }, graphEl("rect", { class: "box", x: 2, y: -6, width: 16, height: 12, rx: 3 }))), "caused it"));
    keys.push(graphKey(graphSample(20, graphEl("rect", { class: "load", x: 1, y: -1, width: 18, height: 2.5, rx: 1 })), "records so far"));
    keys.push(graphKey(h("span", { class: "am-bad" }, "◆2"), "errors so far"));
  }
  for (const [look, [, words]] of Object.entries(MOMENT_LOOKS)) {
    if (kind === "machines" && (look === "entered" || look === "left")) continue;
    const told = kind === "machines" ? { active: "has active states", inactive: "has none", refused: "in Exception" }[look] : words;
    keys.push(graphKey(graphSample(14, graphEl("g", { class: `look-${{ entered: "entering", left: "leaving" }[look] ?? look}` }, graphEl("g", { transform: "translate(7 0)" }, graphMark(look)))), told));
  }
  if (kind !== "machines") keys.push(graphKey(h("u", {}, "abc"), "called"));
  for (const link of Object.keys(GRAPH_LINKS)) if (links.has(link)) keys.push(graphKey(graphLine(link), GRAPH_LINKS[link]));
  return keys;
}
