// How a record was resolved, in numbered lines of words: the same lines as amlab/dbg/view/story.py tells.
//
// A line sums up the steps that say one thing, since recorded steps repeat themselves: relations are checked more
// than once, and tell of every active state.  Knows nothing of: elements.

import { ACCEPTED, AUTO, CHECK, QUEUED, KINDS } from "./data.js";

export const STEP_RELATION = 1, STEP_HANDLER = 2, STEP_ACTIVATE = 4, STEP_DEACTIVATE = 8, STEP_PASSIVE = 16, STEP_CALLED = 32, STEP_CANCEL = 64;
const STEP_AFTER = 0, STEP_ADD = 1, STEP_REQUIRE = 2, STEP_REMOVE = 3;
const STORY_LISTED = 6;
const STORY_FINE = new Set(["agreed", "ran", "is running", ""]);
const STORY_CANCELS = /^(?:\[[^\]]*\] )?\[cancel(?::\w+)?\] \(.*\) by (\S+)/;
const STORY_RECOVERS = /^(?:\[[^\]]*\] )?\[recover\] /;
const STORY_FAILURES = new Set(["recover", "timeout"]);

// What is known of the record at a position; steps and answers of handlers only where its details have come.
export function storyFacts(desk, p) {
  const { data } = desk;
  const m = data.machines[data.machine.a[p]], index = data.index.a[p], flags = data.flags.a[p];
  const after = data.clocksAt(m.number, index);
  const isQueued = !!(flags & QUEUED), isCheck = !!(flags & CHECK), isAccepted = !!(flags & ACCEPTED), isAuto = !!(flags & AUTO);
  let before = isQueued || isCheck ? after : data.clocksAt(m.number, data.previous(m.number, index));
  const entering = new Set(), leaving = new Set();
  if (before !== after) {
    const most = isAccepted ? 2 : 0; // more tells of a gap in the recording
    for (let s = 0; s < after.length; s++) {
      const moved = after[s] - before[s];
      if (moved < 0 || moved > most) {
        before = null;
        break;
      }
    }
    if (before) for (let s = 0; s < after.length; s++) if (after[s] !== before[s]) (after[s] % 2 ? entering : leaving).add(m.states[s]);
  }
  const called = Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`);
  const detail = desk.detail(p);
  const marks = [isQueued && "queue", isAuto && "auto", isCheck && "check"].filter(Boolean);
  return {
    machine: m, states: m.states, called, isAccepted, isAuto, isCheck, isQueued, before, after, entering, leaving, detail,
    words: [...marks, KINDS[data.kind.a[p]] ?? `kind ${data.kind.a[p]}`, ...called].join(" "),
    steps: detail && !isQueued ? storyActs(desk, p, m, detail, isAccepted) : [],
    wasActive(state) {
      const s = m.states.indexOf(state);
      return before ? s >= 0 && before[s] % 2 === 1 : null;
    },
  };
}

function storyActs(desk, p, m, detail, isAccepted) {
  const calls = (detail.steps ?? []).filter((step) => step[0] === STEP_HANDLER).map((step) => {
    const isFinal = !!(step[4] & 1), any = (name) => !name || name === "Any";
    return { name: any(step[1]) && any(step[2]) ? (isFinal ? "AnyState" : "AnyEnter") : step[5], isFinal };
  });
  const logs = (detail.log ?? []).map((line) => line[1]);
  const names = logs.map((text) => STORY_CANCELS.exec(text)?.[1]).filter(Boolean);
  const refused = names.filter((name) => !STORY_FAILURES.has(name));
  let hasFailed = refused.length < names.length || logs.some((text) => STORY_RECOVERS.test(text));
  if (!hasFailed && calls.length && !refused.length) hasFailed = storyRaised(desk, p, m, detail);
  const last = calls.length - 1;
  const refusers = isAccepted || refused.length ? refused : last < 0 || calls[last].isFinal ? [] : [calls[last].name];
  let at = -1;
  return (detail.steps ?? []).map(([type, from, to, relation, flags]) => {
    let handler = "", answer = "";
    if (type === STEP_HANDLER) {
      const call = calls[++at];
      handler = call.name;
      if (at === last && hasFailed) answer = "failed";
      else if (refusers.includes(call.name) && !call.isFinal) answer = "refused";
      else answer = call.isFinal ? "ran" : "agreed";
    }
    return { type, from: from ?? "", to: to ?? "", relation, isFinal: !!(flags & 1), handler, answer };
  });
}

// Whether the next transition adds Exception because of this one.
function storyRaised(desk, p, m, detail) {
  const { data } = desk;
  let next = -1;
  for (let i = data.index.a[p] + 1; i < m.count && next < 0; i++) if (!(data.flags.a[m.positions.a[i]] & (QUEUED | CHECK))) next = m.positions.a[i];
  if (next < 0 || data.flags.a[next] & AUTO) return false;
  if (!Array.from(data.calledAt(next), (s) => m.states[s]).includes("Exception")) return false;
  if (data.source.a[next] === p) return true;
  const follower = desk.detail(next);
  if (!follower) return false;
  if (!follower.source) return !!follower.mut_queue_token;
  return follower.source.machine === m.id && follower.source.tx === (detail.id ?? "");
}

export function storyListed(names, limit = STORY_LISTED, joint = ", ") {
  if (!limit || names.length <= limit + 1) return names.join(joint);
  return `${names.slice(0, limit).join(joint)} and ${names.length - limit} more`;
}
const storyIsAre = (names) => (names.length === 1 ? "is" : "are");

// The lines of a record: `lines` [{number, text, kind, steps, states, edges: [[from, relation, to]]}], `reasons` why
// states were dropped, `refused` those that were asked for and did not make it.
export function storyOf(facts) {
  const story = new StoryTelling(facts);
  story.tell();
  const refused = new Map();
  if (!facts.isQueued) {
    for (const [state, why] of story.reasons) if (!facts.entering.has(state) && !facts.leaving.has(state)) refused.set(state, why);
    if (!facts.isAccepted && !refused.size) for (const state of facts.called) refused.set(state, []);
  }
  return { lines: story.told, reasons: story.reasons, refused };
}

class StoryTelling {
  constructor(facts) {
    this.facts = facts;
    this.reasons = new Map();
    this.lines = [];
    this.byText = new Map();
    this.idle = null;
    this.at = 0;
    this.toEnter = new Set();
    this.toLeave = new Set();
  }
  get told() {
    return this.lines.filter((line) => line !== this.idle || line.states.length).map((line, k) => ({
      ...line, number: k + 1,
      text: line === this.idle ? `what ${storyListed(line.states)} ${line.states.length === 1 ? "requires" : "require"} is met as before` : line.text,
    }));
  }
  tell() {
    const { steps } = this.facts;
    while (this.at < steps.length) {
      const step = steps[this.at];
      if (step.type === STEP_CALLED) this.group((names) => [`called ${names.join(", ")}`, "called"]);
      else if (step.type === STEP_ACTIVATE) this.group((names) => [`${storyListed(names)} ${storyIsAre(names)} to enter`, "state"], this.toEnter);
      else if (step.type === STEP_DEACTIVATE) this.group((names) => [`${storyListed(names)} ${storyIsAre(names)} to leave`, "state"], this.toLeave);
      else if (step.type === STEP_PASSIVE) this.say(`${step.from || step.to} is dropped`, "dropped", 1, [step.from || step.to]);
      else if (step.type === STEP_CANCEL) this.group((names) => [`${storyListed(names)} did not make it, so all is canceled`, "dropped"]);
      else if (step.type === STEP_HANDLER) this.handler(step);
      else if (step.type === STEP_RELATION && step.relation === STEP_ADD) this.add(step);
      else if (step.type === STEP_RELATION && step.relation === STEP_REQUIRE) this.require(step);
      else if (step.type === STEP_RELATION && step.relation === STEP_REMOVE) this.remove(step);
      else if (step.type === STEP_RELATION && step.relation === STEP_AFTER) this.say(`${step.to} runs after ${step.from}`, "relation", 1, [step.to, step.from], [[step.to, "after", step.from]]);
      else this.say(`step of an unknown type ${step.type} ${[step.from, step.to].filter(Boolean).join(" ")}`.trimEnd(), "state", 1);
    }
    this.end();
  }
  // A line for the next `n` steps; a text told before only takes the steps.
  say(text, kind, n, states = [], edges = []) {
    const on = Array.from({ length: n }, (_, k) => this.at + k);
    this.at += n;
    const known = this.byText.get(text);
    if (known && kind !== "handler") return void known.steps.push(...on);
    const line = { text, kind, steps: on, states, edges };
    this.byText.set(text, line);
    this.lines.push(line);
  }
  group(words, into) {
    const { steps } = this.facts, type = steps[this.at].type, names = [];
    for (let k = this.at; k < steps.length && steps[k].type === type; k++) names.push(steps[k].to || steps[k].from);
    if (into) for (const name of names) into.add(name);
    this.say(...words(names), names.length, names);
  }
  relations(test) {
    const { steps } = this.facts, found = [];
    for (let k = this.at; k < steps.length && steps[k].type === STEP_RELATION && test(steps[k]); k++) found.push(steps[k]);
    return found;
  }
  because(state, reason) {
    const known = this.reasons.get(state) ?? [];
    if (!known.includes(reason)) known.push(reason);
    this.reasons.set(state, known);
  }
  add({ from: who }) {
    const { facts } = this;
    const names = this.relations((s) => s.relation === STEP_ADD && s.from === who).map((s) => s.to);
    let follow = 0;
    while (follow < names.length && facts.steps[this.at + names.length + follow]?.type === STEP_ACTIVATE) follow++;
    for (const name of names) this.toEnter.add(name);
    const note = names.every((name) => facts.wasActive(name)) ? ": active already" : "";
    this.say(`${who} adds ${storyListed(names)}${note}`, "relation", names.length + follow, [who, ...names], names.map((name) => [who, "add", name]));
  }
  require({ from: who, to: what }) {
    const { facts } = this, edge = [who, "require", what];
    const [next, second] = facts.steps.slice(this.at + 1, this.at + 3);
    if (next?.type === STEP_PASSIVE && next.from === who) {
      const isCancel = second?.type === STEP_CANCEL && second.to === what;
      const cause = !facts.states.includes(what) ? "no such state" : this.toLeave.has(what) ? "which leaves" : "not active";
      let end = `${who} is dropped`;
      if (!facts.called.includes(who) && facts.wasActive(who)) {
        end = `${who} leaves too`;
        this.toLeave.add(who);
        if (this.idle) this.idle.states = this.idle.states.filter((name) => name !== who);
      } else this.because(who, `requires ${what}, ${cause}`);
      this.say(`${who} requires ${what}${cause === "which leaves" ? ", " : ": "}${cause}, so ${end}`, "dropped", isCancel ? 3 : 2, [who, what], [edge]);
      return;
    }
    const isThere = facts.wasActive(what) && !this.toLeave.has(what);
    if (!facts.called.includes(who) && facts.wasActive(who) && isThere) {
      // One of the states that stay as they are, and that relations have checked.
      if (!this.idle) this.lines.push((this.idle = { text: "", kind: "state", steps: [], states: [], edges: [] }));
      if (!this.idle.states.includes(who)) this.idle.states.push(who);
      this.idle.steps.push(this.at++);
      return;
    }
    const how = isThere ? "active" : this.toEnter.has(what) ? "to enter as well" : "met so far";
    this.say(`${who} requires ${what}: ${how}`, "relation", 1, [who, what], [edge]);
  }
  remove({ to: what }) {
    const { facts } = this;
    const by = this.relations((s) => s.relation === STEP_REMOVE && s.to === what).map((s) => s.from);
    const end = facts.steps[this.at + by.length];
    const removes = by.length === 1 ? "removes" : "remove", who = storyListed(by);
    const edges = by.map((name) => [name, "remove", what]), states = [...by, what];
    if (!end || (end.type !== STEP_DEACTIVATE && end.type !== STEP_PASSIVE) || (end.to !== what && end.from !== what)) {
      this.say(`${who} ${removes} ${what}: no effect, ${who} already had to go`, "relation", by.length, states, edges);
      return;
    }
    let text = `${who} ${removes} ${what}, so ${what} is dropped`, kind = "dropped";
    if (end.type === STEP_DEACTIVATE) {
      this.toLeave.add(what);
      text = `${who} ${removes} ${what}: ${what} is to leave`, kind = "relation";
    }
    if (end.type === STEP_PASSIVE || facts.called.includes(what)) this.because(what, `removed by ${who}`);
    this.say(text, kind, by.length + 1, states, edges);
  }
  handler({ handler: name, answer, to, from, isFinal }) {
    const state = to || from;
    let text = `handler ${name}: ${answer}`, kind = "handler";
    if (answer === "refused") {
      kind = "refused";
      text += this.facts.isAuto && !name.endsWith("Exit") ? `, so ${state} is dropped` : ", so all is canceled";
      this.because(state, `by ${name}`);
    } else if (!STORY_FINE.has(answer)) {
      kind = "refused";
      if (!isFinal) text += ", so all is canceled";
      this.because(state, `${name} ${answer}`);
    }
    this.say(text, kind, 1, state && state !== "Any" ? [state] : []);
  }
  end() {
    const { facts } = this;
    if (facts.isQueued) return;
    if (facts.isAccepted) {
      const word = facts.isCheck ? "allowed" : "executed", end = storyChanges(facts);
      this.say(end ? `${word}: ${end}` : word, "end", 0);
      return;
    }
    const word = facts.isCheck ? "refused" : "canceled";
    const own = [...this.reasons].filter(([state]) => facts.called.includes(state));
    let causes = (own.length ? own : [...this.reasons]).flatMap(([state, reasons]) => reasons.map((why) => storySentence(state, why)));
    const handlers = facts.steps.filter((s) => s.handler && !STORY_FINE.has(s.answer));
    if (handlers.length && !facts.isAuto) causes = [`${handlers.at(-1).handler} ${handlers.at(-1).answer}`];
    this.say(causes.length ? `${word}: ${causes.join("; ")}` : word, "end", 0);
  }
}

// A state and why it was refused, as one statement.
export function storySentence(state, reason) {
  return `${state} ${reason.startsWith("removed ") ? "was " : reason.startsWith("by ") ? "was refused " : ""}${reason}`;
}

// "+Foo:1 -Bar:2": what changed, with the ticks after.
export function storyChanges(facts) {
  const { before, after, states } = facts;
  if (facts.isCheck) return "";
  if (!before) return "what changed is not known";
  const found = [];
  for (let s = 0; s < after.length; s++) {
    if (after[s] === before[s]) continue;
    if (after[s] % 2) found.push(before[s] % 2 ? `${states[s]}:${after[s]} again` : `+${states[s]}:${after[s]}`);
    else found.push(before[s] % 2 ? `-${states[s]}:${after[s]}` : `${states[s]}:${after[s]} entered and put back`);
  }
  return found.join(" ") || "nothing changed";
}
