"""Notebook 09: its exercises with stubs, right and wrong answers."""

from __future__ import annotations

import math

import pytest

from labkit.evaluation.kill_matrix import KillMatrix, Survivor
from labkit.evaluation.oracles import ORACLES
from labkit.lesson.exercises import exercises
from labkit.lesson.nb09 import DENIED, RIGHT, claims, defects, gaps, inventions, steps
from labkit.records import Case, Message, Requirement, RunRecord, Verdict

BOOK = exercises("09")


@pytest.mark.parametrize("text", [*RIGHT, *DENIED])
def test_facts_alone_see_no_difference(text: str) -> None:
    assert ORACLES["facts"](["2 hours"], text, "Can I still cancel?").passed


@pytest.mark.parametrize(
    "answer, said",
    [
        ([r"\bnot\b"], "False alarm"),
        (["cannot"], "survives"),
        (["cannot|can't|is not"], "no longer"),
        (["("], "no regular expression"),
        ([], "list of texts"),
        ([3], "as texts"),
        (7, "as texts"),
    ],
)
def test_no_denial_shows_the_answer_that_was_missed(answer: object, said: str) -> None:
    result = BOOK.no_denial.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_a_single_text_is_taken_for_a_list(solved) -> None:
    assert BOOK.no_denial.check(solved("09", "no_denial")[0]).status == "passed"


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda b, a: (1, 2), "turned round"),
        (lambda b, a: (sum(b.values()) - sum(a.values()), 0), "net change"),
        (lambda b, a: (sum(x and not y for x, y in zip(b.values(), a.values(), strict=True)), 9), "by name"),
        (lambda b, a: 3, "two numbers"),
        (3, "function"),
    ],
)
def test_flips_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.flips.check(answer)
    assert result.status == "not yet"
    assert said in result.message


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda share: math.log(0.05) / math.log(1 - share), "round up"),
        (lambda share: int(math.log(0.05) / math.log(1 - share)), "Rounded down"),
        (lambda share: round(1 / share), "third of the time"),
        (lambda share: 100, "29 are needed"),
        (lambda share: "many", "29 are needed"),
        (29, "function"),
    ],
)
def test_cases_needed_names_the_likely_mistake(answer: object, said: str) -> None:
    result = BOOK.cases_needed.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def verdict(model: str, case: str, passed: bool, cluster: str = "", severity: str = "major") -> Verdict:
    return Verdict(
        case_id=case, requirement="REQ-1", severity=severity, technique="MFT", cluster=cluster or case, model=model,
        passed=passed, score=float(passed), message=f"about {case}",
    )  # fmt: skip


def record(case: str, output: str) -> RunRecord:
    made_by = {"model": "m", "suite": "s", "template": "t"}
    return RunRecord(case_id=case, model="sft", prompt="", output=output, tokens=1, finish="stop", made_by=made_by)


def a_case(name: str, asked: str = "?", seed: str | None = None) -> Case:
    given = [Message(role="user", content=asked)]
    return Case(id=name, requirement="REQ-1", technique="MFT", given=given, expect=[{"equals": "a"}], seed=seed)


def test_steps_compare_each_model_with_the_one_before() -> None:
    ids = [f"c{i}" for i in range(40)]
    judged = {
        "base": [verdict("base", c, i < 4, cluster=f"k{i // 4}") for i, c in enumerate(ids)],
        "sft": [verdict("sft", c, i < 36, cluster=f"k{i // 4}") for i, c in enumerate(ids)],
        "dpo": [verdict("dpo", c, i < 30, cluster=f"k{i // 4}") for i, c in enumerate(ids)],
    }
    first, second = steps(judged)
    assert (first["step"], first["points"], first["no worse?"]) == ("base to sft", "+80.0", "pass")
    assert (second["step"], second["points"]) == ("sft to dpo", "-15.0")
    assert not second["no worse?"].startswith("pass")
    by_case, by_cluster = (
        [float(part) for part in second[key].split(" to ")] for key in ("90% by case", "90% by cluster")
    )
    assert by_cluster[1] - by_cluster[0] > by_case[1] - by_case[0]  # whole clusters fell


def test_defects_come_by_severity_with_their_answers() -> None:
    found = [verdict("sft", "a", False), verdict("sft", "b", True), verdict("sft", "c", False, severity="critical")]
    rows = defects(found, [record(c, f"said {c}") for c in "abc"])
    assert [(row["case"], row["answer"], row["report"]) for row in rows] == [
        ("c", "said c", "about c"), ("a", "said a", "about a"),
    ]  # fmt: skip
    assert len(defects(found, [record(c, "") for c in "abc"], most=1)) == 1


def test_inventions_name_what_the_prompt_does_not_hold() -> None:
    cases = [a_case("a", "[Order TG-48213: packed]"), a_case("b", "[Order TG-11111: packed]")]
    honest = [record("a", "Order TG-48213 is packed."), record("b", "TG-11111 is packed.")]
    liar = [record("a", "Order TG-48213 leaves on 14 May."), record("b", "TG-11111 is packed.")]
    first, second = inventions(cases, {"sft": honest, "dpo": liar}, allowed=["Order"])
    assert (first["supported"].passed, first["not supported"]) == (2, "-")
    assert (second["supported"].passed, second["not supported"]) == (1, "14 May")


def test_claims_count_seed_cases_of_critical_requirements() -> None:
    needs = {
        name: Requirement(id=name, text="t", likelihood=1, impact=1, severity=severity)
        for name, severity in (("REQ-1", "critical"), ("REQ-2", "major"), ("REQ-3", "critical"))
    }
    cases = [a_case(f"c{i}") for i in range(9)] + [a_case("v", seed="c0")]
    assert claims(needs, cases) == [
        {"requirement": "REQ-1", "cases": 10, "seed cases": 9, "excluded": "28% or more"},
        {"requirement": "REQ-3", "cases": 0, "seed cases": 0, "excluded": "nothing"},
    ]


def test_gaps_are_counted_by_kind() -> None:
    found = [
        Survivor("REQ-2", "pii_leak", "x"),
        Survivor("REQ-1", "pii_leak", "y"),
        Survivor("REQ-1", "truncation", "z"),
    ]
    assert gaps(KillMatrix({}, found)) == [
        {"mutant": "pii_leak", "survivors": 2, "in": "REQ-1, REQ-2"},
        {"mutant": "truncation", "survivors": 1, "in": "REQ-1"},
    ]
