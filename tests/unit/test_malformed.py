"""Two hundred malformed inputs and more: each gives a row or a finding, every verb ends with a code, no good row is lost."""

from __future__ import annotations

import json

import pytest

from labkit import LabError, cli
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.records import Example, Label

FIRST, LAST = (
    {
        "id": name,
        "domain": "own",
        "prompt": [{"role": "user", "content": f"When does the {thing} arrive?"}],
        "response": "It arrives within 4 working days.",
        "slices": {"channel": "chat"},
    }
    for name, thing in (("first", "kettle"), ("last", "hammock"))
)
WHOLE = json.dumps(FIRST | {"id": "whole"})
HTML = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</table><b>", "<!-- -->", "&lt;&#0;", "{{7*7}}",
        "javascript:alert(1)", '"><svg onload=x>', "<style>*{display:none}</style>", "]]>"]  # fmt: skip
TERMINAL = ["\x1b[2J", "\x1b]0;title\x07", "\x1b[31mred", "\x07\x08\x7f", "\x9b31m", "\u202eabc", "\u2066x\u2069", "\ufeff",
            "\u200b\u200d", "\r\x1b[K"]  # fmt: skip
PATHS = ["../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "a/b", "~", ".", "..", "-rf", "", " ", "a b", "a\nb", "a\0b",
         "é", "x" * 500, "con:", "'; drop table rows;--", "$(id)", "%2e%2e%2f"]  # fmt: skip
WRONG = [None, True, 0, -1.5, 1e308, [], {}, [[]], [None], {"a": 1}, ["x"], "text"]


def _row(**change: object) -> bytes:
    return json.dumps(FIRST | {"id": "odd"} | change).encode()


