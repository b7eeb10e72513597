// Contexts, waits and pipes of a machine that are open at a record, as lines of its log tell.
//
// Reads blocks of details as they come, each once, and asks for those before the record that may hold such lines.

import { BLOCK } from "../shared/desk.js";

const READER_MOST = 200; // blocks that are asked for, per machine
const readerTies = new WeakMap();

export function readerTiesOf(desk) {
  if (!readerTies.has(desk)) readerTies.set(desk, new ReaderTies(desk));
  return readerTies.get(desk);
}

// `{what: context | wait | pipe, act: new | end | gc, name, kind, other, index}` of a line, or null.
export function readerTie(text, index) {
  let found = /^\[(ctx|when\w*):(new|match|end)\] ?(.*)$/s.exec(text);
  if (found) {
    const name = found[3].replace(/[[\]]/g, "").trim();
    return { what: found[1] === "ctx" ? "context" : "wait", act: found[2] === "new" ? "new" : "end", name, kind: found[1], other: "", index };
  }
  found = /^\[pipe-(in|out):(\w+)\] (.*) (?:from|to) (\S+)$/s.exec(text);
  if (found) return { what: "pipe", act: "new", name: found[3], kind: `${found[1]}:${found[2]}`, other: found[4], index };
  found = /^\[pipe:gc\] (\S+)$/.exec(text);
  return found ? { what: "pipe", act: "gc", name: "", kind: "", other: found[1], index } : null;
}

class ReaderTies {
  constructor(desk) {
    this.desk = desk;
    this.byMachine = new Map();
  }
  _of(machine) {
    if (!this.byMachine.has(machine)) this.byMachine.set(machine, { ties: [], read: new Map(), silent: new Map(), lines: 0 });
    return this.byMachine.get(machine);
  }
  // `{contexts, waits, pipes, left}` at a record; `left` blocks before it are not read yet.
  at(machine, index) {
    const kept = this._of(machine), last = Math.floor(index / BLOCK);
    const { desk } = this, m = desk.data.machines[machine];
    let left = 0, asked = 0;
    for (let block = last; block >= 0 && last - block < READER_MOST; block--) {
      if (this._isRead(kept, m, block, index)) continue;
      if (!this._mayTell(kept, m, block)) continue;
      const records = desk.blocks.get(`${machine}:${block}`);
      if (records) this._read(kept, m, block, records);
      if (this._isRead(kept, m, block, index)) continue;
      left++; // not here yet, or it has grown since
      if (asked < 2) asked++, desk.detailOf(machine, block * BLOCK + (records?.length ?? 0));
    }
    return { ...readerOpen(kept.ties, index), left, isCut: last >= READER_MOST, lines: kept.lines };
  }
  _isRead(kept, m, block, index) {
    const upTo = kept.read.get(block) ?? 0;
    return upTo >= Math.min(BLOCK, m.count - block * BLOCK) || block * BLOCK + upTo > index;
  }
  // Whether records of a block have lines that are more than the name of a source.
  _mayTell(kept, m, block) {
    const { logs, source } = this.desk.data;
    const stop = Math.min(m.count, (block + 1) * BLOCK);
    if (kept.silent.get(block) === stop) return false;
    for (let k = block * BLOCK; k < stop; k++) {
      const p = m.positions.a[k];
      if (logs.a[p] > (source.a[p] >= 0 ? 1 : 0)) return true;
    }
    kept.silent.set(block, stop);
    return false;
  }
  _read(kept, m, block, records) {
    const from = kept.read.get(block) ?? 0;
    const fresh = [];
    for (let k = from; k < records.length; k++) {
      for (const [, text] of [...(records[k]?.pre ?? []), ...(records[k]?.log ?? [])]) {
        const tie = readerTie(text, block * BLOCK + k);
        kept.lines++;
        if (tie) fresh.push(tie);
      }
    }
    // What a page does not hold counts as read: asking again would not bring it.
    kept.read.set(block, Math.max(records.length, Math.min(BLOCK, (records.askedAt ?? 0) - block * BLOCK)));
    if (!fresh.length) return;
    kept.ties = [...kept.ties, ...fresh].map((tie, n) => [tie, n]).sort((a, b) => a[0].index - b[0].index || a[1] - b[1]).map(([tie]) => tie);
  }
}

function readerOpen(ties, index) {
  const contexts = new Map(), waits = new Map(), pipes = new Map();
  for (const tie of ties) {
    if (tie.index > index) break;
    if (tie.what === "pipe") {
      if (tie.act === "gc") {
        for (const [key, pipe] of pipes) if (pipe.other === tie.other) pipes.delete(key);
      } else pipes.set(`${tie.kind} ${tie.name} ${tie.other}`, tie);
      continue;
    }
    const open = tie.what === "context" ? contexts : waits, key = `${tie.kind} ${tie.name}`;
    if (tie.act === "new") open.set(key, tie);
    else open.delete(key);
  }
  return { contexts: [...contexts.values()], waits: [...waits.values()], pipes: [...pipes.values()] };
}
