"""A finding's evidence where it stands in its row, cut so that it can be looked at. The caller escapes the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from labkit.printable import printable
from labkit.records import Example, Finding

AROUND = 600  # characters shown before and after the evidence


class Marked(NamedTuple):
    """A text in three parts; ``evidence`` is empty when it does not stand in the text. Safe to look at, not escaped."""

    before: str
    evidence: str
    after: str


def marked(finding: Finding, field: str, text: str) -> Marked:
    """Text of one field of the finding's row, with the evidence set apart when it stands in this field."""
    start, end = _place(finding, text) if finding.where == field else (0, 0)
    if start == end:
        return Marked("", "", printable(text, 2 * AROUND))
    before, after = text[:start], text[end:]
    cut = "[…] " if len(before) > AROUND else ""
    # Cut before it is made printable: a text of megabytes is not gone through.
    return Marked(cut + printable(before[-AROUND:]), printable(text[start:end], AROUND), printable(after, AROUND))


def _place(finding: Finding, text: str) -> tuple[int, int]:
    start, end = finding.span or (0, 0)
    if 0 <= start < end <= len(text) and text[start:end] == finding.evidence:
        return start, end
    start = text.find(finding.evidence) if finding.evidence else -1
    return (start, start + len(finding.evidence)) if start >= 0 else (0, 0)


def fields(row: Example, finding: Finding) -> dict[str, str]:
    """What to show of the finding's row: the message and the answer, and the labels or the origin if it is about those."""
    shown = {"prompt": row.asked, "response": row.response}
    if finding.where == "slices":
        shown["slices"] = _lines(row.slices)
    if finding.where == "provenance":
        shown["provenance"] = _lines(row.provenance.model_dump(exclude_defaults=True))
    return shown


def _lines(values: Mapping[str, object]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in values.items())


NAMES = {"prompt": "Message", "response": "Answer", "slices": "Labels", "provenance": "Origin", "line": "Line"}


def consequence(finding: Finding, row: Example | None) -> str:
    """What accepting this finding does."""
    if row is None:
        return "Accepting keeps note of it; no row is changed."
    if finding.repair:
        return "Accepting writes the proposed text."
    return f"Accepting drops row {finding.row_id}."
