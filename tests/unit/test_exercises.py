"""The exercises themselves are tested: with the stub a learner starts from, with right and with wrong answers."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from labkit.lesson.exercises import (
    PLACEHOLDER,
    Exercise,
    Notebook,
    ____,
    answer_or_reference,
    attempted,
    exercises,
    quiz,
)


def is_even(answer):
    assert callable(answer), "a function is asked for, not its result"
    if answer(3) is True:
        return "3 was called even: look at the remainder"
    return answer(4) is True and answer(3) is False


TASK = "Write is_even(n).\n\nUse <b>%</b>."
EVEN = Exercise("even", "easy", 2, TASK, is_even, "n % 2 is the remainder.", "def f(n):\n    return n % 2 == 0")


@pytest.mark.parametrize("stub", [____, None, ..., "", "  \n", [____], {"a": ____}, (1, [2, {____}]), lambda n: ____])
def test_stub_is_not_attempted(stub, capsys):
    result = EVEN.check(stub)
    assert result.status == "not attempted"
    assert "even.hint()" in capsys.readouterr().out


def test_right_answer_passes(capsys):
    assert EVEN.check(lambda n: n % 2 == 0).status == "passed"
    assert capsys.readouterr().out.count("\n") == 1


def explode(_):
    raise RuntimeError("boom")


def leave(_):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda n: True, "look at the remainder."),
        (True, "not its result."),
        (lambda n: None, "That is not it"),
        (explode, "type function: RuntimeError"),
        (leave, "SystemExit"),
        (lambda n: [][n], "IndexError"),
    ],
)
def test_wrong_answer_names_the_likely_mistake(wrong, said):
    result = EVEN.check(wrong)
    assert result.status == "not yet"
    assert said in result.message


def test_check_survives_every_kind_of_value():
    circle: list[object] = []
    circle.append(circle)

    class Rude:
        def __eq__(self, other):
            raise RecursionError

        def __repr__(self):
            raise ValueError

        __hash__ = None

    five = Exercise("five", "hard", 1, "?", lambda value: value == 5, "h", "5")
    for value in (circle, Rude(), np.arange(3), object(), b"\xff", "\ud800", {1: 2}, float("nan")):
        assert five.check(value).status == "not yet"
    assert five.check(np.int64(5)).status == "passed"


def test_a_message_that_cannot_be_encoded_is_still_printed(capsys):
    echo = Exercise("echo", "easy", 1, "?", lambda value: f"you wrote {value}", "h", "s")
    assert "you wrote ?" in echo.check("\ud800").message


def test_card_is_escaped_html_and_plain_text():
    card = EVEN.card()
    assert "&lt;b&gt;%&lt;/b&gt;" in card._repr_html_() and "<b>" not in card._repr_html_()
    assert "easy, about 2 minutes" in card.html
    assert repr(card).startswith("Exercise: even (easy, about 2 minutes)") and "<b>%</b>" in repr(card)


def test_hint_and_solution_are_printed(capsys):
    EVEN.hint()
    EVEN.solution()
    assert capsys.readouterr().out == "Hint: n % 2 is the remainder.\nSolution:\n  def f(n):\n      return n % 2 == 0\n"


@pytest.mark.parametrize("bad", [("two words", "easy", 1), ("x", "trivial", 1), ("x", "easy", 0)])
def test_a_broken_exercise_is_refused(bad):
    with pytest.raises(ValueError, match="cannot be right"):
        Exercise(*bad, "?", bool, "h", "s")


def test_placeholder_lets_a_notebook_run():
    answer = ____(3)["rows"].text + 1 - 2 * ____
    assert answer is PLACEHOLDER
    assert list(____) == [] and not ____ and len(____) == 0
    assert (____ > 3) is PLACEHOLDER and (____ == 4) is PLACEHOLDER
    assert f"{____}" == "____" and {____: 1}
    assert not hasattr(____, "_repr_html_")


def test_attempted_takes_false_and_zero_for_answers():
    assert all(attempted(value) for value in (0, False, [], {}, 0.0, np.zeros(2)))


def test_answer_or_reference_says_which(capsys):
    assert answer_or_reference([1], [2]) == [1]
    assert answer_or_reference(____, [2]) == [2]
    assert capsys.readouterr().out == "Going on with your answer.\nNo answer yet: going on with the reference answer.\n"


def test_quiz(capsys):
    question = quiz("Which loss starts at ln 2?", ["SFT", "DPO"], correct="b", why="Policy and reference agree at first.")
    assert capsys.readouterr().out == "Which loss starts at ln 2?\n  a) SFT\n  b) DPO\n"
    assert question.answer(" B) ").status == "passed"
    assert "agree at first" in capsys.readouterr().out
    assert "a) is not it" in question.answer("a").message
    assert "agree" not in question.answer("a").message
    assert question.answer(____).status == "not attempted"
    assert {question.answer(odd).status for odd in ("", "ab", "c", 2, ["b"])} == {"not attempted", "not yet"}
    with pytest.raises(ValueError, match="not one of its letters"):
        quiz("?", ["x", "y"], correct="c", why="")


def test_a_result_is_not_shown_twice():
    assert EVEN.check(1)._ipython_display_() is None


def test_notebook_registry(monkeypatch):
    book = Notebook("99", EVEN)
    assert book.even is book["even"] is EVEN and list(book) == ["even"] and len(book) == 1
    with pytest.raises(AttributeError, match="it has even"):
        _ = book.odd
    with pytest.raises(ValueError, match="share a name"):
        Notebook("99", EVEN, EVEN)
    module = types.ModuleType("labkit.lesson.nb99")
    module.__spec__ = types.SimpleNamespace(name=module.__name__)
    module.EXERCISES = book
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert exercises("99") is book
    for unknown in ("98", "../x"):
        with pytest.raises(KeyError, match="no exercises"):
            exercises(unknown)
