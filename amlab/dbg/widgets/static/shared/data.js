// Records of a session in typed arrays, as packets bring them; grows while a session is watched.
//
// Positions count the records of all machines in story order (causes before effects); an index counts those of
// one machine.  Knows nothing of: views, the cursor.

export const ACCEPTED = 1, AUTO = 2, CHECK = 4, QUEUED = 8, EMPTY = 16, HEALTH = 32, ERROR = 64, TIMELESS = 128;
export const KINDS = ["add", "remove", "set"];
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f8: Float64Array };
const SNAP = 512; // records of a machine between two whole clocks that are kept

// A typed array that grows; `a` is the array, `n` how much of it is used.
export class Column {
  constructor(type, room = 64) {
    this.a = new type(room);
    this.n = 0;
  }
  grow(more) {
    const need = this.n + more;
    if (need <= this.a.length) return;
    const bigger = new this.a.constructor(Math.max(need, Math.ceil(this.a.length * 1.5)));
    bigger.set(this.a.subarray(0, this.n));
    this.a = bigger;
  }
  push(value) {
    if (this.n === this.a.length) this.grow(1);
    this.a[this.n++] = value;
  }
  extend(values) {
    this.grow(values.length);
    this.a.set(values, this.n);
    this.n += values.length;
  }
  view() {
    return this.a.subarray(0, this.n);
  }
}

// Header and arrays of a packet (ArrayBuffer or a view on one).
export function unpack(packet) {
  let bytes = packet instanceof ArrayBuffer ? new Uint8Array(packet) : new Uint8Array(packet.buffer, packet.byteOffset, packet.byteLength);
  if (bytes.byteOffset % 8) bytes = bytes.slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const arrays = {};
  for (const [name, [type, offset, count]] of Object.entries(header.arrays)) {
    arrays[name] = new TYPES[type](bytes.buffer, bytes.byteOffset + 4 + size + offset, count);
  }
  return { header, arrays };
}

// The first place in the rising `array` (up to `n`) whose value is above `value`.
export function above(array, value, n = array.length, from = 0) {
  let a = from, b = n;
  while (a < b) {
    const k = (a + b) >>> 1;
    if (array[k] <= value) a = k + 1;
    else b = k;
  }
  return a;
}

class Machine {
  constructor(card, number) {
    this.number = number;
    this.positions = new Column(Int32Array); // of its records in the story
    this.starts = new Column(Uint32Array); // where the changes of each record start in the story's columns
    this.changes = null; // per state: positions and ticks at which its tick changed
    this.snaps = []; // clocks before record k * SNAP
    this.clocks = null; // after the last record
    this.errors = 0;
    this.update(card);
  }
  update(card) {
    Object.assign(this, card);
    this.label = card.key;
    if (!this.clocks || this.clocks.length < card.states.length) {
      const clocks = new Float64Array(card.states.length);
      if (this.clocks) clocks.set(this.clocks);
      this.clocks = clocks;
      const changes = card.states.map((_, s) => (this.changes && this.changes[s]) || { positions: new Column(Int32Array, 8), ticks: new Column(Float64Array, 8) });
      this.changes = changes;
    }
  }
  get count() {
    return this.positions.n;
  }
  // How many of its records have happened at a position of the story.
  upTo(position) {
    return above(this.positions.a, position, this.positions.n);
  }
}

export class Data {
  constructor() {
    this.count = 0;
    this.total = 0;
    this.name = "";
    this.t0 = 0n;
    this.notes = [];
    this.gaps = [];
    this.machines = [];
    this.byKey = new Map();
    this.version = 0; // rises with each packet
    this.machine = new Column(Uint16Array);
    this.index = new Column(Int32Array);
    this.time = new Column(Float64Array);
    this.kind = new Column(Uint8Array);
    this.flags = new Column(Uint8Array);
    this.source = new Column(Int32Array);
    this.link = new Column(Int32Array);
    this.queueTick = new Column(Float64Array);
    this.queueLen = new Column(Uint16Array);
    this.logs = new Column(Uint16Array);
    this.calledEnds = new Column(Uint32Array);
    this.called = new Column(Uint16Array);
    this.changeEnds = new Column(Uint32Array);
    this.changeState = new Column(Uint16Array);
    this.changeTick = new Column(Float64Array);
  }

  // Takes one packet; packets must come in order.  Returns how many records were new.
  append(packet) {
    const { header, arrays: x } = unpack(packet);
    if (header.first !== this.count) throw new Error(`records ${header.first} came where ${this.count} were due`);
    this.name = header.name;
    this.t0 = BigInt(header.t0_ns);
    this.total = Math.max(header.total, header.first + header.count);
    this.notes = header.notes || [];
    this.gaps = header.gaps || [];
    header.machines.forEach((card, number) => {
      if (!card) return; // it is as it was
      if (this.machines[number]) this.machines[number].update(card);
      else this.machines.push(new Machine(card, number));
    });
    this.byKey = new Map(this.machines.map((m) => [m.key, m]));
    for (const [name, column] of [
      ["machine", this.machine], ["time", this.time], ["kind", this.kind], ["flags", this.flags], ["source", this.source],
      ["link", this.link], ["queue_tick", this.queueTick], ["queue_len", this.queueLen], ["logs", this.logs],
      ["called", this.called], ["change_state", this.changeState], ["change_tick", this.changeTick],
    ]) column.extend(x[name]);
    const calledBase = this.called.n - x.called.length, changeBase = this.changeState.n - x.change_state.length;
    this.calledEnds.extend(calledBase ? x.called_ends.map((v) => v + calledBase) : x.called_ends);
    this.changeEnds.extend(changeBase ? x.change_ends.map((v) => v + changeBase) : x.change_ends);
    this._place(header.first, header.first + header.count);
    // Causes that came after what they made happen had been sent.
    for (const [p, cause] of header.causes ?? []) this.source.a[p] = cause;
    // A transition that ran a mutation of an earlier packet: both ends of the link are to know.
    for (let p = header.first; p < this.count; p++) {
      const other = this.link.a[p];
      if (other >= 0 && other < header.first) this.link.a[other] = p;
    }
    this.version++;
    return header.count;
  }

