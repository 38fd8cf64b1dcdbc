"""labkit coverage, the stage behind it and its report."""

from __future__ import annotations

import json
from random import Random

import pytest

from labkit import LabError, cli, samples
from labkit.coverage.step import balanced, cover
from labkit.files import read_strictly, write_jsonl
from labkit.home import Home
from labkit.records import Example, Finding, Message

CLEAN = str(samples.path("support/train.jsonl"))
NASTY = "<script>alert(1)</script>"


def write(path, n=400):
    rng, rows = Random(0), []
    for i in range(n):
        group = rng.choice(["harrow", "lumen"])
        said = "approve" if rng.random() < (0.8 if group == "harrow" else 0.3) else "refuse"
        values = {"channel": rng.choice([NASTY] * 8 + ["app", "email", "note"]), "name_group": group, "type": rng.choice("ab")}
        prompt = [Message(role="user", content=f"{i} please")]
        rows.append(Example(id=f"r{i}", prompt=prompt, response=json.dumps({"decision": said}), slices=values))
    return write_jsonl(path, rows)


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "rows.jsonl")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def verb(tmp_path, *arguments):
    return cli.run(["coverage", *map(str, arguments), "--home", str(tmp_path / "home")])


def test_findings_are_exit_1_and_written(tmp_path, rows, capsys):
    out = tmp_path / "out"
    assert verb(tmp_path, rows, "--out", out) == 1
    said = capsys.readouterr().out
    assert "critical biased_outcome: name_group: harrow vs lumen" in said
    assert "minor over_represented: " in said
    assert "400 rows read, 2 findings" in said
    assert {f.check for f in read_strictly(out / "findings.jsonl", Finding)} == {"biased_outcome", "over_represented"}
    assert json.loads((out / "proposal.json").read_text())["accepted_by"] == ""
    assert not (out / "balanced.jsonl").exists()


def test_rows_in_balance_are_exit_0(tmp_path, capsys):
    assert verb(tmp_path, CLEAN, "--out", tmp_path / "out") == 0
    assert "nothing to propose" in capsys.readouterr().out
    assert (tmp_path / "out" / "findings.jsonl").read_text() == ""


def test_an_accepted_proposal_writes_the_rows_that_are_left(tmp_path, rows, home):
    out = tmp_path / "out"
    assert verb(tmp_path, rows, "--out", out, "--accept", "ana") == 1
    left = read_strictly(out / "balanced.jsonl", Example)
    proposal = json.loads((out / "proposal.json").read_text())
    assert len(left) == 400 - len(proposal["caps"][0]["drop"])
    assert [e.parameters for e in home.entries() if e.name.endswith(".balanced")] == [{"accepted_by": "ana"}]


def test_bad_input_is_exit_2(tmp_path, rows, capsys):
    file = tmp_path / "file"
    file.write_text("")
    for arguments, said in [
        ([tmp_path / "none.jsonl", "--out", tmp_path / "o"], "none.jsonl"),
        ([file, "--out", tmp_path / "o"], "holds no usable row"),
        ([rows, "--out", file], "is a file"),
        ([rows, "--out", tmp_path / "o", "--accept", " "], "accepted by nobody"),
    ]:
        assert verb(tmp_path, *arguments) == 2
        assert said in capsys.readouterr().err


def test_the_same_rows_give_the_same_bytes_and_are_not_looked_at_again(rows, home, tmp_path):
    first = cover(home, rows)
    bytes_before = [p.read_bytes() for p in (first.findings_path, first.proposal_path, first.report_path)]
    assert cover(home, rows).findings == first.findings
    assert len(home.entries()) == 1
    other = cover(Home(tmp_path / "other"), rows)
    assert [p.read_bytes() for p in (other.findings_path, other.proposal_path, other.report_path)] == bytes_before
    cover(home, rows, seed=1)
    assert len(home.entries()) == 2


def test_the_report_tells_all_parts_and_escapes_every_word(rows, home):
    page = cover(home, rows).report_path.read_text()
    for part in ("Findings", "Proposal", "Pairs of slices", "Outcomes by group", "unequal", "harrow vs lumen", "Variety"):
        assert part in page
    assert NASTY not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page


def test_balancing_needs_a_name_and_the_rows_it_was_made_for(rows, home, tmp_path):
    found = cover(home, rows)
    with pytest.raises(LabError, match="accepted by nobody"):
        balanced(home, found, rows, "")
    path = balanced(home, found, rows, "ana")
    assert path.name == "rows.balanced.jsonl"
    assert len(read_strictly(path, Example)) < 400
