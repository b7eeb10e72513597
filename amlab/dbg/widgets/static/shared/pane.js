// A canvas that shows a part of something far larger: the browser's own scroll bars, a canvas that stays in view, a
// layer of elements over it (heads of columns), a tooltip.
//
// Places are in CSS pixels of the whole ("content").  Browsers cannot scroll more than some 17 million pixels, so what
// is taller is scrolled at a scale; `top` and `left` always say the place in the content.
// Knows nothing of: what is drawn.

import { h, fill, middle } from "./dom.js";
import { fitCanvas } from "./view.js";

const PANE_MAX = 12_000_000;

export class Pane {
  // `words` is an element that says in words what is chosen.
  constructor(view, label, words) {
    this.view = view;
    words.id ||= `am-words-${Math.random().toString(36).slice(2)}`;
    this.canvas = h("canvas", { role: "img", "aria-label": label, "aria-describedby": words.id });
    this.over = h("div", { class: "am-pane-over" });
    this.stick = h("div", { class: "am-pane-stick" }, this.canvas, this.over);
    this.space = h("div", { class: "am-pane-space" }, this.stick);
    this.scroller = h("div", { class: "am-pane-scroll", tabIndex: -1 }, this.space);
    this.tipEl = h("div", { class: "am-tip", role: "tooltip", hidden: true });
    this.el = h("div", { class: "am-pane" }, this.scroller, this.tipEl);
    this.contentWidth = this.contentHeight = 0;
    this.width = this.height = 0;
    const { signal } = view;
    this.scroller.addEventListener("scroll", () => { this.hideTip(); view.schedule(); }, { signal, passive: true });
    this.stick.addEventListener("pointerleave", () => this.hideTip(), { signal });
  }

  // Measures the room there is; false where the view is not shown.
  measure() {
    this.width = this.scroller.clientWidth;
    this.height = this.scroller.clientHeight;
    return this.width > 0 && this.height > 0;
  }
  // Says how large the content is.
  resize(width, height) {
    this.contentWidth = Math.ceil(width);
    this.contentHeight = Math.ceil(height);
    this.space.style.width = `${Math.max(this.contentWidth, 1)}px`;
    this.space.style.height = `${Math.max(Math.min(this.contentHeight, PANE_MAX), 1)}px`;
    // Scroll bars may have come or gone.
    this.measure();
    this.stick.style.width = `${this.width}px`;
    this.stick.style.height = `${this.height}px`;
  }
  // A context scaled to CSS pixels, cleared.
  begin() {
    const g = fitCanvas(this.canvas, this.width, this.height);
    g.clearRect(0, 0, this.width, this.height);
    return g;
  }
  get scale() {
    const room = Math.min(this.contentHeight, PANE_MAX) - this.height;
    return this.contentHeight > PANE_MAX && room > 0 ? (this.contentHeight - this.height) / room : 1;
  }
  get left() {
    return this.scroller.scrollLeft;
  }
  get top() {
    return Math.max(0, Math.min(this.scroller.scrollTop * this.scale, this.contentHeight - this.height));
  }
  scrollTo(top, left = this.left) {
    const y = Math.max(0, Math.min(top, this.contentHeight - this.height)) / this.scale;
    if (Math.abs(y - this.scroller.scrollTop) >= 1) this.scroller.scrollTop = y;
    if (Math.abs(left - this.left) >= 1) this.scroller.scrollLeft = Math.max(0, left);
  }
  // Scrolls as little as needed to show `from` to `to` between margins; what is far away is put to `rest` of the height.
  showRows(from, to, before, after, rest = 0.6) {
    const { top, height } = this;
    const low = top + before, high = top + height - after;
    if (from >= low && to <= high) return;
    const room = height - before - after;
    const far = to < low - room * 0.5 || from > high + room * 0.5;
    if (far) this.scrollTo(from - before - (room - (to - from)) * rest);
    else this.scrollTo(from < low ? from - before : to - height + after);
  }
  // The same for columns; what is out of view is put to the middle.
  showColumns(from, to, before) {
    const { left, width } = this;
    if (from >= left + before && to <= left + width) return;
    this.scrollTo(this.top, (from + to) / 2 - before - (width - before) / 2);
  }
  // Calls `act(1 or -1, where)` as Ctrl + wheel turns, a step at a time; the plain wheel scrolls.
  onZoom(act) {
    let then = -Infinity;
    this.scroller.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const now = performance.now();
      if (now - then < 80) return;
      then = now;
      act(event.deltaY < 0 ? 1 : -1, this.at(event));
    }, { signal: this.view.signal, passive: false });
  }
  // Where a pointer event is, in the pane.
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }
  // Shows lines beside a point of the pane; the first is strong.
  tip(x, y, lines) {
    const key = lines.join("\n");
    if (this.tipText !== key) {
      this.tipText = key;
      fill(this.tipEl, h("b", {}, lines[0]), lines.length > 1 ? `\n${lines.slice(1).join("\n")}` : null);
    }
    this.tipEl.hidden = false;
    const w = this.tipEl.offsetWidth, k = this.tipEl.offsetHeight;
    const left = x + 14 + w > this.width ? Math.max(4, x - w - 10) : x + 14;
    const top = y + 18 + k > this.height ? Math.max(4, y - k - 8) : y + 18;
    this.tipEl.style.left = `${left}px`;
    this.tipEl.style.top = `${top}px`;
  }
  hideTip() {
    this.tipEl.hidden = true;
  }
}

