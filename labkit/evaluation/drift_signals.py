"""The comparisons that make up a drift report: rates of two batches, prompts unlike all others, prompts as a whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from labkit.evaluation.oracle_decision import DECISIONS
from labkit.evaluation.oracle_slots import clean
from labkit.stats import Interval, Rate, wilson

if TYPE_CHECKING:
    from scipy import sparse

NOVEL = "novel prompts"


class Signal(BaseModel):
    """One comparison with the reference; the rates are missing where it is none of rates."""

    name: str
    reference: Rate | None = None
    current: Rate | None = None
    difference: Interval | None = None
    statistic: float
    p_value: float
    adjusted: float = 1.0  # by Holm over all signals of the comparison
    alarm: bool = False

    def __str__(self) -> str:
        end = f"p = {self.adjusted:.2g} after Holm: {'DRIFT' if self.alarm else 'no drift shown'}"
        if self.reference is None or self.current is None or self.difference is None:
            return f"{self.name}: statistic {self.statistic:.4f}, {end}"
        low, high = 100 * self.difference.low, 100 * self.difference.high
        gap = f"{100 * self.difference.estimate:+.1f} points ({low:+.1f} to {high:+.1f})"
        return f"{self.name}: {self.reference} before, {self.current} now, {gap}, {end}"


def rate_signal(name: str, before: Iterable[bool | None], now: Iterable[bool | None]) -> Signal:
    """Compare two independent rates: Fisher's exact test, and Newcombe's interval (1998, method 10) of the difference.

    Args:
        name: what the rate is of.
        before: outcomes of the reference; None is left out.
        now: outcomes of the current batch.
    """
    from scipy.stats import fisher_exact

    old, new = ([bool(value) for value in values if value is not None] for values in (before, now))
    first, second = wilson(sum(old), len(old)), wilson(sum(new), len(new))
    gap = second.rate - first.rate
    low = gap - math.hypot(second.rate - second.low, first.high - first.rate)
    high = gap + math.hypot(second.high - second.rate, first.rate - first.low)
    if not old or not new:  # nothing is known of one of them, so nothing of their difference
        gap, low, high = 0.0, -1.0, 1.0
    return Signal(
        name=name,
        reference=first,
        current=second,
        difference=Interval(estimate=gap, low=low, high=high),
        statistic=gap,
        p_value=float(fisher_exact(_table(first, second)).pvalue) if old and new else 1.0,
    )


def _table(first: Rate, second: Rate) -> list[list[int]]:
    return [[first.passed, first.n - first.passed], [second.passed, second.n - second.passed]]


def signs(answers: Sequence[str]) -> dict[str, list[bool]]:
    """What can be seen of an answer without knowing the right one: is it empty, does it refuse, is it JSON?"""
    return {
        "empty answers": [not answer.strip() for answer in answers],
        "refusals": [bool(DECISIONS["refuse"](clean(answer))) for answer in answers],
        "JSON answers": [_is_json(answer) for answer in answers],
    }


def _is_json(answer: str) -> bool:
    try:
        return isinstance(json.loads(answer), dict | list)
    except (ValueError, RecursionError):
        return False


def novelty(own: np.ndarray, new: np.ndarray, quantile: float) -> tuple[Signal, float]:
    """Share of prompts whose nearest neighbour is further than the reference's own prompts have theirs.

    One-sided: only a rise means something.

    Args:
        own: similarity of each prompt of the reference to its nearest other, shape (n,).
        new: similarity of each current prompt to its nearest of the reference, shape (m,).
        quantile: of ``own``; below it a prompt is novel.

    Returns:
        The signal, and the similarity below which a prompt counts as novel.
    """
    from scipy.stats import fisher_exact

    threshold = float(np.quantile(own, quantile))
    signal = rate_signal(NOVEL, (own < threshold).tolist(), (new < threshold).tolist())
    if signal.reference and signal.current:
        table = _table(signal.current, signal.reference)
        signal.p_value = float(fisher_exact(table, alternative="greater").pvalue)
    return signal, threshold


def nearest(rows: sparse.csr_matrix, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest neighbours in the reference, the first n of the rows (a seeded sample of it where it is large).

    Returns:
        Similarity of each prompt of the sample to its nearest other; of each later row to its nearest of the sample,
        shape (rows - n,); and the index of that nearest prompt, shape (rows - n,).
    """
    from labkit.curation.vectors import blocks, pool

    members = pool(n, seed)
    known = rows[members]
    own = np.concatenate([alike.max(axis=1) for _, alike in blocks(known, known, np.arange(len(members)))])
    found = [(alike.max(axis=1), alike.argmax(axis=1)) for _, alike in blocks(rows[n:], known, np.arange(0))]
    new, closest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return own, new, members[closest]


def kernel(rows: sparse.csr_matrix) -> np.ndarray:
    """Gaussian kernel of the rows, its width the median distance of two different ones. Shape (n, n)."""
    products = (rows @ rows.T).toarray()
    lengths = np.diag(products)
    distances = np.maximum(lengths[:, None] + lengths[None] - 2 * products, 0)
    width = float(np.median(distances[np.triu_indices(len(distances), 1)]))
    return np.exp(-distances / max(width, 1e-9)).astype(np.float32)


def mmd(alike: np.ndarray, n: int, permutations: int, random: np.random.Generator) -> tuple[float, float]:
    """Squared maximum mean discrepancy of the first n rows and the rest (Gretton et al. 2012), and its p-value.

    Args:
        alike: kernel of all rows, shape (rows, rows).
        n: rows of the first batch.
        permutations: draws of who belongs to which batch; the p-value is never below 1 / (permutations + 1).
        random: where they are drawn from.
    """
    total = len(alike)
    weights = np.where(np.arange(total) < n, 1 / n, -1 / (total - n)).astype(np.float32)
    drawn = random.permuted(np.tile(weights, (permutations, 1)), axis=1)
    chance = ((drawn @ alike) * drawn).sum(axis=1)
    observed = float(weights @ alike @ weights)
    return observed, (1 + int((chance >= observed - 1e-9).sum())) / (permutations + 1)
