"""Notebook 09: a gap in the suite closed, flips counted, the size of a suite, and what its tables hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, get_args

from labkit.evaluation.kill_matrix import KillMatrix
from labkit.evaluation.oracles import ORACLES
from labkit.evaluation.suite import prompt_text
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.records import Case, Requirement, RunRecord, Severity, Verdict
from labkit.stats import cluster_bootstrap, non_inferior, paired_difference, wilson

# Both lists state "2 hours", so the facts oracle accepts every one of them.
RIGHT = [
    "You can cancel it free of charge within 2 hours of placing the order.",
    "Yes, cancelling is free within 2 hours of placing it. Next step: open My Orders.",
    "Do not worry: you can still cancel free of charge, as it is within 2 hours.",
    "It is no trouble at all: within 2 hours an order can be cancelled free of charge.",
    "You have 2 hours from placing the order to cancel it free of charge.",
]
DENIED = [
    "You cannot cancel it free of charge within 2 hours of placing the order.",
    "No, cancelling is not free within 2 hours of placing it. Next step: open My Orders.",
    "You can't cancel it free of charge, as it is within 2 hours.",
    "Within 2 hours of placing it, an order can no longer be cancelled.",
    "Cancelling is never free of charge, even within 2 hours.",
]

REFERENCE_DENIALS = [r"\b(cannot|can't|can no longer|(is|are|can) (not|never))\b"]


def _no_denial(answer: Any) -> object:
    if isinstance(answer, str):
        answer = [answer]
    if not isinstance(answer, list | tuple) or not all(isinstance(pattern, str) for pattern in answer):
        return "Give a list of regular expressions, as texts"
    try:
        rejected = {text: not ORACLES["forbids"](list(answer), text, "").passed for text in (*RIGHT, *DENIED)}
    except ValueError as error:
        return str(error)
    if alarms := [text for text in RIGHT if rejected[text]]:
        return f'False alarm on a right answer: "{alarms[0]}" ({len(alarms)} of {len(RIGHT)})'
    if missed := [text for text in DENIED if not rejected[text]]:
        return f'This denial survives: "{missed[0]}" ({len(missed)} of {len(DENIED)})'
    return True


_BEFORE = {"c1": True, "c2": True, "c3": False, "c4": False, "c5": True, "c6": True}
_AFTER = {"c6": True, "c5": False, "c4": True, "c3": False, "c2": False, "c1": True}


def _flips(answer: Callable[[dict[str, bool], dict[str, bool]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_flips(before, after): ..."
    found = answer(dict(_BEFORE), dict(_AFTER))
    if not isinstance(found, tuple | list) or len(found) != 2:
        return "Give back two numbers: lost, gained"
    if tuple(found) == (1, 2):
        return "Lost and gained are turned round: lost passed before and fails now"
    if tuple(found) == (1, 0):
        return "That is the net change: two lost and one gained must both be seen"
    if list(found) != [2, 1]:
        return "Compare case by case, by name: the two runs need not list their cases in one order"
    return True


def _cases_needed(answer: Callable[[float], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_cases_needed(share): ..."
    for share, n in [(0.10, 29), (0.05, 59), (0.02, 149), (0.01, 299)]:
        found = answer(share)
        if found == n:
            continue
        exact = math.log(0.05) / math.log(1 - share)
        if isinstance(found, int | float) and abs(found - exact) < 1e-6:
            return "The formula is right; a case cannot be divided, so round up with math.ceil"
        if found == n - 1:
            return "Rounded down: then the claim is not quite proven. Round up with math.ceil"
        if isinstance(found, int | float) and abs(found - 1 / share) < 1:
            return f"1 / {share:g} cases would miss such a fault more than a third of the time; the claim allows 5%"
        return f"For {share:.0%} it gave {found!r}, and {n} are needed"
    return True


EXERCISES = Notebook(
    "09",
    Exercise(
        "no_denial",
        "medium",
        8,
        'Every answer to REQ-S06 above states "2 hours", so the facts oracle accepts them all, the denials too. Close '
        "the gap: write the list for a second expectation, forbids, that rejects every denial and no right answer.\n\n"
        "Give a list of regular expressions; upper and lower case are the same.",
        _no_denial,
        'A blunt "not" also hits "Do not worry". Which verbs carry the denial?',
        f"my_no_denial = {REFERENCE_DENIALS!r}",
    ),
    Exercise(
        "flips",
        "easy",
        5,
        "Write my_flips(before, after): how many cases were lost (passed before, fail now) and how many gained.\n\n"
        "Both are dictionaries of case id to passed, of the same cases in any order. Give back (lost, gained).",
        _flips,
        "Walk over the case ids of one dictionary and look each of them up in the other.",
        "def my_flips(before, after):\n"
        "    lost = sum(before[case] and not after[case] for case in before)\n"
        "    gained = sum(after[case] and not before[case] for case in before)\n"
        "    return lost, gained",
    ),
    Exercise(
        "cases_needed",
        "medium",
        6,
        "All n cases of a critical requirement pass. How large must n be to claim, with 95% confidence, that less than "
        "a given share of such requests fails?\n\n"
        "Write my_cases_needed(share): the smallest n for which (1 - share) ** n is 0.05 or less.",
        _cases_needed,
        "Take logarithms on both sides: n * log(1 - share) <= log(0.05); the left logarithm is negative.",
        "import math\n\ndef my_cases_needed(share):\n    return math.ceil(math.log(0.05) / math.log(1 - share))",
    ),
)

QUIZ = (
    Quiz(
        "1. A dashboard shows a mean similarity of 0.93 to the reference answers. What does it prove?",
        (
            "That 93% of the answers are right.",
            "That the answers look like the references; one changed number hardly moves it.",
            "That the model is ready for release.",
        ),
        "b",
        "In the tables above similarity lets shifted numbers pass and stops right answers in other words.",
    ),
    Quiz(
        "2. Ten paraphrases of one question all fail. How many defects is that to the statistics?",
        (
            "Ten: each case has its own verdict.",
            "None: paraphrases do not count.",
            "Closer to one than to ten: variants of a seed case stand or fall together.",
        ),
        "c",
        "That is why intervals here are drawn from whole clusters.",
    ),
    Quiz(
        "3. The verdict is inconclusive. What now?",
        (
            "Add cases: it means that this suite cannot tell, neither that there is a loss nor that there is none.",
            "Run it again until it passes.",
            "Treat it as passed: nothing was proven against the model.",
        ),
        "a",
        "A missing proof of harm is no proof of harmlessness; the verdict says how many further cases would do.",
    ),
)


def gaps(matrix: KillMatrix) -> list[dict[str, Any]]:
    """Survivors by kind of mutant, with the requirements whose cases let them through; the most frequent first."""
    found = Counter(survivor.mutant for survivor in matrix.survivors)
    where = {kind: sorted({s.requirement for s in matrix.survivors if s.mutant == kind}) for kind in found}
    return [{"mutant": kind, "survivors": n, "in": ", ".join(where[kind])} for kind, n in found.most_common()]


def steps(judged: Mapping[str, Sequence[Verdict]], margin: float = 0.05) -> list[dict[str, Any]]:
    """Each model against the one before: the difference in points, two intervals, and whether it is no worse."""
    found = []
    for (one, before), (two, after) in pairwise(judged.items()):
        a, b, clusters = [v.passed for v in before], [v.passed for v in after], [v.cluster for v in after]
        naive = paired_difference(a, b)
        whole = cluster_bootstrap([int(y) - int(x) for x, y in zip(a, b, strict=True)], clusters)
        result = non_inferior(a, b, clusters, margin)
        more = f" (about {result.further_cases} more cases)" if result.further_cases else ""
        found.append(
            {
                "step": f"{one} to {two}",
                "points": f"{100 * naive.difference:+.1f}",
                "90% by case": f"{100 * naive.low:+.1f} to {100 * naive.high:+.1f}",
                "90% by cluster": f"{100 * whole.low:+.1f} to {100 * whole.high:+.1f}",
                "no worse?": result.verdict + more,
            }
        )
    return found


def defects(verdicts: Sequence[Verdict], records: Sequence[RunRecord], most: int = 8) -> list[dict[str, Any]]:
    """The failures as defect reports, the most severe first."""
    said = {record.case_id: record.output for record in records}
    failed = sorted((v for v in verdicts if not v.passed), key=lambda v: get_args(Severity).index(v.severity))
    return [
        {"case": v.case_id, "severity": v.severity, "report": v.message, "answer": said[v.case_id]}
        for v in failed[:most]
    ]


def inventions(
    cases: Sequence[Case], runs: Mapping[str, Sequence[RunRecord]], allowed: list[str]
) -> list[dict[str, Any]]:
    """How often each model states only what the prompt supports, and what else it states."""
    found = []
    for name, records in runs.items():
        said = {record.case_id: record.output for record in records}
        outcomes = [ORACLES["grounded"](allowed, said[case.id], prompt_text(case)) for case in cases]
        invented = sorted({o.evidence for o in outcomes if not o.passed and o.evidence})
        rate = wilson(sum(o.passed for o in outcomes), len(outcomes))
        found.append({"model": name, "supported": rate, "not supported": ", ".join(invented[:5]) or "-"})
    return found


def claims(requirements: Mapping[str, Requirement], cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What the critical requirements would prove if every case passed: the failure share that 95% confidence excludes."""
    found = []
    for name in (r.id for r in requirements.values() if r.severity == "critical"):
        own = [case for case in cases if case.requirement == name]
        seeds = len({case.cluster for case in own})
        share = f"{1 - 0.05 ** (1 / seeds):.0%} or more" if seeds else "nothing"
        found.append({"requirement": name, "cases": len(own), "seed cases": seeds, "excluded": share})
    return found
