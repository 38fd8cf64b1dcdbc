"""Notebook 07: its exercises with stubs, right and wrong answers, and the labeller with known leanings."""

from __future__ import annotations

import pytest

from labkit import samples
from labkit.files import read_strictly
from labkit.lesson.exercises import exercises
from labkit.lesson.nb07 import PRACTICE, biased_labeller, by_domain, cost, leanings
from labkit.preference.agreement import cohen_kappa, judgements, length_bias, position_bias
from labkit.preference.events import GoldPair, effective
from labkit.preference.quality import quality
from labkit.preference.strengths import strengths
from labkit.records import Pair, Ranking

BOOK = exercises("07")
RIGHT = {"blanket": "b", "ladder": "b", "teapot": "b", "voucher": "a", "hose": "both_bad"}


@pytest.mark.parametrize(
    "answer, said",
    [
        (RIGHT | {"blanket": "a"}, "comes before a next step"),
        (RIGHT | {"ladder": "a"}, "brevity comes last"),
        (RIGHT | {"teapot": "both_good"}, "upset"),
        (RIGHT | {"voucher": "b"}, "brevity"),
        (RIGHT | {"hose": "a"}, "neither wins"),
        ({"hose": "both_bad"}, "no judgement of blanket"),
        ("b", "dictionary"),
    ],
)
def test_ranked_names_the_rule_that_was_missed(answer: object, said: str) -> None:
    result = BOOK.ranked.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_practice_pairs_are_those_of_the_key() -> None:
    assert set(PRACTICE) == set(RIGHT)


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda events: sum(e.outcome == "a" for e in events) / len(events), "divides by all"),
        (lambda events: sum(e.outcome == "a" for e in events), "count"),
        (lambda events: "half", "number"),
        (lambda events: 0.5, "not it"),
        (0.67, "function"),
    ],
)
def test_left_share_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.left_share.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_left_share_tells_sides_from_indices() -> None:
    def by_index(events: list[Ranking]) -> float:
        decided = [e for e in events if e.outcome in ("a", "b")]
        return sum((e.left if e.outcome == "a" else e.right) == 0 for e in decided) / len(decided)

    assert "the side is in the outcome" in BOOK.left_share.check(by_index).message


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda votes: max(sorted(set(votes)), key=votes.count), "gave"),
        (lambda votes: max(sorted(set(votes)), key=votes.count) if votes else None, "split vote"),
        (lambda votes: votes[0] if len(set(votes)) == 1 else None, "more votes than any other"),
        (lambda votes: next((v for v in votes if votes.count(v) * 2 > len(votes)), None), "a tie is no winner"),
        (["0"], "function"),
    ],
)
def test_winner_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.winner.check(answer)
    assert result.status == "not yet"
    assert said in result.message or (said == "gave" and "could not use" in result.message)


@pytest.fixture(scope="module")
def shipped() -> tuple[list[Pair], list[Ranking]]:
    pairs = read_strictly(samples.path("support/pairs.jsonl"), Pair)
    events = read_strictly(samples.path("support/rankings.jsonl"), Ranking)
    return pairs, [e for e in events if e.annotator == "ana"]


