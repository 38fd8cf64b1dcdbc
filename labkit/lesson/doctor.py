"""Looks at the machine before a lesson does, and says in plain words what is fine, what is slow and what to mend.

Nothing heavy is imported: versions come from package metadata, the GPU from ``nvidia-smi``.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

import labkit
from labkit import LabError, machine
from labkit.home import default_home
from labkit.machine import GB

Level = Literal["ok", "warn", "fail"]
PYTHONS = ((3, 11), (3, 14))  # from, below
NEEDED_DISK, SPARE_DISK = 1.5 * GB, 5 * GB  # the converted model and one run; every notebook with its checkpoints
NEEDED_MEMORY, SPARE_MEMORY = 3 * GB, 4 * GB  # peak of the heaviest step, with and without room for the browser
# Packages that break a locked one although nothing in the lock asks for them (hosted notebooks bring them along).
COMPANIONS = {"torchao": (">=0.16", "peft refuses an older one")}
INSTALL = "run 'make lab' again; in Colab run the notebook's install cell, then restart the session"


class Line(BaseModel):
    """One observation: how it stands, what was seen, and how to mend it."""

    level: Level
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"[{self.level}]".ljust(7) + self.what + (f"\n       mend: {self.mend}" if self.mend else "")


def _ok(what: str) -> Line:
    return Line(level="ok", what=what)


def _warn(what: str, mend: str = "") -> Line:
    return Line(level="warn", what=what, mend=mend)


def _fail(what: str, mend: str) -> Line:
    return Line(level="fail", what=what, mend=mend)


class Report(BaseModel):
    """Everything the doctor saw. Home folder and user name are already replaced, so it can be pasted anywhere."""

    lines: list[Line] = Field(default_factory=list)
    profile: Literal["cpu", "gpu"] = "cpu"

    @property
    def ok(self) -> bool:
        """True when nothing failed; warnings do not stop the lab."""
        return all(line.level != "fail" for line in self.lines)

    def text(self) -> str:
        """The report as copyable text."""
        worst = "everything the lab needs is here." if self.ok else "mend the [fail] lines first; the others can wait."
        head = f"labkit {labkit.__version__} on {platform.system()} {platform.machine()}"
        return "\n".join([head, *map(str, self.lines), f"Profile: {self.profile}. In short: {worst}"])

    __str__ = __repr__ = text


def doctor() -> Report:
    """Check this machine; takes about a second and changes nothing.

    Returns:
        The report, with the device profile the notebooks will use.
    """
    lines: list[Line] = []
    checks: list[Callable[[], Iterator[Line]]] = [
        _python, _disk, _memory, _cpu, _gpu, _preset, _versions, _widgets, _model, _network, _licences,
    ]  # fmt: skip
    for check in checks:
        try:
            lines.extend(check())
        except Exception as error:  # the doctor itself must never be the patient
            lines.append(_warn(f"{check.__name__[1:]} could not be checked: {error!r}"))
    for line in lines:
        line.what, line.mend = redact(line.what), redact(line.mend)
    return Report(lines=lines, profile=machine.profile())


def redact(text: str) -> str:
    """Replace the home folder by ``~`` and the user's name by ``<user>``."""
    home = str(Path.home())
    if len(home) > 1:  # a container user may live in "/"
        text = text.replace(home, "~").replace(Path(home).as_posix(), "~")
    names = {os.environ.get(key, "") for key in ("USER", "USERNAME", "LOGNAME", "LAB_USER")} | {Path(home).name}
    with contextlib.suppress(KeyError, OSError):  # a container user without a name
        names.add(getpass.getuser())
    for name in sorted(names - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", "<user>", text)
    return text


def _python() -> Iterator[Line]:
    version = sys.version_info[:2]
    said = f"Python {platform.python_version()}"
    if PYTHONS[0] <= version < PYTHONS[1]:
        yield _ok(said)
    else:
        mend = "install Python 3.11, 3.12 or 3.13, remove the folder .venv and run 'make lab' again"
        yield _fail(f"{said}; the lab needs 3.11, 3.12 or 3.13", mend)


def _disk() -> Iterator[Line]:
    from labkit.training.base_model import cache_dir

    home = default_home()
    for name, variable, folder in (("the lab's home", "LAB_HOME", home), ("the model cache", "LAB_CACHE", cache_dir())):
        existing = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.exists())
        free = shutil.disk_usage(existing).free
        said = f"{free / GB:.1f} GB free for {name} ({existing})"
        elsewhere = f"free some space, or set {variable} to a folder on another disk"
        if not os.access(existing, os.W_OK):
            yield _fail(f"{name} ({existing}) cannot be written to", f"set {variable} to a folder of yours")
        elif free < NEEDED_DISK:
            yield _fail(f"only {said}", elsewhere)
        elif free < SPARE_DISK:
            yield _warn(f"{said}: enough to start, not for every notebook", elsewhere)
        else:
            yield _ok(said)


def _memory() -> Iterator[Line]:
    seen = machine.memory()
    if seen is None:
        yield _warn("memory is unknown (psutil is not installed)", INSTALL)
        return
    free, total = seen
    said = f"{free / GB:.1f} GB of {total / GB:.1f} GB memory free"
    if total < NEEDED_MEMORY:
        yield _fail(f"{said}; training needs {NEEDED_MEMORY / GB:.0f} GB", "use a larger machine, or Colab")
    elif free < SPARE_MEMORY:
        yield _warn(said, "close other programs before training")
    else:
        yield _ok(said)


