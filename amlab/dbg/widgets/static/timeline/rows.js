// The rows of the timeline: machines as their family stands, states of those that are unfolded, RPC and bootstrap machines
// in a group below the machine they serve.  Rows are flat arrays, so half a million of them is no matter.
//
// Knows nothing of: drawing, the axis.

import { Column, above } from "../shared/data.js";
import { timelineFamily } from "./family.js";

export const TIMELINE_MACHINE = 0, TIMELINE_STATE = 1, TIMELINE_GROUP = 2, TIMELINE_QUIET = 3;
const TIMELINE_HEIGHTS = [24, 18, 18, 18];
const TIMELINE_FEW_MACHINES = 3, TIMELINE_FEW_STATES = 45;

export class TimelineRows {
  constructor() {
    this.open = new Set(); // keys of machines whose states are shown
    this.openGroups = new Set(); // owners' keys whose RPC machines are shown; "" the one without owner
    this.openQuiet = new Set();
    this.isStarted = false;
    this.version = 0;
    this.clear();
  }
  clear() {
    this.type = new Column(Uint8Array);
    this.machine = new Column(Int32Array);
    this.state = new Column(Int32Array);
    this.depth = new Column(Uint8Array);
    this.top = new Column(Float64Array);
    this.height = 0;
    this.rowOf = new Map(); // machine number: its row, or that of the group it is folded in
  }
  get count() {
    return this.type.n;
  }

  // Few states are unfolded at first, many are not.
  start(desk) {
    this.isStarted = true;
    const mine = desk.data.machines.filter((m) => m.count && !this.owners.has(m.number) && desk.shows(m));
    const states = mine.reduce((sum, m) => sum + this.split(m, "").moved.length, 0);
    if (mine.length <= TIMELINE_FEW_MACHINES && states <= TIMELINE_FEW_STATES) for (const m of mine) this.open.add(m.key);
  }

  // States of a machine: those that changed, and those that never did, as far as the group lets.
  split(m, groupName) {
    const group = groupName ? m.groups?.[groupName] : null;
    const moved = [], quiet = [];
    for (const s of group ?? m.states.keys()) if (m.changes[s]) (m.changes[s].positions.n ? moved : quiet).push(s);
    return { moved, quiet, others: group ? m.states.length - group.length : 0 };
  }

  build(desk) {
    Object.assign(this, timelineFamily(desk));
    if (!this.isStarted && desk.data.count) this.start(desk);
    this.version++;
    this.clear();
    for (const m of this.roots) this._machine(m, 0, desk);
    if (this.groups.has(-1)) this._group(-1, 0, desk);
  }
  _push(type, machine, state, depth) {
    this.type.push(type);
    this.machine.push(machine);
    this.state.push(state);
    this.depth.push(Math.min(depth, 250));
    this.top.push(this.height);
    this.height += TIMELINE_HEIGHTS[type];
  }
  _machine(m, depth, desk) {
    this.rowOf.set(m.number, this.count);
    this._push(TIMELINE_MACHINE, m.number, -1, depth);
    if (this.open.has(m.key)) {
      const { moved, quiet, others } = this.split(m, desk.filters.group);
      for (const s of moved) this._push(TIMELINE_STATE, m.number, s, depth + 1);
      if (quiet.length || others) this._push(TIMELINE_QUIET, m.number, quiet.length, depth + 1);
      if (this.openQuiet.has(m.key)) for (const s of quiet) this._push(TIMELINE_STATE, m.number, s, depth + 1);
    }
    if (this.groups.has(m.number)) this._group(m.number, depth + 1, desk);
    for (const child of this.children.get(m.number) ?? []) this._machine(child, depth + 1, desk);
  }
  _group(owner, depth, desk) {
    const row = this.count, key = owner < 0 ? "" : desk.data.machines[owner].key;
    this._push(TIMELINE_GROUP, owner, -1, depth);
    if (this.openGroups.has(key)) for (const m of this.groups.get(owner).roots) this._machine(m, depth + 1, desk);
    else for (const number of this.groups.get(owner).members) this.rowOf.set(number, row);
  }

  heightOf(row) {
    return TIMELINE_HEIGHTS[this.type.a[row]];
  }
  // The row at a height, or -1.
  at(y) {
    if (y < 0 || y >= this.height) return -1;
    return above(this.top.a, y, this.top.n) - 1;
  }
  // What a row is, however others move.
  key(row) {
    return row < 0 || row >= this.count ? "" : `${this.type.a[row]}:${this.machine.a[row]}:${this.type.a[row] === TIMELINE_STATE ? this.state.a[row] : ""}`;
  }
  find(machine, state) {
    let row = this.rowOf.get(machine) ?? -1;
    if (row < 0 || state < 0 || this.type.a[row] !== TIMELINE_MACHINE) return row;
    for (let k = row + 1; k < this.count && this.machine.a[k] === machine && this.type.a[k] !== TIMELINE_MACHINE && this.type.a[k] !== TIMELINE_GROUP; k++) {
      if (this.type.a[k] === TIMELINE_STATE && this.state.a[k] === state) return k;
    }
    return row;
  }
  findKey(key) {
    const [type, machine, state] = key.split(":");
    if (type === String(TIMELINE_MACHINE) || type === String(TIMELINE_STATE)) return this.find(Number(machine), state === "" ? -1 : Number(state));
    for (let row = 0; row < this.count; row++) if (this.key(row) === key) return row;
    return -1;
  }
  isOpen(row, machines) {
    const type = this.type.a[row], number = this.machine.a[row], key = number < 0 ? "" : machines[number].key;
    if (type === TIMELINE_MACHINE) return this.open.has(key);
    if (type === TIMELINE_GROUP) return this.openGroups.has(key);
    return type === TIMELINE_QUIET && this.openQuiet.has(key);
  }
  // Folds or unfolds; a state's row folds its machine.
  toggle(row, machines) {
    const type = this.type.a[row], number = this.machine.a[row], key = number < 0 ? "" : machines[number].key;
    const set = type === TIMELINE_GROUP ? this.openGroups : type === TIMELINE_QUIET ? this.openQuiet : this.open;
    if (set.has(key)) set.delete(key);
    else set.add(key);
    return set.has(key);
  }
}
