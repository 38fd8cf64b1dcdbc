"""The release's files in one folder: the report for people, JUnit for pipelines, defects for the tracker, the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.evaluation.suite import Suite
from labkit.files import write_text
from labkit.records import Requirement, RunRecord, Verdict
from labkit.release import defects, junit, report
from labkit.release.gate import Decision
from labkit.release.traceability import Matrix


def write(
    folder: str | Path,
    decision: Decision,
    matrix: Matrix,
    *,
    models: Mapping[str, Sequence[Verdict]],
    suites: Sequence[Suite],
    records: Sequence[RunRecord],
    requirements: Mapping[str, Requirement],
    provenance: Mapping[str, Mapping[str, object]] | None = None,
) -> Path:
    """Write ``report.html``, ``junit.xml``, ``defects.md`` and ``decision.json``.

    Args:
        folder: made when missing.
        decision: the gate's word.
        matrix: the traceability matrix of the candidate.
        models: verdicts by name in the order of training, the candidate's among them.
        suites: what the models answered.
        records: run records of these models.
        requirements: by id.
        provenance: further tables of the report's last section.

    Returns:
        The path of the report.

    Raises:
        LabError: the candidate's verdicts are not among ``models``.
    """
    folder = Path(folder)
    made = report.write(
        folder / "report.html",
        decision,
        matrix,
        models=models,
        cases=[case for suite in suites for case in suite.cases],
        records=records,
        provenance=provenance,
    )
    verdicts = {side[0].model: side for side in models.values() if side}
    candidate, before = verdicts[decision.candidate], verdicts.get(decision.baseline or "", [])
    junit.write(folder / "junit.xml", candidate)
    write_text(folder / "defects.md", defects.text(candidate, suites, records, requirements, before))
    write_text(folder / "decision.json", decision.model_dump_json(indent=1) + "\n")
    return made
