// The reader: all that is known of the record at the cursor, in sections that fold; what is empty is left out.

import { h, fill, clock, count, plural, span } from "../shared/dom.js";
import { AUTO, CHECK, ERROR, EMPTY, HEALTH, KINDS, QUEUED } from "../shared/data.js";
import { View, widget } from "../shared/view.js";
import { ReaderCauses, readerOnce, readerTrace } from "../reader/causes.js";
import { readerTiesOf } from "../reader/ties.js";

const READER_MORE = 12; // rows of a list before "show all"
const READER_HANDLER = 2, READER_CANCEL = 64; // kinds of steps

export class ReaderView extends View {
  static title = "Reader";
  static kind = "reader";

  build(body) {
    this.kept = this.desk.memory.reader ??= { folded: { Stack: false }, all: {} };
    this.list = h("div", { class: "am-reader am-scroll", tabIndex: 0, role: "region", "aria-label": "The record at the cursor", onclick: (event) => this.clicked(event) });
    body.append(this.list);
  }
  changed(event, what) {
    // Details of other machines change nothing here.
    if (event === "detail" && this.desk.position >= 0 && this.desk.data.machine.a[this.desk.position] !== what?.number) return;
    if (event === "filters") return;
    this.schedule();
  }

  draw() {
    const { desk } = this;
    const { data } = desk;
    const p = desk.focus.position;
    if (!desk.isLoaded || !data.count || p < 0) {
      this.infoEl.textContent = "";
      this.sign = "";
      return void fill(this.list, this.blank(!desk.isLoaded ? desk.waiting : !data.count ? "Nothing was recorded." : "Before the first record. Press → to step on."));
    }
    const m = data.machines[data.machine.a[p]];
    const detail = desk.detail(p);
    const ties = readerTiesOf(desk).at(m.number, data.index.a[p]);
    const sign = [p, !!detail, desk.isMissing(p), data.version, ties.left, ties.lines, JSON.stringify(this.kept), desk.focus.state, desk.focus.step].join(" ");
    if (sign === this.sign) return;
    this.sign = sign;
    this.infoEl.textContent = `${m.label} @${data.index.a[p]}`;
    const top = this.list.scrollTop, isSame = this.drawn === p;
    const focused = this.list.contains(this.root.getRootNode().activeElement) ? this.root.getRootNode().activeElement.dataset?.fold : null;
    fill(this.list, this.sections(p, m, detail ?? {}, ties), this.absent(p, m, detail, ties));
    this.list.scrollTop = isSame ? top : 0;
    if (focused) [...this.list.querySelectorAll("[data-fold]")].find((el) => el.dataset.fold === focused)?.focus();
    if (!isSame && this.root.contains(this.root.getRootNode().activeElement)) this.say(`${m.label}: ${data.kindAt(p)} ${data.titleAt(p)}`);
    this.drawn = p;
  }

