"""The home: stages run once, resume after a kill, and the ledger tells what made what."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit import LabError
from labkit.files import write_text
from labkit.home import Home, default_home, lineage


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def raw(tmp_path) -> Path:
    row = {"id": "a", "provenance": {"licence": "CC0-1.0"}}
    return write_text(tmp_path / "raw.jsonl", json.dumps(row) + "\n")


def copy(raw, calls):
    def work(scratch):
        calls.append(scratch)
        write_text(scratch / "clean.jsonl", raw.read_text().upper())

    return work


def test_an_unchanged_step_is_not_run_again(home, raw):
    calls: list = []
    for _ in range(2):
        out = home.run(
            "curation", "clean", copy(raw, calls), outputs=["clean.jsonl"], inputs=[raw], parameters={"x": 1}
        )
    assert len(calls) == 1 and out.read_text() == raw.read_text().upper()


@pytest.mark.parametrize("change", ["parameter", "input", "output edited", "output gone"])
def test_any_change_runs_it_again(home, raw, change):
    calls: list = []

    def go(x):
        return home.run(
            "curation", "clean", copy(raw, calls), outputs=["clean.jsonl"], inputs=[raw], parameters={"x": x}
        )

    out = go(1)
    if change == "input":
        raw.write_text('{"id": "b"}\n')
    elif change == "output edited":
        out.write_text("tampered")
    elif change == "output gone":
        out.unlink()
    go(2 if change == "parameter" else 1)
    assert len(calls) == 2 and out.read_text() == raw.read_text().upper()


def test_an_interrupted_step_gets_its_scratch_folder_back_and_a_changed_one_does_not(home, raw):
    def half(scratch):
        write_text(scratch / "checkpoint", "7")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.run("training", "sft", half, outputs=["sft"], inputs=[raw], parameters={"lr": 1})
    assert not (home / "training" / "sft").exists() and home.entries() == []
    seen = []

    def look(scratch):
        seen.append((scratch / "checkpoint").exists())
        (scratch / "sft").mkdir()

    home.run("training", "sft", look, outputs=["sft"], inputs=[raw], parameters={"lr": 2})
    with pytest.raises(KeyboardInterrupt):
        home.run("training", "sft", half, outputs=["sft"], inputs=[raw], parameters={"lr": 3})
    home.run("training", "sft", look, outputs=["sft"], inputs=[raw], parameters={"lr": 3})
    assert seen == [False, True]


def test_a_folder_replaces_the_folder_of_the_run_before(home, raw):
    def make(text):
        def work(scratch):
            write_text(scratch / "sft" / text, text)

        return work

    for text in ("one", "two"):
        out = home.run("training", "sft", make(text), outputs=["sft"], inputs=[raw], parameters={"t": text})
    assert [p.name for p in out.iterdir()] == ["two"]


def test_missing_input_and_missing_output_are_told(home, raw, tmp_path):
    with pytest.raises(LabError, match="does not exist"):
        home.run("curation", "clean", lambda s: None, outputs=["x"], inputs=[tmp_path / "nowhere"])
    with pytest.raises(LabError, match="was not written"):
        home.run("curation", "clean", lambda s: None, outputs=["x"], inputs=[raw])


def test_two_processes_do_not_run_one_step_at_once(home, raw):
    code = (
        "import sys; from labkit import LabError; from labkit.home import Home\n"
        "try: Home(sys.argv[1]).run('curation', 'clean', lambda s: None, outputs=['x'])\n"
        "except LabError as e: print(e)"
    )
    said = []

    def work(scratch):
        said.append(subprocess.run([sys.executable, "-c", code, str(home.path)], capture_output=True, text=True).stdout)
        write_text(scratch / "x", "")

    home.run("curation", "clean", work, outputs=["x"])
    assert "being run by another process" in said[0]


def test_lineage_goes_back_to_the_raw_rows_and_their_licence(home, raw):
    home.run("curation", "clean", copy(raw, []), outputs=["clean.jsonl"], inputs=[raw])

    def train(scratch):
        write_text(scratch / "sft" / "adapter.safetensors", "w")

    clean = home / "curation" / "clean.jsonl"
    adapter = home.run("training", "sft", train, outputs=["sft"], inputs=[clean], parameters={"lr": 1})
    tree = lineage(home, adapter)
    assert tree.made_by.stage == "training"
    (source,) = tree.sources
    assert source.made_by.stage == "curation" and source.sources[0].rows == {"CC0-1.0": 1}
    assert "1 rows under CC0-1.0" in tree.text()
    with pytest.raises(LabError, match="does not exist"):
        lineage(home, "nothing")


def test_a_ledger_line_cut_off_by_a_kill_is_passed_over(home, raw):
    home.run("curation", "clean", copy(raw, []), outputs=["clean.jsonl"], inputs=[raw])
    with open(home.ledger, "a") as stream:
        stream.write('{"stage": "training", "na')
    assert [e.name for e in home.entries()] == ["clean"]
    home.run("curation", "again", copy(raw, []), outputs=["clean.jsonl"], inputs=[raw])
    assert [e.name for e in home.entries()] == ["clean", "again"]


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A checkout with labkit and notebooks in it, and no LAB_HOME."""
    root = (tmp_path / "checkout").resolve()
    write_text(root / "labkit" / "__init__.py", "")
    write_text(root / "pyproject.toml", "")
    (root / "notebooks").mkdir()
    monkeypatch.setattr(labkit, "__file__", str(root / "labkit" / "__init__.py"))
    monkeypatch.delenv("LAB_HOME", raising=False)
    return root


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_notebooks_and_command_line_share_the_home_of_the_checkout(checkout, monkeypatch, folder):
    monkeypatch.chdir(checkout / folder)
    assert default_home() == checkout / "lab-home"
    assert not (checkout / "lab-home").exists()
    assert Home().path == checkout / "lab-home" and Home().path.is_dir()


def test_the_nearest_home_that_exists_is_taken(checkout, monkeypatch):
    (checkout / "lab-home").mkdir()
    near = checkout / "notebooks" / "lab-home"
    near.mkdir()
    monkeypatch.chdir(near.parent)
    assert default_home() == near
    near.rmdir()
    near.write_text("a file is no home")
    assert default_home() == checkout / "lab-home"


def test_outside_the_checkout_the_home_is_in_the_working_directory(checkout, monkeypatch, tmp_path):
    elsewhere = (tmp_path / "elsewhere").resolve()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert default_home() == elsewhere / "lab-home"
    monkeypatch.chdir(checkout / "notebooks")
    (checkout / "pyproject.toml").unlink()  # an installed package: its folder is no place for a learner's work
    assert default_home() == checkout / "notebooks" / "lab-home"


def test_a_named_home_comes_first(checkout, monkeypatch, tmp_path):
    (checkout / "lab-home").mkdir()
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "named"))
    assert Home().path == (tmp_path / "named").resolve()
    assert Home(tmp_path / "given").path == (tmp_path / "given").resolve()
