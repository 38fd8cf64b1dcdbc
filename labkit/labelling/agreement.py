"""Agreement between annotators beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha, with intervals.

Sources: Cohen 1960; Fleiss 1971; Krippendorff 2018, "Content Analysis", ch. 12 (coefficient, metrics and the customary
bounds). All intervals are percentile bootstraps over items. Items with the same votes are one pattern, and drawing
items with replacement is drawing one multinomial count of patterns: no loop over items or draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from labkit import LabError

Level = Literal["nominal", "ordinal", "interval"]
Outcome = Literal["go", "revise", "stop"]
Ratings = Mapping[str, Mapping[Any, Hashable]]  # annotator -> item -> value
GO, REVISE = 0.8, 0.667
_SAID = {
    "go": "the labels may be used",
    "revise": "the labels are not to be used yet; mend the guideline and label again",
    "stop": "the annotators do not mean the same thing by the labels; rewrite the guideline before anything is labelled",
}


class Kappa(BaseModel):
    """A kappa with its bootstrap interval. None where all gave one single answer: chance explains all of it."""

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


class Alpha(BaseModel):
    """Krippendorff's alpha with its bootstrap interval; None where only one value was ever given.

    ``n`` counts the items that at least two annotators judged: the others say nothing about agreement.
    """

    n: int
    annotators: int
    level: Level
    alpha: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        head = f"{self.n} items, {self.annotators} annotators"
        if self.alpha is None:
            return f"{head}, alpha undefined: only one value was ever given"
        return f"{head}, alpha {self.alpha:.3f} ({self.low:.3f} to {self.high:.3f})"


def verdict(alpha: float | None) -> Outcome:
    """What an alpha means for the labels: ``go`` from .8, ``revise`` the guideline from .667, ``stop`` below.

    An undefined alpha stops: labels that never differ prove nothing about the guideline.
    """
    if alpha is None or alpha < REVISE:
        return "stop"
    return "go" if alpha >= GO else "revise"


def sentence(alpha: Alpha) -> str:
    """The verdict in one plain line, with a warning where the interval crosses a bound."""
    outcome = verdict(alpha.alpha)
    crosses = alpha.alpha is not None and verdict(alpha.low) != verdict(alpha.high)
    doubt = "; the interval reaches into another verdict, which more items would settle" if crosses else ""
    return f"{outcome}: {_SAID[outcome]}{doubt}"


def cohen_kappa(
    a: Mapping[Any, Hashable], b: Mapping[Any, Hashable], confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Kappa:
    """Agreement of two annotators beyond chance, over what both judged.

    Args:
        a: judgement by item (never raw clicks on blind sides: sides differ between annotators).
        b: the same of the other annotator.
        confidence: of the percentile bootstrap interval.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        LabError: there is no item that both judged.
    """
    shared = [item for item in a if item in b]
    if not shared:
        raise LabError("agreement", "there is no item that both annotators judged", "let both judge the same items")
    values = {value: i for i, value in enumerate(sorted({*a.values(), *b.values()}, key=str))}
    table = np.zeros((len(values), len(values)))
    for item in shared:
        table[values[a[item]], values[b[item]]] += 1
    n, kappa = len(shared), float(_cohen(table[None])[0])
    samples = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=draws).reshape(draws, *table.shape)
    return _kappa(n, float(np.trace(table) / n), kappa, _cohen(samples), confidence)


def _cohen(tables: np.ndarray) -> np.ndarray:
    share = tables / tables.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(share, axis1=1, axis2=2)
    return _beyond(observed, (share.sum(axis=1) * share.sum(axis=2)).sum(axis=1))


def _beyond(observed: np.ndarray, chance: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)


def _kappa(n: int, agreed: float, kappa: float, samples: np.ndarray, confidence: float) -> Kappa:
    if np.isnan(kappa):
        return Kappa(n=n, agreed=agreed, kappa=None, low=None, high=None)
    low, high = _ends(samples, confidence)
    return Kappa(n=n, agreed=agreed, kappa=kappa, low=low, high=high)


def _ends(samples: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail])
    return float(low), float(high)


def fleiss_kappa(ratings: Ratings, confidence: float = 0.95, draws: int = 2000, seed: int = 0) -> Kappa:
    """Agreement of three or more annotators beyond chance, over the items that all of them judged.

    ``agreed`` is the share of agreeing pairs of annotators. For items that some left out, take
    :func:`krippendorff_alpha`.

    Raises:
        LabError: fewer than two annotators, or no item that all judged.
    """
    votes, _ = _votes(ratings)
    votes = votes[votes.sum(axis=1) == len(ratings)]
    if not len(votes):
        raise LabError("agreement", "there is no item that all annotators judged", "take Krippendorff's alpha instead")
    patterns, counts = np.unique(votes, axis=0, return_counts=True)
    n, own = len(votes), counts[None].astype(float)
    observed, kappa = _fleiss(own, patterns)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=draws).astype(float)
    return _kappa(n, float(observed[0]), float(kappa[0]), _fleiss(drawn, patterns)[1], confidence)


def _fleiss(weights: np.ndarray, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observed agreement and kappa for each row of pattern counts; shapes (draws, p), (p, values) -> (draws,)."""
    m, n = patterns[0].sum(), weights.sum(axis=1)
    observed = weights @ ((patterns**2).sum(axis=1) - m) / (m * (m - 1)) / n
    share = weights @ patterns / (n * m)[:, None]
    return observed, _beyond(observed, (share**2).sum(axis=1))


