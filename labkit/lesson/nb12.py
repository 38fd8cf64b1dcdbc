"""Notebook 12: orphans, the policy applied by hand, and the reason under a signature."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from labkit.files import write_text
from labkit.home import Home
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.lesson.recorded import recorded
from labkit.lesson.table import Table
from labkit.records import Case, Example, Message, Requirement, Severity, Verdict
from labkit.release.gate import Decision, FlipRate, Mutants, MutationScore, Policy, decide
from labkit.release.gate_evidence import flip_rate, mutation_score
from labkit.release.traceability import Matrix, matrix

_ASK = [Message(role="user", content="?")]

REFERENCE_REASON = (
    "REQ-S03 is broken: wrong delivery times. Until 2027-03-01 the assistant shows the delivery page instead, "
    "and Kim checks twenty answers a day."
)


def practice_matrix() -> Matrix:
    """A small release with loose ends on both sides."""
    needs = [_requirement("R1", "critical"), _requirement("R2"), _requirement("R3"), _requirement("R4", "minor")]
    rows = [
        Example(id=f"row-{i}", prompt=_ASK, response="a", requirements=[r]) for i, r in enumerate(["R1", "R2", "R4"])
    ]
    cases = [_case("A-1", "R1"), _case("A-2", "R1"), _case("B-1", "R2"), _case("D-1", "R4"), _case("X-1", "R7")]
    verdicts = [_verdict("A-1", "R1", "critical"), _verdict("A-2", "R1", "critical"), _verdict("D-1", "R4", "minor")]
    return matrix({r.id: r for r in needs}, rows, cases, verdicts)


def _requirement(name: str, severity: Severity = "major") -> Requirement:
    return Requirement(id=name, text=f"What {name} asks for.", likelihood=3, impact=3, severity=severity)


def _case(name: str, requirement: str) -> Case:
    return Case(id=name, requirement=requirement, technique="MFT", given=_ASK, expect=[{"equals": "a"}])


def _verdict(case: str, requirement: str, severity: Severity = "major", passed: bool = True) -> Verdict:
    return Verdict(
        case_id=case, requirement=requirement, severity=severity, technique="MFT", cluster=case, model="practice",
        passed=passed, score=float(passed), message="",
    )  # fmt: skip


# name -> severity, passed, cases: what the gate of the sample policy is shown
RESULTS: dict[str, tuple[Severity, int, int]] = {
    "R1": ("critical", 11, 12),
    "R2": ("major", 9, 10),
    "R3": ("major", 7, 10),
    "R4": ("major", 5, 10),
    "R5": ("critical", 6, 6),
    "R6": ("minor", 2, 10),
}
_POLICY = Policy.model_validate({"critical": {"violations_below": 0.30}, "major": {"floor": 0.60, "target": 0.80}})
_LIKELY = {
    "R1": "a critical requirement may not fail once, whatever its rate",
    "R2": "9 of 10 reach the target of 80%, so the interval need not clear the floor",
    "R3": "7 of 10 is above the floor but under the target, and the interval reaches below the floor",
    "R4": "5 of 10 is under the floor itself",
    "R5": "nothing failed, but 6 cases cannot exclude a violation share of 30%; 9 can",
    "R6": "minor requirements are reported and block nothing",
}


def gate_on_results() -> dict[str, str]:
    """What the gate says of each of :data:`RESULTS` under the sample policy's rules."""
    needs = {name: _requirement(name, severity) for name, (severity, _, _) in RESULTS.items()}
    verdicts = [
        _verdict(f"{name}-{i}", name, severity, i < passed)
        for name, (severity, passed, n) in RESULTS.items()
        for i in range(n)
    ]
    return {item.name: item.outcome for item in decide(_POLICY, verdicts, None, needs).items}


def further_rules() -> Table:
    """The two rules that the sample policy leaves off, each on evidence whose origin is named.

    The flip rate is shown on practice figures; the mutation score on the recorded one where there is one.
    """
    first, again = ([_verdict(f"c{i}", "R2", passed=i >= flips) for i in range(60)] for flips in (0, 1))
    flips = flip_rate(FlipRate(most=0.05), first, again)
    found = recorded("model_mutants")
    made = (
        Mutants.model_validate(found.result)
        if found.result
        else Mutants(
            score=0.75, n=12, low=0.47, high=0.91, survivors=["half an adapter", "a noisy adapter", "hot sampling"]
        )
    )
    score = mutation_score(MutationScore(floor=0.6), made)
    origin = found.line() if found.result else "practice figures: twelve mutants, three survive"
    return Table(
        {"rule": rule, "evidence": evidence, "gate": item.outcome, "says": item.sentence}
        for rule, evidence, item in (
            ("flip_rate: {most: 0.05}", "practice figures: two runs of 60 cases, one verdict differs", flips),
            ("mutation_score: {floor: 0.60}", origin, score),
        )
    )