  // Sections, in order; those without rows are left out.
  sections(p, m, detail, ties) {
    const causes = ReaderCauses.of(this.desk.data);
    return [
      this.section("What", this.what(p, m, detail)),
      this.section("Source", this.source(p, detail), null),
      this.section("Caused", this.effects(p, causes), this.effectCount),
      this.section("Siblings", this.siblings(p, causes), this.siblingCount),
      this.section("Queue", this.queue(p, m, detail), null),
      this.section("Handlers", this.handlers(detail)),
      this.section("Arguments", this.args(detail), Object.keys(detail.args ?? {}).length),
      this.section("Contexts", this.ties(m, detail.contexts, ties.contexts)),
      this.section("Waits", this.ties(m, detail.waits, ties.waits)),
      this.section("Pipes", this.pipes(m, detail.pipes, ties.pipes)),
      this.section("Steps", this.steps(detail), null),
      this.section("Stack", detail.stack ? [h("pre", { class: "am-reader-pre" }, detail.stack)] : []),
      this.section("Active after", this.active(p, m), null),
    ];
  }
  section(name, rows, total = rows.length) {
    if (!rows.length) return null;
    const folded = !!this.kept.folded[name];
    return h("section", { class: "am-reader-section", "data-section": name },
      h("button", { class: "am-reader-head", type: "button", "aria-expanded": !folded ? "true" : "false", "data-fold": name, "aria-label": `${name}, ${folded ? "folded" : "shown"}` },
        h("span", { class: "am-reader-fold", "aria-hidden": "true" }, folded ? "▸" : "▾"), name, name === "What" || name === "Stack" || total === null || total === undefined ? null : h("span", { class: "am-muted am-small" }, ` ${count(total)}`)),
      folded ? null : h("div", { class: "am-reader-rows" }, rows));
  }
  // A name and a value.
  pair(name, ...value) {
    return h("div", { class: "am-reader-pair" }, h("span", { class: "am-muted" }, name), h("span", { class: "am-reader-value" }, value.flat()));
  }
  // A link to a record, with what it is.
  link(p, own) {
    const { data } = this.desk;
    const m = data.machines[data.machine.a[p]];
    const kind = data.kindAt(p);
    return h("button", { class: "am-reader-link", type: "button", "data-position": p, title: `${kind}, mach://${m.key}/@${data.index.a[p]}, ${clock(data.timeNs(p))}` },
      h("span", { class: `am-reader-mark am-kind-is-${kind}`, "aria-label": kind }), own === m ? null : h("span", { class: "am-reader-machine" }, m.label), h("span", {}, data.titleAt(p)),
      h("span", { class: "am-muted am-small" }, ` @${data.index.a[p]}`));
  }
  stateLink(m, name, cls = "") {
    return h("button", { class: `am-reader-state ${cls}${this.desk.focus.state === name ? " am-chosen" : ""}`, type: "button", "data-state": name, "data-machine": m.key, title: `Choose the state ${name}` }, name);
  }
  // Links, the first of them unless all are wanted.
  links(name, positions, total, own) {
    const all = this.kept.all[name];
    const rows = positions.slice(0, all ? 2000 : READER_MORE).map((p) => this.link(p, own));
    if (total > READER_MORE) rows.push(h("button", { class: "am-reader-more", type: "button", "data-all": name }, all ? (total > 2000 ? `2,000 of ${count(total)}; fewer` : "fewer") : `${count(total - READER_MORE)} more`));
    return rows;
  }

