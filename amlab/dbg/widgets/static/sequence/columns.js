// The columns of the sequence view: which machines, and in what order.
//
// Knows nothing of: rows, drawing.

const SEQUENCE_ROLES = ["supervisor", "worker", "client", "other", "bootstrap", "rpc"];

// Machines that are shown and have records, by role; or so that those who talk stand close together.
export function sequenceColumns(desk, rows, byTraffic) {
  const { data } = desk;
  const shown = data.machines.filter((m) => desk.shows(m));
  const columns = shown.filter((m) => m.count && (!rows.leavesOut || rows.talks.has(m.number)));
  const rank = (m) => (SEQUENCE_ROLES.indexOf(m.role) + SEQUENCE_ROLES.length + 1) % (SEQUENCE_ROLES.length + 1);
  columns.sort((a, b) => rank(a) - rank(b) || a.number - b.number);
  return { columns: byTraffic ? sequenceByTraffic(columns, sequenceTraffic(data, rows)) : columns, silent: shown.reduce((n, m) => n + (m.count ? 0 : 1), 0), quiet: shown.reduce((n, m) => n + (m.count && rows.leavesOut && !rows.talks.has(m.number) ? 1 : 0), 0) };
}

// How many messages go between two machines: a map of maps by machine number.
export function sequenceTraffic(data, rows) {
  const traffic = new Map();
  const add = (a, b) => {
    if (!traffic.has(a)) traffic.set(a, new Map());
    traffic.get(a).set(b, (traffic.get(a).get(b) ?? 0) + 1);
  };
  for (let r = 0; r < rows.count; r++) {
    const q = rows.causeOf(r);
    if (q < 0) continue;
    const a = data.machine.a[q], b = data.machine.a[rows.first[r]];
    add(a, b);
    add(b, a);
  }
  return traffic;
}

// Grows a line of machines from the busiest on, at either end with whoever has most messages to those that stand there,
// nearer ones counting more; machines without messages keep their order, last.  Neighbours swap while that helps.
export function sequenceByTraffic(machines, traffic) {
  const total = (m) => [...(traffic.get(m.number)?.values() ?? [])].reduce((a, b) => a + b, 0);
  const left = new Set(machines.filter((m) => traffic.has(m.number)));
  const line = [];
  const place = new Map();
  while (left.size) {
    let best = null, score = -1, atEnd = true;
    for (const m of left) {
      let head = 0, tail = 0;
      for (const [other, n] of traffic.get(m.number)) {
        const k = place.get(other);
        if (k === undefined) continue;
        head += n / (k + 1);
        tail += n / (line.length - k);
      }
      const most = line.length && (head || tail) ? Math.max(head, tail) : total(m) * 1e-6;
      if (most > score) (best = m), (score = most), (atEnd = tail >= head);
    }
    left.delete(best);
    if (atEnd) line.push(best);
    else line.unshift(best);
    line.forEach((m, k) => place.set(m.number, k));
  }
  const at = new Map(line.map((m, k) => [m.number, k]));
  const cost = (m, k) => [...traffic.get(m.number)].reduce((sum, [other, n]) => sum + n * Math.abs(at.get(other) - k), 0);
  for (let round = 0; round < 6; round++) {
    let swapped = false;
    for (let k = 0; k + 1 < line.length; k++) {
      const a = line[k], b = line[k + 1];
      const before = cost(a, k) + cost(b, k + 1);
      at.set(b.number, k);
      at.set(a.number, k + 1);
      if (cost(a, k + 1) + cost(b, k) < before) {
        line[k] = b;
        line[k + 1] = a;
        swapped = true;
      } else {
        at.set(a.number, k);
        at.set(b.number, k + 1);
      }
    }
    if (!swapped) break;
  }
  const rest = machines.filter((m) => !traffic.has(m.number));
  return [...line, ...rest];
}