def krippendorff_alpha(
    ratings: Ratings,
    level: Level = "nominal",
    order: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Alpha:
    """Krippendorff's alpha for any number of annotators, with items that some of them left out.

    Args:
        ratings: value by item, by annotator.
        level: how far apart two values are: ``nominal`` (different is different), ``ordinal`` (ranks between them) or
            ``interval`` (their squared difference).
        order: the values from lowest to highest; needed for ordinal values that are no numbers.
        confidence: of the percentile bootstrap interval over items.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        LabError: fewer than two annotators, no item that two of them judged, or values without the order or the
            numbers that the level needs.
    """
    votes, values = _votes(ratings, level, order)
    votes = votes[votes.sum(axis=1) > 1]
    if not len(votes):
        raise LabError("agreement", "there is no item that two annotators judged", "let them judge the same items")
    patterns, counts = np.unique(votes, axis=0, return_counts=True)
    n = len(votes)
    alpha = float(_alpha(counts[None].astype(float), patterns, level, values)[0])
    found: dict[str, Any] = {"n": n, "annotators": len(ratings), "level": level}
    if np.isnan(alpha):
        return Alpha(**found, alpha=None, low=None, high=None)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=draws).astype(float)
    low, high = _ends(_alpha(drawn, patterns, level, values), confidence)
    return Alpha(**found, alpha=alpha, low=low, high=high)


def _votes(
    ratings: Ratings, level: Level = "nominal", order: Sequence[Hashable] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How often each value (column) was given to each item (row), and the values as numbers, lowest first."""
    if len(ratings) < 2:
        raise LabError("agreement", f"there is {len(ratings)} annotator", "let at least two judge the same items")
    given = {value for own in ratings.values() for value in own.values()}
    if order is None:
        order = sorted(given, key=str if level == "nominal" else _number)
    elif strange := sorted(map(str, given - set(order))):
        raise LabError(f"value {strange[0]!r}", "is not in the order", "name every value, lowest first")
    column = {value: i for i, value in enumerate(order)}
    row = {item: i for i, item in enumerate(dict.fromkeys(item for own in ratings.values() for item in own))}
    votes = np.zeros((len(row), len(column)), dtype=np.int64)
    for own in ratings.values():
        for item, value in own.items():
            votes[row[item], column[value]] += 1
    return votes, np.array([_number(v) for v in order] if level == "interval" else range(len(column)), dtype=float)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise LabError(f"value {value!r}", "is no number", "name the values in order, or take level nominal") from error


def _alpha(weights: np.ndarray, patterns: np.ndarray, level: Level, values: np.ndarray) -> np.ndarray:
    """Alpha for each row of pattern counts; shapes (draws, p), (p, values) -> (draws,).

    Sums over pairs of values are folded into moments: for squared differences, sum_ck n_c n_k (v_c - v_k)^2 is
    2 (n sum n v^2 - (sum n v)^2). Ordinal distance is the squared difference of mid-ranks, which every draw changes.
    """
    m = patterns.sum(axis=1)
    margins = weights @ patterns
    n = margins.sum(axis=1)
    if level == "nominal":
        inside = weights @ ((m**2 - (patterns**2).sum(axis=1)) / (m - 1))
        across = n**2 - (margins**2).sum(axis=1)
    else:
        v = np.cumsum(margins, axis=1) - margins / 2 if level == "ordinal" else np.broadcast_to(values, margins.shape)
        apart = 2 * (m * (v**2 @ patterns.T) - (v @ patterns.T) ** 2) / (m - 1)
        inside = (weights * apart).sum(axis=1)
        across = 2 * (n * (margins * v**2).sum(axis=1) - (margins * v).sum(axis=1) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(across > 1e-9, 1 - (n - 1) * inside / across, np.nan)
