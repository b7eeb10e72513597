"""A session as one page: what it may load, what it holds, what it says is missing."""

import gzip
import json
import re
from base64 import b64decode
from html.parser import HTMLParser

import pytest

from amlab.dbg import Session, SessionBuilder
from amlab.dbg.widgets.page import page_text
from amlab.errors import UsageError
from tests.dbg.query.unpacking import unpack
from tests.dbg.session.samples import small
from tests.dbg.view.still.sessions import EXPORTS, cut, damaged, hostile, shipped


class Page(HTMLParser):
    """Scripts, and attributes of tags."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.tags, self._in = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag == "script"
        if self._in:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in = False

    def handle_data(self, data):
        if self._in:
            self.scripts[-1] += data


def source_of(text):
    return json.loads(Page(text).scripts[0])


def inflated(packed):
    return gzip.decompress(b64decode(packed))


def notes_of(session):
    return unpack(inflated(source_of(page_text(session, view="transport"))["records"]))[0]["notes"]


@pytest.mark.parametrize("make", [small, hostile, lambda: shipped("pool-crash")])
def test_a_page_loads_nothing_and_says_so_to_the_browser(make):
    page = Page(page_text(make(), view="transport"))
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"https?:|\*|unsafe-eval|connect-src", policy)
    assert not [a for _, a in page.tags if a.get("src") or a.get("href") or a.get("action")]
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base", "form", "img"}


def test_a_page_names_no_address_outside():
    text = page_text(shipped("pool-crash"), view="transport")
    assert set(re.findall(r"https?://[^\s\"'`)<]*", text)) <= {"http://www.w3.org/2000/svg"}


def test_names_cannot_break_out_of_the_page():
    session = hostile()
    text = page_text(session, view="transport", title="</title><script>alert(1)</script>")
    page = Page(text)
    assert len(page.scripts) == 3
    assert "<script>alert" not in text
    focus = {"machine": "</script><script>alert(2)</script>"}
    text = page_text(session, view="transport", focus=focus, options={"title": "</script><b>"})
    assert len(Page(text).scripts) == 3
    assert source_of(text)["focus"] == focus


def test_records_and_details_of_a_page_are_those_of_the_session():
    session = small()
    source = source_of(page_text(session, view="transport"))
    header, arrays = unpack(inflated(source["records"]))
    assert arrays["machine"].tolist() == session.transitions.machine.tolist()
    details = json.loads(inflated(source["details"]["0:0"]))
    assert [d.get("address") for d in details] == [tx.address for tx in session.machines["root"]]
    assert header.get("notes", []) == []


def test_the_same_session_gives_the_same_page():
    one, two = (page_text(Session.open(EXPORTS / "node-payload.msgpack.br"), view="transport") for _ in range(2))
    assert one == two


def test_details_that_are_left_out_are_counted_in_the_page():
    session = shipped("pool-crash")
    source = source_of(page_text(session, view="transport", max_details=100))
    notes = unpack(inflated(source["records"]))[0]["notes"]
    kept = sum(len(json.loads(inflated(block))) for block in source["details"].values())
    assert notes == [f"steps, log and arguments of {len(session.transitions) - kept:,} records are not in this page"]
    assert kept < 400


def test_damage_gaps_and_missing_times_are_told_in_the_page(tmp_path):
    session = Session.open(damaged(tmp_path / "damaged.msgpack.br"), partial=True)
    assert session.damage is not None
    assert notes_of(session)[0].startswith("the file is damaged, this is what came before: ")
    session = Session.open(cut(tmp_path / "cut.msgpack.br"))
    assert notes_of(session) == ["the recording was not closed: it is still being written, or its end is lost"]
    builder = SessionBuilder()
    builder.machine("m", ["A"]).append(kind=0, called=[0], clocks_after=[1])
    assert notes_of(builder.build()) == ["no time was recorded for 1 record"]


def test_a_page_without_scripts_shows_the_summary():
    text = page_text(shipped("pool-crash"), view="transport")
    assert "3 workers lost" in text.partition("<noscript>")[2].partition("</noscript>")[0]


def test_a_page_of_a_shipped_session_is_small():
    assert len(page_text(shipped("pool-crash"), view="transport")) < 400_000


def test_a_view_that_is_none_is_refused_at_once():
    with pytest.raises(UsageError, match="No view 'nothing'"):
        page_text(small(), view="nothing")


def test_a_session_writes_its_page(tmp_path):
    session = small()
    path = session.to_html(tmp_path / "run.html", "transport", at="mach://root/r2", machine="leaf/1", auto=False)
    source = source_of(path.read_text("utf-8"))
    assert source["focus"] == {"position": session.cursor("mach://root/r2").position, "machine": "leaf/1"}
    assert source["filters"]["auto"] is False
    with pytest.raises(UsageError, match=r"Cannot write .*: No such file or directory"):
        session.to_html(tmp_path / "no" / "run.html", "transport")
    with pytest.raises(UsageError, match="no filter 'atuo'"):
        session.to_html(tmp_path / "run.html", "transport", atuo=False)


def test_no_name_ends_the_script_that_holds_the_source_or_turns_it_into_a_comment():
    builder = SessionBuilder()
    name = "<!--<script></script>"
    builder.machine(name, ["A"]).append(kind=0, called=[0], clocks_after=[1])
    text = page_text(builder.build(), view="transport", focus={"machine": name}, filters={"hidden": [name]})
    assert name not in text
    assert "<!--" not in text
    assert source_of(text)["focus"] == {"machine": name}


def test_lone_surrogates_do_not_stop_a_page(tmp_path):
    hostile().to_html(tmp_path / "run.html", "transport")
