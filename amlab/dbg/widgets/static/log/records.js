// Which records the log goes through: those of one machine or of all, as far as filters show them.

import { Column, above } from "../shared/data.js";

export class LogRecords {
  constructor(desk) {
    this.desk = desk;
    this.own = new Column(Int32Array);
    this.key = "";
    this.seen = 0;
  }
  // Takes what is new; `number` is a machine's, or -1 for all.
  update(number) {
    const { desk } = this;
    const seen = desk.visible;
    if (number < 0) {
      this.positions = seen;
      this.count = seen.length;
      return;
    }
    const key = `${number}:${JSON.stringify(desk.filters)}`;
    if (this.key !== key || this.seen > seen.length) {
      this.key = key;
      this.own = new Column(Int32Array);
      this.seen = 0;
    }
    const m = desk.data.machines[number];
    if (!this.seen && !desk.hidden.total) {
      this.own.extend(m.positions.view());
      this.seen = seen.length;
    }
    const whose = desk.data.machine.a;
    for (; this.seen < seen.length; this.seen++) if (whose[seen[this.seen]] === number) this.own.push(seen[this.seen]);
    this.positions = this.own.a;
    this.count = this.own.n;
  }
  at(k) {
    return this.positions[k];
  }
  // The number of the last one at or before a position; -1 where there is none.
  find(position) {
    return above(this.positions, position, this.count) - 1;
  }
}
