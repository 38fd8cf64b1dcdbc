"""The release report: one HTML file that opens offline, prints, and runs nothing.

Every text that a model or a user wrote passes through :func:`printable` and Jinja's escaping, without exception: both
are set on the environment, not left to the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from labkit import LabError
from labkit.files import write_text
from labkit.pages import environment
from labkit.plots.style import colour
from labkit.records import SEVERITIES, Case, RunRecord, Verdict
from labkit.release.gate import Decision
from labkit.release.traceability import Matrix
from labkit.stats import wilson

MOST_FAILURES, LONGEST_TEXT = 40, 1200
_SAID = {"go": "Go", "no-go": "No-go", "inconclusive": "Inconclusive", "reported": "Reported"}
_ORDER = ("no-go", "inconclusive", "go", "reported")


def write(
    path: str | Path,
    decision: Decision,
    matrix: Matrix,
    *,
    models: Mapping[str, Sequence[Verdict]],
    cases: Sequence[Case],
    records: Sequence[RunRecord],
    provenance: Mapping[str, Mapping[str, object]] | None = None,
    title: str = "Release report",
) -> Path:
    """Write the report; the gate's decision comes first.

    Args:
        path: the HTML file.
        decision: what :func:`labkit.release.gate.decide` said.
        matrix: the traceability matrix of the candidate.
        models: verdicts by name in the order of training, the candidate's among them.
        cases: the cases of all suites, for the prompts of failures.
        records: run records of these models, for answers and hashes.
        provenance: further tables of the last section, e.g. ``{"Environment": {"device": ..., "torch": ...}}``.
        title: the headline.

    Returns:
        The path.

    Raises:
        LabError: the candidate's verdicts are not among ``models``.
    """
    candidate = next((list(v) for v in models.values() if v and v[0].model == decision.candidate), None)
    if candidate is None:
        raise LabError("report", f"the verdicts of {decision.candidate} are not among the models", "pass them too")
    failures = _failures(decision, candidate, models, cases, records)
    page = environment(Path(__file__).parent / "templates", LONGEST_TEXT).get_template("report.html.j2")
    html = page.render(
        title=title,
        decision=decision,
        said=_SAID,
        items=sorted(decision.items, key=lambda item: _ORDER.index(item.outcome)),
        outcomes={item.name: item.outcome for item in decision.items},
        matrix=matrix,
        panels=_panels(models, [row.requirement for row in matrix.rows]),
        colours={name: colour(name) for name in models},
        failures=failures[:MOST_FAILURES],
        failed=len(failures),
        judged=len(candidate),
        provenance=_made_by(records) | {name: dict(table) for name, table in (provenance or {}).items()},
    )
    return write_text(path, html)


def _panels(models: Mapping[str, Sequence[Verdict]], requirements: Sequence[str]) -> list[dict[str, Any]]:
    """One small before-and-after picture for all cases, and one for each requirement that was judged."""
    panels = []
    for name in (None, *requirements):
        rates = {
            model: wilson(sum(v.passed for v in own), len(own))
            for model, verdicts in models.items()
            if (own := [v for v in verdicts if name in (None, v.requirement)])
        }
        if rates:
            panels.append({"name": name or "All cases", "rates": rates})
    return panels


def _failures(
    decision: Decision,
    candidate: Sequence[Verdict],
    models: Mapping[str, Sequence[Verdict]],
    cases: Sequence[Case],
    records: Sequence[RunRecord],
) -> list[dict[str, Any]]:
    """The candidate's failed cases, the most severe first, and among equals those that the baseline passed."""
    asked = {case.id: case for case in cases}
    answered = {r.case_id: r for r in records if r.model == decision.candidate}
    passed_before = {
        v.case_id for verdicts in models.values() for v in verdicts if v.model == decision.baseline and v.passed
    }
    failed = sorted(
        (v for v in candidate if not v.passed),
        key=lambda v: (SEVERITIES.index(v.severity), v.case_id not in passed_before, v.case_id),
    )
    return [
        {
            "verdict": verdict,
            "regression": verdict.case_id in passed_before,
            "case": asked.get(verdict.case_id),
            "expected": _as_yaml(asked[verdict.case_id].expect) if verdict.case_id in asked else "",
            "record": answered.get(verdict.case_id),
        }
        for verdict in failed
    ]


def _as_yaml(expect: list[dict[str, Any]]) -> str:
    return yaml.safe_dump(expect, allow_unicode=True, sort_keys=False, width=100).strip()


def _made_by(records: Sequence[RunRecord]) -> dict[str, dict[str, object]]:
    """What made each model's answers: the hashes in its run records, and how many records carry them."""
    found: dict[str, dict[str, object]] = {}
    for record in records:
        table = found.setdefault(f"Answers of {record.model}", {"records": 0})
        table["records"] = int(str(table["records"])) + 1
        for key, value in record.made_by.items():
            known = table.setdefault(key, value)
            if value not in str(known).split(" and "):
                table[key] = f"{known} and {value}"
    return found
