"""Thumbs up and down on single answers, as a deployed assistant collects them: a file of them becomes KTO rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool, StringConstraints

from labkit.files import read_jsonl
from labkit.records import Finding, Message, Record
from labkit.training.rows import not_trained

FORM = 'give each line as {"prompt": "...", "completion": "...", "label": true}'


def _turns(role: str) -> BeforeValidator:
    return BeforeValidator(lambda value: [{"role": role, "content": value}] if isinstance(value, str) else value)


class Thumb(Record):
    """One answer and what its reader thought of it. Prompt and completion may be plain text or chat messages."""

    id: Annotated[str, StringConstraints(min_length=1)] | None = None
    prompt: Annotated[list[Message], _turns("user"), Field(min_length=1)]
    completion: Annotated[list[Message], _turns("assistant"), Field(min_length=1, max_length=1)]
    label: StrictBool  # true: thumb up


def read_thumbs(path: str | Path) -> tuple[list[dict[str, Any]], list[Finding]]:
    """KTO rows from a JSON Lines file.

    Left out, each with a finding: lines that cannot be read, empty answers, and answers that got a thumb up and a thumb
    down for the same prompt (nobody can learn both; all their lines go).

    Returns:
        Rows with pair (the id, or the line number), prompt, completion and label, in the order of the file.

    Raises:
        LabError: the file cannot be read at all.
    """
    thumbs, unreadable = read_jsonl(path, Thumb)
    findings = [finding.model_copy(update={"suggestion": FORM}) for finding in unreadable]
    said: dict[tuple[str, str], set[bool]] = {}
    for thumb in thumbs:
        said.setdefault(_what(thumb), set()).add(thumb.label)
    rows = []
    for number, thumb in enumerate(thumbs, 1):
        name = thumb.id or f"thumb-{number}"
        if not thumb.completion[0].content.strip():
            findings.append(not_trained(name, "the answer is empty: nothing to learn"))
        elif len(said[_what(thumb)]) > 1:
            findings.append(not_trained(name, "the same answer got a thumb up and a thumb down"))
        else:
            rows.append({"pair": name, **thumb.model_dump(include={"prompt", "completion", "label"})})
    return rows, findings


def _what(thumb: Thumb) -> tuple[str, str]:
    return "\n".join(f"{m.role}: {m.content}" for m in thumb.prompt), thumb.completion[0].content
