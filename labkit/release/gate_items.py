"""Items of the gate that follow from verdicts alone: each requirement by its severity, and the two comparisons.

An item is one rule applied: an outcome, a plain sentence, and the numbers behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel

from labkit import LabError
from labkit.records import Requirement, Verdict
from labkit.release.gate_policy import Critical, Major, NonInferiority, Policy, Preference
from labkit.stats import Rate, non_inferior, wilson

Outcome = Literal["go", "no-go", "inconclusive", "reported"]
Numbers = dict[str, float | int | None]
Paired = list[tuple[Verdict, Verdict]]
Requirements = Mapping[str, Requirement]


class Item(BaseModel):
    """One rule applied: its outcome, in one sentence, and the numbers behind it."""

    name: str
    outcome: Outcome
    sentence: str
    numbers: Numbers = {}


def requirement_item(policy: Policy, requirement: Requirement, verdicts: Sequence[Verdict]) -> Item:
    """One requirement held against the rule of its severity; without a case it never passes."""
    rate = wilson(sum(v.passed for v in verdicts), len(verdicts))
    clusters = len({v.cluster for v in verdicts})
    numbers: Numbers = rate.model_dump() | {"seed_cases": clusters}
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
    outcome, further = against_floor(rate, rule.floor)
    if outcome == "go":
        return "go", f"{rate} of cases pass, the whole interval above {floor}"
    if rule.target is not None and rate.rate >= rule.target:
        return "go", f"{rate} of cases pass, at its target of {rule.target:.0%}"
    if outcome == "no-go":
        return "no-go", f"{rate} of cases pass, under {floor}"
    return (
        "inconclusive",
        f"{rate} of cases pass, but the interval reaches under {floor}; {settled_by(further, 'cases')}",
    )


def against_floor(rate: Rate, floor: float) -> tuple[Outcome, int | None]:
    """A rate held against a floor, with the number of further observations that would settle it.

    Args:
        rate: with Wilson's interval.
        floor: 0-1.

    Returns:
        go: the whole interval reaches the floor; no-go: the rate itself is under it; else inconclusive, and how many
        more at this rate lift the lower bound to the floor (None: the rate is the floor, or 5,000 are not enough).
    """
    if rate.low >= floor:
        return "go", None
    if rate.rate < floor:
        return "no-go", None
    if rate.rate <= floor:
        return "inconclusive", None
    totals = range(rate.n + 1, 5000)
    total = next((t for t in totals if wilson(math.floor(rate.rate * t), t).low >= floor), None)
    return "inconclusive", total - rate.n if total else None


def settled_by(further: int | None, what: str) -> str:
    """The end of an undecided sentence: how many further cases (or ``what`` they are) would settle it."""
    return (
        f"about {further} further {what} at this rate would settle it" if further else f"more {what} cannot settle it"
    )


def chosen(patterns: Sequence[str], requirements: Requirements) -> set[str]:
    """Ids of the requirements that a rule's patterns name.

    Raises:
        LabError: a pattern names none.
    """
    found = {pattern: {r for r in requirements if fnmatchcase(r, pattern)} for pattern in patterns}
    for pattern, ids in found.items():
        if not ids:
            raise LabError(f"gate policy, '{pattern}'", "names no requirement", "mend the pattern in the policy")
    return set().union(*found.values())


def paired(candidate: Sequence[Verdict], baseline: Sequence[Verdict] | None, ids: set[str]) -> Paired | None:
    """(baseline, candidate) verdicts on these requirements, case by case; None without a baseline.

    Raises:
        LabError: the two did not answer the same cases.
    """
    if baseline is None:
        return None
    old = {v.case_id: v for v in baseline if v.requirement in ids}
    new = {v.case_id: v for v in candidate if v.requirement in ids}
    if different := old.keys() ^ new.keys():
        what = f"did not answer the same cases as the candidate (e.g. {min(different)})"
        raise LabError("baseline", what, "run and judge both on one suite")
    return [(old[case], new[case]) for case in sorted(new)]


def _unpaired(name: str, pairs: Paired | None) -> Item:
    why = "there is no baseline to compare with" if pairs is None else "no case tests these requirements"
    sentence = f"{name.capitalize()}: not checked, {why}; the policy asks for it."
    return Item(name=name, outcome="inconclusive", sentence=sentence)


def non_inferiority(rule: NonInferiority, pairs: Paired | None) -> Item:
    """Is the candidate no worse than the baseline by more than the margin, on the same cases?"""
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


def preference(rule: Preference, pairs: Paired | None) -> Item:
    """Of the cases that only one of the two models passes, does the candidate win its share?"""
    name = "preference"
    if not pairs:
        return _unpaired(name, pairs)
    wins = sum(new.passed and not old.passed for old, new in pairs)
    losses = sum(old.passed and not new.passed for old, new in pairs)
    rate = wilson(wins, wins + losses)
    outcome: Outcome = "go" if rate.low > rule.share else "no-go" if rate.high < rule.share else "inconclusive"
    end = {"go": "above", "no-go": "under", "inconclusive": "not clear of"}[outcome]
    further = None
    if outcome == "inconclusive" and rate.n:  # towards the nearer verdict, counted in cases of which so many differ
        side, bar = (rate, rule.share) if rate.rate > rule.share else (wilson(losses, rate.n), 1 - rule.share)
        differing = against_floor(side, bar)[1]
        further = math.ceil(differing * len(pairs) / rate.n) if differing else None
    won = f"of these the candidate wins {rate}, {end} the share of {rule.share:.0%}" if rate.n else "nothing to choose"
    won += f"; {settled_by(further, 'cases')}" if outcome == "inconclusive" else ""
    sentence = f"Preference over {pairs[0][0].model}: only one model passes {rate.n} of {len(pairs)} cases; {won}."
    numbers = rate.model_dump() | {"wins": wins, "losses": losses, "ties": len(pairs) - wins - losses}
    return Item(name=name, outcome=outcome, sentence=sentence, numbers=numbers | {"further_cases": further})
