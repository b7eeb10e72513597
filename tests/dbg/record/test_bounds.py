"""Whatever an argument is, its text is short and made soon."""

import datetime as dt
import time
from dataclasses import dataclass
from enum import Enum

from amlab.dbg.record.bounds import MAX_ARGS, MAX_CHARS, bounded_args, bounded_lines, bounded_text


class Colour(Enum):
    RED = 1


@dataclass
class Job:
    name: str
    parts: list


class Huge:
    def __repr__(self):
        return "x" * 10_000_000


class Rude:
    def __str__(self):
        raise OSError("no")

    __repr__ = __str__


def test_plain_values_are_as_python_shows_them_and_texts_as_they_are():
    shown = [bounded_text(v) for v in (1, None, True, 2.5, "text", b"ab", [1, "a"], (1,), {"k": 2}, set(), Colour.RED)]
    assert shown == [
        "1", "None", "True", "2.5", "text", "b'ab'", "[1, 'a']", "(1)", "{'k': 2}", "{}", "<Colour.RED: 1>",
    ]  # fmt: skip
    assert bounded_text(dt.date(2026, 1, 2)) == "datetime.date(2026, 1, 2)"
    assert bounded_text(ValueError("bad")) == "ValueError: bad"
    assert bounded_text(Job("a", [1])) == "Job(name='a', parts=[1])"


def test_size_depth_and_number_are_bounded():
    assert len(bounded_text("x" * 10**6)) == MAX_CHARS
    assert bounded_text("x" * 10**6).endswith("(1,000,000 characters)")
    assert bounded_text(b"x" * 10**6) == "<1,000,000 bytes>"
    assert "9,992 more" in bounded_text(list(range(10_000))) or "9992 more" in bounded_text(list(range(10_000)))
    deep: list = []
    for _ in range(1000):
        deep = [deep]
    assert bounded_text(deep) == "[[[<list>]]]"
    ring: list = []
    ring.append(ring)
    assert bounded_text(ring) == "[[[<list>]]]"
    args = bounded_args({f"n{n}": n for n in range(100)})
    assert len(args) == 2 * MAX_ARGS + 2
    assert args[-1] == "68 more"


def test_strange_objects_cost_nothing_and_break_nothing():
    began = time.perf_counter()
    assert bounded_text(Huge()) == "<Huge>"
    assert bounded_text(Rude()) == "<Rude>"
    assert bounded_text([Rude(), Huge()]) == "[<Rude>, <Huge>]"

    class Loud(Exception):
        def __str__(self):
            raise KeyError("x")

    assert bounded_text(Loud()) == "<Loud, shown with KeyError>"
    assert time.perf_counter() - began < 1


def test_numbers_of_any_size_and_deep_inside_are_shown_or_said_to_be_none_that_can_be():
    huge = 10**5000
    told = {
        "few": "-7",
        "many": str(1 << 80),
        "huge": "<int, shown with ValueError>",
        "in": "<dict, shown with ValueError>",
    }
    shown = bounded_args({"few": -7, "many": 1 << 80, "huge": huge, "in": {"n": huge}})
    assert dict(zip(shown[::2], shown[1::2], strict=True)) == told


def test_log_lines_lose_their_prefix_and_their_source_and_are_bounded():
    lines = [(2, "[m] [state] +A"), (3, "[m] [source] a/b/1"), (1, "[m] " + "x" * 10_000)]
    found = bounded_lines(lines, "[m] ")
    assert found[:2] == [2, "[state] +A"]
    assert found[2] == 1
    assert len(found[3]) == 2000
    many = bounded_lines([(1, f"line {n}") for n in range(5000)], "")
    assert many[-1] == "[log] 3000 lines left out here"
    assert len(many) == 2 * 2001
