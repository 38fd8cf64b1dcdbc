"""The findings as one HTML file that opens offline, prints, and runs nothing.

Every text passes through :func:`printable` and Jinja's escaping: both are set on the environment, not left to the
template.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labkit.checks import CHECKS
from labkit.curation.evidence import NAMES, consequence, fields, marked
from labkit.curation.outcome import Curated
from labkit.files import write_text
from labkit.pages import environment
from labkit.records import SEVERITIES, Example, Finding

MOST_SHOWN, LONGEST_TEXT = 500, 1200
_STATUS_ORDER = ("open", "accepted", "rejected")


def write(
    path: str | Path,
    findings: Sequence[Finding],
    rows: Iterable[Example],
    curated: Curated | None = None,
    title: str = "Findings",
    most: int = MOST_SHOWN,
) -> Path:
    """Write the report: counts first, then each finding with its reason, evidence and counterpart, open ones first.

    Args:
        path: the HTML file.
        findings: with their status.
        rows: the rows they are about, as they came.
        curated: what the decisions came to.
        title: the headline.
        most: how many findings are shown in full; the counts are of all.

    Returns:
        The path.
    """
    by_id = {row.id: row for row in rows}
    order = sorted(findings, key=lambda f: (_STATUS_ORDER.index(f.status), SEVERITIES.index(f.severity)))
    page = environment(Path(__file__).parent / "templates", LONGEST_TEXT).get_template("findings.html.j2")
    html = page.render(
        title=title,
        rows=len(by_id),
        total=len(findings),
        flagged=len({f.row_id for f in findings} & set(by_id)),
        counts=counts(findings),
        sums={name: Counter(getattr(f, name) for f in findings) for name in ("severity", "tier", "status")},
        severities=SEVERITIES,
        curated=curated,
        names=NAMES,
        shown=[_shown(finding, by_id) for finding in order[:most]],
    )
    return write_text(path, html)


def counts(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """One row a check: how many findings, by severity, tier and status, and what the check is about."""
    by_check: dict[str, list[Finding]] = {}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    table = []
    for check, own in sorted(by_check.items()):
        tally: Counter[str] = Counter(value for f in own for value in (f.severity, f.tier, f.status))
        about = CHECKS[check].about if check in CHECKS else "A line that is no row."
        table.append({"check": check, "about": about, "n": len(own), **{name: tally[name] for name in _COLUMNS}})
    return table


_COLUMNS = (*SEVERITIES, "certain", "likely", "review", *_STATUS_ORDER)


def _shown(finding: Finding, rows: dict[str, Example]) -> dict[str, Any]:
    row, other = rows.get(finding.row_id), rows.get(finding.other_row or "")
    parts = {name: marked(finding, name, text) for name, text in fields(row, finding).items()} if row else {}
    return {
        "finding": finding,
        "parts": parts,
        # Evidence that stands in none of the fields shown is written out.
        "evidence": "" if any(part.evidence for part in parts.values()) else finding.evidence,
        "other": {"prompt": other.asked, "response": other.response} if other else {},
        "consequence": consequence(finding, row),
    }
