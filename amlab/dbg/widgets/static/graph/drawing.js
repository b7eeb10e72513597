// A drawing in the page: its nodes and links by number, which can be given another look without being laid out anew.
//
// Knows nothing of: the desk, where drawings come from.

import { graphEl, safeSvg } from "./safe.js";

const GRAPH_LOOKS = { active: "active", inactive: "inactive", entered: "entering", left: "leaving", refused: "refused" };
const GRAPH_BOLD = new Set(["active", "entered", "refused"]);
const GRAPH_STROKES = { entered: "M-4.5 0H4.5M0 -4.5V4.5", left: "M-4.5 0H4.5", refused: "M-3.6 -3.6L3.6 3.6M-3.6 3.6L3.6 -3.6" };

// The mark of a look around (0, 0), as drawings have it.
export function graphMark(look) {
  if (look === "active") return graphEl("circle", { class: "full", r: 4 });
  if (look === "inactive") return graphEl("circle", { class: "mark", r: 3.6 });
  return graphEl("path", { class: "mark", d: GRAPH_STROKES[look] });
}

export class GraphDrawing {
  constructor(answer) {
    this.answer = answer;
    const { svg, style, width, height, dropped } = safeSvg(answer.svg);
    Object.assign(this, { svg, style, width, height, dropped });
    this.moved = graphEl("g", { class: "am-moved" });
    this.moved.append(...svg.children);
    svg.append(this.moved);
    const groups = (name) => [...svg.querySelectorAll("g")].filter((el) => el.classList.contains(name));
    this.nodes = groups("node").map((el, k) => this.nodeOf(el, answer.nodes[k] ?? -1));
    const pills = [...svg.querySelectorAll("rect")].filter((el) => el.classList.contains("pill"));
    const isMatrix = answer.layout === "matrix";
    this.links = groups("edge").map((el, k) => {
      const [tail, head, kind, pairs, label] = isMatrix ? [-1, -1, "", [], ""] : answer.links[k] ?? [-1, -1, "", [], ""];
      const isLine = !!el.querySelector(".line");
      const pill = label && isLine ? pills.shift() : null;
      return { el, tail, head, kind: kind || [...el.classList].find((c) => c.startsWith("edge-"))?.slice(5) || "", pairs, pill: pill ? [pill, pill.nextElementSibling] : [], base: el.getAttribute("class").replace(/ (used|faint)/g, ""), was: "" };
    });
    // States that "one of" joins: each removes the others.
    this.hubs = new Map();
    for (const link of this.links) {
      if (link.head >= this.nodes.length) this.hubs.set(link.head, [...(this.hubs.get(link.head) ?? []), link.tail]);
    }
    this.hubEls = [...svg.querySelectorAll(".look-one-of")];
    this.byNumber = new Map(this.nodes.map((node, k) => [node.number, k]).filter(([number]) => number >= 0));
  }
  nodeOf(el, number) {
    const mark = el.querySelector(".mark, .full");
    const label = el.querySelector("text.label"), tick = el.querySelector("text.tick");
    const hint = [...el.querySelectorAll("text.small")].find((text) => text !== tick) ?? null;
    const boxes = el.querySelectorAll("rect.box"), box = boxes[boxes.length - 1] ?? null;
    const at = mark?.hasAttribute("cx") ? [Number(mark.getAttribute("cx")), Number(mark.getAttribute("cy"))] : null;
    return { el, number, label, tick, hint, box, title: el.querySelector("title"), holder: mark?.parentNode ?? null, mark, at, hintText: hint?.textContent ?? "", was: "" };
  }

  // The middle of node k, null where it has no box.
  middle(k) {
    const box = this.nodes[k]?.box, of = (name) => Number(box.getAttribute(name));
    if (!box) return null;
    // Nodes stand in one moved group.
    const [dx, dy] = this.shift;
    return [of("x") + of("width") / 2 + dx, of("y") + of("height") / 2 + dy];
  }
  get shift() {
    let dx = 0, dy = 0;
    for (let el = this.nodes[0]?.el.parentNode; el && el !== this.moved; el = el.parentNode) {
      const found = /translate\((-?[\d.]+) (-?[\d.]+)\)/.exec(el.getAttribute?.("transform") ?? "");
      if (found) dx += Number(found[1]), dy += Number(found[2]);
    }
    return [dx, dy];
  }

