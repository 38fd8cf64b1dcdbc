"""The curation stage in the lab's home: raw rows -> findings -> decisions -> clean rows."""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit import LabError
from labkit.checks import CHECKS, Check, Context, checks_of, load_own_checks, must_exist
from labkit.curation import report
from labkit.curation.engine import ready, run_on
from labkit.curation.held_out import questions
from labkit.curation.outcome import Curated, apply, decided, effective
from labkit.files import read_jsonl, sha256, write_jsonl
from labkit.formats import read_rows
from labkit.home import Home
from labkit.policy import Clearance, Policy, load
from labkit.records import Decision, Example, Finding

MODULES = ("noise", "wording", "consistency", "labels", "leaks", "duplicates")
Suites = Iterable[str | Path | Mapping[str, str]]


@dataclass(frozen=True)
class Found:
    """Rows as they came and what the checks said about them; nothing is decided yet."""

    rows: list[Example]
    findings: list[Finding]
    path: Path  # the findings' file in the home


@dataclass(frozen=True)
class Curation:
    """A curated set: the findings with their status, and the rows that are left with the reason for each change."""

    raw: list[Example]
    findings: list[Finding]
    curated: Curated
    findings_path: Path
    clean_path: Path
    report_path: Path

    @property
    def rows(self) -> list[Example]:
        """The clean rows."""
        return self.curated.rows

    def open(self, *severities: str) -> list[Finding]:
        """Findings that nobody has decided about, of these severities (all when none is named)."""
        return [f for f in self.findings if f.status == "open" and (not severities or f.severity in severities)]


def load_checks() -> None:
    """Import the modules of this stage that bring checks; each registers its own."""
    for name in MODULES:
        if importlib.util.find_spec(f"labkit.curation.{name}"):
            importlib.import_module(f"labkit.curation.{name}")


def own_log(home: Home, name: str = "rows") -> Path:
    """The learner's own triage log."""
    return home / "curation" / f"{name}.decisions.jsonl"


def decisions_in_use(log: Path, reference: Sequence[Decision]) -> tuple[list[Decision], str]:
    """The decisions that count: those of the log where there are any, the reference's for all other findings.

    Returns:
        The decisions, and a sentence that says whose they are.
    """
    own = list(effective(read_jsonl(log, Decision)[0]).values()) if log.exists() else []
    mine = {decision.finding for decision in own}
    rest = [decision for decision in effective(reference).values() if decision.finding not in mine]
    if not own:
        return rest, f"Used: {len(rest)} reference decisions (you have decided nothing yet)."
    return [*own, *rest], f"Used: your own {len(own)} decisions, and {len(rest)} reference ones for the other findings."


def find(
    home: Home,
    raw: str | Path,
    *,
    policy: str | Path | Policy | None = None,
    clearance: str | Path | Clearance | None = None,
    suites: Suites = (),
    checks: Sequence[str] | None = None,
    own_checks: str | Path | None = None,
    engine: str = "local",
    name: str = "rows",
) -> Found:
    """Run the checks on a file of raw rows; nothing happens when the same was done before.

    Args:
        home: the lab's home; the findings go to ``curation/<name>.found.jsonl``.
        raw: rows in any form :func:`labkit.formats.read_rows` knows.
        policy: the written rules, or their file.
        clearance: what may be used, or its file.
        suites: behaviour suites whose questions no row may repeat: YAML files, or questions by case id.
        checks: names of the checks to run; by default all of this stage, and all of your own.
        own_checks: a Python file that registers checks of your own. It is run: name only your own.
        engine: what runs the row checks, ``local`` or ``daft``; the findings are the same.
        name: names the files, where several sets are curated in one home.

    Raises:
        LabError: a file cannot be read, or a check is unknown or fails.
    """
    ready(engine)
    raw, suites = Path(raw), list(suites)
    rows, malformed = read_rows(raw)
    load_checks()
    if own_checks:
        load_own_checks(own_checks)
    chosen = checks_of("curation", "own", only=None) if checks is None else checks_of(only=checks)
    context = Context(
        policy=load(policy, Policy) if isinstance(policy, str | Path) else policy or Policy(),
        clearance=load(clearance, Clearance) if isinstance(clearance, str | Path) else clearance or Clearance(),
        held_out=questions(suites),
    )

    def work(scratch: Path) -> None:
        write_jsonl(scratch / output, [*malformed, *run_on(engine, rows, context, chosen, own_checks=own_checks)])

    output = f"{name}.found.jsonl"
    files = [policy, clearance, own_checks, *suites]
    path = home.run(
        "curation",
        f"{name}.found",
        work,
        outputs=[output],
        inputs=[raw, *(file for file in files if isinstance(file, str | Path))],
        parameters={"checks": {check.name: _digest(check) for check in chosen}, "context": _context(context, chosen)},
    )
    return Found(rows, read_jsonl(path, Finding)[0], path)


