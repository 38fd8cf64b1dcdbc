"""The command line: exit codes, one-line errors, and nothing dangerous on the terminal."""

from __future__ import annotations

import json
import os
import sys

import pytest
import typer

from labkit import LabError, cli
from labkit.files import write_jsonl
from labkit.home import Home
from labkit.lesson.doctor import Line, Report


@pytest.fixture
def boom(monkeypatch):
    """A verb that fails as told."""
    extra = typer.Typer()
    problem: list[BaseException] = []

    @extra.command()
    def boom() -> None:
        raise problem[0]

    @extra.command()
    def three() -> int:
        return 3

    monkeypatch.setattr(cli, "app", extra)
    return problem


def test_help_lists_the_verbs(capsys):
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in ("doctor", "lab", "lineage", "schema"))
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("labkit ")


def test_lab_error_is_one_line_and_2(boom, capsys):
    boom.append(LabError("rows\x1b[31m.jsonl", "bad\nline\x07", "mend it"))
    assert cli.run(["boom"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == "labkit: rows.jsonl: bad line . Mend it.\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FileNotFoundError(2, "No such file", "x.jsonl"), 2, "labkit: x.jsonl: No such file\n"),
        (KeyboardInterrupt(), 130, "stopped"),
        (typer.Abort(), 130, "stopped"),
        (typer.BadParameter("too big"), 2, "too big"),
        (typer.Exit(1), 1, ""),
        (ZeroDivisionError("oops"), 70, "please report it"),
    ],
)
def test_other_ends(boom, capsys, error, code, said):
    boom.append(error)
    assert cli.run(["boom"]) == code
    assert said in capsys.readouterr().err


def test_verdict_codes_pass_through_and_usage_errors_are_2(boom, capsys):
    assert cli.run(["three"]) == 3
    assert cli.run(["nothing"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_main_exits_with_the_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["labkit", "schema", "nonsense"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[2J\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b31mb\x00c", "a 31mb c"),
        ("a\r\n  b\tc", "a b c"),
        ("abc\u202edcb", "abc dcb"),
        ("Über 45 €, naïve – 数", "Über 45 €, naïve – 数"),
    ],
)
def test_plain(raw, clean):
    assert cli.plain(raw) == clean
    assert cli.plain("a\n b", lines=True) == "a\n b"


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_doctor(monkeypatch, capsys, level, code):
    report = Report(lines=[Line(level=level, what="something")])
    monkeypatch.setattr("labkit.lesson.doctor.doctor", lambda: report)
    assert cli.run(["doctor"]) == code
    assert f"[{level}]" in capsys.readouterr().out


def test_schema(capsys):
    assert cli.run(["schema"]) == 0
    assert "example\n" in capsys.readouterr().out
    assert cli.run(["schema", "Example"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Example"
    assert cli.run(["schema", "exampel"]) == 2
    assert "choose one of example" in capsys.readouterr().err.lower()


def test_lineage(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = write_jsonl(tmp_path / "raw.jsonl", [{"provenance": {"licence": "MIT\x1b[31m"}}])
    home = Home(tmp_path / "lab-home")
    home.run("curation", "clean", lambda out: (out / "rows.jsonl").write_text("{}\n"), outputs=["rows.jsonl"], inputs=[raw])
    assert cli.run(["lineage", "curation/rows.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "curation/clean" in out and "1 rows under MIT" in out and "\x1b" not in out and out.count("\n") == 2
    assert cli.run(["lineage", "curation/rows.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"]
    assert cli.run(["lineage", "no/such"]) == 2


def test_lineage_makes_no_home(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_HOME", raising=False)
    assert cli.run(["lineage", "x"]) == 2
    assert "is no lab home" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="replaces the process on POSIX only")
def test_lab_opens_the_first_notebook(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / cli.START).write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    calls = []
    monkeypatch.setattr(os, "execv", lambda program, command: calls.append(command) or sys.exit(0))
    with pytest.raises(SystemExit):
        cli.run(["lab", "--no-browser", "--port", "9000"])
    assert calls == [[sys.executable, "-m", "jupyterlab", str(tmp_path / cli.START), "--no-browser", "--port", "9000"]]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cli.run(["lab"]) == 2
    with pytest.raises(SystemExit):
        cli.run(["lab", "--allow-root"])


def test_lab_without_notebooks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "START", cli.START.with_name("99_not_there.ipynb"))
    assert cli.run(["lab"]) == 2
    assert "is not here" in capsys.readouterr().err
