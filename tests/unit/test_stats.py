"""Intervals and tests against statsmodels, scipy and simulation."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from labkit import LabError, stats


def outcomes(both: int, a_only: int, b_only: int, neither: int) -> tuple[list[bool], list[bool]]:
    a = [True] * both + [True] * a_only + [False] * b_only + [False] * neither
    b = [True] * both + [False] * a_only + [True] * b_only + [False] * neither
    return a, b


@pytest.mark.parametrize("passed, n", [(0, 7), (1, 7), (41, 50), (50, 50), (299, 300)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_equals_statsmodels(passed: int, n: int, confidence: float) -> None:
    rate = stats.wilson(passed, n, confidence)
    assert (rate.low, rate.high) == pytest.approx(proportion_confint(passed, n, 1 - confidence, "wilson"), abs=1e-12)


def test_a_rate_reads_as_a_sentence_part() -> None:
    assert str(stats.wilson(41, 50)) == "41/50 = 82% (69-90%)"
    empty = stats.wilson(0, 0)
    assert str(empty) == "0/0, no cases"
    assert (empty.rate, empty.low, empty.high) == (0, 0, 1)


@pytest.mark.parametrize("passed, n", [(3, 2), (-1, 2), (1, 0)])
def test_impossible_counts_are_refused(passed: int, n: int) -> None:
    with pytest.raises(LabError):
        stats.wilson(passed, n)


def test_confidence_is_a_share() -> None:
    with pytest.raises(LabError, match=r"0\.95"):
        stats.wilson(1, 2, 95)


@pytest.mark.parametrize(("x", "n", "y", "m"), [(56, 70, 48, 80), (9, 10, 3, 10), (0, 40, 0, 30), (5, 50, 5, 50)])
def test_independent_rates_differ_as_statsmodels_has_it(x: int, n: int, y: int, m: int) -> None:
    ours = stats.rate_difference(stats.wilson(x, n), stats.wilson(y, m))
    low, high = confint_proportions_2indep(x, n, y, m, compare="diff", method="newcomb")
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)
    assert ours.estimate == pytest.approx(x / n - y / m)


def test_the_difference_of_newcombes_own_table() -> None:
    """56/70 against 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    ours = stats.rate_difference(stats.wilson(56, 70), stats.wilson(48, 80))
    assert (round(ours.low, 4), round(ours.high, 4)) == (0.0524, 0.3339)
    with pytest.raises(LabError, match="has no rows"):
        stats.rate_difference(stats.wilson(0, 0), stats.wilson(1, 2))


def test_uncorrelated_pairs_give_newcombes_independent_interval() -> None:
    a, b = outcomes(12, 6, 8, 4)  # 12 x 4 = 6 x 8: phi is 0
    found = stats.paired_difference(a, b, 0.9)
    low, high = confint_proportions_2indep(20, 30, 18, 30, method="newcomb", compare="diff", alpha=0.1)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.difference == pytest.approx(2 / 30)
    assert (found.n, found.a_only, found.b_only) == (30, 6, 8)


def test_the_paired_interval_of_a_published_table() -> None:
    """21 children before and after a transplantation: 0.026 to 0.507 (Fagerland, Lydersen and Laake 2014, square-and-add)."""
    found = stats.paired_difference(*outcomes(1, 1, 7, 12), confidence=0.95)
    assert (round(found.low, 3), round(found.high, 3)) == (0.026, 0.507)


def test_correlated_pairs_give_a_narrower_interval() -> None:
    tight = stats.paired_difference(*outcomes(60, 5, 5, 30))
    loose = stats.paired_difference(*outcomes(42, 23, 23, 12))
    assert tight.high - tight.low < (loose.high - loose.low) / 1.5


def test_the_difference_is_b_minus_a_and_turns_with_them() -> None:
    a, b = outcomes(20, 9, 2, 5)
    one, other = stats.paired_difference(a, b), stats.paired_difference(b, a)
    assert one.difference < 0
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_newcombe_covers_what_it_says() -> None:
    draw = np.random.default_rng(1)
    hit = 0
    for _ in range(400):
        base = draw.random(60)
        found = stats.paired_difference(list(base < 0.8), list((base + draw.normal(0, 0.1, 60)) < 0.8))
        hit += found.low <= 0 <= found.high  # symmetric noise round a threshold: equal true rates (nearly)
    assert hit / 400 > 0.87


@pytest.mark.parametrize("a_only, b_only", [(0, 5), (3, 9), (7, 7), (20, 31)])
def test_midp_is_the_exact_test_less_half_the_point(a_only: int, b_only: int) -> None:
    from scipy.stats import binom

    exact = mcnemar([[10, a_only], [b_only, 10]], exact=True).pvalue
    point = binom.pmf(min(a_only, b_only), a_only + b_only, 0.5)
    expected = 1.0 if a_only == b_only else exact - point
    assert stats.mcnemar_midp(a_only, b_only) == pytest.approx(expected)


def test_midp_without_discordant_pairs_is_one() -> None:
    assert stats.mcnemar_midp(0, 0) == 1


