"""Figures of curation: the numbers behind them, their order, and the lines that describe them."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import LabError
from labkit.curation.score import REVIEW, KindScore
from labkit.plots.curation import by_check, detection
from labkit.records import Finding


def finding(check: str, row: str, severity: Any = "minor", tier: Any = "likely") -> Finding:
    return Finding(id=f"{check}.{row}", row_id=row, check=check, severity=severity, tier=tier, message="m")


FINDINGS = [
    finding("noise", "r1"),
    finding("noise", "r2", "major", "certain"),
    finding("noise", "r3"),
    finding("leak", "r1", "critical", "review"),
]


def kind(name: str, planted: int, found: int, findings: int, right: int) -> KindScore:
    return KindScore.of(name, planted, found, findings, right, right, fooled=0, alike=0)


KINDS = [kind("low", 10, 3, 4, 4), kind("off_question", 4, 1, 2, 1), kind("good", 5, 5, 9, 6), kind("dumb", 3, 0, 0, 0)]


def notes(plot: Any) -> str:
    return " ".join(note.text for note in plot.figure.layout.annotations)


def test_findings_are_counted_by_check_and_severity_most_first() -> None:
    plot = by_check(FINDINGS)
    assert plot.table() == [
        {"check": "noise", "severity": "major", "n": 1},
        {"check": "noise", "severity": "minor", "n": 2},
        {"check": "leak", "severity": "critical", "n": 1},
    ]
    assert list(plot.figure.layout.yaxis.ticktext) == ["noise", "leak"]
    assert plot.text().splitlines() == [
        "4 findings of 2 checks on 3 rows.",
        "By severity: 1 critical, 1 major, 2 minor.",
        "By tier: 1 certain, 2 likely, 1 review.",
        "Most: noise (3), leak (1).",
    ]


def test_bars_stand_where_their_check_is_named() -> None:
    drawn = {(bar.y[i], bar.x[i]) for bar in by_check(FINDINGS).figure.data for i in range(len(bar.x))}
    assert drawn == {(0, 1), (0, 2), (1, 1)}


def test_names_of_checks_cannot_bring_markup() -> None:
    plot = by_check([finding("x", "r1").model_copy(update={"check": "<b>x</b>"})])
    assert plot.figure.layout.yaxis.ticktext == ("&lt;b&gt;x&lt;/b&gt;",)


def test_detection_has_both_measures_of_each_kind_and_review_last() -> None:
    plot = detection(KINDS, REVIEW)
    assert [(r["kind"], r["measure"], r["passed"], r["n"]) for r in plot.table()] == [
        ("good", "recall", 5, 5), ("good", "precision", 6, 9), ("low", "recall", 3, 10), ("low", "precision", 4, 4),
        ("dumb", "recall", 0, 3), ("dumb", "precision", 0, 0),
        ("off_question", "recall", 1, 4), ("off_question", "precision", 1, 2),
    ]  # fmt: skip
    assert plot.table()[2]["low"] == pytest.approx(0.1078, abs=1e-4)
    assert plot.text().splitlines()[:3] == [
        "4 kinds, 1 of them for review.",
        "Recall below 80%: low (3/10), dumb (0/3).",
        "Precision below 80%: good (6/9).",
    ]


def test_a_rate_of_nothing_is_not_drawn() -> None:
    plot = detection(KINDS, REVIEW)
    recall, precision = plot.figure.data
    assert len(recall.x) == 4 and len(precision.x) == 3
    assert "none" in notes(plot) and "0/0" not in notes(plot)
    assert list(recall.marker.color)[-1] == "white" != recall.marker.color[0]
    assert recall.x[0] - recall.error_x.arrayminus[0] == pytest.approx(plot.table()[0]["low"])


def test_rows_without_findings_are_no_error_but_nothing_scored_is() -> None:
    assert by_check([]).table() == [] and by_check([]).text() == "No check found anything."
    with pytest.raises(LabError, match="nothing to plot"):
        detection([kind("x", 0, 0, 0, 0)])
