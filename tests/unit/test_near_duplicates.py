"""Near-duplicate search: exact on small sets, verified on large ones, and it says why; splits keep both sides apart."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import samples
from labkit.coverage.split import by_slices, grouped_split, independence, overlap
from labkit.curation import candidates
from labkit.curation.near_duplicates import (
    CERTAIN,
    DuplicatePair,
    canonical,
    clusters,
    conflict,
    duplicate_pairs,
    near_pairs,
    normalise,
    shingles,
)
from labkit.evaluation.suite import load
from labkit.files import read_strictly
from labkit.records import Example, Message, Pair, question

TEXTS = [
    "Where is my order TG-12345? It should have been here on Monday.",
    "where is my order tg-12345, it should have been here on monday!!",
    "Where is my order TG-99345? It should have been here on Friday.",
    "Do you sell left-handed garden shears?",
    "",
]
words = st.sampled_from(["where", "is", "my", "order", "parcel", "not", "12", "45", "two", "days", "the", "box,", "again?"])
sentences = st.lists(st.lists(words, max_size=14).map(" ".join), min_size=1, max_size=9)
few = settings(deadline=None, max_examples=40)


def jaccard(one: str, two: str) -> float:
    x, y = set(shingles(one).tolist()), set(shingles(two).tolist())
    return len(x & y) / len(x | y)


def named(pairs, texts) -> list[tuple[str, str]]:
    return sorted(tuple(sorted((texts[p.a], texts[p.b]))) for p in pairs)


@pytest.fixture
def indexed(monkeypatch):
    """Small sets are searched as large ones are."""
    monkeypatch.setattr(candidates, "_MANY", 0)


# --- shingles ---------------------------------------------------------------------------------------------------------


@few
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
@example(["", "Ab", "Straße  _ Ünï", "\ud800 lone half", "a\tb\nc--d", "ﬁne ½ x² ٣"])
def test_shingles_are_the_5_grams_of_the_normalised_bytes(texts):
    matrix = candidates.shingle_matrix(texts)
    for row, text in enumerate(texts):
        data = normalise(text).encode()
        grams = {data[i : i + 5] for i in range(max(1, len(data) - 4))}
        hashes = {(int.from_bytes(g, "big") * 0x9E3779B97F4A7C15 % 2**64) >> 34 for g in grams}
        assert matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist() == sorted(hashes)


def test_long_sets_are_shingled_in_parts(monkeypatch):
    whole = candidates.shingle_matrix(TEXTS)
    monkeypatch.setattr(candidates, "_BYTES", 70)
    assert (candidates.shingle_matrix(TEXTS) != whole).nnz == 0


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_similarity_is_the_exact_jaccard_of_5_grams():
    found = {(p.a, p.b): p.similarity for p in near_pairs(TEXTS, threshold=0.01)}
    for a, b in itertools.combinations(range(len(TEXTS)), 2):
        assert found.get((a, b), 0.0) == pytest.approx(jaccard(TEXTS[a], TEXTS[b]))
    assert found[0, 1] > 0.9 and 0.4 < found[0, 2] < 0.9


@few
@given(sentences, sentences)
def test_two_sets_are_compared_with_one_another(left, right):
    found = {(p.a, p.b): p.similarity for p in near_pairs(left, right)}
    expected = {(a, b): jaccard(x, y) for a, x in enumerate(left) for b, y in enumerate(right)}
    assert found == {pair: pytest.approx(j) for pair, j in expected.items() if j >= 0.5}


def brute_force(texts) -> set[tuple[int, int]]:
    found, sets = set(), [set(shingles(text).tolist()) for text in texts]
    for (a, one), (b, two) in itertools.combinations(enumerate(sets), 2):
        x, y = sorted((one, two), key=len)
        alike = len(x & y) >= 0.5 * len(x | y)
        inside = len(x & y) / len(x) >= 0.9 and len(x) >= max(20, len(y) / 4)
        if (alike or inside) and not conflict(texts[a], texts[b]):
            found.add((a, b))
    return found


@few
@given(sentences)
def test_small_sets_are_compared_whole(texts):
    pairs = duplicate_pairs(texts)
    assert {(p.a, p.b) for p in pairs} == brute_force(texts) and len(pairs) == len(brute_force(texts))


@few
@given(sentences, st.lists(words, max_size=14).map(" ".join))
def test_a_further_row_takes_no_pair_away(texts, further):
    assert set(duplicate_pairs(texts)) <= set(duplicate_pairs([*texts, further]))


@few
@given(sentences, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(texts, draw):
    other = draw.sample(texts, len(texts))
    assert named(duplicate_pairs(texts), texts) == named(duplicate_pairs(other), other)


def test_large_sets_give_measured_pairs_only_and_all_equal_rows(indexed):
    @few
    @given(sentences)
    def check(texts):
        pairs = {(p.a, p.b) for p in duplicate_pairs(texts)}
        assert pairs <= brute_force(texts)
        firsts = [texts.index(t) for t in texts]
        assert {(a, b) for b, a in enumerate(firsts) if a != b} <= pairs

    check()


def test_large_sets_lose_few_pairs(indexed):
    rows = [e.question for e in read_strictly(samples.path("support/train.jsonl"), Example) if len(e.question) > 40][:200]
    draw = random.Random(0)
    copies = [" ".join(w for w in row.split() if draw.random() > 0.07) + " Thank you!" for row in rows]
    expected, found = brute_force(rows + copies), {(p.a, p.b) for p in duplicate_pairs(rows + copies)}
    assert found <= expected and len(found) >= 0.98 * len(expected) and len(expected) > 150


def test_crowded_rows_are_told(indexed):
    with pytest.warns(UserWarning, match="40 rows share even their rarest words"):
        duplicate_pairs(["the parcel of my order is late"] * 40)


@pytest.mark.parametrize(
    ("one", "two", "tier"),
    [
        ("Can I return the kettle?", "can i return the KETTLE", "certain"),
        ("My parcel is at the depot, when do you bring it?", "my parcel is at the depott. When do you bring it", "certain"),
        ("How long must I wait for the refund?", "How long do you wait for the refund?", "review"),
        ("The parcel to the island takes 4 days to arrive", "The parcel to the island takes four days to arrive", "likely"),
        ("The parcel comes in 4 days, on Monday, by van", "The parcel comes in 4 days, on Tuesday, by van", None),
        ("The return is free within 45 days of delivery", "The return is free within 30 days of delivery", None),
        ("The return is free within a month of delivery", "The return is free within two months of delivery", None),
        ("order 1135426177359021 is not here yet", "order 1135426177359022 is not here yet", None),
        ("The blue kettle can go back in its box", "The blue kettle can not go back in its box", None),
        ("I opened the bag of seeds, can it go back?", "I haven\u2019t opened the bag of seeds, can it go back?", None),
        ("Is the big lamp for the garden here on Friday?", "Is the big lamp for the garden here?", "likely"),
        ("May I revoke the order of last week?", "Good day. May I revoke the order of last week? Many thanks, Kim", "likely"),
        ("my order", "Where on this page do I find the way to cancel my order of yesterday", None),
        ("", "", "certain"),
    ],
)
def test_tiers_and_what_tells_texts_apart(one, two, tier):
    pairs = duplicate_pairs([one, two])
    assert [p.tier for p in pairs] == ([tier] if tier else [])
    assert all(p.similarity >= CERTAIN for p in pairs if p.tier == "certain")


def test_one_contained_in_the_other_is_measured():
    short = "The red lamp on the humidifier blinks twice a minute"
    [pair] = duplicate_pairs([short, f"{short}, although it was cleaned, filled, and started again by my neighbour"])
    assert pair.similarity < 0.6 < 0.9 < pair.containment and pair.tier == "likely"


def test_every_link_is_verified():
    # 1 is like 0, and 2 is like 1; but 2 is not like 0, so it stays.
    pairs = [DuplicatePair(a, b, 0.7, 0.8, "likely") for a, b in ((0, 1), (1, 2), (3, 4))]
    assert canonical(6, pairs).tolist() == [0, 0, 2, 3, 3, 5]
    assert canonical(3, [*pairs[:2], DuplicatePair(0, 2, 0.5, 0.5, "review")]).tolist() == [0, 0, 0]


def test_the_nearest_canonical_row_is_named():
    pairs = [DuplicatePair(0, 2, 0.6, 0.7, "likely"), DuplicatePair(1, 2, 0.7, 0.8, "likely")]
    assert canonical(3, pairs).tolist() == [0, 1, 1]


def test_no_row_stands_for_too_many_but_equal_ones():
    pairs = [DuplicatePair(0, b, 0.7, 0.8, "likely") for b in range(1, 5)] + [DuplicatePair(0, 5, 1, 1, "certain")]
    with pytest.warns(UserWarning, match="1 rows stand for 2 others each"):
        assert canonical(6, pairs, most=2).tolist() == [0, 0, 0, 3, 4, 0]


# --- splits -----------------------------------------------------------------------------------------------------------


def test_clusters_and_split_keep_a_cluster_on_one_side():
    numbers = clusters(TEXTS)
    assert numbers[0] == numbers[1] != numbers[3]
    texts = [f"{word} number {i} about {word * 3}" for word in ("kettle", "lamp", "drill", "rug") for i in range(6)]
    train, held = grouped_split(texts, [t.split()[0] for t in texts], held_out=6, seed=3)
    assert sorted(train + held) == list(range(24)) and len(held) >= 6
    assert not overlap([texts[i] for i in train], [texts[i] for i in held])
    assert overlap(texts, texts[:1])


def row(number: int, text: str, **slices: str) -> Example:
    return Example(id=f"row-{number}", prompt=[Message(role="user", content=text)], response="Yes.", slices=slices)


def test_a_split_over_many_slices_gives_each_a_chance():
    rows = [row(i, f"{chr(97 + i)}{i * 7919}" * 3, team=chr(97 + i), region="north") for i in range(20)]
    labels = by_slices(rows, "team", "region", "channel")
    assert labels[2] == "c | north | none"
    held = {grouped_split([r.question for r in rows], labels, held_out=2, seed=s)[1][0] for s in range(20)}
    assert max(held) > 5  # not always the first labels


def test_independence_names_the_evidence():
    rows = [
        row(1, "How long is a gift card valid?"),
        row(2, "[Rule: none]\nHow long does a refund of the tea kettle take?"),
        row(3, "What does the delivery of a hammock to the islands cost?"),
        row(4, "Is the mower loud?"),
    ]
    cases = {
        "c1": "how long is a gift card valid",
        "c2": "How long does the refund of a tea kettle take?",
        "c3": "hammock delivery islands cost",
    }
    found = independence(rows, cases)
    crossings = {c.case: (c.row, c.evidence) for c in found.crossings}
    assert crossings == {"c1": ("row-1", "exact"), "c2": ("row-2", "near"), "c3": ("row-3", "semantic")}
    assert [(line["evidence"], line["rows"], line["cases"]) for line in found.table()] == [
        ("exact", "1 of 4", "1 of 3"), ("near", "1 of 4", "1 of 3"), ("semantic", "1 of 4", "1 of 3"),
    ]  # fmt: skip
    assert not independence(rows, {}).crossings and independence([], cases).table()[0]["strongest"] == ""


@pytest.mark.parametrize("suite", ["support", "preference"])
def test_held_out_cases_share_no_near_duplicate_with_anything_trained_on(suite):
    cases = load(samples.path(f"support/suites/{suite}.yaml")).cases
    questions = [question(c.given) for c in cases]
    rows = [e.question for e in read_strictly(samples.path("support/train.jsonl"), Example)]
    pairs = [question(p.prompt) for p in read_strictly(samples.path("support/pairs.jsonl"), Pair)]
    assert not overlap(rows + pairs, questions)
