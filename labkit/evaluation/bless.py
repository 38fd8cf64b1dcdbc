"""Named baselines: a run that later ones are held against, set only by an explicit, reasoned and logged act.

``evaluation/baselines/`` in the lab's home holds a copy of every blessed run under its hash, and ``log.jsonl``, to which
lines are only added. The last line of a name is its baseline; the earlier ones say what it was before, and why.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from labkit import LabError, samples
from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite, load
from labkit.files import append_jsonl, explain, lines, read_strictly, sha256, write_text
from labkit.home import Home, _who
from labkit.records import Record, Requirement, RunRecord

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Baseline(Record):
    """One line of the log."""

    name: str
    file: str  # of the copy, beside the log
    run_sha256: str
    suite: str
    suite_sha256: str
    models: list[str]
    passed: int
    n: int
    reason: str
    who: str
    when: str


def bless(home: Home, run: str | Path, name: str, reason: str, suite: str | Path | None = None) -> Baseline:
    """Make a run the baseline of this name.

    Args:
        home: the lab's home.
        run: the file of run records.
        name: what the baseline is called, e.g. ``release-1``; one that exists is superseded.
        reason: why this run is the measure from now on.
        suite: the suite it answers; by default the one the home's ledger or the samples know by its hash.

    Returns:
        The line that was added to the log.

    Raises:
        LabError: no reason, a name that cannot be a file's, a run that is stale, cut off, incomplete or holds failed
            generations, or a suite that is not found.
    """
    run = Path(run)
    if not _NAME.fullmatch(name):
        raise LabError(f"baseline '{name}'", "is no name", "use 1-64 letters, digits and . _ -, no spaces")
    if not reason.strip():
        raise LabError(f"baseline '{name}'", "has no reason", "say why this run is the measure from now on")
    records = read_strictly(run, RunRecord)
    of = load(suite) if suite is not None else _suite_of(home, records[0].made_by["suite"])
    passed = _passed(records, of)
    failed = next((r for r in records if r.finish == "error"), None)
    if failed is not None:
        raise LabError(f"{run} case {failed.case_id}", "its generation failed", "run the suite again")
    text = run.read_bytes().decode("utf-8")  # byte for byte, line ends included
    digest = sha256(text)
    entry = Baseline(
        name=name,
        file=f"{name}-{digest[:12]}.jsonl",
        run_sha256=digest,
        suite=of.name,
        suite_sha256=of.sha256,
        models=list(dict.fromkeys(r.model for r in records)),
        passed=passed,
        n=len(records),
        reason=" ".join(reason.split()),
        who=_who(),
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    write_text(_folder(home) / entry.file, text)  # the copy comes first: a line in the log has its file
    append_jsonl(_folder(home) / "log.jsonl", entry)
    return entry


def baseline(home: Home, name: str) -> Path:
    """The run records of a named baseline, as they were when it was blessed.

    Raises:
        LabError: nothing was blessed under this name, or the copy is gone or has been changed.
    """
    own = [entry for entry in log(home) if entry.name == name]
    if not own:
        known = ", ".join(dict.fromkeys(entry.name for entry in log(home))) or "none yet"
        raise LabError(f"baseline '{name}'", f"does not exist (known: {known})", f"labkit bless RUN --as {name}")
    path = _folder(home) / own[-1].file
    if not path.is_file():
        raise LabError(str(path), "is gone", "bless a run anew")
    if sha256(path.read_bytes()) != own[-1].run_sha256:
        raise LabError(str(path), "is not what was blessed: its content has changed", "bless a run anew")
    return path


def log(home: Home) -> list[Baseline]:
    """Every line of the log, oldest first. One that a kill has cut off is passed over: that blessing did not happen.

    Raises:
        LabError: a whole line is no entry; somebody has edited the log.
    """
    file = _folder(home) / "log.jsonl"
    if not file.exists():
        return []
    try:
        return [Baseline.model_validate(line.value) for line in lines(file) if line.problem is None]
    except ValidationError as error:
        raise LabError(str(file), f"has been edited ({explain(error)})", "restore it from a copy") from error


def _folder(home: Home) -> Path:
    return home / "evaluation" / "baselines"


def _passed(records: list[RunRecord], suite: Suite) -> int:
    """How many answers pass; judging refuses what is stale, missing, doubled or mixed. Severity plays no part here."""
    needs = {
        case.requirement: Requirement(id=case.requirement, text="", likelihood=1, impact=1, severity="info")
        for case in suite.cases
    }
    return sum(verdict.passed for verdict in judge(records, suite, needs))


def _suite_of(home: Home, digest: str) -> Suite:
    path = next((p for p in _known_suites(home) if sha256(p) == digest), None)
    if path is None:
        mend = "name its suite with --suite, or run the suite again"
        raise LabError("the run", "is stale, or of a suite that is not known here", mend)
    return load(path)


def _known_suites(home: Home) -> Iterator[Path]:
    for entry in reversed(home.entries()):
        for path in (home / artefact.path for artefact in entry.inputs):  # an absolute path stays as it is
            if path.suffix in (".yaml", ".yml") and path.is_file():
                yield path
    shipped = samples.path("support").parent
    kinds = ("*/suites/*.yaml", "*/fresh.yaml", "*/techniques.yaml")
    yield from sorted(path for kind in kinds for path in shipped.glob(kind))
