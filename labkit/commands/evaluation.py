"""Verbs of the evaluation and release stages: run, compare, gate, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()

Requirements = Annotated[Path, typer.Option(help="requirements.yaml that the suites refer to.")]
Suites = Annotated[list[Path], typer.Option("--suite", help="Suite in YAML; repeat for several.")]


@verbs.command("run")
def run_model(
    model: Annotated[str, typer.Option(help="'base', or a folder of full weights (labkit export makes one).")],
    suite: Annotated[Path, typer.Option(help="Suite in YAML.")],
    out: Annotated[Path, typer.Option(help="File of run records to write.")],
    name: Annotated[
        str | None, typer.Option(help="What the records call the model; its folder's name by default.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=4096, help="Longest answer in tokens.")] = 64,
) -> None:
    """Let a model answer a suite. Stopped half-way, the same command goes on after the last finished batch."""
    from labkit.evaluation.generate import Generator, run_suite
    from labkit.evaluation.suite import load
    from labkit.training.base_model import embedded_model

    cases = load(suite)  # a broken suite is told before the model is loaded
    folder = str(embedded_model()) if model == "base" else model
    print(run_suite(Generator(folder, max_new_tokens), cases, out, name or Path(model).name))


def _judged(runs: list[Path], suites: list[Path], requirements: Path) -> dict[str, list[Any]]:
    """Verdicts by model; every record must belong to one of the suites."""
    from labkit.evaluation.judge import judge
    from labkit.evaluation.suite import load, load_requirements
    from labkit.files import read_strictly
    from labkit.records import RunRecord

    known = load_requirements(requirements)
    loaded = [load(path, known) for path in suites]
    records = [record for run in runs for record in read_strictly(run, RunRecord)]
    hashes = {suite.sha256 for suite in loaded}
    stale = next((r for r in records if r.made_by["suite"] not in hashes), None)
    if stale is not None:
        raise LabError(
            f"record of case {stale.case_id}", "is of none of these suites, or its suite has changed", "run again"
        )
    found: dict[str, list[Any]] = {}
    for suite in loaded:
        for verdict in judge([r for r in records if r.made_by["suite"] == suite.sha256], suite, known):
            found.setdefault(verdict.model, []).append(verdict)
    return found


def _only(found: dict[str, list[Any]], what: str) -> list[Any]:
    if len(found) != 1:
        raise LabError(what, f"holds records of {len(found)} models", "give the runs of one model")
    return next(iter(found.values()))


@verbs.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Run records of the baseline.")],
    b: Annotated[Path, typer.Argument(help="Run records of the candidate.")],
    suite: Suites,
    requirements: Requirements,
    margin: Annotated[float, typer.Option(min=0.001, max=0.5, help="Non-inferiority margin.")] = 0.05,
) -> int:
    """Compare two models on the same cases. 0: b is not worse by more than the margin, 1: it is worse, 3: undecided."""
    from labkit.stats import non_inferior

    before, after = (_only(_judged([run], suite, requirements), str(run)) for run in (a, b))
    if [v.case_id for v in before] != [v.case_id for v in after]:
        raise LabError(str(b), "does not answer the same cases", "run both models on the same suites")
    clusters = [v.cluster for v in before]
    found = non_inferior([v.passed for v in before], [v.passed for v in after], clusters, margin)
    for name, side in (("a", before), ("b", after)):
        print(f"{name} ({side[0].model}): {_rate(side)}")
    gap = found.interval
    print(
        f"{found.verdict.upper()}: b - a = {gap.estimate:+.1%} ({gap.low:+.1%} to {gap.high:+.1%}), margin {margin:.0%}"
    )
    if found.further_cases:
        print(f"about {found.further_cases} further cases would decide")
    return {"pass": 0, "fail": 1}.get(found.verdict, 3)


def _rate(verdicts: list[Any]) -> Any:
    from labkit.stats import wilson

    return wilson(sum(v.passed for v in verdicts), len(verdicts))


@verbs.command("gate")
def gate_model(
    candidate: Annotated[list[Path], typer.Option(help="Run records of the candidate; repeat for several suites.")],
    suite: Suites,
    requirements: Requirements,
    policy: Annotated[Path, typer.Option(help="gate.yaml.")],
    baseline: Annotated[list[Path] | None, typer.Option(help="Run records of the baseline.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
) -> int:
    """Apply the release gate. 0 go, 1 no-go, 2 invalid or stale evidence, 3 inconclusive."""
    from labkit.evaluation.suite import load_requirements
    from labkit.printable import plain
    from labkit.release import gate
    from labkit.release import junit as junit_file

    new = _only(_judged(candidate, suite, requirements), "candidate")
    old = _only(_judged(baseline, suite, requirements), "baseline") if baseline else None
    decision = gate.decide(gate.load(policy), new, old, load_requirements(requirements))
    if junit is not None:
        junit_file.write(junit, new)
    print(plain(decision.text(), lines=True))
    return decision.exit_code


@verbs.command()
def report(
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
    candidate: Annotated[str, typer.Option(help="sft or dpo.")] = "dpo",
    baseline: Annotated[str, typer.Option(help="base or sft.")] = "sft",
) -> None:
    """Write report.html and junit.xml from what lies in the home; missing stages are run first."""
    from labkit.lesson.course import Course

    print(Course(home).report(candidate, baseline))
