"""Records our own engine while it plays a case of the vectors, and copies sessions with changes."""

from collections.abc import Callable
from typing import Any

from amlab.core.machine.tracer import Tracer
from amlab.dbg.session import MachineBuilder, RawStep, Session, SessionBuilder
from tests.vectors.play import Play


class Recorder(Tracer):
    def __init__(self, machine: MachineBuilder) -> None:
        self.machine = machine

    def transition_end(self, tx):
        self.machine.append(
            kind=int(tx.type),
            called=tx.called,
            clocks_after=tx.time_after,
            accepted=tx.is_accepted,
            is_auto=tx.is_auto,
            is_check=tx.is_check,
            mut_queue_token=tx.mutation.queue_token,
            mut_queue_tick=tx.mutation.queue_tick,
            queue_len=tx.queue_len,
            steps=[
                RawStep(
                    type=int(s.type), rel=int(s.relation or 0), from_name=s.from_state, to_name=s.to_state,
                    is_final=s.is_final, is_self=s.is_self, is_enter=s.is_enter,
                )
                for s in tx.steps
            ],
            log=tx.log_entries,
            tx_id=tx.id,
        )  # fmt: skip


def play(cases: list[dict]) -> Session:
    """What our engine does in each case, as one machine of a session."""
    builder = SessionBuilder()
    for case in cases:
        run = Play(case)
        schema = {name: state.to_dict() for name, state in run.machine.schema.states.items()}
        run.machine.bind_tracer(Recorder(builder.machine(case["name"], run.machine.names, schema)))
        run.run()
    return builder.build()


def copy(session: Session, change: Callable[[str, int, dict[str, Any]], object]) -> Session:
    """The session again, with what `change(machine, number, record)` did to the values of its records."""
    builder = SessionBuilder()
    for m in session.machines.values():
        machine = builder.machine(m.id, m.states, m.schema_dict, m.groups, m.parent, m.tags)
        for tx in m:
            record = {
                "kind": int(tx.kind), "called": tx.called, "clocks_after": tx.clocks_after.tolist(),
                "accepted": tx.accepted, "is_auto": tx.is_auto, "is_check": tx.is_check, "is_queued": tx.is_queued,
                "time_ns": tx.time_ns, "queue_tick": tx.queue_tick, "mut_queue_tick": tx.mut_queue_tick,
                "mut_queue_token": tx.mut_queue_token, "queue_len": tx.queue_len, "tx_id": tx.id, "log": tx.log,
                "steps": [session.pools.steps[k] for k in m.columns.steps[tx.index].tolist()],
            }  # fmt: skip
            change(m.key, tx.index, record)
            machine.append(**record)
    return builder.build()
