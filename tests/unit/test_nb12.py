"""Notebook 12: its exercises with stubs, right and wrong answers, and the practice desk."""

from __future__ import annotations

import pytest
import yaml

from labkit import LabError, samples
from labkit.lesson.exercises import exercises
from labkit.lesson.nb12 import (
    _POLICY,
    RESULTS,
    further_rules,
    gate_on_results,
    practice_desk,
    practice_matrix,
)
from labkit.lesson.recorded import Recorded
from labkit.release.sign import sign, standing

BOOK = exercises("12")
OUTCOMES = {
    "R1": "no-go", "R2": "go", "R3": "inconclusive", "R4": "no-go", "R5": "inconclusive", "R6": "reported",
}  # fmt: skip


@pytest.mark.parametrize(
    "answer, said",
    [
        ({"R3", "X-1"}, "nobody ran it"),
        ({"R2", "X-1"}, "no case at all"),
        ({"R2", "R3"}, "other side"),
        ({"R2", "R3", "X-1", "R1"}, "R1 is traced"),
        ({"B-1", "R3", "X-1"}, "only not run"),
        ("R3", "set of ids"),
    ],
)
def test_orphans_name_the_side_that_was_missed(answer: object, said: str) -> None:
    result = BOOK.orphans.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_the_practice_matrix_holds_these_orphans() -> None:
    found = practice_matrix()
    assert found.orphans["Requirements without a case"] == ["R3"]
    assert found.orphans["Cases of an unknown requirement"] == ["X-1"]
    assert {row.requirement for row in found.rows if row.status == "not run"} == {"R2"}


def test_the_gate_itself_keeps_the_key() -> None:
    assert gate_on_results() == OUTCOMES


def test_the_practice_rules_are_those_of_the_sample_policy() -> None:
    policy = yaml.safe_load(samples.path("support/gate.yaml").read_text())
    assert policy["critical"]["violations_below"] == _POLICY.critical.violations_below
    assert (policy["major"]["floor"], policy["major"]["target"]) == (_POLICY.major.floor, _POLICY.major.target)


def test_rules_that_the_sample_leaves_off_are_shown_with_the_origin_of_their_figures(monkeypatch) -> None:
    monkeypatch.setattr("labkit.lesson.nb12.recorded", Recorded)
    flips, mutants = further_rules().rows
    assert flips["gate"] == "inconclusive" and "practice" in flips["evidence"] and "1/60" in flips["says"]
    assert mutants["gate"] == "inconclusive" and "practice" in mutants["evidence"] and "9/12" in mutants["says"]
    figures = {"score": 0.5, "n": 4, "low": 0.1, "high": 0.9, "survivors": [{"name": "x"}, {"name": "y"}]}
    monkeypatch.setattr("labkit.lesson.nb12.recorded", lambda name: Recorded(name, figures, {"date": "2026-11-23"}))
    found = further_rules().rows[1]
    assert found["gate"] == "no-go" and "2/4" in found["says"] and found["evidence"].startswith("Recorded on")


@pytest.mark.parametrize("name", list(RESULTS))
def test_outcomes_name_the_rule_that_was_missed(name: str) -> None:
    result = BOOK.outcomes.check(OUTCOMES | {name: "inconclusive" if OUTCOMES[name] == "go" else "go"})
    assert result.status == "not yet"
    assert f"Look again at {name}" in result.message


@pytest.mark.parametrize("answer, said", [({"R1": "no-go"}, "no outcome for R2"), ("no-go", "dictionary")])
def test_outcomes_want_all_of_them(answer: object, said: str) -> None:
    assert said in BOOK.outcomes.check(answer).message


@pytest.mark.parametrize(
    "answer, said",
    [
        ("It is fine, Kim checks it until 2027-03-01.", "which requirement"),
        ("REQ-S03 is broken, Kim checks it daily.", "Until when"),
        ("REQ-S03 is broken until 2027-03-01, and we know it.", "Who watches"),
        ("REQ-S03, Kim checks, 2027-03-01.", "say a little more"),
        (5, "as text"),
    ],
)
def test_a_reason_lacks_what_an_auditor_would_ask(answer: object, said: str) -> None:
    result = BOOK.reason.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_the_practice_desk_holds_a_no_go_that_asks_for_a_reason(solved) -> None:
    home, decision = practice_desk()
    assert decision.outcome == "no-go"
    with pytest.raises(LabError, match="written reason"):
        sign(home, decision, "Ada Quill", "go")
    assert standing(home) is None
    assert sign(home, decision, "Ada Quill", "go", str(solved("12", "reason"))).overruled
