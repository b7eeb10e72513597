"""Contexts: how long a piece of work is wanted; state contexts end with one tick of a state."""

import threading

import pytest

from amlab.core.machine.context import Context
from amlab.core.machine.machine import Machine
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "C": {"remove": "A"}, "M": {"multi": True}}

# Contexts.


def test_a_context_ends_once_and_tells_each_callback_once_in_order():
    seen = []
    context = Context(name="work")
    first, second = (lambda: seen.append(1)), (lambda: seen.append(2))
    for callback in (first, second, first):
        context.on_done(callback)
    assert not context.is_done
    context.cancel()
    context.cancel()
    assert context.is_done
    assert seen == [1, 2]


def test_who_asks_after_its_end_is_told_at_once():
    context = Context()
    context.cancel()
    seen = []
    context.on_done(lambda: seen.append(1))
    assert seen == [1]


def test_a_callback_that_is_taken_back_is_not_called():
    seen = []
    context = Context()
    callback = lambda: seen.append(1)  # noqa: E731 - the same object twice
    context.on_done(callback)
    context.forget(callback)
    context.forget(callback)
    context.cancel()
    assert seen == []


def test_a_child_ends_with_its_parent_and_not_the_other_way_around():
    parent = Context()
    child, other = Context(parent), Context(parent)
    grandchild = Context(child)
    child.cancel()
    assert [c.is_done for c in (grandchild, child, other, parent)] == [True, True, False, False]
    parent.cancel()
    assert other.is_done
    assert Context(parent).is_done


def test_a_child_that_has_ended_is_not_held_by_its_parent():
    parent = Context()
    for _ in range(100):
        Context(parent).cancel()
    assert parent._callbacks == {}


def test_a_callback_that_raises_keeps_none_from_its_turn(caplog):
    seen = []
    context = Context(name="work")

    def boom():
        raise ValueError("in a callback")

    context.on_done(boom)
    context.on_done(lambda: seen.append(1))
    context.cancel()
    assert seen == [1]
    assert "in a callback" in caplog.text
    assert "<Context work, done>" in caplog.text


def test_a_with_block_ends_it():
    with Context() as context:
        assert not context.is_done
    assert context.is_done
    assert [repr(Context(name="x")), repr(context)] == ["<Context x>", "<Context unnamed, done>"]


def test_a_callback_may_end_it_again_and_ask_for_more():
    seen = []
    context = Context()

    def callback():
        context.cancel()
        context.on_done(lambda: seen.append("late"))
        seen.append("first")

    context.on_done(callback)
    context.cancel()
    assert seen == ["late", "first"]


def test_many_threads_may_end_it_and_it_ends_once():
    seen = []
    context = Context()
    context.on_done(lambda: seen.append(1))
    start = threading.Barrier(8)

    def end():
        start.wait()
        context.cancel()

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1]


# State contexts.


def test_one_is_valid_for_one_tick_active_or_not():
    m = Machine(STATES, "m")
    inactive = m.new_state_ctx("A")
    assert inactive.name == "m:A:0"
    m.add("A")
    active = m.new_state_ctx("A")
    assert [inactive.is_done, active.is_done] == [True, False]
    m.add("B")
    m.add("A")  # is active: no tick
    assert not active.is_done
    m.remove("A")
    assert active.is_done
    assert active.name == "m:A:1"


@pytest.mark.parametrize(
    "change", [lambda m: m.remove("A"), lambda m: m.set("B"), lambda m: m.add("C"), lambda m: m.set()]
)
def test_however_the_state_is_left_it_ends(change):
    m = Machine(STATES)
    m.add("A")
    context = m.new_state_ctx("A")
    change(m)
    assert context.is_done


def test_a_call_of_an_active_multi_state_ends_it():
    m = Machine(STATES)
    m.add("M")
    context = m.new_state_ctx("M")
    m.add("M")
    assert context.is_done
    assert m.is_("M")


