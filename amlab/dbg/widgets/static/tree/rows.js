// The rows of a schema tree: states, below each one why it was refused and, unfolded, its relations.
//
// Knows nothing of: elements, how rows are drawn.

import { momentRelations, momentReversed } from "../shared/moment.js";

export const TREE_WORDS = { require: "requires", add: "adds", remove: "removes", after: "runs after" };
export const TREE_REVERSED = { require: "required by", add: "added by", remove: "removed by", after: "runs before" };
export const TREE_SORTS = [["schema", "schema order"], ["active", "active first"], ["changed", "changed here first"]];

export function treeIsError(name) {
  return name === "Exception" || name.startsWith("Err");
}

// State indexes in the order shown, and how many there are in all.
export function treeStates(moment, { search, group, sort, onlyTouched }) {
  const m = moment.machine;
  const members = group && m.groups[group] ? new Set(m.groups[group]) : null;
  const wanted = search.trim().toLowerCase();
  let states = m.states.map((_, s) => s).filter((s) =>
    (!members || members.has(s)) && (!wanted || m.states[s].toLowerCase().includes(wanted)) && (!onlyTouched || moment.touched.has(m.states[s])));
  const rank = {
    active: (s) => ({ active: 0, entered: 0, left: 1, refused: 1, inactive: 1 })[moment.looks[s]],
    changed: (s) => (moment.looks[s] === "refused" || moment.looks[s] === "entered" || moment.looks[s] === "left" ? 0 : moment.called.has(m.states[s]) ? 1 : moment.touched.has(m.states[s]) ? 2 : 3),
  }[sort];
  if (rank) states = states.map((s) => [rank(s), s]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((pair) => pair[1]);
  return states;
}

// Rows `{id, kind: "state" | "reason" | "relation", s, ...}` of the states given.
export function treeRows(moment, states, { open, reversed, used }) {
  const m = moment.machine, rows = [], backwards = reversed ? momentReversed(m) : null;
  for (const s of states) {
    const name = m.states[s];
    const forth = momentRelations(m, s), back = backwards ? backwards[s] : [];
    const isOpen = open(s), lost = m.relations[s]?.missing ?? [];
    const n = forth.concat(back).reduce((sum, pair) => sum + pair[1].length, lost.length);
    rows.push({ id: `s${s}`, kind: "state", s, n, isOpen: isOpen && n > 0, level: 1 });
    for (const reason of moment.refused.get(name) ?? []) rows.push({ id: `r${s}:${reason}`, kind: "reason", s, reason, level: 2 });
    if (!isOpen) continue;
    for (const [list, words, isBack] of [[forth, TREE_WORDS, false], [back, TREE_REVERSED, true]]) {
      for (const [relation, targets] of list) {
        for (const to of targets) {
          const edge = isBack ? `${m.states[to]}\n${relation}\n${name}` : `${name}\n${relation}\n${m.states[to]}`;
          rows.push({ id: `${isBack ? "b" : "f"}${s}:${relation}:${to}`, kind: "relation", s, to, relation, isBack, words: words[relation], isUsed: used.has(edge), level: 2 });
        }
      }
    }
    for (const [relation, name] of lost) rows.push({ id: `m${s}:${relation}:${name}`, kind: "missing", s, words: TREE_WORDS[relation], name, level: 2 });
  }
  return rows;
}
