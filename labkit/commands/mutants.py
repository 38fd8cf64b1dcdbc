"""``labkit mutants``: is the suite any good? Wrong answers and faulty models, and which of them it notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()


@verbs.command()
def mutants(
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Materials of your own instead of the samples.")] = None,
    models: Annotated[bool, typer.Option("--models", help="Build faulty models and judge them: minutes each.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="One of mutants.yaml; repeat for several.")] = None,
    all_cases: Annotated[
        bool, typer.Option("--all-cases", help="Let models answer every case; builds them anew.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="With --models: the record, for labkit gate --mutants.")] = None,
    floor: Annotated[float, typer.Option(min=0, max=1, help="Mutation score below which the exit code is 1.")] = 0.5,
) -> int:
    """Test the tests. Spoils right answers and shows which oracle rejects them (milliseconds), then the recorded models.

    With --models faulty models are built, answer and are judged here. Stopped half-way, the same command goes on after the
    last finished one. 0: the mutation score reaches the floor, 1: it does not.
    """
    from labkit.files import write_text
    from labkit.lesson.course import Course
    from labkit.printable import plain

    course = Course(home, folder)
    if models or only:
        from labkit.evaluation.mutant_run import mutate
        from labkit.lesson.mutated import hashes, registry, subject

        chosen = registry(course)  # a broken file is told before a model is loaded
        report = mutate(subject(course), chosen, only or (), all_cases, lambda line: print(plain(line), flush=True))
        print(plain(report.text(), lines=True))
        if out is not None:
            record = report.record(hashes(course), (mutant.name for mutant in chosen.mutants))
            print(plain(str(write_text(out, json.dumps(record, indent=1) + "\n"))))
        return 0 if report.score().rate >= floor else 1
    if out is not None:
        raise LabError("--out", "is for the record of faulty models", "add --models")
    from labkit.evaluation.kill_matrix import kill_matrix, right_answers

    cases = [case for suite in course.suites.values() for case in suite.cases]
    matrix = kill_matrix(right_answers(cases, course.examples))
    print(plain(matrix.text(), lines=True))
    print(f"\nOutput mutants killed: {matrix.killed()}.\n")
    print(plain(_recorded(course), lines=True))
    return 0 if matrix.killed().rate >= floor else 1


def _recorded(course: Any) -> str:
    """What was recorded about model mutants, and whether it still is of these suites."""
    from labkit.evaluation.model_mutants import Report
    from labkit.lesson.mutated import hashes
    from labkit.lesson.recorded import recorded

    found = recorded("model_mutants")
    if not found.result:
        return f"{found.line()} Or build them here: labkit mutants --models."
    same = found.result.get("suites") == hashes(course)
    stale = "" if same else "\nStale: these suites are other ones; labkit mutants --models."
    return f"{found.line()}{stale}\n{Report.model_validate(found.result).text()}"
