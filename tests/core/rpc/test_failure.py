"""Exceptions across the wire: words, chain of causes, and nothing else."""

import traceback

import pytest

from amlab.core.rpc.failure import MAX_LINKS, RemoteError, describe, rebuild, shorten
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import MIN_FRAME
from amlab.core.rpc.values import Types


def raised():
    try:
        try:
            {}["missing"]
        except KeyError as e:
            raise ValueError("no size") from e
    except ValueError as e:
        return e


def test_the_chain_of_causes_comes_back_in_order_with_tracebacks():
    error = Types().decode(Types().encode({"err": raised()}))["err"]
    assert isinstance(error, RemoteError)
    assert str(error) == "ValueError: no size"
    assert error.type_name == "ValueError"
    assert error.is_a(ValueError)
    assert str(error.__cause__) == "KeyError: 'missing'"
    text = "".join(traceback.format_exception(error))
    assert text.index("KeyError: 'missing'") < text.index("direct cause") < text.index("ValueError: no size")
    assert 'in raised\n    raise ValueError("no size") from e' in text.replace("            ", "    ").replace(
        "\n    ", "\n    "
    )


def test_a_context_stays_a_context_and_a_suppressed_one_is_left_out():
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b")  # noqa: B904 - the context is what is tested
    except ValueError as e:
        error = rebuild(describe(e))
    assert error.__cause__ is None
    assert str(error.__context__) == "KeyError: 'a'"
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None
    except ValueError as e:
        links = describe(e)
    assert len(links) == 1


def test_an_error_passed_on_keeps_the_words_of_its_first_machine():
    once = rebuild(describe(raised()))
    twice = rebuild(describe(once))
    assert str(twice) == str(once)
    assert twice.traceback == once.traceback
    assert str(twice.__cause__) == "KeyError: 'missing'"


def test_long_and_circular_chains_and_texts_are_bounded():
    error = ValueError("x" * 100_000)
    error.__cause__ = error
    assert len(describe(error)) == 1
    assert len(describe(error)[0][1]) == 4096
    first = last = ValueError("0")
    for i in range(50):
        last.__cause__ = ValueError(str(i))
        last = last.__cause__
    links = describe(first)
    assert len(links) == MAX_LINKS
    assert len(shorten(links)) == 4
    rebuild(shorten(links))
    first = last = ValueError("ü" * 4096)
    for _ in range(20):
        last.__cause__ = ValueError("ü" * 4096)
        last = last.__cause__
    assert 30_000 < len(encode_frame((40, 1, describe(first)), MIN_FRAME)) <= MIN_FRAME


def test_an_exception_whose_text_fails_is_still_told():
    class Bad(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    assert describe(Bad())[0][:2] == ["Bad", "(its text failed: RuntimeError)"]
    Types().decode(Types().encode(ValueError("\ud800")))


@pytest.mark.parametrize(
    "links", [[], [[]], [["a", "b", "c"]], [["a", "b", "c", 1]], [["a", "b", "c", True]] * 17, ["abcd"]]
)
def test_links_that_are_none_are_refused(links):
    with pytest.raises(ValueError, match="error"):
        rebuild(links)
