// Rows of the matrix: records of one machine that pass the filters, and what each did to every state.
//
// What a row shows is worked out only for rows looked at, from the clocks before the first of them on.
// Knows nothing of: drawing.

import { above, ACCEPTED, QUEUED, CHECK } from "../shared/data.js";
import { BLOCK } from "../shared/desk.js";

export const MATRIX_ACTIVE = 1, MATRIX_ENTERED = 2, MATRIX_EXITED = 4, MATRIX_CALLED = 8, MATRIX_TOUCHED = 16, MATRIX_REFUSED = 32;
const MATRIX_WALK = 1024; // records that are walked rather than sought anew
const MATRIX_KEPT = 3000;

export class MatrixRows {
  constructor(desk) {
    this.desk = desk;
    this.machine = null;
    this.key = "";
    this.positions = new Int32Array(0);
    this.count = 0;
    this.upTo = 0;
    this.kept = new Map(); // by the record's index
    this.walker = null;
  }

  // Takes the machine and the filters as they are now.
  update(machine) {
    const { desk } = this;
    if (machine !== this.machine) {
      this.machine = machine;
      this.key = "";
      this.kept.clear();
      this.walker = null;
    }
    if (!machine) {
      this.count = 0;
      return;
    }
    if (this.states !== machine.states.length) {
      // More states came to be known: rows are longer.
      this.states = machine.states.length;
      this.kept.clear();
      this.walker = null;
    }
    const seen = desk.visible;
    if (!desk.hidden.total) {
      this.positions = machine.positions.a;
      this.count = machine.positions.n;
      this.key = "";
      return;
    }
    const key = JSON.stringify(desk.filters);
    if (this.key !== key || seen.length < this.upTo) {
      this.key = key;
      this.positions = new Int32Array(Math.min(seen.length, machine.count));
      this.count = this.upTo = 0;
    }
    const whose = desk.data.machine.a, number = machine.number;
    for (let k = this.upTo; k < seen.length; k++) {
      if (whose[seen[k]] !== number) continue;
      if (this.count === this.positions.length) {
        const more = new Int32Array(this.count * 2 + 64);
        more.set(this.positions);
        this.positions = more;
      }
      this.positions[this.count++] = seen[k];
    }
    this.upTo = seen.length;
  }

  // The last row at or before a position, -1 where there is none.
  rowAt(position) {
    return above(this.positions, position, this.count) - 1;
  }

  // What a row shows: `{position, index, kind, marks, clocks, gap}`; `marks` and `clocks` (after it) are per state.
  row(r) {
    if (r < 0 || r >= this.count) return null;
    const position = this.positions[r];
    const index = this.desk.data.index.a[position];
    let row = this.kept.get(index);
    if (!row) {
      if (this.kept.size > MATRIX_KEPT) this.kept.clear();
      this.kept.set(index, (row = this._derive(index)));
    }
    if (!row.touched) this._touch(row);
    return row;
  }

  _derive(index) {
    const { desk: { data }, machine } = this;
    let w = this.walker;
    if (!w || w.index >= index || index - w.index > MATRIX_WALK) {
      w = this.walker = {
        index: index - 1,
        clocks: data.clocksAt(machine.number, index - 1), // after the record before
        base: data.clocksAt(machine.number, data.previous(machine.number, index)), // after the transition before
        pending: new Set(), // states that queued mutations and checks moved since
      };
      for (let s = 0; s < w.clocks.length; s++) if (w.clocks[s] !== w.base[s]) w.pending.add(s);
    }
    for (;;) {
      const i = ++w.index;
      const p = machine.positions.a[i], flags = data.flags.a[p];
      const quiet = flags & (QUEUED | CHECK), isLast = i === index;
      for (let k = machine.starts.a[i]; k < data.changeEnds.a[p]; k++) {
        const s = data.changeState.a[k];
        w.clocks[s] = data.changeTick.a[k];
        w.pending.add(s);
      }
      const row = isLast ? this._row(w, i, p, flags) : null;
      if (!quiet) {
        for (const s of w.pending) w.base[s] = w.clocks[s];
        w.pending.clear();
      }
      if (row) return row;
    }
  }

  _row(w, index, position, flags) {
    const { data } = this.desk;
    const clocks = w.clocks.slice();
    const marks = new Uint8Array(clocks.length);
    for (let s = 0; s < clocks.length; s++) if (clocks[s] % 2 === 1) marks[s] = MATRIX_ACTIVE;
    const quiet = flags & (QUEUED | CHECK);
    const refused = !quiet && !(flags & ACCEPTED);
    let gap = false;
    if (!quiet) {
      // Ticks that no single transition can have moved tell of a gap: what came before was not recorded.
      const limit = refused ? 0 : 2;
      for (const s of w.pending) {
        const moved = clocks[s] - w.base[s];
        if (moved < 0 || moved > limit) gap = true;
      }
      if (!gap) for (const s of w.pending) if (clocks[s] !== w.base[s]) marks[s] |= clocks[s] % 2 ? MATRIX_ENTERED : MATRIX_EXITED;
    }
    for (const s of data.calledAt(position)) if (s < marks.length) marks[s] |= MATRIX_CALLED | (refused ? MATRIX_REFUSED : 0);
    const stayed = gap ? [] : [...w.pending].filter((s) => marks[s] & MATRIX_ENTERED && w.base[s] % 2 === 1);
    return { position, index, kind: data.kindAt(position), marks, clocks, gap, stayed: new Set(stayed), touched: false };
  }

  // Marks states that a step named but that did not change, once the record's details are here.
  _touch(row) {
    const { desk, machine } = this;
    const block = desk.blocks.get(`${machine.number}:${Math.floor(row.index / BLOCK)}`);
    const detail = block?.[row.index % BLOCK];
    if (!detail) return;
    row.touched = true;
    if (!detail.steps) return;
    this.numbers ??= new Map();
    if (this.numbersOf !== machine.states) {
      this.numbersOf = machine.states;
      this.numbers = new Map(machine.states.map((name, s) => [name, s]));
    }
    for (const [, from, to] of detail.steps) {
      for (const name of [from, to]) {
        const s = this.numbers.get(name);
        if (s !== undefined && !(row.marks[s] & (MATRIX_ENTERED | MATRIX_EXITED))) row.marks[s] |= MATRIX_TOUCHED;
      }
    }
  }

  // Asks for the details of rows; true where some are not to be had.
  want(from, to) {
    const { desk, machine } = this;
    let missing = false, last = -1;
    for (let r = from; r < to; r++) {
      const index = desk.data.index.a[this.positions[r]];
      const block = Math.floor(index / BLOCK);
      if (block === last) continue;
      last = block;
      const there = desk.blocks.get(`${machine.number}:${block}`);
      if (!there || (there.length && index % BLOCK >= there.length)) desk.detailOf(machine.number, index);
      else if (!there.length) missing = true;
    }
    return missing;
  }
}

// Which states are columns: those of the chosen group, and of those, if asked, only states that ever changed.
export function matrixColumns(machine, group, changedOnly) {
  if (!machine) return { columns: [], unchanged: 0, others: 0 };
  const wanted = group && machine.groups[group] ? machine.groups[group] : machine.states.map((_, s) => s);
  const columns = [];
  let unchanged = 0;
  for (const s of wanted) {
    if (machine.changes[s] && machine.changes[s].positions.n === 0) {
      unchanged++;
      if (changedOnly) continue;
    }
    columns.push(s);
  }
  return { columns, unchanged, others: machine.states.length - wanted.length };
}
