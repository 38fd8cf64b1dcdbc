"""Short forms of two benchmarks: the gate's statistics keep their word, and judging needs no model and little time."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from benchmarks import gate_calibration, judging_speed
from labkit.evaluation.judge import judge


@pytest.mark.parametrize(("rate", "n"), [(0.5, 100), (0.9, 50), (0.99, 400)])
def test_wilson_covers_near_its_level(rate: float, n: int) -> None:
    assert 0.92 < gate_calibration.wilson_coverage([rate], [n], draws=2000)[rate, n] < 0.985


def test_wilson_covers_as_it_says_over_the_grid() -> None:
    cells = gate_calibration.wilson_coverage(draws=1000)
    assert len(cells) == len(gate_calibration.RATES) * len(gate_calibration.SIZES)
    assert 0.93 < np.mean(list(cells.values())) < 0.97


def test_a_narrower_interval_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_calibration, "wilson", functools.partial(gate_calibration.wilson, confidence=0.8))
    assert np.mean(list(gate_calibration.wilson_coverage(draws=1000).values())) < 0.9


def test_paraphrases_fool_the_naive_test_and_not_the_clustered_one() -> None:
    found = gate_calibration.false_alarms(draws=400)
    assert found["naive"].rate > 0.11
    assert found["clustered"].rate <= 0.07
    assert found["gate"].rate <= 0.07


def test_the_two_models_are_equal_and_their_paraphrases_alike() -> None:
    first, second, clusters = gate_calibration.equal_models(np.random.default_rng(0), 4000)
    assert len(first) == len(second) == len(clusters) == 12_000 and len(set(clusters)) == 4000
    assert (first.mean(), second.mean()) == (pytest.approx(0.8, abs=0.015), pytest.approx(0.8, abs=0.015))
    gap = (second.astype(float) - first).reshape(4000, 3)
    assert np.corrcoef(gap[:, 0], gap[:, 1])[0, 1] == pytest.approx(gate_calibration.CORRELATION, abs=0.05)


def test_recorded_answers_cover_whole_suites_and_are_the_same_twice() -> None:
    work = judging_speed.recorded(1)
    assert sum(len(records) for _, _, records in work) >= 300
    assert {suite.name for suite, _, _ in work} == set(judging_speed.SUITES)
    assert [r for _, _, r in work] == [r for _, _, r in judging_speed.recorded(1)]
    passed = [v.passed for suite, requirements, records in work for v in judge(records, suite, requirements)]
    assert 0 < sum(passed) < len(passed)


@pytest.mark.parametrize(
    ("benchmark", "small", "keys"),
    [
        (judging_speed, (100, 1), {"seconds_per_1000"}),
        (gate_calibration, (50, 20), {"wilson_coverage", "naive_false_alarm", "clustered_false_alarm"}),
    ],
)
def test_the_last_line_is_json(benchmark, small, keys, monkeypatch, capsys) -> None:
    result = benchmark.measure(*small)
    monkeypatch.setattr(benchmark, "measure", lambda: result)
    monkeypatch.setattr("sys.argv", ["benchmark", "--json"])
    benchmark.main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert keys <= set(found) and found["device"] and found["date"]
