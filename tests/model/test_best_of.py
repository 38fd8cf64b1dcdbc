"""Best of n on the tiny model: what is drawn, what is chosen, and that the draw can be repeated."""

from __future__ import annotations

import pytest

from labkit.evaluation.generate import Generator
from labkit.preference.best_of import Drawn, best_of


class Longest:
    """A judge that likes length."""

    def score(self, prompts, answers, batch=32):
        assert len(prompts) == len(answers)
        return [float(len(answer)) for answer in answers]


@pytest.fixture(scope="module")
def generator(tiny) -> Generator:
    return Generator(tiny, max_new_tokens=8)


@pytest.fixture(scope="module")
def prompts(examples) -> list[list[dict[str, str]]]:
    return [[m.model_dump() for m in e.prompt] for e in examples[:3]]


def test_the_best_of_several_is_kept(generator, prompts):
    found = best_of(generator, Longest(), prompts, n=3, temperature=1.5)
    assert [len(some.answers) for some in found] == [3, 3, 3]
    for some in found:
        assert len(set(some.answers)) > 1
        assert len(some.answers[some.best]) == max(map(len, some.answers)) == some.scores[some.best]


def test_the_same_seed_draws_the_same_and_leaves_other_draws_alone(generator, prompts):
    import torch

    torch.manual_seed(5)
    kept = torch.rand(1)
    torch.manual_seed(5)
    one = best_of(generator, Longest(), prompts, n=2, seed=1)
    assert torch.equal(torch.rand(1), kept)
    assert one == best_of(generator, Longest(), prompts, n=2, seed=1) != best_of(generator, Longest(), prompts, n=2, seed=2)


def test_of_equal_scores_the_first_is_taken():
    assert Drawn(("a", "b", "c"), (1.0, 2.0, 2.0)).best == 1
