"""One JupyterLab for the tests of this folder, and the browser of the views' tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.dbg.widgets.browser.conftest import chromium, missing
from tests.lab.jupyter_lab import JupyterLab

__all__ = ["chromium"]

ROOT = Path(__file__).parents[2]
SHOTS = Path(os.environ.get("AMLAB_SHOTS", ROOT / "build" / "shots"))


@pytest.fixture(scope="package")
def lab_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab shows."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="package")
def lab(chromium: Any, lab_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """A JupyterLab whose kernels import this tree."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing("JupyterLab")
    paths = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    with JupyterLab(lab_root, tmp_path_factory.mktemp("home"), env={"PYTHONPATH": paths}) as running:
        yield running


@pytest.fixture(scope="package")
def shots() -> Path:
    """Where screenshots are kept, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
    )
    nbformat.write(notebook, path)
