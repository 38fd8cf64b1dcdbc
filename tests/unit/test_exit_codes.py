"""Exit codes of the judging verbs: 0 go, 1 no-go, 2 invalid or stale evidence, 3 inconclusive. Bad evidence never passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit import cli
from labkit.files import sha256, write_jsonl

HOSTILE = "</pre><script>alert(1)</script>\x1b[31mred\x1b]0;title\x07 \u202eevil \ud800 ``` {{ 7*7 }} 45 days"
NEEDS = [
    {"id": "R1", "text": "states 45 days", "likelihood": 3, "impact": 3, "severity": "major"},
    {"id": "R2", "text": "refuses", "likelihood": 2, "impact": 5, "severity": "critical"},
]
POLICY = {
    "critical": {"violations_below": 0.30},
    "major": {"floor": 0.6},
    "non_inferiority": {"margin": 0.4},
    "independence": True,
    "coverage": {"cases": 10, "rows": 2},
}
TREES = ("ash", "birch", "cedar", "date", "elm", "fir", "gum", "hazel", "ivy", "juniper", "kapok", "larch")
WRONG = {"R1": "Within 30 days.", "R2": "Sure, it is 12 Mill Lane."}
RIGHT = {"R1": "Within 45 days.", "R2": "I cannot share another customer's address."}


class Desk:
    """A folder with all that the verbs judge; every part may be damaged."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("requirements.yaml", "suite.yaml", "gate.yaml", "rows.jsonl", "new.jsonl", "old.jsonl"):
            setattr(self, name.split(".")[0], folder / name)
        self.cases = [(f"{r}-{i}", r) for r in ("R1", "R2") for i in range(len(TREES))]

    def lay(self) -> None:
        """Write every file."""
        self.requirements.write_text(yaml.safe_dump({"requirements": NEEDS}))
        cases = [
            {
                "id": f"{r}-{i}",
                "requirement": r,
                "technique": "MFT",
                "given": f"{word} {i * 37} {r} {word * 2}?",
                "expect": e,
            }
            for r, e in (("R1", [{"facts": ["45 days"]}]), ("R2", [{"decision": "refuse"}]))
            for i, word in enumerate(TREES)
        ]
        self.suite.write_text(yaml.safe_dump({"suite": "mine", "cases": cases}))
        self.policy(POLICY)
        rows = [(f"{r}-row-{i}", r) for i in range(3) for r in ("R1", "R2")]
        write_jsonl(
            self.rows,
            [
                {
                    "id": i,
                    "prompt": [{"role": "user", "content": f"What about {i}?"}],
                    "response": "x",
                    "requirements": [r],
                }
                for i, r in rows
            ],
        )
        self.answers(self.new)
        self.answers(self.old, model="sft")

    def policy(self, content: dict[str, Any]) -> None:
        self.gate.write_text(yaml.safe_dump(content))

    def records(
        self, wrong: int = 0, model: str = "dpo", answer: str | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        made_by = {"model": model * 9, "template": "t", "suite": sha256(self.suite)} | more.pop("made_by", {})
        found = []
        for number, (case, requirement) in enumerate(self.cases):
            text = WRONG[requirement] if number < wrong else answer or RIGHT[requirement]
            found.append(
                {"case_id": case, "model": model, "prompt": "p", "output": text, "tokens": 1, "finish": "stop"}
                | more
                | {"made_by": made_by}
            )
        return found

    def answers(self, file: Path, *args: Any, **more: Any) -> None:
        # As ASCII JSON: half a character is legal there, though no UTF-8 file can hold it.
        file.write_text("".join(json.dumps(record) + "\n" for record in self.records(*args, **more)))

    def arguments(self, verb: str) -> list[str]:
        judged = ["--suite", str(self.suite), "--requirements", str(self.requirements)]
        sides = ["--candidate", str(self.new), "--baseline", str(self.old)]
        gate = [*sides, *judged, "--policy", str(self.gate), "--rows", str(self.rows)]
        home = ["--home", str(self.folder / "home")]
        return {
            "gate": ["gate", *gate, "--junit", str(self.folder / "junit.xml")],
            "report": ["report", *gate, "--out", str(self.folder / "out")],
            "compare": ["compare", str(self.old), str(self.new), *judged, "--margin", "0.4"],
            "bless": ["bless", str(self.new), "--as", "r1", "--reason", "why", "--suite", str(self.suite), *home],
            "export": ["suite", "export", str(self.suite), "--to", "promptfoo", "--out", str(self.folder / "out")],
            "run": [
                "run",
                "--model",
                "no-such-model",
                "--suite",
                str(self.suite),
                "--out",
                str(self.folder / "r.jsonl"),
            ],
        }[verb]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written once: YAML is slow."""
    Desk(folder := tmp_path_factory.mktemp("template")).lay()
    return folder


@pytest.fixture
def desk(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Desk(tmp_path)


def refused(desk: Desk, verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one-line complaint of a verb that ends with 2 and leaves no file that looks like a result."""
    code = cli.run(desk.arguments(verb))
    said = capsys.readouterr()
    assert code == 2, (verb, code, said)
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("labkit: ")
    assert len(said.err) < 600 and "\x1b" not in said.err
    made = ("out", "junit.xml", "r.jsonl", "home/evaluation/baselines/log.jsonl")
    assert [name for name in made if (desk.folder / name).exists()] == []
    return said.err


# --- what the evidence says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "policy", "gate", "compare"),
    [
        (0, {}, 0, 0),
        (0, {"critical": {"violations_below": 0.01}}, 3, 0),
        (0, {"coverage": {"cases": 13}}, 3, 0),
        (13, {}, 1, 1),  # all of R1 and a critical case
        (3, {"non_inferiority": {"margin": 0.05}}, 3, 0),
        (0, {"coverage": {"cases": 1, "rows": 4}}, 3, 0),
    ],
)
def test_the_codes_say_what_the_evidence_says(
    desk: Desk, capsys: pytest.CaptureFixture[str], wrong: int, policy: dict[str, Any], gate: int, compare: int
) -> None:
    desk.policy(POLICY | policy)
    desk.answers(desk.new, wrong)
    assert [cli.run(desk.arguments(verb)) for verb in ("gate", "report", "compare")] == [gate, gate, compare]
    word = {0: "GO for dpo", 1: "NO-GO for dpo", 3: "INCONCLUSIVE for dpo"}[gate]
    said = capsys.readouterr()
    assert said.out.count(word) == 2 and said.err == ""
    assert sorted(p.name for p in (desk.folder / "out").iterdir()) == [
        "decision.json", "defects.md", "junit.xml", "report.html",
    ]  # fmt: skip


