"""How far rankings can be trusted: agreement between annotators, and their leanings to a side or to length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labkit.labelling.agreement import Kappa as Kappa
from labkit.labelling.agreement import cohen_kappa as cohen_kappa
from labkit.preference.ranking import AGAIN, Slot, better, effective, slot
from labkit.records import Pair, Ranking
from labkit.stats import Rate, wilson


def judgements(rankings: Iterable[Ranking], annotator: str) -> dict[Slot, str]:
    """What one annotator thought of each comparison, free of sides: an answer's index, both_good or both_bad.

    Skips are no judgements and are left out.
    """
    mine = effective(r for r in rankings if r.annotator == annotator)
    return {slot(r): str(choice) for r in mine if (choice := better(r)) is not None}


def position_bias(rankings: Iterable[Ranking]) -> Rate:
    """How often the left answer won, of the comparisons with a winner. Sides are balanced: a fair eye is near 50%."""
    sides = [r.outcome == "a" for r in effective(rankings) if r.outcome in ("a", "b")]
    return wilson(sum(sides), len(sides))


def length_bias(pairs: Sequence[Pair], rankings: Iterable[Ranking]) -> Rate:
    """How often the longer answer (in characters) won, of the comparisons with a winner and a longer answer.

    Longer answers may be better for good reasons: read it beside the tags.
    """
    sizes = {(pair.id, i): len(answer.text) for pair in pairs for i, answer in enumerate(pair.answers)}
    longer: list[bool] = []
    for r in effective(rankings):
        left, right = sizes.get((r.pair, r.left)), sizes.get((r.pair, r.right))
        if r.outcome in ("a", "b") and left is not None and right is not None and left != right:
            longer.append((left > right) == (r.outcome == "a"))
    return wilson(sum(longer), len(longer))


def repeat_consistency(rankings: Iterable[Ranking]) -> Rate:
    """How often annotators judged a repeat, shown the other way round, as they did the first time."""
    choices = {(r.annotator, slot(r)): choice for r in effective(rankings) if (choice := better(r)) is not None}
    same = [
        choice == choices[first]
        for (who, where), choice in choices.items()
        if where.pair.endswith(AGAIN)
        and (first := (who, where._replace(pair=where.pair.removesuffix(AGAIN)))) in choices
    ]
    return wilson(sum(same), len(same))
