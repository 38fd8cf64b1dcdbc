"""Forgetting a person: rows in every spelling, what was made of them, and nothing deleted without the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labkit import LabError
from labkit.files import write_jsonl
from labkit.governance.forget import forget
from labkit.governance.mask import KeyFile, Masker
from labkit.governance.subject import matcher
from labkit.home import Home

KEY = KeyFile(key="ab" * 32)


def row(number: int, text: str, **provenance) -> dict:
    made = {"source": "chat", **provenance}
    return {"id": f"r-{number}", "prompt": [{"role": "user", "content": text}], "response": "Done.", "provenance": made}


ROWS = [
    row(1, "Mail kim@linde.net about the kettle"),
    row(2, "Where is my hammock?"),
    row(3, "What does the planter cost?", parents=["r-1"]),
    row(4, "And the mower?", parents=["r-3", "r-9"]),
]


@pytest.fixture
def rows(tmp_path) -> Path:
    return write_jsonl(tmp_path / "data" / "rows.jsonl", ROWS)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    ("subject", "kind", "yes", "no"),
    [
        (
            "kim@linde.net", "e-mail", ["Kim@Linde.net.", "kim (at) linde dot net"],
            ["joakim@linde.net", "kim@linde.net.au", "kim@linde.network"],
        ),
        (
            "+44 7700 900461", "number", ["07700 900461", "00447700900461", "(07700) 900-461"],
            ["07700 900462", "1207700900461234"],
        ),
        (
            "Kim Linde", "name", ["KIM  LINDE's", "Linde, Kim", "Kim B. Linde", "kim\nlinde"],
            ["Kim Lindemann", "Joakim Linde", "Kim and Linde"],
        ),
        ("C-48213", "id", ["customer c48213", "(C 48213)"], ["C-482130", "AC-48213"]),
        ("[EMAIL-0a1b2c3d]", "pseudonym", ["to [EMAIL-0a1b2c3d]"], ["to [EMAIL-0a1b2c3e]"]),
    ],
)  # fmt: skip
def test_a_subject_is_known_in_all_spellings(subject, kind, yes, no):
    found, mentions = matcher(subject)
    assert found == kind
    assert [text for text in yes if not mentions(text)] == []
    assert [text for text in no if mentions(text)] == []


@given(st.text(min_size=4, max_size=40))
@example("0000000")
@example("--a--b1")
def test_any_subject_is_found_in_itself_or_refused(subject):
    try:
        _, mentions = matcher(subject)
    except LabError:
        return
    assert mentions(" ".join(subject.split())) or not subject.isascii() or not any(c.isalnum() for c in subject)


def test_rows_their_copies_and_their_children_go(home, rows, tmp_path):
    copy = write_jsonl(
        tmp_path / "data" / "masked.jsonl", [row(1, "Mail [EMAIL] about the kettle"), row(2, "Hammock?")]
    )
    found, folder = forget(home, "kim@linde.net", [rows, copy])
    assert [(Path(r.file).name, r.row, r.why) for r in found.rows] == [
        ("rows.jsonl", "r-1", "mentions the person"),
        ("rows.jsonl", "r-3", "was made from row r-1"),
        ("rows.jsonl", "r-4", "was made from row r-3"),
        ("masked.jsonl", "r-1", "is the same row in another file"),
    ]
    assert [json.loads(line)["id"] for line in (folder / "rows.jsonl").read_text().splitlines()] == ["r-2"]
    assert (folder / "rows.jsonl").read_bytes() == rows.read_bytes().splitlines(keepends=True)[1]
    assert len(rows.read_text().splitlines()) == 4  # the original is untouched


def test_the_list_names_nothing_of_the_person(home, rows):
    _, folder = forget(home, "kim@linde.net", [rows])
    papers = "".join((folder / name).read_text() for name in ("list.json", "list.md")) + home.ledger.read_text()
    assert "kim" not in papers.lower().replace(str(rows.parent).lower(), "")


def test_damaged_lines_and_other_formats_are_searched_too(home, tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(
        b'{"messages": [{"role": "user", "content": "I am KIM@linde.net"}]}\n{"cut": "kim@linde.net\n\n{"a": "\xff"}\n'
    )
    found, folder = forget(home, "kim@linde.net", [path])
    assert [(r.line, r.row) for r in found.rows] == [(1, "line-1"), (2, "line-2")]
    assert (folder / "mixed.jsonl").read_bytes() == b'{"a": "\xff"}\n'


def test_a_person_is_found_under_a_pseudonym_with_the_key(home, tmp_path):
    masker = Masker(bytes.fromhex(KEY.key))
    text = masker.mask("Mail kim@linde.net now")
    path = write_jsonl(tmp_path / "masked.jsonl", [row(1, text), row(2, "Hammock?")])
    assert forget(home, "kim@linde.net", [path])[0].rows == []
    assert [r.row for r in forget(home, "kim@linde.net", [path], KEY)[0].rows] == ["r-1"]
    raw = write_jsonl(tmp_path / "raw.jsonl", [row(5, "I am kim@linde.net")])
    known = KeyFile(key=KEY.key, table=masker.table)
    assert [r.row for r in forget(home, next(iter(masker.table)), [raw], known)[0].rows] == ["r-5"]


def _step(home: Home, stage: str, name: str, out: str, text: str, inputs: list[Path]) -> Path:
    def work(scratch: Path) -> None:
        target = scratch / out
        if target.suffix:
            target.write_text(text)
        else:
            target.mkdir(exist_ok=True)
            (target / "weights.bin").write_text(text)

    return home.run(stage, name, work, outputs=[out], inputs=inputs)


def test_artefacts_made_of_the_rows_are_listed_through_all_stages(home, rows, tmp_path):
    clean = _step(home, "curation", "kept", "kept.jsonl", json.dumps(ROWS[1]) + "\n", [rows])
    train = _step(home, "curation", "all", "all.jsonl", rows.read_text(), [rows])
    adapter = _step(home, "training", "sft", "sft", "w", [train])
    other = _step(home, "training", "good", "good", "v", [clean])
    runs = _step(home, "evaluation", "runs", "runs.jsonl", '{"output": "hi"}\n', [adapter / "weights.bin"])
    report = _step(home, "release", "report", "report.html", "<p>no name</p>", [runs])
    told = _step(home, "release", "told", "told.html", "<p>Kim@linde.net</p>", [other])
    found, _ = forget(home, "kim@linde.net", [rows])
    assert {(a.path, a.state) for a in found.artefacts} == {
        (p.relative_to(home.path).as_posix(), "there") for p in (train, adapter, runs, report, told)
    }
    report.unlink()
    _step(home, "release", "last", "last.html", "<p>bye</p>", [train])
    fresh, _ = forget(home, "kim@linde.net", [rows])
    states = {a.path: a.state for a in fresh.artefacts}
    assert (states["release/report.html"], states["release/last.html"]) == ("gone", "there")


def test_a_raw_file_that_nobody_named_is_found_by_the_ledger(home, rows, tmp_path):
    train = _step(home, "curation", "all", "all.jsonl", json.dumps(ROWS[1]) + "\n", [rows])
    found, _ = forget(home, "kim@linde.net", [write_jsonl(tmp_path / "x.jsonl", [row(8, "nothing")])])
    assert [(Path(a.path).name, a.why) for a in found.artefacts] == [
        ("rows.jsonl", "mentions the person, and was read by this step")
    ]
    assert train.exists()


@pytest.mark.parametrize(
    ("subject", "file"), [("ab", "rows.jsonl"), ("kim@linde.net", "rows.csv"), ("kim@linde.net", "none.jsonl")]
)
def test_what_cannot_be_done_is_said_in_one_line(home, rows, subject, file):
    (rows.parent / "rows.csv").write_text("a")
    with pytest.raises(LabError):
        forget(home, subject, [rows.parent / file])
