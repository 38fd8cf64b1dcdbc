"""How good are the checks? Findings against defects that were planted on purpose, and against look-alikes.

A plant is found when a finding of the same check hits its row (of a pair: either row, naming the other); a finding on
the rows as a whole hits every plant whose evidence it names. A finding is right when a defect was planted in its row;
whether it is also of the right kind is counted apart. Whatever is found on a row without a plant counts as wrong.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from labkit.checks import DATASET
from labkit.records import Decision, Example, Finding, Planted
from labkit.stats import Rate, wilson

# Kinds that need a person's eye: they rank what to read first, and do not count into the overall figures.
REVIEW = frozenset({"semantic_duplicate", "unclear_instruction", "off_question", "pii (review)"})
_PERSONAL = ("person_name", "address")


class KindScore(NamedTuple):
    """One kind of defect.

    Args:
        kind: the check's name; names and addresses stand apart as ``pii (review)``.
        planted: how many were planted.
        found: how many of them were found.
        recall: found of planted.
        findings: how many findings of this check there are.
        right_kind: findings that hit a plant of this kind.
        right_row: findings on rows that hold any plant.
        precision: right_row of findings.
        lookalikes: look-alikes of this kind that were flagged, of all.
    """

    kind: str
    planted: int
    found: int
    recall: Rate
    findings: int
    right_kind: int
    right_row: int
    precision: Rate
    lookalikes: Rate

    @classmethod
    def of(
        cls,
        kind: str,
        planted: int,
        found: int,
        findings: int,
        right_kind: int,
        right_row: int,
        fooled: int,
        alike: int,
    ) -> KindScore:
        """The rates of these counts; ``fooled`` of ``alike`` look-alikes were flagged."""
        recall, precision, lookalikes = wilson(found, planted), wilson(right_row, findings), wilson(fooled, alike)
        return cls(kind, planted, found, recall, findings, right_kind, right_row, precision, lookalikes)

    @classmethod
    def total(cls, kind: str, rows: Sequence[KindScore]) -> KindScore:
        """The sum of several, as of one kind in several domains."""
        return cls.of(
            kind,
            planted=sum(row.planted for row in rows),
            found=sum(row.found for row in rows),
            findings=sum(row.findings for row in rows),
            right_kind=sum(row.right_kind for row in rows),
            right_row=sum(row.right_row for row in rows),
            fooled=sum(row.lookalikes.passed for row in rows),
            alike=sum(row.lookalikes.n for row in rows),
        )


class Score(NamedTuple):
    """All kinds, their sum, and the share of clean rows (look-alikes among them) that were flagged.

    Kinds for review stand apart.
    """

    kinds: list[KindScore]
    overall: KindScore
    review: KindScore
    clean_flagged: Rate

    def table(self) -> list[dict[str, object]]:
        """One dictionary a kind, and two for the sums."""
        return [row._asdict() for row in (*self.kinds, self.overall, self.review)]

    def text(self) -> str:
        """The same as a table of text."""
        head = f"{'kind':22} {'found of planted':32} {'right of findings':32} look-alikes flagged"
        lines = [
            f"{k.kind:22} {k.recall!s:32} {k.precision!s:32} {k.lookalikes.passed}/{k.lookalikes.n}"
            for k in (*self.kinds, self.overall, self.review)
        ]
        return "\n".join([head, *lines, f"clean rows flagged: {self.clean_flagged}"])


def kind_of(item: Finding | Planted) -> str:
    """The kind a finding or plant is counted under: the check's name, but names and addresses apart."""
    if isinstance(item, Finding):
        return "pii (review)" if (item.check, item.tier) == ("pii", "review") else item.check
    return "pii (review)" if item.kind == "pii" and item.sub in _PERSONAL else item.kind


def half_of(row: str) -> str:
    """The half to which a row without a plant belongs, so that each half has its share of clean rows."""
    return ("dev", "test")[zlib.crc32(row.encode()) % 2]


