"""Row checks on rows as they stream by: in this process, or on Daft, which spreads them over processes and machines.

A check has one implementation, the registered one. It runs row by row wherever the row is, so every engine, and chunks of
any size, give the same findings, byte for byte. Set checks compare rows and run in this process.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit import LabError
from labkit.checks import CHECKS, Check, Context, load_own_checks, run_checks
from labkit.files import explain
from labkit.formats import detect, read_rows, usable
from labkit.records import Example, Finding
from labkit.tables import records

ENGINES = ("local", "daft")
CHUNK = {"local": 1_000, "daft": 100_000}  # rows held at a time; Daft starts its workers anew for each chunk
_PARTITION = 1_000  # rows that one machine of a cluster takes at a time
_BATCH = 100  # rows that one process takes at a time


def ready(engine: str) -> None:
    """Can this engine be used here?

    Raises:
        LabError: there is no such engine, or it is not installed.
    """
    if engine not in ENGINES:
        raise LabError(f"engine {engine}", "does not exist", f"choose of {', '.join(ENGINES)}")
    if engine == "daft":
        _daft()


def run_on(
    engine: str,
    rows: Iterable[Example],
    context: Context,
    checks: Iterable[Check],
    *,
    own_checks: str | Path | None = None,
    processes: int | None = None,
    chunk: int | None = None,
) -> list[Finding]:
    """What :func:`labkit.checks.run_checks` returns, with the row checks done by an engine.

    Args:
        engine: ``local`` or ``daft``.
        rows: all rows. Where every check is a row check, an iterator will do: only ``chunk`` rows are held at a time.
        context: what the checks may know beside the rows.
        checks: the checks; those that need the whole set run in this process.
        own_checks: the file that registered checks of your own. Workers load it themselves; without it a check of
            yours is sent to them as it is.
        processes: worker processes of Daft, by default as many as it finds cores.
        chunk: rows held at a time, by default as :data:`CHUNK` says.

    Raises:
        LabError: the engine cannot be used or failed, or a check failed; the message names it.
    """
    ready(engine)
    checks = list(checks)
    chosen = {check.name: check for check in checks if check.needs == "row"}
    whole: list[Example] = []
    if any(check.needs == "set" for check in checks):
        rows = whole = list(rows)
    spread = engine == "daft" and chosen
    work = _spread(context, chosen.values(), own_checks, processes) if spread else _local(context, chosen.values())
    found: dict[str, list[Finding]] = {name: [] for name in chosen}
    for part in _chunks(rows, chunk or CHUNK[engine]):
        for finding in work(part):
            found[finding.check].append(finding)
    done = {name: _Done(**vars(check), found=found[name]) for name, check in chosen.items()}
    return run_checks(whole, context, [done.get(check.name, check) for check in checks])


def row_findings(
    path_or_rows: str | Path | Iterable[Example],
    context: Context,
    checks: Iterable[Check],
    *,
    engine: str = "local",
    own_checks: str | Path | None = None,
    processes: int | None = None,
    chunk: int | None = None,
) -> list[Finding]:
    """Findings of the row checks alone, in memory that grows with the findings and the ids, not with the rows' text.

    Args:
        path_or_rows: a file in any form :func:`labkit.formats.read_rows` knows, whose unusable records come first among
            the findings; or rows. JSON Lines and Parquet are read record by record, other forms are parsed whole.
        context, checks, engine, own_checks, processes, chunk: as for :func:`run_on`; set checks are left out.

    Raises:
        LabError: the file cannot be read, or as for :func:`run_on`.
    """
    unusable: list[Finding] = []
    rows = _rows(Path(path_or_rows), unusable) if isinstance(path_or_rows, str | Path) else path_or_rows
    rowwise = [check for check in checks if check.needs == "row"]
    found = run_on(engine, rows, context, rowwise, own_checks=own_checks, processes=processes, chunk=chunk)
    return [*unusable, *found]


def daft_function(
    context: Context,
    checks: Iterable[Check],
    *,
    own_checks: str | Path | None = None,
    processes: int | None = None,
) -> Callable[[Any], Any]:
    """A Daft function for data frames of your own: from a column of rows to a column of what the row checks found.

    A row is the JSON text of an :class:`~labkit.records.Example`. What was found is a JSON list of findings; where the
    text is no row, or a check failed, it is an object with ``where``, ``what`` and ``mend`` instead.

    Args:
        context, checks, own_checks, processes: as for :func:`run_on`; set checks are left out.

    Raises:
        LabError: Daft is not installed.
    """
    daft = _daft()
    checks = [check for check in checks if check.needs == "row"]
    # What a file of the user's registered may hold things that cannot be sent, such as a model: workers load the file.
    sent = [check for check in checks if not own_checks or getattr(check.function, "__module__", "") != "own_checks"]

    class RowChecks:  # it is sent whole, with every global that it names: so it names functions only, not the registry
        def __init__(self, context: Context, sent: Sequence[Check], names: Sequence[str], own: str | None) -> None:
            self.context, self.checks = context, _arrived(sent, names, own)

        @daft.method.batch(return_dtype=daft.DataType.string(), batch_size=_BATCH)
        def findings(self, rows: Any) -> list[str]:
            return [_answer(text, self.context, self.checks) for text in rows.to_pylist()]

    worker = daft.cls(RowChecks, use_process=True, max_concurrency=processes)
    plain = replace(context, held_out=dict(context.held_out))  # the read-only view of a mapping cannot be sent
    own = str(Path(own_checks).resolve()) if own_checks else None
    function: Callable[[Any], Any] = worker(plain, sent, [check.name for check in checks], own).findings
    return function


@dataclass(frozen=True)
class _Done(Check):
    """A row check that an engine has run. The registry's own run_checks then puts findings in order and numbers them."""

    found: list[Finding]

    def run(self, rows: Sequence[Example], context: Context) -> list[Finding]:
        return self.found


