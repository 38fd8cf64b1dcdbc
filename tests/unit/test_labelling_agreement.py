"""Kappas and alpha against textbook values, statsmodels and PandaLM; what an alpha means."""

from __future__ import annotations

import json
import time
from itertools import permutations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from labkit import LabError
from labkit.labelling.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, sentence, verdict

PANDALM = Path(__file__).parents[3] / "shared" / "data" / "pandalm" / "testset-v1.json"
# Krippendorff's own example: four observers, twelve units, values 1-5, gaps (Content Analysis, ch. 12).
TEXTBOOK = {
    "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}
# Fleiss' own example: 10 subjects, 14 raters, 5 categories; kappa .210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def ratings(columns):
    return {who: {i: v for i, v in enumerate(values) if v is not None} for who, values in columns.items()}


def from_votes(votes):
    """One annotator a seat: the first five of a row's votes sit first."""
    rows = [[value for value, n in enumerate(row) for _ in range(n)] for row in votes]
    return {f"r{seat}": {i: row[seat] for i, row in enumerate(rows)} for seat in range(sum(votes[0]))}


def by_hand(given, distance):
    """Alpha by its definition: every ordered pair of values, no matrix, no moments."""
    units = {}
    for own in given.values():
        for item, value in own.items():
            units.setdefault(item, []).append(value)
    units = [values for values in units.values() if len(values) > 1]
    flat = [value for values in units for value in values]
    n = len(flat)
    inside = sum(sum(distance(a, b, flat) for a, b in permutations(u, 2)) / (len(u) - 1) for u in units) / n
    across = sum(distance(a, b, flat) for a, b in permutations(flat, 2)) / (n * (n - 1))
    return 1 - inside / across


def ordinal(a, b, flat):
    low, high = sorted((a, b))
    return (sum(low <= v <= high for v in flat) - (flat.count(a) + flat.count(b)) / 2) ** 2


DISTANCE = {"nominal": lambda a, b, _: a != b, "interval": lambda a, b, _: (a - b) ** 2, "ordinal": ordinal}


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_textbook_with_missing_values(level, alpha):
    found = krippendorff_alpha(ratings(TEXTBOOK), level)
    assert round(found.alpha, 3) == alpha
    assert (found.n, found.annotators) == (11, 4)  # the twelfth unit has one value and says nothing
    assert found.low < alpha < found.high or found.high == 1


@pytest.mark.parametrize("level", list(DISTANCE))
@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_its_definition(level, seed):
    rng = Random(seed)
    truth = [rng.randint(1, 4) for _ in range(25)]
    noisy = {
        who: [None if rng.random() < 0.2 else t if rng.random() < 0.7 else rng.randint(1, 4) for t in truth]
        for who in "abc"
    }
    given = ratings(noisy)
    assert krippendorff_alpha(given, level, draws=20).alpha == pytest.approx(by_hand(given, DISTANCE[level]))


def test_ordinal_words_need_their_order():
    words = {1: "low", 2: "medium", 3: "high", 4: "very high", 5: "extreme"}
    named = {who: {i: words[v] for i, v in own.items()} for who, own in ratings(TEXTBOOK).items()}
    found = krippendorff_alpha(named, "ordinal", order=list(words.values()))
    assert found == krippendorff_alpha(ratings(TEXTBOOK), "ordinal")
    with pytest.raises(LabError, match="is no number"):
        krippendorff_alpha(named, "ordinal")
    with pytest.raises(LabError, match="'medium': is not in the order"):
        krippendorff_alpha(named, "ordinal", order=["low", "high", "very high", "extreme"])


@given(st.lists(st.lists(st.sampled_from("xyz"), min_size=3, max_size=3), min_size=2, max_size=30), st.randoms())
def test_alpha_knows_neither_names_nor_order(rows, rng):
    given = ratings({who: [row[i] for row in rows] for i, who in enumerate("abc")})
    names = {"x": "q", "y": "r", "z": "s"}
    rng.shuffle(items := list(range(len(rows))))
    other = {who: {i: names[given[who][i]] for i in items} for who in "cab"}
    a, b = (krippendorff_alpha(r, draws=20).alpha for r in (given, other))
    assert (a is None and b is None) or a == pytest.approx(b)
    assert a is None or a <= 1


def test_fleiss_of_the_textbook_and_of_statsmodels():
    found = fleiss_kappa(from_votes(FLEISS))
    assert round(found.kappa, 3) == 0.210
    assert found.kappa == pytest.approx(inter_rater.fleiss_kappa(np.array(FLEISS)))
    assert found.n == 10
    assert found.agreed == pytest.approx(0.378, abs=0.001)


@pytest.mark.parametrize("seed", range(4))
def test_fleiss_matches_statsmodels(seed):
    votes = np.random.default_rng(seed).multinomial(5, [0.5, 0.3, 0.2], size=40)
    assert fleiss_kappa(from_votes(votes.tolist()), draws=10).kappa == pytest.approx(inter_rater.fleiss_kappa(votes))


def test_fleiss_counts_only_rows_that_all_judged():
    given = from_votes([[3, 0], [0, 3], [2, 1]])
    del given["r1"][2]
    assert (fleiss_kappa(given).n, fleiss_kappa(given).kappa) == (2, 1)


def test_cohens_kappa_is_still_found_where_preference_had_it():
    from labkit.preference import agreement

    assert agreement.cohen_kappa is cohen_kappa


def test_the_interval_covers_the_population():
    """With draws of 60 items from a population of known alpha, 95% intervals hold it in nine of ten samples or more."""
    rng = np.random.default_rng(0)

    def draw(n):
        truth = rng.integers(0, 3, n)
        votes = [np.where(rng.random(n) < 0.85, truth, rng.integers(0, 3, n)) for _ in range(3)]
        return {str(i): dict(enumerate(v.tolist())) for i, v in enumerate(votes)}

    real = krippendorff_alpha(draw(20000), draws=2).alpha
    hits = sum((a := krippendorff_alpha(draw(60), draws=300)).low <= real <= a.high for _ in range(100))
    assert hits >= 88


@pytest.mark.parametrize("statistic", [krippendorff_alpha, fleiss_kappa])
def test_nothing_to_compare_is_said(statistic):
    with pytest.raises(LabError, match="there is 1 annotator"):
        statistic({"a": {1: "x"}})
    with pytest.raises(LabError, match="there is no item that"):
        statistic({"a": {1: "x"}, "b": {2: "x"}})


def test_one_single_value_leaves_alpha_undefined():
    found = krippendorff_alpha({"a": {1: "x", 2: "x"}, "b": {1: "x", 2: "x"}})
    assert found.alpha is None
    assert "only one value" in str(found)
    assert verdict(found.alpha) == "stop"


@pytest.mark.parametrize(
    ("alpha", "outcome"),
    [(1.0, "go"), (0.8, "go"), (0.7999, "revise"), (0.667, "revise"), (0.666, "stop"), (-0.2, "stop")],
)
def test_the_customary_bounds(alpha, outcome):
    assert verdict(alpha) == outcome


def test_the_sentence_warns_where_the_interval_crosses_a_bound():
    wide = krippendorff_alpha(ratings(TEXTBOOK))
    assert "reaches into another verdict" in sentence(wide)
    assert "reaches" not in sentence(wide.model_copy(update={"low": 0.7, "high": 0.78}))


@pytest.mark.skipif(not PANDALM.exists(), reason="PandaLM's test set is not on this machine")
def test_alpha_of_pandalm():
    rows = json.loads(PANDALM.read_text(encoding="utf-8"))
    given = {str(who): {row["idx"]: row[f"annotator{who}"] for row in rows} for who in (1, 2, 3)}
    start = time.perf_counter()
    found = krippendorff_alpha(given)
    assert time.perf_counter() - start < 2
    assert found.alpha == pytest.approx(0.864, abs=0.0005)
    assert (found.low, found.high) == pytest.approx((0.835, 0.885), abs=0.01)
    assert fleiss_kappa(given).kappa == pytest.approx(found.alpha, abs=0.001)
    assert verdict(found.alpha) == "go"
    for pair, kappa in {(1, 2): 0.852, (1, 3): 0.879, (2, 3): 0.862}.items():
        a, b = (given[str(who)] for who in pair)
        assert cohen_kappa(a, b).kappa == pytest.approx(kappa, abs=0.0005)
