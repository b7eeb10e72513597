// The canvases: what records make stands below what the cursor makes, so that moving it repaints little.
//
// Knows nothing of: pointers, keys, how the part of the axis that is shown was chosen.

import { count, h } from "../shared/dom.js";
import { fitCanvas } from "../shared/view.js";
import { timelineArrows, timelinePaintArrows } from "./arrows.js";
import { timelineTick, timelinePaintAxis, timelinePaintFrame, timelinePaintMap, TIMELINE_AXIS_HEIGHT, TIMELINE_MAP_HEIGHT } from "./axis.js";
import { TimelinePainter, timelineBar, timelineMarks } from "./paint.js";
import { TIMELINE_STATE } from "./rows.js";
import { timelineIsRpc } from "./family.js";
import { timelineSpanAt } from "./spans.js";
import { TIMELINE_KINDS, timelineKind } from "./tally.js";

export class TimelinePicture {
  constructor(family) {
    this.family = family;
    this.painter = new TimelinePainter();
    this.kept = {};
    this.map = h("canvas", { role: "img", "aria-label": "How many records there are over the whole session" });
    this.frame = h("canvas", { class: "tl-over", "aria-hidden": "true" });
    this.axis = h("canvas", { class: "tl-axis", role: "img", "aria-label": "Axis" });
    this.lanes = h("canvas", { "aria-hidden": "true" });
    this.over = h("canvas", { class: "tl-over", "aria-hidden": "true" });
    this.legendMarks = [...TIMELINE_KINDS, "", ""].map(() => h("canvas", { "aria-hidden": "true" }));
    this.legend = h("span", { class: "tl-legend", "aria-label": "Legend" }, [...TIMELINE_KINDS, "active", "cause"].map((words, k) => h("span", {}, this.legendMarks[k], words)));
    this.arrows = []; // those drawn last
  }

