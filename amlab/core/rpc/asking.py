"""What a client has asked of the machine, over all of its connections: mutations, and waits there.

- Asked while there is no connection, it is sent once there is one.  Left unanswered by a lost connection, it
  is sent again on the next one; the server runs each mutation at most once.  A server that was started anew
  cannot know what has run: such a mutation fails.
- A mutation ends with its answer, or with its deadline, connected or not.  Whether one that was sent and never
  answered has run, nobody can say.
- A wait ends when it is met there, or when its context ends; otherwise it outlives connections.

Knows nothing of: how to connect, what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from amlab.core.machine.context import Context
from amlab.core.machine.mutation import Result, Source
from amlab.core.machine.wait import Wait
from amlab.core.rpc.calling import ClientConnection, Unanswered
from amlab.core.rpc.connection import State
from amlab.core.rpc.events import Answered, Failed, Met, TimedOut
from amlab.core.rpc.faults import Fault, local
from amlab.core.rpc.link import Link
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.errors import ProtocolError

__all__ = ["Asking", "ClientLink"]

ClientLink = Link[ClientConnection]
Answer = asyncio.Future[Result]


class _Mutation(NamedTuple):
    """A mutation that waits for a connection."""

    ask: Ask
    states: tuple[str, ...]
    args: dict[str, Any] | None
    source: Source | None
    deadline: float
    answer: Answer


class _Awaited(NamedTuple):
    """What a wait there is for."""

    kind: WaitKind
    states: tuple[str, ...]
    ticks: tuple[int, ...]
    args: dict[str, Any] | None


class Asking:
    """Requests of one client.

    Args:
        name: Of the client, in texts.
        request_s: Time for an answer, where the caller names none.
        on_late: Called for each mutation that was not answered in time.
    """

    def __init__(self, name: str, request_s: float, on_late: Callable[[ProtocolError], object]) -> None:
        self.next_id = 1
        """Number of the first request of the next connection."""
        self.unanswered: tuple[Unanswered, ...] = ()
        """What the last connection left open."""
        self._name = name
        self._request_s = request_s
        self._on_late = on_late
        self._link: ClientLink | None = None
        self._answers: dict[int, Answer] = {}
        self._backlog: list[_Mutation] = []
        self._waits: dict[int, Wait] = {}
        self._awaited: dict[Wait, _Awaited] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._over: ProtocolError | None = None

    @property
    def count(self) -> int:
        """Mutations that are not answered."""
        return len(self._answers) + len(self._backlog)

    # ----- mutations

    def mutate(
        self,
        ask: Ask,
        states: tuple[str, ...],
        args: dict[str, Any] | None,
        source: Source | None,
        timeout_s: float | None,
    ) -> Answer:
        """Asks for a mutation, now or once there is a connection."""
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        link = self._link
        if link is not None and link.connection.state is State.OPEN:
            self._send(link, ask, states, args, source, timeout_s, answer)
        elif self._over is not None:
            answer.set_exception(self._over)
        else:
            deadline = loop.time() + (self._request_s if timeout_s is None else timeout_s)
            self._backlog.append(_Mutation(ask, states, args, source, deadline, answer))
            self._arm()
        return answer

    def _send(
        self,
        link: ClientLink,
        ask: Ask,
        states: tuple[str, ...],
        args: dict[str, Any] | None,
        source: Source | None,
        timeout_s: float | None,
        answer: Answer,
    ) -> None:
        try:
            number = link.connection.mutate(ask, states, link.now, args=args, source=source, timeout_s=timeout_s)
        except ProtocolError as err:
            answer.set_exception(err)
            return
        self._answers[number] = answer
        link.send()

    def on_answered(self, event: Answered) -> None:
        """A mutation was answered."""
        answer = self._answers.pop(event.id, None)
        if answer is not None and not answer.done():
            answer.set_result(Result(event.tick, event.why))

    def on_timed_out(self, event: TimedOut) -> None:
        """It was not, in time."""
        self._late(event.id, "was not answered in time; whether it ran is not known")

    def _late(self, number: int, words: str) -> None:
        answer = self._answers.pop(number, None)
        if answer is not None and not answer.done():
            error = local(Fault.SILENT, f"client {self._name!r}: request {number} {words}")
            answer.set_exception(error)
            self._on_late(error)

    # ----- waits

    def wait(
        self,
        name: str,
        kind: WaitKind,
        states: tuple[str, ...] = (),
        ticks: tuple[int, ...] = (),
        args: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> Wait:
        """Waits for something there."""
        wait = Wait(name, self._forget)
        if self._over is not None or (context is not None and context.is_done):
            wait.end("its context ended" if self._over is None else self._over.message)
            return wait
        self._awaited[wait] = _Awaited(kind, states, ticks, args)
        if context is not None:

            def end() -> None:
                wait.end("its context ended")

            context.on_done(end)
            wait.on_done(lambda: context.forget(end))
        link = self._link
        if link is not None and link.connection.state is State.OPEN:
            self._subscribe(link, wait)
            link.send()
        return wait

    def _subscribe(self, link: ClientLink, wait: Wait) -> None:
        kind, states, ticks, args = self._awaited[wait]
        try:
            number = link.connection.subscribe(kind, states, ticks, args=args, now=link.now)
        except ProtocolError as err:
            wait.end(err.message)
        else:
            self._waits[number] = wait

    def _forget(self, wait: Wait) -> None:
        """It is done here, for whatever reason; there it may still be open."""
        if self._awaited.pop(wait, None) is None:
            return
        number = next((n for n, w in self._waits.items() if w is wait), 0)
        if number:
            del self._waits[number]
            if self._link is None:
                self.unanswered = tuple([u for u in self.unanswered if u.id != number])
            else:
                self._link.connection.unsubscribe(number, self._link.now)
                self._link.send()

    def on_met(self, event: Met) -> None:
        """A wait is over there."""
        wait = self._waits.pop(event.id, None)
        if wait is not None:
            self._awaited.pop(wait, None)
            if event.ended:
                wait.end(event.ended)
            else:
                wait.meet(event.args)

    def on_failed(self, event: Failed) -> None:
        """A request failed there."""
        answer = self._answers.pop(event.id, None)
        if answer is not None and not answer.done():
            answer.set_exception(event.error)
        wait = self._waits.pop(event.id, None)
        if wait is not None:
            self._awaited.pop(wait, None)
            wait.end(str(event.error))

    # ----- connections

    def opened(self, link: ClientLink) -> None:
        """There is a connection, which has taken over what was `unanswered`."""
        self._link = link
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._backlog = self._backlog, []
        for asked in waiting:
            if not asked.answer.done():
                left_s = max(asked.deadline - link.now, 0.0)
                self._send(link, asked.ask, asked.states, asked.args, asked.source, left_s, asked.answer)
        subscribed = set(self._waits.values())
        for wait in [w for w in self._awaited if w not in subscribed]:
            self._subscribe(link, wait)
        link.send()

    def lost(self, connection: ClientConnection) -> None:
        """The connection is gone."""
        self._link = None
        self.next_id = connection.next_id
        for number in [n for n, answer in self._answers.items() if answer.done()]:
            del self._answers[number]  # nobody waits for it any more
        self.unanswered = tuple([
            u for u in connection.unanswered() if u.id in (self._waits if u.deadline is None else self._answers)
        ])  # fmt: skip
        self._arm()

    def _arm(self) -> None:
        """While there is no connection, deadlines are kept here."""
        times = [asked.deadline for asked in self._backlog]
        times += [u.deadline for u in self.unanswered if u.deadline is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            self._timer = asyncio.get_running_loop().call_at(min(times), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        late = [u for u in self.unanswered if u.deadline is not None and u.deadline <= now]
        if late:
            gone = {u.id for u in late}
            self.unanswered = tuple([u for u in self.unanswered if u.id not in gone])
            for u in late:
                self._late(u.id, "was not answered before the connection was lost; whether it ran is not known")
        waiting, self._backlog = self._backlog, []
        for asked in waiting:
            if asked.answer.done():
                continue
            if asked.deadline > now:
                self._backlog.append(asked)
                continue
            names = " ".join(asked.states)
            error = local(
                Fault.CUT, f"client {self._name!r}: no connection in time to {asked.ask.name.lower()} {names}; not sent"
            )
            asked.answer.set_exception(error)
            self._on_late(error)
        self._arm()

    def end(self, error: ProtocolError) -> None:
        """Nothing more will be answered."""
        if self._over is not None:
            return
        self._over = error
        self._link = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = [*self._answers.values(), *[asked.answer for asked in self._backlog]]
        self._answers.clear()
        self._backlog.clear()
        self.unanswered = ()
        for answer in left:
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # whoever awaits it gets it; nobody has to
        waits = list(self._awaited)
        self._waits.clear()
        self._awaited.clear()
        for wait in waits:
            wait.end(error.message)
