"""The statistics behind verdicts: intervals for rates and paired differences, and the three-valued comparison.

Sources: Wilson 1927 (one rate); Newcombe 1998, method 10 (difference of two independent rates, and of two paired ones);
Fagerland, Lydersen and Laake 2013 (mid-p McNemar); Holm 1979. numpy is imported where it is drawn with, so that the
command line starts fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from labkit import LabError

if TYPE_CHECKING:
    import numpy as np

_NEVER = 1_000_000  # more further cases than this is no advice


class Interval(BaseModel):
    """An estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


class Rate(BaseModel):
    """Passed out of n, with Wilson's interval."""

    passed: int
    n: int
    rate: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.n:
            return "0/0, no cases"
        return f"{self.passed}/{self.n} = {self.rate:.0%} ({100 * self.low:.0f}-{self.high:.0%})"


class Difference(BaseModel):
    """Pass rate of b minus pass rate of a on the same cases, and who alone passed how many."""

    difference: float
    low: float
    high: float
    n: int
    a_only: int
    b_only: int


class NonInferiority(BaseModel):
    """Is b no worse than a by more than the margin? With the interval that says so."""

    verdict: Literal["pass", "fail", "inconclusive"]
    interval: Interval
    margin: float
    n: int
    further_cases: int | None = None


def wilson(passed: int, n: int, confidence: float = 0.95) -> Rate:
    """A pass rate with Wilson's score interval; without cases the interval is 0 to 1: nothing is known.

    Raises:
        LabError: counts that cannot be.
    """
    if not 0 <= passed <= n:
        raise LabError("wilson", f"{passed} passed of {n} cannot be", "count the verdicts again")
    if n == 0:
        return Rate(passed=0, n=0, rate=0.0, low=0.0, high=1.0)
    z2, p = _z(confidence) ** 2, passed / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) + z2 / (4 * n)) / n) / (1 + z2 / n)
    low = 0.0 if passed == 0 else centre - half
    high = 1.0 if passed == n else centre + half
    return Rate(passed=passed, n=n, rate=p, low=low, high=high)


def rate_difference(a: Rate, b: Rate, confidence: float = 0.95) -> Interval:
    """Newcombe's interval (method 10) for the difference a - b of two independent rates.

    Raises:
        LabError: one of them has no rows.
    """
    if not a.n or not b.n:
        raise LabError("rate difference", "a group has no rows", "compare groups that occur")
    a, b = wilson(a.passed, a.n, confidence), wilson(b.passed, b.n, confidence)
    difference = a.rate - b.rate
    low = difference - math.hypot(a.rate - a.low, b.high - b.rate)
    high = difference + math.hypot(a.high - a.rate, b.rate - b.low)
    return Interval(estimate=difference, low=max(-1.0, low), high=min(1.0, high))


def paired_difference(a: Sequence[bool], b: Sequence[bool], confidence: float = 0.90) -> Difference:
    """Newcombe's interval (method 10) for the difference b - a of two pass rates on the same cases.

    Raises:
        LabError: nothing to compare, or the two do not cover the same cases.
    """
    n = _same_length(a, b)
    both = sum(x and y for x, y in zip(a, b, strict=True))
    passed_a, passed_b = sum(map(bool, a)), sum(map(bool, b))
    a_only, b_only, neither = passed_a - both, passed_b - both, n - passed_a - passed_b + both
    first, second = wilson(passed_a, n, confidence), wilson(passed_b, n, confidence)
    phi = _correlation(both, a_only, b_only, neither)

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))

    difference = second.rate - first.rate
    low = difference - reach(second.rate - second.low, first.high - first.rate)
    high = difference + reach(second.high - second.rate, first.rate - first.low)
    return Difference(difference=difference, low=max(-1.0, low), high=min(1.0, high), n=n, a_only=a_only, b_only=b_only)


def mcnemar_midp(a_only: int, b_only: int) -> float:
    """Two-sided mid-p McNemar test on the discordant pairs; 1.0 when there are none."""
    n, fewer = a_only + b_only, min(a_only, b_only)
    at_most = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, (2 * at_most - math.comb(n, fewer)) / 2**n)