def _cpu() -> Iterator[Line]:
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = f"{threads} CPU thread{'s' * (threads != 1)}"
    fast = machine.fast_bf16()
    if fast and threads >= 2:
        yield _ok(f"{said} with fast bf16 ({fast})")
    else:
        mend = "nothing is broken: allow about twice the minutes, or use a machine with a GPU, or Colab"
        why = "no fast bf16 arithmetic found" if not fast else "the notebooks' minutes were measured on two"
        yield _warn(f"{said}; {why}: training works, but takes longer than printed", mend)


def _gpu() -> Iterator[Line]:
    cards = machine.gpus()
    if not cards:
        yield _ok("no NVIDIA GPU: the lab trains its embedded model on the CPU")
        return
    said = ", ".join(f"{card.name} with {card.memory / GB:.1f} GB" for card in cards)
    if all(card.memory < machine.GPU_MEMORY for card in cards):
        yield _ok(f"{said}: less than 8 GB, so the lab trains its embedded model on the CPU")
    elif not machine.torch_cuda():
        mend = "remove the folder .venv and run 'make lab' without TORCH=cpu"
        yield _warn(f"{said}, but the installed torch has no CUDA, so the CPU is used", mend)
    else:
        yield _ok(said)
        if len(cards) > 1:
            mend = "start with CUDA_VISIBLE_DEVICES=0 make lab"
            yield _warn(f"{len(cards)} GPUs are visible; training in a notebook uses only one", mend)


def _preset() -> Iterator[Line]:
    from labkit.training.presets import choose

    card = machine.gpus()[0].memory if machine.profile() == "gpu" else None
    chosen = choose(card)
    take = f"; labkit train sft --preset {chosen.name} takes it, with LAB_ONLINE=1" if chosen.hub else ""
    yield _ok(f"preset {chosen.name}, {chosen}{take}")


def requirements() -> list[str]:
    """What the lab asks of its packages: from pyproject.toml beside the package, else from the installed metadata."""
    pyproject = Path(labkit.__file__).parent.parent / "pyproject.toml"
    if pyproject.exists():
        import tomllib

        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        return [*project["dependencies"], *extras["train"], *extras["lab"]]
    return [r for r in metadata.requires("labkit") or [] if not re.search(r"extra == .dev.", r)]


def _versions() -> Iterator[Line]:
    from packaging.requirements import Requirement

    fitting = []
    for text in requirements():
        requirement = Requirement(text)
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield _fail(f"{requirement.name} is missing; the lab needs {requirement.specifier or 'it'}", INSTALL)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            fitting.append(f"{requirement.name} {found}")
        else:
            clash = f"{requirement.name} {found} is installed; the lab needs {requirement.specifier}"
            yield _fail(clash, INSTALL)
    for name, (specifier, why) in COMPANIONS.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if not Requirement(f"{name}{specifier}").specifier.contains(found, prereleases=True):
            mend = f"pip uninstall {name}, then restart the kernel"
            yield _fail(f"{name} {found} is installed, and {why}", mend)
    yield _ok(f"{len(fitting)} packages at the versions asked for: {', '.join(fitting)}")


def _widgets() -> Iterator[Line]:
    if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
        yield _ok("widgets: Colab brings its own manager")
        return
    try:
        kernel = metadata.version("ipywidgets")
    except metadata.PackageNotFoundError:
        yield _fail("widgets: ipywidgets is missing from this kernel", INSTALL)
        return
    manager = "labextensions/@jupyter-widgets/jupyterlab-manager/package.json"
    places = [Path(sys.prefix) / "share" / "jupyter", *map(Path, _jupyter_path())]
    if any((place / manager).exists() for place in places):
        yield _ok(f"widgets: ipywidgets {kernel} in the kernel, its manager in JupyterLab's server")
    else:
        mend = "pip install jupyterlab_widgets in the environment that starts JupyterLab, then reload the page"
        yield _warn("widgets: this environment holds no manager for JupyterLab's server", mend)


def _jupyter_path() -> list[str]:
    if not importlib.util.find_spec("jupyter_core"):
        return []
    from jupyter_core.paths import jupyter_path

    return list(jupyter_path())


def _model() -> Iterator[Line]:
    from labkit.training.base_model import embedded_dir, wheel_weights

    try:
        weights = wheel_weights()
    except LabError as error:
        yield _fail(f"{error.where}: {error.what}", error.mend)
        return
    state = "converted" if (embedded_dir() / "config.json").exists() else "converted on first use, in about a minute"
    yield _ok(f"embedded model SmolLM2-135M-Instruct ({weights.stat().st_size / 1e6:.0f} MB), {state}")


def _network() -> Iterator[Line]:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        yield _ok("network: off; nothing is downloaded or reported (LAB_ONLINE=1 allows model downloads)")
    elif os.environ.get("LAB_ONLINE") == "1":
        yield _ok("network: on, because LAB_ONLINE=1; only models you ask for are downloaded")
    else:
        mend = "unset HF_HUB_OFFLINE, or set it to 1"
        yield _warn("network: on, because HF_HUB_OFFLINE says so", mend)


def _licences() -> Iterator[Line]:
    yield _ok(
        "licences: labkit and the embedded model are Apache-2.0; unsloth is published as Apache-2.0 and unsloth_zoo "
        "as LGPL-3.0, but many of their files carry AGPL headers (docs/licences.md)"
    )
