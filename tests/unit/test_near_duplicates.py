"""Near-duplicate search is exact, and splits built on it keep both sides apart."""

from __future__ import annotations

import itertools

import pytest

from labkit import samples
from labkit.coverage.split import grouped_split, overlap
from labkit.curation.near_duplicates import clusters, near_pairs, shingles
from labkit.evaluation.suite import load
from labkit.files import read_strictly
from labkit.records import Example, Pair, question

TEXTS = [
    "Where is my order TG-12345? It should have been here on Monday.",
    "where is my order tg-12345, it should have been here on monday!!",
    "Where is my order TG-99345? It should have been here on Friday.",
    "Do you sell left-handed garden shears?",
    "",
]


def test_similarity_is_the_exact_jaccard_of_5_grams():
    found = {(p.a, p.b): p.similarity for p in near_pairs(TEXTS, threshold=0.01)}
    for a, b in itertools.combinations(range(len(TEXTS)), 2):
        x, y = set(shingles(TEXTS[a]).tolist()), set(shingles(TEXTS[b]).tolist())
        expected = len(x & y) / len(x | y)
        assert found.get((a, b), 0.0) == pytest.approx(expected)
    assert found[0, 1] > 0.9 and 0.4 < found[0, 2] < 0.9


def test_clusters_and_split_keep_a_cluster_on_one_side():
    numbers = clusters(TEXTS)
    assert numbers[0] == numbers[1] != numbers[3]
    texts = [f"{word} number {i} about {word * 3}" for word in ("kettle", "lamp", "drill", "rug") for i in range(6)]
    train, held = grouped_split(texts, [t.split()[0] for t in texts], held_out=6, seed=3)
    assert sorted(train + held) == list(range(24)) and len(held) >= 6
    assert not overlap([texts[i] for i in train], [texts[i] for i in held])
    assert overlap(texts, texts[:1])


@pytest.mark.parametrize("suite", ["support", "preference"])
def test_held_out_cases_share_no_near_duplicate_with_anything_trained_on(suite):
    cases = load(samples.path(f"support/suites/{suite}.yaml")).cases
    questions = [question(c.given) for c in cases]
    rows = [e.question for e in read_strictly(samples.path("support/train.jsonl"), Example)]
    pairs = [question(p.prompt) for p in read_strictly(samples.path("support/pairs.jsonl"), Pair)]
    assert not overlap(rows + pairs, questions)
