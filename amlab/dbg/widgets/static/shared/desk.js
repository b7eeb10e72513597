// What all views of one session share in a page: the data, the cursor with its selection, the filters.
//
// Views of one desk find each other by its id, in whatever output they stand, so the cursor moves in all of them at
// once without the kernel.  Events: "data" (records came), "focus", "filters", "detail" (details came), "status".
// Knows nothing of: how views look; where packets come from (a channel does).

import { Data, QUEUED, CHECK, AUTO, ACCEPTED, EMPTY, HEALTH, ERROR, above } from "./data.js";

export const BLOCK = 256;
export const FILTERS = {
  auto: true, canceled: true, checks: true, queued: true, empty: true, health: true, disconnected: true, rpc: true,
  level: 4, group: "", hidden: [],
};
const SHARED = Symbol.for("amlab.desks.1");
const MAX_BLOCKS = 400;
const PATIENCE_MS = 5000; // until a kernel that was asked for records counts as silent

// The desk with that id, made if there is none in this page.
export function getDesk(id) {
  const desks = (globalThis[SHARED] ??= new Map());
  if (!desks.has(id)) desks.set(id, new Desk(id));
  return desks.get(id);
}

export class Desk {
  constructor(id) {
    this.id = id;
    this.data = new Data();
    this.isLoaded = false;
    this.isSilent = false; // asked for records, and nobody answers
    this.error = "";
    this.focus = { position: -1, step: -1, machine: "", state: "", range: null, scope: "all" };
    this.filters = { ...FILTERS };
    this.bookmarks = [];
    this.isLive = false;
    this.tail = false;
    this.playing = 0; // records per second, 0: paused
    this.speed = 10;
    this.past = [];
    this.future = [];
    this.channels = new Set();
    this.blocks = new Map();
    this.wanted = new Set();
    this.askedAt = new Map(); // how many records the machine had when a block was asked for
    this.memory = {}; // what views remember while they are not shown, by their kind
    this.listeners = new Map();
    this.due = null; // a place that was asked for before there were records
    this._seen = null;
    this._seenFor = null;
  }

  // Events.

