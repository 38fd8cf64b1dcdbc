"""The lab's home folder: one folder a stage, and an append-only ledger that says what made what.

A stage whose inputs and parameters have not changed is not run again. A killed stage leaves only its scratch folder,
which the same stage with the same inputs and parameters finds again and may resume from.
"""

from __future__ import annotations

import datetime
import getpass
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

import labkit
from labkit import LabError
from labkit.files import append_jsonl, lines, sha256

Stage = Literal[
    "curation", "labelling", "governance", "coverage", "training", "preference", "evaluation", "release", "feedback"
]
NAME = "lab-home"
_VERSIONED = ("torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes")


class Artefact(BaseModel):
    """A file or folder at one moment: its path (relative to the home where it lies inside) and content hash."""

    path: str
    sha256: str


class Entry(BaseModel):
    """One line of the ledger."""

    stage: str
    name: str
    inputs: list[Artefact]
    outputs: list[Artefact]
    parameters: dict[str, Any]
    versions: dict[str, str]
    who: str
    when: str


def default_home() -> Path:
    """Where the lab's home is when nobody names it; the same from every folder of a checkout, notebooks included.

    ``LAB_HOME``; else the nearest ``lab-home`` in the working directory or above it; else one in the root of labkit's
    checkout when the working directory lies inside; else ``lab-home`` in the working directory. Nothing is created.
    """
    if named := os.environ.get("LAB_HOME"):
        return Path(named)
    here = Path.cwd()
    found = next((p / NAME for p in (here, *here.parents) if (p / NAME).is_dir()), None)
    checkout = Path(labkit.__file__).resolve().parent.parent
    inside = (checkout / "pyproject.toml").exists() and here.is_relative_to(checkout)
    return found or (checkout if inside else here) / NAME


