// Small helpers around elements.  Texts always go through `textContent`: names and logs of a recording are never markup.

// An element with properties, attributes (`aria-`, `data-`, `role`), listeners (`onclick`) and children.
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") el.className = value;
    else if (key === "style") Object.assign(el.style, value);
    else if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key in el && !key.startsWith("aria") && key !== "role" && key !== "list") el[key] = value;
    else el.setAttribute(key, value === true ? "" : String(value));
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

// Replaces all children.
export function fill(el, ...children) {
  el.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

// "12,345"
export function count(n) {
  return n.toLocaleString("en-US");
}

// "1 record", "2 records"
export function plural(n, word, words = word + "s") {
  return `${count(n)} ${n === 1 ? word : words}`;
}

// A length of time in ms, short: "340 µs", "12.5 ms", "3.20 s", "4 min 05 s"
export function span(ms) {
  const a = Math.abs(ms);
  if (a < 0.001) return `${Math.round(ms * 1e6)} ns`;
  if (a < 1) return `${trim((ms * 1000).toPrecision(3))} µs`;
  if (a < 1000) return `${trim(ms.toPrecision(a < 100 ? 3 : 4))} ms`;
  if (a < 60000) return `${trim((ms / 1000).toPrecision(4))} s`;
  const s = Math.round(a / 1000), sign = ms < 0 ? "-" : "";
  const two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return `${sign}${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${sign}${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
}
// The same, for narrow columns: "340 µs", "12.5 ms", "3.2 s", "4m05s"
export function shortSpan(ms) {
  const a = Math.abs(ms);
  if (a < 60000) return a < 1 ? span(ms) : a < 1000 ? `${trim(ms.toPrecision(3))} ms` : `${trim((ms / 1000).toPrecision(3))} s`;
  return span(ms).replace(" min ", "m").replace(" h ", "h").replace(" s", "s").replace(" min", "m");
}
function trim(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

// "13:47:24.784022" (UTC) of nanoseconds since 1970 as BigInt; an empty text for null
export function clock(ns) {
  if (ns === null) return "";
  const day = 86400n * 1000000000n;
  const rest = ((ns % day) + day) % day;
  const s = Number(rest / 1000000000n), us = Number((rest % 1000000000n) / 1000n);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}.${String(us).padStart(6, "0")}`;
}

// A text cut in the middle to at most `n` characters.
export function middle(text, n) {
  const chars = Array.from(text);
  if (chars.length <= n) return text;
  const head = Math.ceil((n - 1) / 2);
  return chars.slice(0, head).join("") + "…" + chars.slice(chars.length - (n - 1 - head)).join("");
}