def _inputs() -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    made |= {f"cut at {at}": WHOLE[:at].encode() for at in range(1, len(WHOLE), len(WHOLE) // 40)}
    made |= {f"NUL at {at}": f"{WHOLE[:at]}\0{WHOLE[at:]}".encode() for at in range(0, len(WHOLE), len(WHOLE) // 10)}
    made |= {
        f"{field} is {value!r}": _row(**{field: value})
        for field in ("id", "prompt", "response", "slices", "provenance", "requirements", "split")
        for value in WRONG
        if not (field == "response" and value == "text")
    }
    made |= {f"record is {value!r}": json.dumps(value).encode() for value in WRONG}
    made |= {f"HTML {n} in {field}": _row(**{field: text}) for n, text in enumerate(HTML) for field in ("response", "domain")}
    made |= {f"terminal {n} in {field}": _row(**{field: x}) for n, x in enumerate(TERMINAL) for field in ("response", "domain")}
    made |= {f"id {n} is a path": _row(id=path) for n, path in enumerate(PATHS)}
    made |= {f"slice {n} is a path": _row(slices={path: path}) for n, path in enumerate(PATHS)}
    made |= {f"raw escape {n}": b'{"id": "odd", "response": "' + x.encode() + b'"}' for n, x in enumerate(TERMINAL)}
    made |= {
        "1 MB answer": _row(response="long " * 200_000),
        "1 MB without a space": _row(response="x" * 1_000_000),
        "1 MB of nothing": b" " * 1_000_000 + b"x",
        "9 MB": _row(response="x" * 9_000_000),
        "mark of byte order": b"\xef\xbb\xbf" + WHOLE.encode(),
        "two marks": b"\xef\xbb\xbf\xef\xbb\xbf" + WHOLE.encode(),
        "UTF-16": WHOLE.encode("utf-16-le"),
        "Latin-1": WHOLE.replace("kettle", "käse").encode("latin-1"),
        "half a character": WHOLE.encode()[:-3] + b'\xc3"}',
        "bytes of nothing": bytes(range(128, 256)),
        "lone return": WHOLE.replace(", ", ",\r").encode(),
        "returns and feeds": WHOLE.replace(", ", ",\x0b\x0c\x85").encode(),
        "only returns": b"\r\r\r",
        "deep": b'{"response": ' + b"[" * 100_000,
        "deep and closed": b'{"response": ' + b"[" * 900 + b"]" * 900 + b"}",
        "deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        "key twice": WHOLE.replace('"domain"', '"id"').encode(),
        "key twice inside": WHOLE.replace('"content"', '"role"').encode(),
        "NaN": _row().replace(b'"chat"', b"NaN"),
        "long number": b'{"id": ' + b"9" * 5_000 + b"}",
        "two records": WHOLE.encode() * 2,
        "trailing comma": WHOLE.encode()[:-1] + b",}",
        "single quotes": WHOLE.replace('"', "'").encode(),
        "a comment": b"// " + WHOLE.encode(),
        "lone surrogate": _row(response="a\ud800b"),
        "same id": json.dumps(FIRST).encode(),
        "shell": b"$(rm -rf /tmp/nothing)",
        "pickle": b"cos\nsystem\n(S'true'\ntR.".replace(b"\n", b" "),
        "YAML": b"!!python/object/apply:os.system ['true']",
    }
    return made


INPUTS = _inputs()


def test_there_are_two_hundred_of_them():
    assert len(set(INPUTS.values())) >= 200


@pytest.mark.parametrize("name", INPUTS)
def test_each_is_a_row_or_a_finding_and_costs_no_other_row(tmp_path, name):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join([json.dumps(FIRST).encode(), INPUTS[name], json.dumps(LAST).encode()]))
    rows, findings = read_rows(path)
    assert (rows[0].id, rows[-1].id) == ("first", "last")
    assert len(rows) - 2 + len(findings) >= bool(INPUTS[name].strip())
    assert all(f.message.startswith("rows.jsonl line") for f in findings)


@pytest.mark.parametrize("name", INPUTS)
def test_alone_in_a_file_each_is_a_row_or_one_sentence(tmp_path, name):
    path = tmp_path / "rows.json"
    path.write_bytes(INPUTS[name])
    try:
        assert read_rows(path)[0]
    except LabError as error:
        assert "\n" not in str(error)


@pytest.fixture
def all_of_them(tmp_path):
    path = tmp_path / "rows.jsonl"
    small = [data for data in INPUTS.values() if len(data) < 2_000_000]
    path.write_bytes(b"\n".join([json.dumps(FIRST).encode(), *small, json.dumps(LAST).encode()]))
    return path


@pytest.mark.parametrize(
    ("verb", "clean"),
    [
        (["curate", "--only", "empty_answer", "--only", "exact_duplicate"], "clean.jsonl"),
        (["audit"], None),
        (["coverage"], None),
    ],
    ids=["curate", "audit", "coverage"],
)
def test_a_verb_on_all_of_them_ends_with_a_code(tmp_path, all_of_them, capsys, verb, clean):
    out = tmp_path / "out"
    code = cli.run([verb[0], str(all_of_them), "--out", str(out), *verb[1:], "--home", str(tmp_path / "home")])
    said = capsys.readouterr()
    assert code in (0, 1)
    assert "Traceback" not in said.out + said.err and "\x1b" not in said.out + said.err
    if clean:
        assert {"first", "last"} <= {row.id for row in read_strictly(out / clean, Example)}
    assert not any("<script>" in page.read_text("utf-8") for page in out.glob("*.html"))


def test_labels_that_are_none_are_one_sentence_and_end_with_2(tmp_path, capsys):
    path = tmp_path / "labels.jsonl"
    good = json.dumps({"row_id": "r1", "annotator": "ana", "guideline": "1", "value": "x"}).encode()
    for number, (name, data) in enumerate(INPUTS.items()):
        if data.strip():
            path.write_bytes(good + b"\n" + data)
            with pytest.raises(LabError) as caught:
                read_strictly(path, Label)
            assert "\n" not in str(caught.value), name
            if number % 12 == 0:  # the verb itself is slower
                assert cli.run(["agree", str(path)]) == 2, name
                said = capsys.readouterr().err
                assert said.count("\n") == 1 and "\x1b" not in said, name


def test_a_decision_about_a_check_that_nobody_knows_is_refused(tmp_path, capsys):
    rows, log = tmp_path / "rows.jsonl", tmp_path / "decisions.jsonl"
    rows.write_text(json.dumps(FIRST) + "\n" + json.dumps(LAST) + "\n")
    command = ["curate", str(rows), "--out", str(tmp_path / "out"), "--decisions", str(log), "--home", str(tmp_path / "home")]
    for check, code in (("pii", 0), ("exact_dublicate", 2)):  # a log may speak of other stages' findings
        decision = {"id": "d1", "finding": f"{check}.first", "row_id": "first", "decided_by": "ana", "action": "accept"}
        log.write_text(json.dumps(decision) + "\n")
        assert cli.run(command) == code
    said = capsys.readouterr().err
    assert "names a check 'exact_dublicate' that does not exist" in said and "exact_duplicate" in said
