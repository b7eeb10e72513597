"""A marimo server over one app, on loopback, with all that it writes in a folder of the caller's.

Knows nothing of: what the app shows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.lab.jupyter_lab import START_S, free_port

__all__ = ["MarimoApp"]


class MarimoApp:
    """`marimo run` or `marimo edit` of `app`."""

    def __init__(self, app: Path, home: Path, mode: str, env: Mapping[str, str]) -> None:
        self.home = home
        self.port = free_port()
        folders = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
        options = ["--headless", "--no-token", "--host=127.0.0.1", f"--port={self.port}"]
        if mode == "edit":
            options.append("--skip-update-check")
        self._log = (home / "marimo.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "marimo", mode, str(app), *options],
            env={**os.environ, **folders, **env},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self._process.poll() is not None or time.monotonic() > end:
                    log = (self.home / "marimo.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                    self.close()
                    raise RuntimeError(f"marimo does not answer:\n{log}") from None
                time.sleep(0.1)

    def close(self) -> None:
        """Ends the server and its kernels."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