class Home:
    """One learner's working folder.

    Args:
        path: the folder, created when missing; by default what :func:`default_home` finds.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = Path(path or default_home()).resolve()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(
                str(self.path), error.strerror or "cannot be made", "set LAB_HOME to a folder of yours"
            ) from error
        self.ledger = self.path / "ledger.jsonl"

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def entries(self) -> list[Entry]:
        """The ledger, oldest first. A line cut off by a kill is passed over: its stage simply did not happen."""
        if not self.ledger.exists():
            return []
        return [Entry.model_validate(line.value) for line in lines(self.ledger) if line.problem is None]

    def run(
        self,
        stage: Stage,
        name: str,
        work: Callable[[Path], None],
        *,
        outputs: Sequence[str],
        inputs: Sequence[str | Path] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> Path:
        """Run one step of a stage, unless it was run before with the same inputs and parameters.

        Args:
            stage: the stage's folder.
            name: the step's name inside the stage.
            work: gets a scratch folder and writes every output there, under the names given in ``outputs``. The
                folder of an interrupted run with equal inputs and parameters is handed over again.
            outputs: file or folder names, put in place only when all of them are finished.
            inputs: files or folders the result depends on.
            parameters: JSON-ready values the result depends on.

        Returns:
            The path of the first output.

        Raises:
            LabError: an input is missing, another process runs this step, or ``work`` left an output unwritten.
        """
        from filelock import FileLock, Timeout

        used = [self._artefact(Path(p)) for p in inputs]
        settings = json.loads(json.dumps(dict(parameters or {}), default=str))
        folder = self.path / stage
        folder.mkdir(exist_ok=True)
        digest = sha256(json.dumps([stage, name, [a.sha256 for a in used], settings], sort_keys=True))[:12]
        scratch = folder / f".{name}-{digest}"
        try:
            with FileLock(folder / f".{name}.lock", timeout=0):
                if not self._unchanged(stage, name, used, settings, outputs):
                    self._clear_scratch(folder, name, keep=scratch)
                    scratch.mkdir(exist_ok=True)
                    work(scratch)
                    made = [self._put_in_place(scratch / out, folder / out) for out in outputs]
                    shutil.rmtree(scratch)
                    append_jsonl(self.ledger, self._entry(stage, name, used, made, settings))
        except Timeout as error:
            raise LabError(f"{stage}/{name}", "is being run by another process", "wait for it, or stop it") from error
        return folder / outputs[0]

    def _unchanged(
        self, stage: str, name: str, used: list[Artefact], settings: dict[str, Any], outputs: Sequence[str]
    ) -> bool:
        last = next((e for e in reversed(self.entries()) if (e.stage, e.name) == (stage, name)), None)
        if last is None or last.parameters != settings:
            return False
        if [a.sha256 for a in last.inputs] != [a.sha256 for a in used] or len(last.outputs) != len(outputs):
            return False
        return all((self.path / a.path).exists() and sha256(self.path / a.path) == a.sha256 for a in last.outputs)

    @staticmethod
    def _clear_scratch(folder: Path, name: str, keep: Path) -> None:
        for old in folder.glob(f".{name}-" + "[0-9a-f]" * 12):
            if old != keep:
                shutil.rmtree(old)

    def _put_in_place(self, made: Path, target: Path) -> Artefact:
        if not made.exists():
            raise LabError(
                str(target), "was not written by its stage", "report this with the output of 'labkit doctor'"
            )
        if made.is_dir() and target.exists():  # a folder cannot be renamed over another
            aside = target.with_name(f".{target.name}.old")
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
            made.rename(target)
            shutil.rmtree(aside)
        else:
            os.replace(made, target)
        return self._artefact(target)

    def _artefact(self, path: Path) -> Artefact:
        if not path.exists():
            raise LabError(str(path), "does not exist", "run the stage that makes it, or check the path")
        path = path.resolve()
        inside = path.is_relative_to(self.path)
        return Artefact(path=path.relative_to(self.path).as_posix() if inside else str(path), sha256=sha256(path))

    @staticmethod
    def _entry(stage: str, name: str, used: list[Artefact], made: list[Artefact], settings: dict[str, Any]) -> Entry:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Entry(
            stage=stage,
            name=name,
            inputs=used,
            outputs=made,
            parameters=settings,
            versions=versions(),
            who=_who(),
            when=now,
        )


def versions() -> dict[str, str]:
    """Versions of what a result depends on: Python, labkit, and the training libraries that are installed."""
    found = {"python": platform.python_version(), "labkit": labkit.__version__}
    for package in _VERSIONED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _who() -> str:
    try:
        return os.environ.get("LAB_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container user without a name
        return "unknown"


class Lineage(BaseModel):
    """What an artefact was made from, back to the raw files."""

    path: str
    sha256: str
    made_by: Entry | None = None
    sources: list[Lineage] = []
    rows: dict[str, int] = {}  # for raw JSONL: rows by licence

    def text(self, depth: int = 0) -> str:
        """The tree as indented lines."""
        stage = f"  <- {self.made_by.stage}/{self.made_by.name}, {self.made_by.when}" if self.made_by else ""
        licences = "".join(f"; {n} rows under {licence or 'no licence'}" for licence, n in sorted(self.rows.items()))
        own = f"{'  ' * depth}{self.path}  {self.sha256[:12]}{stage}{licences}"
        return "\n".join([own, *(source.text(depth + 1) for source in self.sources)])


def lineage(home: Home, path: str | Path) -> Lineage:
    """Which raw rows, under which licence, made this file?

    Raises:
        LabError: the file does not exist.
    """
    artefact = home._artefact(Path(path) if Path(path).exists() else home.path / path)
    return _trace(home, artefact, {out.sha256: entry for entry in home.entries() for out in entry.outputs})


def _maker(home: Home, artefact: Artefact, makers: dict[str, Entry]) -> Entry | None:
    """The entry that made this content, or the unchanged folder that it lies in."""
    if artefact.sha256 in makers:
        return makers[artefact.sha256]
    for entry in reversed(makers.values()):
        for out in entry.outputs:
            if artefact.path.startswith(f"{out.path}/") and sha256(home.path / out.path) == out.sha256:
                return entry
    return None


def _trace(home: Home, artefact: Artefact, makers: dict[str, Entry], seen: frozenset[str] = frozenset()) -> Lineage:
    maker = _maker(home, artefact, makers) if artefact.sha256 not in seen else None
    node = Lineage(path=artefact.path, sha256=artefact.sha256, made_by=maker)
    if maker:
        node.sources = [_trace(home, a, makers, seen | {artefact.sha256}) for a in maker.inputs]
        return node
    file = home.path / artefact.path
    if file.suffix == ".jsonl" and file.exists() and sha256(file) == artefact.sha256:
        for line in lines(file):
            provenance = line.value.get("provenance") if isinstance(line.value, dict) else None
            if isinstance(provenance, dict):
                licence = str(provenance.get("licence", ""))
                node.rows[licence] = node.rows.get(licence, 0) + 1
    return node
