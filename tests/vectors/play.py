"""Plays one case on our engine and tells what happened, in the words of the vectors."""

from __future__ import annotations

from typing import Any

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.schema import Schema
from amlab.core.machine.tracer import Tracer
from amlab.errors import AmlabError

SUFFIXES_FINAL = ("State", "End")


class BoomError(Exception):
    """What a handler of a case raises."""


class Script:
    """One bound set of handlers, driven by the case."""

    def __init__(self, play: Play, group: int, handlers: dict[str, Any]) -> None:
        self.functions = {name: self._handler(play, group, name, spec) for name, spec in handlers.items()}

    @staticmethod
    def _handler(play: Play, group: int, name: str, spec: dict[str, Any]):
        actions = spec["actions"]
        calls = 0

        def handler(e):
            nonlocal calls
            n, calls = calls, calls + 1
            if n < len(actions):
                action = actions[n]
            elif spec["after"] == "repeat" and actions:
                action = actions[-1]
            else:
                action = {"ret": True}
            is_final = name.endswith(SUFFIXES_FINAL)
            event = {
                "ev": "handler",
                "name": name,
                "group": group,
                "call": n,
                "active": list(play.machine.active_states),
                "ret": None if is_final or action.get("panic") else action.get("ret", False),
            }
            play.events.append(event)
            nested = [play.nested(op) for op in action.get("ops") or ()]
            if nested:
                event["nested"] = nested
            if action.get("panic"):
                event["panic"] = action["panic"]
                raise BoomError(action["panic"])
            return None if is_final else action.get("ret", False)

        return handler


class Play:
    """One case on one machine."""

    def __init__(self, case: dict[str, Any], plan_limit: int | None = None) -> None:
        self.case = case
        self.events: list[dict[str, Any]] = []
        schema = Schema.from_dict(
            {n: {k: v for k, v in s.items() if v is not None} for n, s in case["schema"].items()},
            names=case["names"],
            lenient=True,
        )
        if plan_limit is not None:
            schema._automaton = Automaton(schema, plan_limit)
        self.machine = Machine(
            schema,
            id="vec",
            queue_limit=case["opts"].get("queue_limit") or 1000,
            handler_timeout_s=0,
            infer_source=False,
        )
        self.new_err = self.machine.err is not None
        self.machine.bind_tracer(Watcher(self))
        for group, handlers in enumerate(case["handlers"]):
            self.machine.bind_handlers(Script(self, group, handlers).functions, lenient=True)
        self.events.clear()

    def run(self) -> list[dict[str, Any]]:
        """What happened at each operation."""
        return [self.step(op) for op in self.case["ops"]]

    def step(self, op: dict[str, Any]) -> dict[str, Any]:
        self.events = []
        out = self.nested(op)
        m = self.machine
        out.pop("op")
        out["panic"] = bool(out["panic"])
        err = m.err
        return {
            **out,
            "active": list(m.active_states),
            "time": list(m.time()),
            "queue_tick": m.queue_tick,
            "queue_len": m.queue_len,
            "err": None if err is None else "schema" if isinstance(err, AmlabError) else str(err),
            "events": self.events,
        }

    def nested(self, op: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {"op": op["op"], "result": None, "result_bool": None, "panic": None}
        try:
            value = self.call(op)
        except AmlabError as err:
            out["panic"] = str(err)
            return out
        if isinstance(value, bool):
            out["result_bool"] = value
        else:
            out["result"] = int(value)
        return out

    def call(self, op: dict[str, Any]):
        m, kind, states, args = self.machine, op["op"], op["states"], op.get("args")
        if kind in {"add", "remove", "set", "toggle", "can_add", "can_remove"}:
            return getattr(m, kind)(*states, args=args)
        if kind == "add_err":
            return m.add_err(BoomError(op["err"]), args=args)
        if kind == "add_err_state":
            return m.add_err_state(states[0], BoomError(op["err"]), args=args)
        if kind.startswith("prepend_"):
            return m.prepend(MutationType[kind[8:].upper()], *states, args=args)
        if kind == "is":
            return m.is_(*states)
        if kind == "not":
            return m.not_(*states)
        if kind == "any1":
            return m.any_(*states)
        return {"will_be": m.will_be, "will_be_removed": m.will_be_removed}[kind](*states)


class Watcher(Tracer):
    """Turns hooks into the events of the vectors."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.init: dict[str, Any] = {}

    def mutation_queued(self, machine, mutation):
        self.play.events.append(
            {
                "ev": "queued",
                "type": str(mutation.type),
                "called": list(mutation.names)
                if mutation.is_check or mutation.queue_token
                else [machine.names[i] for i in mutation.called],
                "is_auto": mutation.is_auto,
                "is_check": mutation.is_check,
                "queue_tick": mutation.queue_tick,
                "queue_tick_now": mutation.queue_tick_now,
                "queue_token": mutation.queue_token,
                "queue_len": mutation.queue_len,
                "args": args_of(mutation.args),
                "source": None if mutation.source is None else mutation.source.machine,
            }
        )

    def transition_init(self, tx):
        self.init = {
            "accepted": tx.is_accepted,
            "time_after": list(tx.time_predicted),
            "target": list(tx.target_states),
            "enters": list(tx.enters),
            "exits": list(tx.exits),
        }

    def transition_end(self, tx):
        self.play.events.append(
            {
                "ev": "tx",
                "type": str(tx.type),
                "called": list(tx.called),
                "is_auto": tx.is_auto,
                "is_check": tx.is_check,
                "mut_queue_tick": tx.mutation.queue_tick,
                "mut_queue_token": tx.mutation.queue_token,
                "accepted": tx.is_accepted,
                "time_before": list(tx.time_before),
                "time_after": list(tx.time_after),
                "target": list(tx.target_states),
                "enters": list(tx.enters),
                "exits": list(tx.exits),
                "queue_len": tx.queue_len,
                "queue_tick": tx.machine.queue_tick,
                "init": self.init,
                "steps": [
                    [
                        s.type.word,
                        s.from_state,
                        s.to_state,
                        s.relation.name.lower() if s.relation is not None else "",
                        s.flags,
                    ]
                    for s in tx.steps
                ],
                "put_back": [tx.machine.names[i] for i in tx.put_back],
                "failed": tx.refused_by if tx.error is not None else "",
                "refused": tx.refused_by,
            }
        )

    def queue_end(self, machine):
        self.play.events.append({"ev": "queue_end"})


def args_of(args: dict[str, Any] | None) -> dict[str, Any]:
    """Arguments in the words of the vectors; errors as texts."""
    out: dict[str, Any] = {}
    for name, value in (args or {}).items():
        if name == "err":
            out["err"] = str(value)
        elif name == "panic":
            out["panic_called"] = list(value["called"])
            out["panic_states_before"] = list(value["states_before"])
        elif name != "err_trace":
            out[name] = value
    return out
