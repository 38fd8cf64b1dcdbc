"""Outcome differences between groups: intervals, strata, refusals, and no alarm where there is no gap."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from labkit import LabError, samples
from labkit.checks import Context, checks_of, run_checks
from labkit.coverage import bias
from labkit.coverage.bias import decision, groups_of, probe, refusal, stratified_difference
from labkit.formats import read_rows
from labkit.plots.coverage import outcomes
from labkit.records import Example, Message
from labkit.stats import rate_difference, wilson


def row(number, said="approve", answer=None, **values):
    text = json.dumps({"decision": said, "reason": "OK"}) if answer is None else answer
    return Example(id=f"r{number}", prompt=[Message(role="user", content="please")], response=text, slices=values)


def drawn(n, seed, rates, kinds=("return", "refund", "goodwill"), base=None):
    """``rates``: group -> chance of approve, or a dictionary of chances by kind."""
    rng, groups = Random(seed), list(rates)
    rows = []
    for i in range(n):
        group, kind = rng.choice(groups), rng.choice(kinds)
        chance = rates[group][kind] if isinstance(rates[group], dict) else rates[group]
        rest = rng.choice(["refuse", "refer"])
        said = "approve" if rng.random() < chance else rest
        rows.append(row(i, said, name_group=group, region=rng.choice(["north", "south", "islands"]), type=kind))
    return rows


# --- intervals --------------------------------------------------------------------------------------------------------


def test_one_stratum_is_the_plain_difference_and_empty_ones_say_nothing():
    only = [(wilson(56, 70), wilson(48, 80))]
    assert stratified_difference(only).estimate == pytest.approx(0.2)
    assert stratified_difference([*only, (wilson(3, 9), wilson(0, 0))]) == stratified_difference(only)
    assert stratified_difference([(wilson(3, 9), wilson(0, 0))]) is None


def test_strata_take_a_mix_of_requests_out_of_the_difference():
    """Simpson: in each stratum the groups are equal, over all rows they are 30 points apart."""
    strata = [(wilson(72, 80), wilson(18, 20)), (wilson(8, 20), wilson(32, 80))]
    assert rate_difference(wilson(80, 100), wilson(50, 100)).low > 0.1
    adjusted = stratified_difference(strata)
    assert adjusted.estimate == pytest.approx(0)
    assert adjusted.low < 0 < adjusted.high


@pytest.mark.parametrize("sizes", [[(60, 80), (90, 50)], [(4, 5)] * 25])
def test_the_adjusted_interval_covers_the_true_difference(sizes):
    """Few large strata and many small ones: 95% intervals hold a gap of 15 points in 93% of draws or more."""
    rng, hits, draws = np.random.default_rng(0), 0, 600
    base = rng.uniform(0.2, 0.7, len(sizes))
    for _ in range(draws):
        strata = [
            (wilson(int(rng.binomial(n, p + 0.15)), n), wilson(int(rng.binomial(m, p)), m))
            for (n, m), p in zip(sizes, base, strict=True)
        ]
        interval = stratified_difference(strata)
        hits += interval.low <= 0.15 <= interval.high
    assert 0.93 <= hits / draws <= 0.98


# --- outcomes and groups ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "decided", "refused"),
    [
        ('{"decision": " Approve ", "human": false}', "approve", None),
        ('{"team": "returns"}', None, None),
        ('{"decision": 3}', None, None),
        ('{"decision": "app', None, None),
        ("I cannot share another customer's data.", None, "refuse"),
        ("I am sorry. We are not able to do that.", None, "refuse"),
        ("The document does not say.", None, "refuse"),
        ("You can return it within 45 days.", None, "answer"),
        ("Of course. Done. If it does not fit, I cannot say more.", None, "answer"),
        ("", None, None),
    ],
)
def test_outcomes_are_read_from_json_or_from_the_first_sentences(answer, decided, refused):
    assert decision(row(1, answer=answer)) == decided
    assert refusal(row(1, answer=answer)) == refused


def test_groups_are_slices_that_say_who():
    rows = [
        row(i, name_group="ab"[i % 2], region="ns"[i % 2], customer="xy"[i % 2], channel="pq"[i % 2]) for i in range(4)
    ]
    assert groups_of(rows) == ["customer", "name_group", "region"]


def test_a_planted_gap_is_found_named_and_placed():
    fair = {"return": 0.5, "refund": 0.5, "goodwill": 0.75}
    rows = drawn(450, 1, {"harrow": fair, "lumen": fair | {"goodwill": 0.2}})
    (finding,) = run_checks(rows, Context(), checks_of("coverage", only=["biased_outcome"]))
    assert (finding.row_id, finding.severity, finding.tier) == ("dataset", "critical", "review")
    assert finding.evidence == "name_group: harrow vs lumen"
    assert "at type=goodwill" in finding.message


@pytest.mark.parametrize("seed", range(5))
def test_a_gap_of_25_points_is_found_with_150_rows_a_group(seed):
    gaps = probe(drawn(300, seed, {"harrow": 0.65, "lumen": 0.4})).unequal
    assert ("name_group", "harrow", "lumen") in [(gap.slice, gap.a, gap.b) for gap in gaps]


def test_no_alarm_where_there_is_no_gap():
    """Of 120 sets without a gap, at most 5% raise an alarm, over all groups and kinds of request together."""
    alarms = sum(bool(probe(drawn(250, seed, {"harrow": 0.5, "lumen": 0.5, "none": 0.5})).unequal) for seed in range(120))
    assert alarms <= 6


def test_a_gap_that_the_kind_of_request_explains_is_none():
    rng, rows = Random(0), []
    for i in range(600):
        group = "ab"[i % 2]
        kind = "easy" if rng.random() < (0.8 if group == "a" else 0.2) else "hard"
        rows.append(row(i, "approve" if rng.random() < (0.9 if kind == "easy" else 0.3) else "refuse", group=group, type=kind))
    overall = probe(rows).gaps[0]
    assert overall.crude.low > 0.1
    assert not overall.unequal
    assert probe(rows, like="").gaps[0].unequal


def test_small_gaps_are_no_findings_however_certain():
    rows = [row(i, "approve" if i % 100 < (60 if i < 5000 else 53) else "refuse", group="ab"[i >= 5000]) for i in range(10000)]
    (gap,) = probe(rows).gaps
    assert gap.crude.low > 0
    assert not gap.unequal


def test_groups_under_30_rows_are_refused_and_said_so():
    rows = [row(i, ["approve", "refuse"][i % 2], customer="a" if i < 29 else "b" if i < 70 else "c") for i in range(120)]
    found = probe(rows)
    assert found.refused == ["customer=a: 29 rows are too few to compare, 30 are needed"]
    assert {(gap.a, gap.b) for gap in found.gaps} == {("b", "c")}


def test_kinds_of_request_with_few_rows_are_not_compared_alone_and_said_so():
    kinds = ["large" if i < 80 else "small" for i in range(100)]
    rows = [row(i, ["approve", "refuse"][i // 2 % 2], customer="ab"[i % 2], type=kind) for i, kind in enumerate(kinds)]
    found = probe(rows)
    assert found.refused == [
        "customer: a vs b is not compared by itself at type=small (10 and 10 rows): 30 of each are needed"
    ]
    assert {gap.where for gap in found.gaps} == {"", "type=large"}


def test_a_slice_that_is_not_there_cannot_tell_requests_apart():
    with pytest.raises(LabError, match="slice shape: does not tell the rows apart"):
        probe(drawn(60, 0, {"harrow": 0.5, "lumen": 0.5}), like="shape")


def test_no_group_is_no_group():
    found = probe(drawn(300, 0, {"harrow": 0.5, "lumen": 0.5, "none": 0.1}), groups=["name_group"])
    assert {(gap.a, gap.b) for gap in found.gaps} == {("harrow", "lumen")}


def test_other_outcomes_than_approval_are_compared_one_by_one():
    rng = Random(0)
    rows = [row(i, rng.choice(["low", "high", "mid"]), region="ns"[i % 2]) for i in range(200)]
    assert [gap.outcome for gap in probe(rows).gaps] == ["high", "low", "mid"]
    assert [gap.outcome for gap in probe([r for r in rows if "mid" not in r.response]).gaps] == ["high"]
    assert probe([row(i, "yes", region="ns"[i % 2]) for i in range(99)]).gaps == []


def test_refusals_are_compared_where_nothing_is_decided():
    said = ["I cannot do that." if i % 4 == 0 and i < 200 else "Yes, of course." for i in range(400)]
    rows = [row(i, answer=answer, region="ns"[i >= 200]) for i, answer in enumerate(said)]
    (gap,) = probe(rows).unequal
    assert gap.outcome == "answer"
    assert (gap.rate_a.passed, gap.rate_a.n, gap.rate_b.passed) == (150, 200, 200)
    assert str(gap).startswith("region: n vs s: answer in 150/200 = 75%")


def test_the_clean_sample_shows_no_gap():
    found = probe(read_rows(samples.path("support/train.jsonl"))[0])
    assert found.gaps and not found.unequal


def test_more_comparisons_make_wider_intervals():
    rows = drawn(300, 0, {"harrow": 0.5, "lumen": 0.5})
    alone = probe(rows, groups=["name_group"], like="").gaps[0]
    among = next(gap for gap in probe(rows).gaps if gap.name == alone.name)
    assert (alone.confidence, among.confidence > 0.99) == (0.95, True)
    assert among.crude.high - among.crude.low > alone.crude.high - alone.crude.low
    assert bias.SMALLEST == 0.1


def test_the_figure_shows_each_group_with_its_interval():
    found = probe(drawn(450, 1, {"harrow": 0.7, "lumen": 0.3}))
    plot = outcomes(found.gaps, "name_group")
    everyone = [r for r in plot.table() if not r["where"]]
    assert [r["group"] for r in everyone] == ["harrow", "lumen"]
    assert all(r["unequal"] for r in everyone)
    assert list(plot.figure.data[0].x) == [r["rate"] for r in plot.table()]
    assert "harrow vs lumen" in plot.text().splitlines()[1]
    assert not any(r["unequal"] for r in outcomes(found.gaps, "region").table())
    with pytest.raises(LabError, match="no groups of shape"):
        outcomes(found.gaps, "shape")
