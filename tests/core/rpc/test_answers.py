"""Requests run at most once."""

import pytest

from amlab.core.rpc.answers import Answers


def test_a_number_runs_once_and_its_outcome_is_told_to_whoever_asks_again():
    session, told = Answers().session(b"s"), []

    def tell(number, outcome):
        told.append((number, outcome))

    assert session.begin(3, tell)
    assert not session.begin(3, tell)
    assert told == []
    session.settle(3, "done")
    assert told == [(3, "done")]
    assert not session.begin(3, tell)
    assert told == [(3, "done")] * 2


def test_memory_is_bounded_whatever_runs_and_whatever_numbers_are_left_out():
    answers = Answers(keep=10, sessions=3)
    session = answers.session(b"s")
    assert session.begin(1, print)  # runs for ever
    for number in range(4, 5000, 3):
        assert session.begin(number, print)
        session.settle(number, number)
    assert len(session._done) == 10
    assert list(session._running) == [1]
    with pytest.raises(LookupError):
        session.begin(4, print)
    with pytest.raises(LookupError):
        session.begin(5, print)  # never was one, but is past
    for name in b"abcdef":
        answers.session(bytes([name]))
    assert len(answers._sessions) == 3
    assert answers.session(b"s") is not session