def p_text(p: float) -> str:
    """A p-value in three decimals; a smaller one is never told as zero."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    data: Sequence[Any] | np.ndarray,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of any statistic over the rows of ``data``; draws where it is undefined (NaN) are left out.

    Raises:
        LabError: no rows, or the statistic is undefined on every draw.
    """
    import numpy as np

    rows = np.asarray(data)
    if not len(rows):
        raise LabError("bootstrap", "there are no rows", "give at least one")
    drawn = np.random.default_rng(seed).integers(len(rows), size=(draws, len(rows)))
    values = np.array([statistic(rows[index]) for index in drawn], dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        raise LabError("bootstrap", "the statistic is undefined on every draw", "give more varied rows")
    return _percentiles(float(statistic(rows)), values, confidence)


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[str], confidence: float = 0.90, draws: int = 2000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of the mean that draws whole clusters: variants of one case stand or fall together.

    Raises:
        LabError: no values, or not one cluster name for each value.
    """
    import numpy as np

    _same_length(values, clusters)
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(member, weights=np.asarray(values, dtype=float))
    sizes = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return _percentiles(float(sums.sum() / sizes.sum()), means, confidence)


def non_inferior(a: Sequence[bool], b: Sequence[bool], clusters: Sequence[str], margin: float = 0.05) -> NonInferiority:
    """Is the candidate b no worse than the baseline a by more than ``margin``?

    The interval is the wider of Newcombe's and the cluster bootstrap's, both two-sided at 90%. Pass: its lower end is
    above -margin. Fail: its upper end is below 0. Else inconclusive, with the number of further cases that would
    settle it if the difference stayed as it is.

    Raises:
        LabError: nothing to compare, or lengths differ.
    """
    paired = paired_difference(a, b)
    interval = Interval(estimate=paired.difference, low=paired.low, high=paired.high)
    if len(set(clusters)) < 2:  # one seed case says nothing about others
        interval = Interval(estimate=paired.difference, low=-1.0, high=1.0)
    by_cluster = cluster_bootstrap([int(y) - int(x) for x, y in zip(a, b, strict=True)], clusters)
    if by_cluster.high - by_cluster.low > interval.high - interval.low:
        interval = by_cluster
    if interval.low > -margin:
        return NonInferiority(verdict="pass", interval=interval, margin=margin, n=paired.n)
    if interval.high < 0:
        return NonInferiority(verdict="fail", interval=interval, margin=margin, n=paired.n)
    return NonInferiority(
        verdict="inconclusive",
        interval=interval,
        margin=margin,
        n=paired.n,
        further_cases=_further_cases(interval, margin, paired.n),
    )


def holm(pvalues: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values, in the order given."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(pvalues, key=lambda key: pvalues[key])):
        largest = max(largest, min(1.0, (len(pvalues) - rank) * pvalues[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in pvalues}


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise LabError("confidence", f"{confidence} is not between 0 and 1", "write 95% as 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _same_length(a: Sequence[Any], b: Sequence[Any]) -> int:
    if len(a) != len(b):
        raise LabError("comparison", f"{len(a)} values stand against {len(b)}", "compare runs of the same suite")
    if not len(a):
        raise LabError("comparison", "there are no cases to compare", "run the suite first")
    return len(a)


def _correlation(both: int, a_only: int, b_only: int, neither: int) -> float:
    margins = (both + a_only) * (b_only + neither) * (both + b_only) * (a_only + neither)
    if not margins:
        return 0.0
    cross = both * neither - a_only * b_only
    if cross > 0:  # Newcombe's continuity correction: never claim more correlation than is seen
        cross = max(0.0, cross - (both + a_only + b_only + neither) / 2)  # type: ignore[assignment]
    return cross / math.sqrt(margins)


def _percentiles(estimate: float, values: np.ndarray, confidence: float) -> Interval:
    import numpy as np

    _z(confidence)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate=estimate, low=float(low), high=float(high))


def _further_cases(interval: Interval, margin: float, n: int) -> int | None:
    """Half-widths shrink with the square root of n: how many more until the nearer verdict is reached?"""
    if interval.estimate > -margin:
        half, room = interval.estimate - interval.low, interval.estimate + margin
    else:
        half, room = interval.high - interval.estimate, -interval.estimate
    needed = n * (half / room) ** 2 - n if room > 1e-9 else math.inf
    return max(1, math.ceil(needed)) if needed < _NEVER else None
