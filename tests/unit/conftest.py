"""Shared by the tests of the notebooks' exercises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labkit.lesson.exercises import exercises


@pytest.fixture
def solved() -> Callable[[str, str], object]:
    """What the printed solution of an exercise defines, as ``solved("07", "ranked")``."""

    def of(notebook: str, name: str) -> object:
        scope: dict[str, object] = {}
        exec(exercises(notebook)[name]._solution, scope)
        return scope[f"my_{name}"]

    return of
