// The machines as rows of a tree, with a search and folds applied.
//
// Knows nothing of: elements, the cursor.

import { above } from "../shared/data.js";

const MACHINES_ROLES = ["supervisor", "worker", "client", "other", "bootstrap", "rpc"];

// Words that rows are asked for: `name`, `tag:x`, `role:x`, `state:X`, `err`; all must fit.
export function machinesQuery(text) {
  return text.trim().split(/\s+/).filter(Boolean).map((word) => {
    const found = /^(tag|role|state):(.*)$/i.exec(word);
    if (found) return { kind: found[1].toLowerCase(), value: found[2] };
    return word.toLowerCase() === "err" ? { kind: "err", value: "" } : { kind: "name", value: word };
  });
}

// Whether a state of a machine is active at a position of the story.
export function machinesActive(m, state, position) {
  const { positions, ticks } = m.changes[state];
  const k = above(positions.a, position, positions.n) - 1;
  return k >= 0 && ticks.a[k] % 2 === 1;
}

export function machinesFits(m, words, position) {
  return words.every(({ kind, value }) => {
    const low = value.toLowerCase();
    if (kind === "err") return m.errors > 0;
    if (kind === "tag") return m.tags.some((tag) => tag.toLowerCase().includes(low));
    if (kind === "role") return m.role.startsWith(low);
    if (kind === "state") {
      const exact = m.states.indexOf(value);
      const s = exact >= 0 ? exact : m.states.findIndex((name) => name.toLowerCase() === low);
      return s >= 0 && machinesActive(m, s, position);
    }
    return m.key.toLowerCase().includes(low) || m.id.toLowerCase().includes(low);
  });
}

// Rows `{m, depth, size, place, folds, isFolded, isContext}` in order; machines that only lead to a match are context.
export function machinesRows(machines, words, folded, position) {
  const byId = new Map();
  for (const m of machines) if (!byId.has(m.id)) byId.set(m.id, m);
  const below = new Map(), roots = [];
  for (const m of machines) {
    const parent = m.parent ? byId.get(m.parent) : undefined;
    if (!parent || parent === m) roots.push(m);
    else if (below.has(parent)) below.get(parent).push(m);
    else below.set(parent, [m]);
  }
  const rank = (m) => MACHINES_ROLES.indexOf(m.role);
  const order = (list) => list.sort((a, b) => rank(a) - rank(b) || a.number - b.number);
  const isSearch = words.length > 0;
  const fits = new Set(isSearch ? machines.filter((m) => machinesFits(m, words, position)) : machines);
  const leads = new Set();
  if (isSearch) {
    for (const m of fits) {
      for (let up = m.parent ? byId.get(m.parent) : undefined; up && !leads.has(up); up = up.parent ? byId.get(up.parent) : undefined) leads.add(up);
    }
  }
  const rows = [], seen = new Set();
  const walk = (list, depth) => {
    const shown = order(list).filter((m) => !seen.has(m) && (fits.has(m) || leads.has(m)));
    shown.forEach((m, n) => {
      if (seen.has(m)) return;
      seen.add(m);
      const children = (below.get(m) ?? []).filter((child) => fits.has(child) || leads.has(child));
      const isFolded = !isSearch && children.length > 0 && folded.has(m.key);
      rows.push({ m, depth, place: n + 1, size: shown.length, folds: children.length, isFolded, isContext: !fits.has(m) });
      if (!isFolded) walk(children, depth + 1);
      else machinesSkip(m, below, seen);
    });
  };
  walk(roots, 0);
  // Circles of parents have no root: they are entered at their first machine.
  for (const m of machines) if (!seen.has(m)) walk([m], 0);
  return { rows, fits };
}

function machinesSkip(m, below, seen) {
  for (const child of below.get(m) ?? []) {
    if (seen.has(child)) continue;
    seen.add(child);
    machinesSkip(child, below, seen);
  }
}

const MACHINES_WORDS = ["PoolReady", "SuperReady", "ClientReady", "Ready", "Connected", "HandshakeDone", "ServeClient", "Start"];

// What a machine is at a position, in a word: an error, else that it is ready, else that it runs; and how many states are active.
export function machinesState(m, position, state = "") {
  let active = 0, word = "", best = MACHINES_WORDS.length, isBad = false;
  for (let s = 0; s < m.states.length; s++) {
    if (!machinesActive(m, s, position)) continue;
    active++;
    const name = m.states[s], rank = MACHINES_WORDS.indexOf(name);
    if (name === state) word = name, best = -2;
    else if ((name === "Exception" || name.startsWith("Err")) && best > -1) word = name, best = -1, isBad = true;
    else if (rank >= 0 && rank < best) word = name, best = rank;
  }
  return { word, active, isBad: isBad && best === -1 };
}

// How dense a machine's records are over the story: `n` shares of 0 to 1.
export function machinesDensity(m, total, n) {
  const bins = new Float32Array(n);
  if (!total) return bins;
  let from = 0;
  for (let k = 0; k < n; k++) {
    const last = Math.ceil(((k + 1) * total) / n) - 1;
    const to = above(m.positions.a, last, m.positions.n, from);
    const size = last - (Math.ceil((k * total) / n) - 1);
    bins[k] = size > 0 ? (to - from) / size : 0;
    from = to;
  }
  return bins;
}
