"""Drives JupyterLab in a headless Chromium: the server with a lab home of its own, the browser, and waiting for both."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest

from labkit.files import read_strictly
from labkit.records import Ranking

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("00_start_here", "07_preference_ranking")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
# All cells in the page at once, and no questions about news over the buttons.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def lacking(what: str) -> None:
    """Skip where there is no browser, unless somebody insists on one."""
    if os.environ.get("LAB_REQUIRE_BROWSER") == "1":
        pytest.fail(f"LAB_REQUIRE_BROWSER=1, but {what}")
    pytest.skip(what)


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Poll until the condition gives something true, and give it back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.25)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


class Lab(NamedTuple):
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    home: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """Call the server's REST API."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def address(self, name: str) -> str:
        return f"{self.url}/lab/tree/{name}.ipynb?token={self.token}"

    def code(self, name: str) -> list[Any]:
        """The code cells of a notebook as they were last saved."""
        file = self.folder / f"{name}.ipynb"
        # The server empties the file before it writes it anew.
        text = wait_for("the file to be written", lambda: (t := file.read_text()).endswith("}\n") and t, 30)
        notebook = nbformat.reads(text, as_version=4)
        return [cell for cell in notebook.cells if cell.cell_type == "code"]

    def log(self) -> list[Ranking]:
        return read_strictly(self.home / "preference" / "rankings.jsonl", Ranking)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab on copies of the notebooks, with a lab home and settings of its own."""
    spec = importlib.util.spec_from_file_location("notebooks_build", ROOT / "notebooks" / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in NOTEBOOKS:
        nbformat.write(build.read(ROOT / "notebooks" / "source" / f"{name}.py"), folder / f"{name}.ipynb")
    for name, values in SETTINGS.items():
        file = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Lab(f"http://127.0.0.1:{port}", "token-of-the-test", folder, tmp_path / "home")
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={made.token}",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]  # fmt: skip
    own = {
        "LAB_HOME": str(made.home),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    said = tmp_path / "jupyterlab.log"
    with open(said, "w") as log:
        server = subprocess.Popen(command, env={**os.environ, **own}, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(f"JupyterLab to start; see {said}", lambda: _answers(made, server, said))
        yield made
    finally:
        server.terminate()  # shuts the kernels down too
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(lab: Lab, server: subprocess.Popen[bytes], said: Path) -> bool:
    assert server.poll() is None, f"JupyterLab ended:\n{said.read_text()[-2000:]}"
    try:
        return bool(lab.ask("/status"))
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        lacking(f"there is no browser here ({', '.join(BROWSERS)})")
    if importlib.util.find_spec("playwright") is None:
        lacking("playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def opened(page: Any, lab: Lab, name: str) -> str:
    """Open a notebook and wait for its kernel; gives the kernel's id."""
    page.goto(lab.address(name))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")

    def kernel() -> Any:
        sessions = [s for s in lab.ask("/sessions") if s["path"] == f"{name}.ipynb" and s["kernel"]]
        return sessions[0]["kernel"]["id"] if sessions and sessions[0]["kernel"]["execution_state"] == "idle" else None

    return str(wait_for("the kernel", kernel))


def run_all(page: Any, lab: Lab, name: str) -> None:
    """Run > Run All Cells, wait for the last cell, and find no error."""
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    before = last.inner_text()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    # The prompt goes from "[ ]:" over "[*]:" to its new number; a run after a restart numbers from one again.
    wait_for("the first cell to be taken", lambda: "*" in last.inner_text() or last.inner_text() != before, 30)
    wait_for("the last cell", lambda: any(c.isdigit() for c in last.inner_text()))
    file = lab.folder / f"{name}.ipynb"
    old = file.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    cells = wait_for("the notebook to be saved", lambda: file.stat().st_mtime_ns > old and _complete(lab.code(name)))
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert errors == []


def _complete(cells: list[Any]) -> list[Any]:
    return cells if cells and all(cell.execution_count for cell in cells) else []


def scratch(folder: Path, name: str, cell: str) -> None:
    """Write a notebook of one cell into the lab's folder."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / f"{name}.ipynb")


def button(page: Any, name: str) -> Any:
    """The button with exactly this text."""
    return page.get_by_role("button", name=name, exact=True)


def focused(page: Any) -> str:
    """The words of the control that has the focus, or its kind where it has none."""
    return str(page.evaluate("(document.activeElement.innerText || document.activeElement.tagName).trim()"))