// Texts cut at the end so that they fit a width; widths are measured once per text and font.
export class Texts {
  constructor() {
    this.kept = new Map();
  }
  width(g, text) {
    const key = `${g.font}|${text}`;
    let width = this.kept.get(key);
    if (width === undefined) {
      if (this.kept.size > 20000) this.kept.clear();
      this.kept.set(key, (width = g.measureText(text).width));
    }
    return width;
  }
  fit(g, text, room) {
    if (this.width(g, text) <= room) return text;
    const key = `${g.font}|${Math.round(room)}|${text}`;
    let cut = this.kept.get(key);
    if (cut === undefined) {
      const chars = Array.from(text.slice(0, 400));
      let a = 0, b = chars.length;
      while (a < b) {
        const k = (a + b + 1) >>> 1;
        if (g.measureText(chars.slice(0, k).join("") + "…").width <= room) a = k;
        else b = k - 1;
      }
      cut = a ? chars.slice(0, a).join("") + "…" : "";
      this.kept.set(key, cut);
    }
    return cut;
  }
}

// A name cut in the middle to a width, as small texts of heads are drawn.
const PANE_HEAD_FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
export function headName(pane, texts, name, room, font = PANE_HEAD_FONT) {
  const g = pane.canvas.getContext("2d");
  g.font = font;
  let n = Math.min(Array.from(name).length, Math.ceil(room / 3));
  let cut = middle(name, n);
  while (n > 3 && texts.width(g, cut) > room) cut = middle(name, --n);
  return cut;
}

// The mark of a record's kind, `size` high, its middle at `x, y`: the same sign as `.am-kind` has.
export function drawKind(g, kind, x, y, size, paint) {
  const r = size / 2;
  g.lineWidth = 1.6;
  g.setLineDash([]);
  g.beginPath();
  if (kind === "error") {
    g.fillStyle = paint.red;
    g.moveTo(x, y - r), g.lineTo(x + r, y), g.lineTo(x, y + r), g.lineTo(x - r, y);
    g.fill();
  } else if (kind === "canceled") {
    g.strokeStyle = paint.red;
    const k = r * 0.8;
    g.moveTo(x - k, y - k), g.lineTo(x + k, y + k), g.moveTo(x + k, y - k), g.lineTo(x - k, y + k);
    g.stroke();
  } else if (kind === "queued") {
    g.strokeStyle = paint.muted;
    g.lineWidth = 1.2;
    g.moveTo(x - r * 0.9, y - r * 0.7), g.lineTo(x + r * 0.9, y - r * 0.7), g.lineTo(x, y + r * 0.8), g.closePath();
    g.stroke();
  } else if (kind === "check") {
    g.fillStyle = paint.muted;
    g.font = `600 ${Math.max(9, size + 2)}px system-ui, sans-serif`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText("?", x, y + 0.5);
  } else if (kind === "auto") {
    g.strokeStyle = paint.muted;
    g.lineWidth = 1.3;
    g.arc(x, y, r * 0.7, 0, Math.PI * 2);
    g.stroke();
  } else {
    g.fillStyle = paint.blue;
    g.fillRect(x - 1.5, y - r, 3, size);
  }
}
