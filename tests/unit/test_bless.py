"""Baselines: only whole and fresh runs, each with a reason, and a changed copy is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit import LabError, cli, samples
from labkit.evaluation import suite
from labkit.evaluation.bless import baseline, bless, log
from labkit.files import sha256, write_jsonl
from labkit.home import Home
from labkit.records import RunRecord

CASES = """suite: demo
cases:
  - {id: A-1, requirement: REQ-1, technique: MFT, given: "When?", expect: [{facts: [45 days]}]}
  - {id: B-1, requirement: REQ-2, technique: MFT, given: "Price?", expect: [{facts: [60 euros]}]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def demo(tmp_path: Path) -> suite.Suite:
    path = tmp_path / "demo.yaml"
    path.write_text(CASES)
    return suite.load(path)


def write(of: suite.Suite, path: Path, output: str = "It is 45 days.", **changes: Any) -> Path:
    made_by = {"model": "m", "suite": of.sha256, "template": "t"}
    fields: dict[str, Any] = {"model": "sft", "prompt": "p", "tokens": 5, "finish": "stop", "made_by": made_by}
    return write_jsonl(path, [RunRecord(case_id=c.id, output=output, **fields | changes) for c in of.cases])


def test_a_run_becomes_the_baseline_with_its_hashes_and_reason(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    made = bless(home, run, "release-1", "  first\n release ", demo.path)
    assert (made.run_sha256, made.suite_sha256) == (sha256(run), demo.sha256)
    assert (made.suite, made.models, made.passed, made.n, made.reason) == ("demo", ["sft"], 1, 2, "first release")
    assert made.who and made.when.startswith("20")
    run.unlink()  # the baseline is a copy of its own
    assert sha256(baseline(home, "release-1")) == made.run_sha256
    assert log(home) == [made]


def test_the_last_blessing_counts_and_the_log_only_grows(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    first = bless(home, run, "release", "first", demo.path)
    lines = (home / "evaluation/baselines/log.jsonl").read_bytes()
    bless(home, run, "other", "another name", demo.path)
    second = bless(home, write(demo, run, "It is 60 euros."), "release", "the price is right now", demo.path)
    assert (home / "evaluation/baselines/log.jsonl").read_bytes().startswith(lines)
    assert [(e.name, e.passed) for e in log(home)] == [("release", 1), ("other", 1), ("release", 1)]
    assert sha256(baseline(home, "release")) == second.run_sha256 != first.run_sha256
    assert sha256(baseline(home, "other")) == first.run_sha256
    assert (home / "evaluation/baselines" / first.file).exists()


def _stale(demo: suite.Suite, run: Path) -> None:
    write(demo, run)
    demo.path.write_text(CASES.replace("60", "50"))


def _cut(demo: suite.Suite, run: Path) -> None:
    run.write_bytes(write(demo, run).read_bytes()[:-20])


def _short(demo: suite.Suite, run: Path) -> None:
    run.write_text(write(demo, run).read_text().splitlines(keepends=True)[0])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_stale, "is stale"),
        (_cut, "last line is cut off"),
        (_short, "no record of case B-1"),
        (lambda demo, run: run.write_text(write(demo, run).read_text() * 2), "stands twice"),
        (lambda demo, run: run.write_text(""), "holds no records"),
        (lambda demo, run: write(demo, run, finish="error"), "generation failed"),
        (lambda demo, run: None, "No such file"),
    ],
)
def test_a_run_that_is_no_evidence_is_refused(
    home: Home, demo: suite.Suite, tmp_path: Path, spoil: Any, says: str
) -> None:
    run = tmp_path / "run.jsonl"
    spoil(demo, run)
    with pytest.raises(LabError, match=says):
        bless(home, run, "release", "a reason", demo.path)
    assert log(home) == []


@pytest.mark.parametrize(("name", "reason"), [("", "why"), ("../x", "why"), ("a b", "why"), (".x", "why"), ("x", " ")])
def test_a_blessing_needs_a_name_and_a_reason(
    home: Home, demo: suite.Suite, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(LabError, match="baseline"):
        bless(home, write(demo, tmp_path / "run.jsonl"), name, reason, demo.path)


def test_a_changed_or_lost_copy_is_no_baseline(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    bless(home, write(demo, tmp_path / "run.jsonl"), "release", "first", demo.path)
    path = baseline(home, "release")
    path.write_text(path.read_text().replace("45", "60"))
    with pytest.raises(LabError, match="not what was blessed"):
        baseline(home, "release")
    path.unlink()
    with pytest.raises(LabError, match="is gone"):
        baseline(home, "release")
    with pytest.raises(LabError, match=r"'other': does not exist \(known: release\)"):
        baseline(home, "other")


def test_a_blessing_cut_off_by_a_kill_did_not_happen(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    first = bless(home, run, "release", "first", demo.path)
    with open(home / "evaluation/baselines/log.jsonl", "a") as stream:
        stream.write('{"name": "release", "file": "rel')
    assert sha256(baseline(home, "release")) == first.run_sha256
    bless(home, run, "release", "again", demo.path)
    assert [entry.reason for entry in log(home)] == ["first", "again"]


def test_an_edited_log_is_refused(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    bless(home, write(demo, tmp_path / "run.jsonl"), "release", "first", demo.path)
    file = home / "evaluation/baselines/log.jsonl"
    file.write_text(file.read_text().replace('"reason": "first"', '"reason": null'))
    with pytest.raises(LabError, match="has been edited"):
        baseline(home, "release")


def test_the_copy_is_the_run_byte_for_byte(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    run.write_bytes(run.read_bytes().replace(b"\n", b"\r\n"))
    made = bless(home, run, "release", "first", demo.path)
    assert baseline(home, "release").read_bytes() == run.read_bytes()
    assert made.run_sha256 == sha256(run)


def test_the_suite_is_found_by_its_hash(home: Home, demo: suite.Suite, tmp_path: Path) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    with pytest.raises(LabError, match="--suite"):
        bless(home, run, "release", "first")
    home.run("evaluation", "sft-demo", lambda s: write(demo, s / "x.jsonl"), outputs=["x.jsonl"], inputs=[demo.path])  # type: ignore[arg-type, return-value]
    assert bless(home, run, "release", "first").suite == "demo"
    sample = suite.load(samples.path("support/suites/preference.yaml"))
    assert bless(home, write(sample, run), "release", "a sample suite").suite == "preference"


def test_the_verb_tells_what_it_supersedes(home: Home, demo: suite.Suite, tmp_path: Path, capsys: Any) -> None:
    run = write(demo, tmp_path / "run.jsonl")
    options = ["--as", "release", "--suite", str(demo.path), "--home", str(home.path)]
    assert cli.run(["bless", str(run), *options, "--reason", "first"]) == 0
    assert capsys.readouterr().out.startswith("release: sft on demo, 1/2 = 50%")
    assert cli.run(["bless", str(run), *options, "--reason", "again"]) == 0
    assert "it supersedes 1/2, blessed by" in capsys.readouterr().out
    _short(demo, run)
    assert cli.run(["bless", str(run), *options, "--reason", "third"]) == 2
    assert capsys.readouterr().err.startswith("labkit: sft run 0: has no record of case B-1.")
    assert cli.run(["bless", str(run), "--as", "release"]) == 2
    assert len(log(home)) == 2