def curate(
    home: Home,
    raw: str | Path,
    *,
    policy: str | Path | Policy | None = None,
    clearance: str | Path | Clearance | None = None,
    suites: Suites = (),
    checks: Sequence[str] | None = None,
    own_checks: str | Path | None = None,
    engine: str = "local",
    decisions: str | Path | Sequence[Decision] | None = None,
    accept: Sequence[str] = ("schema",),
    name: str = "rows",
) -> Curation:
    """Find, decide, and write what is left; nothing happens when the same was done before.

    Writes ``<name>.clean.jsonl``, ``<name>.findings.jsonl`` (with their status) and ``<name>.report.html`` into the
    home's curation folder. A new decision does not run the checks again.

    Args:
        home, raw, policy, clearance, suites, checks, own_checks, engine, name: as for :func:`find`.
        decisions: a triage log, or decisions as they are; of two on one finding the later counts.
        accept: checks whose certain findings are accepted where nobody decided otherwise. By default malformed lines,
            which no later stage can read anyway.

    Raises:
        LabError: as for :func:`find`, or ``accept`` names no check.
    """
    found = find(
        home,
        raw,
        policy=policy,
        clearance=clearance,
        suites=suites,
        checks=checks,
        own_checks=own_checks,
        engine=engine,
        name=name,
    )
    if unknown := [check for check in accept if check != "schema" and check not in CHECKS]:
        raise LabError(f"accept {unknown[0]}", "is no check", f"choose of schema, {', '.join(sorted(CHECKS))}")
    given = read_jsonl(decisions, Decision)[0] if isinstance(decisions, str | Path) else list(decisions or [])
    of = str(decisions) if isinstance(decisions, str | Path) else "decisions"
    must_exist((re.split(r"[.-]", d.finding)[0] for d in given), of)  # a finding's id begins with its check
    findings = decided((_accepted(finding, accept) for finding in found.findings), given)
    curated = apply(found.rows, findings, given)
    outputs = [f"{name}.clean.jsonl", f"{name}.findings.jsonl", f"{name}.report.html"]

    def work(scratch: Path) -> None:
        write_jsonl(scratch / outputs[0], curated.rows)
        write_jsonl(scratch / outputs[1], findings)
        report.write(scratch / outputs[2], findings, found.rows, curated, title=f"Findings on {Path(raw).name}")

    logs = [decisions] if isinstance(decisions, str | Path) else []
    parameters = {"accept": list(accept), "decisions": None if logs else sha256(str([d.model_dump() for d in given]))}
    home.run("curation", name, work, outputs=outputs, inputs=[raw, found.path, *logs], parameters=parameters)
    clean, listed, page = (home / "curation" / output for output in outputs)
    return Curation(found.rows, findings, curated, listed, clean, page)


def _accepted(finding: Finding, accept: Sequence[str]) -> Finding:
    if finding.check not in accept or finding.tier != "certain":
        return finding
    return finding.model_copy(update={"status": "accepted", "decided_by": "rule"})


def _context(context: Context, chosen: Sequence[Check]) -> str:
    """Hash of what the checks knew beside the rows; the day counts only for checks that may look at it."""
    dated = any(check.stage != "curation" for check in chosen)
    day = context.today if dated else datetime.date.min
    rules = context.policy.model_dump_json() + context.clearance.model_dump_json()
    return sha256(f"{rules}{sorted(context.held_out.items())}{day}")


def _digest(check: Check) -> str:
    """Changes with the check's code: with its module's file, or in a notebook with its own source."""
    try:
        file = Path(inspect.getsourcefile(check.function) or "")
        source = file.read_text("utf-8") if file.is_file() else inspect.getsource(check.function)
    except (OSError, TypeError):
        source = repr(check.function)
    return sha256(source)[:12]
