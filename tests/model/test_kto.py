"""KTO on a tiny model, from a file of thumbs to a judged adapter, by the verb that users type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit import LabError, cli
from labkit.files import write_jsonl
from labkit.home import Home
from labkit.preference.kto import train_kto
from labkit.training.adapter import read_manifest
from labkit.training.settings import KTOSettings, LoraSettings, SFTSettings
from labkit.training.step import fine_tune
from labkit.training.watch import read_log

QUICK = {"learning_rate": 5e-3, "batch_size": 4, "warmup_steps": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny, examples) -> Home:
    """A home with a finished SFT adapter."""
    place = Home(tmp_path_factory.mktemp("home"))
    data = write_jsonl(place / "rows.jsonl", examples)
    fine_tune(place, data, SFTSettings(**QUICK, epochs=2, lora=LoraSettings(rank=4, alpha=4)), tiny)
    return place


@pytest.fixture(scope="module")
def thumbs(tmp_path_factory, preference_rows) -> Path:
    """Nine thumbs up, twelve down, and one line that nobody can read."""
    lines = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for i, row in enumerate(preference_rows)
        for side in ("chosen", "rejected")
        if side == "rejected" or i < 9
    ]
    path = tmp_path_factory.mktemp("thumbs") / "thumbs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"prompt": "cut o\n')
    return path


def test_the_verb_trains_reports_and_judges(home, thumbs, tiny, capsys):
    arguments = ["train", "kto", "--thumbs", str(thumbs), "--base", str(tiny), "--home", str(home.path), "--epochs", "1"]
    assert cli.run(arguments) == 1  # a line could not be read
    said = capsys.readouterr().out
    assert "line 22: not JSON" in said
    assert "9 thumbs up with weight 1.5556, 12 down with weight 1" in said
    assert "20 of 21 rows" in said and "alone in the last batch" in said
    assert any(said.splitlines()[-i].startswith(("Healthy", "Suspicious", "Failed")) for i in range(1, 8))
    out = home / "preference" / "kto"
    manifest = read_manifest(out / "adapter")
    assert (manifest.kind, manifest.rows_in, manifest.rows_trained) == ("kto", 21, 20)
    assert read_log(out / "log.jsonl")[0]["loss"] == pytest.approx(manifest.start_loss, abs=1e-3)
    assert (out / "merged" / "config.json").exists()
    before = len(home.entries())
    cli.run(arguments)
    assert len(home.entries()) == before  # the same again is not run again


def test_thumbs_teach_what_was_liked(home, tmp_path, tiny, preference_rows):
    rows = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in preference_rows
        for side in ("chosen", "rejected")
    ]
    settings = KTOSettings(**QUICK, epochs=4)
    manifest = train_kto(rows, home / "training" / "sft" / "adapter", tmp_path, settings, tiny)
    log = read_log(tmp_path / "log.jsonl")
    assert manifest.start_loss == 0.5 == pytest.approx(log[0]["loss"], abs=1e-3)
    assert log[-1]["loss"] < 0.48 and log[-1]["rewards/margins"] > 0.05


def test_another_base_is_refused_before_anything_is_loaded(home, tmp_path, embedded):
    rows = [{"prompt": [], "completion": [], "label": label} for label in (True, False)]
    with pytest.raises(LabError, match="not on this base model"):
        train_kto(rows, home / "training" / "sft" / "adapter", tmp_path, base=embedded)
