"""From run records to verdicts. No model is needed; a record that does not belong to the suite is never judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit import LabError
from labkit.evaluation.oracles import ORACLES, Outcome
from labkit.evaluation.suite import Suite, prompt_text
from labkit.records import Case, Requirement, RunRecord, Verdict
from labkit.stats import Rate, wilson


def judge(records: Sequence[RunRecord], suite: Suite, requirements: Mapping[str, Requirement]) -> list[Verdict]:
    """Judge every answer: a case is passed when all its oracles pass.

    Args:
        records: the answers of one or more runs; each run covers every case of the suite once.
        suite: the suite the records were made with.
        requirements: where severities come from.

    Returns:
        Verdicts in suite order, run by run.

    Raises:
        LabError: evidence that is stale, missing, doubled or mixed, or a case without requirement.
    """
    runs: dict[tuple[str, int], dict[str, RunRecord]] = {}
    known = {case.id for case in suite.cases}
    for record in records:
        _check(record, suite, known)
        run = runs.setdefault((record.model, record.variant), {})
        if record.case_id in run:
            raise LabError(_at(record), "stands twice", "run the suite again into a new file")
        other = next(iter(run.values()), record)
        differs = next(
            (k for k in ("model", "adapter", "template") if other.made_by.get(k) != record.made_by.get(k)), None
        )
        if differs:
            raise LabError(_at(record), f"was made by another {differs} than the rest", "run the suite again")
        run[record.case_id] = record
    if not runs:
        raise LabError(suite.name, "there are no run records to judge", "run the suite first")
    for (model, variant), run in runs.items():
        missing = [case.id for case in suite.cases if case.id not in run]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise LabError(f"{model} run {variant}", f"has no record of case {missing[0]}{more}", "run the whole suite")
    return [verdict(case, run[case.id], requirements) for run in runs.values() for case in suite.cases]


def verdict(case: Case, record: RunRecord, requirements: Mapping[str, Requirement]) -> Verdict:
    """The verdict on one answer; its message holds one sentence for each oracle that failed."""
    requirement = requirements.get(case.requirement)
    if requirement is None:
        raise LabError(f"case {case.id}", f"requirement '{case.requirement}' is unknown", "add it to the requirements")
    outcomes = [_apply(name, expected, case, record) for entry in case.expect for name, expected in entry.items()]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    return Verdict(
        case_id=case.id,
        requirement=case.requirement,
        severity=requirement.severity,
        technique=case.technique,
        cluster=case.cluster,
        model=record.model,
        passed=not failed,
        score=round(sum(outcome.score for outcome in outcomes) / len(outcomes), 4),
        message=" ".join(outcome.message for outcome in failed or outcomes),
        evidence=next((o.evidence for o in failed or outcomes if o.evidence), ""),
    )


def rates(verdicts: Sequence[Verdict]) -> dict[str, Rate]:
    """Pass rate by requirement with its interval, in order of the ids.

    Raises:
        LabError: the verdicts are of more than one model.
    """
    models = sorted({v.model for v in verdicts})
    if len(models) > 1:
        raise LabError("rates", f"the verdicts are of {' and '.join(models)}", "take one model at a time")
    grouped: dict[str, list[bool]] = {}
    for v in sorted(verdicts, key=lambda v: v.requirement):
        grouped.setdefault(v.requirement, []).append(v.passed)
    return {requirement: wilson(sum(passed), len(passed)) for requirement, passed in grouped.items()}


def _apply(name: str, expected: object, case: Case, record: RunRecord) -> Outcome:
    if record.finish == "error":
        return Outcome(passed=False, score=0.0, message="Expected an answer, found that its generation failed.")
    if name not in ORACLES:
        raise LabError(f"case {case.id}", f"oracle '{name}' is unknown", "run the cell that defines it first")
    outcome = ORACLES[name](expected, record.output, prompt_text(case))
    if not isinstance(outcome, Outcome):
        raise LabError(f"oracle '{name}'", f"returned {type(outcome).__name__}", "return judged(...) or an Outcome")
    return outcome


def _at(record: RunRecord) -> str:
    return f"record of case {record.case_id} ({record.model} run {record.variant})"


def _check(record: RunRecord, suite: Suite, known: set[str]) -> None:
    if record.made_by["suite"] != suite.sha256:
        raise LabError(
            _at(record), f"is stale: suite '{suite.name}' has changed since it was made", "run the suite again"
        )
    if record.case_id not in known:
        raise LabError(_at(record), f"is of no case of suite '{suite.name}'", "judge it with its own suite")
