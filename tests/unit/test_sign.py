"""Signatures: a name, the gate's word respected or overruled with a reason, and bound to one decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import LabError
from labkit.files import lines, sha256, write_text
from labkit.home import Home
from labkit.release.gate import Decision, Item
from labkit.release.sign import sign, standing

WHY = "Only the spring campaign uses it, Kim watches the log until 1 March."


def decision(outcome: str = "no-go") -> Decision:
    item = Item(name="REQ-S03", outcome=outcome, sentence=f"REQ-S03 (major): 4/10 of cases pass: {outcome}.")
    return Decision(policy="support assistant", candidate="dpo", baseline="sft", items=[item])


def desk(tmp_path: Path, outcome: str = "no-go") -> tuple[Home, Decision]:
    home, made = Home(tmp_path / "home"), decision(outcome)
    write_text(home / "release" / "decision.json", made.model_dump_json(indent=1) + "\n")
    return home, made


def logged(home: Home) -> int:
    log = home / "release" / "signatures.jsonl"
    return len(list(lines(log))) if log.exists() else 0


def test_a_go_is_signed_without_a_reason(tmp_path: Path) -> None:
    home, made = desk(tmp_path, "go")
    signature = sign(home, made, " Ada Quill ", "go")
    assert (signature.name, signature.gate, signature.overruled) == ("Ada Quill", "go", False)
    assert signature.decision_sha256 == sha256(home / "release" / "decision.json")
    assert str(signature) == "GO for dpo, signed by Ada Quill."
    assert standing(home) == signature


@pytest.mark.parametrize("outcome", ["no-go", "inconclusive"])
@pytest.mark.parametrize("reason", ["", "   ", "it is fine", "ok"])
def test_the_gate_is_not_overruled_without_a_written_reason(tmp_path: Path, outcome: str, reason: str) -> None:
    home, made = desk(tmp_path, outcome)
    with pytest.raises(LabError, match=f"the gate says {outcome}"):
        sign(home, made, "Ada Quill", "go", reason)
    assert logged(home) == 0
    assert standing(home) is None


def test_with_a_reason_it_is_and_the_log_says_so(tmp_path: Path) -> None:
    home, made = desk(tmp_path)
    signature = sign(home, made, "Ada Quill", "go", WHY)
    assert signature.overruled
    assert "against the gate's no-go" in str(signature) and WHY in str(signature)
    (line,) = lines(home / "release" / "signatures.jsonl")
    assert (line.value["name"], line.value["word"], line.value["gate"]) == ("Ada Quill", "go", "no-go")
    assert line.value["reason"] == WHY


@pytest.mark.parametrize("outcome", ["go", "no-go", "inconclusive"])
def test_a_person_may_always_hold_back(tmp_path: Path, outcome: str) -> None:
    home, made = desk(tmp_path, outcome)
    assert sign(home, made, "Ada Quill", "no-go").overruled is False


def test_signatures_are_added_and_the_last_one_stands(tmp_path: Path) -> None:
    home, made = desk(tmp_path)
    sign(home, made, "Ada Quill", "no-go")
    sign(home, made, "Bo Reed", "go", WHY)
    assert logged(home) == 2
    assert standing(home).name == "Bo Reed"


def test_a_changed_decision_is_unsigned(tmp_path: Path) -> None:
    home, made = desk(tmp_path, "go")
    sign(home, made, "Ada Quill", "go")
    write_text(home / "release" / "decision.json", decision().model_dump_json(indent=1) + "\n")
    assert standing(home) is None


def test_only_the_decision_that_was_read_can_be_signed(tmp_path: Path) -> None:
    home, _ = desk(tmp_path, "no-go")
    with pytest.raises(LabError, match="not the decision you have read"):
        sign(home, decision("go"), "Ada Quill", "go")
    write_text(home / "release" / "decision.json", "{")
    with pytest.raises(LabError, match="not the decision you have read"):
        sign(home, decision("go"), "Ada Quill", "go")
    assert logged(home) == 0


def test_nothing_is_signed_before_the_report_is_written(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="not written yet"):
        sign(Home(tmp_path), decision("go"), "Ada Quill", "go")


@pytest.mark.parametrize("name, word, said", [("", "go", "no name"), (" ", "go", "no name"), ("Ada", "GO!", "neither")])
def test_a_signature_needs_a_name_and_one_of_two_words(tmp_path: Path, name: str, word: str, said: str) -> None:
    home, made = desk(tmp_path, "go")
    with pytest.raises(LabError, match=said):
        sign(home, made, name, word)
    assert logged(home) == 0
