// Light or dark, as the host is: told by what stands behind the view, so it works in any host and shadow root.

// How light a CSS colour is, 0 to 255; -1 for one that is not seen.
function lightness(colour) {
  const parts = /^rgba?\(/.test(colour) ? (colour.match(/[\d.]+/g) || []).map(Number) : themePainted(colour);
  if (parts.length < 3 || parts[3] === 0) return -1;
  return 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2];
}

// The same as red, green, blue and alpha of colours that are told in another way: `color(srgb 1 1 1)`, `oklch(...)`.
let themeBrush = null;
function themePainted(colour) {
  themeBrush ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  themeBrush.clearRect(0, 0, 1, 1);
  themeBrush.fillStyle = "rgba(0, 0, 0, 0)";
  themeBrush.fillStyle = colour;
  themeBrush.fillRect(0, 0, 1, 1);
  return [...themeBrush.getImageData(0, 0, 1, 1).data];
}

// Whether the first background that is seen behind an element is dark; if there is none, whether its text is light.
// What amlab itself drew behind (a view inside of the debugger) does not count.
function isDark(el, probe) {
  let from = el;
  for (let own = el.closest?.(".amlab"); own; own = from?.closest(".amlab")) from = own.parentElement;
  for (let at = from; at; at = at.parentElement ?? at.getRootNode?.().host ?? null) {
    const light = lightness(getComputedStyle(at).backgroundColor);
    if (light >= 0) return light < 128;
  }
  return lightness(getComputedStyle(probe).color) > 140;
}

const THEME_MARKS = ["class", "style", "data-theme", "data-jp-theme-light", "data-jp-theme-name", "data-color-mode"];
const THEME_SETTLES_MS = 500;

// Sets `data-theme` on `root` and keeps it right; calls `changed` when it changes.  `el` is root's host element.
// A hidden probe has the host's colours with a short transition, so a change of theme makes an event.
// Returns what looks again.
export function followTheme(el, root, changed, signal) {
  const probe = document.createElement("span");
  probe.className = "amlab-probe";
  probe.setAttribute("aria-hidden", "true");
  el.prepend(probe);
  const dark = globalThis.matchMedia ? matchMedia("(prefers-color-scheme: dark)") : null;
  const update = () => {
    const forced = el.closest?.("[data-amlab-theme]")?.getAttribute("data-amlab-theme");
    const theme = forced || (isDark(el, probe) ? "dark" : "light");
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changed(theme);
  };
  update();
  probe.addEventListener("transitionend", update, { signal });
  // Hosts mark their theme, too; colours may come a little later, and no transition runs in what a host leaves out.
  let later = 0;
  const marks = new MutationObserver(() => {
    update();
    clearTimeout(later);
    later = setTimeout(update, THEME_SETTLES_MS);
  });
  const { documentElement, body } = el.ownerDocument ?? document;
  for (const at of [documentElement, body]) if (at) marks.observe(at, { attributes: true, attributeFilter: THEME_MARKS });
  signal?.addEventListener("abort", () => { marks.disconnect(); clearTimeout(later); });
  dark?.addEventListener("change", update, { signal });
  root.addEventListener("pointerenter", update, { signal });
  return update;
}

// The palette's values as drawn on canvas, read from the CSS custom properties of `root`.
export function colours(root) {
  const style = getComputedStyle(root);
  const get = (name) => style.getPropertyValue(`--am-${name}`).trim();
  const names = ["paper", "panel", "ink", "muted", "rule", "faint", "blue", "blue-soft", "green", "green-soft", "orange",
    "orange-soft", "red", "red-soft", "grey", "purple", "focus", "hover"];
  return Object.fromEntries(names.map((name) => [name.replace(/-(\w)/g, (_, c) => c.toUpperCase()), get(name)]));
}
