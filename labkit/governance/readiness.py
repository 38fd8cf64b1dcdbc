"""The readiness gate of a data set: it reads like a test. One plain sentence a rule, passed or failed, with counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel

from labkit.policy import Clearance
from labkit.records import Finding

Outcome = Literal["pass", "fail", "look"]
_SHOWN = 5


class Rule(BaseModel):
    """One rule: ``look`` where only findings for a person's review are left, which do not block."""

    sentence: str
    outcome: Outcome
    rows: int
    broken: int
    first: list[str] = []

    def __str__(self) -> str:
        if self.outcome == "pass":
            return f"PASS  {self.sentence}"
        more = f" and {self.broken - len(self.first)} more" if self.broken > len(self.first) else ""
        ids = f": {', '.join(self.first)}{more}" if self.first else ""
        what = "Look at" if self.outcome == "look" else "Broken by"
        return f"{self.outcome.upper()}  {self.sentence} {what} {self.broken} of {self.rows} rows{ids}"


def blocks(finding: Finding) -> bool:
    """Whether a finding stops a row: open, more than minor, and sure enough to be no matter for review."""
    return finding.status == "open" and finding.tier != "review" and finding.severity in ("critical", "major")


def _check(*names: str) -> Callable[[Finding], bool]:
    return lambda finding: finding.check in names


_RULES: tuple[tuple[str, Callable[[Finding], bool]], ...] = (
    ("Every line can be read.", _check("schema")),
    ("Every row names a licence that allows the use.", _check("licence")),
    ("Every row has an owner, a known source, the consent it needs, and is not kept for too long.", _check("consent")),
    ("No row shows personal data.", _check("pii")),
    ("No row shows a secret.", _check("secret")),
    ("No row carries an instruction to the model, and no answer obeys one.", _check("injection")),
    ("No row insults, threatens or endangers anybody.", _check("unsafe")),
)


def gate(findings: Sequence[Finding], rows: int, clearance: Clearance) -> list[Rule]:
    """The rules of readiness on the open findings of the governance checks and of the reader.

    Args:
        findings: of these rows.
        rows: how many there are, unreadable lines included.
        clearance: an empty one fails a rule of its own: what nobody wrote down is not cleared.
    """
    written = bool(clearance.licences and clearance.sources)
    rules = [
        Rule(
            sentence="It is written down what the rows may be used for.",
            outcome="pass" if written else "fail",
            rows=rows,
            broken=0 if written else rows,
        )
    ]
    for sentence, mine in _RULES:
        found = [f for f in findings if f.status == "open" and mine(f)]
        stopped = [f for f in found if blocks(f)]
        ids = list(dict.fromkeys(f.row_id for f in stopped or found))
        outcome: Outcome = "fail" if stopped else "look" if found else "pass"
        rules.append(Rule(sentence=sentence, outcome=outcome, rows=rows, broken=len(ids), first=ids[:_SHOWN]))
    return rules
