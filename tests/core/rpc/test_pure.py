"""The protocol has no clock, randomness or input of its own, and knows nothing of the debugger."""

import ast
from pathlib import Path

import pytest

from amlab.core import rpc

FOLDER = Path(rpc.__path__[0])
PURE = [
    "admission", "answers", "auth", "backoff", "calling", "connection", "diff", "events", "failure", "faults",
    "following", "frames", "limits", "messages", "payloads", "schema_data", "serving", "telling", "transfers", "values",
]  # fmt: skip
BANNED = {"asyncio", "socket", "ssl", "time", "random", "secrets", "os", "threading", "pickle", "subprocess"}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_nothing_that_reaches_outside(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            assert not (node.module == "datetime" and {a.name for a in node.names} & {"now", "today"})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}
    roots = {module.split(".")[0] for module in found}
    assert not roots & BANNED
    assert not any(module.startswith("amlab.dbg") for module in found)


def test_every_module_says_what_it_knows_nothing_of_and_sorts_what_it_exports():
    for name in PURE:
        module = __import__(f"amlab.core.rpc.{name}", fromlist=["x"])
        assert "Knows nothing of:" in module.__doc__
        assert sorted(module.__all__) == sorted(set(module.__all__))
        assert all(hasattr(module, export) for export in module.__all__)
        assert f"    {name}" in rpc.__doc__ or f"`{name}`" in rpc.__doc__
