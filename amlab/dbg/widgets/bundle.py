"""One ES module and one style sheet per view, put together from `static/` without a build step.

A view's file imports shared ones by relative paths; a bundle holds each imported module once, imported ones
first, as one scope.  So top-level names must differ between files (`bundle` says where they do not).

Knows nothing of: what the code does.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from amlab.errors import UsageError

__all__ = ["STATIC", "VIEWS", "bundle", "style", "view_names"]

STATIC = Path(__file__).resolve().parent / "static"
VIEWS = STATIC / "views"

_IMPORT = re.compile(r'^import\s+(?:\{[^}]*\}|\*\s+as\s+\w+)\s+from\s+"(\.[^"]+)";[^\S\n]*\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|let|function)\b)", re.MULTILINE)
_DEFAULT = re.compile(r"^export default widget\((\w+)\);[^\S\n]*\n?", re.MULTILINE)
_TOP = re.compile(r"^(?:export )?(?:async )?(?:class|const|let|function\*?) (\w+)", re.MULTILINE)


def view_names() -> list[str]:
    """Views that have a file."""
    return sorted(path.stem for path in VIEWS.glob("*.js"))


@cache
def bundle(view: str, *, is_page: bool = False) -> str:
    """The ES module of a view, as anywidget takes it; for a page: a script that leaves `View, mount` in `amlab`.

    Raises:
        UsageError: No such view, or two of its files name something alike.
    """
    path = VIEWS / f"{view}.js"
    if not path.is_file():
        raise UsageError(f"No view {view!r}; there are {', '.join(view_names())}", view=view)
    parts: dict[Path, str] = {}
    _collect(path, parts)
    owners: dict[str, Path] = {}
    for file, text in parts.items():
        for name in _TOP.findall(text):
            if name in owners:
                raise UsageError(f"{file.name} and {owners[name].name} both name {name!r}", name=name)
            owners[name] = file
    default = _DEFAULT.search(parts[path])
    if default is None:
        raise UsageError(f"{path.name} exports no widget", view=view)
    body = "\n".join(_DEFAULT.sub("", _EXPORT.sub("", text)) for text in parts.values())
    name = default.group(1)
    if is_page:
        return f"(() => {{\n{body}\nglobalThis.amlab = {{ View: {name}, mount }};\n}})();\n"
    return f"{body}\nexport default widget({name});\n"


def _collect(path: Path, parts: dict[Path, str]) -> None:
    if path in parts:
        return
    text = path.read_text(encoding="utf-8")
    for found in _IMPORT.findall(text):
        _collect((path.parent / found).resolve(), parts)
    parts[path] = _IMPORT.sub("", text)


@cache
def style(view: str) -> str:
    """The style sheet of a view: the shared one and those of all views in its bundle.

    A page may hold the sheets of several views, in any order, each with the shared one; so a view's own rules are made
    stronger than shared ones, and those of the view that holds the others the strongest.
    """
    parts: dict[Path, str] = {}
    _collect(VIEWS / f"{view}.js", parts)
    texts = [(STATIC / "shared" / "shared.css").read_text(encoding="utf-8")]
    holders = [file for file in parts if file.parent == VIEWS]
    for file in holders:
        sheet = file.with_suffix(".css")
        if sheet.is_file():
            holds = any(found.startswith("./") for found in _IMPORT.findall(file.read_text(encoding="utf-8")))
            own = re.compile(rf"\.amlab-{file.stem}(?![\w-])")
            strength = ".amlab.amlab" if holds else ".amlab"
            texts.append(own.sub(f"{strength}.amlab-{file.stem}", sheet.read_text(encoding="utf-8")))
    return "\n".join(texts)
