"""Defect reports: one a seed case, the smallest prompt first, and hostile text that stays text."""

from __future__ import annotations

from pathlib import Path

import yaml

from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite, load
from labkit.records import Requirement, RunRecord, Verdict
from labkit.release import defects

HOSTILE = "```\n# Heading\n<script>alert(1)</script> \x1b[31mred ````` ![x](http://x/y)"
NEEDS = {
    name: Requirement(id=name, text=f"text of {name}", likelihood=4, impact=4, severity=severity)
    for name, severity in (("R1", "major"), ("R2", "critical"))
}
CASES = [
    ("a-1", "R1", "How long may I keep the kettle in my kitchen before it must go back?", None),
    ("a-2", "R1", "How long may I keep it?", "a-1"),
    ("b-1", "R1", "Until when can I return the lamp?", None),
    ("c-1", "R2", "What is the deadline?", None),
]


def suite(folder: Path) -> Suite:
    cases = [
        {"id": i, "requirement": r, "technique": "INV" if s else "MFT", "given": q, "expect": [{"facts": ["45 days"]}]}
        | ({"seed": s} if s else {})
        for i, r, q, s in CASES
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "my suite.yaml"
    file.write_text(yaml.safe_dump({"suite": "mine", "cases": cases}))
    return load(file, NEEDS)


def records(of: Suite, model: str, wrong: set[str], answer: str = "Within 30 days.") -> list[RunRecord]:
    made_by = {
        "model": "m" * 64,
        "template": "t" * 64,
        "suite": of.sha256,
        "decoding": "greedy, 48 new tokens, batch 32",
    }
    return [
        RunRecord(
            case_id=c.id, model=model, prompt="p", output=answer if c.id in wrong else "45 days.", tokens=3, finish="stop",
            made_by=made_by,
        )
        for c in of.cases
    ]  # fmt: skip


def judged(of: Suite, runs: list[RunRecord]) -> list[Verdict]:
    return judge(runs, of, NEEDS)


def test_variants_of_one_seed_case_are_one_defect_with_the_shortest_prompt(tmp_path: Path) -> None:
    of = suite(tmp_path)
    cases = {case.id: case for case in of.cases}
    found = defects.find(judged(of, records(of, "dpo", {"a-1", "a-2", "c-1"})), cases)
    assert [(d.cluster, d.severity) for d in found] == [("c-1", "critical"), ("a-1", "major")]
    assert found[1].smallest.case_id == "a-2" and [v.case_id for v in found[1].failing] == ["a-2", "a-1"]
    assert (found[1].occurrence.passed, found[1].occurrence.n) == (2, 2)
    assert (found[1].in_requirement.passed, found[1].in_requirement.n) == (2, 3)


def test_among_equals_a_regression_comes_first(tmp_path: Path) -> None:
    of = suite(tmp_path)
    after, before = (
        judged(of, records(of, m, w)) for m, w in (("dpo", {"a-1", "a-2", "b-1"}), ("sft", {"a-1", "a-2"}))
    )
    found = defects.find(after, {c.id: c for c in of.cases}, before)
    assert [(d.cluster, d.regression) for d in found] == [("b-1", True), ("a-1", False)]


def test_a_report_holds_what_a_tracker_asks_for(tmp_path: Path) -> None:
    of = suite(tmp_path)
    runs = records(of, "dpo", {"a-1", "a-2"})
    text = defects.text(judged(of, runs), [of], runs, NEEDS, judged(of, records(of, "sft", set())))
    for said in (
        "1 defects, from 2/4 = 50%",
        "## DEF-01 R1 major: Expected ",
        "R1: text of R1 (risk 16 of 25)",
        "a regression: the baseline passes this case",
        "a-2 (INV), the shortest that fails; also failing: a-1",
        "2/2 = 100% (34-100%) of the cases of seed a-1; 2/3 = 67%",
        "user: How long may I keep it?",
        "- facts:",
        "Within 30 days.",
        f"suite: {of.sha256}",
        "labkit run --model MODEL --suite 'my suite.yaml' --max-new-tokens 48 --out again.jsonl",
        "pytest --labkit-run again.jsonl 'my suite.yaml::a-2'",
    ):
        assert said in text
    assert str(tmp_path) not in text


def test_a_green_run_has_no_defects(tmp_path: Path) -> None:
    of = suite(tmp_path)
    runs = records(of, "dpo", set())
    text = defects.text(judged(of, runs), [of], runs, NEEDS)
    assert "0 defects, from 0/4 = 0%" in text and "DEF-" not in text


def test_hostile_text_stays_inside_its_block(tmp_path: Path) -> None:
    of = suite(tmp_path)
    runs = records(of, "dpo", {"b-1"}, HOSTILE + "x" * 1_000_000)
    text = defects.text(judged(of, runs), [of], runs, NEEDS)
    outside, fence = [], ""
    for line in text.splitlines():
        run = line[: len(line) - len(line.lstrip("`"))]
        if not fence and len(run) >= 3:
            fence = run
        elif fence and line == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    assert fence == "" and not any("<script>" in line or line.startswith("# Head") for line in outside)
    assert "<script>alert(1)</script>" in text and "\x1b" not in text and len(text) < 10_000
