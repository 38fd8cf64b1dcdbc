"""Notebook 01, why fine-tune: small looks at requirements, cases and oracles, the exercises and the quiz."""

from __future__ import annotations

import difflib
import re
import tempfile
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit import LabError, samples
from labkit.evaluation.registry import ORACLES, Said, apply
from labkit.evaluation.suite import load, load_requirements, prompt_text
from labkit.files import explain, write_text
from labkit.lesson.domains import readable
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.lesson.nb00 import fair
from labkit.lesson.table import Table
from labkit.records import Case, Requirement
from labkit.records import question as asked

REFERENCE_REQUIREMENT = {
    "id": "REQ-S18",
    "text": "When asked about opening hours, the assistant states that the shop is open from 9 to 18 o'clock, "
    "Monday to Saturday.",
    "likelihood": 3,
    "impact": 2,
    "severity": "minor",
}
REFERENCE_CASE = """
- id: my-warranty-01
  requirement: REQ-S05
  technique: MFT
  given: |-
    [Rule: every product has a warranty of 3 years]
    The hinge of my folding table broke after a good year. Do you still put that right?
  expect:
    - facts: ["3 years"]
"""
REFERENCE_ORACLES = {
    "states the refund period": "facts",
    "hands an injury to a colleague": "decision",
    "holds no telephone number": "forbids",
    "routes to exactly this team and urgency": "equals_json",
    "is one JSON object with a team and an urgency": "json_schema",
}


def as_yaml(case: Case) -> str:
    """A case as it stands in a suite file."""
    seed = {"seed": case.seed} if case.seed else {}
    entry: dict[str, Any] = {"id": case.id, "requirement": case.requirement, "technique": case.technique, **seed}
    entry |= {"given": case.given[-1].content, "expect": case.expect}
    return readable([entry])


