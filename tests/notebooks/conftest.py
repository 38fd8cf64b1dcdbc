"""Runs the committed notebooks through nbval, in the order of the course and with one lab home.

The file ``every.notebook`` beside this one stands for all of them, so that ``pytest tests`` needs no option and no
second command. Each cell is a test; its text must be what is committed, unless it is tagged ``nbval-ignore-output``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SECONDS = 1800  # a cell that trains on a busy machine
HOME = pytest.StashKey[tempfile.TemporaryDirectory]()
# Beside what nbval itself passes over: progress bars and warnings, and pictures whose text twin is compared.
NOT_COMPARED = ("stderr", "text/html", "application/javascript", "application/vnd.plotly.v1+json", "image/svg+xml")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return EveryNotebook.from_parent(parent, path=file_path) if file_path.name == "every.notebook" else None


class EveryNotebook(pytest.File):
    """All notebooks, each a collector of its own."""

    def collect(self) -> Iterator[pytest.Collector]:
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
            yield Notebook.from_parent(self, path=path, name=path.stem, nodeid=f"{self.nodeid}::{path.stem}")


class Notebook(IPyNbFile):
    """One notebook. Its kernel finds the lab home that the notebooks of this session share."""

    def __init__(self, **given):
        super().__init__(**given)
        self.skip_compare += NOT_COMPARED
        self.config.option.nbval_cell_timeout = SECONDS

    def collect(self) -> Iterator[pytest.Item]:
        for cell in super().collect():
            cell.add_marker(pytest.mark.slow)
            cell.add_marker(pytest.mark.timeout(SECONDS + 60))  # nbval's own limit comes first and says which cell
            yield cell

    def setup(self) -> None:
        if HOME not in self.config.stash:
            self.config.stash[HOME] = tempfile.TemporaryDirectory(prefix="lab-home-", ignore_cleanup_errors=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAB_HOME", self.config.stash[HOME].name)
            super().setup()  # starts the kernel


def pytest_unconfigure(config: pytest.Config) -> None:
    if HOME in config.stash:
        config.stash[HOME].cleanup()