def score(
    findings: Iterable[Finding],
    planted: Sequence[Planted],
    rows: Sequence[Example],
    half: str | None = None,
    kinds: Collection[str] | None = None,
) -> Score:
    """Recall and precision by kind.

    Args:
        findings: what the checks said about the rows.
        planted: all defects and look-alikes that were planted.
        rows: the rows.
        half: ``dev`` or ``test``: only plants of this half and what was found on their rows, and half of the clean
            rows; by default all.
        kinds: the checks to report on, where only some were run. Plants of other kinds are still no clean rows.
    """
    plants = [p for p in planted if not p.lookalike and half in (None, p.half)]
    decoys = [p for p in planted if p.lookalike and half in (None, p.half)]
    halves: dict[str, set[str]] = {}
    for plant in planted:
        halves.setdefault(plant.row, set()).add(plant.half)
    index = _Index(plants)
    # The counterpart of a planted pair is clean itself; a finding that names the planted row from there is right.
    hits = [(f, index.hit_by(f)) for f in findings if kinds is None or f.check in kinds]
    kept = [(f, hit) for f, hit in hits if hit or half is None or half in halves.get(f.row_id, {half_of(f.row_id)})]
    dirty = {p.row for p in planted if not p.lookalike}
    clean = [r.id for r in rows if r.id not in dirty and (half is None or half in halves.get(r.id, {half_of(r.id)}))]
    wrong = {f.row_id for f, hit in kept if not hit and kind_of(f) not in REVIEW}
    found = {id(plant) for _, hit in kept for plant in hit}
    flagged = {id(d) for d in decoys for f, _ in kept if _hits(f, d, alone=True)}
    names = sorted({kind_of(p) for p in planted if kinds is None or p.kind in kinds} | {kind_of(f) for f, _ in kept})

    def of(kind: str) -> KindScore:
        own = [p for p in plants if kind_of(p) == kind]
        said = [(f, hit) for f, hit in kept if kind_of(f) == kind]
        right_kind = sum(bool(hit) for _, hit in said)
        right_row = sum(bool(hit) or index.holds(f) for f, hit in said)
        caught = sum(id(p) in found for p in own)
        alike = [d for d in decoys if kind_of(d) == kind]
        fooled = sum(id(d) in flagged for d in alike)
        return KindScore.of(kind, len(own), caught, len(said), right_kind, right_row, fooled, len(alike))

    scores = [of(kind) for kind in names]
    return Score(
        kinds=scores,
        overall=KindScore.total("all but review", [k for k in scores if k.kind not in REVIEW]),
        review=KindScore.total("review only", [k for k in scores if k.kind in REVIEW]),
        clean_flagged=wilson(sum(row in wrong for row in clean), len(clean)),
    )


class _Index:
    """Plants by row, both rows of a pair included."""

    def __init__(self, plants: Iterable[Planted]):
        self.rows: set[str] = set()
        self.near: dict[str, list[Planted]] = {DATASET: []}
        self.several: set[tuple[str, str]] = set()
        seen: set[tuple[str, str]] = set()
        for plant in plants:
            self.rows.add(plant.row)
            for row in {plant.row, plant.other_row or plant.row, DATASET}:
                self.near.setdefault(row, []).append(plant)
            key = (plant.row, kind_of(plant))
            (self.several if key in seen else seen).add(key)

    def hit_by(self, finding: Finding) -> list[Planted]:
        """The plants that a finding hits."""
        return [
            plant
            for plant in self.near.get(finding.row_id, [])
            if _hits(finding, plant, alone=(plant.row, kind_of(plant)) not in self.several)
        ]

    def holds(self, finding: Finding) -> bool:
        """Is any defect planted in the finding's row, or in the pair it names?"""
        if finding.row_id == DATASET:
            return False
        pair = {finding.row_id, finding.other_row}
        return finding.row_id in self.rows or any(
            {plant.row, plant.other_row} == pair for plant in self.near.get(finding.row_id, [])
        )


def _hits(finding: Finding, plant: Planted, alone: bool) -> bool:
    """Same kind, same row or pair; of several plants of one kind in a row, the one whose evidence it names."""
    if kind_of(finding) != kind_of(plant):
        return False
    if finding.row_id == DATASET:  # about the rows as a whole: the same slice or phrase is named
        named = _words(plant.evidence)
        return bool(named) and named <= _words(f"{finding.evidence} {finding.message}")
    if finding.row_id != plant.row:
        return finding.row_id == plant.other_row and finding.other_row == plant.row
    a, b = finding.evidence, plant.evidence
    return alone or not a or not b or a in b or b in a


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def reference_decisions(
    findings: Iterable[Finding], planted: Sequence[Planted], who: str = "reference"
) -> list[Decision]:
    """What a reviewer who knows the plants decides about each finding.

    A finding of the planted kind on the planted row is accepted; on its sound counterpart it is not, because accepting
    would drop the wrong one of the two. A finding of another kind on a planted row is accepted where the row is to go
    anyway, or where nothing else has found its defect. All others are rejected.
    """
    findings = list(findings)
    plants = [p for p in planted if not p.lookalike]
    index = _Index(plants)
    hits = [any(plant.row == f.row_id for plant in index.hit_by(f)) for f in findings]
    caught = {finding.row_id for finding, hit in zip(findings, hits, strict=True) if hit}
    to_go = {plant.row for plant in plants if plant.triage == "drop"}
    decisions = []
    for number, (finding, hit) in enumerate(zip(findings, hits, strict=True), 1):
        row = finding.row_id
        accepted = hit or row in to_go or (row in index.rows and row not in caught and row != DATASET)
        decisions.append(
            Decision(
                id=f"{who}-{number:04d}",
                finding=finding.id,
                row_id=row,
                decided_by=who,
                action="accept" if accepted else "reject",
            )
        )
    return decisions
