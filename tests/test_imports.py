"""What importing costs and offers, and that each module says what it is."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_layers import ROOT, modules_under

OURS = ("amlab", "amlab.core", "amlab.core.machine", "amlab.dbg")
FACES = (*OURS, "amlab.core.states", "amlab.dbg.session")
MAPPED = (*FACES, "amlab.core.rpc", "amlab.dbg.query", "amlab.dbg.format.gob")
HEAVY = [
    "numpy",
    "networkx",
    "graphviz",
    "brotli",
    "msgpack",
    "asyncio",
    "logging",
    "dataclasses",
    "inspect",
    "threading",
]
IMPORT_LIMIT_MS = 80


def run_fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip()


def cpu_ms(code: str, cache: Path) -> float:
    """Least CPU time of a fresh interpreter over a few runs; bytecode is cached as where amlab is installed."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": str(cache)}
    code = f"import time\n{code}\nprint(time.process_time() * 1000)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT, env=env
        ).stdout
        for _ in range(4)
    ]
    return min(map(float, runs))


@pytest.mark.parametrize("package", ["amlab", "amlab.core", "amlab.dbg"])
def test_a_package_alone_loads_nothing_heavy(package):
    code = f"import {package}, sys\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    assert run_fresh(code) == ""


@pytest.mark.parametrize("package", ["amlab", "amlab.core"])
def test_a_package_alone_does_not_load_the_debugger(package):
    code = f"import {package}, sys\nprint(*[m for m in sys.modules if m.startswith('amlab.dbg')])"
    assert run_fresh(code) == ""


def test_a_machine_that_runs_loads_neither_asyncio_nor_the_debugger():
    code = (
        "from amlab import Machine, State, States, Schema\n"
        "class S(States):\n    A = State()\n"
        "m = Machine(S, handlers={'AState': lambda e: None})\n"
        "assert m.add('A').is_executed\n"
        "m.dispose()\n"
        "import sys\n"
        "heavy = ['numpy', 'asyncio', 'msgpack', 'logging', 'dataclasses', 'inspect', 'traceback']\n"
        "print(*[n for n in sys.modules if n in heavy or n.startswith('amlab.dbg')])"
    )
    assert run_fresh(code) == ""


def test_importing_costs_little_beside_python_itself(tmp_path):
    bare = cpu_ms("pass", tmp_path)
    for code in ("import amlab", "import amlab.core", "from amlab import Machine, State, States, Schema"):
        assert cpu_ms(code, tmp_path) - bare < IMPORT_LIMIT_MS, code


@pytest.mark.parametrize("package", FACES)
def test_every_public_name_is_there_and_stays_the_same(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is getattr(module, name), name
    if package in OURS:
        assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", FACES)
def test_a_name_that_is_none_is_refused_as_python_does(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        module.Nothing
    with pytest.raises(ImportError):
        exec(f"from {package} import Nothing")


@pytest.mark.parametrize("package", FACES)
def test_a_name_has_one_home_that_offers_it(package):
    module = importlib.import_module(package)
    for name, home in module._HOMES.items():
        full = home if home.startswith("amlab") else f"{package}.{home}"
        offered = importlib.import_module(full)
        assert name in offered.__all__, f"{full} does not list {name}"


def test_the_packages_offer_the_same_thing_under_one_name():
    seen: dict[str, object] = {}
    for package in OURS:
        module = importlib.import_module(package)
        for name in module.__all__:
            assert seen.setdefault(name, getattr(module, name)) is getattr(module, name), f"{package}.{name}"


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    import amlab

    assert amlab.__version__ == version("amlab")


MODULES = modules_under("amlab")


def by_kind(name: str) -> tuple[int, str]:
    """Constants, classes, the rest, as ruff sorts them."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("module", MODULES)
def test_all_is_sorted_and_names_what_is_there(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]
    ]
    for names in found:
        assert names == sorted(names, key=by_kind)
        assert len(names) == len(set(names))
    if MODULES[module].name not in {"__init__.py", "__main__.py"}:
        assert found, "no __all__"
        here = {
            name
            for node in tree.body
            for name in (
                [node.name]
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                else [
                    ast.unparse(t) for t in ast.walk(node) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)
                ]
                if isinstance(node, (ast.Assign, ast.AnnAssign))
                else []
            )
        }
        assert set(found[0]) <= here


@pytest.mark.parametrize("module", [m for m in MODULES if MODULES[m].name != "__init__.py"])
def test_a_module_says_what_it_is_and_what_it_knows_nothing_of(module):
    text = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))) or ""
    first, *_ = text.splitlines() or [""]
    assert first.endswith((".", ":", ",")) or len(text.splitlines()) > 1, "the first line is a sentence"
    assert "Knows nothing of: " in text
    assert text.rstrip().endswith("."), "it ends"


@pytest.mark.parametrize("module", MAPPED)
def test_a_package_maps_its_modules(module):
    text = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))) or ""
    inside = {m.removeprefix(module + ".") for m in MODULES if m.startswith(module + ".")}
    inside = {m for m in inside if "." not in m} - {"__main__"}
    assert sorted(m for m in inside if m not in text) == []
