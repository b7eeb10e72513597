// The rows of the sequence view: records in story order, where runs of records of one machine that no message leaves
// or reaches stand as one block.
//
// A block stands where its first record stands.  Others of its machine join it until a message does: nothing but their
// machine's own order binds them, so no cause comes after its effect.  Built in one pass over typed arrays.
// Knows nothing of: drawing, columns.

import { ACCEPTED, CHECK, ERROR, QUEUED } from "../shared/data.js";

const SEQUENCE_CHUNK = 256; // rows that share one entry in the index of long arrows

export class SequenceRows {
  constructor(desk) {
    this.desk = desk;
    this.opened = new Set(); // first positions of runs that are open
    this.isFolded = true;
    this.talkingOnly = false; // leaves out machines that no message leaves or reaches
    this.talks = new Set(); // numbers of machines that messages leave or reach
    this.key = "";
    this.count = 0;
    this.buildMs = 0;
    this.builds = 0;
  }

  // Takes in records and filters as they are now; true when rows changed.
  update() {
    const { desk } = this;
    if (!desk.isLoaded) return false;
    const key = `${JSON.stringify(desk.filters)}|${this.isFolded}|${this.talkingOnly}|${[...this.opened].join(",")}`;
    if (key === this.key && desk.data.count === this.upTo) return false;
    const started = performance.now();
    if (key !== this.key || !this._append()) this._build();
    this.key = key;
    this.upTo = desk.data.count;
    this._index();
    this.buildMs = performance.now() - started;
    this.builds++;
    return true;
  }

  // Whether machines without messages are left out: not where nobody talks.
  get leavesOut() {
    return this.talkingOnly && this.talks.size > 0;
  }

  _room(n) {
    const grown = (old, type) => {
      if (old && old.length >= n) return old;
      const array = new type(Math.ceil(n * 1.3) + 64);
      if (old) array.set(old);
      return array;
    };
    this.rowOf = grown(this.rowOf, Int32Array); // of a position; -1: hidden
    this.hasOut = grown(this.hasOut, Uint8Array); // whether a message leaves it
    this.effect = grown(this.effect, Int32Array); // the last record that it caused, -1
    this.sibling = grown(this.sibling, Int32Array); // the record before that has the same cause, -1
    this.first = grown(this.first, Int32Array); // of a row: its first position
    this.last = grown(this.last, Int32Array);
    this.size = grown(this.size, Int32Array); // how many records
    this.run = grown(this.run, Int32Array); // the first position of the run that it is, or is a part of; -1: none
    this.bad = grown(this.bad, Uint8Array); // holds errors 1, canceled records 2
  }

  _build() {
    const { data } = this.desk;
    const n = data.count;
    this._room(n);
    this.rowOf.fill(-1, 0, n);
    this.hasOut.fill(0, 0, n);
    this.effect.fill(-1, 0, n);
    this.open = new Int32Array(data.machines.length).fill(-1); // of each machine: the block that goes on
    this.runSizes = new Map(); // of runs that are open
    this.talks = new Set();
    this.count = this.taken = this.rowed = this.messages = this.linked = 0;
    this._link(0, n);
    this._take();
  }

  // Goes on where the last pass ended; false where a new message starts inside of a block that stands already.
  _append() {
    const { data } = this.desk;
    const had = this.linked, n = data.count;
    if (!had || n < had) return false;
    this._room(n);
    this.rowOf.fill(-1, had, n);
    this.hasOut.fill(0, had, n);
    this.effect.fill(-1, had, n);
    if (this.open.length < data.machines.length) {
      const open = new Int32Array(data.machines.length).fill(-1);
      open.set(this.open);
      this.open = open;
    }
    if (!this._link(had, n)) return false;
    this._take();
    return true;
  }

  _link(from, to) {
    const { data } = this.desk;
    const source = data.source.a, machine = data.machine.a, { effect, sibling, hasOut, rowOf, run, size, open, talks } = this;
    const shown = data.machines.map((m) => this.desk.shows(m));
    const plain = !this.desk.hidden.total;
    let fits = true;
    const late = from ? this.late : []; // records whose cause has not come yet
    this.late = [];
    for (let k = -late.length; k < to - from; k++) {
      const p = k < 0 ? late[-1 - k] : from + k;
      const q = source[p];
      if (q < 0) continue;
      if (q >= to) {
        this.late.push(p);
        continue;
      }
      sibling[p] = effect[q];
      effect[q] = p;
      if (machine[q] === machine[p] || !shown[machine[p]] || !shown[machine[q]]) continue;
      if (!plain && (this.desk.hides(p) || this.desk.hides(q))) continue;
      if (p < from) fits = false; // it stands already, as if nothing had caused it
      if (!talks.has(machine[p])) talks.add(machine[p]), (fits &&= !this.talkingOnly || !from);
      if (!talks.has(machine[q])) talks.add(machine[q]), (fits &&= !this.talkingOnly || !from);
      if (!hasOut[q]) {
        hasOut[q] = 1;
        // It stands already, in a block that others may have joined (or would, later).
        if (q < from && rowOf[q] >= 0 && run[rowOf[q]] >= 0 && (size[rowOf[q]] > 1 || open[machine[q]] >= 0)) fits = false;
      }
    }
    this.linked = to;
    return fits;
  }

