"""Before and after a training: the tables of notebook 06 over all three domains, without a model."""

from __future__ import annotations

import json

import pytest

from labkit.lesson import outlook
from labkit.lesson.course import Course
from labkit.lesson.recorded import Recorded
from labkit.machine import GB
from labkit.stats import wilson
from labkit.training.export import Check, Exported
from labkit.training.fit import Device


class Words:
    """A tokenizer of one token a word."""

    eos_token_id = 0

    def apply_chat_template(self, turns, tokenize, add_generation_prompt):
        return " ".join(f"{turn['role']} {turn['content']}" for turn in turns)

    def __call__(self, text, add_special_tokens=False):
        return {"input_ids": [1] * len(text.split())}


@pytest.fixture
def course(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    sizes = {
        "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3,
        "num_hidden_layers": 30, "vocab_size": 49152, "tie_word_embeddings": True,
    }  # fmt: skip
    (base / "config.json").write_text(json.dumps(sizes))
    return Course(home=tmp_path / "home", base=base)


def test_rows_are_accounted_for_in_all_domains():
    rows = outlook.accounting(Words()).rows
    assert [row["domain"] for row in rows] == ["support", "knowledge", "decision"]
    assert all(row["rows"] >= 400 and row["rows"] > row["left out"] and row["tokens"] > 1000 for row in rows)
    assert all(0 < int(row["trained"].rstrip("%")) < 100 for row in rows)


@pytest.mark.parametrize(("free", "said"), [(8, "fits"), (1.9, "tight: "), (0.5, "refused: ")])
def test_each_domain_is_said_to_fit_or_not(course, monkeypatch, free, said):
    monkeypatch.setattr(outlook, "here", lambda: Device("cpu", free * GB, 1.3e11))
    rows = outlook.fits(course).rows
    assert len(rows) == 3 and rows[0]["steps"] == 321
    assert rows[0]["verdict"].startswith(said)


def test_runtimes_tell_measured_from_estimated(course, monkeypatch):
    monkeypatch.setattr(outlook, "here", lambda: Device("cpu", 8 * GB, 1.3e11))
    there = Recorded("x", {"training_seconds": 480.0}, {"device": "two cores", "date": "2026-01-02"})
    monkeypatch.setattr(outlook, "recorded", lambda name: there)
    rows = outlook.runtimes(course).rows
    assert list(rows[0].values()) == ["two cores", "base", "8.0", "not recorded", "measured, 2026-01-02"]
    assert [row["how known"] for row in rows[1:]] == ["estimated just now", "estimated", "estimated", "estimated"]
    monkeypatch.setattr(outlook, "recorded", Recorded)
    assert "measured" not in " ".join(row["how known"] for row in outlook.runtimes(course).rows)


def test_the_measured_run_is_recorded():
    assert outlook.recorded(outlook.MEASURED).result["training_seconds"] > 60


def test_an_exports_check_is_shown():
    check = Check(agreement=wilson(19, 20), stopped=wilson(20, 20), adapter_stopped=wilson(20, 20), prompts_sha256="")
    made = Exported(
        to="merged",
        base="b",
        base_sha256="",
        adapter_sha256="",
        tensors="float16",
        files={"a": ""},
        versions={},
        check=check,
    )
    said = repr(outlook.export_table(made))
    assert "19/20 = 95%" in said and "20/20" in said
    assert "None" in repr(outlook.export_table(made.model_copy(update={"check": None})))
