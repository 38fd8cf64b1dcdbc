"""Do the gate's statistics keep their word? Coverage of Wilson's interval, and false alarms on clustered cases.

``python -m benchmarks.gate_calibration`` simulates models whose true rates are known. Two models with the same true rate
answer seed cases with several paraphrases each; every significant difference between them is a false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.common import arguments, finish
from labkit.stats import Rate, cluster_bootstrap, mcnemar_midp, non_inferior, wilson

RATES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SIZES = (10, 20, 50, 100, 200, 400)
SEED_CASES, VARIANTS = 60, 3  # 180 answers: the size of the sample suites
RATE, CORRELATION = 0.8, 0.3  # of passing; of two paraphrases of one case, beyond chance
LEVEL = 0.05


def wilson_coverage(
    rates: Sequence[float] = RATES, sizes: Sequence[int] = SIZES, draws: int = 20_000, seed: int = 0
) -> dict[tuple[float, int], float]:
    """Share of draws whose 95% interval holds the true rate, by (rate, n)."""
    random = np.random.default_rng(seed)
    found = {}
    for n in sizes:
        bounds = np.array([(r.low, r.high) for r in (wilson(k, n) for k in range(n + 1))])
        for rate in rates:
            low, high = bounds[random.binomial(n, rate, draws)].T
            found[rate, n] = float(((low <= rate) & (rate <= high)).mean())
    return found


def equal_models(random: np.random.Generator, seed_cases: int = SEED_CASES) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Two models of one true rate on the same clustered cases.

    Each model finds each seed case easy or hard for itself (a beta-distributed chance of passing), and its paraphrases
    share that chance. So the difference of the two varies by seed case while its expectation is 0.

    Returns:
        Passed by the first and by the second model, shape (seed cases x variants,), and the cluster of each answer.
    """
    spread = 1 / CORRELATION - 1
    chance = random.beta(RATE * spread, (1 - RATE) * spread, size=(2, seed_cases))
    first, second = random.random((2, seed_cases * VARIANTS)) < chance.repeat(VARIANTS, axis=1)
    return first, second, [f"{case:03d}" for case in range(seed_cases) for _ in range(VARIANTS)]


def false_alarms(draws: int = 4000, seed: int = 1) -> dict[str, Rate]:
    """How often each test says that two equal models differ; each is meant to do so in 5% of draws.

    ``naive``: McNemar's mid-p test over all answers as if they were independent. ``clustered``: the 95% interval of the
    cluster bootstrap excludes 0. ``gate``: the lab's non-inferiority rule says "fail" (one-sided).
    """
    random = np.random.default_rng(seed)
    alarms = {"naive": 0, "clustered": 0, "gate": 0}
    for draw in range(draws):
        first, second, clusters = equal_models(random)
        gap = second.astype(float) - first
        alarms["naive"] += mcnemar_midp(int((gap < 0).sum()), int((gap > 0).sum())) < LEVEL
        interval = cluster_bootstrap(gap.tolist(), clusters, 1 - LEVEL, draws=1000, seed=draw)
        alarms["clustered"] += not interval.low <= 0 <= interval.high
        alarms["gate"] += non_inferior(first.tolist(), second.tolist(), clusters).verdict == "fail"
    return {name: wilson(count, draws) for name, count in alarms.items()}


def measure(coverage_draws: int = 20_000, alarm_draws: int = 4000) -> dict[str, Any]:
    """Both simulations as the benchmark reports them."""
    cells = wilson_coverage(draws=coverage_draws)
    alarms = false_alarms(alarm_draws)
    return {
        "wilson_coverage": round(float(np.mean(list(cells.values()))), 4),
        "wilson_lowest": round(min(cells.values()), 4),
        "wilson_cells": {f"{rate} of {n}": round(share, 4) for (rate, n), share in cells.items()},
        "naive_false_alarm": round(alarms["naive"].rate, 4),
        "clustered_false_alarm": round(alarms["clustered"].rate, 4),
        "gate_false_alarm": round(alarms["gate"].rate, 4),
        "intervals": {name: [round(rate.low, 4), round(rate.high, 4)] for name, rate in alarms.items()},
        "draws": {"coverage": coverage_draws, "alarms": alarm_draws},
        "seed_cases": SEED_CASES,
        "variants": VARIANTS,
        "rate": RATE,
        "correlation": CORRELATION,
    }


def main() -> None:
    """Run both simulations and print their tables."""
    options = arguments("Coverage of Wilson's interval and false alarms of the gate on clustered cases.").parse_args()
    result = measure()
    print(f"Wilson's 95% interval: share of {result['draws']['coverage']:,} draws that hold the true rate\n")
    print(f"{'true rate':>10}" + "".join(f"{f'n = {n}':>10}" for n in SIZES))
    for rate in RATES:
        print(f"{rate:>10.2f}" + "".join(f"{result['wilson_cells'][f'{rate} of {n}']:>10.3f}" for n in SIZES))
    print(f"mean {result['wilson_coverage']:.3f}, lowest {result['wilson_lowest']:.3f}\n")
    print(
        f"Two equal models ({RATE:.0%}) on {SEED_CASES} seed cases x {VARIANTS} paraphrases, correlation {CORRELATION}, "
        f"{result['draws']['alarms']:,} draws\n"
    )
    print(f"{'test':34}{'false alarms':>14}{'95% interval':>18}")
    said = {"naive": "McNemar, answers independent", "clustered": "cluster bootstrap", "gate": "gate's non-inferiority: fail"}
    for name, (low, high) in result["intervals"].items():
        print(f"{said[name]:34}{result[f'{name}_false_alarm']:>14.3f}{f'{low:.3f}-{high:.3f}':>18}")
    finish("gate_calibration", result, options)


if __name__ == "__main__":
    main()