def test_an_undecided_comparison_ends_with_3_and_says_how_many_cases_are_missing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.answers(desk.new, 1)
    assert cli.run([*desk.arguments("compare")[:-1], "0.01"]) == 3
    said = capsys.readouterr().out
    assert "INCONCLUSIVE" in said and ("further cases would decide" in said or "would not decide" in said)


def test_blessing_and_a_baseline_of_the_same_name(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(desk.arguments("bless")) == 0
    desk.answers(desk.old, 2)  # an earlier release, also called dpo
    assert cli.run(desk.arguments("report")) == 0
    assert "dpo (baseline)" in (desk.folder / "out" / "report.html").read_text()
    assert cli.run([*desk.arguments("gate"), "--again", str(desk.new)]) == 0


# --- hostile answers are judged and stay text -------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(name for name, _ in attrs)}


@pytest.mark.parametrize(
    "answer",
    [
        HOSTILE,
        HOSTILE + "x" * 1_048_576,
        "",
        "[" * 20_000,
        '{"a":' * 6_000,
        "days " * 6_000,
        "\x00\x00",
        "45 days\n" * 4000,
    ],
    ids=["html", "megabyte", "empty", "brackets", "objects", "words", "nul", "lines"],
)
def test_hostile_answers_are_judged_and_shown_harmlessly(
    desk: Desk, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    records = desk.records(model=HOSTILE)
    for number in (0, 12):  # one case of each requirement
        records[number]["output"] = answer
    desk.new.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [cli.run(desk.arguments(verb)) for verb in ("gate", "report", "compare")] == [1, 1, 0]
    said = capsys.readouterr()
    assert "\x1b" not in said.out and "\u202e" not in said.out and said.err == ""
    page = (desk.folder / "out" / "report.html").read_text(encoding="utf-8")
    assert not {"script", "img", "src", "href", "onerror"} & Tags(page).seen
    assert len(page) < 300_000 and "\x1b" not in page
    if len(answer) > 32_768:
        assert "Expected an answer of at most 32,768 characters, found one of" in page
    for name in ("junit.xml", "defects.md", "decision.json"):
        assert "\x1b" not in (desk.folder / "out" / name).read_text(encoding="utf-8")


# --- evidence that is refused -----------------------------------------------------------------------------------------


def lines(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Desk], None]:
    """Damage the candidate's records."""

    def damage(desk: Desk) -> None:
        records = desk.records()
        change(records)
        write_jsonl(desk.new, records)

    return damage


def content(name: str, data: bytes | None) -> Callable[[Desk], None]:
    """Put other bytes into a file; None puts a folder in its place."""

    def damage(desk: Desk) -> None:
        file: Path = getattr(desk, name)
        file.unlink()
        file.mkdir() if data is None else file.write_bytes(data)

    return damage


def suite(**change: Any) -> Callable[[Desk], None]:
    def damage(desk: Desk) -> None:
        found = yaml.safe_load(desk.suite.read_text())
        for key, value in change.items():
            found["cases"][0][key] = value
        desk.suite.write_text(yaml.safe_dump(found))

    return damage


def policy(**change: Any) -> Callable[[Desk], None]:
    return lambda desk: desk.policy(POLICY | change)


def cut(desk: Desk) -> None:
    desk.new.write_bytes(desk.new.read_bytes()[:-40])


JUNK: dict[str, bytes | None] = {
    "a folder": None,
    "empty": b"",
    "not UTF-8": b"\xff\xfe\x80 abc\n",
    "NUL": b"\x00\x00\x00\n",
    "nested": b"[" * 400 + b"\n",
    "another format": b"<html><script>alert(1)</script></html>\n",
}
RECORDS: dict[str, tuple[Callable[[Desk], None], str]] = {
    "missing": (lambda desk: desk.new.unlink(), "No such file"),
    **{f"{name} run": (content("new", data), "new.jsonl") for name, data in JUNK.items()},
    "nested deeply": (content("new", b"[" * 100_000 + b"\n"), "new.jsonl"),
    "blank lines": (content("new", b"\n\n\n"), "holds no records"),
    "cut off": (cut, "last line is cut off"),
    "one bad line": (lambda desk: desk.new.write_text(desk.new.read_text() + "{]\n"), "line 25: not JSON"),
    "a list": (lines(lambda r: r.insert(0, [1])), "line 1"),  # type: ignore[arg-type]
    "wrong type": (lines(lambda r: r[3].update(output=7)), "line 4: output"),
    "unknown field": (lines(lambda r: r[0].update(verdict="pass")), "verdict: Extra inputs"),
    "hostile id": (lines(lambda r: r[0].update(case_id="../../x\x1b[2J")), "line 1: case_id"),
    "no hashes": (lines(lambda r: r[0].update(made_by={})), "made_by lacks"),
    "infinity": (
        lambda desk: desk.new.write_text(desk.new.read_text().replace('"tokens": 1', '"tokens": Infinity')),
        "line 1",
    ),
    "too long": (lines(lambda r: r[0].update(output="x" * 9_000_000)), "line is longer than 8 MB"),
    "twice": (lines(lambda r: r.append(r[0])), "stands twice"),
    "one missing": (lines(lambda r: r.pop()), "has no record of case R2-11"),
    "stale": (lines(lambda r: r[5]["made_by"].update(suite="0" * 64)), "suite"),
    "two models": (lines(lambda r: r[2].update(model="sft")), ""),
    "two adapters": (lines(lambda r: r[2].update(made_by=r[2]["made_by"] | {"adapter": "x"})), "another adapter"),
    "unknown case": (lines(lambda r: r[0].update(case_id="R9-1")), "R9-1"),
    "changed suite": (suite(given="What else?"), "suite"),
}


@pytest.mark.parametrize("verb", ["gate", "compare", "bless"])
@pytest.mark.parametrize("name", RECORDS)
def test_runs_that_are_no_evidence(desk: Desk, capsys: pytest.CaptureFixture[str], verb: str, name: str) -> None:
    if (verb, name) == ("bless", "two models"):
        pytest.skip("a blessed run may hold several whole models; half a model is 'one missing'")
    damage, said = RECORDS[name]
    damage(desk)
    assert said in refused(desk, verb, capsys)


def test_a_failed_generation_is_no_baseline_and_no_pass(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    lines(lambda r: r[-1].update(finish="error"))(desk)
    assert "generation failed" in refused(desk, "bless", capsys)
    assert cli.run(desk.arguments("gate")) == 1


SUITES: dict[str, tuple[Callable[[Desk], None], str]] = {
    "missing": (lambda desk: desk.suite.unlink(), "No such file"),
    **{f"{name} suite": (content("suite", data), "suite.yaml") for name, data in JUNK.items()},
    "no cases": (content("suite", b"suite: x\ncases: []\n"), "is no suite"),
    "same id twice": (suite(id="R1-1"), "stands twice"),
    "unknown requirement": (suite(requirement="R7"), "'R7' is unknown"),
    "unknown oracle": (suite(expect=[{"telepathy": "yes"}]), "oracle 'telepathy' is unknown"),
    "nothing can fail it": (suite(expect=[{"forbids": "x"}]), "an empty answer would pass it"),
    "wrong type": (suite(given=5), "case"),
    "bad expectation": (suite(expect=[{"matches": "(["}]), "no regular expression"),
}


@pytest.mark.parametrize("verb", ["gate", "run", "bless", "export"])
@pytest.mark.parametrize("name", SUITES)
def test_suites_that_cannot_judge(desk: Desk, capsys: pytest.CaptureFixture[str], verb: str, name: str) -> None:
    damage, said = SUITES[name]
    damage(desk)
    assert said in refused(desk, verb, capsys)


REQUIREMENTS: dict[str, tuple[Callable[[Desk], None], str]] = {
    "missing": (lambda desk: desk.requirements.unlink(), "No such file"),
    **{f"{name} requirements": (content("requirements", data), "requirements.yaml") for name, data in JUNK.items()},
    "same id twice": (
        content("requirements", yaml.safe_dump({"requirements": [NEEDS[0]] * 2}).encode()),
        "stands twice",
    ),
    "wrong type": (
        content("requirements", yaml.safe_dump({"requirements": [NEEDS[0] | {"impact": 9}]}).encode()),
        "impact",
    ),
}


@pytest.mark.parametrize("verb", ["gate", "compare"])
@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_that_are_none(desk: Desk, capsys: pytest.CaptureFixture[str], verb: str, name: str) -> None:
    damage, said = REQUIREMENTS[name]
    damage(desk)
    assert said in refused(desk, verb, capsys)


GATE: dict[str, tuple[Callable[[Desk], None], str]] = {
    "missing": (lambda desk: desk.gate.unlink(), "No such file"),
    **{f"{name} policy": (content("gate", data), "gate.yaml") for name, data in JUNK.items() if name != "empty"},
    "unknown rule": (policy(luck=True), "luck: Extra inputs"),
    "wrong type": (policy(major={"floor": "high"}), "major.floor"),
    "asks for nothing": (policy(coverage={"cases": 0}), "asks for no case and no row"),
    "no such day": (content("gate", b"name: 2026-13-45\n"), "is not YAML"),
    "a pattern that names nothing": (policy(coverage={"requirements": ["REQ-*"]}), "names no requirement"),
    "flip rate without a second run": (policy(flip_rate={"most": 0.05}), "--again"),
    "mutation score without a record": (policy(mutation_score={"floor": 0.6}), "--mutants"),
    "no rows": (lambda desk: desk.rows.unlink(), "No such file"),
    **{f"{name} rows": (content("rows", data), "rows") for name, data in JUNK.items()},
    "a row cut off": (lambda desk: desk.rows.write_bytes(desk.rows.read_bytes()[:-9]), "cut off"),
    "no baseline file": (lambda desk: desk.old.unlink(), "No such file"),
    "another baseline suite": (
        lambda desk: desk.answers(desk.old, made_by={"suite": "0" * 64}),
        "baseline, record of case",
    ),
}


@pytest.mark.parametrize("name", GATE)
def test_policies_and_further_evidence_that_are_none(desk: Desk, capsys: pytest.CaptureFixture[str], name: str) -> None:
    damage, said = GATE[name]
    damage(desk)
    assert said in refused(desk, "gate", capsys)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        *(
            (RECORDS, name)
            for name in ("missing", "empty run", "not UTF-8 run", "cut off", "twice", "stale", "two models")
        ),
        *((SUITES, name) for name in ("missing", "NUL suite", "unknown oracle")),
        *((REQUIREMENTS, name) for name in ("a folder requirements", "nested requirements", "wrong type")),
        *((GATE, name) for name in ("unknown rule", "a row cut off", "mutation score without a record")),
    ],
)
def test_a_report_needs_what_the_gate_needs(
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    table: dict[str, tuple[Callable[[Desk], None], str]],
    name: str,
) -> None:
    damage, said = table[name]
    damage(desk)
    assert said in refused(desk, "report", capsys)


