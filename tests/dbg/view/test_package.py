"""The package: what it exports, and what its modules keep away from."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from amlab.dbg import view

MODULES = sorted(Path(view.__file__).parent.glob("*.py"))


def test_every_public_name_is_there():
    assert sorted(view.__all__) == view.__all__ == dir(view)
    for name in view.__all__:
        assert getattr(view, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'draw_nothing'"):
        view.draw_nothing


def test_importing_the_package_loads_nothing_heavy():
    program = "import sys, amlab.dbg.view; print([m for m in ('networkx', 'numpy', 'graphviz') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_views_know_no_network_no_time_and_no_chance(module):
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    assert not names & {"asyncio", "socket", "time", "random", "os", "threading"}
    assert ("subprocess" in names) == (module.stem == "graphviz_run")
