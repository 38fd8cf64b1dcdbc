"""Build the notebooks: each ``source/NN_name.py`` becomes ``NN_name.ipynb``, executed from top to bottom.

    python notebooks/build.py                     all of them, in order, in one temporary lab home
    python notebooks/build.py 06 07 --home DIR    some of them; a home that is kept saves what was trained before
    python notebooks/build.py --check             say which notebooks differ from their source; executes nothing

Outputs are committed, so they are made fit for it: progress bars shrink to their last line, and the paths of the machine
that built them are replaced. A cell that prints such a path needs the tag ``nbval-ignore-output``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
TIMEOUT = 1800  # seconds a cell may take
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"\d+%\||\[\d+:\d\d<|\d+(?:it|step|case|row)s? ?\[")
INSTANT = re.compile(r"\[00:00<00:00")  # a bar that took no second tells a reader nothing
LONGEST_BAR = 160


def sources(names: Sequence[str] = ()) -> list[Path]:
    """The source files, in the order of the course; ``names`` are numbers or beginnings of names, as "06"."""
    found = sorted((FOLDER / "source").glob("[0-9][0-9]_*.py"))
    unknown = [name for name in names if not any(path.stem.startswith(name) for path in found)]
    if unknown:
        raise SystemExit(f"no notebook {unknown[0]!r}; there are {', '.join(path.stem for path in found)}")
    return [path for path in found if not names or any(path.stem.startswith(name) for name in names)]


def built(source: Path) -> Path:
    """Where the notebook of a source lies."""
    return FOLDER / f"{source.stem}.ipynb"


def read(source: Path) -> Any:
    """A source as a notebook without outputs: the same source gives the same bytes, cell ids included."""
    import jupytext

    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{cell.source}"
        seen[content] += 1  # equal cells need ids of their own
        cell.id = hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()[:12]
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
    return notebook


def inputs(notebook: Any) -> list[tuple[str, str, str, list[str]]]:
    """What of a notebook comes from its source."""
    return [(c.cell_type, c.get("id", ""), c.source, c.metadata.get("tags", [])) for c in notebook.cells]


def difference(source: Path) -> str:
    """Where a notebook departs from its source, in a few words; empty when it does not."""
    import nbformat

    if not built(source).exists():
        return "is not built yet"
    here, there = inputs(nbformat.read(built(source), as_version=4)), inputs(read(source))
    if here == there:
        return ""
    first = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    return f"differs from its source from cell {first} on"


def build(source: Path, home: Path) -> Path:
    """Execute a source and write its notebook; a notebook that fails is left as it was.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = read(source)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    with _lab_home(home):
        client.execute()
    places = {str(home.resolve()): "lab-home", str(FOLDER.parent): ".", str(Path.home()): "~"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = [nbformat.from_dict(output) for output in tidy(cell.outputs, places)]
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    part = built(source).with_suffix(".part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    part.replace(built(source))
    return built(source)


@contextmanager
def _lab_home(home: Path) -> Iterator[None]:
    """LAB_HOME for the kernels that are started inside."""
    before = os.environ.get("LAB_HOME")
    os.environ["LAB_HOME"] = str(home.resolve())
    try:
        yield
    finally:
        del os.environ["LAB_HOME"]
        if before is not None:
            os.environ["LAB_HOME"] = before


def tidy(outputs: Sequence[dict[str, Any]], places: dict[str, str]) -> list[dict[str, Any]]:
    """Outputs as they are committed.

    Text written in pieces is joined, progress bars keep their last line, paths of this machine are replaced, and views
    of widgets go: without the kernel that made them they show as an error.

    Args:
        outputs: of one cell.
        places: what to write for which folder.
    """
    kept: list[dict[str, Any]] = []
    errors = "".join(str(o["text"]) for o in outputs if o["output_type"] == "stream" and o["name"] == "stderr")
    for output in map(dict, outputs):
        if output["output_type"] == "stream" and output["name"] == "stderr":
            continue
        if output["output_type"] == "stream" and kept and kept[-1].get("name") == output["name"]:
            kept[-1]["text"] += output["text"]
            continue
        if isinstance(data := output.get("data"), dict) and len(data) > 1:
            output["data"] = {kind: value for kind, value in data.items() if kind != WIDGET}
        kept.append(output)
    if said := collapse(errors):
        kept.insert(0, {"output_type": "stream", "name": "stderr", "text": said})
    return [_elsewhere(output, places) for output in kept]


def collapse(text: str) -> str:
    """What a terminal would show in the end, of all progress bars the last one only, and that one short."""
    shown = []
    for line in text.split("\n"):
        frames = [frame for frame in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).split("\r") if frame.strip()]
        bar = bool(frames and BAR.search(frames[-1]))
        if frames and not (bar and INSTANT.search(frames[-1])):
            shown.append((frames[-1].rstrip()[: LONGEST_BAR if bar else None], bar))
    last = max((i for i, (_, bar) in enumerate(shown) if bar), default=-1)
    lines = [line for i, (line, bar) in enumerate(shown) if i == last or not bar]
    return "\n".join(lines) + "\n" if lines else ""


def _elsewhere(value: Any, places: dict[str, str]) -> Any:
    """Replace the folders of this machine in every text of an output; pictures are left alone."""
    if isinstance(value, dict):
        return {k: v if k.startswith("image/") else _elsewhere(v, places) for k, v in value.items()}
    if isinstance(value, list):
        return [_elsewhere(item, places) for item in value]
    if not isinstance(value, str):
        return value
    for folder in sorted((f for f in places if len(f) > 1), key=len, reverse=True):
        value = re.sub(rf"(?<![\w.~-]){re.escape(folder)}(?![\w-])", lambda _, to=places[folder]: to, value)
    return re.sub(r"/\S*/ipykernel_\d+/\d+\.py", "this cell", value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check; 0 when all went well."""
    parser = argparse.ArgumentParser(description="Build the notebooks from their sources.")
    parser.add_argument("names", nargs="*", help="which: numbers or beginnings of names; all by default")
    parser.add_argument("--check", action="store_true", help="compare inputs with sources, execute nothing")
    parser.add_argument("--home", type=Path, help="the lab home they share; a temporary one by default")
    options = parser.parse_args(arguments)
    chosen = sources(options.names)
    if options.check:
        problems = {source.stem: said for source in chosen if (said := difference(source))}
        for name, said in problems.items():
            print(f"{name} {said}: run 'make notebooks'")
        return 1 if problems else 0
    from nbclient.exceptions import CellExecutionError

    with nullcontext(options.home) if options.home else tempfile.TemporaryDirectory() as home:
        for source in chosen:
            print(f"{source.stem}...", end=" ", flush=True)
            started = time.monotonic()
            try:
                size = build(source, Path(home)).stat().st_size
            except CellExecutionError as error:
                print(f"failed\n{error}", file=sys.stderr)
                return 1
            print(f"{time.monotonic() - started:.0f} s, {size / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
