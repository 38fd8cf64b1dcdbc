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
    assert "ana: 120 judgements" in said and "ana and bo: " in said and "all: " in said


def test_stats_of_a_campaign_name_gold_repeats_and_whose_answers_win(capsys):
    folder = samples.path("ranking")
    arguments = ["rank", "stats", str(folder / "rankings.jsonl"), "--pairs", str(folder / "sets.jsonl")]
    assert cli.run([*arguments, "--gold", str(folder / "gold.jsonl")]) == 0
    said = capsys.readouterr().out
    for part in (
        "gold items right",
        "repeats judged the same",
        "cleo and dan: ",
        "in dispute",
        "oak: won ",
        "strength +",
    ):
        assert part in said


def test_merging_a_log_with_itself_changes_nothing(tmp_path, capsys):
    out = tmp_path / "all.jsonl"
    assert cli.run(["rank", "merge", LOG, LOG, "--out", str(out)]) == 0
    assert out.read_text() == Path(LOG).read_text()
    assert cli.run(["rank", "merge", LOG, "--out", str(out)]) == 2
    assert "already there" in capsys.readouterr().err


def test_merging_names_torn_lines_and_what_was_judged_twice(tmp_path, capsys):
    one, two, out = tmp_path / "one.jsonl", tmp_path / "two.jsonl", tmp_path / "all.jsonl"
    lines = Path(LOG).read_text().splitlines(keepends=True)[:3]
    one.write_text("".join(lines))
    other = json.loads(lines[1]) | {"outcome": "both_bad", "at": "2026-11-01T09:00:00+00:00"}
    two.write_text(json.dumps(other) + "\n" + lines[2][:40])
    assert cli.run(["rank", "merge", str(one), str(two), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "left out: two.jsonl line 2: last line is cut off" in said
    assert f"ana judged {other['pair']} differently" in said and "1 given a new id" in said
    assert len(out.read_text().splitlines()) == 4
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert cli.run(["rank", "merge", str(empty), "--out", str(tmp_path / "none.jsonl")]) == 2
    assert not (tmp_path / "none.jsonl").exists()


def test_every_word_makes_a_row_and_gold_none(tmp_path, capsys):
    folder, made = samples.path("ranking"), {}
    for option in ("--every", "--gold"):
        out = tmp_path / f"{option}.json"
        arguments = [
            "rank",
            "export",
            "--pairs",
            str(folder / "sets.jsonl"),
            "--rankings",
            str(folder / "rankings.jsonl"),
        ]
        more = [option] if option == "--every" else [option, str(folder / "gold.jsonl")]
        assert cli.run([*arguments, "--out", str(out), *more]) == 0
        made[option] = json.loads(out.read_text())
    assert len(made["--every"]) > len(made["--gold"]) > 30
    assert "of a gold item; left out:" in capsys.readouterr().out


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
