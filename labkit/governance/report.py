"""The audit report: one HTML file for the person who answers for the data. It opens offline, prints, and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.checks import checks_of
from labkit.governance.cards import LIMITS, Facts, obligations, pii_by_type
from labkit.governance.readiness import blocks
from labkit.pages import environment
from labkit.policy import Clearance
from labkit.records import SEVERITIES, Finding

if TYPE_CHECKING:
    from labkit.governance.step import Audit

MOST_FINDINGS, LONGEST_TEXT = 200, 400
_SAID = {"pass": "Pass", "fail": "Fail", "look": "Look"}


def html(audit: Audit, findings: Sequence[Finding], everything: Facts, clearance: Clearance, pseudonyms: bool) -> str:
    """The report of an audit.

    Args:
        audit: its rules and counts.
        findings: of the rows as they came in, with personal data and secrets taken out of their evidence.
        everything: facts of the rows as they came in.
        clearance: for purpose and obligations.
        pseudonyms: whether masked values can be undone with a key.
    """
    ordered = sorted(findings, key=lambda f: (not blocks(f), SEVERITIES.index(f.severity), f.check, f.row_id))
    page = environment(Path(__file__).parent / "templates", LONGEST_TEXT).get_template("audit.html.j2")
    return page.render(
        audit=audit,
        said=_SAID,
        clearance=clearance,
        how="pseudonyms, undone only with the key" if pseudonyms else "by kind, which nobody can undo",
        checks=[_line(check.name, check.about, findings) for check in checks_of("governance")],
        by_type=pii_by_type(findings),
        all=everything,
        obligations=obligations(everything, clearance),
        findings=ordered[:MOST_FINDINGS],
        total=len(findings),
        limits=LIMITS,
    )


def _line(name: str, about: str, findings: Sequence[Finding]) -> dict[str, str | int]:
    mine = [f for f in findings if f.check == name]
    block = sum(map(blocks, mine))
    return {"name": name, "about": about, "block": block, "look": len(mine) - block}
