"""Who may import whom, read from the sources: nothing is run, so what is imported late counts too.

An import under `if TYPE_CHECKING` happens for the type checker only; it counts where one layer must not even
know the other (`amlab.core` and `amlab.dbg`), not where a module must not do a thing (`asyncio`, `time`).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
IMPURE = frozenset(
    [
        "asyncio",
        "multiprocessing",
        "os",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "time",
        "uuid",
    ]
)
"""Event loops, sockets, clocks, chance, processes: a pure module is handed what it needs of these."""

PURE_PACKAGES = (
    "amlab.core.machine", "amlab.core.states", "amlab.dbg.format", "amlab.dbg.query", "amlab.dbg.session", "amlab.dbg.view",
)  # fmt: skip
PURE_RPC = frozenset(
    [
        "admission",
        "answers",
        "auth",
        "backoff",
        "calling",
        "connection",
        "diff",
        "events",
        "failure",
        "faults",
        "following",
        "frames",
        "limits",
        "messages",
        "payloads",
        "schema_data",
        "serving",
        "telling",
        "transfers",
        "values",
    ]
)
ALLOWED = {
    ("amlab.core.machine.forking", "asyncio"): "runs coroutines, loaded when the first one is forked",
    ("amlab.core.machine.machine", "time"): "the default of `now`; a fake clock can be handed in",
    ("amlab.core.machine.wait", "asyncio"): "what is awaited belongs to the loop that awaits it, loaded then",
    ("amlab.core.machine.watchdog", "os"): "its thread does not outlive a fork",
    ("amlab.dbg.format.registry", "time"): "paces the progress bar of opening a file",
    ("amlab.dbg.view.graphviz_run", "subprocess"): "runs Graphviz's `dot`",
}
"""Exceptions, and why."""

CORE_NEEDS = frozenset({"amlab", "msgpack"})
RECORD_NEEDS = frozenset({"amlab", "brotli", "msgpack"})


class Import(NamedTuple):
    """One imported module; `name` is absolute."""

    module: str
    name: str
    line: int
    is_typing: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def modules_under(package: str) -> dict[str, Path]:
    """Every module of a package by its full name."""
    base = ROOT.joinpath(*package.split("."))
    found = {}
    for path in sorted(base.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    assert found, package
    return found


@cache
def imports_of(module: str, path: Path) -> tuple[Import, ...]:
    """What a module imports anywhere: statements, and names given to `import_module` or kept for it."""
    return tuple(_imports(module, path, ast.parse(path.read_text(encoding="utf-8")), is_typing=False))


def _imports(module: str, path: Path, node: ast.AST, *, is_typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(module, alias.name, child.lineno, is_typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            base = ".".join(
                [*package.split(".")[: len(package.split(".")) - child.level + 1], child.module or ""]
            ).strip(".")
            base = base if child.level else child.module or ""
            for alias in child.names:
                yield Import(
                    module, f"{base}.{alias.name}" if base.startswith("amlab") else base, child.lineno, is_typing
                )
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and child.value.startswith("amlab."):
            yield Import(module, child.value, child.lineno, is_typing)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(module, path, ast.Module(child.body, []), is_typing=True)
            yield from _imports(module, path, ast.Module(child.orelse, []), is_typing=is_typing)
        else:
            yield from _imports(module, path, child, is_typing=is_typing)


def all_imports(package: str) -> list[Import]:
    return [found for module, path in modules_under(package).items() for found in imports_of(module, path)]


def pure_imports() -> list[Import]:
    """Everything that modules which are to be pure import."""
    found = [i for package in PURE_PACKAGES for i in all_imports(package)]
    rpc = modules_under("amlab.core.rpc")
    missing = sorted(name for name in PURE_RPC if f"amlab.core.rpc.{name}" not in rpc)
    assert missing == [], f"amlab.core.rpc has no {missing}: mend PURE_RPC"
    return found + [
        i for name in sorted(PURE_RPC) for i in imports_of(f"amlab.core.rpc.{name}", rpc[f"amlab.core.rpc.{name}"])
    ]


def test_core_never_knows_the_debugger():
    assert [str(i) for i in all_imports("amlab.core") if i.name.startswith("amlab.dbg")] == []


@pytest.mark.parametrize("package", ["amlab.dbg.format", "amlab.dbg.live", "amlab.dbg.query", "amlab.dbg.view"])
def test_what_needs_no_widget_knows_none(package):
    assert [str(i) for i in all_imports(package) if i.name.startswith("amlab.dbg.widgets")] == []


def test_errors_know_nobody():
    path = ROOT / "amlab" / "errors.py"
    assert [str(i) for i in imports_of("amlab.errors", path) if i.top == "amlab"] == []


def test_core_needs_the_standard_library_and_msgpack_only():
    known = sys.stdlib_module_names | CORE_NEEDS
    assert [str(i) for i in all_imports("amlab.core") if i.top not in known] == []


def test_the_recorder_needs_the_standard_library_msgpack_and_brotli_only():
    known = sys.stdlib_module_names | RECORD_NEEDS
    assert [str(i) for i in all_imports("amlab.dbg.record") if i.top not in known and not i.is_typing] == []


def test_pure_modules_import_no_loop_socket_clock_chance_or_process():
    found = [i for i in pure_imports() if i.top in IMPURE and not i.is_typing and (i.module, i.top) not in ALLOWED]
    assert [str(i) for i in found] == []


def test_every_exception_is_still_needed():
    used = {(i.module, i.top) for i in pure_imports() if not i.is_typing}
    assert sorted(set(ALLOWED) - used) == []


@pytest.mark.parametrize(
    ("source", "is_typing", "names"),
    [
        ("import os.path", False, ["os.path"]),
        ("def f():\n    from asyncio import run", False, ["asyncio"]),
        ("from amlab.dbg import session", False, ["amlab.dbg.session"]),
        ("from ..dbg import session", False, ["amlab.dbg.session"]),
        ("from . import event", False, ["amlab.core.event"]),
        ("import_module('amlab.dbg.record')", False, ["amlab.dbg.record"]),
        ("if TYPE_CHECKING:\n    import time", True, ["time"]),
        ("try:\n    import random\nexcept ImportError:\n    pass", False, ["random"]),
    ],
)
def test_imports_of_every_form_are_seen(source, is_typing, names):
    found = list(_imports("amlab.core.clock", Path("clock.py"), ast.parse(source), is_typing=False))
    assert [i.name for i in found] == names
    assert all(i.is_typing is is_typing for i in found)


def test_recording_loads_neither_numpy_nor_jupyter():
    modules = sorted(modules_under("amlab.dbg.record"))
    heavy = ["numpy", "networkx", "IPython", "ipywidgets", "anywidget", "traitlets", "ipykernel"]
    code = (
        "import sys, importlib\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == ""
