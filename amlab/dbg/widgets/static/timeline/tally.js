// Which records each lane has, by kind: rising positions, grown as records come.  So a pixel's records are counted by
// two searches, and an error is found however many others stand beside it.
//
// Knows nothing of: pixels, rows, where records stand on the axis.

import { Column, ACCEPTED, AUTO, CHECK, QUEUED, ERROR, above } from "../shared/data.js";

export const TIMELINE_KINDS = ["executed", "auto", "canceled", "queued", "check", "error"];
export const TIMELINE_ERROR = 5, TIMELINE_CANCELED = 2;
const TIMELINE_KIND_OF = Uint8Array.from({ length: 256 }, (_, f) =>
  f & QUEUED ? 3 : f & CHECK ? 4 : !(f & ACCEPTED) ? 2 : f & ERROR ? 5 : f & AUTO ? 1 : 0);

export function timelineKind(flags) {
  return TIMELINE_KIND_OF[flags];
}

// Records of one lane.
export class TimelineTally {
  constructor() {
    this.lists = TIMELINE_KINDS.map(() => new Column(Int32Array, 4));
  }
  get count() {
    return this.lists.reduce((sum, list) => sum + list.n, 0);
  }
  get errors() {
    return this.lists[TIMELINE_ERROR].n;
  }
  // How many stand at positions from `first` to `last`, both in.
  between(first, last) {
    return this.lists.reduce((sum, list) => sum + above(list.a, last, list.n) - above(list.a, first - 1, list.n), 0);
  }
}

export class TimelineTallies {
  constructor() {
    this.version = 0; // rises when counts are made anew
    this.reset();
  }
  reset() {
    this.version++;
    this.all = new TimelineTally();
    this.own = []; // by machine
    this.groups = new Map(); // by owner: all folded machines below it
    this.upTo = 0; // how many of the visible records were taken
    this.machines = -1;
    this.effects = { head: new Column(Int32Array), next: new Column(Int32Array) };
  }
  // Takes what came; `owner(number)` says in which group a machine is, undefined in none.
  update(desk, owner) {
    const { data } = desk, seen = desk.visible;
    if (this.machines !== data.machines.length) {
      // Who is grouped where may change as machines come, and so may what is hidden.
      const effects = this.effects;
      this.reset();
      this.effects = effects;
      this.machines = data.machines.length;
      this.targets = data.machines.map((m) => {
        const mine = (this.own[m.number] = new TimelineTally()), to = owner(m.number);
        if (to !== undefined && !this.groups.has(to)) this.groups.set(to, new TimelineTally());
        return [mine, to === undefined ? null : this.groups.get(to)];
      });
    }
    this._effects(data);
    const whose = data.machine.a, flags = data.flags.a, all = this.all.lists;
    for (let k = this.upTo; k < seen.length; k++) {
      const p = seen[k], kind = TIMELINE_KIND_OF[flags[p]], [mine, group] = this.targets[whose[p]];
      all[kind].push(p);
      mine.lists[kind].push(p);
      if (group) group.lists[kind].push(p);
    }
    this.upTo = seen.length;
  }
  // Filters changed: all is counted anew.
  forget() {
    this.machines = -1;
  }
  _effects(data) {
    const { head, next } = this.effects, from = next.n;
    if (from === data.count) return;
    head.grow(data.count - from);
    next.grow(data.count - from);
    head.a.fill(-1, from, data.count);
    head.n = next.n = data.count;
    for (let p = from; p < data.count; p++) {
      const cause = data.source.a[p];
      next.a[p] = -1;
      if (cause < 0 || cause >= data.count) continue;
      next.a[p] = head.a[cause];
      head.a[cause] = p;
    }
  }
  // Positions of what the record at p caused, rising, at most so many.
  effectsOf(p, most = 200) {
    const out = [];
    for (let q = this.effects.head.a[p]; q >= 0 && out.length < most; q = this.effects.next.a[q]) out.push(q);
    return out.reverse();
  }
}
