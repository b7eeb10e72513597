"""The code of views as it is put together, and what it may not do."""

import re
import shutil
import subprocess

import pytest

from amlab.dbg.view.palette import HUES
from amlab.dbg.widgets.bundle import STATIC, VIEWS, bundle, style, view_names
from amlab.errors import UsageError

SCRIPTS = sorted(STATIC.rglob("*.js"))
SHEETS = sorted(STATIC.rglob("*.css"))


def name_of(path):
    return str(path.relative_to(STATIC))


@pytest.mark.parametrize("view", view_names())
@pytest.mark.parametrize("is_page", [False, True])
def test_every_view_bundles(view, is_page):
    text = bundle(view, is_page=is_page)
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    assert ("globalThis.amlab = { View:" in text) == is_page
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == (0 if is_page else 1)
    names = re.findall(r"^(?:async )?(?:class|const|let|function\*?) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("view", view_names())
def test_every_bundle_is_javascript(view, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node to check with; browser tests run the same code")
    path = tmp_path / "bundle.mjs"
    path.write_text(bundle(view), encoding="utf-8")
    done = subprocess.run([node, "--check", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_at_the_top_differ_between_views():
    """So that one bundle can hold them all."""
    owners = {}
    for path in SCRIPTS:
        for name in re.findall(
            r"^(?:export )?(?:async )?(?:class|const|let|function\*?) (\w+)", path.read_text("utf-8"), re.MULTILINE
        ):
            assert owners.setdefault(name, path) == path, f"{name} in {name_of(owners[name])} and {name_of(path)}"


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_keep_to_their_own_root_and_never_write_markup(path):
    text = path.read_text("utf-8")
    for word in (
        "document.querySelector", "document.getElementById", "document.body", "document.head", "innerHTML", "outerHTML",
        "insertAdjacentHTML", "document.write", "eval(", "new Function", "XMLHttpRequest", "WebSocket",
        "localStorage", "importScripts", "sendBeacon",
    ):  # fmt: skip
        assert word not in text, word
    assert re.findall(r"(?<![\w.])fetch\(", text) == []
    assert re.findall(r"document\.addEventListener|window\.addEventListener", text) == []


@pytest.mark.parametrize("path", SCRIPTS + SHEETS, ids=name_of)
def test_nothing_names_an_address_outside(path):
    text = path.read_text("utf-8")
    outside = [u for u in re.findall(r"\b(?:https?|wss?|ftp)://[^\s\"'`)]*", text) if u != "http://www.w3.org/2000/svg"]
    assert outside == []
    assert re.findall(r"url\((?!\s*[\"']?data:)", text) == []
    assert "@import" not in text


def sheet_colours():
    text = (STATIC / "shared" / "shared.css").read_text("utf-8")
    dark = text.partition('.amlab[data-theme="dark"] {')[2].partition("}")[0]
    light = text.partition(".amlab {")[2].partition("}")[0]
    return [dict(re.findall(r"--am-([\w-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]


def test_colours_of_the_sheet_are_those_of_the_palette():
    light, dark = sheet_colours()
    assert light == {name: colour.light for name, colour in HUES.items()}
    assert dark == {name: colour.dark for name, colour in HUES.items()}


@pytest.mark.parametrize("view", view_names())
def test_every_view_has_a_sheet_below_its_own_class(view):
    text = re.sub(r"/\*.*?\*/", "", (VIEWS / f"{view}.css").read_text("utf-8"), flags=re.DOTALL)
    heads = [head.strip() for head in re.findall(r"([^{}]+)\{", text) if not head.strip().startswith("@")]
    loose = [
        part.strip()
        for head in heads
        for part in head.split(",")
        if not re.match(r"\.amlab|from$|to$|\d+%$", part.strip())
    ]
    assert loose == []
    own = style(view)
    assert f".amlab.amlab-{view} " in own
    assert not re.search(rf"(?<!\.amlab)\.amlab-{view}(?![\w-])", own)  # its rules win over shared ones in any order


def test_a_view_that_is_none_is_refused():
    with pytest.raises(UsageError, match=r"No view 'nothing'; there are .*transport"):
        bundle("nothing")
