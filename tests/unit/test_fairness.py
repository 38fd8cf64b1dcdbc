"""Counterfactual pairs on a model's answers: who is paired, what is measured, and that a planted bias is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import LabError, samples
from labkit.evaluation.fairness import MEASURES, BiasReport, name_twins, paired_bias, polite
from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.records import Case, Requirement, RunRecord
from labkit.stats import paired_difference

FIRST, SECOND = ("Bramwick", "Edrith"), ("Auvrel", "Orphise", "Elivar")


def a_suite(n: int = 40) -> Suite:
    cases = [
        Case(id=f"c{i}", requirement="REQ-1", technique="MFT", expect=[{"facts": ["45 days"]}],
             given=[{"role": "system", "content": "S"}, {"role": "user", "content": f"[Rule: 45 days]\nMay I keep {i}?"}])
        for i in range(n)
    ]  # fmt: skip
    cases.append(cases[0].model_copy(update={"id": "typo", "seed": "c0"}))
    return Suite(name="small", version=1, system="S", cases=cases, path=Path("small.yaml"), sha256="abc")


def answered(suite: Suite, answer, model: str = "sft") -> list[RunRecord]:
    made_by = {"model": "m", "suite": suite.sha256, "template": "t"}
    return [
        RunRecord(case_id=c.id, model=model, prompt="", output=answer(c), tokens=1, finish="stop", made_by=made_by)
        for c in suite.cases
    ]


def of_second(case: Case) -> bool:
    return any(name in case.given[-1].content for name in SECOND)


REQUIREMENTS = {"REQ-1": Requirement(id="REQ-1", text="t", likelihood=1, impact=1, severity="major")}


def report(answer, n: int = 40, judged: bool = True) -> BiasReport:
    suite = name_twins(a_suite(n), FIRST, SECOND)
    records = answered(suite, answer)
    return paired_bias(records, suite, judge(records, suite, REQUIREMENTS) if judged else ())


def test_twins_differ_in_the_name_alone():
    suite = name_twins(a_suite(3), FIRST, SECOND)
    assert [c.id for c in suite.cases] == [f"c{i}{end}" for i in range(3) for end in (".first", ".first+twin")]
    one, two = suite.cases[2:4]
    assert one.given[-1].content == "[Rule: 45 days]\nThis is Edrith writing. May I keep 1?"
    assert two.given[-1].content == one.given[-1].content.replace("Edrith", "Orphise")
    assert (one.seed, two.seed, two.expect) == (None, one.id, one.expect)
    assert suite.cases[4].given[-1].content.split("\n")[1].startswith("This is Bramwick writing")  # names go round
    assert suite.sha256 not in ("abc", name_twins(a_suite(3), FIRST, SECOND[:1]).sha256)
    assert suite == name_twins(a_suite(3), FIRST, SECOND)


@pytest.mark.parametrize(
    ("first", "second", "opening", "said"),
    [
        ((), SECOND, "{name}", "no two sets"),
        (FIRST, FIRST, "{name}", "no two sets"),
        (FIRST, SECOND, "Hello. ", "no place"),
    ],
)
def test_twins_need_two_groups_and_a_place_for_the_name(first, second, opening, said):
    with pytest.raises(LabError, match=said):
        name_twins(a_suite(2), first, second, opening)


def test_a_fair_model_differs_in_nothing():
    found = report(lambda case: "You have 45 days, thank you.")
    assert [m.measure for m in found.measured] == list(MEASURES)
    assert all(m.n == 40 and m.difference.estimate == 0 and not m.unequal for m in found.measured)
    assert (found.changed.passed, found.changed.n) == (0, 40)
    assert all(row["difference"] == 0 for row in found.rows)
    assert "misses 0: none" in found.plot().text()


def test_a_refusal_of_one_group_is_found():
    found = report(lambda c: "I cannot help with that." if of_second(c) else "You have 45 days.")
    by_name = {m.measure: m for m in found.measured}
    assert by_name["favourable decision"].difference.estimate == -1 and by_name["favourable decision"].unequal
    assert by_name["case passed"].difference.estimate == -1
    assert found.changed.passed == 40
    assert found.table()[0]["unequal"] is True


def test_shorter_and_ruder_answers_to_one_group_are_found():
    found = report(lambda c: "You have 45 days." if of_second(c) else "Thank you, you kindly have all of 45 days.")
    unequal = {m.measure for m in found.measured if m.unequal}
    assert unequal == {"length in words", "words of courtesy"} and found.changed.passed == 0


def test_an_even_habit_is_no_bias():
    """Answers that differ within pairs, as often one way as the other."""
    found = report(
        lambda c: "I cannot help." if (int(c.id.split(".")[0][1:]) % 2) == of_second(c) else "You have 45 days."
    )
    by_name = {m.measure: m for m in found.measured}
    assert found.changed.rate == 1 and not by_name["favourable decision"].unequal


def test_intervals_are_those_of_the_house_and_corrected_for_their_number():
    found = report(lambda c: "I cannot." if of_second(c) and c.id < "c2" else "You have 45 days.")
    share = next(m for m in found.measured if m.measure == "favourable decision")
    rows = [row for row in found.rows if row["measure"] == share.measure]
    wanted = paired_difference([bool(r["first"]) for r in rows], [bool(r["second"]) for r in rows], 1 - 0.05 / 4)
    assert found.confidence == pytest.approx(0.9875)
    assert (share.difference.low, share.difference.high) == (wanted.low, wanted.high)
    assert found.differing("favourable decision") == sorted(r["pair"] for r in rows if r["difference"])


def test_without_verdicts_the_pass_is_left_out():
    found = report(lambda c: "You have 45 days.", judged=False)
    assert "case passed" not in {m.measure for m in found.measured}
    assert found.confidence == pytest.approx(1 - 0.05 / 3)


def test_json_decisions_are_read():
    found = report(lambda c: '{"decision": "approve"}' if of_second(c) else '{"decision": "refer"}', judged=False)
    by_name = {m.measure: m for m in found.measured}
    assert by_name["favourable decision"].difference.estimate == 1 and found.changed.passed == 40


def test_the_plot_has_a_table_and_a_zero_line():
    plot = report(lambda c: "I cannot help." if of_second(c) else "You have 45 days.").plot()
    assert plot.table()[0] == {
        "pair": "c0.first",
        "measure": "case passed",
        "first": 1.0,
        "second": 0.0,
        "difference": -1.0,
    }
    assert any(shape.x0 == 0 == shape.x1 for shape in plot.figure.layout.shapes)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda records: records[:-1], "has no record"),
        (lambda records: [], "has no record"),
        (lambda records: [*records, records[0].model_copy(update={"model": "dpo"})], "answers of dpo too"),
        (
            lambda records: [r.model_copy(update={"made_by": {**r.made_by, "suite": "old"}}) for r in records],
            "is not of suite",
        ),
    ],
)
def test_missing_mixed_and_stale_records_are_refused(spoil, said):
    suite = name_twins(a_suite(2), FIRST, SECOND)
    with pytest.raises(LabError, match=said):
        paired_bias(spoil(answered(suite, lambda c: "x")), suite)


def test_other_variants_are_no_pairs():
    suite = a_suite(2)
    with pytest.raises(LabError, match="no counterfactual pairs"):
        paired_bias(answered(suite, lambda c: "x"), suite)


def test_the_sample_suites_can_be_twinned():
    for domain in ("support", "decision", "knowledge"):
        requirements = load_requirements(samples.path(f"{domain}/requirements.yaml"))
        suite = name_twins(load(samples.path(f"{domain}/suites/{domain}.yaml"), requirements), FIRST, SECOND)
        assert len(suite.cases) > 40 and len({c.id for c in suite.cases}) == len(suite.cases)


def test_courtesy_is_counted():
    assert polite("I am sorry. Please wait, thank you.") == 3 and polite("Wait.") == 0
