"""From run records to verdicts. No model is needed; a record that does not belong to the suite is never judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labkit import LabError
from labkit.evaluation.registry import Outcome, Said, apply
from labkit.evaluation.suite import Suite, prompt_text
from labkit.records import Case, Requirement, RunRecord, Verdict
from labkit.stats import Rate, wilson

LONGEST_ANSWER = 32_768  # characters: eight a token of the longest answer that labkit run makes


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
    cases = {case.id: case for case in suite.cases}
    return [
        verdict(case, run[case.id], requirements, (cases[case.seed], run[case.seed]) if case.seed else None)
        for run in runs.values()
        for case in suite.cases
    ]


def verdict(
    case: Case,
    record: RunRecord,
    requirements: Mapping[str, Requirement],
    seed: tuple[Case, RunRecord] | None = None,
) -> Verdict:
    """The verdict on one answer; its message holds one sentence for each oracle that failed.

    Args:
        case: what was asked.
        record: what the model answered.
        requirements: where the severity comes from.
        seed: for a variant, its seed case and what the same run answered to it.

    Raises:
        LabError: an unknown requirement or oracle, or the record lacks what an oracle needs.
    """
    requirement = requirements.get(case.requirement)
    if requirement is None:
        raise LabError(f"case {case.id}", f"requirement '{case.requirement}' is unknown", "add it to the requirements")
    asked = [(name, expected) for entry in case.expect for name, expected in entry.items()]
    outcomes = [_apply(name, expected, (case, record), seed) for name, expected in asked]
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


def _apply(name: str, expected: object, own: tuple[Case, RunRecord], seed: tuple[Case, RunRecord] | None) -> Outcome:
    if own[1].finish == "error":
        return Outcome(passed=False, score=0.0, message="Expected an answer, found that its generation failed.")
    longest = max(len(record.output) for _, record in (own, *((seed,) if seed else ())))
    if longest > LONGEST_ANSWER:  # oracles would take minutes over it, and no customer reads that much
        message = f"Expected an answer of at most {LONGEST_ANSWER:,} characters, found one of {longest:,}."
        return Outcome(passed=False, score=0.0, message=message)
    try:
        return apply(name, expected, _said(*own), _said(*seed) if seed else None)
    except ValueError as error:
        raise LabError(f"case {own[0].id}", f"'{name}': {error}", "correct the expectation") from error


def _said(case: Case, record: RunRecord) -> Said:
    """What oracles see of a record; a generation that failed has said nothing."""
    answer = "" if record.finish == "error" else record.output
    return Said(answer, prompt_text(case), {entry.text: entry for entry in record.likelihoods})


def _at(record: RunRecord) -> str:
    return f"record of case {record.case_id} ({record.model} run {record.variant})"


def _check(record: RunRecord, suite: Suite, known: set[str]) -> None:
    if record.made_by["suite"] != suite.sha256:
        raise LabError(
            _at(record), f"is stale: suite '{suite.name}' has changed since it was made", "run the suite again"
        )
    if record.case_id not in known:
        raise LabError(_at(record), f"is of no case of suite '{suite.name}'", "judge it with its own suite")