  _take() {
    const { data } = this.desk;
    const seen = this.desk.visible, machine = data.machine.a, source = data.source.a, flags = data.flags.a, count = data.count;
    const { rowOf, hasOut, first, last, size, run, bad, open, opened, isFolded } = this;
    const anyOpened = opened.size > 0;
    const left = this.leavesOut ? Uint8Array.from(data.machines, (m) => (this.talks.has(m.number) ? 0 : 1)) : null;
    let row = this.count, taken = this.taken;
    for (let k = this.rowed; k < seen.length; k++) {
      const p = seen[k], m = machine[p], q = source[p], f = flags[p];
      if (left && left[m]) continue;
      taken++;
      const wrong = (f & ERROR ? 1 : 0) | (f & (ACCEPTED | QUEUED | CHECK) ? 0 : 2);
      const isMessage = q >= 0 && q < count && machine[q] !== m && rowOf[q] >= 0;
      let of = -1;
      if (isMessage || hasOut[p] || !isFolded) open[m] = -1;
      else if (open[m] < 0) of = p, (open[m] = row);
      else {
        const at = open[m];
        of = first[at];
        if (!anyOpened || !opened.has(of)) {
          last[at] = p;
          size[at]++;
          bad[at] |= wrong;
          rowOf[p] = at;
          continue;
        }
        this.runSizes.set(of, (this.runSizes.get(of) ?? 1) + 1);
      }
      if (isMessage) this.messages++;
      first[row] = last[row] = p;
      size[row] = 1;
      run[row] = of;
      bad[row] = wrong;
      rowOf[p] = row++;
    }
    this.count = row;
    this.taken = taken;
    this.rowed = seen.length;
  }

  // For arrows that pass by what is in view: of each chunk of rows, the first row that a message to it comes from.
  _index() {
    const chunks = Math.ceil(this.count / SEQUENCE_CHUNK);
    const low = new Int32Array(chunks).fill(0x7fffffff);
    if (this.messages) {
      for (let r = 0; r < this.count; r++) {
        if (this.size[r] !== 1) continue;
        const q = this.causeOf(r);
        if (q >= 0 && this.rowOf[q] < low[r >> 8]) low[r >> 8] = this.rowOf[q];
      }
    }
    this.low = low;
  }

  // The position that a message to a row comes from, -1 where none does.
  causeOf(row) {
    if (this.size[row] !== 1) return -1;
    const { data } = this.desk;
    const p = this.first[row], q = data.source.a[p];
    return q >= 0 && q < data.count && data.machine.a[q] !== data.machine.a[p] && this.rowOf[q] >= 0 ? q : -1;
  }
  // The cause of a row's record where that is hidden by filters, else -1.
  hiddenCauseOf(row) {
    if (this.size[row] !== 1) return -1;
    const { data } = this.desk;
    const p = this.first[row], q = data.source.a[p];
    return q >= 0 && q < data.count && data.machine.a[q] !== data.machine.a[p] && this.rowOf[q] < 0 ? q : -1;
  }

  // Rows below `to` that messages reach from above `from` or from between them: arrows that are in view without their end.
  below(from, to, most) {
    const found = [];
    for (let c = to >> 8; c < this.low.length && found.length < most; c++) {
      if (this.low[c] >= to) continue;
      const end = Math.min(this.count, (c + 1) * SEQUENCE_CHUNK);
      for (let r = Math.max(to, c * SEQUENCE_CHUNK); r < end && found.length < most; r++) {
        const q = this.causeOf(r);
        if (q >= 0 && this.rowOf[q] < to) found.push(r);
      }
    }
    return found;
  }

  // The row of a position; of one that is hidden: that of the last shown before it.
  rowAt(position) {
    for (let p = Math.min(position, this.desk.data.count - 1); p >= 0 && p > position - 100000; p--) if (this.rowOf[p] >= 0) return this.rowOf[p];
    return -1;
  }

  // Positions of the records of a row.
  members(row) {
    const { data } = this.desk;
    const m = data.machines[data.machine.a[this.first[row]]];
    const out = [];
    for (let i = data.index.a[this.first[row]]; i <= data.index.a[this.last[row]]; i++) {
      const p = m.positions.a[i];
      if (this.rowOf[p] === row) out.push(p);
    }
    return out;
  }

  // Records that the one at a position was caused by (step by step), and those that it led to, as two sets of positions.
  // A mutation that was queued leads to the transition that ran it.
  causality(position, most = 20000) {
    const { data } = this.desk;
    const past = new Set(), future = new Set();
    if (position < 0 || position >= this.linked) return { past, future };
    let at = [position];
    while (at.length && past.size < most) {
      const p = at.pop();
      const link = data.link.a[p];
      for (const q of [data.source.a[p], link >= 0 && link < p ? link : -1]) {
        if (q < 0 || q >= data.count || q === position || past.has(q)) continue;
        past.add(q);
        at.push(q);
      }
    }
    at = [position];
    while (at.length && future.size < most) {
      const p = at.pop();
      const reach = (q) => {
        if (q === position || past.has(q) || future.has(q)) return;
        future.add(q);
        at.push(q);
      };
      const link = data.link.a[p];
      if (link > p) reach(link);
      for (let q = this.effect[p]; q >= 0; q = this.sibling[q]) reach(q);
    }
    return { past, future };
  }
}
