"""labkit agree: exit codes, what it prints, refusals."""

from __future__ import annotations

import pytest

from labkit import cli, samples
from labkit.files import read_strictly, write_jsonl
from labkit.records import Label

LABELS = str(samples.path("labelling/labels.jsonl"))
GOLD = str(samples.path("labelling/gold.jsonl"))


def guideline(version):
    return str(samples.path(f"labelling/guideline-{version}.yaml"))


def log(tmp_path, votes, name="l.jsonl", version="1"):
    """``votes``: annotator -> a letter a row."""
    rows = [
        Label(row_id=f"r{i}", annotator=who, guideline=version, value=value)
        for who, values in votes.items()
        for i, value in enumerate(values)
    ]
    return str(write_jsonl(tmp_path / name, rows))


@pytest.mark.parametrize(
    ("votes", "code", "said"),
    [
        ({"ana": "xyzxyzxyz", "bo": "xyzxyzxyz"}, 0, "go: "),
        ({"ana": "xyzxyzxyz", "bo": "xyzxyzxzy"}, 3, "revise: "),
        ({"ana": "xyzxyzxyz", "bo": "zxyxyzzxy"}, 1, "stop: "),
        ({"ana": "xxxxx", "bo": "xxxxx"}, 1, "alpha undefined"),
    ],
)
def test_the_exit_code_is_the_verdict(tmp_path, capsys, votes, code, said):
    assert cli.run(["agree", log(tmp_path, votes)]) == code
    assert said in capsys.readouterr().out


def test_the_sample_version_by_version(capsys):
    assert cli.run(["agree", LABELS, "--gold", GOLD]) == 0
    said = capsys.readouterr().out
    assert "guideline 1: 75 items, 3 annotators, alpha 0.6" in said
    assert "guideline 2: 75 items, 3 annotators, alpha 0.8" in said
    assert said.index("revise: ") < said.index("go: ")
    assert "ana and bo: " in said
    assert "cem on gold items: 7/8" in said


@pytest.mark.parametrize(("version", "code"), [("1", 3), ("2", 0)])
def test_a_guideline_picks_its_own_labels_and_says_which_rule_to_mend(capsys, version, code):
    assert cli.run(["agree", LABELS, "--guideline", guideline(version)]) == code
    said = capsys.readouterr().out
    assert f"guideline {version}: " in said
    assert f"guideline {3 - int(version)}: " not in said
    assert ("no borderline case between them: add one" in said) == (version == "1")


def test_several_logs_are_one(tmp_path, capsys):
    rows = read_strictly(LABELS, Label)
    parts = [
        str(write_jsonl(tmp_path / f"{who}.jsonl", [row for row in rows if row.annotator == who]))
        for who in ("ana", "bo", "cem")
    ]
    assert cli.run(["agree", *parts]) == cli.run(["agree", LABELS]) == 0
    halves = capsys.readouterr().out
    assert halves[: len(halves) // 2] == halves[len(halves) // 2 :]


def test_an_odd_annotator_is_named(tmp_path, capsys):
    cli.run(["agree", log(tmp_path, {"ana": "xyz" * 20, "bo": "xyz" * 20, "dex": "x" * 60})])
    assert "look at dex (one_label): said 'x' in 60/60" in capsys.readouterr().out


def test_refusals_are_exit_2(tmp_path, capsys):
    one = log(tmp_path, {"ana": "xyz"}, "one.jsonl")
    other = log(tmp_path, {"ana": "xyz", "bo": "xyz"}, "other.jsonl")
    third = log(tmp_path, {"ana": "xyz", "bo": "xyz"}, "third.jsonl", version="3")
    for arguments, said in [
        ([one], "there is 1 annotator"),
        ([other, "--guideline", guideline("1")], "label 'x' on r0: is not in the guideline"),
        ([third, "--guideline", guideline("1")], "under which nothing was labelled"),
        ([str(tmp_path / "none.jsonl")], "No such file"),
        ([GOLD], "line 1"),
    ]:
        assert cli.run(["agree", *arguments]) == 2
        assert said in capsys.readouterr().err
