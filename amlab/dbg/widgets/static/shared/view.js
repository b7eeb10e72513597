// What all views have: a root with the session's theme, a title line, the keys with their help, one repaint per frame,
// words for readers, and a clean end.  `widget(Class)` makes of it what anywidget renders.
//
// A view is a class with `static title`, `static kind` (its CSS class), `build(body)` (once), `draw()` (as often as
// asked by `schedule()`), and optionally `keys()` ({key: act}), `help()` ([[key, words]]), `destroyed()`.

import { h, plural } from "./dom.js";
import { getDesk, Desk } from "./desk.js";
import { attachKeys, KEYS, keyName } from "./keys.js";
import { followTheme, colours } from "./theme.js";
import { pageChannel } from "./page.js";

export class View {
  constructor(el, desk, options = {}) {
    this.el = el;
    this.desk = desk;
    this.options = options;
    this.abort = new AbortController();
    const signal = (this.signal = this.abort.signal);
    const { title, kind } = this.constructor;
    this.titleEl = h("span", { class: "am-title" }, options.title ?? title);
    this.infoEl = h("span", { class: "am-info" });
    this.toolsEl = h("span", { class: "am-tools" });
    this.hiddenEl = h("span", { class: "am-hidden-count" });
    this.helpButton = h("button", { class: "am-button am-quiet", type: "button", title: "Keys (?)", "aria-label": "Keys of this view", onclick: () => this.toggleHelp() }, "?");
    this.head = h("div", { class: "am-head" }, this.titleEl, this.infoEl, this.toolsEl, this.hiddenEl, this.helpButton);
    this.body = h("div", { class: "am-body" });
    this.errorText = h("span");
    this.errorEl = h("div", { class: "am-error", role: "alert", hidden: true }, this.errorText,
      h("button", { class: "am-button am-quiet", type: "button", "aria-label": "Dismiss", title: "Dismiss", onclick: () => this.dismiss() }, "✕"));
    this.live = h("div", { class: "am-live", "aria-live": "polite" });
    this.root = h("section", { class: `amlab amlab-${kind}`, tabIndex: 0, "aria-label": `${title} of ${desk.data.name || "a session"}; press ? for its keys` },
      this.head, this.errorEl, this.body, this.live);
    if (options.height) this.root.style.setProperty("--am-height", `${options.height}px`);
    el.append(this.root);
    this.root.__view = this; // for tests
    const theme = followTheme(el, this.root, () => { this.colours = null; this.schedule(); }, signal);
    attachKeys(this.root, desk, this.keys(), () => this.toggleHelp(), signal);
    this.root.addEventListener("focusin", () => (desk.active = this), { signal });
    this.build(this.body);
    for (const event of ["data", "focus", "filters", "detail", "status"]) desk.on(event, (what) => this.changed(event, what), signal);
    this.observer = new ResizeObserver(() => { theme(); this.schedule(); });
    this.observer.observe(this.body);
    // A host may leave out what is not in sight, and its events with it: on coming back the theme is looked at again.
    this.hostSight = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) theme(); });
    this.hostSight.observe(this.root);
    this.schedule();
  }

  // To be made by views.
  build() {}
  draw() {}
  keys() { return {}; }
  help() { return []; }
  destroyed() {}
  // Called on each event of the desk; repaints by default.
  changed() { this.schedule(); }

  // The palette for canvases, anew when the theme changed.
  get paint() {
    return (this.colours ??= colours(this.root));
  }
  schedule() {
    if (this.frame || this.signal.aborted) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.signal.aborted) return;
      this.status();
      try {
        this.draw();
      } catch (error) {
        this.fail(error);
      }
    });
  }
  // What is hidden, what is missing, what went wrong.
  status() {
    const { desk } = this;
    const n = desk.isLoaded ? desk.hidden.total : 0;
    const by = Object.entries(desk.isLoaded ? desk.hidden : {}).filter(([name]) => name !== "total").map(([name, k]) => `${name} ${k}`);
    this.hiddenEl.textContent = n ? `${plural(n, "record")} hidden` : "";
    this.hiddenEl.title = by.length ? `Hidden by filters: ${by.join(", ")}` : "";
    this.errorEl.hidden = !desk.error;
    if (this.errorText.textContent !== desk.error) this.errorText.textContent = desk.error;
  }
  fail(error) {
    console.error("amlab", error);
    this.errorEl.hidden = false;
    this.errorText.textContent = `This view failed: ${error.message}`;
  }
  dismiss() {
    this.desk.error = "";
    this.errorEl.hidden = true;
    this.desk.emit("status");
    this.root.focus();
  }
  // Tells people who listen instead of looking.
  say(words) {
    if (this.live.textContent !== words) this.live.textContent = words;
  }
  // A line in place of what cannot be shown.
  blank(words) {
    return h("p", { class: "am-blank" }, words);
  }
  toggleHelp() {
    if (this.helpEl) {
      this.helpEl.remove();
      this.helpEl = null;
      this.root.focus();
      return;
    }
    const rows = [...this.help(), ...KEYS.map(([key, , words]) => [key, words])];
    this.helpEl = h("div", { class: "am-help", role: "dialog", "aria-label": "Keys", tabIndex: -1 },
      h("div", { class: "am-help-title" }, "Keys", h("button", { class: "am-button am-quiet", type: "button", "aria-label": "Close", onclick: () => this.toggleHelp() }, "✕")),
      h("dl", {}, rows.map(([key, words]) => h("div", {}, h("dt", {}, key.length > 1 && key.includes(" ") && key !== " " ? key : keyName(key)), h("dd", {}, words)))));
    this.helpEl.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); this.toggleHelp(); }
    });
    this.root.append(this.helpEl);
    this.helpEl.focus();
  }
  destroy() {
    this.abort.abort();
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.hostSight.disconnect();
    if (this.desk.active === this) this.desk.active = null;
    this.destroyed();
    this.el.replaceChildren();
  }
}