  on(event, listener, signal) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listener);
    signal?.addEventListener("abort", () => this.listeners.get(event).delete(listener), { once: true });
  }
  emit(event, what) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        listener(what);
      } catch (error) {
        console.error("amlab", error);
      }
    }
  }

  // Channels: where packets and details come from, and who is told of the cursor.  A channel has `request(kind, what)`,
  // which asks, and may have `focus(desk)`.  Answers come by `receive`, from any of them.

  attach(channel) {
    this.channels.add(channel);
    if (this.isLoaded) return;
    this.ask("records", { first: this.data.count });
    if (!channel.isPage) this._wait();
  }
  detach(channel) {
    this.channels.delete(channel);
    if (this.channels.size) {
      // What the one that is gone was asked for is asked again.
      for (const key of this.wanted) this._fetch(key);
      if (!this.isLoaded) this.ask("records", { first: this.data.count });
      return;
    }
    clearTimeout(this._patience);
    this.pause();
    globalThis[SHARED]?.delete(this.id);
  }
  ask(kind, what) {
    for (const channel of this.channels) {
      channel.request(kind, what);
      return true;
    }
    return false;
  }
  // A reopened notebook may have no kernel, and a kernel that was started anew knows nothing of this desk: that is said
  // after a while in which the page is looked at, and taken back with the first answer.
  _wait() {
    clearTimeout(this._patience);
    this._patience = setTimeout(() => (document.hidden ? this._wait() : this.silence()), PATIENCE_MS);
  }
  silence() {
    if (this.isLoaded || !this.channels.size || this.isSilent) return;
    this.isSilent = true;
    this.emit("status");
  }
  // Why there are no records yet.
  get waiting() {
    return this.isSilent ? "No kernel answers: run the cell again, or wait if it is busy." : "Waiting for records.";
  }
  receive(kind, what, bytes) {
    if (this.isSilent) {
      this.isSilent = false;
      this.emit("status");
      if (kind !== "records") this._wait();
    }
    if (kind === "records") this._take(bytes, what);
    else if (kind === "details") this._details(what);
    else if (kind === "focus") this.set(what, "python");
    else if (kind === "filters") this.filter(what, "python");
    else if (kind === "error") {
      this.error = what.text;
      this.emit("status");
    } else if (kind === "live") {
      this._live(what.is_live);
      this.emit("status");
    } else this.emit(kind, what);
  }
  _take(bytes, what) {
    try {
      const had = this.data.count;
      if (what && what.is_live !== undefined) this._live(what.is_live);
      if (what && what.first !== undefined && what.first < had) return; // asked twice: already here
      if (what?.is_more && !this.isLoaded) return void (this.missed = true); // all before it has been asked for
      if (what && what.first > had) return this._miss(); // it came ahead of what is missing
      this.data.append(bytes);
      this.isLoaded = true;
      clearTimeout(this._patience);
      if (!had) this._start();
      this.missedAt = 0;
      if (this.missed && !what?.is_more) this._miss();
      if (this.tail && this.data.count > had) {
        const last = this._lastSeen();
        if (last >= 0) this.set({ position: last }, "tail");
      }
    } catch (error) {
      this.error = `These records cannot be shown: ${error.message}`;
      console.error("amlab", error);
    }
    this.emit("data");
    this.emit("status");
  }
  // Asks for what is missing, not more often than a busy kernel can answer.
  _miss() {
    this.missed = false;
    const now = performance.now();
    if (this.missedAt && now - this.missedAt < 5000) return;
    this.missedAt = now;
    this.ask("records", { first: this.data.count });
  }
  // Whether more may come; a live session is followed until somebody goes elsewhere.
  _live(isLive) {
    if (isLive && !this.isLive && this.focus.position < 0) this.tail = true;
    this.isLive = isLive;
  }
  _start() {
    const busiest = this.data.machines.filter((m) => m.count && m.role !== "rpc").sort((a, b) => b.count - a.count)[0] ?? this.data.machines[0];
    if (!this.focus.machine && busiest) this.focus = { ...this.focus, machine: busiest.key };
    const { due } = this;
    this.due = null;
    if (due) this.set(due, "python");
  }
  _lastSeen() {
    const seen = this.visible;
    return seen.length ? seen[seen.length - 1] : this.data.count - 1;
  }

  // Details of single records.

  // Details of the record at a position, or null until they have come (event "detail").
  detail(position) {
    if (position < 0 || position >= this.data.count) return null;
    return this.detailOf(this.data.machine.a[position], this.data.index.a[position]);
  }
  detailOf(machine, index) {
    const key = `${machine}:${Math.floor(index / BLOCK)}`;
    const block = this.blocks.get(key);
    if (block) {
      this.blocks.delete(key); // the latest used stand last
      this.blocks.set(key, block);
      if (block[index % BLOCK]) return block[index % BLOCK];
      if (block.askedAt >= Math.min(this.data.machines[machine].count, (Math.floor(index / BLOCK) + 1) * BLOCK)) return null; // not to be had
    }
    if (!this.wanted.has(key)) {
      this.wanted.add(key);
      this._fetch(key);
    }
    return null;
  }
  // Whether details of the record at a position were asked for and are not to be had.
  isMissing(position) {
    const index = this.data.index.a[position];
    const block = this.blocks.get(`${this.data.machine.a[position]}:${Math.floor(index / BLOCK)}`);
    return !!block && !block[index % BLOCK] && index < block.askedAt;
  }
  _fetch(key) {
    const [machine, block] = key.split(":").map(Number);
    this.askedAt.set(key, this.data.machines[machine].count);
    this.ask("details", { machine: this.data.machines[machine].key, number: machine, block });
  }
  _details({ number, block, records }) {
    const key = `${number}:${block}`;
    this.wanted.delete(key);
    records.askedAt = this.askedAt.get(key) ?? 0;
    this.askedAt.delete(key);
    this.blocks.set(key, records);
    if (this.blocks.size > MAX_BLOCKS) this.blocks.delete(this.blocks.keys().next().value);
    this.emit("detail", { number, block });
  }

  // The cursor and the selection.

  get position() {
    return this.focus.position;
  }
  get machine() {
    return this.data.byKey.get(this.focus.machine) ?? null;
  }
  // Changes parts of the focus.  A position chooses its machine, unless a machine is given too.
  set(change, origin = "user") {
    if (!this.data.count && change.position >= 0) {
      this.due = { ...this.due, ...change }; // gone to once there are records
      return;
    }
    const old = this.focus;
    const next = { ...old, ...change };
    if (change.position !== undefined && this.data.count) {
      next.position = Math.max(-1, Math.min(this.data.count - 1, Math.round(change.position)));
      if (change.machine === undefined && next.position >= 0) next.machine = this.data.machines[this.data.machine.a[next.position]].key;
      if (change.step === undefined) next.step = -1;
    }
    if (next.machine !== old.machine && change.state === undefined && next.state) {
      const m = this.data.byKey.get(next.machine);
      if (!m || !m.states.includes(next.state)) next.state = "";
    }
    if (Object.keys(next).every((key) => next[key] === old[key])) return;
    this.focus = next;
    if (origin === "user" && change.position !== undefined && next.position < this.data.count - 1) this.tail = false;
    this.emit("focus", { origin, old });
    if (origin !== "python") for (const channel of this.channels) if (channel.focus?.(this)) break;
  }
  // Goes to a position and remembers where it was, for `back`.
  jump(position, more = {}) {
    if (position < 0 || position >= this.data.count) return false;
    if (position !== this.focus.position) {
      this.past.push(this.focus.position);
      if (this.past.length > 200) this.past.shift();
      this.future = [];
    }
    this.set({ position, ...more });
    return true;
  }
  get address() {
    const p = this.focus.position;
    if (p < 0 || !this.data.count) return "";
    const m = this.data.machines[this.data.machine.a[p]];
    return this.detail(p)?.address ?? `mach://${encodeURIComponent(m.key)}/@${this.data.index.a[p]}`;
  }

  // Filters.

  filter(change, origin = "user") {
    this.filters = { ...this.filters, ...change };
    this._seenFor = null;
    this.emit("filters", { origin });
    if (origin !== "python") for (const channel of this.channels) if (channel.filters?.(this)) break;
  }
  // Whether a machine's records are shown.
  shows(machine) {
    const f = this.filters;
    return !((!f.rpc && (machine.role === "rpc" || machine.role === "bootstrap")) || (!f.disconnected && machine.connected === false) || f.hidden.includes(machine.key));
  }
  // Why a record is hidden: the name of the first filter that hides it, or "".
  hides(p) {
    const f = this.filters, flags = this.data.flags.a[p];
    const m = this.data.machines[this.data.machine.a[p]];
    if (f.hidden.includes(m.key)) return "machines";
    if (!f.rpc && (m.role === "rpc" || m.role === "bootstrap")) return "rpc";
    if (!f.disconnected && m.connected === false) return "disconnected";
    if (!f.queued && flags & QUEUED) return "queued";
    if (!f.checks && flags & CHECK) return "checks";
    if (!f.canceled && !(flags & (ACCEPTED | QUEUED | CHECK))) return "canceled";
    if (!f.auto && flags & AUTO) return "auto";
    if (!f.health && flags & HEALTH) return "health";
    if (!f.empty && flags & EMPTY && flags & ACCEPTED) return "empty";
    return "";
  }
  // Positions that pass the filters, rising; `hidden` counts the others by filter.
  get visible() {
    this._filter();
    return this._seen.positions;
  }
  get hidden() {
    this._filter();
    return this._seen.hidden;
  }
  _filter() {
    const key = JSON.stringify(this.filters) + this.data.machines.length;
    if (this._seenFor === key && this._seen.upTo === this.data.count) return;
    const { count, flags, machine } = this.data;
    const fresh = this._seenFor !== key;
    const seen = fresh ? { grown: null, upTo: 0, hidden: { total: 0 }, positions: new Int32Array(0) } : this._seen;
    const f = this.filters;
    const hiddenMachine = this.data.machines.map((m) => !this.shows(m));
    const plain = f.auto && f.canceled && f.checks && f.queued && f.empty && f.health && !hiddenMachine.includes(true);
    const buffer = new Int32Array(count - seen.upTo);
    let n = 0;
    for (let p = seen.upTo; p < count; p++) {
      if (!plain) {
        const why = hiddenMachine[machine.a[p]] || flags.a[p] & (QUEUED | CHECK | AUTO | EMPTY | HEALTH) || !(flags.a[p] & ACCEPTED) ? this.hides(p) : "";
        if (why) {
          seen.hidden[why] = (seen.hidden[why] ?? 0) + 1;
          seen.hidden.total++;
          continue;
        }
      }
      buffer[n++] = p;
    }
    if (!seen.upTo) seen.positions = buffer.subarray(0, n);
    else if (n) {
      // Kept with room to grow, so that following a live session does not copy all each time.
      const had = seen.positions.length;
      if (!seen.grown || seen.grown.length < had + n) {
        const grown = new Int32Array(Math.ceil((had + n) * 1.5));
        grown.set(seen.positions);
        seen.grown = grown;
      }
      seen.grown.set(buffer.subarray(0, n), had);
      seen.positions = seen.grown.subarray(0, had + n);
    }
    seen.upTo = count;
    this._seen = seen;
    this._seenFor = key;
  }

  // Commands: what keys and buttons do.  Returns whether it went anywhere.

  command(name) {
    const go = {
      next: () => this._move(1, this.focus.scope === "machine"),
      prev: () => this._move(-1, this.focus.scope === "machine"),
      nextOwn: () => this._move(1, true),
      prevOwn: () => this._move(-1, true),
      jumpOn: () => this._move(100, this.focus.scope === "machine"),
      jumpBack: () => this._move(-100, this.focus.scope === "machine"),
      first: () => this._end(0),
      last: () => this._end(-1),
      nextState: () => this._change(1),
      prevState: () => this._change(-1),
      nextError: () => this._find(1, (p) => this.data.flags.a[p] & ERROR),
      prevError: () => this._find(-1, (p) => this.data.flags.a[p] & ERROR),
      nextMachine: () => this._neighbour(1),
      prevMachine: () => this._neighbour(-1),
      stepOn: () => this._step(1),
      stepBack: () => this._step(-1),
      cause: () => this.position >= 0 && this.jump(this.data.source.a[this.position]),
      back: () => this._history(this.past, this.future),
      forward: () => this._history(this.future, this.past),
      bookmark: () => this._bookmark(),
      nextBookmark: () => {
        const k = above(this.bookmarks, this.position);
        return this.bookmarks.length > 0 && this.jump(this.bookmarks[k] ?? this.bookmarks[0]);
      },
      play: () => (this.playing ? this.pause() : this.play()),
      tail: () => this._tail(),
      clear: () => this.set({ range: null, state: "", step: -1 }),
    }[name];
    if (!go) throw new Error(`no command ${name}`);
    return go();
  }
  _move(n, own) {
    const seen = this.visible;
    if (!seen.length) return false;
    const p = this.position;
    if (!own) {
      let k = above(seen, p);
      k = n > 0 ? k + n - 1 : (seen[k - 1] === p ? k - 1 : k) + n;
      if (k < 0) return this.set({ position: -1, machine: this.focus.machine });
      return this.set({ position: seen[Math.min(k, seen.length - 1)] });
    }
    const m = this.machine;
    if (!m) return false;
    let left = Math.abs(n), found = p;
    const own_ = m.positions;
    let k = above(own_.a, p, own_.n);
    if (n < 0) k = own_.a[k - 1] === p ? k - 2 : k - 1;
    for (; left && k >= 0 && k < own_.n; k += Math.sign(n)) {
      if (this.hides(own_.a[k])) continue;
      found = own_.a[k];
      left--;
    }
    return found === p ? false : this.set({ position: found });
  }
  _end(which) {
    const seen = this.visible;
    return seen.length ? this.jump(seen.at(which)) : false;
  }
  _change(direction) {
    const m = this.machine, s = m ? m.states.indexOf(this.focus.state) : -1;
    if (s < 0) return this._find(direction, (p) => this.data.machines[this.data.machine.a[p]] === m && !(this.data.flags.a[p] & EMPTY));
    const at = m.changes[s].positions;
    const k = direction > 0 ? above(at.a, this.position, at.n) : above(at.a, this.position - 1, at.n) - 1;
    return k >= 0 && k < at.n ? this.jump(at.a[k], { state: this.focus.state }) : false;
  }
  _find(direction, test) {
    const seen = this.visible;
    let k = above(seen, this.position);
    k = direction > 0 ? k : (seen[k - 1] === this.position ? k - 2 : k - 1);
    for (; k >= 0 && k < seen.length; k += direction) if (test(seen[k])) return this.jump(seen[k]);
    return false;
  }
  _neighbour(direction) {
    const shown = this.data.machines.filter((m) => this.shows(m));
    if (!shown.length) return false;
    const k = shown.indexOf(this.machine);
    const m = shown[(k + direction + shown.length) % shown.length];
    return this.set({ machine: m.key });
  }
  _step(n) {
    const steps = this.detail(this.position)?.steps ?? [];
    const step = this.focus.step + n;
    if (step >= -1 && step < steps.length) return this.set({ step });
    return this._move(n, true);
  }
  _history(from, to) {
    const position = from.pop();
    if (position === undefined) return false;
    to.push(this.position);
    this.set({ position });
    return true;
  }
  _bookmark() {
    const p = this.position, had = this.bookmarks.includes(p);
    this.bookmarks = had ? this.bookmarks.filter((b) => b !== p) : [...this.bookmarks, p].sort((a, b) => a - b);
    this.emit("focus", { origin: "user", old: this.focus });
    for (const channel of this.channels) if (channel.focus?.(this)) break;
    return true;
  }
  _tail() {
    this.tail = !this.tail;
    if (this.tail) this.set({ position: this._lastSeen() }, "tail");
    this.emit("status");
    return true;
  }

  // Plays on from here, `speed` records a second; from the start if at the end.
  play(speed = this.speed) {
    this.speed = speed;
    this.pause();
    const seen = this.visible;
    if (!seen.length) return false;
    if (this.position >= seen[seen.length - 1]) this.set({ position: -1 });
    this.playing = speed;
    let due = 0, then = performance.now();
    const tick = (now) => {
      if (!this.playing) return;
      due += ((now - then) * this.playing) / 1000;
      then = now;
      const n = Math.floor(due);
      due -= n;
      if (n && this._move(n, this.focus.scope === "machine") === false) return this.pause();
      if (!this.isLive && this.position >= this._lastSeen()) return this.pause();
      this._frame = requestAnimationFrame(tick);
    };
    this._frame = requestAnimationFrame(tick);
    this.emit("status");
    return true;
  }
  pause() {
    if (!this.playing) return false;
    cancelAnimationFrame(this._frame);
    this.playing = 0;
    this.emit("status");
    return true;
  }
}