  what(p, m, detail) {
    const { data } = this.desk;
    const flags = data.flags.a[p], kind = data.kindAt(p);
    const called = Array.from(data.calledAt(p), (s) => m.states[s] ?? `#${s}`);
    const { before, after, entered, exited } = data.effect(p);
    const more = [[AUTO, "auto"], [CHECK, "check"], [QUEUED, "queued"], [EMPTY, "changed nothing"], [HEALTH, "health"], [ERROR, "error"]].filter(([bit, word]) => flags & bit && word !== kind).map(([, word]) => word);
    const moved = [...entered.map((s) => [s, "+", "am-entered"]), ...exited.map((s) => [s, "−", "am-exited"])];
    const tags = m.tags.filter((tag) => tag !== m.role && !tag.endsWith(`-${m.role}`) && !(m.role === "rpc" && tag.startsWith("rpc-")));
    const sum = (clocks) => clocks.reduce((a, b) => a + b, 0);
    const was = data.index.a[p] ? data.time.a[m.positions.a[data.index.a[p] - 1]] : null;
    const time = data.timeNs(p);
    return [
      h("div", { class: "am-reader-title" }, h("span", { class: `am-kind am-kind-${kind}` }, kind), h("span", { class: "am-muted" }, KINDS[data.kind.a[p]] ?? `kind ${data.kind.a[p]}`),
        called.length ? called.map((name) => this.stateLink(m, name, "am-strong")) : h("b", {}, "nothing"), more.length ? h("span", { class: "am-muted am-small" }, more.join(", ")) : null),
      detail.why ? h("div", { class: "am-reader-why" }, h("span", { class: "am-bad", "aria-hidden": "true" }, "✕ "), detail.why) : null,
      moved.length ? this.pair("changed", moved.map(([s, sign, cls]) => h("span", { class: `am-reader-change ${cls}` }, sign, this.stateLink(m, m.states[s]), h("span", { class: "am-muted am-small" }, ` ${before[s]}→${after[s]}`)))) : null,
      this.pair("machine", h("button", { class: "am-reader-state", type: "button", "data-machine": m.key }, m.label), m.role !== "other" ? h("span", { class: "am-muted" }, ` ${m.role}`) : null, tags.length ? h("span", { class: "am-muted am-small" }, ` ${tags.join(", ")}`) : null),
      this.pair("address", h("span", { class: "am-mono am-reader-address" }, detail.address ?? `mach://${encodeURIComponent(m.key)}/@${data.index.a[p]}`)),
      this.pair("record", `${count(data.index.a[p] + 1)} of ${count(m.count)}`, h("span", { class: "am-muted" }, `, ${count(p + 1)} of ${count(data.count)} in the session`)),
      time === null ? null : this.pair("time", h("span", { class: "am-mono", title: detail.time ?? "" }, clock(time)), h("span", { class: "am-muted" }, ` +${span(data.time.a[p])}`, was !== null && data.timeNs(m.positions.a[data.index.a[p] - 1]) !== null ? `, ${span(Math.max(0, data.time.a[p] - was))} after the record before` : "")),
      this.pair("machine time", `t${count(sum(after))}`, sum(after) !== sum(before) ? h("span", { class: "am-muted" }, ` +${count(sum(after) - sum(before))}`) : null),
    ].filter(Boolean);
  }

