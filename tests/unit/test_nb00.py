"""The exercises of notebook 00: stub, right and wrong answers, and the rows of the taste."""

from __future__ import annotations

import pytest

from labkit import samples
from labkit.formats import read_rows
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.nb00 import QUIZ, REFERENCE_PLACES, REFERENCE_QUESTION, taste_rows
from labkit.records import Example, Message

TASKS = exercises("00")
ROWS = read_rows(samples.path("support/train.jsonl"))[0]


@pytest.mark.parametrize(
    ("task", "stub"), [("which_notebook", dict.fromkeys(REFERENCE_PLACES, ____)), ("fair_question", ____)]
)
def test_stubs_are_not_attempted(task, stub):
    assert TASKS[task].check(stub).status == "not attempted"


@pytest.mark.parametrize(
    ("task", "right"),
    [
        ("which_notebook", REFERENCE_PLACES),
        ("which_notebook", {k: int(v) for k, v in REFERENCE_PLACES.items()}),
        ("fair_question", REFERENCE_QUESTION),
        ("fair_question", "We bought too many fence posts. Is there a last day on which you take some back?"),
    ],
)
def test_right_answers_pass(task, right):
    assert TASKS[task].check(right).status == "passed"


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        ("which_notebook", REFERENCE_PLACES | {"regression testing": "09"}, "'regression testing' is not in 09"),
        ("which_notebook", "02, 10, 12", "Keep the three practices"),
        ("fair_question", 45, "in quotes"),
        ("fair_question", "Returns?", "whole question"),
        ("fair_question", "Can I really return a rug within forty-five days?", "already holds the answer"),
        ("fair_question", taste_rows(ROWS)[0].question, "nearly a row it learns from"),
    ],
)
def test_wrong_answers_name_the_mistake(task, wrong, said):
    result = TASKS[task].check(wrong)
    assert result.status == "not yet" and said in result.message


def test_solutions_pass_their_own_check(capsys):
    for name, exercise in TASKS.items():
        capsys.readouterr()
        exercise.solution()
        text = capsys.readouterr().out.partition("\n")[2]
        names: dict = {}
        exec("answer = " + text.strip().partition(" = ")[2] if " = " in text else "answer = " + text.strip(), names)
        assert TASKS[name].check(names["answer"]).status == "passed"


def test_the_taste_is_of_one_topic_and_works_on_other_rows():
    rows = taste_rows(ROWS)
    assert 8 <= len(rows) <= 16 and all("REQ-S01" in row.requirements for row in rows)
    own = [Example(id=f"r{i}", prompt=[Message(role="user", content="?")], response="x") for i in range(20)]
    assert taste_rows(own) == own[:16]


def test_the_quiz_has_one_right_letter_each():
    for question in QUIZ:
        assert [question.answer(letter).status for letter in "abc"].count("passed") == 1
