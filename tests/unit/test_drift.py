"""Drift: each comparison against a known answer, no alarm without a shift, and the measured limit of what is noticed."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from labkit import LabError, cli, samples
from labkit.evaluation import drift_signals
from labkit.evaluation.drift import Batch, Candidate, Limit, Power, detection_limit, drift
from labkit.files import read_jsonl
from labkit.plots.drift import detection_curve, drift_bands
from labkit.records import Example
from labkit.stats import wilson

CLINC = Path(__file__).parents[3] / "shared" / "data" / "clinc150" / "data_oos_plus.json"


ASKED = [
    "How do I return {}?",
    "Can I still cancel {}?",
    "Where is {}, please?",
    "What does {} cost?",
    "Is {} in stock?",
]
GOODS = ["kettle", "hammock", "mower", "planter", "lantern", "bench", "trowel", "parasol", "ladder", "rug"]
COLOURS = ["red", "green", "blue", "grey", "white", "black", "brown", "pink"]


@pytest.fixture(scope="module")
def usual() -> list[str]:
    """400 prompts of a narrow assistant, in a drawn order."""
    found = [asked.format(f"the {colour} {thing}") for asked, colour, thing in product(ASKED, COLOURS, GOODS)]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


@pytest.fixture(scope="module")
def foreign() -> list[str]:
    rows, _ = read_jsonl(samples.path("knowledge/raw.jsonl"), Example)
    return list(dict.fromkeys(row.question for row in rows if row.question))[:200]


# --- the comparisons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [((90, 100), (70, 90)), ((0, 30), (4, 50)), ((5, 5), (0, 5))])
def test_rates_are_compared_as_statsmodels_and_scipy_do(old: tuple[int, int], new: tuple[int, int]) -> None:
    before, now = ([True] * k + [False] * (n - k) for k, n in (old, new))
    found = drift_signals.rate_signal("passed", before, now)
    low, high = confint_proportions_2indep(*new, *old, method="newcomb", compare="diff", alpha=0.05)
    assert found.difference is not None
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), abs=1e-9)
    table = [[old[0], old[1] - old[0]], [new[0], new[1] - new[0]]]
    assert found.p_value == pytest.approx(fisher_exact(table).pvalue)
    assert (found.reference, found.current) == (wilson(*old), wilson(*new))


def test_unknown_outcomes_are_left_out() -> None:
    found = drift_signals.rate_signal("thumb up", [True, None, False, None], [None, None])
    assert (found.reference, found.p_value) == (wilson(1, 2), 1.0)
    assert found.difference is not None and (found.difference.low, found.difference.high) == (-1, 1)


def test_novelty_counts_what_lies_below_the_quantile_and_only_a_rise_matters() -> None:
    own, near, far = np.linspace(0.4, 0.9, 101), np.full(40, 0.8), np.r_[np.full(20, 0.8), np.full(20, 0.1)]
    found, threshold = drift_signals.novelty(own, far, 0.05)
    assert threshold == pytest.approx(0.425)
    assert found.reference == wilson(5, 101) and found.current == wilson(20, 40)
    assert found.p_value == pytest.approx(fisher_exact([[20, 20], [5, 96]], alternative="greater").pvalue)
    assert drift_signals.novelty(own, near, 0.05)[0].p_value == 1


def test_nearest_neighbours_are_those_of_the_whole_product(usual: list[str]) -> None:
    from labkit.curation.vectors import tfidf

    rows = tfidf(usual[:60])
    own, new, closest = drift_signals.nearest(rows, 40, seed=0)
    product = (rows @ rows.T).toarray()
    np.testing.assert_allclose(new, product[40:, :40].max(axis=1), atol=1e-6)
    np.testing.assert_allclose(own, (product[:40, :40] - 2 * np.eye(40)).max(axis=1), atol=1e-6)
    np.testing.assert_array_equal(closest, product[40:, :40].argmax(axis=1))


def test_the_kernel_is_as_wide_as_the_median_distance(usual: list[str]) -> None:
    from labkit.curation.vectors import tfidf

    alike = drift_signals.kernel(tfidf(usual[:41]))
    np.testing.assert_allclose(alike, alike.T)
    np.testing.assert_allclose(np.diag(alike), 1)
    assert np.median(alike[np.triu_indices(41, 1)]) == pytest.approx(np.exp(-1), abs=1e-3)


def gaussian(values: np.ndarray) -> np.ndarray:
    return np.exp(-((values[:, None] - values[None]) ** 2)).astype(np.float32)


def test_mmd_is_the_mean_within_less_the_mean_between() -> None:
    values = np.random.default_rng(0).normal(size=30)
    alike = gaussian(values)
    expected = alike[:12, :12].mean() + alike[12:, 12:].mean() - 2 * alike[:12, 12:].mean()
    found, p = drift_signals.mmd(alike, 12, 99, np.random.default_rng(1))
    assert found == pytest.approx(expected, abs=1e-6) and 0.01 <= p <= 1


def test_mmd_keeps_its_level_and_sees_a_shift() -> None:
    draw = np.random.default_rng(2)
    same = [drift_signals.mmd(gaussian(draw.normal(size=40)), 20, 99, draw)[1] for _ in range(300)]
    moved = [drift_signals.mmd(gaussian(draw.normal(np.repeat([0, 2], 20))), 20, 99, draw)[1] for _ in range(20)]
    assert 0.02 < np.mean(np.array(same) <= 0.05) < 0.09
    assert max(moved) <= 0.05 and min(moved) == 0.01  # the smallest that 99 permutations can give


def test_signs_need_no_right_answer() -> None:
    found = drift_signals.signs(["", "I cannot share that.", '{"team": "care"}', "It is 45 days.", '"text"'])
    assert found == {
        "empty answers": [True, False, False, False, False],
        "refusals": [False, True, False, False, False],
        "JSON answers": [False, False, True, False, False],
    }


# --- the report -------------------------------------------------------------------------------------------------------


def test_no_drift_between_two_halves(usual: list[str]) -> None:
    outcomes = {"passed": [i % 10 != 0 for i in range(200)]}
    found = drift(Batch(prompts=usual[:200], outcomes=outcomes), Batch(prompts=usual[200:400], outcomes=outcomes))
    assert not found.alarm
    assert [signal.name for signal in found.signals] == ["passed", "novel prompts", "prompts as a whole"]
    assert "no drift shown" in found.text() and "DRIFT" not in found.text()


def test_a_new_topic_is_noticed_and_its_prompts_are_candidates(usual: list[str], foreign: list[str]) -> None:
    current = usual[300:380] + foreign[:40] + foreign[:1]
    found = drift(Batch(prompts=usual[:300]), Batch(prompts=current))
    alarms = {signal.name: signal.alarm for signal in found.signals}
    assert alarms == {"novel prompts": True, "prompts as a whole": True}
    prompts = [candidate.prompt for candidate in found.candidates]
    assert len(set(prompts)) == len(prompts)
    assert np.mean([prompt in foreign for prompt in prompts]) > 0.7
    similarities = [candidate.similarity for candidate in found.candidates]
    assert similarities == sorted(similarities)
    assert all(candidate.nearest in usual[:300] for candidate in found.candidates)
    assert found == drift(Batch(prompts=usual[:300]), Batch(prompts=current))


def test_worse_outcomes_and_other_answers_are_noticed(usual: list[str]) -> None:
    def batch(start: int, passed: int, refused: int) -> Batch:
        return Batch(
            prompts=usual[start : start + 100],
            answers=["I cannot help with that."] * refused + ["It is 45 days."] * (100 - refused),
            outcomes={"passed": [i < passed for i in range(100)], "thumb up": [True, False] + [None] * 98},
        )

    found = {signal.name: signal.alarm for signal in drift(batch(0, 95, 2), batch(100, 60, 30)).signals}
    assert {name for name, alarm in found.items() if alarm} == {"passed", "refusals"}


@pytest.mark.parametrize(
    ("current", "says"),
    [
        (Batch(prompts=["a"] * 19), "current batch: 19 prompts are too few"),
        (Batch(prompts=["a"] * 20, answers=["b"]), "20 prompts stand against 1 'answers'"),
        (Batch(prompts=["a"] * 20, outcomes={"passed": [True]}), "against 1 'passed'"),
        (Batch(prompts=["a"] * 20, outcomes={"passed": [True] * 20}), "holds 'passed', the other does not"),
        (Batch(prompts=["a"] * 20, answers=["b"] * 20), "holds 'JSON answers'"),
    ],
)
def test_batches_that_cannot_be_compared_are_refused(current: Batch, says: str) -> None:
    with pytest.raises(LabError, match=says):
        drift(Batch(prompts=[f"question {i}" for i in range(20)]), current)


def test_equal_and_empty_prompts_break_nothing() -> None:
    found = drift(Batch(prompts=["the same"] * 20), Batch(prompts=["the same"] * 15 + [""] * 5), permutations=19)
    assert all(0 <= signal.p_value <= 1 for signal in found.signals)


# --- its limit --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limit(usual: list[str], foreign: list[str]) -> Limit:
    return detection_limit(usual, foreign, (0.1, 0.5), size=60, draws=10, permutations=49)


def test_a_large_shift_is_noticed_and_none_seldom(limit: Limit) -> None:
    assert [one.share for one in limit.powers] == [0.1, 0.5]
    for name in ("novel", "kernel", "either"):
        rates = [getattr(one, name).rate for one in (limit.false_alarm, *limit.powers)]
        assert rates[0] <= 0.2 and rates[-1] == 1.0 and rates == sorted(rates)
        assert limit.smallest[name] == (0.1 if rates[1] >= 0.8 else 0.5)


def test_a_shift_that_is_none_is_not_noticed(usual: list[str]) -> None:
    found = detection_limit(usual[:300], usual[300:], (0.5,), size=60, draws=8, permutations=49)
    assert found.smallest == {"novel": None, "kernel": None, "either": None}


def test_a_share_counts_only_when_all_larger_ones_are_noticed() -> None:
    from labkit.evaluation.drift import _smallest

    def powers(*rates: int) -> list[Power]:
        return [
            Power(share=0.1 * k, novel=wilson(r, 10), kernel=wilson(0, 10), either=wilson(0, 10))
            for k, r in enumerate(rates, 1)
        ]

    assert _smallest(powers(9, 2, 8, 10), "novel", 0.8) == pytest.approx(0.3)
    assert _smallest(powers(9, 9, 7), "novel", 0.8) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shares": ()}, "shares"),
        ({"shares": (0, 0.5)}, "shares: must be above 0"),
        ({"shares": (20,)}, "Write 5% as 0.05"),
        ({"size": 60}, "reference: 100 prompts"),
        ({"size": 10}, "Batches need 20"),
        ({"shift": ["a"] * 5}, "shift: 5 prompts are too few. Give 12"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"reference": ["a b"] * 100, "shift": ["c"] * 100, "shares": (0.5,)}
    with pytest.raises(LabError, match=says):
        detection_limit(**given | change)


@pytest.mark.skipif(not CLINC.exists(), reason="the shared data sets are not beside this checkout")
def test_questions_out_of_scope_are_noticed_on_real_data() -> None:
    data = json.loads(CLINC.read_text())
    order = np.random.default_rng(0).permutation(len(data["test"]))[:600]
    reference, shift = [data["test"][i][0] for i in order], [text for text, _ in data["oos_test"]]
    found = detection_limit(reference, shift[:100], (0.05, 0.5), size=120, draws=6, permutations=49)
    assert found.powers[-1].novel.rate == 1.0 and found.false_alarm.novel.rate <= 0.2
    assert found.smallest["novel"] == 0.5


# --- the figures ------------------------------------------------------------------------------------------------------


def test_the_power_curve_draws_and_says_what_the_table_holds(limit: Limit) -> None:
    plot = detection_curve(limit.rows())
    assert plot.table() == limit.rows()
    drawn = {tuple(trace.y) for trace in plot.figure.data}
    assert tuple(one.novel.rate for one in limit.powers) in drawn
    said = f"Novel prompts: noticed in 80% of draws from a share of {limit.smallest['novel']:.0%} on"
    assert said in plot.text() and "false alarms" in plot.text()
    with pytest.raises(LabError, match="no share"):
        detection_curve([row for row in limit.rows() if row["share"] == 0])


def test_each_batch_is_drawn_before_the_band_of_the_reference(usual: list[str], foreign: list[str]) -> None:
    reference = Batch(prompts=usual[:200], outcomes={"passed": [True] * 180 + [False] * 20})
    batches = {
        "<b>week 1": Batch(prompts=usual[200:300], outcomes={"passed": [True] * 90 + [False] * 10}),
        "week 2": Batch(prompts=usual[300:350] + foreign[:50], outcomes={"passed": [True] * 50 + [False] * 50}),
    }
    rows = {name: drift(reference, batch).rows() for name, batch in batches.items()}
    plot = drift_bands(rows)
    assert [(row["batch"], row["signal"]) for row in plot.table()] == [
        (name, signal) for name in rows for signal in ("passed", "novel prompts", "prompts as a whole")
    ]
    calm, alarmed = (trace for trace in plot.figure.data if trace.xaxis == "x")
    assert (list(calm.y), list(alarmed.y), alarmed.marker.symbol) == ([0.9], [0.5], "diamond")
    band = next(shape for shape in plot.figure.layout.shapes if shape.type == "rect")
    assert (band.y0, band.y1) == pytest.approx((wilson(180, 200).low, wilson(180, 200).high))
    assert "passed in week 2" in plot.text() and "in <b>week 1" not in plot.text()
    assert "<b>week" not in plot.figure.to_json()
    with pytest.raises(LabError, match="no batch"):
        drift_bands({})
    with pytest.raises(LabError, match="different signals"):
        drift_bands(rows | {"week 3": rows["week 2"][:1]})


# --- the verb ---------------------------------------------------------------------------------------------------------


def log_of(path: Path, prompts: list[str]) -> str:
    path.write_text("".join(json.dumps({"prompt": p, "completion": "Within 45 days."}) + "\n" for p in prompts))
    return str(path)


def test_the_verb_ends_with_1_on_drift_and_writes_the_candidates(usual, tmp_path, capsys):
    reference, same = log_of(tmp_path / "then.jsonl", usual[:200]), log_of(tmp_path / "now.jsonl", usual[200:])
    assert cli.run(["drift", reference, same]) == 0
    assert "No drift was noticed" in capsys.readouterr().out
    foreign = [f"Which tax form {i} do I file for \x1b[31mincome from abroad?" for i in range(60)]
    now = log_of(tmp_path / "later.jsonl", usual[200:260] + foreign)
    out = tmp_path / "candidates.jsonl"
    assert cli.run(["drift", reference, now, "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert said.rstrip().endswith("Drift.") and "\x1b" not in said
    found, _ = read_jsonl(out, Candidate)
    assert {c.prompt for c in found} >= set(foreign)


def test_the_verb_tells_bad_lines_and_refuses_too_few(usual, tmp_path, capsys):
    reference, few = log_of(tmp_path / "then.jsonl", usual[:100]), log_of(tmp_path / "few.jsonl", usual[:19])
    assert cli.run(["drift", reference, few]) == 2
    assert "19 prompts are too few" in capsys.readouterr().err
    with open(reference, "a") as stream:
        stream.write('{"prompt": "cut o\n')
    assert cli.run(["drift", reference, log_of(tmp_path / "now.jsonl", usual[100:200])]) == 0
    assert "line 101: not JSON" in capsys.readouterr().err
    assert cli.run(["drift", reference, str(tmp_path / "absent.jsonl")]) == 2
