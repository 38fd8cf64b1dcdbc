"""Kappa against known values; position, length and repeat checks."""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path
from random import Random

import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from labkit import LabError
from labkit.labelling.agreement import krippendorff_alpha
from labkit.preference.agreement import (
    agreement,
    cohen_kappa,
    judgements,
    length_bias,
    position_bias,
    repeat_consistency,
)
from labkit.preference.events import Slot
from labkit.records import Answer, Message, Pair, Ranking

PANDALM = Path(__file__).parents[3] / "shared" / "data" / "pandalm" / "testset-v1.json"
_ids = count()


def says(who, outcome, pair="p1", left=0, right=1):
    return Ranking(id=f"{who}-{next(_ids)}", pair=pair, annotator=who, left=left, right=right, outcome=outcome)


def from_table(table):
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return {k: str(i) for k, (i, _) in enumerate(cells)}, {k: str(j) for k, (_, j) in enumerate(cells)}


# Known by hand: 0.7 observed, 0.5 by chance -> 0.4; and 0.6 observed, 0.54 by chance -> 0.1304.
@pytest.mark.parametrize(("table", "kappa"), [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.06 / 0.46)])
def test_kappa_of_textbook_tables(table, kappa):
    result = cohen_kappa(*from_table(table))
    assert result.kappa == pytest.approx(kappa, abs=1e-9)
    assert result.n == sum(map(sum, table))
    assert result.low < kappa < result.high


@pytest.mark.parametrize("seed", range(8))
def test_kappa_and_interval_match_statsmodels(seed):
    rng = Random(seed)
    table = [[rng.randint(0, 15) + 40 * (i == j) for j in range(4)] for i in range(4)]
    ours, theirs = cohen_kappa(*from_table(table), seed=seed), cohens_kappa(table)
    assert ours.kappa == pytest.approx(theirs.kappa)
    # Theirs is the asymptotic interval: with n > 150 the bootstrap comes close to it.
    assert (ours.low, ours.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=0.03)


def test_the_interval_has_the_confidence_asked_for():
    table = [[400, 50], [60, 490]]
    ours, theirs = cohen_kappa(*from_table(table), confidence=0.5), cohens_kappa(table)
    assert ours.high - ours.low == pytest.approx(2 * 0.6745 * theirs.std_kappa, rel=0.08)


def test_kappa_is_the_same_again_and_quick():
    a, b = from_table([[400, 50], [60, 490]])
    start = time.perf_counter()
    assert cohen_kappa(a, b) == cohen_kappa(a, b)
    assert time.perf_counter() - start < 2


def test_only_shared_items_count():
    result = cohen_kappa({1: "a", 2: "b", 3: "a"}, {1: "a", 2: "b", 4: "b"})
    assert (result.n, result.kappa) == (2, 1)
    with pytest.raises(LabError, match="no item that both"):
        cohen_kappa({1: "a"}, {2: "a"})


def test_one_single_answer_leaves_kappa_undefined():
    result = cohen_kappa({1: "a", 2: "a"}, {1: "a", 2: "a"})
    assert (result.agreed, result.kappa, result.low) == (1, None, None)
    assert "undefined" in str(result)


def test_kappa_reads_well():
    text = str(cohen_kappa(*from_table([[20, 5], [10, 15]])))
    assert text.startswith("70% of 50 agreed, kappa 0.40 (0.1")


@pytest.mark.skipif(not PANDALM.exists(), reason="PandaLM's test set is not on this machine")
@pytest.mark.parametrize(("one", "two", "kappa"), [(1, 2, 0.852), (1, 3, 0.879), (2, 3, 0.862)])
def test_kappa_of_pandalm(one, two, kappa):
    rows = json.loads(PANDALM.read_text(encoding="utf-8"))
    a, b = ({row["idx"]: row[f"annotator{who}"] for row in rows} for who in (one, two))
    result = cohen_kappa(a, b)
    assert result.n == 999
    assert result.kappa == pytest.approx(kappa, abs=0.0005)


def test_judgements_are_free_of_sides_and_of_skips():
    log = [says("ana", "a"), says("bo", "b", left=1, right=0), says("ana", "skip", "p2"), says("ana", "both_bad", "p3")]
    assert judgements(log, "ana") == {Slot("p1", (0, 1)): "0", Slot("p3", (0, 1)): "both_bad"}
    assert judgements(log, "bo") == {Slot("p1", (0, 1)): "0"}


