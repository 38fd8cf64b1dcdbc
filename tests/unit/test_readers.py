"""Readers of rows: whatever a file holds, no good row is lost and nothing but a LabError comes out."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit import LabError
from labkit.files import read_jsonl, write_jsonl
from labkit.formats import read_rows
from labkit.records import Example

pytest.importorskip("pyarrow")
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = {"id": "first", "question": "When?", "answer": "In 4 days."}
LAST = {"id": "last", "question": "Where?", "answer": "In the shop."}


def read(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
    rows, findings = read_rows(path)
    write_jsonl(tmp_path / "out.jsonl", rows)  # what was read can be written and read again
    assert read_jsonl(tmp_path / "out.jsonl", Example) == (rows, [])
    write_jsonl(tmp_path / "found.jsonl", findings)
    return rows, findings


def answers(rows):
    return [(row.asked, row.response) for row in rows]


def table(rows, delimiter=","):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def parquet(tmp_path, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


# --- forms and formats ------------------------------------------------------------------------------------------------

ROWS = [
    {
        "id": "a",
        "question": "Two\nlines, and a comma?",
        "answer": 'He said "yes".',
        "channel": "chat",
        "licence": "CC0-1.0",
    },
    {"id": "b", "question": "Käse;\tTab?", "answer": "Ja.", "channel": "email", "licence": "CC0-1.0"},
]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("my.jsonl", "lines"), ("my.json", "lines"), ("my", "lines"), ("my.csv", "lines"),
        ("my.json", "array"), ("my.txt", "array"), ("my.json", "indented"),
        ("my.csv", ","), ("my.csv", ";"), ("MY.TSV", "\t"), ("my.txt", "\t"), ("my.csv", "\t"),
        ("my.parquet", "parquet"), ("my.bin", "parquet"), ("my.csv", "excel"),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_rows(tmp_path, name, form):
    match form:
        case "lines":
            data = "".join(json.dumps(row) + "\n" for row in ROWS)
        case "array" | "indented":
            data = json.dumps(ROWS, indent=2 if form == "indented" else None)
        case "parquet":
            data = parquet(tmp_path, ROWS)
        case "excel":
            data = "\ufeff" + table(ROWS, ";") + ";;;;\r\n\r\n"
        case _:
            data = table(ROWS, form)
    rows, findings = read(tmp_path, name, data)
    assert findings == []
    assert answers(rows) == [(row["question"], row["answer"]) for row in ROWS]
    assert [row.id for row in rows] == ["a", "b"]
    assert [row.slices for row in rows] == [{"channel": "chat"}, {"channel": "email"}]
    assert {row.provenance.licence for row in rows} == {"CC0-1.0"}


@pytest.mark.parametrize(
    ("row", "asked", "response"),
    [
        ({"instruction": "q", "response": "a"}, "q", "a"),
        ({"instruction": "q", "context": "c", "response": "a"}, "q\n\nc", "a"),
        ({"prompt": "q", "completion": "a"}, "q", "a"),
        ({"id": 7, "prompt": "q", "response": "a", "split": "train"}, "q", "a"),
        ({"Question": "q", "Answer": "a"}, "q", "a"),
        ({"input": "q", "output": "a"}, "q", "a"),
        ({"query": "q", "reply": "a", "system": "s"}, "q", "a"),
    ],
)
def test_column_names_of_other_tools(tmp_path, row, asked, response):
    (found,), _ = read(tmp_path, "my.csv", table([row]))
    assert (found.asked, found.response) == (asked, response)
    assert found.system == row.get("system", "")
    assert found.id == str(row.get("id", found.id))


def test_chats_come_out_of_parquet(tmp_path):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    rows, _ = read(tmp_path, "my.parquet", parquet(tmp_path, [{"messages": turns, "source": None}]))
    assert answers(rows) == [("q", "a")] and rows[0].provenance.source == "my.parquet"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("my.csv", "colour,size\nred,5\n", "no known format (its fields: colour, size)"),
        ("my.json", '{"rows": 1}', "its fields: rows"),
        ("my.json", '[{"a": 1}]', "its fields: a"),
        ("my.csv", "question,answer\n", "the file is empty"),
        ("my.csv", "", "the file is empty"),
        ("my.json", "[]", "the file is empty"),
        ("my.csv", "question,question\na,b\n", "two columns 'question'"),
        ("my.csv", 'question,"answer\na,b\n', "names the columns is broken"),
        ("my.csv", "question,answer\na,b\n".encode("utf-16"), "UTF-16"),
        ("my.parquet", "PAR1 or not", "damaged Parquet"),
        ("my.parquet", "question,answer\na,b\n", "no Parquet file"),
    ],
)
def test_a_file_without_rows_is_one_sentence_that_names_what_it_has(tmp_path, name, data, words):
    with pytest.raises(LabError) as caught:
        read(tmp_path, name, data)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_in_a_file_of_lab_rows_a_damaged_one_is_told_by_its_field(tmp_path):
    good = {"id": "x", "prompt": [{"role": "user", "content": "q"}], "response": "a"}
    for bad, words in [
        (good | {"prompt": "q", "id": "y"}, "prompt: "),
        ({"id": "y", "prompt": good["prompt"]}, "response: Field"),
    ]:
        rows, findings = read(tmp_path, "my.jsonl", json.dumps(bad) + "\n" + json.dumps(good))
        assert len(rows) == 1 and words in findings[0].message


# --- malformed --------------------------------------------------------------------------------------------------------

DEEP = "[" * 100_000
LONG = "long " * 200_000
NASTY = {  # a record's text, or its value
    "truncated": '{"question": "x", "ans',
    "nul": '{"question": "x\0", "answer": "y"}',
    "array": ["x"],
    "number": 17,
    "null": None,
    "text": "hello",
    "empty object": {},
    "null answer": {"question": "x", "answer": None},
    "number answer": {"question": "x", "answer": 5},
    "huge number": '{"question": "x", "answer": 1' + "0" * 5000 + "}",
    "NaN": '{"question": "x", "answer": NaN}',
    "deep": '{"question": "x", "answer": ' + DEEP,
    "deep but closed": '{"question": "x", "answer": ' + "[" * 900 + "]" * 900 + "}",
    "escapes in a role": {"messages": [{"role": "\x1b[31m<script>\ud800", "content": "x"}]},
    "strange key": {"\ud800\x1b[2J<b>": 1},
    "lone return between": '{"question": "x",\r"answer": 5}',
    "two objects": '{"question": "x"} {"answer": "y"}',
    "key twice": '{"question": "x", "answer": "y", "question": "z"}',
    "wrong quotes": "{'question': 'x', 'answer': 'y'}",
    "unfinished turn": {"messages": [{"role": "user", "content": "x"}]},
    "turns of text": {"conversations": "x"},
}
ODD = {  # odd, but rows
    "markup": "<script>alert(1)</script><b>",
    "terminal": "\x1b]0;title\x07\x1b[2J",
    "half a character": "a\ud83d",
    "long": LONG,
    "blank": "",
    "returns": "a\r\nb\rc\n",
    "quotes": '"",""\'',
    "direction": "\u202eabc\u2066",
    "newline at the start": "\n,x",
}


def line(value):
    return value if isinstance(value, str) and value[:1] in "{[" else json.dumps(value)


@pytest.mark.parametrize("name", NASTY)
def test_one_malformed_line_is_one_finding_and_costs_no_other_row(tmp_path, name):
    lines = [line(GOOD), line(NASTY[name]), line(LAST)]
    rows, findings = read(tmp_path, "my.jsonl", "\n".join(lines).replace("\\u001b", "\x1b"))
    assert [row.id for row in rows] == ["first", "last"]
    assert [(f.row_id, f.tier, f.severity, f.where) for f in findings] == [("line-2", "certain", "critical", "line")]
    assert findings[0].message.startswith("my.jsonl line 2: ")


@pytest.mark.parametrize("name", NASTY)
def test_in_an_array_the_records_before_the_break_are_kept_and_the_rest_is_named(tmp_path, name):
    data = f"[{line(GOOD)}, {line(NASTY[name])}, {line(LAST)}]"
    rows, findings = read(tmp_path, "my.json", data)
    assert rows[0].id == "first" and findings[0].message.startswith("my.json record 2: ")
    assert [row.id for row in rows[1:]] == ["last"] or "nothing after it was read" in findings[-1].message


@pytest.mark.parametrize("form", ["my.jsonl", "my.json", "my.csv", "my.tsv", "my.parquet"])
@pytest.mark.parametrize("name", ODD)
def test_odd_text_is_still_a_row(tmp_path, name, form):
    row = {"id": "../../etc/passwd", "question": "x", "answer": ODD[name]}
    wanted = ODD[name].replace("\ud83d", "\ufffd")
    if form in ("my.csv", "my.tsv", "my.parquet"):
        row["answer"] = wanted  # such a file cannot hold half a character
    match form:
        case "my.jsonl":
            data = json.dumps(row) + "\r\n" + json.dumps(GOOD)
        case "my.json":
            data = json.dumps([row, GOOD])
        case "my.parquet":
            data = parquet(tmp_path, [row, GOOD])
        case _:
            data = table([row, GOOD], "\t" if form == "my.tsv" else ",")
    rows, findings = read(tmp_path, form, data)
    assert findings == []
    assert [row.response for row in rows] == [wanted, GOOD["answer"]]
    assert "/" not in rows[0].id and rows[1].id == "first"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'x,"never closed', "broken quotes"),
        (b'x,"a"b', "broken quotes"),
        (b"x,a,b", "3 cells"),
        (b"x", "1 cells"),
        (b"x,\xff\xfe", "not UTF-8"),
        (b"x,\0", "NUL"),
        (b'x,"starts here\ny,", and goes on"', "broken quotes"),
    ],
)
def test_a_broken_line_of_a_table_costs_no_other_row(tmp_path, bad, words):
    data = b"question,answer\r\nq1,a1\r\n\r\n" + bad + b'\r\nq2,"a ""2"", b"\r\nq3,a3'
    rows, findings = read(tmp_path, "my.csv", data)
    assert answers(rows)[0] == ("q1", "a1") and answers(rows)[-2:] == [("q2", 'a "2", b'), ("q3", "a3")]
    assert any(words in f.message for f in findings) and findings[0].message.startswith("my.csv line 4: ")


def test_a_text_that_is_no_utf8_costs_only_its_row_of_a_parquet_file(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = pa.array([b"ok", b"\xff", b"fine"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"question": ["1", "2", "3"], "answer": raw}), tmp_path / "x.parquet")
    rows, findings = read_rows(tmp_path / "x.parquet")
    assert answers(rows) == [("1", "ok"), ("3", "fine")]
    assert [f.row_id for f in findings] == ["line-2"] and "x.parquet record 2: not UTF-8" in findings[0].message


# --- properties -------------------------------------------------------------------------------------------------------

texts = st.text(max_size=30)
plain = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
single = st.text(
    st.characters(blacklist_characters="\0\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", blacklist_categories=["Cs"]),
    max_size=20,
)
junk = st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" "))


def is_row(data):
    """Could these bytes be a usable line after all?"""
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


@quick
@given(st.lists(st.one_of(st.tuples(texts, texts), junk), max_size=8))
def test_lines_good_rows_come_back_and_every_other_line_is_a_finding(tmp_path, entries):
    lines, good, bad = [], [], []
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, bytes):
            lines.append(entry)
            if not is_row(entry) and entry.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").strip():
                bad.append(f"line-{number}")
        else:
            lines.append(json.dumps({"question": entry[0], "answer": entry[1]}).encode())
            good.append(entry)
    try:
        rows, findings = read(tmp_path, "my.jsonl", b"\n".join(lines))
    except LabError:
        assert not good
        return
    assert answers(rows) == [
        tuple("".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in t) for t in g) for g in good
    ]
    assert set(bad) <= {f.row_id for f in findings}


def pairs(rows):
    """As rows of a table; a question is never blank, for a row of nothing but white space counts as a blank line."""
    return [{"question": f"q{q}", "answer": a} for q, a in rows]


@quick
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_tables_any_text_comes_back(tmp_path, entries, delimiter):
    rows, findings = read(tmp_path, "my.csv", table(pairs(entries), delimiter))
    assert not findings
    assert answers(rows) == [(f"q{q}", a) for q, a in entries]


@quick
@given(st.lists(st.one_of(st.tuples(single, single), st.none()), max_size=8))
def test_tables_a_quote_that_is_never_closed_swallows_nothing(tmp_path, entries):
    good = [("", "first"), *(e for e in entries if e)]
    head, *made = table(pairs(good)).splitlines(keepends=True)
    lines = iter(made)
    body = [next(lines), *(next(lines) if e else 'broken,"and so on\r\n' for e in entries)]
    rows, findings = read(tmp_path, "my.csv", "".join([head, *body]))
    assert answers(rows) == [(f"q{q}", a) for q, a in good]
    assert [f.row_id for f in findings] == [f"line-{n}" for n, e in enumerate(entries, 3) if e is None]


@quick
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5), st.data())
def test_arrays_cut_anywhere_keep_all_whole_records(tmp_path, entries, data):
    records = [json.dumps({"question": q, "answer": a}) for q, a in entries]
    text = "[" + ",".join(records) + "]"
    cut = data.draw(st.integers(len(records[0]) + 1, len(text)))
    whole = sum(len(",".join(records[:k])) + 1 <= cut for k in range(1, len(records) + 1))
    rows, findings = read(tmp_path, "my.json", text[:cut])
    assert len(rows) == whole and bool(findings) == (cut < len(text))


@settings(quick, max_examples=60)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda t: t.encode("utf-8", "surrogatepass"))),
    st.sampled_from(["csv", "tsv", "json", "jsonl", "parquet", "txt", ""]),
)
def test_any_bytes_give_rows_or_one_sentence(tmp_path, data, suffix):
    for start in (b"", b"question,answer\n", b"[", b'{"question": "', b"PAR1", b'[{"question": "x", "answer": "y"},'):
        try:
            read(tmp_path, f"my.{suffix}".rstrip("."), start + data)
        except LabError as error:
            assert "\n" not in str(error).replace(str(tmp_path), "")


@quick
@given(st.integers(0, 2**32), st.integers(0, 255))
def test_a_damaged_parquet_file_gives_rows_or_one_sentence(tmp_path, place, byte):
    good = tmp_path / "good.parquet"
    if not good.exists():
        good.write_bytes(parquet(tmp_path, [GOOD, LAST]))
    data = bytearray(good.read_bytes())
    data[place % len(data)] = byte
    try:
        read(tmp_path, "my.parquet", bytes(data))
    except LabError as error:
        assert "\n" not in str(error)
