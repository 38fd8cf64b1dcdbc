"""Verbs of the release stage: gate, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit import LabError
from labkit.commands.evaluation import Oracles, Requirements, Suites

if TYPE_CHECKING:
    from labkit.evaluation.evidence import Judged, Material
    from labkit.records import Example
    from labkit.release.gate import Decision

verbs = typer.Typer()

Rows = Annotated[
    list[Path] | None, typer.Option("--rows", help="Training rows, for independence and coverage; repeat for several.")
]
Pairs = Annotated[
    list[Path] | None, typer.Option("--pairs", help="Pairs a preference training saw (labkit schema pair).")
]
Again = Annotated[list[Path] | None, typer.Option("--again", help="A second run of the candidate, for the flip rate.")]
Mutants = Annotated[Path | None, typer.Option(help="Record of labkit mutants --models --out, for the mutation score.")]


@verbs.command("gate")
def gate_model(
    candidate: Annotated[list[Path], typer.Option(help="Run records of the candidate; repeat for several suites.")],
    suite: Suites,
    requirements: Requirements,
    policy: Annotated[Path, typer.Option(help="gate.yaml.")],
    baseline: Annotated[list[Path] | None, typer.Option(help="Run records of the baseline.")] = None,
    rows: Rows = None,
    pairs: Pairs = None,
    again: Again = None,
    mutants: Mutants = None,
    oracles: Oracles = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
) -> int:
    """Apply the release gate. 0 go, 1 no-go, 2 invalid, missing or stale evidence, 3 inconclusive."""
    from labkit.evaluation.evidence import material
    from labkit.printable import plain
    from labkit.release import junit as junit_file

    known = material(suite, requirements)
    new, old = _sides(candidate, baseline, known)
    decision = _decide(known, new, old, policy, _rows(rows), pairs or [], again or [], mutants)
    if junit is not None:
        junit_file.write(junit, new.verdicts)
    print(plain(decision.text(), lines=True))
    return decision.exit_code


@verbs.command()
def report(
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
    candidate: Annotated[
        list[str] | None, typer.Option(help="sft or dpo (the default); with --suite, its run records.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(help="base or sft (the default); with --suite, its run records.")
    ] = None,
    suite: Annotated[
        list[Path] | None,
        typer.Option("--suite", help="Report on run records of any model; repeat for several suites."),
    ] = None,
    requirements: Annotated[Path | None, typer.Option(help="With --suite: requirements.yaml.")] = None,
    policy: Annotated[Path | None, typer.Option(help="With --suite: gate.yaml.")] = None,
    rows: Rows = None,
    pairs: Pairs = None,
    again: Again = None,
    mutants: Mutants = None,
    oracles: Oracles = None,
    out: Annotated[Path | None, typer.Option(help="With --suite: folder for the files.")] = None,
) -> int:
    """Write report.html, junit.xml, defects.md and decision.json; ends with the gate's exit code.

    Without --suite it reports on the lab's home, and missing stages are run first. With --suite it reads run records
    and needs no model.
    """
    if not suite:
        extra = {"--requirements": requirements, "--policy": policy, "--rows": rows, "--pairs": pairs, "--again": again}
        extra |= {"--mutants": mutants, "--out": out}
        if given := [name for name, value in extra.items() if value]:
            raise LabError("report", f"{', '.join(given)} goes with run records", "name their suites with --suite")
        return _home_report(home, candidate or ["dpo"], baseline or ["sft"])
    if not (candidate and requirements and policy and out):
        what = "needs --candidate, --requirements, --policy and --out, too"
        raise LabError("report --suite", what, "name what 'labkit gate' needs, and a folder for the files")
    from labkit.evaluation.evidence import material
    from labkit.release import bundle, traceability

    known = material(suite, requirements)
    new, old = _sides(candidate, baseline, known)
    taught = _rows(rows)
    decision = _decide(known, new, old, policy, taught, pairs or [], again or [], mutants)
    matrix = traceability.matrix(known.requirements, taught or [], known.cases, new.verdicts, decision)
    models = {side.verdicts[0].model: side.verdicts for side in (old, new) if side}
    records = [*(old.records if old else []), *new.records]
    made = bundle.write(
        out, decision, matrix, models=models, suites=known.suites, records=records, requirements=known.requirements
    )
    return _said(decision, made)


def _sides(
    candidate: Sequence[str | Path], baseline: Sequence[str | Path] | None, known: Material
) -> tuple[Judged, Judged | None]:
    """Both models judged; a baseline of the candidate's name, as from an earlier release, is told apart."""
    from labkit.evaluation.evidence import judged

    new = judged([Path(run) for run in candidate], known, "candidate")
    if not baseline:
        return new, None
    old = judged([Path(run) for run in baseline], known, "baseline")
    name = new.verdicts[0].model
    return new, old.renamed(f"{name} (baseline)") if old.verdicts[0].model == name else old


def _home_report(home: Path | None, candidate: list[str], baseline: list[str]) -> int:
    from labkit.lesson.course import MODELS, Course

    for name in (*candidate, *baseline):
        if name not in MODELS:
            mend = f"take one of {', '.join(MODELS)}, or name suites with --suite to report on run records"
            raise LabError(f"model {name}", "is not part of the course", mend)
    course = Course(home)
    made = course.report(candidate[-1], baseline[-1])
    return _said(course.decision(candidate[-1], baseline[-1]), made)


def _said(decision: Decision, made: Path) -> int:
    from labkit.printable import plain

    print(plain(f"{decision.sentence}\n{made}", lines=True))
    return decision.exit_code


def _rows(files: list[Path] | None) -> list[Example] | None:
    """Training rows that must all be readable: an unread row might be the one that gives the exam away."""
    from labkit.formats import read_rows

    found: list[Example] = []
    for file in files or []:
        rows, findings = read_rows(file)
        if findings:
            raise LabError(str(file), f"{findings[0].message}", "evidence must be read whole; mend the row")
        if not rows:
            raise LabError(str(file), "holds no rows", "name the rows the model was trained on")
        found += rows
    return found if files else None


def _decide(
    known: Material, new: Judged, old: Judged | None, policy: Path, rows: list[Example] | None,
    pairs: list[Path], again: list[Path], mutants: Path | None,
) -> Decision:  # fmt: skip
    from labkit.evaluation.evidence import judged, same_model
    from labkit.files import read_strictly
    from labkit.records import Pair
    from labkit.release import gate

    second = judged(again, known, "second run") if again else None
    if second is not None:
        same_model(new.records, second.records)
    evidence = gate.Evidence(
        cases=known.cases,
        rows=rows,
        pairs=[pair for file in pairs for pair in read_strictly(file, Pair)],
        again=second.verdicts if second else None,
        mutants=gate.read_mutants(mutants, {s.name: s.sha256 for s in known.suites}) if mutants else None,
    )
    before = old.verdicts if old else None
    return gate.decide(gate.load(policy), new.verdicts, before, known.requirements, evidence)
