"""Readers lose no good line, writers leave nothing half-written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import LabError
from labkit.files import append_jsonl, read_jsonl, read_strictly, sha256, write_jsonl, write_text
from labkit.records import Label, Message

GOOD = Label(row_id="r1", annotator="ana", guideline="1", value="x")


def line(label: Label) -> bytes:
    return (json.dumps(label.model_dump(mode="json")) + "\n").encode()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"row_id": "r2", "annot', "cut off"),
        (b'{"row_id": "r\x002"}\n', "NUL"),
        (b'{"row_id": "\xff\xfe"}\n', "UTF-8"),
        (b"[" * 100_000 + b"\n", "nested too deeply"),
        (b'{"row_id": "r2"}\n', "Field required"),
        (b'{"row_id": "../../etc", "annotator": "a", "guideline": "1", "value": "x"}\n', "an id is"),
        (b"NaN\n", "not JSON"),
        (b"[1, 2]\n", "valid dictionary"),
        (b"x" * 9_000_000 + b"\n", "longer than"),
    ],
)
def test_a_bad_line_is_a_critical_finding_and_costs_no_other(tmp_path, bad, words):
    path = tmp_path / "rows.jsonl"
    rows = [line(GOOD), line(GOOD.model_copy(update={"row_id": "r9"}))]
    whole = bad.endswith(b"\n")  # else it is cut off, and can only be the last line
    path.write_bytes(rows[0] + bad + rows[1] if whole else rows[0] + rows[1] + bad)
    records, findings = read_jsonl(path, Label)
    assert [r.row_id for r in records] == ["r1", "r9"]
    (finding,) = findings
    assert finding.severity == "critical" and words in finding.message
    assert finding.message.startswith(f"rows.jsonl line {2 if whole else 3}:")


def test_bom_blank_lines_and_windows_line_ends_are_fine(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line(GOOD).replace(b"\n", b"\r\n") + b"\r\n" + line(GOOD))
    records, findings = read_jsonl(path, Label)
    assert len(records) == 2 and not findings


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b), max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_garbage_between_good_lines_loses_none_of_them(tmp_path_factory, garbage):
    path = tmp_path_factory.mktemp("g") / "rows.jsonl"
    path.write_bytes(b"".join(g + b"\n" + line(GOOD) for g in garbage) + line(GOOD))
    records, findings = read_jsonl(path, Label)
    assert len(records) == len(garbage) + 1
    assert len(findings) <= len(garbage)


def test_read_strictly_names_file_and_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(line(GOOD) + b"{oops}\n")
    with pytest.raises(LabError, match=r"rows.jsonl line 2: not JSON"):
        read_strictly(path, Label)
    path.write_text("")
    with pytest.raises(LabError, match="holds no records"):
        read_strictly(path, Label)


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_text(path, "old\n")

    def rows():
        yield GOOD
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_jsonl(path, rows())
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["rows.jsonl"]


def test_append_closes_a_line_that_a_kill_cut_off(tmp_path):
    path = tmp_path / "log.jsonl"
    append_jsonl(path, GOOD)
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        append_jsonl(path, GOOD.model_copy(update={"row_id": "r2"}))
        records, _ = read_jsonl(path, Label)
        assert records[0].row_id == "r1" and records[-1].row_id == "r2"


def test_hash_of_a_folder_sees_names_and_content(tmp_path):
    folder = tmp_path / "f"
    write_text(folder / "a.txt", "1")
    first = sha256(folder)
    write_text(folder / "b.txt", "1")
    assert sha256(folder) != first
    (folder / "b.txt").unlink()
    assert sha256(folder) == first
    write_text(folder / "a.txt", "2")
    assert sha256(folder) != first


def test_a_key_that_stands_twice_is_a_finding_wherever_it_stands(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"role": "user", "content": "a", "content": "b"}\n{"role": "user", "content": "c"}\n')
    rows, (finding,) = read_jsonl(tmp_path / "x.jsonl", Message)
    assert [row.content for row in rows] == ["c"]
    assert "key 'content' stands twice" in finding.message