// A canvas that is as sharp as the screen; returns its context, scaled to CSS pixels.
export function fitCanvas(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio)), k = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== k) {
    canvas.width = w;
    canvas.height = k;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return g;
}

// Joins a desk to the kernel through an anywidget model.
class KernelChannel {
  constructor(model, desk) {
    this.model = model;
    this.desk = desk;
    this.page = (globalThis[Symbol.for("amlab.page")] ??= Math.random().toString(36).slice(2));
    this.stamp = 0;
    this.receive = (message, buffers) => {
      if (message && message.amlab) desk.receive(message.amlab, message.what, buffers?.[0]);
    };
    this.moved = () => {
      const focus = model.get("_focus");
      if (focus && focus.by !== this.page && focus.n !== this.last) {
        this.last = focus.n;
        const { by, n, filters, bookmarks, ...rest } = focus;
        if (filters) desk.filter(filters, "python");
        if (bookmarks) desk.bookmarks = bookmarks;
        desk.set(rest, "python");
      }
    };
    model.on("msg:custom", this.receive);
    model.on("change:_focus", this.moved);
    this.closing = new AbortController();
    desk.on("data", this.moved, this.closing.signal);
  }
  request(kind, what) {
    this.model.send({ amlab: kind, what });
  }
  focus() {
    clearTimeout(this.timer);
    const send = () => {
      const { desk } = this;
      this.model.set("_focus", { ...desk.focus, filters: desk.filters, bookmarks: desk.bookmarks, by: this.page, n: Date.now() * 1000 + (this.stamp++ % 1000) });
      this.model.save_changes();
    };
    this.timer = setTimeout(send, 40);
    return true;
  }
  filters() {
    return this.focus();
  }
  close() {
    clearTimeout(this.timer);
    this.closing.abort();
    this.model.off("msg:custom", this.receive);
    this.model.off("change:_focus", this.moved);
  }
}

// What anywidget renders.
export function widget(Class) {
  return {
    render({ model, el }) {
      const desk = getDesk(model.get("_desk_id"));
      const channel = new KernelChannel(model, desk);
      const view = new Class(el, desk, model.get("_options") ?? {});
      desk.attach(channel);
      channel.moved();
      return () => {
        view.destroy();
        channel.close();
        desk.detach(channel);
      };
    },
  };
}

// A view on a page without a kernel, whose `source` holds the records (see page.js).
export function mount(Class, el, source, options = {}) {
  const desk = new Desk(`page-${Math.random()}`);
  if (source.focus) desk.set(source.focus, "python");
  if (source.filters) desk.filters = { ...desk.filters, ...source.filters };
  const view = new Class(el, desk, options);
  desk.attach(pageChannel(source)(desk));
  return view;
}
