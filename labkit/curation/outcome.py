"""What decisions about findings come to: their status, and the rows that are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from labkit.curation.compose import compose
from labkit.records import SEVERITIES, Decision, Example, Finding

Field = Literal["prompt", "response"]
FIELDS: tuple[Field, ...] = ("prompt", "response")
_STATUS: Mapping[str, Literal["accepted", "rejected"]] = {
    "accept": "accepted",
    "fix": "accepted",
    "reject": "rejected",
}


def effective(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decisions that count, by finding: the last one on each, whoever made it. An ``undo`` takes it away."""
    last: dict[str, Decision] = {}
    for decision in decisions:
        last.pop(decision.finding, None)  # so that the newest decision stands last
        if decision.action != "undo":
            last[decision.finding] = decision
    return last


def decided(findings: Iterable[Finding], decisions: Iterable[Decision]) -> list[Finding]:
    """The findings with the status that the decisions give them; without one they stay as they are."""
    last = effective(decisions)
    return [with_decision(finding, last.get(finding.id)) for finding in findings]


def with_decision(finding: Finding, decision: Decision | None) -> Finding:
    """The finding with the status, name and time of a decision about it."""
    if decision is None:
        return finding
    by = {"decided_by": decision.decided_by, "decided_at": decision.at or None}
    return finding.model_copy(update={"status": status(finding, decision), **by})


def status(finding: Finding, decision: Decision | None) -> Literal["open", "accepted", "rejected"]:
    """What the decision makes of the finding's status."""
    return finding.status if decision is None else _STATUS[decision.action]


class Curated(NamedTuple):
    """Rows after triage, and why any row is not what it was.

    Args:
        rows: what is left, in the order it came.
        dropped: ids of the accepted findings by dropped row.
        changed: ids of the accepted findings by changed row.
        gave_way: ids of accepted repairs that could not go in because another one changes the same words. Check the
            rows again after the change: what is still wrong with them is found then.
    """

    rows: list[Example]
    dropped: dict[str, list[str]]
    changed: dict[str, list[str]]
    gave_way: dict[str, list[str]]


def apply(rows: Iterable[Example], findings: Iterable[Finding], decisions: Iterable[Decision]) -> Curated:
    """Carry out what was decided. Nothing is dropped or changed without an accepted finding on that very row.

    An accepted finding without a repair drops its row, whatever else was decided about it. A text written by hand is
    taken as it is (the last one of a field) and repairs of that field give way to it. Several repairs of one field,
    all made for the text as it came, are merged: the most severe finding's first, others as far as they change other
    words (:func:`labkit.curation.compose.compose`). Findings on no row (malformed lines, the data set as a whole)
    change nothing here.
    """
    last = effective(decisions)
    own: dict[str, list[Finding]] = {}
    for finding in findings:
        if status(finding, last.get(finding.id)) == "accepted":
            own.setdefault(finding.row_id, []).append(finding)
    result = Curated([], {}, {}, {})
    for row in rows:
        accepted = own.get(row.id, [])
        drop = [f.id for f in accepted if not f.repair and not _by_hand(last.get(f.id))]
        if drop:
            result.dropped[row.id] = drop
            continue
        if accepted:
            row = _changed(row, accepted, last, result)
        result.rows.append(row)
    return result


def _by_hand(decision: Decision | None) -> bool:
    return decision is not None and decision.action == "fix"


def _changed(row: Example, accepted: Sequence[Finding], last: Mapping[str, Decision], result: Curated) -> Example:
    ids = {f.id for f in accepted}
    by_hand = [d for d in last.values() if d.finding in ids and _by_hand(d)]
    did, out = {d.finding for d in by_hand}, set[str]()
    repairs = sorted((f for f in accepted if f.id not in did), key=lambda f: SEVERITIES.index(f.severity))
    new = row
    for field in FIELDS:
        versions = [(f.id, f.repair[field]) for f in repairs if field in f.repair]
        texts = [d.fix[field] for d in by_hand if field in d.fix]
        if texts:
            text, lost = texts[-1], {name for name, version in versions if version != texts[-1]}
        else:
            text, gave_way = compose(text_of(row, field), [version for _, version in versions])
            lost = {versions[i][0] for i in gave_way}
        did |= {name for name, _ in versions} - lost
        out |= lost
        new = _put(new, field, text)
    if out:
        result.gave_way[row.id] = [f.id for f in accepted if f.id in out]
    if new == row:
        return row
    result.changed[row.id] = [f.id for f in accepted if f.id in did]
    checks = ", ".join(dict.fromkeys(f.check for f in accepted if f.id in did))
    earlier = f"{row.provenance.transform}; " if row.provenance.transform else ""
    parents = list(dict.fromkeys([*row.provenance.parents, row.id]))
    came = row.provenance.model_copy(update={"parents": parents, "transform": f"{earlier}curated: {checks}"})
    return new.model_copy(update={"provenance": came})


def text_of(row: Example, field: Field) -> str:
    """The text that a repair of this field replaces: the answer, or the last user message whole."""
    return row.response if field == "response" else row.asked


def _put(row: Example, field: Field, text: str) -> Example:
    if text == text_of(row, field):
        return row
    if field == "response":
        return row.model_copy(update={"response": text})
    at = max((i for i, message in enumerate(row.prompt) if message.role == "user"), default=None)
    prompt = [m.model_copy(update={"content": text}) if i == at else m for i, m in enumerate(row.prompt)]
    return row.model_copy(update={"prompt": prompt})


def field_of(finding: Finding) -> Field:
    """The field a fix by hand is about."""
    return "prompt" if finding.where == "prompt" else "response"
