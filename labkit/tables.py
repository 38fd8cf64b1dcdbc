"""Files of rows that other tools write: CSV, TSV, Parquet, JSON arrays and JSON Lines, each record as one ``Line``."""

from __future__ import annotations

import codecs
import csv
import importlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import LONGEST_LINE, Keys, Line, lines

_JSON = {".json", ".jsonl", ".ndjson"}
_LINES = _JSON - {".json"}
_SEPARATED = {".csv", ".tsv", ".tab"}
_PARQUET = {".parquet", ".pq"}
_DELIMITERS = ",;\t"
_ENCODING = "save the file again as UTF-8 text"
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that are no UTF-8
_BLANK = re.compile(r"[ \t\r\n]*")


def records(path: Path) -> tuple[str, Iterable[Line]]:
    """The records of a file, and the word for what they are numbered by: ``line`` or ``record``.

    What the file is, is told by its first bytes, and where they leave it open by its name. A record that cannot be
    read is a ``Line`` with its problem; the others go on.

    Raises:
        LabError: the file cannot be read, or is in an encoding or form that none of the readers knows.
    """
    head, suffix = _head(path), path.suffix.casefold()
    first = head.lstrip()[:1]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LabError(str(path), "is UTF-16 text", _ENCODING)
    if head.startswith(b"PAR1") and (suffix not in _LINES or _last(path) == b"PAR1"):
        return "record", _parquet(path)
    if suffix in _PARQUET:
        raise LabError(str(path), "is no Parquet file", "write it again, or give it the right ending")
    if first == b"[" and suffix not in _LINES:
        return "record", _array(path)
    separated = suffix in _SEPARATED or (suffix not in _JSON and re.search(rb"[,;\t]", head.split(b"\n")[0]))
    if separated and first != b"{":
        return "line", _separated(path)
    return "line", lines(path)


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(4096).removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error


def _last(path: Path) -> bytes:
    """A file's last four bytes; Parquet ends as it begins."""
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4))
        return stream.read()


def _separated(path: Path) -> list[Line]:
    """CSV and TSV; the first line names the columns, and a comma, semicolon or tab in it says what parts them.

    Quotes are taken strictly: after one that is never closed, reading goes on with the next line. Otherwise a single
    slip would swallow all rows up to the next quote.
    """
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    rows = list(io.StringIO(text, newline=""))
    start = next((i for i, row in enumerate(rows) if row.strip()), len(rows))
    if start == len(rows):
        return []
    delimiter = "\t" if path.suffix.casefold() in (".tsv", ".tab") else max(_DELIMITERS, key=rows[start].count)
    limit = csv.field_size_limit(LONGEST_LINE)  # by default a field of more than 128 kB is an error
    try:
        (number, names), *body = _cells(rows, start, delimiter)
    finally:
        csv.field_size_limit(limit)
    if isinstance(names, str):
        raise LabError(f"{path} line {number}", f"the line that names the columns is broken ({names})", "mend it")
    columns = [re.sub(r"\W+", "_", name.casefold()).strip("_") or f"column_{i}" for i, name in enumerate(names, 1)]
    if twice := next((name for i, name in enumerate(columns) if name in columns[:i]), None):
        raise LabError(str(path), f"has two columns '{twice}'", "rename one of them")
    return [_row(number, columns, cells) for number, cells in body if "".join(cells).strip()]


def _cells(rows: list[str], start: int, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Line number and cells of each record from a line on; instead of the cells, what is wrong with them."""
    width = 0
    while start < len(rows):
        reader, done = csv.reader((rows[i] for i in range(start, len(rows))), delimiter=delimiter, strict=True), 0
        try:
            for cells in reader:
                width = width or len(cells)
                if len(cells) != width and reader.line_num > done + 1:
                    raise csv.Error("a quote is not closed in its line")
                yield start + done + 1, cells
                done = reader.line_num
            return
        except csv.Error as error:
            yield start + done + 1, str(error)
            start += done + 1


def _row(number: int, columns: list[str], cells: list[str] | str) -> Line:
    if isinstance(cells, str):
        return Line(number, None, f"broken quotes or separators ({cells})", 'write a quote inside a cell as ""')
    if len(cells) != len(columns):
        problem = f"{len(cells)} cells, but the first line names {len(columns)} columns"
        return Line(number, None, problem, "mend the line; put cells that hold separators in quotes")
    if any(_NOT_UTF8.search(cell) for cell in cells):
        return Line(number, None, "not UTF-8", _ENCODING)
    if any("\0" in cell for cell in cells):
        return Line(number, None, "line holds NUL bytes", _ENCODING)
    return Line(number, dict(zip(columns, cells, strict=True)), None, "")


def _array(path: Path) -> Iterator[Line]:
    """The elements of a JSON array. After a broken one nobody can say where the next begins, so reading ends there."""
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    at, number = _skip(text, _skip(text, 0) + 1), 0
    while not text.startswith("]", at):
        number, keys = number + 1, Keys()
        try:
            value, end = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=keys).raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON ({error})"
            yield Line(number, None, f"{why}; nothing after it was read", "mend the file and read it again")
            return
        if _NOT_UTF8.search(text, at, end):
            yield Line(number, None, "not UTF-8", _ENCODING)
        else:
            yield Line(number, None, *keys.problem) if keys.problem else Line(number, value, None, "")
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("]", at):
            problem = "the list breaks off" if at == len(text) else "no comma between two records"
            yield Line(number + 1, None, f"{problem}; nothing after it was read", "mend the file and read it again")
            return
    if _skip(text, at + 1) < len(text):
        yield Line(number + 1, None, "text after the end of the list was not read", "mend the file")


def _skip(text: str, at: int) -> int:
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty string too


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _parquet(path: Path) -> Iterator[Line]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise LabError(str(path), "cannot be read without pyarrow", "install it: pip install pyarrow") from error
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                for row in _batch(batch):
                    number += 1
                    yield Line(number, row, None, "") if row else Line(number, None, "not UTF-8", _ENCODING)
    except (OSError, ValueError) as error:  # arrow's own errors are among them
        what = str(error).split("\n")[0][:120]
        raise LabError(str(path), f"is a damaged Parquet file ({what})", "write it again") from error


def _batch(batch: Any) -> list[dict[str, Any] | None]:
    """Rows as dictionaries; where a text is no UTF-8, only its row is None."""
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        one = batch.num_rows == 1
        return [None] if one else [row for i in range(batch.num_rows) for row in _batch(batch.slice(i, 1))]
