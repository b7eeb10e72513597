// The pointer on the timeline: drags select a range, or pan (Shift, the axis, the middle button), the wheel with Ctrl
// zooms and with Shift pans; alone it is left to the page.
//
// Knows nothing of: what is drawn; it calls `view.hit`, `hover`, `choose`, `select`, `pan`, `zoom`, `goTo`.

const TIMELINE_SLOP = 4; // pixels a pointer may move in a click

function timelineDrag(el, signal, begin) {
  el.addEventListener("pointerdown", (event) => {
    if (event.button > 1 || (event.target !== el && event.target.tagName !== "CANVAS")) return;
    const drag = begin(event);
    if (!drag) return;
    if (event.button === 1) event.preventDefault();
    const x0 = event.clientX, y0 = event.clientY, end = new AbortController();
    let last = x0, isMoved = false;
    el.setPointerCapture(event.pointerId);
    el.addEventListener("pointermove", (move) => {
      if (!isMoved && Math.abs(move.clientX - x0) < TIMELINE_SLOP) return;
      isMoved = true;
      drag.move(move, move.clientX - last);
      last = move.clientX;
    }, { signal: end.signal });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      el.addEventListener(type, (up) => {
        end.abort();
        if (type === "pointerup" && !isMoved && Math.abs(up.clientY - y0) < TIMELINE_SLOP) drag.click?.(up);
        drag.done?.(isMoved);
      }, { signal: end.signal, once: true });
    }
    signal.addEventListener("abort", () => end.abort(), { once: true });
  }, { signal });
}

export function timelinePointer(view, stage, axis, map, signal) {
  const xOf = (el, event) => event.clientX - el.getBoundingClientRect().left;
  const yOf = (el, event) => event.clientY - el.getBoundingClientRect().top;
  const pan = (drag = {}) => ({ move: (event, dx) => view.panPixels(-dx), ...drag });

  timelineDrag(stage, signal, (event) => {
    view.hover(null);
    if (event.shiftKey || event.button === 1 || event.pointerType === "touch") return pan({ click: (up) => view.choose(xOf(stage, up), yOf(stage, up)) });
    const from = view.view.u(xOf(stage, event));
    return {
      move: (move) => view.select(from, view.view.u(Math.max(0, Math.min(view.view.width, xOf(stage, move)))), false),
      click: (up) => view.choose(xOf(stage, up), yOf(stage, up)),
      done: (isMoved) => isMoved && view.selected(),
    };
  });
  timelineDrag(axis, signal, () => pan({ click: (up) => view.seekTo(view.view.u(xOf(axis, up))) }));
  timelineDrag(map, signal, (event) => {
    const goTo = (move) => view.centre(view.whole.u(xOf(map, move)));
    const u = view.whole.u(xOf(map, event));
    if (u < view.view.a || u > view.view.b) goTo(event);
    return { move: (move, dx) => view.panBy(dx / view.whole.k) };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons) view.hover([xOf(stage, event), yOf(stage, event)]);
  }, { signal });
  stage.addEventListener("pointerleave", () => view.hover(null), { signal });
  for (const el of [stage, axis, map]) {
    el.addEventListener("dblclick", () => view.showAll(), { signal });
    el.addEventListener("wheel", (event) => {
      const scale = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        event.stopPropagation();
        const where = el === map ? view.whole.u(xOf(map, event)) : view.view.u(xOf(el, event));
        view.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * scale * 0.0025))), where);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        event.stopPropagation();
        view.panPixels((event.deltaX || event.deltaY) * scale);
      }
    }, { signal, passive: false });
  }
}
