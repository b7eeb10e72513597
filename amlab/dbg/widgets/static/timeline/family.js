// Who stands below whom: machines by role below their parents; RPC and bootstrap machines in groups of the machine they
// serve, so that a group can be folded.
//
// Knows nothing of: rows, states.

const TIMELINE_ROLES = ["supervisor", "worker", "client", "other", "bootstrap", "rpc"];

export function timelineIsRpc(machine) {
  return machine.role === "rpc" || machine.role === "bootstrap";
}

// Of the machines that are shown: `roots`, `children` by number, `groups` by their owner's number (-1: none), each with
// `roots`, `members`, `words`, and `owners` by the number of a machine in a group.
export function timelineFamily(desk) {
  const shown = desk.data.machines.filter((m) => desk.shows(m));
  const onlyRpc = shown.every(timelineIsRpc); // nobody to group them below
  const isGrouped = (m) => timelineIsRpc(m) && !onlyRpc;
  const parents = timelineParents(desk);
  const roots = [], children = new Map(), groups = new Map(), owners = new Map();
  for (const m of shown) {
    const elders = parents(m);
    if (!isGrouped(m)) {
      timelineAdd(children, roots, elders.find((q) => !isGrouped(q)), m);
      continue;
    }
    const owner = elders.find((q) => !isGrouped(q))?.number ?? -1;
    if (!groups.has(owner)) groups.set(owner, { roots: [], members: [], bootstrap: 0, rpc: 0 });
    const group = groups.get(owner);
    owners.set(m.number, owner);
    group[m.role]++;
    group.members.push(m.number);
    timelineAdd(children, group.roots, elders[0] && isGrouped(elders[0]) ? elders[0] : undefined, m);
  }
  const order = (a, b) => TIMELINE_ROLES.indexOf(a.role) - TIMELINE_ROLES.indexOf(b.role) || a.number - b.number;
  for (const list of [roots, ...children.values(), ...[...groups.values()].map((group) => group.roots)]) list.sort(order);
  for (const group of groups.values()) {
    group.words = [group.bootstrap && `${group.bootstrap} bootstrap`, group.rpc && `${group.rpc} RPC`].filter(Boolean).join(", ");
  }
  return { roots, children, groups, owners };
}

function timelineAdd(children, roots, parent, m) {
  if (!parent) roots.push(m);
  else if (children.has(parent.number)) children.get(parent.number).push(m);
  else children.set(parent.number, [m]);
}

// A function that gives the shown machines above one, nearest first.  A recording may name parents in a circle: the one
// with the lowest number in it has none.
function timelineParents(desk) {
  const { machines, byKey } = desk.data, byId = new Map(), known = new Map();
  for (const m of machines) if (!byId.has(m.id)) byId.set(m.id, m);
  const parent = (m) => (m.parent ? byKey.get(m.parent) ?? byId.get(m.parent) : undefined);
  const isCircle = (m) => {
    let least = m.number;
    const met = new Set([m]);
    for (let q = parent(m); q; q = parent(q)) {
      if (q === m) return least === m.number;
      if (met.has(q)) return false;
      met.add(q);
      least = Math.min(least, q.number);
    }
    return false;
  };
  const nearest = (m) => {
    if (known.has(m)) return known.get(m);
    const up = parent(m);
    const found = !up || isCircle(m) ? null : up;
    known.set(m, found);
    return found;
  };
  return (m) => {
    const out = [];
    for (let q = nearest(m); q; q = nearest(q)) if (desk.shows(q)) out.push(q);
    return out;
  };
}
