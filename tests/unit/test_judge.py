"""Judging needs whole, fresh, unmixed evidence, and then gives one verdict a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit import LabError
from labkit.evaluation import judge, suite
from labkit.evaluation.oracles import ORACLES
from labkit.records import Requirement, RunRecord

REQUIREMENTS = {
    name: Requirement(id=name, text="It must.", likelihood=3, impact=3, severity=severity)  # type: ignore[arg-type]
    for name, severity in [("REQ-1", "critical"), ("REQ-2", "minor")]
}


@pytest.fixture
def demo(tmp_path: Path) -> suite.Suite:
    path = tmp_path / "demo.yaml"
    path.write_text(
        "suite: demo\nsystem: Be kind.\ncases:\n"
        "  - {id: B-1, requirement: REQ-2, technique: MFT, given: 'Price?', expect: [{facts: [60 euros]}, {matches: free}]}\n"
        "  - {id: A-1, requirement: REQ-1, technique: MFT, given: 'When?', expect: [{facts: [45 days]}]}\n"
        "  - {id: A-2, seed: A-1, requirement: REQ-1, technique: INV, given: 'when?', expect: [{facts: [45 days]}]}\n"
    )
    return suite.load(path)


def record(demo: suite.Suite, case_id: str, output: str = "It is 45 days.", **changes: Any) -> RunRecord:
    made_by = {"model": "m", "suite": demo.sha256, "template": "t"} | changes.pop("made_by", {})
    fields = {"model": "sft", "prompt": "p", "tokens": 5, "finish": "stop"} | changes
    return RunRecord(case_id=case_id, output=output, made_by=made_by, **fields)


def run(demo: suite.Suite, **changes: Any) -> list[RunRecord]:
    return [record(demo, case.id, **changes) for case in demo.cases]


def test_each_case_gets_its_verdict_in_suite_order(demo: suite.Suite) -> None:
    answers = [record(demo, "A-2", "It is 30 days."), record(demo, "A-1"), record(demo, "B-1", "Free above 60 euros.")]
    verdicts = judge.judge(answers, demo, REQUIREMENTS)
    assert [(v.case_id, v.passed) for v in verdicts] == [("B-1", True), ("A-1", True), ("A-2", False)]
    assert [(v.severity, v.technique, v.cluster, v.model) for v in verdicts[1:]] == [
        ("critical", "MFT", "A-1", "sft"),
        ("critical", "INV", "A-1", "sft"),
    ]
    assert verdicts[2].message == 'Expected the answer to state "45 days", found "30 days".'
    assert verdicts[2].evidence == "30 days"


def test_all_oracles_must_pass_and_each_failure_is_told(demo: suite.Suite) -> None:
    verdict = judge.judge([*run(demo)[1:], record(demo, "B-1", "It costs 60 euros.")], demo, REQUIREMENTS)[0]
    assert not verdict.passed
    assert verdict.score == 0.5
    assert verdict.message == 'Expected text that matches /free/, found "It costs 60 euros.".'
    nothing = judge.judge([*run(demo)[1:], record(demo, "B-1", "")], demo, REQUIREMENTS)[0]
    assert nothing.message.count("Expected") == 2


def test_several_models_and_variants_are_judged_side_by_side(demo: suite.Suite) -> None:
    records = run(demo) + run(demo, variant=1) + run(demo, model="dpo", made_by={"model": "other"})
    assert len(judge.judge(records, demo, REQUIREMENTS)) == 9


@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda d: [], "no run records"),
        (lambda d: run(d)[1:], "no record of case B-1"),
        (lambda d: run(d)[:1], "case A-1 and 1 more"),
        (lambda d: run(d) + run(d, model="dpo")[1:], "dpo run 0: has no record"),
        (lambda d: run(d) + run(d)[:1], "B-1 .*stands twice"),
        (lambda d: run(d, made_by={"suite": "0" * 64}), "is stale"),
        (lambda d: [*run(d)[1:], record(d, "B-1", made_by={"suite": "x"})], "B-1 .*is stale"),
        (lambda d: [*run(d), record(d, "Z-9")], "Z-9 .*no case of suite 'demo'"),
        (lambda d: [*run(d)[1:], record(d, "B-1", made_by={"model": "x"})], "another model"),
        (lambda d: [*run(d)[1:], record(d, "B-1", made_by={"template": "x"})], "another template"),
        (lambda d: [*run(d)[1:], record(d, "B-1", made_by={"adapter": "x"})], "another adapter"),
    ],
)
def test_evidence_that_does_not_fit_is_an_error_never_a_pass(demo: suite.Suite, spoil: Any, says: str) -> None:
    with pytest.raises(LabError, match=says):
        judge.judge(spoil(demo), demo, REQUIREMENTS)


def test_a_case_without_requirement_is_an_error(demo: suite.Suite) -> None:
    with pytest.raises(LabError, match="REQ-2"):
        judge.judge(run(demo), demo, {"REQ-1": REQUIREMENTS["REQ-1"]})


def test_a_failed_generation_fails_whatever_its_text(demo: suite.Suite) -> None:
    verdicts = judge.judge(run(demo, finish="error"), demo, REQUIREMENTS)
    assert not any(v.passed for v in verdicts)
    assert "generation failed" in verdicts[0].message


def test_an_oracle_that_returns_a_bare_bool_is_told(demo: suite.Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ORACLES, "facts", lambda expected, answer, prompt_text: True)
    with pytest.raises(LabError, match="returned bool"):
        judge.judge(run(demo), demo, REQUIREMENTS)
    monkeypatch.delitem(ORACLES, "facts")
    with pytest.raises(LabError, match="Run the cell"):
        judge.judge(run(demo), demo, REQUIREMENTS)


def test_rates_are_by_requirement_and_of_one_model(demo: suite.Suite) -> None:
    verdicts = judge.judge(run(demo), demo, REQUIREMENTS)
    found = judge.rates(verdicts)
    assert {name: (r.passed, r.n) for name, r in found.items()} == {"REQ-1": (2, 2), "REQ-2": (0, 1)}
    assert list(found) == ["REQ-1", "REQ-2"]
    assert judge.rates([]) == {}
    other = judge.judge(run(demo, model="dpo"), demo, REQUIREMENTS)
    with pytest.raises(LabError, match="dpo and sft"):
        judge.rates(verdicts + other)


def test_judging_is_fast(demo: suite.Suite) -> None:
    import time

    started = time.process_time()
    for variant in range(300):
        judge.judge(run(demo, variant=variant, output=f"It is {variant} days of {variant + 1}."), demo, REQUIREMENTS)
    assert time.process_time() - started < 6  # 900 answers; an order of magnitude above what it takes
