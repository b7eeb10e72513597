// Columns of step marks beside the rows of a tree: a column per line of the story, from the state that decided to the
// one it decided about.
//
// Knows nothing of: the desk, how rows are made.

export const TREE_COLUMN = 20, TREE_ROW = 22;

// Where each state and each relation has its row.
export function treePlaces(rows) {
  const states = new Map(), relations = new Map();
  rows.forEach((row, k) => {
    if (row.kind === "state") states.set(row.s, k);
    else if (row.kind === "relation" && !row.isBack) relations.set(`${row.s}:${row.relation}:${row.to}`, k);
  });
  return { states, relations };
}

// What one line of the story puts where: `marks` [{row, sign, tone}] and `spans` [{from, to, relation, isBad}].
export function treeMarks(line, places, index, moment) {
  const marks = [], spans = [];
  const put = (name, sign, tone) => {
    const row = places.states.get(index.get(name));
    if (row !== undefined) marks.push({ row, sign, tone });
  };
  const isBad = line.kind === "dropped" || line.kind === "refused";
  if (line.edges.length) {
    for (const [from, relation, to] of line.edges) {
      const a = index.get(from), b = index.get(to);
      const start = places.states.get(a), end = places.relations.get(`${a}:${relation}:${b}`) ?? places.states.get(b);
      if (start !== undefined && end !== undefined) spans.push({ from: start, to: end, relation, isBad });
      else if (start !== undefined || end !== undefined) marks.push({ row: start ?? end, sign: "·", tone: "muted" });
    }
    if (isBad) {
      const [from, relation, to] = line.edges[0];
      put(relation === "remove" ? to : from, "✕", "red");
    }
  } else if (line.kind === "called") for (const name of line.states) put(name, "»", "ink");
  else if (line.kind === "handler" || line.kind === "refused") for (const name of line.states) put(name, line.kind === "refused" ? "✕" : "ƒ", line.kind === "refused" ? "red" : "purple");
  else if (line.kind === "dropped") for (const name of line.states) put(name, "✕", "red");
  else if (line.kind === "end") {
    for (const [look, sign, tone] of [["entered", "+", "green"], ["left", "−", "orange"], ["refused", "✕", "red"]]) {
      moment.looks.forEach((is, s) => is === look && put(moment.machine.states[s], sign, tone));
    }
  } else {
    const sign = line.text.endsWith("to leave") ? "−" : line.text.endsWith("to enter") ? "+" : "·";
    for (const name of line.states) put(name, sign, sign === "+" ? "green" : sign === "−" ? "orange" : "muted");
  }
  return { marks, spans };
}

// Which of `n` columns are shown in `width`: [first, count], with the current one among them.
export function treeWindow(n, width, current) {
  const room = Math.max(1, Math.floor(width / TREE_COLUMN));
  if (n <= room) return [0, n];
  const first = Math.max(0, Math.min(n - room, (current < 0 ? 0 : current) - Math.floor(room / 2)));
  return [first, room];
}

const TREE_RELATION_TONES = { require: "blue", add: "green", remove: "red", after: "muted" };

// Paints the columns; `top` is how far the rows are scrolled, `alphaOf(k)` how strong column k is.
export function treePaint(g, paint, columns, [first, count], { top, width, height, head, current, alphaOf }) {
  g.clearRect(0, 0, width, height);
  const y = (row) => head + row * TREE_ROW + TREE_ROW / 2 - top;
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.save();
  g.beginPath();
  g.rect(0, head, width, height - head);
  g.clip();
  for (let k = first; k < first + count; k++) {
    const x = (k - first) * TREE_COLUMN + TREE_COLUMN / 2;
    if (k === current) {
      g.globalAlpha = 1;
      g.fillStyle = paint.hover;
      g.fillRect(x - TREE_COLUMN / 2, head, TREE_COLUMN, height - head);
    }
    g.globalAlpha = alphaOf(k);
    const { marks, spans } = columns[k];
    for (const { from, to, relation, isBad } of spans) {
      const colour = isBad ? paint.red : paint[TREE_RELATION_TONES[relation]] ?? paint.ink;
      const a = y(from), b = y(to), down = b > a ? 1 : -1;
      if (Math.max(a, b) < head - 20 || Math.min(a, b) > height + 20) continue;
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = k === current ? 2 : 1.4;
      g.setLineDash(relation === "add" ? [5, 3] : relation === "after" ? [1.5, 3] : []);
      g.beginPath();
      g.moveTo(x, a);
      g.lineTo(x, a === b ? b : b - down * 5);
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      g.arc(x, a, 3, 0, 7);
      g.fill();
      treeHead(g, relation, x, b, down);
    }
    for (const { row, sign, tone } of marks) {
      const at = y(row);
      if (at < head - 10 || at > height + 10) continue;
      // The sign stands on paper, so that a line behind it does not strike it out.
      if (sign !== "·") {
        for (const under of k === current ? [paint.paper, paint.hover] : [paint.paper]) {
          g.fillStyle = under;
          g.fillRect(x - 5, at - 6, 10, 12);
        }
      }
      g.fillStyle = paint[tone];
      g.font = `${sign === "»" || sign === "ƒ" ? "600 " : "700 "}13px system-ui, sans-serif`;
      g.fillText(sign, x, at + 0.5);
    }
  }
  g.restore();
  g.font = "11px system-ui, sans-serif";
  for (let k = first; k < first + count; k++) {
    g.globalAlpha = alphaOf(k);
    g.fillStyle = k === current ? paint.ink : paint.muted;
    g.fillText(String(k + 1), (k - first) * TREE_COLUMN + TREE_COLUMN / 2, head / 2 + 1);
  }
  g.globalAlpha = 1;
}

// The end of a relation's line, as in graphs: an arrow requires, an open one adds, a bar removes, a ring runs after.
function treeHead(g, relation, x, y, down) {
  g.beginPath();
  if (relation === "remove") {
    g.moveTo(x - 5, y - down);
    g.lineTo(x + 5, y - down);
    g.stroke();
  } else if (relation === "after") {
    g.arc(x, y - down, 3, 0, 7);
    g.stroke();
  } else {
    g.moveTo(x - 4, y - down * 6);
    g.lineTo(x, y);
    g.lineTo(x + 4, y - down * 6);
    if (relation === "add") g.stroke();
    else g.fill();
  }
}