def test_whoever_asks_in_the_same_tick_shares_one():
    m = Machine(STATES)
    m.add("A")
    context = m.new_state_ctx("A")
    assert m.new_state_ctx("A") is context
    assert m.new_state_ctx("B") is not context
    m.remove("A")
    m.add("A")
    assert m.new_state_ctx("A") is not context


def test_one_that_somebody_ended_early_is_not_handed_out_again():
    m = Machine(STATES)
    m.add("A")
    with m.new_state_ctx("A") as context:
        pass
    again = m.new_state_ctx("A")
    assert context.is_done
    assert not again.is_done
    m.remove("A")
    assert again.is_done


def test_it_ends_as_the_ticks_change_before_final_handlers_and_not_before_negotiation():
    seen = []

    def look(e):
        seen.append((e.name, context.is_done))

    m = Machine(STATES)
    m.add("A")
    context = m.new_state_ctx("A")
    m.bind_handlers(dict.fromkeys(("AExit", "CEnter", "AnyEnter", "AEnd", "CState"), look))
    m.add("C")
    assert seen == [("AExit", False), ("CEnter", False), ("AnyEnter", False), ("AEnd", True), ("CState", True)]


def test_a_refused_mutation_and_a_check_end_none():
    m = Machine(STATES, handlers={"AExit": lambda e: e.args.get("may", False)})
    m.add("A")
    context = m.new_state_ctx("A")
    assert m.remove("A").is_canceled
    assert m.can_remove("A", args={"may": True}).is_executed
    assert not context.is_done
    assert m.remove("A", args={"may": True}).is_executed
    assert context.is_done


def test_in_a_final_handler_it_stands_for_the_new_tick():
    made = {}

    def make(e):
        made[e.name] = e.machine.new_state_ctx("A")

    m = Machine(STATES, handlers={"AEnter": make, "AState": make})
    for _ in range(2):  # the second time by the short way, but for its contexts
        m.add("A")
        assert [made["AEnter"].is_done, made["AState"].is_done] == [True, False]
        m.remove("A")
        assert made["AState"].is_done


def test_what_its_end_asks_for_runs_after_the_transition():
    seen = []
    m = Machine(STATES, handlers={"AEnd": lambda e: seen.append(("AEnd", e.machine.is_("B")))})
    m.add("A")
    m.new_state_ctx("A").on_done(lambda: seen.append(m.add("B")))
    assert m.remove("A").is_executed
    assert seen[0].is_queued
    assert seen[1] == ("AEnd", False)
    assert m.is_("B")


def test_auto_states_and_errors_end_theirs():
    m = Machine({**STATES, "Auto": {"auto": True, "require": "B"}})
    auto, error = m.new_state_ctx("Auto"), m.new_state_ctx("Exception")
    m.add("B")
    m.add_err(ValueError())
    assert auto.is_done
    assert error.is_done


def test_disposal_ends_all_and_later_ones_are_over():
    m = Machine(STATES)
    contexts = [m.context, m.new_state_ctx("A"), m.new_state_ctx("B")]
    m.dispose()
    assert all(context.is_done for context in contexts)
    assert m.context.is_done
    assert m.new_state_ctx("A").is_done


@pytest.mark.parametrize("handlers", [False, True])
@pytest.mark.parametrize("args", [None, {"x": 1}])
def test_contexts_expire_on_the_short_way_too(handlers, args):
    m = Machine(STATES)
    seen = []
    if handlers:
        m.bind_handlers({"AState": lambda e: seen.append(context.is_done)})
    for _ in range(2):  # what was resolved once is known
        m.add("A", args=args)
        m.remove("A")
    seen.clear()
    context, other = m.new_state_ctx("A"), m.new_state_ctx("B")
    m.add("A", args=args)
    assert context.is_done
    assert not other.is_done
    assert seen == [True] * handlers
    again = m.new_state_ctx("A")
    m.remove("A")
    assert again.is_done


def test_unknown_states_have_none():
    with pytest.raises(UsageError, match="no state 'Aa'"):
        Machine(STATES).new_state_ctx("Aa")