def test_a_labeller_without_leanings_judges_as_before(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    same = biased_labeller(events, pairs)
    assert judgements(same, "biased") == judgements(events, "ana")


def test_a_lean_to_the_left_shows_in_position_and_in_agreement(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    lazy = biased_labeller(events, pairs, left=0.5)
    assert position_bias(events).low < 0.5 < position_bias(events).high
    assert position_bias(lazy).low > 0.5
    assert cohen_kappa(judgements(events, "ana"), judgements(lazy, "biased")).kappa < 0.7
    assert [e.pair for e in lazy] == [e.pair for e in effective(events)]


def test_a_lean_to_length_shows_in_length(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    wordy = biased_labeller(events, pairs, longer=0.5)
    assert length_bias(pairs, wordy).low > 0.5
    assert length_bias(pairs, events).low < 0.5


def test_it_is_the_same_labeller_twice(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    assert biased_labeller(events, pairs, left=0.3) == biased_labeller(events, pairs, left=0.3)
    assert biased_labeller(events, pairs, left=0.3) != biased_labeller(events, pairs, left=0.3, seed=8)


def test_the_plot_of_leanings_names_the_biased_one(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    lazy = biased_labeller(events, pairs, left=0.5)
    plot = leanings({"ana": events, "lazy": lazy}, pairs)
    assert [(row["labeller"], row["chose"]) for row in plot.table()] == [
        ("ana", "left"), ("ana", "longer"), ("lazy", "left"), ("lazy", "longer"),
    ]  # fmt: skip
    assert plot.table()[2]["passed"] == position_bias(lazy).passed
    assert plot.text().endswith("Interval does not hold 50%: lazy (left).")


def test_a_habit_costs_rows_or_gives_them_a_direction(shipped: tuple[list[Pair], list[Ranking]]) -> None:
    pairs, events = shipped
    bo = [e for e in read_strictly(samples.path("support/rankings.jsonl"), Ranking) if e.annotator == "bo"]
    teams = {
        "careful": events,
        "lazy": biased_labeller(events, pairs, left=0.5),
        "wordy": biased_labeller(events, pairs, longer=0.9),
    }
    careful, lazy, wordy = cost(pairs, {name: [*bo, *own] for name, own in teams.items()})
    assert lazy["DPO rows"] < careful["DPO rows"] and lazy["split votes"] > careful["split votes"]
    assert wordy["chosen is longer"].rate > careful["chosen is longer"].rate + 0.1


CAMPAIGN = samples.path("ranking")


@pytest.fixture(scope="module")
def campaign() -> tuple[list[Pair], list[Ranking], list[GoldPair]]:
    read = read_strictly
    return (
        read(CAMPAIGN / "sets.jsonl", Pair), read(CAMPAIGN / "rankings.jsonl", Ranking), read(CAMPAIGN / "gold.jsonl", GoldPair)
    )  # fmt: skip


def test_the_campaign_covers_all_domains_with_ranks_gold_and_repeats(
    campaign: tuple[list[Pair], list[Ranking], list[GoldPair]],
) -> None:
    sets, events, gold = campaign
    assert {pair.id.split("-")[0] for pair in sets} == {"support", "decision", "knowledge"}
    assert {len(pair.answers) for pair in sets} == {3, 4}
    ids = {event.pair for event in events}
    assert ids & {pair.id for pair in gold} and any(name.endswith("+again") for name in ids)
    for pair in gold:
        assert pair.right in (0, 1, "both_good", "both_bad") and pair.why


def test_the_campaign_shows_what_the_lesson_says_of_it(
    campaign: tuple[list[Pair], list[Ranking], list[GoldPair]],
) -> None:
    sets, events, gold = campaign
    found = quality(events, sets, gold)
    cleo, dan, eve = found.annotators
    assert eve.median_seconds < 0.5 * min(cleo.median_seconds, dan.median_seconds)
    assert eve.gold.rate < cleo.gold.rate == 1
    kappas = {names: agreed.kappa for names, agreed in found.kappas.items()}
    assert max(kappas, key=kappas.get) == "cleo and dan"
    table = by_domain(sets, events)
    assert [row["sets"] for row in table] == [6, 6, 6] and all("alpha" in row["agreement"] for row in table)
    best = [one.writer for one in strengths(sets, events)]
    assert (best[0], best[-1]) == ("oak", "elm")


def test_a_domain_judged_by_one_person_has_nobody_to_compare(
    campaign: tuple[list[Pair], list[Ranking], list[GoldPair]],
) -> None:
    sets, events, _ = campaign
    (row,) = by_domain(sets[:1], [event for event in events if event.annotator == "cleo"])
    assert row["agreement"] == "nobody to compare" and row["in dispute"] == 0
