"""The exercises of notebook 01: stub, right and wrong answers, and the small tables of the lesson."""

from __future__ import annotations

import pytest
import yaml

from labkit import LabError, samples
from labkit.evaluation.suite import load_requirements
from labkit.lesson import nb01
from labkit.lesson.exercises import ____, exercises
from labkit.records import Requirement
from labkit.samples import path
from labkit.stats import wilson

TASKS = exercises("01")
RULE, CASE, ORACLES = nb01.REFERENCE_REQUIREMENT, nb01.REFERENCE_CASE, nb01.REFERENCE_ORACLES


@pytest.mark.parametrize(
    ("task", "stub"),
    [
        ("write_requirement", {**RULE, "text": ____}),
        ("pick_oracle", dict.fromkeys(ORACLES, ____)),
        ("write_case", ____),
    ],
)
def test_stubs_are_not_attempted(task, stub):
    assert TASKS[task].check(stub).status == "not attempted"


@pytest.mark.parametrize(
    ("task", "right"),
    [
        ("write_requirement", RULE),
        ("write_requirement", Requirement(**RULE)),
        ("write_requirement", {**RULE, "text": "If asked when it opens, the assistant says: nine to six o'clock."}),
        ("pick_oracle", ORACLES),
        ("write_case", CASE),
        ("write_case", CASE.replace("\n", "\n    ")),
    ],
)
def test_right_answers_pass(task, right):
    result = TASKS[task].check(right)
    assert result.status == "passed", result.message


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        ("write_requirement", "open from 9 to 18", "not complete yet"),
        ("write_requirement", {**RULE, "impact": 9}, "impact"),
        (
            "write_requirement",
            {**RULE, "text": "When asked, the assistant answers quickly."},
            "'quickly' cannot be failed",
        ),
        ("write_requirement", {**RULE, "text": "When asked, the assistant knows 9 to 18."}, "can be observed"),
        ("write_requirement", {**RULE, "text": "The assistant states 9 to 18."}, "Say when it applies"),
        ("write_requirement", {**RULE, "text": "When asked, the assistant states the hours."}, "from 9 to 18"),
        ("write_requirement", {**RULE, "severity": "critical"}, "Critical is for harm"),
        ("pick_oracle", {**ORACLES, "holds no telephone number": "facts"}, "something must be absent"),
        ("pick_oracle", {**ORACLES, "states the refund period": "fact"}, "'fact' is no oracle"),
        ("pick_oracle", ["facts"], "Keep the five"),
        ("write_case", {"id": 1}, "between triple quotes"),
        ("write_case", CASE.replace("facts:", "fact:"), "oracle 'fact' is unknown"),
        ("write_case", CASE.replace("REQ-S05", "REQ-S99"), "'REQ-S99' is unknown"),
        ("write_case", CASE.replace("REQ-S05", "REQ-S01"), "the warranty is REQ-S05"),
        ("write_case", CASE.replace("a good year", "two of its 3 years"), "already holds the answer"),
        ("write_case", CASE.replace('facts: ["3 years"]', "equals: 3 years"), "too strict"),
        ("write_case", CASE.replace('facts: ["3 years"]', 'matches: "warranty.* 3 years"'), "ask for the fact"),
        ("write_case", CASE.replace('facts: ["3 years"]', 'matches: "years|product"'), "too weak"),
        ("write_case", "- id: [", "The suite loader says"),
    ],
)
def test_wrong_answers_name_the_mistake(task, wrong, said):
    result = TASKS[task].check(wrong)
    assert result.status == "not yet" and said in result.message, result.message


def test_a_case_that_repeats_a_training_row_is_refused():
    from labkit.formats import read_rows

    row = next(e for e in read_rows(samples.path("support/train.jsonl"))[0] if "REQ-S05" in e.requirements)
    twin = CASE.replace(
        "The hinge of my folding table broke after a good year. Do you still put that right?", row.question
    )
    assert "nearly a row" in TASKS.write_case.check(twin).message


def test_a_case_is_shown_as_it_is_written():
    requirements = load_requirements(path("support/requirements.yaml"))
    case = nb01.one_case(CASE, requirements)
    assert yaml.safe_load(nb01.as_yaml(case)) == yaml.safe_load(CASE)
    assert nb01.one_case(nb01.as_yaml(case), requirements) == case
    with pytest.raises(LabError, match="an empty answer would pass"):
        nb01.one_case(CASE.replace('facts: ["3 years"]', 'forbids: "x"'), requirements)


def test_tables_of_the_lesson():
    (right, wrong) = nb01.tried("facts", ["45 days"], ["Within forty-five days.", "Within 54 days."]).rows
    assert (right["verdict"], wrong["verdict"]) == ("pass", "FAIL") and '"54 days"' in wrong["message"]
    copy, paraphrase = nb01.similarity(
        "Return it within 45 days.", "45 days", ["Return it within 54 days.", "You have forty-five days for that."]
    ).rows
    assert (copy["facts"], paraphrase["facts"]) == ("FAIL", "pass")
    assert int(copy["alike"][:-1]) > 90 > int(paraphrase["alike"][:-1])
    case = nb01.one_case(CASE, load_requirements(path("support/requirements.yaml")))
    assert [r["verdict"] for r in nb01.judged_by_case(case, ["3 years.", "2 years."]).rows] == ["pass", "FAIL"]


@pytest.mark.parametrize(("n", "rate"), [(9, 0.30), (29, 0.10), (59, 0.05), (299, 0.01)])
def test_rule_of_zero_failures(n, rate):
    """One case less would not do; and a failure rate at the limit indeed passes n cases one time in twenty."""
    assert nb01.still_possible(n) < rate < nb01.still_possible(n - 1)
    assert (1 - nb01.still_possible(n)) ** n == pytest.approx(0.05)
    assert wilson(n, n).low == pytest.approx(1 - nb01.still_possible(n), abs=0.05)


def test_the_quiz_has_one_right_letter_each():
    for question in nb01.QUIZ:
        assert [question.answer(letter).status for letter in "abc"].count("passed") == 1
