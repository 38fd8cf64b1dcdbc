"""``labkit mutants``: output mutants at once, recorded models marked as such, live ones behind --models; exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labkit import LabError, cli, samples
from labkit.evaluation import mutant_run
from labkit.evaluation.model_mutants import Report, Result
from labkit.lesson import mutated, recorded
from labkit.release.gate_evidence import read_mutants


@pytest.fixture
def home(tmp_path: Path) -> list[str]:
    return ["--home", str(tmp_path / "home")]


def report(killed: int, n: int) -> Report:
    cell = {"requirement": "REQ-S01", "n": 10, "before": 8, "lost": 8, "gained": 0, "p": 0.01, "expected": True}
    return Report(
        mutants=[
            Result(name=f"m{i}", kind="data", fault="f", reference="sft", advice="write \x1b[31mone",
                   cells=[{**cell, "after": 0 if i < killed else 8, "red": i < killed}])
            for i in range(n)
        ]
    )  # fmt: skip


@pytest.fixture
def built(monkeypatch) -> list[tuple[Any, ...]]:
    """What the verb asks to be built, in place of models."""
    asked: list[tuple[Any, ...]] = []

    def mutate(subject, registry, only, everything, say):
        asked.append((list(only), everything))
        say("[1/1] built \x1b[31mred")
        return report(3, 4)

    monkeypatch.setattr(mutant_run, "mutate", mutate)
    monkeypatch.setattr(mutated, "subject", lambda course: None)
    return asked


@pytest.mark.parametrize("floor, code", [("0", 0), ("0.5", 0), ("1", 1)])
def test_output_mutants_need_no_model(home, floor, code, capsys, monkeypatch, built) -> None:
    monkeypatch.setattr(recorded, "recorded", lambda name: recorded.Recorded(name))
    assert cli.run(["mutants", "--floor", floor, *home]) == code
    said = capsys.readouterr().out
    assert "number_shift" in said and "Output mutants killed:" in said and "labkit mutants --models" in said
    assert built == []


def test_recorded_models_are_shown_as_recorded_and_stale_ones_as_stale(home, capsys, monkeypatch) -> None:
    stamps = {"device": "cpu, 2 threads", "date": "2026-11-23", "versions": {"torch": "2"}, "made_by": "abc"}
    result = {"suites": {"support": "another"}, **report(3, 4).model_dump()}
    monkeypatch.setattr(recorded, "recorded", lambda name: recorded.Recorded(name, result, stamps))
    assert cli.run(["mutants", *home]) == 0
    said = capsys.readouterr().out
    assert "Recorded on cpu, 2 threads, 2026-11-23" in said and "not measured in this run" in said
    assert "Stale: these suites are other ones" in said
    assert "Model mutants killed: 3/4 = 75%" in said and "\x1b" not in said


@pytest.mark.parametrize(
    "given, code, asked",
    [
        (["--models"], 0, ([], False)),
        (["--models", "--floor", "0.8"], 1, ([], False)),
        (["--only", "half", "--only", "base", "--all-cases"], 0, (["half", "base"], True)),
    ],
)
def test_models_are_built_and_scored(home, built, capsys, given, code, asked) -> None:
    assert cli.run(["mutants", *given, *home]) == code
    assert built == [asked]
    said = capsys.readouterr().out
    assert "built red" in said and "SURVIVED m3" in said and "Cases to write:" in said


def test_the_record_is_what_a_gate_reads(tmp_path, home, built, capsys) -> None:
    out = tmp_path / "mutants.json"
    assert cli.run(["mutants", "--models", "--out", str(out), *home]) == 0
    suites = json.loads(out.read_text())["suites"]
    found = read_mutants(out, suites)
    assert (found.n, found.score, found.names) == (4, 0.75, ["m3"])
    assert "half" in found.left_out
    with pytest.raises(LabError, match="stale"):
        read_mutants(out, {**suites, "support": "another"})
    assert cli.run(["mutants", "--out", str(out), *home]) == 2
    assert "Add --models" in capsys.readouterr().err


def test_a_broken_registry_is_told_before_anything_is_built(tmp_path, home, built, capsys) -> None:
    folder = shutil.copytree(samples.path("support"), tmp_path / "own")
    (folder / "mutants.yaml").write_text("mutants: []\n")
    assert cli.run(["mutants", "--models", "--folder", str(folder), *home]) == 2
    assert built == [] and "mutants.yaml" in capsys.readouterr().err
    (folder / "mutants.yaml").unlink()
    assert cli.run(["mutants", "--models", "--folder", str(folder), *home]) == 2


def test_an_unknown_mutant_is_told(home, capsys, monkeypatch) -> None:
    monkeypatch.setattr(mutated, "subject", lambda course: None)
    assert cli.run(["mutants", "--only", "twice", *home]) == 2
    assert "mutant 'twice': is unknown" in capsys.readouterr().err
