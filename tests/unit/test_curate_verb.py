"""labkit curate: exit codes, files, and what the terminal shows."""

from __future__ import annotations

import json

import pytest

from labkit import checks, cli
from labkit.curation import step
from labkit.home import Home, lineage

FILES = {"clean.jsonl", "findings.jsonl", "report.html"}
OWN = """
from labkit.checks import Hit, row_check

@row_check("{name}", severity="{severity}", about="A word.")
def word(row, context):
    if "{word}" in row.response:
        yield Hit(row.id, "the word stands there", evidence="{word}", tier="certain"{repair})
"""


@pytest.fixture(autouse=True)
def only_own_checks(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "CHECKS", {})
    monkeypatch.setattr(step, "CHECKS", checks.CHECKS)
    monkeypatch.setattr(step, "load_checks", lambda: None)
    monkeypatch.chdir(tmp_path)  # any folder will do
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))


def own(tmp_path, severity="major", word="bad", name="word", repair=""):
    path = tmp_path / f"own_{severity}.py"
    path.write_text(OWN.format(severity=severity, word=word, name=name, repair=repair))
    return str(path)


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "my rows.csv"
    path.write_text("question,answer\nOne?,good\nTwo?,bad\n")
    return str(path)


def answers(out):
    return [json.loads(line)["response"] for line in (out / "clean.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("severity", "code"), [("critical", 1), ("major", 1), ("minor", 0), ("info", 0)])
def test_the_exit_code_follows_the_open_findings(tmp_path, raw, severity, code):
    out = tmp_path / "out"
    assert cli.run(["curate", raw, "--out", str(out), "--checks", own(tmp_path, severity)]) == code
    assert {p.name for p in out.iterdir()} == FILES and answers(out) == ["good", "bad"]


def test_accepted_findings_are_closed_and_done(tmp_path, raw, capsys):
    out = tmp_path / "out"
    command = ["curate", raw, "--out", str(out), "--checks", own(tmp_path)]
    assert cli.run([*command, "--accept", "word"]) == 0
    assert answers(out) == ["good"]
    assert "2 rows read, 1 dropped, 0 changed, 1 left; 0 findings open" in capsys.readouterr().out
    (found,) = [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]
    assert (found["status"], found["decided_by"]) == ("accepted", "rule")
    log = tmp_path / "log.jsonl"
    log.write_text(
        json.dumps(
            {
                "id": "a-1",
                "finding": found["id"],
                "row_id": "x",
                "decided_by": "ana",
                "action": "fix",
                "fix": {"response": "mended"},
            }
        )
    )
    assert cli.run([*command, "--decisions", str(log)]) == 0 and answers(out) == ["good", "mended"]
    assert cli.run(command) == 1 and answers(out) == ["good", "bad"]


def test_the_table_names_each_check(tmp_path, raw, capsys):
    path = own(tmp_path, "minor", word="bad")
    assert cli.run(["curate", raw, "--out", str(tmp_path / "out"), "--checks", path]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split() == ["check", "n", "critical", "major", "minor", "info", "open"]
    assert said.splitlines()[1].split() == ["word", "1", "0", "0", "1", "0", "1"]


def test_the_written_rows_can_be_traced(tmp_path, raw):
    out = tmp_path / "out"
    cli.run(["curate", raw, "--out", str(out), "--checks", own(tmp_path)])
    assert "my rows.csv" in lineage(Home(), out / "clean.jsonl").text()


def test_only_the_named_checks_run_and_suites_and_policies_are_read(tmp_path, raw):
    (tmp_path / "s.yaml").write_text("cases: [{id: a, given: Three}]")
    (tmp_path / "p.yaml").write_text("domain: shop")
    more = ["--suite", "s.yaml", "--policy", "p.yaml", "--clearance", "p2.yaml"]
    (tmp_path / "p2.yaml").write_text("purpose: training")
    command = ["curate", raw, "--out", "out", "--checks", own(tmp_path), *more]
    assert cli.run([*command, "--only", "word"]) == 1
    assert cli.run([*command, "--only", "nothing"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.csv", "--out", "out"], "No such file"),
        (["my rows.csv", "--out", "my rows.csv"], "is a file"),
        (["my rows.csv", "--out", "out", "--policy", "missing.yaml"], "missing.yaml"),
        (["my rows.csv", "--out", "out", "--suite", "missing.yaml"], "missing.yaml"),
        (["my rows.csv", "--out", "out", "--checks", "missing.py"], "cannot be imported"),
        (["my rows.csv", "--out", "out", "--decisions", "missing.jsonl"], "missing.jsonl"),
        (["my rows.csv", "--out", "out", "--accept", "nothing"], "is no check"),
        (["other.csv", "--out", "out"], "its fields: colour, size"),
    ],
)
def test_bad_input_is_one_line_and_2(tmp_path, raw, capsys, arguments, words):
    (tmp_path / "other.csv").write_text("colour,size\nred,5\n")
    assert cli.run(["curate", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / "out").exists()
