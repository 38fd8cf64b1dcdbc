"""Run records as evidence: one model, known suites, ids that stand once, and names that can be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit import LabError
from labkit.evaluation.evidence import Material, judged, material, same_model
from labkit.files import write_jsonl
from labkit.records import RunRecord

NEED = {"id": "R1", "text": "states 45 days", "likelihood": 3, "impact": 3, "severity": "major"}


@pytest.fixture
def of(tmp_path: Path) -> Material:
    (tmp_path / "requirements.yaml").write_text(yaml.safe_dump({"requirements": [NEED]}))
    for name in ("one", "two"):
        case = {
            "id": f"{name}-1",
            "requirement": "R1",
            "technique": "MFT",
            "given": "How long?",
            "expect": [{"facts": ["45 days"]}],
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"suite": name, "cases": [case]}))
    return material([tmp_path / "one.yaml", tmp_path / "two.yaml"], tmp_path / "requirements.yaml")


def run(of: Material, path: Path, who: str = "dpo", **made_by: str) -> Path:
    records: list[dict[str, Any]] = [
        {"case_id": case.id, "model": who, "prompt": "p", "output": "45 days.", "tokens": 2, "finish": "stop",
         "made_by": {"model": "m", "template": "t", "suite": suite.sha256, **made_by}}
        for suite in of.suites for case in suite.cases
    ]  # fmt: skip
    return write_jsonl(path, records)


def test_a_run_over_several_suites_is_judged_whole(of: Material, tmp_path: Path) -> None:
    found = judged([run(of, tmp_path / "r.jsonl")], of, "candidate")
    assert [v.case_id for v in found.verdicts] == ["one-1", "two-1"] and all(v.passed for v in found.verdicts)
    other = found.renamed("dpo (baseline)")
    assert {r.model for r in other.records} == {v.model for v in other.verdicts} == {"dpo (baseline)"}
    assert {v.model for v in found.verdicts} == {"dpo"}


def test_a_name_that_a_terminal_would_obey_is_shown(of: Material, tmp_path: Path) -> None:
    found = judged([run(of, tmp_path / "r.jsonl", "evil\x1b[2J\u202e")], of, "candidate")
    assert found.verdicts[0].model == found.records[0].model == "evil␛[2J[U+202E]"


def test_two_models_and_a_case_in_two_suites_are_refused(of: Material, tmp_path: Path) -> None:
    runs = [run(of, tmp_path / "a.jsonl"), run(of, tmp_path / "b.jsonl", "sft")]
    with pytest.raises(LabError, match=r"candidate: holds records of 2 models \(dpo, sft\)"):
        judged(runs, of, "candidate")
    with pytest.raises(LabError, match=r"case one-1: stands in one.yaml and in one.yaml"):
        material([of.suites[0].path] * 2, tmp_path / "requirements.yaml")


@pytest.mark.parametrize("part", ["model", "adapter", "template"])
def test_a_second_run_is_of_the_same_model(of: Material, tmp_path: Path, part: str) -> None:
    first, same, other = (
        judged([run(of, tmp_path / f"{i}.jsonl", **made)], of, "x").records
        for i, made in enumerate(({}, {}, {part: "another"}))
    )
    same_model(first, same)
    with pytest.raises(LabError, match=f"made by another {part} than the first"):
        same_model(first, other)
    assert all(isinstance(record, RunRecord) for record in other)
