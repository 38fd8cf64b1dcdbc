"""A team's own oracles: from a file beside the suite or a named one, with a clear word when two names clash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import LabError, cli
from labkit.checks import CHECKS, load_own_checks
from labkit.evaluation import registry, suite
from labkit.evaluation.registry import ORACLES, RECORD_ORACLES, Outcome, Said, apply, known_oracles, load_own_oracles
from labkit.files import write_text

POLITE = """
from labkit.evaluation.registry import judged, oracle

@oracle("{name}")
def polite(expected, answer, prompt_text):
    if not isinstance(expected, str):
        raise ValueError("give a word")
    return judged(expected in answer.lower(), "a polite answer", f'"{{answer}}"')
"""
LATER = """
from labkit.evaluation.registry import judged, record_oracle

@record_oracle("longer")
def longer(expected, said, seed):
    return judged(len(said.answer) > len(seed.answer), "a longer answer", f"{len(said.answer)} letters")
"""
SUITE = (
    "suite: own\ncases:\n"
    "  - {id: A-1, requirement: REQ-1, technique: MFT, given: 'When?', expect: [{polite: please}]}\n"
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(ORACLES), dict(RECORD_ORACLES)
    yield
    for known, now in zip(before, (ORACLES, RECORD_ORACLES), strict=True):
        now.clear()
        now.update(known)


def own(folder: Path, name: str = "polite", file: str = "oracles.py") -> Path:
    return write_text(folder / file, POLITE.format(name=name))


def test_a_file_beside_the_suite_brings_its_oracles(tmp_path: Path) -> None:
    path = write_text(tmp_path / "own.yaml", SUITE)
    with pytest.raises(LabError, match=r"oracle 'polite' is unknown.*oracles\.py beside the suite"):
        suite.load(path)
    own(tmp_path)
    assert suite.load(path).cases[0].expect == [{"polite": "please"}]
    assert suite.load(path).name == "own"  # loading it twice replaces, and is no clash
    assert apply("polite", "please", Said("Please wait.", "")).passed
    write_text(path, SUITE.replace("please", "5"))
    with pytest.raises(LabError, match="A-1: 'polite': give a word"):
        suite.load(path)


def test_a_named_file_and_a_record_oracle(tmp_path: Path) -> None:
    assert load_own_oracles(own(tmp_path, file="mine.py")) == ["polite"]
    assert load_own_oracles(write_text(tmp_path / "later.py", LATER)) == ["longer"]
    assert apply("longer", True, Said("Yes, of course.", ""), Said("Yes.", "")).passed
    assert set(known_oracles()) == set(ORACLES) | set(RECORD_ORACLES)


@pytest.mark.parametrize("name", ["facts", "consistent", "polite"])
def test_a_name_that_is_taken_is_told_with_both_places(tmp_path: Path, name: str) -> None:
    load_own_oracles(own(tmp_path, file="first.py"))
    with pytest.raises(LabError, match=rf"second\.py, oracle '{name}': exists already \(in .+\)\. Choose another name"):
        load_own_oracles(own(tmp_path, name, "second.py"))


@pytest.mark.parametrize(
    "text, says",
    [
        ("import nowhere_to_be_found", "cannot be imported .*nowhere_to_be_found.*Mend the file"),
        ("x = (", "cannot be imported .*SyntaxError"),
        ("x = 1", "registers no oracle.*@oracle"),
    ],
)
def test_a_file_that_is_no_use_is_told(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LabError, match=says):
        load_own_oracles(write_text(tmp_path / "own.py", text))
    with pytest.raises(LabError, match=r"none\.py.*cannot be imported"):
        load_own_oracles(tmp_path / "none.py")


def test_checks_of_ones_own_load_as_before(tmp_path: Path) -> None:
    text = 'from labkit.checks import row_check\n@row_check("e2-own", severity="minor", about="x")\ndef f(row, context): ...'
    try:
        assert load_own_checks(write_text(tmp_path / "checks.py", text)) == ["e2-own"]
        with pytest.raises(LabError, match="registers no check"):
            load_own_checks(write_text(tmp_path / "none.py", ""))
    finally:
        CHECKS.pop("e2-own", None)


def test_the_command_line_takes_a_file_of_oracles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "suites"
    path = write_text(folder / "own.yaml", SUITE)
    row = "requirements:\n  - {id: REQ-1, text: It must., likelihood: 2, impact: 5, severity: critical}\n"
    needs = write_text(folder / "requirements.yaml", row)
    run = write_text(tmp_path / "run.jsonl", "")
    arguments = ["compare", str(run), str(run), "--suite", str(path), "--requirements", str(needs)]
    assert cli.run(arguments) == 2
    assert "oracle 'polite' is unknown" in capsys.readouterr().err
    assert cli.run([*arguments, "--oracles", str(own(tmp_path, file="mine.py"))]) == 2
    assert "holds no records" in capsys.readouterr().err


def test_an_unknown_oracle_and_a_bare_bool_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match=r"oracle 'nice' is|oracle 'nice': is unknown"):
        apply("nice", True, Said("x", ""))
    monkeypatch.setitem(ORACLES, "nice", lambda expected, answer, prompt_text: True)
    with pytest.raises(LabError, match="returned bool"):
        apply("nice", True, Said("x", ""))
    assert isinstance(registry.judged(True, "a", "b"), Outcome)