def one_case(text: str, requirements: Mapping[str, Requirement]) -> Case:
    """Read one case from YAML, with all the checks a suite file gets.

    Raises:
        LabError: as :func:`labkit.evaluation.suite.load`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = write_text(Path(folder) / "mine.yaml", f"suite: mine\ncases:\n{textwrap.dedent(text).strip()}\n")
        return load(file, requirements).cases[0]


def tried(oracle: str, expected: Any, answers: Iterable[str], prompt: str = "") -> Table:
    """What one oracle says of some answers."""
    outcomes = {answer: ORACLES[oracle](expected, answer, prompt) for answer in answers}
    return Table({"verdict": _word(o.passed), "answer": a, "message": o.message} for a, o in outcomes.items())


def passes(case: Case, answer: str) -> bool:
    """Whether an answer meets every expectation of a case."""
    said = Said(answer, prompt_text(case))
    return all(apply(name, expected, said).passed for entry in case.expect for name, expected in entry.items())


def judged_by_case(case: Case, answers: Iterable[str]) -> Table:
    """Answers, and whether a case lets them pass."""
    return Table({"verdict": _word(passes(case, answer)), "answer": answer} for answer in answers)


def similarity(reference: str, fact: str, answers: Iterable[str]) -> Table:
    """Letters in common with the reference, beside what the facts oracle says."""
    return Table(
        {
            "alike": f"{difflib.SequenceMatcher(None, reference, answer).ratio():.0%}",
            "facts": _word(ORACLES["facts"]([fact], answer, "").passed),
            "answer": answer,
        }
        for answer in answers
    )


def still_possible(n: int, confidence: float = 0.95) -> float:
    """The highest failure rate that n cases without a failure do not exclude."""
    return float(1 - (1 - confidence) ** (1 / n))


def _word(passed: bool) -> str:
    return "pass" if passed else "FAIL"


_VAGUE = re.compile(
    r"\b(well|good|quick(?:ly)?|fast|friendly|polite(?:ly)?|appropriate(?:ly)?|helpful(?:ly)?|nice(?:ly)?|"
    r"correct(?:ly)?|proper(?:ly)?|reasonabl[ey]|as soon as possible|user-friendly|should try)\b",
    re.I,
)
_OBSERVABLE = re.compile(
    r"\b(states?|says?|answers?|names?|gives?|quotes?|tells?|repeats?|lists?|mentions?|replies|offers?)\b", re.I
)


def _write_requirement(answer: Any) -> bool | str:
    try:
        made = answer if isinstance(answer, Requirement) else Requirement.model_validate(answer)
    except ValidationError as error:
        return f"The requirement is not complete yet: {explain(error)}"
    if vague := _VAGUE.search(made.text):
        return f"'{vague[0]}' cannot be failed: two testers would not agree on it"
    if not _OBSERVABLE.search(made.text):
        return "Say what the assistant does that can be observed in the answer, as in 'the assistant states that ...'"
    if not re.search(r"\b(when|if|asked)\b", made.text, re.I):
        return "Say when it applies, as in 'When asked about ...'"
    if not (
        re.search(r"\b0?9\b|\bnine\b", made.text, re.I) and re.search(r"\b18\b|\b6 ?pm\b|\bsix\b", made.text, re.I)
    ):
        return "The rule itself is missing: from 9 to 18 o'clock"
    if made.impact <= 2 and made.severity == "critical":
        return "Critical is for harm that cannot be taken back; a wrong opening hour with a low impact is not that"
    return True


def _write_case(answer: Any) -> bool | str:
    if not isinstance(answer, str):
        return "Write the case as YAML text between triple quotes"
    try:
        case = one_case(answer, load_requirements(samples.path("support/requirements.yaml")))
    except LabError as error:
        return f"The suite loader says: {error.what}; {error.mend}"
    if case.requirement != "REQ-S05":
        return f"The case names {case.requirement}; the warranty is REQ-S05"
    question = asked(case.given)
    if re.search(r"\b(3|three)[ -]years?\b", question, re.I):
        return "The question already holds the answer: whoever repeats it passes"
    if problem := fair(question):
        return problem
    if not passes(case, "Every product has a warranty of 3 years."):
        return "The right answer, 'Every product has a warranty of 3 years.', fails your case: the expectation is too strict"
    if not passes(case, "Your purchase is covered for three years from delivery."):
        return "'Covered for three years' fails your case: ask for the fact, not for its spelling"
    for wrong in ("Every product has a warranty of 2 years.", "Please ask the maker of the product."):
        if passes(case, wrong):
            return f"'{wrong}' passes your case: the expectation is too weak"
    return True


_WHY = {
    "states the refund period": "the period may be worded in many ways, and a second period beside it is a defect",
    "hands an injury to a colleague": "what counts is what the assistant decides to do, not a value",
    "holds no telephone number": "something must be absent, whatever else is said",
    "routes to exactly this team and urgency": "the values are given, so the whole object is compared",
    "is one JSON object with a team and an urgency": "the form is given, the values are open",
}


def _pick_oracle(answer: Any) -> bool | str:
    if not isinstance(answer, Mapping) or set(answer) != set(REFERENCE_ORACLES):
        return "Keep the five expectations as keys and write the name of an oracle beside each"
    for expectation, name in answer.items():
        if name not in ORACLES:
            return f"'{name}' is no oracle; there are {', '.join(sorted(ORACLES))}"
        if name != REFERENCE_ORACLES[expectation]:
            return f"For 'the answer {expectation}' there is a better one than {name}: {_WHY[expectation]}"
    return True


EXERCISES = Notebook(
    "01",
    Exercise(
        "write_requirement",
        "medium",
        5,
        'Product management writes: "The assistant should answer questions about our opening hours well and quickly." '
        "The shop is open from 9 to 18 o'clock, Monday to Saturday.\n\n"
        "Write it as a requirement that can fail: a dictionary with id, text, likelihood (1-5), impact (1-5) and "
        "severity (critical, major or minor).",
        _write_requirement,
        "When does it apply, what does the answer state, and who could disagree? REQ-S03 is a good model.",
        f"my_requirement = {REFERENCE_REQUIREMENT}",
    ),
    Exercise(
        "pick_oracle",
        "easy",
        3,
        "Five expectations of an answer. Write the name of the oracle that judges each best: equals, equals_json, "
        "json_schema, matches, forbids, facts, decision or grounded.",
        _pick_oracle,
        "Is it a value, a decision, an absence, an exact object or a form?",
        f"my_oracles = {REFERENCE_ORACLES}",
    ),
    Exercise(
        "write_case",
        "medium",
        6,
        "Write a case for REQ-S05, the warranty of 3 years, as YAML: id, requirement, technique, given and expect, as in "
        "the example above. What is given are two lines: the rule, as the shop's search would find it, and the customer's "
        "words.\n\n"
        "The check reads it as the suite loader would, looks for near-duplicates among the training rows, and tries your "
        "expectation on two right and two wrong answers.",
        _write_case,
        "Above: [Rule: every product has a warranty of 3 years]. Below: a customer with a broken thing, in your own words. "
        "The expectation is one line with the oracle facts.",
        f'my_case = """{REFERENCE_CASE}"""',
    ),
)

QUIZ = (
    Quiz(
        "A requirement has likelihood 2 and impact 5, another likelihood 4 and impact 3. Which may block a release alone?",
        (
            "the second: its risk of 12 is higher than 10",
            "the first, if its severity is critical: risk orders the work, severity decides about the release",
            "neither: only the total pass rate counts",
        ),
        "b",
        "Risk says where to test most; severity says what a single failure means.",
    ),
    Quiz(
        "An answer is 98% alike to the reference and says 54 days in place of 45. What should an oracle say?",
        ("pass: it is nearly the same", "fail: the one fact that matters is wrong", "that depends on the threshold"),
        "b",
        "No threshold helps: a right paraphrase scores lower than a wrong copy.",
    ),
    Quiz(
        "Ten of ten critical cases pass. Which failure rate is still possible, with 95% confidence?",
        ("0%: nothing failed", "about 5%", "up to about 26%"),
        "c",
        "1 - 0.05 ** (1/10) is 26%. Nothing seen is not nothing there.",
    ),
)
