"""What a lost worker leaves reads well, and crosses processes."""

import pickle

import pytest

from amlab.core.node.autopsy import exit_words, lost


def test_an_autopsy_says_how_what_where_and_the_last_words():
    error = lost("w1", -9, ["one", "two", "three", "four"], {"input": 2}, ["Start", "Start Ready Working"])
    assert str(error).splitlines() == [
        "worker 'w1' killed by SIGKILL, with work in hand: input=2",
        "its last transitions: Start; Start Ready Working",
        "its last words: two | three | four",
    ]
    assert (error.exit_code, error.worker, error.work) == (-9, "w1", {"input": 2})


def test_it_pickles_with_all_its_fields():
    error = lost("w1", 3, ["bye"], {"input": 2}, ["Start"])
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.fields == error.fields


def test_large_work_is_shortened():
    assert len(str(lost("w", 1, (), {f"k{n}": "x" * 10_000 for n in range(100)}))) < 700


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "still runs, but does not answer"),
        (0, "ended by itself"),
        (3, "ended with code 3"),
        (-15, "killed by SIGTERM"),
        (-77, "killed by signal 77"),
    ],
)
def test_exit_codes_in_words(code, words):
    assert exit_words(code) == words
