"""Of every exercise: a stub is not attempted, and the printed solution passes its own check."""

from __future__ import annotations

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
