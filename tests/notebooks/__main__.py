"""Runs all notebooks: under nbval, or writing their outputs anew.

Saved outputs hold pictures and texts, but no widget: whoever trusts a notebook and opens it in JupyterLab without running
it would be shown "Loading widget" or "model not found" in place of the picture that stands beside the widget.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
SANITIZE = Path(__file__).with_name("sanitize.cfg")


def notebooks() -> list[Path]:
    return sorted(path for path in HERE.glob("*.ipynb") if not path.name.startswith("."))


def check(paths: list[Path]) -> int:
    """Strict nbval on every notebook.  Pictures are not compared byte by byte: fonts differ between computers."""
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", f"--nbval-sanitize-with={SANITIZE}"]
    command = [sys.executable, "-m", "pytest", "-p", "nbval", *options, "-q", "-c", "/dev/null"]
    return subprocess.run([*command, "--rootdir", str(HERE), *map(str, paths)], check=False, cwd=HERE).returncode


def write(path: Path) -> None:
    """Runs one notebook from the top and saves it without what differs from run to run."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        cell.id = f"cell-{number}"
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
    nbformat.write(notebook, path)
    print(f"wrote {path.name}: {len(notebook.cells)} cells")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these notebooks")
    parser.add_argument("--write", action="store_true", help="run them and save what comes out")
    args = parser.parse_args(argv)
    paths = [p for p in notebooks() if not args.names or any(name in p.name for name in args.names)]
    if not paths:
        print(f"no notebooks {' '.join(args.names)} in {HERE}")
        return 2
    if args.write:
        for path in paths:
            write(path)
        return 0
    return check(paths)


if __name__ == "__main__":
    sys.exit(main())
