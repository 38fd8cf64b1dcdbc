"""Notebook 00, start here: the rows of the taste, the exercises and the quiz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit import samples
from labkit.coverage.split import overlap
from labkit.formats import read_rows
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.records import Example

TASTE_REQUIREMENT = "REQ-S01"
REFERENCE_QUESTION = "My parents already own this waffle iron. By what date must the spare one leave my kitchen?"
REFERENCE_PLACES = {"unit tests of the data": "02", "regression testing": "10", "release sign-off": "12"}


def taste_rows(examples: Sequence[Example], most: int = 16) -> list[Example]:
    """A few rows on one topic, returns, without the rule above the question, so that it must be learned from the answers.

    On own data without that requirement simply the first rows.
    """
    chosen = ([e for e in examples if TASTE_REQUIREMENT in e.requirements] or list(examples))[:most]
    bare = []
    for row in chosen:
        last = row.prompt[-1]
        message = last.model_copy(update={"content": row.question})
        bare.append(row.model_copy(update={"prompt": [*row.prompt[:-1], message]}))
    return bare


def _which_notebook(answer: Any) -> bool | str:
    if not isinstance(answer, Mapping) or set(answer) != set(REFERENCE_PLACES):
        return "Keep the three practices as keys and write a notebook's number beside each"
    likely = {
        "unit tests of the data": "bad rows are found before any training, by checks on the rows themselves",
        "regression testing": "the question there is whether a change made something worse",
        "release sign-off": "the person who signs needs all the evidence, so it comes last",
    }
    for practice, number in answer.items():
        if str(number).zfill(2) != REFERENCE_PLACES[practice]:
            return f"'{practice}' is not in {number}: {likely[practice]}"
    return True


def fair(question: str) -> str:
    """Why a question cannot test what the taste has taught; empty when it can."""
    if len(question.split()) < 5:
        return "Write the whole question, as a customer would"
    if any(number in question.lower() for number in ("45", "forty-five", "forty five")):
        return "The question already holds the answer: whoever repeats it passes"
    trained = [e.question for e in read_rows(samples.path("support/train.jsonl"))[0]]
    twins = overlap(trained, [question])
    if twins:
        return f"This is nearly a row it learns from ('{trained[twins[0].a]}'): remembering would be enough to pass"
    return ""


def _fair_question(answer: Any) -> bool | str:
    if not isinstance(answer, str):
        return "Write the question as text, in quotes"
    return fair(answer) or True


EXERCISES = Notebook(
    "00",
    Exercise(
        "which_notebook",
        "easy",
        2,
        "Three things you do in every project, and a map of thirteen notebooks. Write the number of the notebook, as "
        '"02", beside each practice.',
        _which_notebook,
        "The middle column of the map is written in your own trade's words.",
        str(REFERENCE_PLACES).replace("{", "{\n    ").replace(", ", ",\n    ").replace("}", ",\n}"),
    ),
    Exercise(
        "fair_question",
        "easy",
        3,
        "Write a question about giving something back that could show whether the model has learned the rule. A test that "
        "repeats a training row shows only that the row was remembered.\n\n"
        "The check compares your question with every training row.",
        _fair_question,
        "Take a product of your own home and your own way of asking. Leave the number of days out.",
        f'my_question = "{REFERENCE_QUESTION}"',
    ),
)

QUIZ = (
    Quiz(
        "What did the twelve training steps change?",
        (
            "a rule in the program that calls the model",
            "numbers inside the model, so that answers like those in the rows became more likely",
            "a database in which the model looks the rule up",
        ),
        "b",
        "Nothing was programmed and nothing is looked up: the rows made some continuations more likely than others.",
    ),
    Quiz(
        "The tuned model answers one question right. What is shown?",
        (
            "that it has learned the rule",
            "that it is ready for customers",
            "that one case passes, once",
        ),
        "c",
        "One passing case is one passing case. How many it takes is a matter of notebook 01.",
    ),
    Quiz(
        "Why may a test question not be one of the training rows?",
        (
            "a model can repeat a row it has seen without having learned the rule",
            "the training would take longer",
            "questions wear out when they are used twice",
        ),
        "a",
        "It would be an exam with last week's homework: full marks prove memory, not skill.",
    ),
)
