"""What a session says of itself in a cell."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from amlab.dbg import Session
from amlab.dbg.query.roles import role_of
from amlab.dbg.view.summary import summary_html, summary_of, summary_text
from tests.dbg.view.still.sessions import EXPORTS, SESSIONS


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attrs, self.open = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SESSIONS)
def test_the_html_is_safe_and_whole(name):
    html = summary_html(SESSIONS[name]())
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "b", "code", "img"}
    assert tags.attrs <= {"style", "alt", "width", "height", "src"}
    assert re.findall(r"https?:", html) == []


@pytest.mark.parametrize("name", SESSIONS)
def test_the_text_is_the_same_each_time(name):
    session = SESSIONS[name]()
    assert summary_text(session) == summary_text(session)


def test_what_stands_out_in_a_crash_comes_with_a_place_to_go_to():
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    told = summary_of(session)
    lost = told.remarks[0]
    rows, ticks = session.machines["supervisor"].changes("ErrWorker")
    names = [session.machines["supervisor"][int(i)].args["worker"] for i in rows[ticks % 2 == 1]]
    assert len(names) >= 3
    assert lost.words.startswith(f"{len(names)} workers lost: {', '.join(names[:3])}")
    assert "ErrWorker" in session.get(lost.address).called
    assert f'session.debugger(at="{lost.address}")' in told.tries
    by_role = Counter(role_of(m) for m in session.machines.values())
    assert {row[0]: row[1] for row in told.rows} == {role: str(n) for role, n in by_role.items()}


def test_an_empty_session_offers_nothing_to_try():
    told = summary_of(SESSIONS["empty"]())
    assert told.when == "nothing was recorded"
    assert told.tries == []


def test_a_session_shows_its_summary_in_a_cell():
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    bundle = session._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == summary_text(session)
    assert "data:image/png;base64," in bundle["text/html"]
    assert set(session._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(session._repr_mimebundle_(exclude={"text/html"})) == {"text/plain"}
