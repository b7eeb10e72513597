// SVG text made into elements, of which only those that a drawing needs: names in it are data, and nobody's markup.
//
// The text is parsed as XML in a document of its own; known elements are made anew with known attributes whose values
// look as they should, all else is left out.  Knows nothing of: graphs.

const SAFE_NS = "http://www.w3.org/2000/svg";
const SAFE_NUMBER = /^-?[\d.]{1,12}$/, SAFE_CLASS = /^[\w -]{0,80}$/, SAFE_PLACE = /^(?:(?:translate|scale|rotate)\([-\d. ]{1,40}\) ?){0,3}$/;
const SAFE_FONT = /^font-size:[\d.]{1,8}px$/, SAFE_PATH = /^[MLCHVAZQ\d\s.-]*$/i, SAFE_ANY = /^[\s\S]{0,20000}$/;
const SAFE_PARTS = {
  g: { class: SAFE_CLASS, transform: SAFE_PLACE, style: SAFE_FONT, "data-state": SAFE_ANY, "data-from": SAFE_ANY, "data-to": SAFE_ANY, "data-count": SAFE_NUMBER },
  path: { class: SAFE_CLASS, d: SAFE_PATH },
  rect: { class: SAFE_CLASS, x: SAFE_NUMBER, y: SAFE_NUMBER, width: SAFE_NUMBER, height: SAFE_NUMBER, rx: SAFE_NUMBER },
  circle: { class: SAFE_CLASS, cx: SAFE_NUMBER, cy: SAFE_NUMBER, r: SAFE_NUMBER },
  text: { class: SAFE_CLASS, x: SAFE_NUMBER, y: SAFE_NUMBER, "text-anchor": /^(start|middle|end)$/, "text-decoration": /^underline$/, transform: SAFE_PLACE, style: SAFE_FONT },
  title: {},
};

// An SVG element.
export function graphEl(tag, attributes = {}, ...children) {
  const el = document.createElementNS(SAFE_NS, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) el.setAttribute(name, String(value));
  el.append(...children);
  return el;
}

// `{svg, style, width, height, dropped}` of a text; `style` is its style sheet as text, which is not put in.
export function safeSvg(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (parsed.querySelector("parsererror") || root.localName !== "svg" || root.namespaceURI !== SAFE_NS) throw new Error("the drawing is no SVG");
  const width = Number(root.getAttribute("width")), height = Number(root.getAttribute("height"));
  if (!(width > 0 && height > 0)) throw new Error("the drawing has no size");
  const svg = graphEl("svg", { class: "am-drawing" });
  const style = [...root.children].find((el) => el.localName === "style")?.textContent ?? "";
  const dropped = [];
  for (const child of root.children) if (child.localName !== "style") safeCopy(child, svg, dropped);
  return { svg, style, width, height, dropped };
}

function safeCopy(from, into, dropped) {
  const known = from.namespaceURI === SAFE_NS && Object.hasOwn(SAFE_PARTS, from.localName) ? SAFE_PARTS[from.localName] : null;
  if (!known) {
    dropped.push(from.localName);
    return;
  }
  const el = graphEl(from.localName);
  for (const { name, value } of from.attributes) {
    if (Object.hasOwn(known, name) && known[name].test(value)) el.setAttribute(name, value);
    else dropped.push(`${from.localName}.${name}`);
  }
  if (from.localName === "text" || from.localName === "title") el.textContent = from.textContent;
  else for (const child of from.children) safeCopy(child, el, dropped);
  into.append(el);
}
