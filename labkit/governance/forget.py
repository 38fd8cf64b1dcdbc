"""The right to be forgotten: every row about a person, and everything that was made of these rows.

Nothing is deleted. A list says what must go (no word of the person in it, so that it may be kept as proof), and
cleaned copies of the row files lie beside it. Adapters and reports that learnt from a listed row must be made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from labkit import LabError
from labkit.files import sha256, write_text
from labkit.governance.mask import KeyFile, normal
from labkit.governance.subject import matcher
from labkit.home import Artefact, Entry, Home

LIST = "list.json"
_TEXT = {".jsonl", ".json", ".md", ".html", ".txt", ".yaml", ".yml", ".csv", ".xml"}
_LARGEST = 64 * 1024 * 1024  # larger text artefacts are judged by what they were made of


class ForgottenRow(BaseModel):
    """A row that must go: where it stands, and why it is meant."""

    file: str
    line: int
    row: str
    why: str


class Touched(BaseModel):
    """A file or folder of the ledger that holds something of the person, or was made from rows that do."""

    path: str
    sha256: str
    stage: str
    name: str
    why: str
    state: str  # there, changed since, or gone


class Forgotten(BaseModel):
    """What must go. ``subject`` is a fingerprint: the list itself holds nothing of the person."""

    subject: str
    kind: str
    rows: list[ForgottenRow]
    artefacts: list[Touched]
    kept: dict[str, int]  # rows left, by file
    note: str = (
        "Found by the spellings of one identifier. Ask again for every further one (name, e-mail, phone, customer id), "
        "and look for copies outside the lab's home: nobody noted them here."
    )

    def text(self) -> str:
        """The list as Markdown."""
        lines = [
            f"# To forget: {self.kind} {self.subject}",
            f"{len(self.rows)} rows and {len(self.artefacts)} artefacts.",
            "\n".join(f"- {r.file} line {r.line}: row {r.row} ({r.why})" for r in self.rows) or "No row.",
            "\n".join(f"- {a.stage}/{a.name}: {a.path} {a.sha256[:12]}, {a.state} ({a.why})" for a in self.artefacts)
            or "No artefact.",
            self.note,
        ]
        return "\n\n".join(lines) + "\n"


def forget(home: Home, subject: str, files: Sequence[str | Path], key: KeyFile | None = None) -> tuple[Forgotten, Path]:
    """List every row and artefact about a person, and write row files without them.

    Args:
        home: its ledger says what was made from what.
        subject: an e-mail address, phone or account number, full name, customer id, or pseudonym.
        files: JSON Lines files of rows, in any format.
        key: finds the person's pseudonyms as well.

    Returns:
        The list, and the folder that holds it (``list.json``, ``list.md``) and a cleaned copy of each file.

    Raises:
        LabError: the subject is too short to search for, a file cannot be read, or is no JSON Lines.
    """
    kind, mentions = matcher(subject, key)
    digest = sha256(normal("email", subject))[:12]
    name = f"forget-{digest}"
    paths = [Path(file) for file in files]
    if other := next((path for path in paths if path.suffix != ".jsonl"), None):
        raise LabError(str(other), "is no JSON Lines file", "write it as JSON Lines first, with 'labkit curate'")
    if len({path.name for path in paths}) != len(paths):
        raise LabError("forget", "two files have the same name", "clean them one after the other")
    entries = [e for e in home.entries() if not e.name.startswith("forget-")]

    def work(scratch: Path) -> None:
        out = scratch / name
        out.mkdir(exist_ok=True)
        rows, kept = _search(paths, mentions)
        dirty = {row.file for row in rows}
        found = Forgotten(
            subject=digest,
            kind=kind,
            rows=rows,
            artefacts=_touched(home, entries, [p for p in paths if str(p) in dirty], mentions),
            kept={str(path): len(lines) for path, lines in kept.items()},
        )
        # The list comes first: an interrupted run may leave no cleaned file without one.
        write_text(out / LIST, found.model_dump_json(indent=1) + "\n")
        write_text(out / "list.md", found.text())
        for path, lines in kept.items():
            (out / path.name).write_bytes(b"".join(lines))

    there = [(home.path / made.path).exists() for entry in entries for made in entry.outputs]
    state = sha256("".join(e.model_dump_json() for e in entries) + str(there))
    parameters = {"subject": digest, "ledger": state, "key": sha256(key.model_dump_json())[:12] if key else None}
    folder = home.run("governance", name, work, outputs=[name], inputs=paths, parameters=parameters)
    return Forgotten.model_validate_json((folder / LIST).read_text(encoding="utf-8")), folder


# --- rows -------------------------------------------------------------------------------------------------------------


def _search(
    paths: Sequence[Path], mentions: Callable[[str], bool]
) -> tuple[list[ForgottenRow], dict[Path, list[bytes]]]:
    """Rows that mention the subject, rows with the id of one, and rows made from one; and the lines that stay."""
    lines = {path: _lines(path) for path in paths}
    why: dict[tuple[Path, int], str] = {
        (path, number): "mentions the person"
        for path, rows in lines.items()
        for number, (_, value, text) in rows.items()
        if mentions(text)
    }
    while True:
        ids = {_id(lines[path][number][1]) for path, number in why} - {""}
        more = {
            (path, number): reason
            for path, rows in lines.items()
            for number, (_, value, _text) in rows.items()
            if (path, number) not in why and (reason := _follows(value, ids))
        }
        if not more:
            break
        why |= more
    found = [
        ForgottenRow(
            file=str(path), line=number, row=_id(lines[path][number][1]) or f"line-{number}", why=why[path, number]
        )
        for path, rows in lines.items()
        for number in rows
        if (path, number) in why
    ]
    kept = {path: [raw for n, (raw, _, _) in rows.items() if (path, n) not in why] for path, rows in lines.items()}
    return found, kept


def _lines(path: Path) -> dict[int, tuple[bytes, Any, str]]:
    """Line number to the bytes, the parsed row (None when it is none), and everything a reader would see of it."""
    found: dict[int, tuple[bytes, Any, str]] = {}
    try:
        with open(path, "rb") as stream:
            for number, raw in enumerate(stream, 1):
                if raw.strip():
                    text = raw.decode("utf-8", "replace")
                    try:
                        value = json.loads(text)
                    except (ValueError, RecursionError):
                        value = None
                    found[number] = (raw, value, text if value is None else "\n".join(_strings(value)))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    return found


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif value is not None:
        yield str(value)


def _id(value: Any) -> str:
    return value["id"] if isinstance(value, dict) and isinstance(value.get("id"), str) else ""


def _follows(value: Any, ids: set[str]) -> str:
    if not isinstance(value, dict):
        return ""
    if _id(value) in ids:
        return "is the same row in another file"
    provenance = value.get("provenance")
    parents = provenance.get("parents") if isinstance(provenance, dict) else None
    made_from = next((p for p in parents or () if p in ids), None) if isinstance(parents, list) else None
    return f"was made from row {made_from}" if made_from else ""


# --- artefacts --------------------------------------------------------------------------------------------------------


def _touched(
    home: Home, entries: Sequence[Entry], dirty: Sequence[Path], mentions: Callable[[str], bool]
) -> list[Touched]:
    """Artefacts that mention the person, and everything made from a dirty file, through all stages.

    Row files of the home are looked into: one without the person ends the chain, as when the row was dropped before.
    """
    hashes = {sha256(path) for path in dirty}
    paths = {str(path.resolve()) for path in dirty}
    found: list[Touched] = []

    def note(artefact: Artefact, entry: Entry, why: str) -> None:
        hashes.add(artefact.sha256)
        paths.add(str((home.path / artefact.path).resolve()))
        found.append(
            Touched(**artefact.model_dump(), stage=entry.stage, name=entry.name, why=why, state=_state(home, artefact))
        )

    for entry in entries:
        for used in entry.inputs:  # a raw file that nobody named
            if not _is_touched(home, used, hashes, paths) and _holds(home, used, mentions):
                note(used, entry, "mentions the person, and was read by this step")
        source = next((a for a in entry.inputs if _is_touched(home, a, hashes, paths)), None)
        for made in entry.outputs:
            holds = _holds(home, made, mentions)
            clean = holds is False and made.path.endswith(".jsonl") and entry.stage in _ROWS
            if holds or (source is not None and not clean):
                note(made, entry, "mentions the person" if holds else f"was made from {source.path}" if source else "")
    return list({artefact.path: artefact for artefact in found}.values())  # of a path made twice, the later


_ROWS = {"curation", "labelling", "governance", "coverage"}  # the stages whose JSON Lines are rows


def _is_touched(home: Home, artefact: Artefact, hashes: set[str], paths: set[str]) -> bool:
    """By content; or by place, when it is an earlier version of a dirty file or lies in a touched folder."""
    place = (home.path / artefact.path).resolve()
    return artefact.sha256 in hashes or any(str(p) in paths for p in (place, *place.parents))


def _state(home: Home, artefact: Artefact) -> str:
    file = home.path / artefact.path
    return "gone" if not file.exists() else "there" if sha256(file) == artefact.sha256 else "changed since"


def _holds(home: Home, artefact: Artefact, mentions: Callable[[str], bool]) -> bool | None:
    """Whether a text artefact mentions the person; None where that cannot be told by looking."""
    file = home.path / artefact.path
    if (
        file.suffix not in _TEXT
        or not file.is_file()
        or file.stat().st_size > _LARGEST
        or _state(home, artefact) != "there"
    ):
        return None
    if file.suffix == ".jsonl":
        return any(mentions(text) for _, _, text in _lines(file).values())
    return mentions(file.read_text(encoding="utf-8", errors="replace"))