def practice_desk() -> tuple[Home, Decision]:
    """A decision to practise signing on, in a temporary home: the real signatures stay as they are."""
    needs = {"REQ-S03": _requirement("REQ-S03")}
    verdicts = [_verdict(f"c{i}", "REQ-S03", passed=i < 4) for i in range(10)]
    decision = decide(_POLICY, verdicts, None, needs)
    folder = Path(tempfile.mkdtemp(prefix="practice-desk-"))
    home = Home(folder)
    weakref.finalize(home, shutil.rmtree, folder, ignore_errors=True)
    write_text(home / "release" / "decision.json", decision.model_dump_json(indent=1) + "\n")
    return home, decision


_LOOSE = {"R3", "R2", "X-1"}


def _orphans(answer: Any) -> object:
    if not isinstance(answer, set | list | tuple):
        return 'Give a set of ids, as in {"R1", "X-1"}'
    found = set(answer)
    if "B-1" in found:
        return "B-1 has a requirement; it was only not run. Its requirement is the one without a result: name that"
    if extra := sorted(map(str, found - _LOOSE)):
        return f"{extra[0]} is traced: it has its other side and a result"
    missing = {
        "R3": "one requirement has no case at all",
        "R2": "one requirement has a case, but nobody ran it: there is no verdict",
        "X-1": "look from the other side too: one case tests a requirement that does not exist",
    }
    return next((why for name, why in missing.items() if name not in found), True)


def _outcomes(answer: Any) -> object:
    if not isinstance(answer, dict):
        return 'Give a dictionary, as in {"R1": "go", ...}'
    if missing := [name for name in RESULTS if name not in answer]:
        return f"There is no outcome for {', '.join(missing)} yet"
    wrong = [name for name, right in gate_on_results().items() if answer[name] != right]
    return f"Look again at {wrong[0]}: {_LIKELY[wrong[0]]}" if wrong else True


def _reason(answer: Any) -> object:
    if not isinstance(answer, str):
        return "Write one or two sentences, as text"
    if "REQ-S03" not in answer:
        return "The reason does not name what is broken: which requirement failed?"
    if not re.search(r"\b\d{4}-\d{2}-\d{2}\b", answer):
        return "Until when does this hold? Without a date (2027-03-01) an exception stays for ever"
    if not re.search(r"\b(watch|monitor|check|review|read|own|answer)(s|es|ed|ing)?\b", answer, re.I):
        return "Who watches the risk meanwhile? Name a person and what that person checks"
    return len(answer.split()) >= 8 or "A reader in half a year must understand it: say a little more"


EXERCISES = Notebook(
    "12",
    Exercise(
        "orphans",
        "easy",
        4,
        "Which ids of the practice matrix above hang in the air? Look both ways: requirements without a case or without "
        "a result, and cases without a requirement.\n\nGive a set of ids.",
        _orphans,
        "Three ids: one has no case, one was never run, and one tests what nobody asked for.",
        'my_orphans = {"R3", "R2", "X-1"}',
    ),
    Exercise(
        "outcomes",
        "medium",
        6,
        "Be the gate: what does the policy above make of these results (passed of cases)?\n\n"
        + "; ".join(f"{name} {severity} {passed}/{n}" for name, (severity, passed, n) in RESULTS.items())
        + '.\n\nWrite a dictionary: each id, and "go", "no-go", "inconclusive" or "reported".',
        _outcomes,
        "Take severity first. A major requirement is a go when it reaches the target, a no-go under the floor.",
        'my_outcomes = {"R1": "no-go", "R2": "go", "R3": "inconclusive",\n'
        '                   "R4": "no-go", "R5": "inconclusive", "R6": "reported"}',
    ),
    Exercise(
        "reason",
        "medium",
        5,
        "The practice gate says no-go: REQ-S03 passes 4 of 10 cases. Suppose that you release all the same. Write the "
        "reason: what is broken, who watches it and how, and until which date (YYYY-MM-DD) the exception holds.",
        _reason,
        "Read it as the auditor of next year would: what, who, how, until when.",
        f"my_reason = {REFERENCE_REASON!r}",
    ),
)

QUIZ = (
    Quiz(
        "1. The gate says inconclusive for one critical requirement, and all of its cases pass. Why is it no go?",
        (
            "Too few cases: no failure in n cases still leaves room for failures that n cases cannot see.",
            "The gate is broken.",
            "Critical requirements are never a go.",
        ),
        "a",
        "With 9 seed cases and no failure, 95% confidence excludes a violation share of 30%, and no less.",
    ),
    Quiz(
        "2. Somebody edits gate.yaml after reading the results. What is wrong with that?",
        (
            "YAML is easy to get wrong.",
            "The rules then follow the model. A policy is agreed on first and changed in a review of its own.",
            "Nothing, as long as the file is committed.",
        ),
        "b",
        "A threshold chosen after the measurement is always met.",
    ),
    Quiz(
        "3. After the signature a case is added and the report written anew. Does the signature still hold?",
        (
            "Yes, a signature is a signature.",
            "Yes, if the outcome is the same word.",
            "No: it names the hash of one decision, and this is another one.",
        ),
        "c",
        "A person answers for what that person has read.",
    ),
)
