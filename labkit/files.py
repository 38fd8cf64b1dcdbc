"""JSON Lines in and out: malformed lines become findings, writes are atomic, hashes are of content."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from labkit import LabError
from labkit.records import Finding

R = TypeVar("R", bound=BaseModel)
LONGEST_LINE = 8 * 1024 * 1024


class Line(NamedTuple):
    """One line of a JSON Lines file: its number, and the object on it or what is wrong with it."""

    number: int
    value: Any
    problem: str | None
    mend: str


def lines(path: Path) -> Iterable[Line]:
    """Read a JSON Lines file line by line; blank lines are passed over, a byte-order mark is ignored.

    Raises:
        LabError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            for number, raw in enumerate(stream, 1):
                text = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
                if text:
                    yield _parse(number, text, complete=raw.endswith(b"\n"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error


def _parse(number: int, raw: bytes, complete: bool) -> Line:
    if len(raw) > LONGEST_LINE:
        return Line(number, None, f"line is longer than {LONGEST_LINE >> 20} MB", "split or shorten the row")
    if b"\x00" in raw:
        return Line(number, None, "line holds NUL bytes", "save the file again as UTF-8 text")
    keys = Keys()
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=keys)
        return Line(number, None, *keys.problem) if keys.problem else Line(number, value, None, "")
    except UnicodeDecodeError as error:
        return Line(number, None, f"byte {error.start + 1} is not UTF-8", "save the file again as UTF-8 text")
    except RecursionError:
        return Line(number, None, "JSON is nested too deeply", "flatten the row")
    except ValueError as error:
        if not complete:
            return Line(number, None, "last line is cut off", "write the file again; its writer was interrupted")
        return Line(number, None, f"not JSON ({error})", "mend or remove the line")


class Keys:
    """What makes JSON objects of their members, and notes a key that stands twice in one: the last would win in silence."""

    def __init__(self) -> None:
        self.problem: tuple[str, str] | None = None

    def __call__(self, members: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(members)
        if len(found) < len(members):
            names = [name for name, _ in members]
            twice = next(name for name in names if names.count(name) > 1)
            self.problem = f"key {twice[:40]!r} stands twice in one object", "keep one of the two values"
        return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def read_jsonl(path: str | Path, contract: type[R]) -> tuple[list[R], list[Finding]]:
    """Read every line that fits the contract; report every other one.

    Args:
        path: a JSON Lines file.
        contract: the record type each line should be.

    Returns:
        The good records in file order, and one critical finding for each bad line (file and line number in it).

    Raises:
        LabError: the file cannot be read at all.
    """
    path = Path(path)
    records: list[R] = []
    findings: list[Finding] = []
    for line in lines(path):
        problem, mend = line.problem, line.mend
        if problem is None:
            try:
                records.append(contract.model_validate(line.value))
                continue
            except ValidationError as error:
                problem, mend = explain(error), f"see 'labkit schema {contract.__name__.lower()}'"
        findings.append(malformed(path, line.number, problem, mend))
    return records, findings


def malformed(path: Path, number: int, problem: str, mend: str) -> Finding:
    """The critical finding for one unreadable line."""
    return Finding(
        id=f"schema-{number}",
        row_id=f"line-{number}",
        check="schema",
        severity="critical",
        message=f"{path.name} line {number}: {problem}",
        suggestion=mend,
    )


def explain(error: ValidationError) -> str:
    """The first problem of a validation error in one line."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    more = error.error_count() - 1
    text = f"{where}: {first['msg']}" if where else str(first["msg"])
    return text + (f" (and {more} more)" if more else "")


def read_strictly(path: str | Path, contract: type[R]) -> list[R]:
    """Like :func:`read_jsonl` for files that a bad line makes unusable as evidence.

    Raises:
        LabError: naming file and line of the first bad line, or that the file is empty.
    """
    records, findings = read_jsonl(path, contract)
    if findings:
        raise LabError(
            findings[0].message.split(":", 1)[0], findings[0].message.split(": ", 1)[1], findings[0].suggestion
        )
    if not records:
        raise LabError(str(path), "holds no records", "write the file again with the step that makes it")
    return records


def write_text(path: str | Path, text: str) -> Path:
    """Write a file whole or not at all: to a temporary name beside it, flushed, then renamed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes private files; results are ordinary ones
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)  # there is no way to read it without setting it
    os.umask(mask)
    return mask


def write_jsonl(path: str | Path, records: Iterable[BaseModel | dict[str, Any]]) -> Path:
    """Write records one a line, atomically. Field order and spacing are fixed: equal records give equal bytes."""
    rows = (r.model_dump(mode="json") if isinstance(r, BaseModel) else r for r in records)
    return write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def append_jsonl(path: str | Path, record: BaseModel | dict[str, Any]) -> None:
    """Add one record to a log so that it survives a killed process.

    A line that an earlier kill cut off is closed first, so it can never swallow the new one.
    """
    row = record.model_dump(mode="json") if isinstance(record, BaseModel) else record
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (json.dumps(row, ensure_ascii=False) + "\n").encode()
    with open(path, "ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                data = b"\n" + data
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sha256(value: str | bytes | Path) -> str:
    """Hash of a text, of a file's content, or of a folder (its relative names and their hashes; dot files left out)."""
    if isinstance(value, (str, bytes)):
        return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()
    if value.is_dir():
        inside = sorted(p for p in value.rglob("*") if p.is_file() and not p.name.startswith("."))
        return sha256("".join(f"{p.relative_to(value).as_posix()} {sha256(p)}\n" for p in inside))
    state = value.stat()
    return _file_hash(value.resolve(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """Weights are hashed at every look at a stage, so a file that has not changed is read once a process."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
