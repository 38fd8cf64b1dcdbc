"""The data card: what the rows are, whose, under which terms, what was found, and what nobody looked for. Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from labkit.governance.licences import rule
from labkit.governance.readiness import Rule
from labkit.policy import Clearance
from labkit.printable import plain
from labkit.records import Example, Finding

LIMITS = (
    "Names and addresses are found only where a title, a form of words or a street tells them; a name alone is not.",
    "Injections, insults and dangerous advice are found by lists of English phrases; other wording passes.",
    "A checksum shows that a number is well made, not that it is in use; a secret is told by its form.",
    "Consent and licence are what the rows say of themselves; whether it is true, nobody can see here.",
)
_MOST = 12


class Facts(BaseModel):
    """Counts over a data set; every dictionary is sorted by count, then name."""

    name: str
    rows: int
    domains: dict[str, int]
    sources: dict[str, int]
    owners: dict[str, int]
    licences: dict[str, int]
    consent: dict[str, int]
    requirements: dict[str, int]
    slices: dict[str, dict[str, int]]
    splits: dict[str, int]
    collected: tuple[str, str] | None
    characters: int
    transforms: dict[str, int]


def facts(name: str, rows: Sequence[Example]) -> Facts:
    """What can be counted about rows."""
    keys = sorted({key for row in rows for key in row.slices})
    dates = sorted(row.provenance.collected_at[:10] for row in rows if row.provenance.collected_at)
    return Facts(
        name=name,
        rows=len(rows),
        domains=_count(row.domain for row in rows),
        sources=_count(row.provenance.source for row in rows),
        owners=_count(row.provenance.owner or "nobody named" for row in rows),
        licences=_count(row.provenance.licence or "none named" for row in rows),
        consent=_count(row.provenance.consent for row in rows),
        requirements=_count(r for row in rows for r in row.requirements),
        slices={key: _count(row.slices.get(key, "(none)") for row in rows) for key in keys},
        splits=_count(row.split or "not split" for row in rows),
        collected=(dates[0], dates[-1]) if dates else None,
        characters=sum(len(m.content) for row in rows for m in row.prompt) + sum(len(row.response) for row in rows),
        transforms=_count(row.provenance.transform for row in rows if row.provenance.transform),
    )


def _count(values: Iterable[str]) -> dict[str, int]:
    counted = Counter(values)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def obligations(counted: Facts, clearance: Clearance) -> dict[str, list[str]]:
    """What each licence among the rows asks for."""
    found = {name: list(rule(name, clearance).obligations) for name in counted.licences if name != "none named"}
    return {name: asked for name, asked in found.items() if asked}


def data_card(
    counted: Facts,
    rules: Sequence[Rule],
    findings: Sequence[Finding],
    clearance: Clearance,
    *,
    scope: str = "",
    masked: int = 0,
    left_out: int = 0,
    today: str = "",
    file_sha256: str = "",
) -> str:
    """The card as Markdown.

    Args:
        counted: facts of the cleared rows.
        rules: the readiness gate on the rows as they came in.
        findings: of the rows as they came in.
        clearance: for purpose and obligations.
        scope: one sentence on what the rows are about, from the policy file.
        masked: rows in which something was masked.
        left_out: rows that were not cleared.
        today: the day of the audit.
        file_sha256: of the cleared file.
    """
    failed = [r for r in rules if r.outcome != "pass"]
    period = f"{counted.collected[0]} to {counted.collected[1]}" if counted.collected else "not noted"
    asked = obligations(counted, clearance)
    by_check = Counter(f.check for f in findings)
    parts = [
        f"# Data card: {plain(counted.name)}",
        f"{plain(scope) or 'What the rows are about is not written down.'}",
        f"**Rows:** {counted.rows:,} cleared, {left_out:,} left out, {masked:,} with something masked; "
        f"{counted.characters:,} characters. Collected {period}. "
        f"File {file_sha256[:12] or 'not hashed'}, audited {today or 'undated'}.",
        f"**For:** {plain(clearance.purpose)}.",
        "## Whose, and on what terms",
        _table("Owner", counted.owners),
        _table("Source", counted.sources),
        _table("Licence", counted.licences),
        "\n".join(f"- {plain(name)} asks for: {', '.join(map(plain, what))}." for name, what in asked.items())
        or "No licence asks for anything.",
        _table("Consent", counted.consent),
        "## What is in it",
        _table("Domain", counted.domains),
        *(_table(f"Slice: {key}", values) for key, values in counted.slices.items()),
        _table("Requirement", counted.requirements) if counted.requirements else "No row names a requirement.",
        _table("Split", counted.splits),
        "## What was found",
        "\n".join(f"- {r}" for r in map(plain, map(str, failed))) or "Every rule of the readiness gate passed.",
        ", ".join(f"{plain(check)} {n}" for check, n in sorted(by_check.items())) or "No finding.",
        f"**Personal data:** {_pii_state(findings, masked)}",
        "## Limits",
        "\n".join(f"- {limit}" for limit in LIMITS),
    ]
    return "\n\n".join(parts) + "\n"


def pii_by_type(findings: Iterable[Finding]) -> dict[str, int]:
    """Findings on personal data and secrets by what they are about, from the message."""
    mine = (f for f in findings if f.check in ("pii", "secret"))
    return _count(f.message.split(" holds ", 1)[-1].removesuffix(", it seems") for f in mine)


def _pii_state(findings: Sequence[Finding], masked: int) -> str:
    found = pii_by_type(findings)
    if not found:
        return "none was found."
    listed = ", ".join(f"{name} ({n})" for name, n in found.items())
    rows = f"{masked} row" + ("" if masked == 1 else "s")
    return f"found in the rows as they came in: {plain(listed)}. Masked in {rows} of the cleared file."


def _table(what: str, counted: Mapping[str, int]) -> str:
    shown = list(counted.items())[:_MOST]
    rest = list(counted.items())[_MOST:]
    lines = [f"| {plain(what)} | Rows |", "|---|---:|", *(f"| {_cell(name)} | {n:,} |" for name, n in shown)]
    if rest:
        lines.append(f"| {len(rest)} more | {sum(n for _, n in rest):,} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    for mark in "\\|<>`*_[]":
        text = text.replace(mark, f"\\{mark}")
    return plain(text)[:120] or "(empty)"