@pytest.mark.parametrize(
    ("file", "option", "data", "said"),
    [
        ("m.json", "--mutants", b"{", "no record of a mutation test"),
        ("m.json", "--mutants", b'{"score": 1, "n": 4, "low": 0, "high": 1, "survivors": ["a"]}', "names 1 survivors"),
        ("again.jsonl", "--again", b"", "holds no records"),
        ("pairs.jsonl", "--pairs", b'{"id": "p"}\n', "pairs.jsonl line 1"),
    ],
)
def test_optional_evidence_is_read_strictly(
    desk: Desk, capsys: pytest.CaptureFixture[str], file: str, option: str, data: bytes, said: str
) -> None:
    (desk.folder / file).write_bytes(data)
    assert cli.run([*desk.arguments("gate"), option, str(desk.folder / file)]) == 2
    assert said in capsys.readouterr().err


def test_a_second_run_of_other_weights_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.policy(POLICY | {"flip_rate": {"most": 0.2}})
    again = desk.folder / "again.jsonl"
    desk.answers(again)
    arguments = [*desk.arguments("gate"), "--again", str(again)]
    assert cli.run(arguments) == 0 and "Flip rate: in two runs 0/24" in capsys.readouterr().out
    desk.answers(again, made_by={"model": "other weights"})
    assert cli.run(arguments) == 2
    assert "was made by another model than the first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "--policy", "gate.yaml"], "--policy goes with run records"),
        (["report", "--suite", "suite.yaml"], "needs --candidate, --requirements, --policy and --out"),
        (["report", "--candidate", "kto"], "model kto: is not part of the course"),
        (["compare", "a", "b", "--suite", "s", "--requirements", "r", "--margin", "7"], "margin"),
        (["bless", "none.jsonl", "--as", "../x", "--reason", "why"], "is no name"),
        (["bless", "none.jsonl", "--as", "x", "--reason", " "], "has no reason"),
        (["gate"], "Missing option"),
    ],
)
def test_wrong_usage_is_2_too(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert cli.run(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["curate", "coverage", "audit", "agree"])
@pytest.mark.parametrize("name", ["missing", "a folder", "empty", "NUL", "not UTF-8", "nested", "another format"])
def test_verbs_on_rows_and_labels_end_with_2_where_nothing_can_be_read(
    desk: Desk, capsys: pytest.CaptureFixture[str], verb: str, name: str
) -> None:
    desk.rows.unlink() if name == "missing" else content("rows", JUNK[name])(desk)
    out = [] if verb == "agree" else ["--out", str(desk.folder / "out")]
    assert cli.run([verb, str(desk.rows), *out]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("labkit: ") and said.err.count("\n") == 1


@pytest.mark.parametrize("name", ["missing", *JUNK])
def test_mutants_of_a_suite_that_cannot_be_read(desk: Desk, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (desk.folder / "suites").mkdir()
    desk.suite = desk.suite.rename(desk.folder / "suites" / "suite.yaml")
    desk.suite.unlink() if name == "missing" else content("suite", JUNK[name])(desk)
    assert cli.run(["mutants", "--folder", str(desk.folder)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("labkit: ") and said.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["gate", "report", "compare"])
def test_oracles_that_cannot_be_loaded(desk: Desk, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert cli.run([*desk.arguments(verb), "--oracles", str(desk.folder / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err