  // `s`: a scene, see `TimelineView.scene`.
  draw(s) {
    this._lanes(s);
    this._top(s);
    this._legend(s.colours);
  }
  // Where a record is drawn: [x, y], null where its machine is hidden.
  place({ rows, data, view, scale, top }, p) {
    const row = rows.rowOf.get(data.machine.a[p]);
    if (row === undefined) return null;
    return [view.x(scale.u.a[p]) + 0.5, rows.top.a[row] + rows.heightOf(row) / 2 - 0.5 - top];
  }
  _lanes(s) {
    const { W, H, colours, position, view, scale, desk, data } = s;
    if (this._isNew("lanes", s, H, s.top, s.rows.version, view.a, view.b)) this.painter.paint(fitCanvas(this.lanes, W, H), s);
    const g = fitCanvas(this.over, W, H);
    g.clearRect(0, 0, W, H);
    if (s.chosen >= 0) this._row(g, s);
    if (s.span) {
      const a = Math.max(-1, view.x(s.span[0])), b = Math.min(W + 1, view.x(s.span[1]));
      s.range = b >= 0 && a <= W ? [a, b] : null;
      if (s.range) {
        g.fillStyle = colours.focus;
        g.globalAlpha = 0.1;
        g.fillRect(a, 0, Math.max(1, b - a), H);
        g.globalAlpha = 0.7;
        g.fillRect(a, 0, 1, H);
        g.fillRect(b, 0, 1, H);
        g.globalAlpha = 1;
      }
    }
    s.cursorX = position >= 0 && position < scale.count ? view.x(scale.u.a[position]) + 0.5 : -1;
    if (s.cursorX >= 0 && s.cursorX <= W) {
      g.fillStyle = colours.focus;
      g.fillRect(Math.floor(s.cursorX), 0, 1, H);
    }
    this.arrows = [];
    if (s.hasArrows) {
      const first = Math.max(0, scale.above(view.a) - 1), last = Math.min(data.count, scale.above(view.b)) - 1;
      this.arrows = timelineArrows(data, s.tallies, position, first, last, true, (p) => desk.hides(p) !== "");
      const isRpc = (p) => timelineIsRpc(data.machines[data.machine.a[p]]);
      timelinePaintArrows(g, this.arrows, (p) => this.place(s, p), s, colours, isRpc);
    }
    const at = s.cursorX >= 0 ? this.place(s, position) : null;
    if (at) this._chosen(g, at, data.flags.a[position], colours);
  }
  // Whether a picture has to be made anew: what it shows, or what its size or theme is, changed.
  _isNew(name, { W, colours, data, scale, tallies }, ...parts) {
    const key = [W, globalThis.devicePixelRatio, data.version, scale.mode, scale.version, tallies.version, ...parts].join(), kept = this.kept[name];
    if (kept?.key === key && kept.colours === colours) return false;
    this.kept[name] = { key, colours };
    return true;
  }
  // The chosen lane, and the span of the chosen state in which the cursor is.
  _row(g, { W, H, rows, view, scale, chosen, top, position, colours, data }) {
    const y = rows.top.a[chosen] - top, tall = rows.heightOf(chosen);
    if (y + tall < 0 || y > H) return;
    g.fillStyle = colours.hover;
    g.fillRect(0, y, W, tall);
    const own = rows.type.a[chosen] === TIMELINE_STATE && position >= 0 ? timelineSpanAt(data.machines[rows.machine.a[chosen]].changes[rows.state.a[chosen]], position) : null;
    if (!own) return;
    const a = Math.max(-2, view.x(scale.u.a[own[0]])), b = Math.min(W + 2, own[1] < 0 ? view.x(scale.last) : view.x(scale.u.a[own[1]]));
    g.strokeStyle = colours.ink;
    g.lineWidth = 1.5;
    g.strokeRect(a, y + 3, Math.max(2, b - a), tall - 6);
  }
  // The chosen record: its mark, on top of all, in a ring.
  _chosen(g, [x, y], flags, colours) {
    g.fillStyle = colours.paper;
    g.strokeStyle = colours.focus;
    g.lineWidth = 1.5;
    g.beginPath();
    g.roundRect(x - 7, y - 8, 14, 16, 5);
    g.fill();
    g.stroke();
    timelineMarks(g, timelineKind(flags), [x, y], colours);
  }
  _top(s) {
    const { W, colours, scale, position, view, whole, span } = s;
    const axis = fitCanvas(this.axis, W, TIMELINE_AXIS_HEIGHT), frame = fitCanvas(this.frame, W, TIMELINE_MAP_HEIGHT);
    const cursor = position >= 0 && position < scale.count ? whole.x(scale.u.a[position]) : -1;
    if (this._isNew("map", s)) timelinePaintMap(fitCanvas(this.map, W, TIMELINE_MAP_HEIGHT), { W, scale, whole, tally: s.tallies.all, colours, counts: this.painter.room(W) });
    timelinePaintFrame(frame, { W, whole, view, colours, cursor, range: span && span.map((u) => whole.x(u)) });
    const words = cursor < 0 ? "" : scale.mode === "order" ? `#${count(position + 1)}` : timelineTick(scale.t.a[position], Math.max(1e-6, s.ticks.step / 10));
    timelinePaintAxis(axis, { W, scale, view, colours, font: this.family, ticks: s.ticks, cursorX: s.cursorX, cursorWords: words, range: s.range });
  }
  _legend(colours) {
    if (this.legendFor === colours) return;
    this.legendFor = colours;
    const pictures = this.legendMarks.map((canvas, kind) => {
      const wide = kind < TIMELINE_KINDS.length ? 13 : 22, g = fitCanvas(canvas, wide, 14);
      g.clearRect(0, 0, wide, 14);
      if (kind < TIMELINE_KINDS.length) timelineMarks(g, kind, [6.5, 7], colours);
      return g;
    });
    const [active, cause] = pictures.slice(-2);
    timelineBar(active, 1, 3, 20, 8, colours.blueSoft, colours.blue);
    cause.fillStyle = colours.purple;
    cause.fillRect(1, 6.25, 15, 1.5);
    cause.beginPath();
    cause.moveTo(21, 7);
    cause.lineTo(14, 3.5);
    cause.lineTo(14, 10.5);
    cause.fill();
  }
}
