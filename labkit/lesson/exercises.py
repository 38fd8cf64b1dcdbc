"""Exercises on a card: a check that tells "not tried", "not yet" and "passed" apart, a hint and a solution.

A notebook runs from top to bottom with nothing solved: unsolved cells hold ``____``, which swallows whatever is done
with it, and the main line goes on with :func:`answer_or_reference`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from types import FunctionType
from typing import Any, Literal, TypeVar

T = TypeVar("T")
DIFFICULTIES = ("easy", "medium", "hard")


class _Placeholder:
    """What stands in a cell until the learner writes an answer. Whatever is done with it gives it back."""

    def _same(self, *_: object, **__: object) -> _Placeholder:
        return self

    __call__ = __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _same
    __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __and__ = __or__ = __neg__ = __invert__ = _same
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _same  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> _Placeholder:
        if name.startswith("_"):  # IPython and copy ask for many of these
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "____"


PLACEHOLDER: Any = _Placeholder()
____ = PLACEHOLDER


def attempted(value: object) -> bool:
    """False for a placeholder, None, ``...``, blank text, and for a collection in which a placeholder is left."""
    return not _unsolved(value, depth=0) and value is not None and not (isinstance(value, str) and not value.strip())


def _unsolved(value: object, depth: int) -> bool:
    if isinstance(value, _Placeholder) or value is ...:
        return True
    if depth > 5:  # deep or circular: no learner's answer hides its gap there
        return False
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    return isinstance(value, (list, tuple, set, frozenset)) and any(_unsolved(item, depth + 1) for item in value)


class _StillEmpty(Exception):
    """The learner's function has a body of ``____``."""


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if _unsolved(answer, depth=0):
            raise _StillEmpty
        return answer

    return call


class _Quiet:
    """A return value that a notebook does not show again after it was printed."""

    def _ipython_display_(self) -> None: ...


@dataclass(frozen=True)
class Result(_Quiet):
    """What a check said."""

    status: Literal["not attempted", "not yet", "passed"]
    message: str

    def __str__(self) -> str:
        return f"{self.status.capitalize()}. {self.message}".rstrip()


@dataclass(frozen=True)
class Card:
    """The face of an exercise: HTML in a notebook, plain text elsewhere."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


class Exercise:
    """One task for the learner.

    Args:
        name: short and unique inside its notebook; a Python name, the one the notebook uses for it.
        difficulty: "easy", "medium" or "hard".
        minutes: how long it takes, honestly.
        prompt_text: the task; blank lines part its paragraphs.
        check_function: gets the learner's answer; returns True when it is right, else the likely mistake as text.
            A failed assertion's message counts as that text. It may call the answer when a function is asked for.
        hint: a nudge that does not give the answer away.
        solution: the answer as code or text.
    """

    def __init__(
        self,
        name: str,
        difficulty: Literal["easy", "medium", "hard"],
        minutes: int,
        prompt_text: str,
        check_function: Callable[[Any], object],
        hint: str,
        solution: str,
    ):
        if not name.isidentifier() or difficulty not in DIFFICULTIES or minutes < 1:
            raise ValueError(f"exercise {name!r}: name, difficulty or minutes cannot be right")
        self.name, self.difficulty, self.minutes = name, difficulty, minutes
        self.prompt_text, self.check_function = prompt_text.strip(), check_function
        self._hint, self._solution = hint, solution.strip()

    def card(self) -> Card:
        """The card to show above the learner's cell."""
        title = f"Exercise: {self.name.replace('_', ' ')}"
        facts = f"{self.difficulty}, about {self.minutes} minute{'s' * (self.minutes != 1)}"
        use = f"{self.name}.check(answer), {self.name}.hint(), {self.name}.solution()"
        body = "".join(f"<p>{escape(part)}</p>" for part in self.prompt_text.split("\n\n"))
        html = (
            '<div style="border:1px solid #888;border-left:6px solid #0072b2;border-radius:4px;padding:8px 14px">'
            f"<strong>{escape(title)}</strong> <em>({escape(facts)})</em>{body}<code>{escape(use)}</code></div>"
        )
        return Card(html, f"{title} ({facts})\n{textwrap.indent(self.prompt_text, '  ')}\n  {use}")

    def check(self, value: object) -> Result:
        """Judge the learner's answer, print one line, and never raise."""
        result = self._judge(value)
        print(result)
        return result

    def _judge(self, value: object) -> Result:
        waiting = Result("not attempted", f"Write your answer in place of ____; {self.name}.hint() helps.")
        try:
            if not attempted(value):
                return waiting
            said = self.check_function(_watched(value) if isinstance(value, FunctionType) else value)
            if isinstance(said, _Placeholder):
                return waiting
            if not isinstance(said, str) and bool(said):
                return Result("passed", "Well done.")
            return Result("not yet", _sentence(said) or f"That is not it; {self.name}.hint() helps.")
        except _StillEmpty:
            return waiting
        except AssertionError as error:
            return Result("not yet", _sentence(str(error).partition("\n")[0]) or f"That is not it; {self.name}.hint() helps.")
        except (Exception, SystemExit) as error:  # a learner's answer may be or do anything
            kind = type(value).__name__
            return Result(
                "not yet",
                f"The check could not use your answer, which is of type {kind}: {type(error).__name__}. "
                f"Look again at what the card asks for, or call {self.name}.hint().",
            )

    def hint(self) -> None:
        """Print the nudge."""
        print(f"Hint: {self._hint}")

    def solution(self) -> None:
        """Print the answer."""
        print(f"Solution:\n{textwrap.indent(self._solution, '  ')}")


