"""Bradley-Terry strengths against a known fit, against scipy's maximum of the likelihood, and their intervals."""

from __future__ import annotations

from itertools import count
from random import Random

import numpy as np
import pytest
from scipy.optimize import minimize

from labkit import LabError
from labkit.preference.strengths import fit, strengths
from labkit.records import Answer, Message, Pair, Ranking

_ids = count()
# Home and away games of the American League's eastern division, 1987; fit in Agresti, Categorical Data Analysis, 10.6.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = [
    [0, 7, 9, 7, 7, 9, 11], [6, 0, 7, 5, 11, 9, 9], [4, 6, 0, 7, 7, 8, 12], [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12], [4, 4, 5, 6, 6, 0, 6], [2, 4, 1, 3, 1, 7, 0],
]  # fmt: skip
AGRESTI = [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0]


def test_the_fit_is_the_published_one():
    found = fit(np.array(WINS, dtype=float)[None])[0]
    assert found - found[-1] == pytest.approx(AGRESTI, abs=0.006)
    assert found.mean() == pytest.approx(0, abs=1e-9)


def likelihood(wins, prior):
    k = len(wins)

    def minus(x):
        chance = -np.logaddexp(0, x[None, :] - x[:, None])  # log P(i beats j)
        ghost = -np.logaddexp(0, -x) - np.logaddexp(0, x)
        return -(wins * chance).sum() - prior / 2 * ghost.sum() + (0 if prior else 1e-9 * x.sum() ** 2)

    return minimize(minus, np.zeros(k), method="BFGS", options={"gtol": 1e-9}).x


@pytest.mark.parametrize("prior", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_the_maximum_of_the_likelihood(seed, prior):
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 15, size=(4, 4)).astype(float)
    np.fill_diagonal(wins, 0)
    direct = likelihood(wins, prior)
    assert fit(wins[None], prior)[0] == pytest.approx(direct - direct.mean(), abs=1e-4)


def pair(name, *sources):
    return Pair(
        id=name,
        prompt=[Message(role="user", content=f"{name}?")],
        answers=[Answer(text=f"{name} {source}", source=source) for source in sources],
    )


def says(outcome, name, who="ana", left=0, right=1):
    return Ranking(id=f"{who}-{next(_ids)}", pair=name, annotator=who, left=left, right=right, outcome=outcome)


def test_strength_sees_whom_a_writer_met():
    """Oak and birch both win half of their comparisons, but birch met the strong elm and oak the weak fir."""
    pairs, log = [], []
    for i in range(40):
        for one, two, share in (("oak", "fir", 0.5), ("birch", "elm", 0.5), ("elm", "fir", 0.9)):
            pairs.append(pair(f"{one}-{two}-{i}", one, two))
            log.append(says("a" if i < 40 * share else "b", pairs[-1].id))
    found = {one.writer: one for one in strengths(pairs, log)}
    assert found["oak"].won.rate == found["birch"].won.rate == 0.5
    assert found["birch"].strength.low > found["oak"].strength.high
    assert [one.writer for one in strengths(pairs, log)][:2] in (["birch", "elm"], ["elm", "birch"])


def test_ties_count_half_and_repeats_and_adjudications_do_not_count():
    pairs = [pair(f"p{i}", "oak", "elm") for i in range(4)]
    log = [says("a", "p0"), says("both_bad", "p1"), says("both_good", "p2"), says("skip", "p3")]
    log += [
        says("b", "p0+again"),
        says("b", "p0", "lead").model_copy(update={"adjudicated": True}),
        says("b", "elsewhere"),
    ]
    elm, oak = sorted(strengths(pairs, log), key=lambda one: one.writer)
    assert (oak.won.passed, oak.won.n, oak.ties, elm.won.passed, elm.ties) == (1, 1, 2, 0, 2)
    # 2 of 3 by halves; the prior draws one game of each with the average.
    direct = likelihood(np.array([[0, 1.0], [2.0, 0]]), 1.0)
    assert oak.strength.estimate == pytest.approx((direct[1] - direct[0]) / 2, abs=1e-5)


def test_somebody_who_won_all_keeps_a_finite_strength():
    pairs = [pair(f"p{i}", "oak", "elm") for i in range(10)]
    best = strengths(pairs, [says("a", p.id) for p in pairs])[0]
    assert best.writer == "oak" and 0 < best.strength.low <= best.strength.estimate < 5


def test_intervals_draw_prompts_and_not_judgements():
    rng = Random(1)
    pairs = [pair(f"p{i}", "oak", "elm") for i in range(50)]
    once = [says(rng.choice("aab"), p.id) for p in pairs]
    five = [event.model_copy(update={"annotator": f"who{i}"}) for i in range(5) for event in once]
    widths = [
        one.strength.high - one.strength.low for log in (once, five) for one in strengths(pairs, log, prior=0)[:1]
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.02)  # five who say the same know no more than one
    assert strengths(pairs, once) == strengths(pairs, once)


def test_coverage_of_the_interval_is_near_its_name():
    hits, truth = 0, np.log(0.7 / 0.3) / 2
    for seed in range(60):
        rng = Random(seed)
        pairs = [pair(f"p{i}", "oak", "elm") for i in range(60)]
        log = [says("a" if rng.random() < 0.7 else "b", p.id) for p in pairs]
        found = next(one for one in strengths(pairs, log, draws=300) if one.writer == "oak").strength
        hits += found.low <= truth <= found.high
    assert hits >= 52


def test_nothing_to_compare_is_said():
    with pytest.raises(LabError, match="no two writers"):
        strengths([pair("p", "oak", "oak")], [says("a", "p")])
