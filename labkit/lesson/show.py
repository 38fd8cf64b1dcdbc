"""Answers of models as tables: the worst ones, and two models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from labkit.lesson.course import Course
from labkit.lesson.table import Table
from labkit.records import Case, Severity, Verdict


def cases(course: Course) -> dict[str, Case]:
    """The cases of all suites by id."""
    return {case.id: case for suite in course.suites.values() for case in suite.cases}


def worst(course: Course, model: str, most: int = 6) -> Table:
    """The lowest-scored failure of each requirement, the most severe first, with what the oracle says of it."""
    order = get_args(Severity)
    found: dict[str, Verdict] = {}
    for verdict in sorted(course.verdicts(model), key=lambda v: (order.index(v.severity), v.score, v.case_id)):
        if not verdict.passed:
            found.setdefault(verdict.requirement, verdict)
    answers = {record.case_id: record.output for record in course.records(model)}
    return Table(
        {
            "case": f"{verdict.case_id} ({verdict.severity})",
            "question": cases(course)[verdict.case_id].given[-1].content,
            "answer": answers[verdict.case_id],
            "verdict": verdict.message,
        }
        for verdict in list(found.values())[:most]
    )


def side_by_side(course: Course, before: str, after: str, most: int = 6) -> Table:
    """Cases that the later model passes and the earlier one failed, one a requirement, with both answers."""
    old, new = ({v.case_id: v for v in course.verdicts(model)} for model in (before, after))
    gained: dict[str, str] = {}
    for case_id, verdict in new.items():
        if verdict.passed and not old[case_id].passed:
            gained.setdefault(verdict.requirement, case_id)
    return compared(course, before, after, sorted(gained.values())[:most])


def compared(course: Course, before: str, after: str, ids: Sequence[str]) -> Table:
    """The answers of two models to some cases."""
    said = {model: {r.case_id: r.output for r in course.records(model)} for model in (before, after)}
    known = cases(course)
    return Table(
        {"case": i, "question": known[i].given[-1].content, **{model: said[model][i] for model in said}} for i in ids
    )
