"""Starts JupyterLab, opens notebooks in Chromium, runs them, and asks their kernels.

Knows nothing of: what the notebooks hold.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

__all__ = ["JupyterLab", "LabPage"]

START_S = 60.0


class JupyterLab:
    """A JupyterLab server over `root`, with all its settings in `home`."""

    def __init__(self, root: Path, home: Path, *, dark: bool = False, env: Mapping[str, str] | None = None) -> None:
        self.root, self.home = root, home
        self.token = secrets.token_hex(16)
        self.port = free_port()
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet), encoding="utf-8")
        theme = {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
        (settings / "themes.jupyterlab-settings").write_text(json.dumps(theme), encoding="utf-8")
        names = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        self.env = {**os.environ, **{name: str(home / folder) for name, folder in names.items()}, **(env or {})}
        self._log = (home / "lab.log").open("wb")
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={root}",
            "--allow-root",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.terminals_enabled=False",
            "--LabApp.expose_app_in_browser=True",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=self.env,
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
        request = urllib.request.Request(f"{self.url}/api/status", headers={"Authorization": f"token {self.token}"})
        while True:
            try:
                with urllib.request.urlopen(request, timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self._process.poll() is not None or time.monotonic() > end:
                    log = (self.home / "lab.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                    self.close()
                    raise RuntimeError(f"JupyterLab does not answer:\n{log}") from None
                time.sleep(0.1)

    def open(self, browser: Any, notebook: str, **page: Any) -> LabPage:
        """A notebook in a page of its own, once its kernel is ready."""
        return LabPage(self, browser, notebook, **page)

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


class LabPage:
    """A notebook in a browser; `page` is Playwright's."""

    def __init__(self, lab: JupyterLab, browser: Any, notebook: str, size: tuple[int, int] = (1400, 1000)) -> None:
        self.lab = lab
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.on("request", self._requested)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda m: self.errors.append(m.text) if m.type == "error" and "amlab" in m.text else None
        )
        self.page.goto(f"{lab.url}/lab/tree/{notebook}?token={lab.token}&reset")
        self.page.wait_for_function("globalThis.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=60_000)
        self.page.evaluate(
            "async () => { const c = jupyterapp.shell.currentWidget.sessionContext;"
            " await c.ready; await c.session.kernel.info; }"
        )

    def _requested(self, request: Any) -> None:
        if not request.url.startswith((self.lab.url, self.lab.url.replace("http", "ws", 1), "data:", "blob:")):
            self.outside.append(request.url)

    def run_all(self) -> None:
        """Runs all cells, and waits until they have run."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")

    def python(self, code: str) -> str:
        """What code prints in the notebook's kernel."""
        return str(
            self.page.evaluate(
                """async (code) => {
                  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                  const future = kernel.requestExecute({ code, store_history: false });
                  let text = "";
                  future.onIOPub = (m) => {
                    if (m.header.msg_type === "stream") text += m.content.text;
                    if (m.header.msg_type === "error") text += m.content.traceback.join("\\n");
                  };
                  await future.done;
                  return text;
                }""",
                code,
            )
        ).strip()

    def close(self) -> None:
        """Shuts the kernel down and closes the page."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
