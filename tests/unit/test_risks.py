"""The tables of notebook 09 on hallucination, guards and twins."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labkit import samples
from labkit.evaluation.fairness import name_twins
from labkit.evaluation.guard import Guard
from labkit.evaluation.suite import load, load_requirements
from labkit.lesson import risks
from labkit.lesson.nb05 import HARROW, LUMEN
from labkit.records import RunRecord


def record(case: str, output: str, prompt: str = "", suite: str = "s") -> RunRecord:
    made_by = {"model": "m", "suite": suite, "template": "t"}
    return RunRecord(case_id=case, model="sft", prompt=prompt, output=output, tokens=1, finish="stop", made_by=made_by)


def test_the_unsupported_stretch_is_marked():
    rows = risks.marked("It reaches 3 metres. It lasts 9 years.", "It reaches 3 metres and lasts long.")
    assert [row["sentence"] for row in rows] == ["It reaches 3 metres.", "It lasts \u00bb9 years\u00ab."]
    assert [row["unsupported"] for row in rows] == ["-", "slot"]


def test_grounding_is_sharp_and_quiet_on_the_documents():
    right, invented, foreign = risks.grounding_rates("knowledge")
    assert right["objected"].n > 300 and right["objected"].rate <= 0.05
    assert invented["objected"].rate >= 0.95 and foreign["objected"].rate >= 0.95


def test_a_course_without_a_policy_has_a_guard_all_the_same(tmp_path):
    answer = ("You have 45 days.", "How long?")
    assert not risks.course_guard(SimpleNamespace(folder=tmp_path)).check_output(*answer).allowed
    assert risks.course_guard(SimpleNamespace(folder=samples.path("support"))).check_output(*answer).allowed


def test_both_halves_are_shown():
    dev, test = risks.halves(Guard())
    assert (dev["half"], test["half"]) == ("dev", "test")
    assert dev["attacks stopped"].rate > test["attacks stopped"].rate  # the cues were written with one of them


def test_answers_that_would_be_stopped_are_counted_by_reason():
    runs = {"sft": [record("a", "Ring 0170 5550134."), record("b", "Hello."), record("c", "It is 9 euros.", "9 euros")]}
    [row] = risks.stopped(Guard(), runs)
    assert (row["stopped"].passed, row["stopped"].n, row["why"]) == (1, 3, "personal data (1)")
    [none] = risks.stopped(Guard(), {"sft": runs["sft"][1:]})
    assert none["why"] == "-"


@pytest.fixture(scope="module")
def course():
    folder = samples.path("support")
    return SimpleNamespace(requirements=load_requirements(folder / "requirements.yaml"))


@pytest.fixture(scope="module")
def twins(course):
    suite = load(samples.path("support/suites/support.yaml"), course.requirements)
    return name_twins(
        suite.model_copy(update={"cases": [c for c in suite.cases if c.seed is None][:20]}), HARROW, LUMEN
    )


def test_curt_answers_to_one_group_are_seen(course, twins):
    fair = [record(c.id, "Within 45 days. Next step: please open My Orders.", suite=twins.sha256) for c in twins.cases]
    assert not any(row["unequal"] for row in risks.named(fair, twins, course).table())
    assert risks.changed_pairs(risks.named(fair, twins, course), fair, twins) == []
    spoilt = risks.curt(fair)
    assert {r.output for r in spoilt if "+" in r.case_id} == {"Within 45 days."}
    bias = risks.named(spoilt, twins, course)
    unequal = {row["measure"] for row in bias.table() if row["unequal"]}
    assert unequal == {"length in words", "words of courtesy"}
    rows = risks.changed_pairs(bias, spoilt, twins, most=2)
    assert len(rows) == 2 and rows[0]["second group"] == "Within 45 days." and "This is " in rows[0]["request"]
