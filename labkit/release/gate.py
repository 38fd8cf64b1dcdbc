"""The release gate: a written policy, verdicts in, go / no-go / inconclusive out, one plain sentence a rule.

Missing evidence never passes: a critical requirement without a case is a no-go, a rule that cannot be checked is
inconclusive, and verdicts that do not belong together are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, computed_field

from labkit import LabError
from labkit.records import SEVERITIES, Verdict
from labkit.release.gate_evidence import Evidence, Mutants, evidence_items, independence, read_mutants
from labkit.release.gate_items import (
    Item,
    Outcome,
    Paired,
    Requirements,
    chosen,
    non_inferiority,
    paired,
    preference,
    requirement_item,
)
from labkit.release.gate_policy import (
    Coverage,
    Critical,
    FlipRate,
    Major,
    MutationScore,
    NonInferiority,
    Policy,
    Preference,
    load,
)

__all__ = [
    "Coverage", "Critical", "Decision", "Evidence", "FlipRate", "Item", "Major", "Mutants", "MutationScore",
    "NonInferiority", "Outcome", "Policy", "Preference", "decide", "independence", "load", "read_mutants",
]  # fmt: skip


class Decision(BaseModel):
    """The gate's word on a candidate. The outcome follows from the items; it cannot be set."""

    policy: str
    candidate: str
    baseline: str | None = None
    items: list[Item]

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own advice for mypy
    @property
    def outcome(self) -> Outcome:
        """The worst of the items; a decision that rests on nothing is a no-go."""
        found = {item.outcome for item in self.items} - {"reported"}
        return "no-go" if "no-go" in found or not found else "inconclusive" if "inconclusive" in found else "go"

    @property
    def exit_code(self) -> int:
        """0 go, 1 no-go, 3 inconclusive."""
        return {"go": 0, "no-go": 1}.get(self.outcome, 3)

    def names(self, outcome: Outcome) -> list[str]:
        """The items with this outcome."""
        return [item.name for item in self.items if item.outcome == outcome]

    @property
    def sentence(self) -> str:
        """The decision in one line."""
        checked = sum(item.outcome != "reported" for item in self.items)
        words: tuple[tuple[Outcome, str], ...] = (("no-go", "broken"), ("inconclusive", "undecided"))
        found = [f"{len(own)} {said} ({', '.join(own)})" for outcome, said in words if (own := self.names(outcome))]
        end = f"of {checked} rules, {', '.join(found)}" if found else f"all {checked} rules are met"
        return f"{self.outcome.upper()} for {self.candidate}: {end if checked else 'no rule was checked'}."

    def text(self) -> str:
        """The decision and every item, for a terminal."""
        return "\n".join([self.sentence, *(f"  [{item.outcome}] {item.sentence}" for item in self.items)])


def decide(
    policy: Policy,
    candidate: Sequence[Verdict],
    baseline: Sequence[Verdict] | None,
    requirements: Requirements,
    evidence: Evidence | None = None,
) -> Decision:
    """Hold a candidate's verdicts against the policy.

    Args:
        policy: the rules, as :func:`load` reads them.
        candidate: verdicts of the model to be released, over all suites.
        baseline: verdicts of the model it replaces, on the same cases; None when there is none yet.
        requirements: every requirement of the product; one without a verdict is noticed.
        evidence: what the rules on independence, coverage, flip rate and mutation score look at.

    Returns:
        The decision, with one item for each requirement, each comparison and each rule on the evidence.

    Raises:
        LabError: the evidence is empty, holds duplicates or several models, was judged under other requirements, or
            the two models did not answer the same cases; a pattern of the policy names no requirement; or the policy
            asks for evidence that nobody brought.
    """
    name = _checked(candidate, "candidate", requirements)
    other = _checked(baseline, "baseline", requirements) if baseline is not None else None
    if evidence and evidence.again is not None:
        _checked(evidence.again, "second run", requirements)
    ordered = sorted(requirements.values(), key=lambda r: (SEVERITIES.index(r.severity), r.id))
    items = [requirement_item(policy, r, [v for v in candidate if v.requirement == r.id]) for r in ordered]

    def pairs(patterns: list[str]) -> Paired | None:
        return paired(candidate, baseline, chosen(patterns, requirements))

    if policy.non_inferiority:
        items.append(non_inferiority(policy.non_inferiority, pairs(policy.non_inferiority.requirements)))
    if policy.preference:
        items.append(preference(policy.preference, pairs(policy.preference.requirements)))
    items += evidence_items(policy, candidate, requirements, evidence or Evidence())
    return Decision(policy=policy.name, candidate=name, baseline=other, items=items)


def _checked(verdicts: Sequence[Verdict], who: str, requirements: Requirements) -> str:
    if not verdicts:
        raise LabError(who, "has no verdicts", "run its suite and judge it first")
    models = sorted({v.model for v in verdicts})
    if len(models) > 1:
        raise LabError(who, f"mixes the models {', '.join(models)}", "pass the verdicts of one model")
    seen: set[str] = set()
    for verdict in verdicts:
        if verdict.case_id in seen:
            raise LabError(who, f"case {verdict.case_id} was judged twice", "judge its run again")
        seen.add(verdict.case_id)
        known = requirements.get(verdict.requirement)
        if known is None or known.severity != verdict.severity:
            what = f"case {verdict.case_id} was judged under another version of {verdict.requirement}"
            raise LabError(who, what, "judge its run again with the present requirements")
    return models[0]