  // Gives node k a look, other classes, and texts; nothing is touched that stays as it is.
  paintNode(k, { look, classes = "", tick, hint, title, isCalled = false, load = -1 }) {
    const node = this.nodes[k];
    const now = `${look} ${classes} ${tick} ${hint} ${title} ${isCalled} ${load}`;
    if (node.was === now) return;
    node.was = now;
    if (look) {
      node.el.setAttribute("class", `node look-${GRAPH_LOOKS[look]} ${classes}`.trim());
      if (node.at && node.look !== look) {
        const mark = graphMark(look);
        mark.setAttribute("transform", `translate(${node.at[0]} ${node.at[1]})`);
        node.mark.replaceWith(mark);
        node.mark = mark;
      }
      node.look = look;
      node.label?.setAttribute("class", GRAPH_BOLD.has(look) ? "label bold" : "label");
      node.el.dataset.look = look;
    } else node.el.setAttribute("class", `${node.el.getAttribute("class").split(" ").slice(0, 2).join(" ")} ${classes}`.trim());
    if (isCalled) node.label?.setAttribute("text-decoration", "underline");
    else node.label?.removeAttribute("text-decoration");
    if (node.tick && tick !== undefined) node.tick.textContent = tick;
    if (node.hint && hint !== undefined) node.hint.textContent = hint;
    if (node.title && title !== undefined) node.title.textContent = title;
    if (load >= 0 && node.box) this.load(node, load);
    this.ring(node, classes.split(" ").includes("chosen"));
  }
  // A ring around what is chosen.
  ring(node, isChosen) {
    if (!isChosen) {
      node.ringEl?.remove();
      node.ringEl = null;
    } else if (!node.ringEl) {
      const of = (name) => Number(node.box?.getAttribute(name) ?? 0);
      if (node.box) node.ringEl = graphEl("rect", { class: "ring", x: of("x") - 4, y: of("y") - 4, width: of("width") + 8, height: of("height") + 8, rx: of("rx") + 3 });
      else if (node.label) node.label.setAttribute("class", "label bold");
      if (node.ringEl) node.el.append(node.ringEl);
    }
  }
  // A bar at the bottom of a node's box that is `share` as wide.
  load(node, share) {
    const x = Number(node.box.getAttribute("x")), y = Number(node.box.getAttribute("y"));
    const width = Number(node.box.getAttribute("width")), height = Number(node.box.getAttribute("height"));
    if (!node.bar) node.box.after((node.bar = graphEl("rect", { class: "load", x: x + 3, y: y + height - 5, height: 2.5, rx: 1 })));
    node.bar.setAttribute("width", Math.max(0, (width - 6) * share).toFixed(1));
  }
  paintLink(k, classes, isHidden = false) {
    const link = this.links[k], now = `${classes} ${isHidden}`;
    if (link.was === now) return;
    link.was = now;
    link.el.setAttribute("class", `${link.base} ${classes}`.trim());
    for (const el of [link.el, ...link.pill]) el.style.display = isHidden ? "none" : "";
    for (const el of link.pill) el.style.opacity = / ?faint/.test(classes) ? 0.3 : "";
  }
  // Nodes that at most `depth` links of the kinds shown join to some node.
  region(k, depth, kinds) {
    const near = new Map([[k, 0]]), queue = [k];
    const around = this.nodes.map(() => []);
    const join = (a, b) => { around[a]?.push(b); around[b]?.push(a); };
    for (const link of this.links) if (kinds.includes(link.kind)) for (const [a, b] of link.pairs) join(a, b);
    if (kinds.includes("remove")) for (const members of this.hubs.values()) for (const a of members) for (const b of members) if (a < b) join(a, b);
    for (const a of queue) {
      if (near.get(a) >= depth) continue;
      for (const b of around[a]) if (!near.has(b)) near.set(b, near.get(a) + 1), queue.push(b);
    }
    return new Set(near.keys());
  }
  // As one SVG file, as it looks now.
  text(title) {
    const root = graphEl("svg", { class: "amlab-view", width: this.width, height: this.height, viewBox: `0 0 ${this.width} ${this.height}` }, graphEl("title", {}, title), graphEl("style", {}, this.style));
    const copy = this.moved.cloneNode(true);
    copy.removeAttribute("transform");
    for (const el of copy.querySelectorAll(".load, .ring")) el.remove();
    root.append(...copy.children);
    return `${new XMLSerializer().serializeToString(root)}\n`;
  }
}
