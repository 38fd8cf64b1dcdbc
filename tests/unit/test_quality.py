"""The summary of a campaign: each number by hand on a small log, and the flip rate on simulated noise."""

from __future__ import annotations

from itertools import count
from math import sqrt
from random import Random

import pytest

from labkit.preference.events import AGAIN, GoldPair
from labkit.preference.quality import flip_rate, gold_accuracy, quality
from labkit.records import Answer, Message, Pair, Ranking
from labkit.stats import wilson

_ids = count()


def says(who, outcome, pair, left=0, right=1, **more):
    return Ranking(id=f"{who}-{next(_ids)}", pair=pair, annotator=who, left=left, right=right, outcome=outcome, **more)


def pair(name, *texts, kind=Pair, **more):
    answers = [Answer(text=text, source="m") for text in texts or ("one", "longer")]
    return kind(id=name, prompt=[Message(role="user", content=f"{name}?")], answers=answers, **more)


GOLD = [pair("g1", kind=GoldPair, right=1), pair("g2", kind=GoldPair, right="both_bad")]
LOG = [
    says("ana", "a", "p1", seconds=4), says("ana", "b", "p2", seconds=6), says("ana", "skip", "p3", seconds=20),
    says("ana", "b", "g1", seconds=5), says("ana", "a", "g2"), says("ana", "b", "p1" + AGAIN, left=1, right=0),
    says("bo", "a", "p1"), says("bo", "a", "p2"), says("bo", "both_bad", "g2"),
    says("lead", "b", "p2", adjudicated=True),
]  # fmt: skip


def test_every_number_of_a_small_campaign():
    found = quality(LOG, [pair(f"p{i}") for i in (1, 2, 3)], GOLD)
    ana, bo = found.annotators
    assert (ana.name, ana.judged, ana.skipped, ana.median_seconds) == ("ana", 6, 1, 5.5)
    assert (ana.gold.passed, ana.gold.n, bo.gold.passed, bo.gold.n) == (1, 2, 1, 1)
    assert (ana.same_again.passed, ana.same_again.n, bo.same_again.n) == (1, 1, 0)
    assert (ana.left.passed, ana.left.n) == (1, 3)
    assert (ana.longer.passed, ana.longer.n) == (1, 2)  # the repeat is no pair of the list
    assert bo.median_seconds is None
    assert (found.disputed, found.adjudicated) == (1, 1)
    assert found.alpha.n == 2 and found.kappas["ana and bo"].agreed == 0.5
    said = str(found)
    assert "ana: 6 judgements (1 skips), median 5.5 s" in said and "1 items in dispute, 1 adjudicated" in said
    assert [row["annotator"] for row in found.rows()] == ["ana", "bo"] and found.rows()[1]["seconds"] == "-"


def test_a_campaign_of_one_says_that_nobody_agrees():
    assert "no item was judged by two people" in str(quality(LOG[:2]))


def test_gold_of_three_answers_wants_the_right_one_alone_on_top():
    gold = [pair("g", "x", "y", "z", kind=GoldPair, right=2)]

    def ranks(order):
        return [says("ana", "ranked", "g", right=2, shown=[0, 1, 2], ranks=order)]

    assert [gold_accuracy(ranks(order), gold).passed for order in ([2, 3, 1], [1, 2, 1], [1, 1, 2])] == [1, 0, 0]


def simulated(n, flips, habit=0.0, seed=0):
    """Everybody's judgement of n pairs and of their swapped repeats; answer 0 is the better one."""
    rng, log = Random(seed), []
    for i in range(n):
        left = rng.randrange(2)
        for name, first in ((f"p{i}", left), (f"p{i}{AGAIN}", 1 - left)):
            won = rng.random() < flips
            outcome = "a" if rng.random() < habit or won == first else "b"
            log.append(says("ana", outcome, name, first, 1 - first))
    return log


@pytest.mark.parametrize(("flips", "habit"), [(0.0, 0.0), (0.1, 0.0), (0.25, 0.0), (0.1, 0.3), (0.0, 0.4)])
def test_the_flip_rate_finds_the_noise_whatever_the_habit(flips, habit):
    found = flip_rate(simulated(20_000, flips, habit))
    truth = 0.5 * habit + (1 - habit) * flips
    assert found.rate == pytest.approx(truth, abs=0.012)
    assert found.n == 20_000 and found.low <= found.rate <= found.high


def test_the_interval_is_that_of_the_repeats_carried_through():
    log = simulated(400, 0.1, seed=4)
    found = flip_rate(log)
    plain = wilson(found.passed, found.n)
    # Sides are fair here, so hardly anything is taken off.
    assert found.high == pytest.approx((1 - sqrt(1 - 2 * plain.high)) / 2, abs=0.01)
    assert "of 400 repeats differ" in str(found)


def test_repeats_at_chance_or_worse_leave_one_half():
    log = [says("ana", "a", f"p{i}") for i in range(30)] + [says("ana", "a", f"p{i}{AGAIN}", 1, 0) for i in range(30)]
    assert flip_rate(log).rate == pytest.approx(0.5)  # always left: the better one half of the time
    other = [e.model_copy(update={"outcome": "b" if i % 2 else "a"}) for i, e in enumerate(log)]
    assert flip_rate(other).rate == pytest.approx(0.5)


def test_without_repeats_nothing_is_known():
    found = flip_rate([says("ana", "a", "p1")])
    assert (found.n, found.low, found.high, str(found)) == (0, 0, 1, "no repeats")
