"""How far rankings can be trusted: agreement between annotators, and their leanings to a side or to length."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from labkit import LabError
from labkit.preference.ranking import AGAIN, Slot, better, effective, slot
from labkit.records import Pair, Ranking
from labkit.stats import Rate, wilson


class Kappa(BaseModel):
    """Cohen's kappa with a bootstrap interval. None where both gave one single answer: chance explains all of it."""

    n: int
    agreed: float
    kappa: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        head = f"{self.agreed:.0%} of {self.n} agreed"
        if self.kappa is None:
            return f"{head}, kappa undefined: both always gave the same one answer"
        return f"{head}, kappa {self.kappa:.2f} ({self.low:.2f} to {self.high:.2f})"


def judgements(rankings: Iterable[Ranking], annotator: str) -> dict[Slot, str]:
    """What one annotator thought of each comparison, free of sides: an answer's index, both_good or both_bad.

    Skips are no judgements and are left out.
    """
    mine = effective(r for r in rankings if r.annotator == annotator)
    return {slot(r): str(choice) for r in mine if (choice := better(r)) is not None}


def cohen_kappa(
    a: Mapping[Any, Hashable], b: Mapping[Any, Hashable], confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Kappa:
    """Agreement of two annotators beyond chance, over what both judged.

    Args:
        a: judgement by item, as :func:`judgements` gives them (never raw clicks: sides differ between annotators).
        b: the same of the other annotator.
        confidence: of the percentile bootstrap interval.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        LabError: there is no item that both judged.
    """
    shared = [item for item in a if item in b]
    if not shared:
        raise LabError("agreement", "there is no pair that both annotators judged", "let both rank the same pairs")
    values = {value: i for i, value in enumerate(sorted({*a.values(), *b.values()}, key=str))}
    table = np.zeros((len(values), len(values)))
    for item in shared:
        table[values[a[item]], values[b[item]]] += 1
    n, kappa = len(shared), float(_kappa(table[None])[0])
    agreed = float(np.trace(table) / n)
    if np.isnan(kappa):
        return Kappa(n=n, agreed=agreed, kappa=None, low=None, high=None)
    # Drawing n items with replacement is drawing one multinomial table: no loop over items.
    samples = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=draws).reshape(draws, *table.shape)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(_kappa(samples), [tail, 1 - tail])
    return Kappa(n=n, agreed=agreed, kappa=kappa, low=float(low), high=float(high))


def _kappa(tables: np.ndarray) -> np.ndarray:
    share = tables / tables.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(share, axis1=1, axis2=2)
    chance = (share.sum(axis=1) * share.sum(axis=2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)


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
