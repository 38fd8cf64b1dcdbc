"""Of every exercise: a stub is not attempted, and the printed solution passes its own check. Of every quiz: its key."""

from __future__ import annotations

import importlib

import pytest

from labkit.lesson.exercises import ____, exercises

NOTEBOOKS = ("02", "03", "04", "05", "07", "08", "09", "10", "12")
ALL = [(notebook, name) for notebook in NOTEBOOKS for name in exercises(notebook)]


@pytest.mark.parametrize(("notebook", "name"), ALL)
def test_stubs_are_not_attempted_and_solutions_pass(notebook, name, solved):
    exercise = exercises(notebook)[name]
    assert exercise.check(____).status == "not attempted"
    assert exercise.check(lambda *_: ____).status in ("not attempted", "not yet")
    assert exercise.check(solved(notebook, name)).status == "passed"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_quiz_letters_are_spread_and_the_right_ones_pass(notebook):
    quiz = importlib.import_module(f"labkit.lesson.nb{notebook}").QUIZ
    assert sorted(question.correct for question in quiz) == ["a", "b", "c"]
    for question in quiz:
        assert [letter for letter in "abc" if question.answer(letter).status == "passed"] == [question.correct]
