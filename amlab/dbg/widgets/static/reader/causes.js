// What each record caused: the way back of `data.source`, worked out once and then for what is new.
//
// Effects of a record are a chain: `first[p]`, then `next[...]` of each, rising, until -1.

const readerChains = new WeakMap();

export class ReaderCauses {
  // Those of a desk's data, up to date.
  static of(data) {
    let kept = readerChains.get(data);
    if (!kept) readerChains.set(data, (kept = new ReaderCauses()));
    kept.update(data);
    return kept;
  }
  constructor() {
    this.upTo = 0;
    this.first = this.last = this.next = new Int32Array(0);
  }
  update(data) {
    if (this.upTo === data.count) return;
    if (this.first.length < data.count) {
      const room = Math.ceil(data.count * (this.upTo ? 1.5 : 1));
      for (const name of ["first", "last", "next"]) {
        const grown = new Int32Array(room).fill(-1);
        grown.set(this[name].subarray(0, this.upTo));
        this[name] = grown;
      }
    }
    const { first, last, next } = this, source = data.source.a;
    for (let p = this.upTo; p < data.count; p++) {
      const s = source[p];
      if (s < 0 || s >= data.count) continue;
      if (first[s] < 0) first[s] = p;
      else next[last[s]] = p;
      last[s] = p;
    }
    this.upTo = data.count;
  }
  // Positions of what a record caused, at most `most` of them; `total` how many there are.
  of(position, most = Infinity) {
    const positions = [];
    let total = 0;
    for (let p = position < 0 ? -1 : this.first[position]; p >= 0; p = this.next[p]) if (++total <= most) positions.push(p);
    return { positions, total };
  }
}

// A record's cause, its cause, and so on; ends at what was not recorded, or in a circle.
export function readerTrace(data, position, most = 200) {
  const trace = [], seen = new Set([position]);
  for (let p = data.source.a[position]; p >= 0 && !seen.has(p) && trace.length < most; p = data.source.a[p]) {
    seen.add(p);
    trace.push(p);
  }
  return trace;
}

// Mutations that were queued and run stand once: as what ran, where that is in the list.
export function readerOnce(data, positions) {
  const all = new Set(positions);
  return positions.filter((p) => !(data.kindAt(p) === "queued" && all.has(data.link.a[p])));
}
