"""Requirement -> training rows -> cases -> results -> decision, and what hangs in the air on either side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from labkit.records import SEVERITIES, Case, Example, Requirement, Severity, Verdict
from labkit.release.gate import Decision, Outcome
from labkit.stats import Rate, wilson

Status = Literal["passed", "failed", "not run", "no case"]


class Row(BaseModel):
    """One requirement and its evidence."""

    requirement: str
    text: str
    severity: Severity
    risk: int
    examples: int
    cases: int
    result: Rate
    status: Status
    decision: Outcome | None = None  # what the gate says of it; None before the gate was asked


class Matrix(BaseModel):
    """The traceability matrix; ``orphans`` maps a sentence to the ids it is true of."""

    rows: list[Row]
    orphans: dict[str, list[str]]

    def table(self) -> list[dict[str, Any]]:
        """One flat dictionary a requirement, as for a data frame."""
        return [
            row.model_dump(exclude={"result", "decision"})
            | {"passed": row.result.passed, "judged": row.result.n}
            | ({"decision": row.decision} if row.decision else {})
            for row in self.rows
        ]

    def text(self) -> str:
        """The matrix and its orphans in plain lines."""
        lines = [
            f"{row.requirement} ({row.severity}, risk {row.risk}): {row.examples} training rows, {row.cases} cases, "
            f"{row.result}: {row.status}" + (f"; gate: {row.decision}" if row.decision else "")
            for row in self.rows
        ]
        return "\n".join([*lines, *(f"{what}: {', '.join(ids)}" for what, ids in self.orphans.items())])


def matrix(
    requirements: Mapping[str, Requirement],
    examples: Sequence[Example],
    cases: Sequence[Case],
    verdicts: Sequence[Verdict],
    decision: Decision | None = None,
) -> Matrix:
    """Trace every requirement to its training rows, cases and results, and find the orphans both ways.

    Args:
        requirements: all requirements by id.
        examples: the training rows.
        cases: the cases of all suites.
        verdicts: the verdicts of one model.
        decision: what the gate said of them, if it was asked.
    """
    rows_of = Counter(r for example in examples for r in set(example.requirements))
    cases_of = Counter(case.requirement for case in cases)
    said = {item.name: item.outcome for item in decision.items} if decision else {}
    rows = []
    for requirement in sorted(requirements.values(), key=lambda r: (SEVERITIES.index(r.severity), -r.risk, r.id)):
        own = [v.passed for v in verdicts if v.requirement == requirement.id]
        status: Status = ("passed" if all(own) else "failed") if own else "not run"
        if not cases_of[requirement.id] and not own:
            status = "no case"
        rows.append(
            Row(
                requirement=requirement.id,
                text=requirement.text,
                severity=requirement.severity,
                risk=requirement.risk,
                examples=rows_of[requirement.id],
                cases=cases_of[requirement.id],
                result=wilson(sum(own), len(own)),
                status=status,
                decision=said.get(requirement.id),
            )
        )
    known, suite, judged = set(requirements), {c.id for c in cases}, {v.case_id for v in verdicts}
    return Matrix(
        rows=rows,
        orphans=_found(
            {
                "Requirements without a case": (r for r in known if not cases_of[r]),
                "Requirements without a training row": (r for r in known if not rows_of[r]),
                "Cases of an unknown requirement": (c.id for c in cases if c.requirement not in known),
                "Cases without a verdict": suite - judged,
                "Verdicts without a case": judged - suite,
                "Training rows of an unknown requirement": (e.id for e in examples if set(e.requirements) - known),
                "Training rows without a requirement": (e.id for e in examples if not e.requirements),
            }
        ),
    )


def _found(orphans: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {what: sorted(ids) for what, found in orphans.items() if (ids := set(found))}
