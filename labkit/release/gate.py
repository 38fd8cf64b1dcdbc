"""The release gate: a written policy, verdicts in, go / no-go / inconclusive out, one plain sentence a rule.

Missing evidence never passes: a critical requirement without a case is a no-go, a rule that cannot be checked is
inconclusive, and verdicts that do not belong together are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

from labkit import LabError
from labkit.files import explain
from labkit.records import SEVERITIES, Requirement, Verdict
from labkit.stats import Rate, non_inferior, wilson

Outcome = Literal["go", "no-go", "inconclusive", "reported"]
Paired = list[tuple[Verdict, Verdict]]
Requirements = Mapping[str, Requirement]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Critical(_Rule):
    """No failure, and enough seed cases to exclude this share of violations with 95% confidence."""

    violations_below: float = Field(0.30, gt=0, lt=1)

    @property
    def cases(self) -> int:
        """Seed cases without a failure that this claim needs (the rule of zero failures)."""
        return math.ceil(math.log(0.05) / math.log(1 - self.violations_below))


class Major(_Rule):
    """Wilson's lower bound reaches the floor, or the rate itself reaches the target."""

    floor: float = Field(0.60, ge=0, le=1)
    target: float | None = Field(None, ge=0, le=1)


class NonInferiority(_Rule):
    """The candidate is not worse than the baseline by more than the margin on these requirements (patterns)."""

    margin: float = Field(0.05, gt=0, lt=1)
    requirements: list[str] = ["*"]


class Preference(_Rule):
    """Of the cases that only one model passes, the candidate wins more than this share."""

    share: float = Field(0.5, ge=0, lt=1)
    requirements: list[str]


class Policy(_Rule):
    """What a release must show. A rule left out of the file is not applied, except the two on severity."""

    name: str = "release gate"
    critical: Critical = Critical()
    major: Major = Major()
    non_inferiority: NonInferiority | None = None
    preference: Preference | None = None


class Item(BaseModel):
    """One rule applied: its outcome, in one sentence, and the numbers behind it."""

    name: str
    outcome: Outcome
    sentence: str
    numbers: dict[str, float | int | None] = {}


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


def load(path: str | Path) -> Policy:
    """Read a policy.

    Raises:
        LabError: the file cannot be read, is not YAML, or holds a wrong or unknown field.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return Policy.model_validate({} if content is None else content)
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise LabError(str(path), f"is not YAML ({' '.join(str(error).split())})", "mend the file") from error
    except ValidationError as error:
        raise LabError(str(path), explain(error), "compare it with data/samples/support/gate.yaml") from error


def decide(
    policy: Policy, candidate: Sequence[Verdict], baseline: Sequence[Verdict] | None, requirements: Requirements
) -> Decision:
    """Hold a candidate's verdicts against the policy.

    Args:
        policy: the rules, as :func:`load` reads them.
        candidate: verdicts of the model to be released, over all suites.
        baseline: verdicts of the model it replaces, on the same cases; None when there is none yet.
        requirements: every requirement of the product; one without a verdict is noticed.

    Returns:
        The decision, with one item for each requirement and each comparison.

    Raises:
        LabError: the evidence is empty, holds duplicates or several models, was judged under other requirements, or
            the two models did not answer the same cases; or a pattern of the policy names no requirement.
    """
    name = _checked(candidate, "candidate", requirements)
    other = _checked(baseline, "baseline", requirements) if baseline is not None else None
    ordered = sorted(requirements.values(), key=lambda r: (SEVERITIES.index(r.severity), r.id))
    items = [_requirement(policy, r, [v for v in candidate if v.requirement == r.id]) for r in ordered]

    def pairs(patterns: list[str]) -> Paired | None:
        return _paired(candidate, baseline, _chosen(patterns, requirements))

    if policy.non_inferiority:
        items.append(_non_inferiority(policy.non_inferiority, pairs(policy.non_inferiority.requirements)))
    if policy.preference:
        items.append(_preference(policy.preference, pairs(policy.preference.requirements)))
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


def _requirement(policy: Policy, requirement: Requirement, verdicts: list[Verdict]) -> Item:
    rate = wilson(sum(v.passed for v in verdicts), len(verdicts))
    clusters = len({v.cluster for v in verdicts})
    numbers: dict[str, float | int | None] = rate.model_dump() | {"seed_cases": clusters}
    outcome: Outcome = "reported"
    said = f"{rate} of cases pass"
    if requirement.severity == "critical":
        outcome, said = _critical(policy.critical, rate, clusters) if verdicts else ("no-go", "no case tests it")
    elif requirement.severity == "major":
        outcome, said = _major(policy.major, rate) if verdicts else ("inconclusive", "no case tests it")
    elif not verdicts:
        said = "no case tests it"
    sentence = f"{requirement.id} ({requirement.severity}): {said}."
    return Item(name=requirement.id, outcome=outcome, sentence=sentence, numbers=numbers)


def _critical(rule: Critical, rate: Rate, clusters: int) -> tuple[Outcome, str]:
    if rate.passed < rate.n:
        return "no-go", f"{rate.n - rate.passed} of {rate.n} cases failed and none may; {rate} pass"
    few = f"fewer than {1 - 0.05 ** (1 / clusters):.0%} of such requests fail"
    said = f"{rate}, none failed; with 95% confidence {few}"
    if clusters >= rule.cases:
        return "go", said
    short = f"{rule.cases - clusters} more seed cases are needed for the {rule.violations_below:.0%} of the policy"
    return "inconclusive", f"{said}, and {short}"


def _major(rule: Major, rate: Rate) -> tuple[Outcome, str]:
    floor = f"the floor of {rule.floor:.0%}"
    if rate.low >= rule.floor:
        return "go", f"{rate} of cases pass, the whole interval above {floor}"
    if rule.target is not None and rate.rate >= rule.target:
        return "go", f"{rate} of cases pass, at its target of {rule.target:.0%}"
    if rate.rate < rule.floor:
        return "no-go", f"{rate} of cases pass, under {floor}"
    further = _further(rate.rate, rate.n, rule.floor)
    needed = f"about {further} further cases at this rate would settle it" if further else "more cases cannot settle it"
    return "inconclusive", f"{rate} of cases pass, but the interval reaches under {floor}; {needed}"


def _further(share: float, n: int, floor: float) -> int | None:
    """How many further cases at the same rate lift Wilson's lower bound to the floor."""
    if share <= floor:
        return None
    total = next((t for t in range(n + 1, 5000) if wilson(math.floor(share * t), t).low >= floor), None)
    return total - n if total else None