def _sentence(said: object) -> str:
    """What a checker said as one printable sentence; nothing when it said no more than "no"."""
    text = said.strip().encode("utf-8", "replace").decode() if isinstance(said, str) else ""
    return text if not text or text.endswith((".", "!", "?")) else text + "."


@dataclass(frozen=True)
class Quiz(_Quiet):
    """A question with lettered options; ``correct`` is the letter."""

    question: str
    options: tuple[str, ...]
    correct: str
    why: str

    def __post_init__(self) -> None:
        if self.correct not in self._letters():
            raise ValueError(f"quiz {self.question!r}: {self.correct!r} is not one of its letters")

    def _letters(self) -> str:
        return "abcdefghij"[: len(self.options)]

    def ask(self) -> None:
        """Print the question and its options."""
        rows = [f"  {letter}) {option}" for letter, option in zip(self._letters(), self.options, strict=True)]
        print("\n".join([self.question, *rows]))

    def answer(self, letter: object) -> Result:
        """Judge a letter, print one line with the reason, and never raise."""
        chosen = letter.strip().strip(")").lower() if isinstance(letter, str) else ""
        if not attempted(letter):
            result = Result("not attempted", f"Write one of the letters {', '.join(self._letters())} in place of ____.")
        elif len(chosen) != 1 or chosen not in self._letters():
            result = Result("not yet", f"Answer with one of the letters {', '.join(self._letters())}, in quotes.")
        elif chosen == self.correct:
            result = Result("passed", self.why)
        else:
            result = Result("not yet", f"{chosen}) is not it; read the options once more.")
        print(result)
        return result


def quiz(question: str, options: list[str], correct: str, why: str) -> Quiz:
    """Ask a question in plain text; ``.answer("b")`` on what comes back judges a letter."""
    made = Quiz(question, tuple(options), correct, why)
    made.ask()
    return made


class Notebook(Mapping[str, Exercise]):
    """The exercises of one notebook, in order; also reachable as attributes."""

    def __init__(self, number: str, *exercises: Exercise):
        self.number = number
        self._exercises = {exercise.name: exercise for exercise in exercises}
        if len(self._exercises) != len(exercises):
            raise ValueError(f"notebook {number}: two exercises share a name")

    def __getitem__(self, name: str) -> Exercise:
        return self._exercises[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._exercises)

    def __len__(self) -> int:
        return len(self._exercises)

    def __getattr__(self, name: str) -> Exercise:
        if name.startswith("_") or name not in self._exercises:
            known = ", ".join(self._exercises)
            raise AttributeError(f"notebook {self.number} has no exercise {name!r}; it has {known}")
        return self._exercises[name]


def exercises(number: str) -> Notebook:
    """The exercises of a notebook, as ``exercises("07")``: ``EXERCISES`` of the module ``labkit.lesson.nb07``.

    Raises:
        KeyError: the notebook has none.
    """
    name = f"labkit.lesson.nb{number}"
    if not number.isdigit() or importlib.util.find_spec(name) is None:
        raise KeyError(f"no exercises for notebook {number!r}")
    book: Notebook = importlib.import_module(name).EXERCISES
    return book


def answer_or_reference(value: T, reference: T) -> T:
    """The learner's answer when there is one, else the reference; says which."""
    if attempted(value):
        print("Going on with your answer.")
        return value
    print("No answer yet: going on with the reference answer.")
    return reference
