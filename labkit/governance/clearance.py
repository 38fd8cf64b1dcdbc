"""Permission: may this row be used, under its licence and with the consent of whom it came from?

What is judged depends on what was written down. With licences in the clearance file, every row must name one that
allows the use; with sources in it, every row must come from one of them on its terms. Where nothing was written down,
nothing can be refused: a missing licence or owner is then a minor remark for review, and only a consent that the row
itself calls withdrawn is certain.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from labkit.checks import Context, Hit, row_check
from labkit.governance.licences import rule
from labkit.policy import Source
from labkit.records import Example, Severity

_SEVERITY: dict[str, Severity] = {"forbidden": "critical", "ask": "major", "unknown": "major"}
_SAID = {
    "forbidden": "forbids {purpose}",
    "ask": "needs somebody's decision before {purpose}",
    "unknown": "is not cleared for {purpose}",
}


@row_check(
    "licence", severity="critical", stage="governance", about="A licence that is missing, unknown, or forbids the use."
)
def licence(row: Example, context: Context) -> Iterator[Hit]:
    """One hit for a row that may not be used as it stands; licences are SPDX ids, aliases, or expressions of them."""
    clearance, name = context.clearance, row.provenance.licence.strip()
    if not name:
        strict = bool(clearance.licences)
        yield Hit(
            row.id,
            "no licence is named",
            where="provenance",
            suggestion="ask the owner, or drop the row",
            severity="major" if strict else "minor",
            tier="certain" if strict else "review",
        )
    elif clearance.licences:
        ruling = rule(name, clearance)
        if ruling.use != "allowed":
            said = _SAID[ruling.use].format(purpose=clearance.purpose)
            yield Hit(
                row.id,
                f"licence {ruling.term} {said}" + (f": {ruling.reason}" if ruling.reason else ""),
                evidence=ruling.term,
                where="provenance",
                suggestion="drop the row" if ruling.use == "forbidden" else "have it decided and written down",
                severity=_SEVERITY[ruling.use],
                tier="certain",
            )


@row_check("consent", severity="critical", stage="governance", about="No owner, no consent, or kept for too long.")
def consent(row: Example, context: Context) -> Iterator[Hit]:
    """Hits on a row's owner, consent, source, purpose and age (counted from ``collected_at`` to the context's day)."""
    made, clearance = row.provenance, context.clearance
    source = _source(made.source, clearance.sources)
    if not made.owner.strip():
        known = bool(clearance.sources)
        mend = (
            f"the source belongs to {source.owner}: have it confirmed"
            if source
            else "find out who owns it, or drop the row"
        )
        yield _hit(row, "no owner is named", mend, severity="major" if known else "minor", sure=known)
    if made.consent == "withdrawn":
        yield _hit(
            row, "consent was withdrawn", "drop the row, and what was made of it: labkit audit --forget", made.consent
        )
    if not clearance.sources:
        return
    if source is None:
        said = f"source '{made.source}' is not in the clearance file"
        yield _hit(row, said, "add the source, or drop the row", made.source, "major")
        return
    if source.consent == "required" and made.consent in ("unknown", "not_required"):
        yield _hit(
            row, f"source '{made.source}' needs consent, and it is {made.consent}", "ask, or drop the row", made.consent
        )
    if clearance.purpose not in source.uses:
        uses = ", ".join(source.uses) or "nothing"
        said = f"source '{made.source}' may be used for {uses}, not for {clearance.purpose}"
        yield _hit(row, said, "drop the row", made.source)
    if source.keep_days is not None:
        yield from _age(row, source.keep_days, context.today)


def _age(row: Example, keep_days: int, today: datetime.date) -> Iterator[Hit]:
    collected = row.provenance.collected_at
    try:
        age = (today - datetime.date.fromisoformat(collected[:10])).days
    except ValueError:
        said = f"the date of collection is missing or unreadable, and rows may be kept for {keep_days} days"
        yield _hit(row, said, "write the date as YYYY-MM-DD, or drop the row", collected, "major")
        return
    if age > keep_days:
        yield _hit(row, f"the row is {age} days old, and may be kept for {keep_days}", "drop the row", collected)


def _hit(
    row: Example, message: str, suggestion: str, evidence: str = "", severity: Severity | None = None, sure: bool = True
) -> Hit:
    tier = "certain" if sure else "review"
    return Hit(row.id, message, evidence, "provenance", suggestion, severity, tier)  # type: ignore[arg-type]


def _source(name: str, sources: dict[str, Source]) -> Source | None:
    plain = " ".join(name.lower().split())
    return next((source for key, source in sources.items() if " ".join(key.lower().split()) == plain), None)