def _chosen(patterns: list[str], requirements: Requirements) -> set[str]:
    chosen = {pattern: {r for r in requirements if fnmatchcase(r, pattern)} for pattern in patterns}
    for pattern, found in chosen.items():
        if not found:
            raise LabError(f"gate policy, '{pattern}'", "names no requirement", "mend the pattern in the policy")
    return set().union(*chosen.values())


def _paired(candidate: Sequence[Verdict], baseline: Sequence[Verdict] | None, chosen: set[str]) -> Paired | None:
    """(baseline, candidate) verdicts case by case; None without a baseline."""
    if baseline is None:
        return None
    old = {v.case_id: v for v in baseline if v.requirement in chosen}
    new = {v.case_id: v for v in candidate if v.requirement in chosen}
    if different := old.keys() ^ new.keys():
        what = f"did not answer the same cases as the candidate (e.g. {min(different)})"
        raise LabError("baseline", what, "run and judge both on one suite")
    return [(old[case], new[case]) for case in sorted(new)]


def _unpaired(name: str, pairs: Paired | None) -> Item:
    why = "there is no baseline to compare with" if pairs is None else "no case tests these requirements"
    sentence = f"{name.capitalize()}: not checked, {why}; the policy asks for it."
    return Item(name=name, outcome="inconclusive", sentence=sentence)


def _non_inferiority(rule: NonInferiority, pairs: Paired | None) -> Item:
    name = "non-inferiority"
    if not pairs:
        return _unpaired(name, pairs)
    old, new = zip(*pairs, strict=True)
    found = non_inferior([v.passed for v in old], [v.passed for v in new], [v.cluster for v in new], margin=rule.margin)
    low, high, difference = found.interval.low, found.interval.high, found.interval.estimate
    margin = f"margin of {100 * rule.margin:.0f} points"
    further = f"; about {found.further_cases} further cases would settle it" if found.further_cases else ""
    outcome: Outcome
    if found.verdict == "pass":
        outcome, end = "go", f"any loss stays within the {margin}"
    elif found.verdict == "fail":
        outcome, end = "no-go", f"it is worse than the baseline ({margin})"
    else:
        outcome, end = "inconclusive", f"a loss beyond the {margin} is not excluded{further}"
    points = f"{100 * difference:+.1f} points (90% interval {100 * low:+.1f} to {100 * high:+.1f})"
    cases = f"{len(pairs)} cases ({len({v.cluster for v in new})} seed cases)"
    sentence = f"Non-inferiority to {old[0].model} on {cases}: {points}; {end}."
    numbers = {"n": len(pairs), "difference": difference, "low": low, "high": high, "margin": rule.margin}
    return Item(name=name, outcome=outcome, sentence=sentence, numbers=numbers | {"further_cases": found.further_cases})


def _preference(rule: Preference, pairs: Paired | None) -> Item:
    name = "preference"
    if not pairs:
        return _unpaired(name, pairs)
    wins = sum(new.passed and not old.passed for old, new in pairs)
    losses = sum(old.passed and not new.passed for old, new in pairs)
    rate = wilson(wins, wins + losses)
    outcome: Outcome = "go" if rate.low > rule.share else "no-go" if rate.high < rule.share else "inconclusive"
    end = {"go": "above", "no-go": "under", "inconclusive": "not clear of"}[outcome]
    won = f"of these the candidate wins {rate}, {end} the share of {rule.share:.0%}" if rate.n else "nothing to choose"
    sentence = f"Preference over {pairs[0][0].model}: only one model passes {rate.n} of {len(pairs)} cases; {won}."
    numbers = rate.model_dump() | {"wins": wins, "losses": losses, "ties": len(pairs) - wins - losses}
    return Item(name=name, outcome=outcome, sentence=sentence, numbers=numbers)
