"""A live page grows, follows what happens, and pauses, steps and resumes machines of this process."""

from __future__ import annotations

import base64

import pytest

from amlab import Machine
from amlab.dbg import Session, attach

BRIDGE = """() => {
  const desk = document.querySelector('.amlab').__view.desk;
  globalThis.desk = desk;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.told = ([kind, what, packet]) => desk.receive(kind, what, packet ? bytes(packet) : undefined);
  desk.channels.clear();
  desk.channels.add({ request: async (kind, what) => { const answer = await ask(kind, what); if (answer) told(answer); } });
}"""


class Bridge:
    """A page that hears of a desk as views in a notebook do; messages of the desk wait until `flow`."""

    def __init__(self, page, desk):
        self.page, self.desk = page, desk
        self.waiting = []
        desk.send = lambda kind, what, buffers=None: self.waiting.append((kind, what, buffers))
        page.expose_function("ask", self.answer)
        page.evaluate(BRIDGE)

    def answer(self, kind, what):
        found = self.desk.answer(kind, what)
        return None if found is None else packed(*found)

    def flow(self):
        self.desk.live.source.recorder.flush()
        self.desk.tick()
        waiting, self.waiting = self.waiting, []
        for message in waiting:
            self.page.evaluate("message => told(message)", packed(*message))

    def count(self, wanted):
        self.page.wait_for_function("wanted => desk.data.count === wanted", arg=wanted, timeout=5000)


def packed(kind, what, buffers):
    return [kind, what, base64.b64encode(buffers[0]).decode() if buffers else None]


@pytest.fixture
def machine():
    with Machine({"Ready": {"multi": True}, "Busy": {}, "Exception": {"multi": True}}, "worker") as machine:
        yield machine


@pytest.fixture
def bridge(page_of, machine):
    with attach(machine) as desk:
        yield Bridge(page_of(Session(), "control", size=(900, 420)), desk)


def test_a_live_page_grows_and_follows(bridge, machine):
    machine.add("Ready")
    bridge.flow()
    bridge.count(1)
    assert bridge.page.evaluate("[desk.isLive, desk.tail, desk.position]") == [True, True, 0]
    for _ in range(40):
        machine.add("Ready")
    bridge.flow()
    bridge.count(41)
    assert bridge.page.evaluate("desk.position") == 40
    bridge.page.evaluate("desk.command('prev')")
    machine.add("Busy")
    bridge.flow()
    bridge.count(42)
    assert bridge.page.evaluate("[desk.tail, desk.position]") == [False, 39]
    bridge.desk.close()
    for message in bridge.waiting:
        bridge.page.evaluate("message => told(message)", packed(*message))
    assert bridge.page.evaluate("[desk.isLive, desk.error]") == [False, ""]


def test_a_page_that_missed_records_asks_for_them(bridge, machine):
    machine.add("Ready")
    bridge.flow()
    for _ in range(3):
        machine.add("Ready")
        bridge.desk.live.source.recorder.flush()
        bridge.desk.tick()
    bridge.waiting = bridge.waiting[-1:]
    bridge.flow()
    bridge.count(4)
    bridge.page.evaluate("desk.ask('records', { first: 0 })")
    bridge.flow()
    bridge.count(4)
    assert bridge.page.evaluate("desk.error") == ""


def test_a_page_that_opens_while_records_come_has_them_all(bridge, machine):
    page, desk = bridge.page, bridge.desk
    machine.add("Ready")
    bridge.flow()
    bridge.count(1)
    late = "() => { globalThis.late = new desk.constructor('late'); late.channels.add({ request: () => {} }); }"
    page.evaluate(late)
    answer = packed(*desk.answer("records", {"first": 0}))
    machine.add("Busy")
    desk.live.source.recorder.flush()
    desk.tick()
    asked = (
        "() => { late.channels.clear(); late.channels.add({ request: (kind, what) => (globalThis.wanted = what) }); }"
    )
    page.evaluate(asked)
    page.evaluate("([kind, what]) => late.receive(kind, what, new Uint8Array())", packed(*bridge.waiting[-1])[:2])
    page.evaluate(
        "([kind, what, data]) => late.receive(kind, what, Uint8Array.from(atob(data), (c) => c.charCodeAt(0)))", answer
    )
    assert page.evaluate("[late.data.count, wanted.first, late.error]") == [1, 1, ""]


def test_a_machine_is_paused_stepped_and_resumed_with_the_mouse(bridge, machine):
    page = bridge.page
    machine.add("Ready")
    bridge.flow()
    page.get_by_role("button", name="Pause the machine").click()
    page.get_by_text("❚❚ paused").wait_for()
    assert machine.is_paused
    machine.add("Busy", args={"job": "<script>alert(1)</script>"})
    machine.add("Ready")
    bridge.flow()
    page.get_by_text("2 mutations waiting").wait_for()
    assert page.locator(".am-control-queue li").count() == 2
    assert "job=<script>" in page.locator(".am-control-queue").inner_text()
    page.get_by_role("button", name="Run the next mutation that waits (s)").click()
    page.get_by_text("1 mutation waiting").wait_for()
    assert machine.is_("Busy")
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("▶ running").wait_for()
    assert not machine.is_paused
    bridge.flow()
    bridge.count(5)  # those that waited are told twice: as queued, and as run


def test_breakpoints_are_set_and_taken_away_with_the_keyboard(bridge, machine):
    page = bridge.page
    machine.add("Ready")
    bridge.flow()
    field = page.get_by_role("combobox", name="State, or several")
    field.fill("Nonsense")
    assert page.get_by_role("button", name="Add", exact=True).is_disabled()
    field.fill("Busy")
    field.press("Enter")
    page.get_by_text("no hit yet").wait_for()
    assert [sorted(point.added) for point in machine.breakpoints] == [["Busy"]]
    assert machine.add("Busy").is_queued
    bridge.flow()
    page.get_by_text("❚❚ paused").wait_for()
    page.get_by_text("1 hit", exact=True).wait_for()
    page.locator(".amlab").focus()
    page.locator(".amlab").press("s")
    page.get_by_text("nothing waits").wait_for()
    assert machine.is_("Busy")
    page.locator(".amlab").press("p")
    page.get_by_text("▶ running").wait_for()
    page.get_by_role("button", name="Take away the breakpoint").click()
    page.get_by_text("No breakpoint.").wait_for()
    assert machine.breakpoints == ()


def test_a_session_that_is_not_live_says_so(page_of, machine):
    page = page_of(Session(), "control")
    page.get_by_text("This session is not live").wait_for()
