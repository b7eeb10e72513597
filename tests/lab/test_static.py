"""The tutorials where nothing runs: as HTML from a file without a network, and opened in JupyterLab but not run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import ROOT

BOOK = "05_why_did_it_happen.ipynb"
NO_MODEL = "model not found"
# Scrolls to an output, for a Lab shows only what is in sight, and tells what it shows once something is there.
SHOWN = """async (number) => {
  const { content } = jupyterapp.shell.currentWidget;
  await content.scrollToItem(number, "center");
  const cell = content.widgets[number];
  const end = performance.now() + 20000;
  for (;;) {
    const area = cell.outputArea.node;
    const images = [...area.querySelectorAll("img, svg")];
    const drawn = images.every((image) => image.localName === "svg" || (image.complete && image.naturalWidth > 0));
    if (area.isConnected && drawn && (images.length || area.textContent.trim())) {
      return { text: area.textContent, images: images.length, alts: images.map((image) => image.getAttribute("alt") ?? "") };
    }
    if (performance.now() > end) throw new Error(`cell ${number} shows nothing`);
    await new Promise(requestAnimationFrame);
  }
}"""


def outputs(path):
    """`(number of the cell, output)` of a notebook."""
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        for output in cell.get("outputs", ()):
            yield number, output


def pictures(path):
    return [output for _, output in outputs(path) if "image/png" in output.get("data", {})]


def test_no_notebook_holds_a_widget_that_only_its_kernel_knew():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for number, output in outputs(path):
            assert not any("widget" in kind for kind in output.get("data", {})), f"{path.name}, cell {number}"


def test_a_notebook_as_html_shows_its_pictures_and_their_words_without_a_network(chromium, tmp_path, shots):
    if importlib.util.find_spec("nbconvert") is None:
        pytest.skip("no nbconvert, so notebooks are not turned into HTML: pip install nbconvert")
    env = {name: str(tmp_path / "home") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", f"--output-dir={tmp_path}", ROOT / "notebooks" / BOOK],
        env={**os.environ, **env},
        check=True,
        capture_output=True,
    )
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.goto((tmp_path / BOOK).with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    images = ".jp-OutputArea-output img"
    wanted = len(pictures(ROOT / "notebooks" / BOOK))
    assert wanted > 1
    until(
        page,
        f"[...document.querySelectorAll('{images}')].filter((i) => i.complete && i.naturalWidth).length >= {wanted}",
    )
    alts = page.locator(images).evaluate_all("(all) => all.map((image) => image.alt)")
    assert all(len(alt) > 20 for alt in alts)
    assert len(alts) >= wanted
    assert NO_MODEL not in page.content()
    (shots / "nbconvert.png").write_bytes(page.screenshot(full_page=True))
    page.close()


@pytest.mark.parametrize("is_trusted", [False, True], ids=["of others", "trusted"])
def test_a_notebook_opened_in_the_lab_and_not_run_shows_its_pictures(lab, lab_root, chromium, shots, is_trusted):
    path = lab_root / f"still-{'trusted' if is_trusted else 'others'}.ipynb"
    shutil.copy(ROOT / "notebooks" / BOOK, path)
    if is_trusted:
        NotebookNotary(data_dir=str(lab.home / "data")).sign(nbformat.read(path, as_version=4))
    book = lab.open(chromium, path.name)
    trusted = "jupyterapp.shell.currentWidget.content.model.cells.get(1).trusted"
    assert book.page.evaluate(trusted) is is_trusted
    seen = 0
    for number, output in outputs(path):
        shown = book.page.evaluate(SHOWN, number)
        assert NO_MODEL not in shown["text"], f"cell {number}"
        assert "Loading widget" not in shown["text"], f"cell {number}"
        if "image/png" in output.get("data", {}):
            assert shown["images"] == 1
            seen += 1
    assert seen == len(pictures(path))
    (shots / f"lab-not-run-{'trusted' if is_trusted else 'others'}.png").write_bytes(book.page.screenshot())
    assert book.outside == []
    book.close()
