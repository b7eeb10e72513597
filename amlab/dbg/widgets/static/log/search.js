// Finds a text in the lines of records whose details are in this page.

import { BLOCK } from "../shared/desk.js";
import { logDerived, logLines } from "./rows.js";

const LOG_MOST = 50_000; // records without lines that are looked at, around where one is

// `{hits, looked}`: rising positions of records of the list that hold the text, and how many of them were looked at.
// `around` is a place in the list.
export function logSearch(desk, records, number, query, around) {
  const { data } = desk;
  const hits = [];
  let looked = 0;
  if (!query) return { hits: new Int32Array(0), looked };
  const from = Math.max(0, Math.min(around - LOG_MOST / 2, records.count - LOG_MOST));
  for (let k = from; k < Math.min(records.count, from + LOG_MOST); k++) {
    const p = records.at(k);
    if (data.logs.a[p]) continue;
    looked++;
    if (desk.filters.level > 0 && logDerived(data, p).toLowerCase().includes(query)) hits.push(p);
  }
  // A copy: looking at details changes the order of blocks.
  for (const [key, block] of [...desk.blocks]) {
    const [machine, n] = key.split(":").map(Number);
    if (number >= 0 && machine !== number) continue;
    const m = data.machines[machine];
    for (let k = 0; k < block.length; k++) {
      const index = n * BLOCK + k;
      if (!block[k] || index >= m.count) continue;
      const p = m.positions.a[index];
      const at = records.find(p);
      if (at < 0 || records.at(at) !== p) continue;
      if (!data.logs.a[p]) continue;
      looked++;
      if (logHolds(desk, p, query)) hits.push(p);
    }
  }
  return { hits: Int32Array.from(hits).sort(), looked };
}

function logHolds(desk, p, query) {
  return logLines(desk, p).lines.some(([, text]) => text.toLowerCase().includes(query));
}
