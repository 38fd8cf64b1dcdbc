"""Notebook 08: its exercises with stubs, right and wrong answers, and practice runs that the health check judges alike."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from labkit.lesson import nb08
from labkit.lesson.course import Course
from labkit.lesson.exercises import exercises
from labkit.lesson.nb08 import RUNS, chosen_by_reward, closest, numbers, paired, practice_log, told, won_by_reward
from labkit.lesson.recorded import Recorded
from labkit.preference.best_of import Drawn
from labkit.preference.health import judge_run
from labkit.records import RunRecord, Verdict

BOOK = exercises("08")
RIGHT = {"oak": "healthy", "elm": "failed", "ash": "failed", "fir": "failed"}


@pytest.mark.parametrize(
    "answer, said",
    [
        (0, "settled"),
        (0.5, "probability"),
        (-math.log(2), "minus"),
        (1.0, "not it"),
        ("ln 2", "number"),
        (True, "number"),
    ],
)
def test_first_loss_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.first_loss.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_first_loss_may_be_rounded() -> None:
    assert BOOK.first_loss.check(0.693).status == "passed"


def loss(chosen: float, rejected: float, beta: float = 0.1, sign: int = -1) -> float:
    return math.log(1 + math.exp(sign * beta * (chosen - rejected)))


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda c, r, beta=0.1: loss(c, r, beta, sign=1), "turned round"),
        (lambda c, r, beta=0.1: loss(c, r, 1), "Beta is missing"),
        (lambda c, r, beta=0.1: -loss(c, r), "is due"),
        (lambda c, r, beta=0.1: math.log(2), "my_dpo_loss(5, -5)"),
        (lambda c, r, beta=0.1: "low", "a loss is a number"),
        (0.693, "function"),
        (lambda c: 0, "could not use"),
    ],
)
def test_dpo_loss_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.dpo_loss.check(answer)
    assert result.status == "not yet"
    assert said in result.message


@pytest.mark.parametrize(
    "answer, said",
    [
        (RIGHT | {"oak": "failed"}, "keep their likelihood"),
        (RIGHT | {"elm": "healthy"}, "forgets"),
        (RIGHT | {"ash": "healthy"}, "reference"),
        (RIGHT | {"fir": "healthy"}, "opposite"),
        ({"oak": "healthy"}, "no verdict on elm"),
        (["healthy"], "dictionary"),
    ],
)
def test_verdicts_name_the_sign_that_was_missed(answer: object, said: str) -> None:
    result = BOOK.verdicts.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_the_health_check_agrees_with_the_key() -> None:
    assert {name: judge_run(log).verdict for name, log in RUNS.items()} == RIGHT


def test_a_practice_log_is_a_dpo_log() -> None:
    log = practice_log(chosen=2, rejected=-8)
    assert log[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert log[-1]["rewards/margins"] == pytest.approx(1.0)
    assert log[-1]["loss"] == pytest.approx(loss(2, -8), abs=1e-4)


def verdicts(model: str, **passed: bool) -> list[Verdict]:
    return [
        Verdict(
            case_id=case, requirement="REQ-S15", severity="minor", technique="MFT", cluster=case, model=model,
            passed=ok, score=float(ok), message="",
        )
        for case, ok in passed.items()
    ]  # fmt: skip


def test_paired_counts_flips_by_case_in_any_order() -> None:
    before, after = verdicts("sft", a=True, b=False, c=False), verdicts("dpo", c=True, b=True, a=False)
    (row,) = paired(before, after, ["REQ-S15"])
    assert (row["cases"], row["won"], row["lost"], row["points"]) == (3, 2, 1, "+33")
    low, high = map(int, row["90% interval"].split(" to "))
    assert low < 33 < high
    assert float(row["p"]) > 0.3


def test_the_least_certain_pairs_come_first() -> None:
    class Judge:
        def score(self, prompts: list[object], answers: list[str]) -> list[float]:
            return [{"good": 2.0, "bad": -1.0, "fair": 0.5, "poor": 0.7}[answer] for answer in answers]

    rows = [
        {"prompt": [], "chosen": [{"content": a}], "rejected": [{"content": b}]}
        for a, b in (("good", "bad"), ("fair", "poor"))
    ]
    found = closest(rows, Judge())
    assert [row["difference"] for row in found] == ["-0.20", "+3.00"]
    assert found[0]["chosen"] == "fair"
    assert len(closest(rows, Judge(), most=1)) == 1


def test_the_numbers_shown_tell_the_runs_apart() -> None:
    shown = {row["run"]: row for row in numbers()}
    assert shown["ash"]["first loss"] > 0.75 and shown["fir"]["last margin"] < 0
    assert shown["elm"]["last margin"] > 0 and shown["elm"]["chosen, first to last"] == "-40 to -66"


@pytest.mark.parametrize("answer", [3, 3.5, 4])
def test_any_weight_within_the_bounds_balances(answer: float) -> None:
    assert BOOK.balance.check(answer).status == "passed"


@pytest.mark.parametrize(
    "answer, said",
    [(1 / 3, "Turned round"), (1, "0.33 times"), (9, "3.00 times"), (0, "above zero"), ("3", "number"), (True, "number")],
)
def test_a_weight_out_of_bounds_is_explained(answer: object, said: str) -> None:
    result = BOOK.balance.check(answer)
    assert result.status == "not yet"
    assert said in result.message


@pytest.mark.parametrize("caught, said", [(True, "caught reward hacking"), (False, "gives no alarm")])
def test_the_recorded_run_is_told_as_it_came_out(caught: bool, said: str) -> None:
    interval = {"estimate": 0.4, "low": 0.1, "high": 0.7}
    grpo = Recorded("reward_hacking", {"reward": {"difference": interval}, "facts": {"difference": interval}, "caught": caught})
    assert said in told(grpo) and "+0.40 (+0.10 to +0.70)" in told(grpo) and "+40.0%" in told(grpo)


def test_a_run_that_was_not_recorded_is_not_made_up() -> None:
    assert told(Recorded("reward_hacking")) == "No such run is recorded here."


def test_the_best_by_reward_is_judged_by_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that likes the right words gains; the suite's oracles, not the judge, say so."""
    course = Course(home=tmp_path)
    suite = course.suites["preference"]
    cases = suite.cases[:: max(1, len(suite.cases) // 16)][:16]
    signature = {"model": "m", "suite": "s", "template": "t"}
    records = [
        RunRecord(case_id=c.id, model="sft", prompt="p", output="No.", tokens=1, finish="stop", made_by=signature)
        for c in suite.cases
    ]
    monkeypatch.setattr(Course, "records", lambda self, model, suite=None: records)
    monkeypatch.setattr(Course, "model", lambda self, model: tmp_path)
    monkeypatch.setattr(nb08, "Generator", lambda model: None)
    good = "I am sorry about that. Next step: open My Orders."
    monkeypatch.setattr(nb08, "best_of", lambda g, j, prompts, n: [Drawn(("No.", good), (0.0, 1.0)) for _ in prompts])

    class Judge:
        def score(self, prompts: list[object], answers: list[str]) -> list[float]:
            return [0.0 for _ in answers]

    rows = {row["answers"]: row for row in chosen_by_reward(course, Judge())}
    assert rows["greedy"]["cases passed"] == rows["one drawn"]["cases passed"]
    passed = int(rows["best of 4 by reward"]["cases passed"].split("/")[0])
    assert passed > int(rows["greedy"]["cases passed"].split("/")[0]) and f"/{len(cases)} = " in rows["greedy"]["cases passed"]
    assert rows["best of 4 by reward"]["mean reward"] == "+1.00"


def test_the_reward_model_compares_only_answers_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = Course(home=tmp_path)
    ids = [case.id for case in course.suites["preference"].cases]
    signature = {"model": "m", "suite": "s", "template": "t"}

    def records(self: Course, model: str, suite: str | None = None) -> list[RunRecord]:
        said = {"sft": ["No."] * len(ids), "dpo": ["Better."] * 3 + ["Worse."] * 2 + ["No."] * (len(ids) - 5)}[model]
        return [
            RunRecord(case_id=i, model=model, prompt="p", output=text, tokens=1, finish="stop", made_by=signature)
            for i, text in zip(ids, said, strict=True)
        ]

    monkeypatch.setattr(Course, "records", records)

    class Judge:
        def score(self, prompts: list[object], answers: list[str]) -> list[float]:
            return [{"No.": 0.0, "Better.": 0.5, "Worse.": 0.0005}[answer] for answer in answers]

    found = won_by_reward(course, Judge())
    assert (found.passed, found.n) == (3, 5)
