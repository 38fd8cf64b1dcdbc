"""How far rankings can be trusted: agreement between annotators, and their leanings to a side or to length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from labkit import LabError
from labkit.labelling.agreement import Alpha, Kappa, Ratings, krippendorff_alpha
from labkit.labelling.agreement import cohen_kappa as cohen_kappa
from labkit.preference.events import AGAIN, Slot, choices, labelled, side, slot
from labkit.records import Pair, Ranking
from labkit.stats import Rate, wilson

K = TypeVar("K", Kappa, Alpha)


def judgements(rankings: Iterable[Ranking], annotator: str) -> dict[Slot, str]:
    """What one annotator thought of each two answers, free of sides: an answer's index, both_good, both_bad or tie.

    Skips are no judgements and are left out; so are repeats, which were judged before.
    """
    mine = labelled(r for r in rankings if r.annotator == annotator and not r.pair.endswith(AGAIN))
    return {about: str(choice) for r in mine for about, choice in choices(r).items()}


def agreement(rankings: Iterable[Ranking], confidence: float = 0.95) -> tuple[Alpha | None, dict[str, Kappa]]:
    """Krippendorff's alpha over all annotators, and Cohen's kappa of every two who share items.

    The comparisons of one rank of three or four stand or fall together, so where there are any the intervals come from
    drawing whole items.
    """
    events = list(rankings)
    people = sorted({event.annotator for event in labelled(events)})
    ratings = {who: judgements(events, who) for who in people}
    try:
        alpha = _honest(partial(_alpha, confidence=confidence), ratings, confidence)
    except LabError:  # nobody shares an item with anybody
        return None, {}
    kappas = {}
    for i, a in enumerate(people):
        for b in people[i + 1 :]:
            if ratings[a].keys() & ratings[b].keys():
                two = {a: ratings[a], b: ratings[b]}
                kappas[f"{a} and {b}"] = _honest(partial(_kappa, confidence=confidence), two, confidence)
    return alpha, kappas


def _alpha(ratings: Ratings, draws: int, confidence: float) -> Alpha:
    return krippendorff_alpha(ratings, confidence=confidence, draws=draws)


def _kappa(two: Ratings, draws: int, confidence: float) -> Kappa:
    a, b = two.values()
    return cohen_kappa(a, b, confidence, draws)


def _honest(measure: Callable[[Ratings, int], K], ratings: Ratings, confidence: float) -> K:
    """The measure as it is where items are single comparisons, else with an interval that draws whole items."""
    import numpy as np

    found = measure(ratings, 2000)
    by_pair: dict[str, list[Slot]] = {}
    for about in dict.fromkeys(about for own in ratings.values() for about in own):
        if sum(about in own for own in ratings.values()) > 1:
            by_pair.setdefault(about.pair, []).append(about)
    groups = list(by_pair.values())
    if found.low is None or max(map(len, groups)) == 1:
        return found
    values = []
    for draw in np.random.default_rng(0).integers(len(groups), size=(400, len(groups))):
        some = [(n, about) for n, i in enumerate(draw) for about in groups[i]]
        drawn = {who: {at: own[at[1]] for at in some if at[1] in own} for who, own in ratings.items()}
        again: Any = measure(drawn, 1)
        values.append(again.alpha if isinstance(again, Alpha) else again.kappa)
    tail = (1 - confidence) / 2
    low, high = np.quantile([value for value in values if value is not None], [tail, 1 - tail])
    return found.model_copy(update={"low": float(low), "high": float(high)})


def position_bias(rankings: Iterable[Ranking]) -> Rate:
    """How often the left answer won, of the items with a winner. Sides are balanced: a fair eye is near 50%.

    Of a rank of three or four the two outermost answers are looked at.
    """
    sides = [won == "left" for r in labelled(rankings) if (won := side(r))]
    return wilson(sum(sides), len(sides))


def length_bias(pairs: Sequence[Pair], rankings: Iterable[Ranking]) -> Rate:
    """How often the longer answer (in characters) won, of the items with a winner and a longer answer.

    Of a rank of three or four the two outermost answers are looked at. Longer answers may be better for good reasons:
    read it beside the tags.
    """
    sizes = {(pair.id, i): len(answer.text) for pair in pairs for i, answer in enumerate(pair.answers)}
    longer: list[bool] = []
    for r in labelled(rankings):
        left, right = sizes.get((r.pair, r.left)), sizes.get((r.pair, r.right))
        if (won := side(r)) and left is not None and right is not None and left != right:
            longer.append((left > right) == (won == "left"))
    return wilson(sum(longer), len(longer))


def repeats(rankings: Iterable[Ranking]) -> list[tuple[Ranking, Ranking]]:
    """Judgements of items that came twice: the first and the second time, skips left out."""
    live = [event for event in labelled(rankings) if choices(event)]
    known = {(event.annotator, slot(event)): event for event in live}
    return [
        (known[first], event)
        for event in live
        if event.pair.endswith(AGAIN)
        and (first := (event.annotator, slot(event)._replace(pair=event.pair.removesuffix(AGAIN)))) in known
    ]


def repeat_consistency(rankings: Iterable[Ranking]) -> Rate:
    """How often annotators judged a repeat, shown the other way round, as they did the first time."""
    same = [list(choices(first).values()) == list(choices(again).values()) for first, again in repeats(rankings)]
    return wilson(sum(same), len(same))