def test_position_bias_counts_sides_of_decided_comparisons():
    log = [says("ana", outcome, f"p{i}") for i, outcome in enumerate(["a", "a", "a", "b", "both_good", "skip"])]
    rate = position_bias(log)
    assert (rate.passed, rate.n) == (3, 4)
    assert position_bias([]).n == 0


def test_withdrawn_judgements_show_no_bias():
    wrong = says("ana", "a")
    undo = wrong.model_copy(update={"id": "ana-undo", "outcome": "undo", "supersedes": wrong.id})
    assert position_bias([wrong, undo, says("ana", "b")]).passed == 0


def test_length_bias_counts_wins_of_the_longer_answer():
    def pair(name, *texts):
        return Pair(
            id=name,
            prompt=[Message(role="user", content="?")],
            answers=[Answer(text=text, source="m") for text in texts],
        )

    pairs = [pair("p1", "short", "much longer"), pair("p2", "equal", "EQUAL"), pair("p3", "much longer", "short")]
    log = [
        says("ana", "a", "p1", left=1, right=0),  # the longer one, shown left
        says("ana", "a", "p2"),  # neither is longer
        says("ana", "b", "p3"),  # the shorter one
        says("bo", "b", "p1"),  # the longer one, shown right
        says("bo", "both_good", "p3"),
        says("bo", "a", "unknown"),
    ]
    rate = length_bias(pairs, log)
    assert (rate.passed, rate.n) == (2, 3)


def test_repeats_are_compared_with_the_first_time_whatever_the_sides():
    log = [
        says("ana", "a", "p1"), says("ana", "b", "p1+again", left=1, right=0),  # answer 0 both times
        says("ana", "a", "p2"), says("ana", "a", "p2+again", left=1, right=0),  # the left one both times
        says("ana", "skip", "p3"), says("ana", "a", "p3+again"), says("bo", "a", "p1+again"),
    ]  # fmt: skip
    rate = repeat_consistency(log)
    assert (rate.passed, rate.n) == (1, 2)


def ranks(who, order, pair, shown=(0, 1, 2)):
    return Ranking(
        id=f"{who}-{next(_ids)}", pair=pair, annotator=who, left=shown[0], right=shown[-1], outcome="ranked",
        shown=list(shown), ranks=list(order),
    )  # fmt: skip


def test_a_rank_of_three_is_three_judgements_and_one_look_at_the_sides():
    log = [ranks("ana", [1, 2, 2], "p1", shown=(2, 0, 1)), ranks("ana", [1, 2, 1], "p2")]
    said = judgements(log, "ana")
    assert {about.answers: choice for about, choice in said.items() if about.pair == "p1"} == {
        (0, 1): "tie", (0, 2): "2", (1, 2): "2",
    }  # fmt: skip
    assert (position_bias(log).passed, position_bias(log).n) == (1, 1)  # in p2 the outermost two are level


def test_agreement_of_ranks_draws_whole_items():
    rng = Random(3)
    threes = []
    for i in range(60):
        good = rng.random() < 0.7  # whole items agree or not
        for who in ("ana", "bo"):
            flip = who == "bo" and not good
            threes.append(ranks(who, [3, 2, 1] if flip else [1, 2, 3], f"p{i}"))
    alone = krippendorff_alpha({who: judgements(threes, who) for who in ("ana", "bo")})
    together, kappas = agreement(threes)
    assert together.n == alone.n == 180 and together.alpha == alone.alpha
    assert kappas["ana and bo"].low < kappas["ana and bo"].kappa < kappas["ana and bo"].high
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert 1.4 < ratio < 2.1  # sqrt(3): 60 independent items, not 180


def test_agreement_of_pairs_is_that_of_the_measures():
    log = [
        says(who, "ab"[(i % 4 == 0) != (who == "bo" and i % 7 == 0)], f"p{i}")
        for i in range(40)
        for who in ("ana", "bo")
    ]
    alpha, kappas = agreement(log)
    given = {who: judgements(log, who) for who in ("ana", "bo")}
    assert alpha == krippendorff_alpha(given)
    assert kappas == {"ana and bo": cohen_kappa(*given.values())}


def test_nobody_to_agree_with_is_no_error():
    assert agreement([says("ana", "a")]) == (None, {})
    assert agreement([says("ana", "a"), says("bo", "a", "p2")]) == (None, {})
