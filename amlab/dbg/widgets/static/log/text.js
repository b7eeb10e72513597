// Lines of a log taken apart: the word in brackets, names of states and machines, addresses.
//
// Knows nothing of: elements, desks.

// What a line tells of, by the word it starts with; the style sheet has one colour for each.
const LOG_KINDS = [
  [/^(error|breakpoint)/, "error"],
  [/^(canc|reject|cancel)/, "refused"],
  [/^(state|auto_|empty)/, "change"],
  [/^(add|remove|set|auto)$/, "asked"],
  [/^handler:/, "handler"],
  [/^(rel:|implied)/, "relation"],
  [/^source/, "source"],
  [/^(when|ctx)/, "wait"],
  [/^pipe/, "pipe"],
  [/^exter/, "own"],
];
const LOG_TIES = /^\[(source|ctx:|when|pipe)/;
const LOG_LINKS = 24; // names of states that are linked in one line
const LOG_END = "Enter|Exit|State|End";
const logPatterns = new WeakMap();

// Whether a line tells of ties between records and machines, which recorders tell where there is no log, too.
export function logIsTie(text) {
  return LOG_TIES.test(text);
}

// `{prefix, kind, rest}` of a line; the prefix with its brackets, empty where there is none.
export function logParts(text) {
  const found = /^\[([^\]\s]{1,24})\] ?/.exec(text);
  if (!found) return { prefix: "", kind: "plain", rest: text };
  const kind = LOG_KINDS.find(([pattern]) => pattern.test(found[1]))?.[1] ?? "queue";
  return { prefix: `[${found[1]}]`, kind, rest: text.slice(found[0].length) };
}

// Whether a line of that level is shown: 0 nothing, 1 what the program said and changes, 2 operations, 3 decisions.
export function logShows(filter, level) {
  return filter > 0 && level <= filter + 1;
}

// Pieces of a line: `[text, what, value]`, where what is "", "state", "machine", "source" or "address".
export function logPieces(machine, data, parts) {
  const { kind, rest } = parts;
  if (!rest) return [];
  if (kind === "source") return [[rest, "source", rest]];
  const cut = kind === "asked" || kind === "queue" || kind === "change" ? logArgs(rest) : rest.length;
  const head = rest.slice(0, cut), tail = rest.slice(cut);
  const pieces = [];
  if (kind === "own") logAddresses(head, pieces);
  else {
    const pipe = kind === "pipe" ? /^(.*?)( (?:from|to) | ?)(\S+)$/.exec(head) : null;
    if (pipe && data.byKey.has(pipe[3])) {
      logStates(machine, pipe[1] + pipe[2], pieces, false);
      pieces.push([pipe[3], "machine", pipe[3]]);
    } else logStates(machine, head, pieces, kind === "handler");
  }
  if (tail) logAddresses(tail, pieces);
  return pieces;
}

// Where the arguments of a mutation start in its line.
function logArgs(rest) {
  const found = /\s\(\S+=/.exec(rest);
  return found ? found.index : rest.length;
}

// Splits by names of the machine's states; in names of handlers by those that they are made of.
function logStates(machine, text, pieces, isHandler) {
  const pattern = logPattern(machine, isHandler);
  let from = 0;
  if (pattern) {
    pattern.lastIndex = 0;
    for (let found, n = 0; n < LOG_LINKS && (found = pattern.exec(text)); n++) {
      logAddresses(text.slice(from, found.index), pieces);
      pieces.push([found[1], "state", found[1]]);
      if (isHandler && found[2]) pieces.push(machine.states.includes(found[2]) ? [found[2], "state", found[2]] : [found[2], "", ""]);
      from = found.index + found[0].length;
    }
  }
  logAddresses(text.slice(from), pieces);
}

function logAddresses(text, pieces) {
  let from = 0;
  for (const found of text.matchAll(/mach:\/\/[^\s,;)\]}"']+/g)) {
    if (found.index > from) pieces.push([text.slice(from, found.index), "", ""]);
    pieces.push([found[0], "address", found[0]]);
    from = found.index + found[0].length;
  }
  if (from < text.length) pieces.push([text.slice(from), "", ""]);
}

// Longest names first, at the borders of words; made once per machine.
function logPattern(machine, isHandler) {
  let kept = logPatterns.get(machine);
  if (!kept || kept.states !== machine.states.length) {
    const names = [...machine.states].filter(Boolean).sort((a, b) => b.length - a.length);
    const any = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
    const word = "[\\p{L}\\p{N}_]";
    kept = { states: machine.states.length, plain: null, handler: null };
    if (any) {
      kept.plain = new RegExp(`(?<!${word})(${any})(?!${word})`, "gu");
      kept.handler = new RegExp(`(?<!${word})(${any})(${LOG_END}|${any})?(?!${word})`, "gu");
    }
    logPatterns.set(machine, kept);
  }
  return isHandler ? kept.handler : kept.plain;
}
