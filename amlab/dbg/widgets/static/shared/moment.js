// How the states of one machine stand at the cursor, and what the record there did to them, if it is the machine's.
//
// A state's look is one of active, inactive, entered, left, refused: what happened to it goes before what it is.
// Knows nothing of: elements.

import { storyFacts, storyOf } from "./story.js";

export const MOMENT_LOOKS = {
  active: ["●", "active"], inactive: ["○", "not active"], entered: ["+", "entered"], left: ["−", "left"], refused: ["✕", "refused"],
};
const keptMoments = new WeakMap();

// `{ticks, looks, called, touched, refused, story, facts, position, isOwn, isWaiting}` of a machine; `position` is that
// of its last record that has happened, -1 for none; `facts` and `story` are null where that is not at the cursor.
export function momentOf(desk, m) {
  const { data } = desk, p = desk.position;
  const isOwn = p >= 0 && p < data.count && data.machine.a[p] === m.number;
  const detail = isOwn ? desk.detail(p) : null;
  const key = `${data.version} ${p} ${m.number} ${m.states.length}`;
  const known = keptMoments.get(desk);
  // A record that follows may tell whether a handler failed, so without it the story is told anew.
  if (known && known.key === key && known.detail === detail && known.blocks === desk.blocks.size) return known.moment;
  const index = m.upTo(p) - 1;
  const moment = {
    machine: m, index, position: index < 0 ? -1 : m.positions.a[index], isOwn, isWaiting: isOwn && !detail,
    ticks: null, looks: [], called: new Set(), touched: new Set(), refused: new Map(), story: null, facts: null,
  };
  if (isOwn) {
    const facts = (moment.facts = storyFacts(desk, p));
    const story = (moment.story = storyOf(facts));
    moment.ticks = facts.after;
    moment.called = new Set(facts.called);
    moment.refused = story.refused;
    for (const name of [...facts.called, ...story.refused.keys(), ...facts.entering, ...facts.leaving]) moment.touched.add(name);
    for (const line of story.lines) {
      for (const [from, , to] of line.edges) moment.touched.add(from).add(to);
      if (line.kind === "handler" || line.kind === "refused") for (const name of line.states) moment.touched.add(name);
    }
  } else moment.ticks = data.clocksAt(m.number, index);
  const { facts, refused } = moment;
  moment.looks = m.states.map((name, s) => {
    if (facts) {
      if (refused.has(name)) return "refused";
      if (facts.entering.has(name)) return "entered";
      if (facts.leaving.has(name)) return "left";
    }
    return moment.ticks[s] % 2 ? "active" : "inactive";
  });
  keptMoments.set(desk, { key, detail, blocks: desk.blocks.size, moment });
  return moment;
}

// Which relations a state has: `[["require", [indexes]], ...]` without empty ones.
export function momentRelations(m, s) {
  const told = m.relations[s] ?? {};
  return ["require", "add", "remove", "after"].filter((kind) => told[kind]?.length).map((kind) => [kind, told[kind]]);
}

// The same, seen from the states that are named: `[["require", [states that require it]], ...]`.
export function momentReversed(m) {
  if (m.reversedFrom === m.relations) return m.reversed;
  const found = m.states.map(() => ({}));
  for (const [s, told] of Object.entries(m.relations)) {
    for (const kind of ["require", "add", "remove", "after"]) for (const to of told[kind] ?? []) ((found[to] ??= {})[kind] ??= []).push(Number(s));
  }
  m.reversedFrom = m.relations;
  m.reversed = found.map((told) => Object.entries(told));
  return m.reversed;
}