def _of_row(row: Example, context: Context, checks: Iterable[Check]) -> list[Finding]:
    found: list[Finding] = []
    for check in checks:
        try:
            found += check.run([row], context)
        except Exception:
            found += run_checks([row], context, [check])  # fails again, and says whose check it was
    return found


def _local(context: Context, checks: Iterable[Check]) -> Callable[[Sequence[Example]], Iterator[Finding]]:
    return lambda rows: (finding for row in rows for finding in _of_row(row, context, checks))


def _spread(
    context: Context, checks: Iterable[Check], own_checks: str | Path | None, processes: int | None
) -> Callable[[Sequence[Example]], Iterator[Finding]]:
    daft = _daft()
    function = daft_function(context, checks, own_checks=own_checks, processes=processes)

    def work(rows: Sequence[Example]) -> Iterator[Finding]:
        try:
            texts = [row.model_dump_json() for row in rows]
            frame = daft.from_pydict({"at": list(range(len(texts))), "row": texts})
            if daft.runners.get_or_infer_runner_type() == "ray":
                frame = frame.into_partitions(-(-len(texts) // _PARTITION))
            try:
                answers = function(frame["row"]).alias("found")
            except ValueError as error:
                mend = "put your checks into a file and name it (own_checks, --checks)"
                raise LabError("engine daft", "cannot send a check to its workers", mend) from error
            got = frame.select("at", answers).to_pydict()
        except LabError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            raise LabError("engine daft", f"failed ({what})", "see docs/scale.md, or use the engine local") from error
        for _, text in sorted(zip(got["at"], got["found"], strict=True)):  # a cluster returns rows in any order
            answer = json.loads(text)
            if isinstance(answer, dict):
                raise LabError(**answer)
            yield from map(Finding.model_validate, answer)

    return work


def _arrived(sent: Sequence[Check], names: Sequence[str], own_checks: str | None) -> list[Check]:
    """The checks as a worker has them."""
    if own_checks:
        load_own_checks(own_checks)
    known = {check.name: check for check in sent}
    return [known.get(name) or CHECKS[name] for name in names]


def _answer(text: str | None, context: Context, checks: Sequence[Check]) -> str:
    try:
        row = Example.model_validate_json(text or "")
    except ValidationError as error:
        return json.dumps({"where": "row", "what": explain(error), "mend": "see 'labkit schema example'"})
    try:
        return json.dumps([finding.model_dump(mode="json") for finding in _of_row(row, context, checks)])
    except LabError as error:
        return json.dumps({"where": error.where, "what": error.what, "mend": error.mend})


def _daft() -> Any:
    try:
        return importlib.import_module("daft")
    except ImportError as error:
        raise LabError("engine daft", "is not installed", "install it: pip install 'labkit[scale]'") from error


def _chunks(rows: Iterable[Example], size: int) -> Iterator[list[Example]]:
    stream = iter(rows)
    while part := list(itertools.islice(stream, size)):
        yield part


def _rows(path: Path, unusable: list[Finding]) -> Iterator[Example]:
    """The rows that read_rows returns, one by one; the findings that it returns are put into ``unusable``."""
    ours = any(detect(line.value) == "labkit" for line in records(path)[1])
    unit, found = records(path)
    any_row = False
    for row in usable(path, unit, found, ours, unusable):
        any_row = True
        yield row
    if not any_row:
        read_rows(path)  # refuses the file, and says why
