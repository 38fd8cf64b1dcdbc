"""labkit rank: the sample log through every verb, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit import cli, samples

LOG = str(samples.path("support/rankings.jsonl"))
PAIRS = str(samples.path("support/pairs.jsonl"))


def test_stats_names_annotators_and_their_agreement(capsys):
    assert cli.run(["rank", "stats", LOG]) == 0
    said = capsys.readouterr().out
    assert "ana: 120 judgements" in said and "ana and bo: " in said


def test_merging_a_log_with_itself_changes_nothing(tmp_path, capsys):
    out = tmp_path / "all.jsonl"
    assert cli.run(["rank", "merge", LOG, LOG, "--out", str(out)]) == 0
    assert out.read_text() == Path(LOG).read_text()
    assert cli.run(["rank", "merge", LOG, "--out", str(out)]) == 2
    assert "already there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "field"), [("dpo", "chosen"), ("kto", "label"), ("argilla", "fields"), ("label-studio", "data")]
)
def test_export_in_every_form(tmp_path, form, field):
    out = tmp_path / "rows.jsonl"
    assert cli.run(["rank", "export", "--pairs", PAIRS, "--rankings", LOG, "--to", form, "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) > 50 and all(field in row for row in rows)


@pytest.mark.parametrize("arguments", [["--to", "word"], ["--to", "dpo"]])
def test_refusals_are_exit_2_and_write_nothing(tmp_path, arguments):
    out = tmp_path / "rows.jsonl"
    assert cli.run(["rank", "export", "--pairs", PAIRS, "--out", str(out), *arguments]) == 2
    assert not out.exists()