def test_bootstrap_agrees_with_scipy() -> None:
    data = np.random.default_rng(3).exponential(size=60)
    ours = stats.bootstrap(np.mean, data, 0.9, draws=3000)
    theirs = scipy_bootstrap((data,), np.mean, confidence_level=0.9, method="percentile", n_resamples=4000, rng=0)
    assert ours.estimate == pytest.approx(data.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_bootstrap_is_the_same_twice_and_reads_rows_of_words() -> None:
    rows = [("a", "a"), ("b", "a"), ("a", "a"), ("b", "b")]

    def agree(r: np.ndarray) -> float:
        return float((r[:, 0] == r[:, 1]).mean())

    assert stats.bootstrap(agree, rows) == stats.bootstrap(agree, rows)
    assert stats.bootstrap(agree, rows).estimate == 0.75


def test_bootstrap_leaves_undefined_draws_out() -> None:
    found = stats.bootstrap(lambda x: float("nan") if x.sum() < 2 else float(x.mean()), [0, 1, 1, 1])
    assert found.low > 0.2
    with pytest.raises(LabError, match="undefined"):
        stats.bootstrap(lambda x: float("nan"), [1, 2])


def test_clusters_of_one_give_scipys_bootstrap() -> None:
    data = np.random.default_rng(4).exponential(size=60)
    ours = stats.cluster_bootstrap(list(data), [str(i) for i in range(60)], 0.9, draws=3000)
    theirs = scipy_bootstrap((data,), np.mean, confidence_level=0.9, method="percentile", n_resamples=4000, rng=0)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_clusters_widen_the_interval() -> None:
    values = [1.0] * 20 + [0.0] * 20
    alone = stats.cluster_bootstrap(values, [str(i) for i in range(40)])
    bound = stats.cluster_bootstrap(values, [str(i // 5) for i in range(40)])
    assert alone.estimate == bound.estimate == 0.5
    assert bound.high - bound.low > 1.8 * (alone.high - alone.low)


def test_cluster_false_alarms_stay_near_the_level() -> None:
    draw = np.random.default_rng(5)
    alarms = 0
    for seed in range(120):
        per_case = draw.normal(size=40)
        values = np.repeat(per_case, 3)
        found = stats.cluster_bootstrap(list(values), [str(i // 3) for i in range(120)], draws=300, seed=seed)
        alarms += not found.low <= 0 <= found.high
    assert alarms / 120 < 0.17


def test_equal_runs_pass_and_a_clear_loss_fails() -> None:
    same, worse = outcomes(300, 0, 0, 20), outcomes(60, 30, 2, 8)
    assert stats.non_inferior(*same, [str(i) for i in range(320)]).verdict == "pass"
    lost = stats.non_inferior(*worse, [str(i) for i in range(100)])
    assert lost.verdict == "fail"
    assert lost.further_cases is None


def test_few_cases_are_inconclusive_and_say_how_many_more() -> None:
    a, b = outcomes(20, 2, 2, 6)
    found = stats.non_inferior(a, b, [str(i) for i in range(30)])
    assert found.verdict == "inconclusive"
    assert found.further_cases is not None
    k = (30 + found.further_cases) / 30
    scaled = outcomes(*(int(np.ceil(x * k * 1.15)) for x in (20, 2, 2, 6)))
    assert stats.non_inferior(*scaled, [str(i) for i in range(len(scaled[0]))]).verdict == "pass"


def test_a_regression_just_beyond_doubt_is_told_how_to_be_sure() -> None:
    a, b = outcomes(30, 5, 2, 3)
    found = stats.non_inferior(a, b, [str(i) for i in range(40)])
    assert found.verdict == "inconclusive"
    assert found.further_cases and found.further_cases > 0


def test_one_seed_case_settles_nothing() -> None:
    assert stats.non_inferior(*outcomes(200, 0, 0, 0), ["x"] * 200).verdict == "inconclusive"


def test_clusters_can_turn_a_pass_into_doubt() -> None:
    a, b = outcomes(386, 6, 6, 2)
    apart = stats.non_inferior(a, b, [str(i) for i in range(400)])
    together = stats.non_inferior(a, b, [str(i) if i < 386 else f"x{i // 6}" for i in range(400)])
    assert apart.verdict == "pass"
    assert together.interval.high - together.interval.low >= apart.interval.high - apart.interval.low


@pytest.mark.parametrize("a, b", [([True], [True, False]), ([], [])])
def test_comparison_needs_the_same_cases(a: list[bool], b: list[bool]) -> None:
    with pytest.raises(LabError):
        stats.paired_difference(a, b)
    with pytest.raises(LabError):
        stats.cluster_bootstrap([1.0], ["x", "y"])


def test_holm_equals_statsmodels_and_keeps_the_order() -> None:
    p = {"s3": 0.04, "s1": 0.001, "s2": 0.03, "s4": 0.9}
    found = stats.holm(p)
    assert list(found) == list(p)
    assert list(found.values()) == pytest.approx(multipletests(list(p.values()), method="holm")[1])
    assert stats.holm({}) == {}


def test_no_public_function_goes_without_a_test() -> None:
    public = {
        n for n, f in vars(stats).items() if inspect.isfunction(f) and f.__module__ == stats.__name__ and n[0] != "_"
    }
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in public if f"stats.{name}(" not in source} == set()
    assert {"wilson", "holm", "rate_difference"} <= public


def test_importing_stats_needs_no_heavy_library() -> None:
    import subprocess
    import sys

    code = "import sys, labkit.stats; print(any(m in sys.modules for m in ('numpy', 'scipy', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("p, said", [(1.0, "1.000"), (0.0414, "0.041"), (0.001, "0.001"), (0.0009, "< 0.001"), (0.0, "< 0.001")])
def test_a_small_p_value_is_never_told_as_zero(p, said):
    assert stats.p_text(p) == said
