"""The calibration of a reward model: groups, intervals, and a verdict in words that follows from the numbers."""

from __future__ import annotations

import math
import random

import pytest

from labkit import LabError
from labkit.plots import calibration, dpo_curves
from labkit.stats import wilson


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def judged(*groups: tuple[float, int, int]) -> list[float]:
    """Differences of pairs by stated confidence, how many of them, and how many of those right."""
    return [logit(stated) * (1 if i < right else -1) for stated, n, right in groups for i in range(n)]


def test_pairs_are_grouped_by_confidence_with_their_intervals() -> None:
    plot = calibration(judged((0.6, 10, 6), (0.9, 10, 9)))
    rows = plot.table()
    assert [row["pairs"] for row in rows] == [5, 5, 5, 5]
    assert [row["stated"] for row in rows] == pytest.approx([0.6, 0.6, 0.9, 0.9], abs=1e-3)
    assert sum(row["right"] for row in rows) == 15
    for row in rows:
        want = wilson(row["right"], row["pairs"])
        assert (row["rate"], row["low"], row["high"]) == (want.rate, want.low, want.high)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([(0.99, 40, 24)], "surer than it may be"),
        ([(0.55, 40, 38)], "more often right than it says"),
        ([(0.8, 40, 32)], "confidence fits"),
        ([(0.9, 4, 3)], "confidence fits"),
    ],
)
def test_the_text_judges_the_confidence(groups: list[tuple[float, int, int]], said: str) -> None:
    assert said in calibration(judged(*groups)).text()


def test_a_model_that_says_what_is_true_fits_in_most_samples() -> None:
    fits = 0
    for seed in range(100):
        draw = random.Random(seed)
        stated = [draw.uniform(0.5, 0.99) for _ in range(60)]
        fits += "confidence fits" in calibration([logit(p) * (1 if draw.random() < p else -1) for p in stated]).text()
    assert fits >= 93


def test_no_opinion_is_not_right_and_far_scores_do_not_overflow() -> None:
    assert calibration([0.0] * 5).table()[0]["right"] == 0
    assert calibration([1e6, -1e6]).table()[0]["stated"] == pytest.approx(1.0)


def test_brier_score_of_a_coin_is_a_quarter() -> None:
    assert "Brier score 0.250" in calibration([0.0] * 6).text()


def test_nothing_to_plot_is_said() -> None:
    with pytest.raises(LabError, match="no pairs to plot"):
        calibration([])


def test_kto_curves_show_gains_and_not_the_levels_of_other_answers() -> None:
    """The levels fall only because the last batch holds longer answers; nothing lost likelihood."""
    keys = ("step", "rewards/margins", "rewards/chosen", "rewards/rejected", "logps/chosen", "logps/rejected")
    rows = [(1, 0.0, 0.0, 0.0, -15.0, -62.0), (9, 0.7, 0.1, -0.6, -61.0, -75.0)]
    log = [dict(zip(keys, row, strict=True)) for row in rows]
    assert "both log-probabilities fell" in dpo_curves(log).text()
    plot = dpo_curves(log, beta=0.1)
    assert plot.table()[-1] == pytest.approx(dict(zip(keys, (9, 0.7, 1.0, -6.0), strict=False)))
    assert "not by pushing both" in plot.text() and "Gain in log-probability of chosen answers: 0.000" in plot.text()
