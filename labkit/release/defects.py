"""Defect reports in Markdown: one for each seed case that fails, with all that a tracker asks for.

Variants of one seed case are one defect until somebody shows that they are two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from labkit.evaluation.suite import Suite
from labkit.records import SEVERITIES, Case, Requirement, RunRecord, Severity, Verdict
from labkit.release.markdown import block, inline
from labkit.stats import Rate, wilson

_TITLE = 140


class Defect(NamedTuple):
    """A seed case that fails.

    Attributes:
        cluster: the seed case's id.
        smallest: the failing verdict with the shortest question.
        failing: the failing verdicts of the cluster, the shortest question first.
        occurrence: failed of judged cases in the cluster.
        in_requirement: failed of judged cases of the requirement.
        regression: the baseline passed the smallest failing case.
    """

    cluster: str
    requirement: str
    severity: Severity
    smallest: Verdict
    failing: list[Verdict]
    occurrence: Rate
    in_requirement: Rate
    regression: bool


def find(verdicts: Sequence[Verdict], cases: Mapping[str, Case], before: Sequence[Verdict] = ()) -> list[Defect]:
    """The defects behind the failures of one model, the most severe first, and among equals what worked before.

    Args:
        verdicts: of the model under test.
        cases: the cases of all suites by id; without its case a failure's length counts as 0.
        before: verdicts of the baseline, on the same cases.
    """
    passed_before = {v.case_id for v in before if v.passed}
    clusters: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        clusters.setdefault((verdict.requirement, verdict.cluster), []).append(verdict)
    found = []
    for (requirement, cluster), own in clusters.items():
        failing = sorted((v for v in own if not v.passed), key=lambda v: (_length(cases.get(v.case_id)), v.case_id))
        if failing:
            same = [v for v in verdicts if v.requirement == requirement]
            found.append(
                Defect(
                    cluster, requirement, failing[0].severity, failing[0], failing,
                    wilson(len(failing), len(own)), wilson(sum(not v.passed for v in same), len(same)),
                    failing[0].case_id in passed_before,
                )
            )  # fmt: skip
    return sorted(found, key=lambda d: (SEVERITIES.index(d.severity), not d.regression, d.requirement, d.cluster))


def _length(case: Case | None) -> int:
    return sum(len(message.content) for message in case.given) if case else 0


def text(
    verdicts: Sequence[Verdict],
    suites: Sequence[Suite],
    records: Sequence[RunRecord],
    requirements: Mapping[str, Requirement],
    before: Sequence[Verdict] = (),
) -> str:
    """All defects of one model as Markdown, each ready to be pasted into a tracker.

    Args:
        verdicts: of the model under test, not empty.
        suites: what it answered.
        records: its run records; those of other models are passed over.
        requirements: by id.
        before: verdicts of the baseline.
    """
    model = verdicts[0].model
    cases = {case.id: case for suite in suites for case in suite.cases}
    suite_of = {case.id: suite for suite in suites for case in suite.cases}
    answers = {r.case_id: r for r in records if r.model == model}
    found = find(verdicts, cases, before)
    failed = sum(not v.passed for v in verdicts)
    parts = [
        f"# Defect reports: {inline(model)}",
        f"{len(found)} defects, from {wilson(failed, len(verdicts))} of cases that fail (95% Wilson interval). One report "
        "a seed case: its variants count as one defect until somebody shows that they are two.",
    ]
    for number, defect in enumerate(found, 1):
        name, requirement = defect.smallest.case_id, requirements.get(defect.requirement)
        parts += _one(number, defect, requirement, cases.get(name), answers.get(name), suite_of.get(name))
    return "\n\n".join(parts) + "\n"


def _one(
    number: int, defect: Defect, requirement: Requirement | None, case: Case | None, record: RunRecord | None,
    suite: Suite | None,
) -> list[str]:  # fmt: skip
    verdict = defect.smallest
    others = [v.case_id for v in defect.failing[1:]]
    shown = f"; also failing: {', '.join(others[:8])}{f' and {len(others) - 8} more' if len(others) > 8 else ''}"
    said = f"{requirement.text} (risk {requirement.risk} of 25)" if requirement else "unknown"
    facts = {
        "Requirement": f"{defect.requirement}: {inline(said)}",
        "Severity": defect.severity + (", a regression: the baseline passes this case" if defect.regression else ""),
        "Case": f"{verdict.case_id} ({verdict.technique}), the shortest that fails{shown if others else ''}",
        "Occurrence": f"{defect.occurrence} of the cases of seed {defect.cluster}; {defect.in_requirement} of those of "
        f"{defect.requirement} fail",
    }
    message = verdict.message if len(verdict.message) <= _TITLE else verdict.message[: _TITLE - 1] + "…"
    lines = [f"## DEF-{number:02d} {defect.requirement} {defect.severity}: {inline(message)}"]
    lines.append("\n".join(f"- **{name}:** {value}" for name, value in facts.items()))
    if case:
        turns = "\n".join(f"{turn.role}: {turn.content}" for turn in case.given)
        expected = yaml.safe_dump(case.expect, allow_unicode=True, sort_keys=False, width=100).strip()
        lines += ["### Smallest failing prompt", block(turns), "### Expected", block(expected, "yaml")]
    lines += ["### Actual", block((record.output or "(empty)") if record else "no run record was given")]
    lines.append(inline(verdict.message))
    if verdict.evidence:
        lines += ["Evidence:", block(verdict.evidence)]
    if record:
        made = "\n".join(f"{name}: {value}" for name, value in sorted(record.made_by.items()))
        lines += ["### Made by", block(made), "### Steps to reproduce", block(_steps(verdict, record, suite), "sh")]
    return lines


def _steps(verdict: Verdict, record: RunRecord, suite: Suite | None) -> str:
    """Commands that ask the same model again and judge this case alone."""
    file = suite.path.name if suite else "SUITE.yaml"
    tokens = re.search(r"(\d+) new tokens", record.made_by.get("decoding", ""))
    longest = f" --max-new-tokens {tokens[1]}" if tokens else ""
    lines = [
        "# MODEL: 'base', or the folder of merged weights whose hash stands above (labkit export ADAPTER --to merged)",
        f"labkit run --model MODEL --suite {_word(file)}{longest} --out again.jsonl",
        f"pytest --labkit-run again.jsonl {_word(f'{file}::{verdict.case_id}')}",
    ]
    return "\n".join(lines)


def _word(text: Any) -> str:
    """A file name as one word of a shell."""
    import shlex

    return shlex.quote(str(text))