  source(p, detail) {
    const { data } = this.desk;
    const trace = readerTrace(data, p);
    const rows = trace.slice(0, this.kept.all.Source ? 200 : READER_MORE).map((at, n) => h("div", { class: "am-reader-trace", style: { paddingLeft: `${Math.min(n, 8) * 12}px` } }, h("span", { class: "am-muted", "aria-hidden": "true" }, n ? "└ " : ""), this.link(at)));
    if (trace.length > READER_MORE) rows.push(h("button", { class: "am-reader-more", type: "button", "data-all": "Source" }, this.kept.all.Source ? "fewer" : `${trace.length - READER_MORE} more`));
    const last = trace.at(-1) ?? p;
    const named = last === p ? detail.source : this.desk.detail(last)?.source;
    if (named && data.source.a[last] < 0) {
      rows.push(h("div", { class: "am-reader-trace", style: { paddingLeft: `${Math.min(trace.length, 8) * 12}px` } },
        h("span", { class: "am-mono am-muted" }, `${named.machine}/${named.tx}`, named.time === null ? "" : `/${named.time}`), h("span", { class: "am-muted am-small" }, " named, not recorded")));
    }
    return rows;
  }
  effects(p, causes) {
    const { positions, total } = causes.of(p, 4000);
    const once = readerOnce(this.desk.data, positions);
    this.effectCount = once.length + Math.max(0, total - positions.length);
    return this.links("Caused", once, this.effectCount, null);
  }
  siblings(p, causes) {
    const { data } = this.desk;
    const source = data.source.a[p];
    if (source < 0) return [];
    const { positions } = causes.of(source, 4000);
    const twin = data.link.a[p];
    const others = readerOnce(data, positions).filter((other) => other !== p && other !== twin);
    this.siblingCount = others.length;
    return this.links("Siblings", others, others.length, null);
  }
  queue(p, m, detail) {
    const { data } = this.desk;
    const link = data.link.a[p], isQueued = data.flags.a[p] & QUEUED;
    const rows = [];
    if (isQueued) rows.push(this.pair("run", link >= 0 ? this.link(link, m) : h("span", { class: "am-muted" }, "not in this recording")));
    else if (link >= 0) rows.push(this.pair("queued", this.link(link, m)));
    if (link >= 0 && data.timeNs(p) !== null && data.timeNs(link) !== null) rows.push(this.pair("waited", span(Math.abs(data.time.a[p] - data.time.a[link]))));
    if (data.queueTick.a[p]) rows.push(this.pair("queue tick", count(data.queueTick.a[p])));
    if (detail.mut_queue_tick) rows.push(this.pair("runs at tick", count(detail.mut_queue_tick)));
    if (detail.mut_queue_token) rows.push(this.pair("token", count(detail.mut_queue_token), h("span", { class: "am-muted" }, " (prepended)")));
    if (data.queueLen.a[p] || rows.length) rows.push(this.pair("length then", count(data.queueLen.a[p])));
    if (detail.queue?.length) rows.push(h("ol", { class: "am-reader-queue am-mono", "aria-label": "What waited" }, detail.queue.map((text) => h("li", {}, text))));
    return rows;
  }
  // In order; a refusal stands where a step that cancels comes right after a handler's.
  handlers(detail) {
    const steps = detail.steps ?? [];
    const called = [];
    steps.forEach((step, n) => {
      if (step[0] === READER_HANDLER) called.push({ name: step[5], step: n, answer: steps[n + 1]?.[0] === READER_CANCEL ? "refused" : "" });
    });
    const logged = detail.handlers ?? [];
    const rows = logged.length ? logged.map((name) => {
      const k = called.findIndex((c) => c.name === name && !c.used);
      if (k >= 0) called[k].used = true;
      return { name, step: k >= 0 ? called[k].step : -1, answer: k >= 0 ? called[k].answer : "" };
    }) : called;
    return rows.map(({ name, step, answer }) => h("div", { class: "am-reader-handler" },
      step >= 0 ? h("button", { class: "am-reader-state am-mono", type: "button", "data-step": step, title: `Go to step ${step + 1}` }, name) : h("span", { class: "am-mono" }, name),
      answer ? h("span", { class: "am-bad" }, ` ✕ ${answer}`) : null));
  }
  args(detail) {
    const args = Object.entries(detail.args ?? {});
    if (!args.length) return [];
    return [h("table", { class: "am-reader-args" }, h("tbody", {}, args.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "am-mono" }, value)))))];
  }
  ties(m, told, read) {
    const { data } = this.desk;
    const from = Array.isArray(told) ? told.map(readerTold) : read;
    return from.map((tie) => h("div", { class: "am-reader-tie" }, tie.kind && tie.kind !== "ctx" ? h("span", { class: "am-muted am-reader-word" }, tie.kind) : null,
      tie.name.split(" ").map((word) => (m.states.includes(word) ? this.stateLink(m, word) : h("span", { class: "am-mono" }, word))),
      tie.index >= 0 && tie.index < m.count ? h("button", { class: "am-reader-state am-muted am-small", type: "button", "data-position": m.positions.a[tie.index], title: `Since ${data.titleAt(m.positions.a[tie.index])}` }, `since @${tie.index}`) : null));
  }
  pipes(m, told, read) {
    const { data } = this.desk;
    const groups = new Map();
    for (const pipe of Array.isArray(told) ? told.map(readerTold) : read) {
      const [way, act] = pipe.kind.split(":");
      const key = `${way} ${pipe.name} ${pipe.other}`;
      if (!groups.has(key)) groups.set(key, { ...pipe, way, acts: [] });
      groups.get(key).acts.push(act);
    }
    return [...groups.values()].map((pipe) => {
      const other = data.byKey.get(pipe.other);
      return h("div", { class: "am-reader-tie" }, h("span", { class: "am-muted am-reader-word" }, pipe.way === "in" ? "← from" : "→ to"),
        other ? h("button", { class: "am-reader-state", type: "button", "data-machine": other.key }, other.label) : h("span", {}, pipe.other),
        m.states.includes(pipe.name) ? this.stateLink(m, pipe.name) : h("span", { class: "am-mono" }, pipe.name), h("span", { class: "am-muted am-small" }, pipe.acts.join(", ")));
    });
  }
  steps(detail) {
    if (!detail.steps?.length) return [];
    const at = this.desk.focus.step;
    return [h("div", { class: "am-reader-steps" }, h("button", { class: "am-reader-state", type: "button", "data-step": at < 0 ? 0 : at, "data-open": "tree" }, at < 0 ? `${plural(detail.steps.length, "step")}: go through them` : `step ${at + 1} of ${detail.steps.length}`))];
  }
  active(p, m) {
    const { data } = this.desk;
    const clocks = data.clocksAt(m.number, data.index.a[p]);
    const active = m.states.map((name, s) => [name, clocks[s]]).filter(([, tick]) => tick % 2 === 1);
    return [h("div", { class: "am-reader-active" }, active.length ? active.map(([name, tick]) => h("span", {}, this.stateLink(m, name), h("span", { class: "am-muted am-small" }, ` ${count(tick)}`))) : h("span", { class: "am-muted" }, "no state"))];
  }

  // One line on what is not there.
  absent(p, m, detail, ties) {
    const { desk } = this;
    const words = [];
    if (!detail) words.push(desk.isMissing(p) ? "Steps, log and arguments of this record are not in this page." : "Loading what else was recorded.");
    else {
      const none = [];
      const { flags } = desk.data;
      if (!detail.steps && !(flags.a[p] & QUEUED)) none.push("steps");
      if (!detail.log && !detail.pre) none.push("log");
      if (!detail.args) none.push("arguments");
      if (!detail.source) none.push("source");
      if (none.length) words.push(`This record holds no ${none.length > 1 ? `${none.slice(0, -1).join(", ")} and no ${none.at(-1)}` : none[0]}.`);
    }
    if (desk.data.timeNs(p) === null) words.push("No time was recorded.");
    if (!m.has_schema) words.push("No schema was recorded.");
    if (ties.left) words.push(`Reading the log before this record for contexts, waits and pipes: ${plural(ties.left, "block")} left.`);
    else if (ties.isCut) words.push("Contexts, waits and pipes are those of the last 51,200 records.");
    return words.length ? h("p", { class: "am-reader-absent am-muted am-small" }, words.join(" ")) : null;
  }

  clicked(event) {
    const { desk } = this;
    const target = event.target.closest("button");
    if (!target) return;
    const { fold, all, position, state, machine, step } = target.dataset;
    if (fold !== undefined) {
      this.kept.folded[fold] = !this.kept.folded[fold];
      this.schedule();
    } else if (all !== undefined) {
      this.kept.all[all] = !this.kept.all[all];
      this.schedule();
    } else if (position !== undefined) desk.jump(Number(position));
    else if (state !== undefined) desk.set({ machine, state: desk.focus.state === state && desk.focus.machine === machine ? "" : state });
    else if (machine !== undefined) desk.set({ machine });
    else if (step !== undefined) {
      desk.set({ step: Number(step) });
      if (target.dataset.open) desk.emit("open", { view: target.dataset.open });
    }
  }
  keys() {
    const scroll = (by) => () => this.list.scrollBy({ top: by });
    return { ArrowDown: scroll(60), ArrowUp: scroll(-60) };
  }
  help() {
    return [["↓ ↑", "scroll"], ["Tab, Enter", "go through links and follow one"]];
  }
}

// A tie as records tell it themselves: a name, `[name, index]`, or an object.
function readerTold(tie) {
  if (typeof tie === "string") return { name: tie, kind: "", other: "", index: -1 };
  if (Array.isArray(tie)) return { name: String(tie[0] ?? ""), kind: "", other: "", index: typeof tie[1] === "number" ? tie[1] : -1 };
  return { name: tie.name ?? tie.state ?? (tie.states ?? []).join(" "), kind: tie.kind ?? "", other: tie.other ?? tie.machine ?? "", index: tie.index ?? -1 };
}

export default widget(ReaderView);
