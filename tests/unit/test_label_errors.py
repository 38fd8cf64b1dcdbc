"""Wrong labels found again: the ranking, its evaluation, and real labels that a crowd has judged."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from labkit import LabError, samples
from labkit.files import read_strictly
from labkit.labelling.errors import Labelled, evaluate, label_errors, self_confidence, suspects

DATA = Path(__file__).parents[3] / "shared" / "data"
NEWS, CLINC = DATA / "cleanlab_label_errors", DATA / "clinc150" / "data_oos_plus.json"
CLASSES = ["x", "y", "z"]
SURE = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9], [0.6, 0.3, 0.1]])
LABELS = ["x", "y", "x", "y"]
IDS = ["a", "b", "c", "d"]


def test_self_confidence_is_the_probability_of_the_own_label():
    assert self_confidence(LABELS, SURE, CLASSES).tolist() == [0.9, 0.7, 0.05, 0.3]


def test_the_least_confident_label_comes_first_with_a_better_one():
    first, second, *_ = suspects(IDS, LABELS, SURE, CLASSES)
    assert (first.row_id, first.label, first.suggested, first.suggested_confidence) == ("c", "x", "z", 0.9)
    assert (second.row_id, second.suggested) == ("d", "x")
    assert [s.row_id for s in suspects(IDS, LABELS, SURE, CLASSES)] == ["c", "d", "b", "a"]


def test_the_ranking_does_not_depend_on_the_order_of_the_rows():
    tied = np.tile([0.5, 0.5, 0.0], (4, 1))
    order = [2, 0, 3, 1]
    there = suspects([IDS[i] for i in order], [LABELS[i] for i in order], tied[order], CLASSES)
    assert [s.row_id for s in there] == [s.row_id for s in suspects(IDS, LABELS, tied, CLASSES)] == IDS


@pytest.mark.parametrize(
    ("k", "precision", "recall"), [(1, (1, 1), (1, 2)), (2, (1, 2), (1, 2)), (4, (2, 4), (2, 2)), (None, (1, 2), (1, 2))]
)
def test_precision_and_recall_at_k(k, precision, recall):
    at = evaluate(suspects(IDS, LABELS, SURE, CLASSES), {"c", "b"}, k)
    assert (at.precision.passed, at.precision.n) == precision
    assert (at.recall.passed, at.recall.n) == recall
    assert str(at).startswith(f"top {k or 2}: precision ")


def test_what_does_not_fit_is_refused():
    with pytest.raises(LabError, match="shape"):
        self_confidence(LABELS, SURE[:3], CLASSES)
    with pytest.raises(LabError, match="'w': is no class"):
        self_confidence(["w", "y", "x", "y"], SURE, CLASSES)
    with pytest.raises(LabError, match="no label is known to be wrong"):
        evaluate(suspects(IDS, LABELS, SURE, CLASSES), set())


def test_planted_flips_of_the_sample_come_up_early():
    """150 short messages with five labels are little to learn from: better than chance, no more."""
    rows = read_strictly(samples.path("labelling/suspicious.jsonl"), Labelled)
    wrong = {row.id for row in rows if row.was}
    assert len(wrong) >= 0.05 * len(rows)
    ranked = label_errors([r.id for r in rows], [r.text for r in rows], [r.label for r in rows])
    assert sorted(s.row_id for s in ranked) == [row.id for row in rows]
    assert evaluate(ranked, wrong, k=45).recall.rate >= 0.5  # 30% by chance


@pytest.mark.skipif(not CLINC.exists(), reason="CLINC150 is not on this machine")
def test_planted_flips_among_real_questions_are_found():
    """Eight intents with 12 to 96 questions each, 5% of the labels swapped at random."""
    rng, asked = Random(0), json.loads(CLINC.read_text())["train"]
    intents = rng.sample(sorted({intent for _, intent in asked}), 8)
    rows = [(q, i) for n, intent in enumerate(intents) for q, i in [r for r in asked if r[1] == intent][: 96 - 12 * n]]
    flipped = set(rng.sample(range(len(rows)), len(rows) // 20))
    labels = [rng.choice([i for i in intents if i != own]) if n in flipped else own for n, (_, own) in enumerate(rows)]
    ranked = label_errors([f"q{n}" for n in range(len(rows))], [q for q, _ in rows], labels)
    found = evaluate(ranked, {f"q{n}" for n in flipped})
    assert found.precision.rate >= 0.8
    by_id = {s.row_id: s.suggested for s in ranked}
    assert sum(by_id[f"q{n}"] == rows[n][1] for n in flipped) >= 0.8 * len(flipped)


@pytest.mark.skipif(not NEWS.exists(), reason="the judged newsgroup labels are not on this machine")
def test_doubtful_newsgroup_labels_are_those_that_a_crowd_rejects():
    """7,532 real labels with out-of-fold probabilities; five people each looked at 93 of them and rejected 82."""
    given = np.load(NEWS / "20news_test_set_original_labels.npy")
    probabilities = np.load(NEWS / "20news_test_set_pyx.npy")
    ids = [str(i) for i in range(len(given))]
    ranked = suspects(ids, [str(label) for label in given], probabilities, [str(i) for i in range(20)])
    judged = json.loads((NEWS / "20news_mturk.json").read_text())
    wrong = {str(one["id"]) for one in judged if one["mturk"]["given"] < 3}
    assert len(wrong) == 82
    assert evaluate(ranked, wrong, k=400).recall.rate >= 0.9  # 5% by chance
    assert evaluate(ranked, wrong, k=100).precision.rate >= 0.4  # of the others nobody was asked
    better = {s.row_id: s.suggested for s in ranked}
    assert all(better[str(one["id"])] == str(one["our_guessed_label"]) for one in judged)
