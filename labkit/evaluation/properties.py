"""Property-based tests of a model: prompts are generated, and a failing one is shrunk to the smallest that still fails.

Works with any callable that answers a prompt: a loaded model in a notebook, a mock in a test. The search is derandomised,
so the same model gives the same result. ::

    found = smallest_failing(
        prompts("[Rule: returns within 45 days]\\n{hello}My {item} came {days} days ago. How long may I keep it?",
                hello=["", "Hello! "], item=["rug", "hose"], days=range(1, 400)),
        model=lambda prompt: generator.answer(prompt)[0],
        expect=[{"facts": ["45 days"]}],
    )
    print(found.text())
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit import LabError
from labkit.evaluation import oracle_records as oracle_records  # importing it registers the lab's own oracles
from labkit.evaluation.expand import fill, holes
from labkit.evaluation.registry import Outcome, Said, apply
from labkit.records import Case, Message
from labkit.stats import wilson

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Values = Sequence[Any]
ATTEMPTS = 10  # at most so many answers for each generated prompt go into shrinking


class Failing(NamedTuple):
    """The smallest prompt found that fails, what was answered, and why that is wrong."""

    prompt: str
    answer: str
    message: str


class Searched(NamedTuple):
    """What a search found: the smallest failing prompt if any, how many passed before the first failure, and all answers.

    Generation stops at the first failure, so this is no failure rate; run a suite for one.
    """

    failing: Failing | None
    passed: int
    asked: int

    def text(self) -> str:
        """The result in a few lines, for a defect report."""
        if self.failing is None:
            return f"no failing prompt found: {wilson(self.passed, self.asked)} of the generated prompts passed"
        head = f"prompt {self.passed + 1} failed; smallest failing prompt after {self.asked} answers:"
        return f"{head}\n{self.failing.prompt}\n{self.failing.message}\nSaid: {self.failing.answer}"

    def case(self, name: str, requirement: str, expect: Sequence[dict[str, Any]]) -> Case:
        """The failing prompt as a case for the suite, so that the defect stays found.

        Raises:
            LabError: nothing failed.
        """
        if self.failing is None:
            raise LabError(f"case {name}", "there is no failing prompt to keep", "search with more prompts")
        given = [Message(role="user", content=self.failing.prompt)]
        return Case(id=name, requirement=requirement, technique="property", given=given, expect=list(expect))


def prompts(template: str, **values: Values) -> SearchStrategy[str]:
    """A strategy that fills a template.

    Args:
        template: text with ``{names}``.
        values: for each name its values, simplest first: shrinking goes towards the first. A ``range`` gives whole numbers.

    Raises:
        LabError: a name has no values, or values have no place in the template.
    """
    from hypothesis import strategies

    names = list(dict.fromkeys(holes(template)))
    if wrong := sorted(set(names) ^ set(values)) or [name for name in names if not len(values[name])]:
        raise LabError(f"template '{template[:60]}'", f"{{{wrong[0]}}} needs a place and values", "give each name both")
    parts = {name: _strategy(strategies, values[name]) for name in names}
    return strategies.fixed_dictionaries(parts).map(lambda chosen: str(fill(template, chosen)))


def _strategy(strategies: Any, values: Values) -> Any:
    if isinstance(values, range) and values.step == 1:
        return strategies.integers(values.start, values.stop - 1)
    return strategies.sampled_from(list(values))


def smallest_failing(
    generated: SearchStrategy[str],
    model: Callable[[str], str],
    expect: Sequence[Mapping[str, Any]],
    examples: int = 20,
) -> Searched:
    """Look for a prompt whose answer does not meet the expectation, and make it as small as possible.

    Args:
        generated: strategy of prompts, as :func:`prompts` makes it; any hypothesis strategy of texts will do.
        model: answers a prompt. Each prompt is asked once; at most ``examples * ATTEMPTS`` are.
        expect: as in a suite, every oracle must accept; they judge the answer alone.
        examples: how many prompts to generate before giving up.

    Raises:
        LabError: an oracle is unknown, or an expectation makes no sense.
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    told: dict[str, Failing | None] = {}

    def fails(prompt: str) -> bool:
        if prompt not in told:
            if len(told) >= examples * ATTEMPTS:
                return False  # enough asked: the smallest found so far will do
            told[prompt] = _failing(prompt, model(prompt), expect)
        return told[prompt] is not None

    how = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        smallest = told[find(generated, fails, settings=how)]
    except NoSuchExample:
        smallest = None
    passed = next((n for n, failing in enumerate(told.values()) if failing), len(told))
    return Searched(smallest, passed, len(told))


def _failing(prompt: str, answer: str, expect: Sequence[Mapping[str, Any]]) -> Failing | None:
    outcomes = [_judged(name, value, Said(answer, prompt)) for entry in expect for name, value in entry.items()]
    wrong = [outcome.message for outcome in outcomes if not outcome.passed]
    return Failing(prompt, answer, " ".join(wrong)) if wrong else None


def _judged(name: str, expected: Any, said: Said) -> Outcome:
    try:
        return apply(name, expected, said)
    except ValueError as error:
        raise LabError(f"oracle '{name}'", str(error), "correct the expectation") from error
