"""Notebook 10: its exercises with stubs, right and wrong answers, and what its tables hold."""

from __future__ import annotations

import pytest

from labkit import samples
from labkit.evaluation.drift import Limit, Power, drift
from labkit.evaluation.mutant_registry import load
from labkit.evaluation.suite import load_requirements
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.nb10 import REFERENCE_CASE, against, asked, batch, faults, german, limits, novelties, weeks
from labkit.records import Verdict
from labkit.stats import wilson

BOOK = exercises("10")


@pytest.mark.parametrize(
    "answer, said",
    [
        (
            lambda low, high, margin: "fail" if high < 0 else "pass" if low > -margin else "inconclusive",
            "lower end first",
        ),
        (lambda low, high, margin: "pass" if low > -0.05 else "fail" if high < 0 else "inconclusive", "third argument"),
        (lambda low, high, margin: "pass" if -margin < low <= 0 else "fail" if high < 0 else "inconclusive", "A gain"),
        (lambda low, high, margin: "pass" if low > -margin else "fail", "is inconclusive"),
        (lambda low, high, margin: low > -margin, "give back"),
        ("pass", "function"),
    ],
)
def test_no_worse_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.no_worse.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def case(given: object = REFERENCE_CASE["given"], expect: object = REFERENCE_CASE["expect"]) -> dict[str, object]:
    return {"given": given, "expect": expect}


@pytest.mark.parametrize(
    "answer, said",
    [
        ({"given": "x"}, '"expect"'),
        (case(given=7), "is a text"),
        (case(expect={"facts": ["45 days"]}), "a list such as"),
        (case(given="[Rule: items can be returned within 45 days]\nUntil when?"), "Nobody"),
        (case(given="[Rule: items can be returned within 45 days]\nUntil when? I am Anna."), "right answer"),
        (case(given="Until when? I am Femi."), "the rule above"),
        (case(expect=[]), "every answer passes"),
        (case(expect=[{"fact": ["45 days"]}]), "No such oracle: fact"),
        (case(expect=[{"facts": ["20 days"]}]), "stops a right answer"),
        (case(expect=[{"matches": "days"}]), "mutant passes"),
        (case(expect=[{"matches": "("}]), "regular expression"),
        ("Until when?", "dictionary"),
    ],
)
def test_killing_case_names_what_is_missing(answer: object, said: str) -> None:
    result = BOOK.killing_case.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_a_half_filled_case_is_not_attempted() -> None:
    assert BOOK.killing_case.check({"given": ____, "expect": []}).status == "not attempted"


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda signals, level: signals * level, "upper bound"),
        (lambda signals, level: (1 - level) ** signals, "none is red"),
        (lambda signals, level: level, "6 signals"),
        (lambda signals, level: "many", "is right"),
        (0.26, "function"),
    ],
)
def test_lucky_alarm_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.lucky_alarm.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def verdicts(model: str, passed: int, n: int = 80) -> list[Verdict]:
    return [
        Verdict(
            case_id=f"c{i}", requirement="REQ-1", severity="major", technique="MFT", cluster=f"c{i}", model=model,
            passed=i < passed, score=0.0, message="",
        )
        for i in range(n)
    ]  # fmt: skip


def test_candidates_stand_against_the_baseline_case_by_case() -> None:
    same, worse = against(verdicts("sft", 60), {"dpo": verdicts("dpo", 60), "base": verdicts("base", 10)[::-1]})
    assert (same["lost"], same["gained"], same["n"], same["no worse?"]) == (0, 0, 80, "pass")
    assert (worse["lost"], worse["gained"], worse["no worse?"]) == (50, 0, "fail")
    assert worse["points"].startswith("-62.5 (")


def test_faults_are_listed_with_what_they_should_turn_red() -> None:
    rows = faults(
        load(samples.path("support/mutants.yaml"), load_requirements(samples.path("support/requirements.yaml")))
    )
    assert {"mutant": "returns-90", "should turn red": "REQ-S01"}.items() <= next(
        row for row in rows if row["mutant"] == "returns-90"
    ).items()


def test_weeks_share_no_question_and_hold_what_they_say() -> None:
    reference, found = weeks()
    assert [len(week.prompts) for week in found.values()] == [80, 80, 80]
    everything = [*reference.prompts, *(prompt for week in found.values() for prompt in week.prompts)]
    assert len(everything) == len(set(everything))
    assert len(reference.prompts) >= 100 and len(reference.answers) == len(reference.prompts)
    foreign, decisions = ({question for question, _ in rows} for rows in (german(), asked("decision")))
    assert [sum(p in foreign for p in week.prompts) for week in found.values()] == [0, 16, 0]
    assert [sum(p in decisions for p in week.prompts) for week in found.values()] == [0, 0, 26]


def test_limits_tell_the_smallest_share_and_that_there_may_be_none() -> None:
    def power(share: float, noticed: int) -> Power:
        return Power(share=share, **dict.fromkeys(("novel", "kernel", "either"), wilson(noticed, 20)))

    def limit(smallest: float | None) -> Limit:
        powers = [power(0.1, 3), power(0.5, 20 if smallest else 4)]
        return Limit(
            false_alarm=power(0, 1), powers=powers, smallest={"either": smallest}, size=80, power=0.8, level=0.05
        )

    seen, unseen = limits({"German": limit(0.5), "handbook": limit(None)})
    assert (seen["noticed from"], unseen["noticed from"]) == ("50%", "no share tried")
    assert (unseen["noticed at a half"], unseen["false alarms"]) == (wilson(4, 20), wilson(1, 20))


def test_another_domain_is_drift_and_more_of_the_same_is_not() -> None:
    reference, found = weeks()
    rows = novelties(
        {"same": drift(reference, found["as before"]), "other": drift(reference, batch(asked("decision")[:80]))}
    )
    assert [row["any signal"] for row in rows] == ["no drift shown", "DRIFT"]
    assert rows[0]["novel prompts"].n == 80