  _place(first, stop) {
    this.index.grow(stop - first);
    const machines = this.machines, flags = this.flags.a, ends = this.changeEnds.a;
    const states = this.changeState.a, ticks = this.changeTick.a, whose = this.machine.a, index = this.index.a;
    for (let p = first; p < stop; p++) {
      const m = machines[whose[p]];
      const i = m.positions.n;
      index[p] = i;
      const start = p ? ends[p - 1] : 0;
      if (i % SNAP === 0) m.snaps.push(m.clocks.slice());
      m.positions.push(p);
      m.starts.push(start);
      if (flags[p] & ERROR) m.errors++;
      for (let k = start; k < ends[p]; k++) {
        const s = states[k];
        m.clocks[s] = ticks[k];
        m.changes[s].positions.push(p);
        m.changes[s].ticks.push(ticks[k]);
      }
    }
    this.index.n = stop;
    this.count = stop;
  }

  // Ticks of all states of a machine after its record `index` (-1: before the first), as a new array.
  clocksAt(machine, index) {
    const m = this.machines[machine];
    if (index < 0) return new Float64Array(m.states.length);
    index = Math.min(index, m.count - 1);
    const block = Math.floor((index + 1) / SNAP);
    const clocks = new Float64Array(m.states.length);
    let from = block * SNAP;
    if (m.snaps[block]) clocks.set(m.snaps[block].subarray(0, Math.min(m.snaps[block].length, clocks.length)));
    else from = (block - 1) * SNAP, clocks.set(m.snaps[block - 1]);
    for (let i = from; i <= index; i++) {
      const p = m.positions.a[i];
      for (let k = m.starts.a[i]; k < this.changeEnds.a[p]; k++) clocks[this.changeState.a[k]] = this.changeTick.a[k];
    }
    return clocks;
  }

  // The index of the record of its machine before `index` that is a transition (neither queued nor a check), or -1.
  previous(machine, index) {
    const m = this.machines[machine];
    for (let i = index - 1; i >= 0; i--) if (!(this.flags.a[m.positions.a[i]] & (QUEUED | CHECK))) return i;
    return -1;
  }

  // State indexes that the record at a position called.
  calledAt(p) {
    return this.called.a.subarray(p ? this.calledEnds.a[p - 1] : 0, this.calledEnds.a[p]);
  }

  // What the record at a position did to its machine: `{before, after}` clocks, `entered` and `exited` state indexes.
  effect(p) {
    const machine = this.machine.a[p], index = this.index.a[p], flags = this.flags.a[p];
    const after = this.clocksAt(machine, index);
    const quiet = flags & (QUEUED | CHECK);
    const before = quiet ? after : this.clocksAt(machine, this.previous(machine, index));
    const entered = [], exited = [];
    for (let s = 0; s < after.length; s++) if (after[s] !== before[s]) (after[s] % 2 ? entered : exited).push(s);
    return { before, after, entered, exited };
  }

  // One of executed, canceled, queued, auto, check, error: the mark of a record.
  kindAt(p) {
    const f = this.flags.a[p];
    if (f & QUEUED) return "queued";
    if (f & CHECK) return "check";
    if (!(f & ACCEPTED)) return "canceled";
    if (f & ERROR) return "error";
    return f & AUTO ? "auto" : "executed";
  }

  // "add Ready, Start" of the record at a position.
  titleAt(p) {
    const m = this.machines[this.machine.a[p]];
    const names = Array.from(this.calledAt(p), (s) => m.states[s] ?? `#${s}`);
    return `${KINDS[this.kind.a[p]] ?? `kind ${this.kind.a[p]}`} ${names.join(", ") || "nothing"}`;
  }

  // Spans in which a state is active: flat [from, to, from, to, ...] positions; the last `to` may be -1 (still active).
  // Kept per state and machine until records are added.
  spans(machine, state) {
    const changes = this.machines[machine].changes[state];
    if (changes.spansOf === changes.positions.n) return changes.spans;
    const spans = [];
    let open = -1;
    for (let k = 0; k < changes.positions.n; k++) {
      const active = changes.ticks.a[k] % 2 === 1;
      if (active && open < 0) open = changes.positions.a[k];
      else if (!active && open >= 0) spans.push(open, changes.positions.a[k]), (open = -1);
    }
    if (open >= 0) spans.push(open, -1);
    changes.spans = Int32Array.from(spans);
    changes.spansOf = changes.positions.n;
    return changes.spans;
  }

  // Nanoseconds since 1970 of a position, as BigInt; null where no time was recorded.
  timeNs(p) {
    return this.flags.a[p] & TIMELESS ? null : this.t0 + BigInt(Math.round(this.time.a[p] * 1e6));
  }

  // The position of "mach://KEY/TX" with TX as "@N" or a number, -1 where there is none; ids need the details.
  parse(address) {
    const [key, tx] = address.replace(/^mach:\/\//, "").split("/").map(decodeURIComponent);
    const m = this.byKey.get(key);
    if (!m || !m.count) return -1;
    if (tx === undefined || tx === "") return m.positions.a[0];
    const n = Number(tx.replace(/^@/, ""));
    return Number.isInteger(n) && n >= 0 && n < m.count ? m.positions.a[n] : -1;
  }
}
