"""A proposal to rebalance rows: what to cap and what to write. Nothing happens until a person accepts it by name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from random import Random
from typing import Any

from pydantic import BaseModel

from labkit import LabError
from labkit.coverage.slices import PairCell, coverage, pairwise, usable
from labkit.coverage.variety import Over, over_represented
from labkit.records import Example


class Cap(BaseModel):
    """Rows to leave out, because what they share stands in too many.

    Args:
        what: ``channel=chat``, or the opening words.
        now: rows that share it.
        keep: how many stay.
        instead: new rows that do not share it which would do as well as leaving any out.
        drop: ids of the others: drawn by the seed, but never the last row of a pair of slice values.
    """

    what: str
    now: int
    keep: int
    instead: int
    drop: list[str]


class Need(BaseModel):
    """Rows to be written or collected: so many with these slice values, because none are there."""

    slices: dict[str, str]
    rows: int


class Proposal(BaseModel):
    """What would bring the rows into balance; ``accepted_by`` is empty until somebody signs."""

    seed: int
    rows: int
    caps: list[Cap] = []
    needs: list[Need] = []
    accepted_by: str = ""

    @property
    def dropped(self) -> set[str]:
        """Ids of all rows it would leave out."""
        return {row for cap in self.caps for row in cap.drop}

    def text(self) -> str:
        """The proposal in plain lines."""
        lines = [
            f"cap {cap.what}: keep {cap.keep} of {cap.now} and leave out {len(cap.drop)}, drawn with seed {self.seed} "
            f"(or add {cap.instead} rows that do not share it)"
            for cap in self.caps
        ]
        lines += [
            f"write or collect {need.rows} rows with {' & '.join(f'{k}={v}' for k, v in need.slices.items())}"
            for need in self.needs
        ]
        after = f"{self.rows} rows now, {self.rows - len(self.dropped)} after the caps"
        return "\n".join([*lines, after] if lines else ["nothing to propose: the rows are in balance"])


def propose(rows: Sequence[Example], seed: int = 0) -> Proposal:
    """Propose caps for what is over-represented and new rows for missing pairs; nothing is changed.

    A slice value is capped at its limit of what is left. An opening is capped at its limit of all rows. A missing pair
    needs as many rows as the other pairs of its values lead to expect.
    """
    left, caps = list(rows), []
    for over in over_represented(rows):
        cap = _cap(over, left, len(rows), seed)
        gone = set(cap.drop)
        left = [row for row in left if row.id not in gone]
        caps.append(cap)
    needs = [_need(cell) for cell in pairwise(rows) if cell.missing]
    return Proposal(seed=seed, rows=len(rows), caps=[cap for cap in caps if cap.drop], needs=needs)


def _cap(over: Over, left: Sequence[Example], total: int, seed: int) -> Cap:
    share, members = over.limit, set(over.rows)
    ids = [row.id for row in left if row.id in members]
    others = over.of - over.n if over.kind == "opening" else len(left) - len(ids)
    keep = max(1, math.floor(share * total if over.kind == "opening" else share / (1 - share) * others))
    drop = _drawn(left, ids, len(ids) - keep, f"{seed}|{over.what}")
    what = over.what if over.kind == "slice" else f"questions that open with {over.what!r}"
    instead = max(0, math.ceil(len(ids) * (1 - share) / share) - others)
    return Cap(what=what, now=over.n, keep=len(ids) - len(drop), instead=instead, drop=sorted(drop))


def _need(cell: PairCell) -> Need:
    return Need(slices={cell.a: cell.value_a, cell.b: cell.value_b}, rows=cell.needed)


def _drawn(rows: Sequence[Example], ids: Sequence[str], wanted: int, seed: str) -> set[str]:
    """Up to ``wanted`` of the ids, none of which is the last row of its pairs of slice values."""
    names = list(usable(rows))
    pairs = {row.id: _pairs(row, names) for row in rows}
    left = Counter(pair for own in pairs.values() for pair in own)
    order = list(ids)
    Random(seed).shuffle(order)
    drop: set[str] = set()
    for row in order:
        if len(drop) >= wanted:
            break
        if all(left[pair] > 1 for pair in pairs[row]):
            left.subtract(pairs[row])
            drop.add(row)
    return drop


def _pairs(row: Example, names: Iterable[str]) -> list[tuple[tuple[str, str], ...]]:
    return list(combinations([(name, row.slices[name]) for name in names if name in row.slices], 2))


def accept(proposal: Proposal, by: str) -> Proposal:
    """The proposal with the name of whoever takes responsibility for it.

    Raises:
        LabError: no name was given.
    """
    if not by.strip():
        raise LabError("proposal", "was accepted by nobody", "say who accepts it")
    return proposal.model_copy(update={"accepted_by": by.strip()})


def rebalance(rows: Sequence[Example], proposal: Proposal) -> list[Example]:
    """The rows without those that an accepted proposal leaves out, in their order.

    Raises:
        LabError: nobody accepted it, or it was made for other rows.
    """
    if not proposal.accepted_by:
        raise LabError("proposal", "has not been accepted", "read it, then accept(proposal, by=...)")
    dropped = proposal.dropped
    if strange := sorted(dropped - {row.id for row in rows}):
        raise LabError(f"row {strange[0]}", "is in the proposal and not among the rows", "propose for these rows anew")
    return [row for row in rows if row.id not in dropped]


def before_after(before: Sequence[Example], after: Sequence[Example]) -> list[dict[str, Any]]:
    """Each slice value with its rows and share before and after; the order of :func:`coverage` before."""
    new = {(entry.slice, entry.value): entry for entry in coverage(after)}
    table = []
    for old in coverage(before):
        now = new.get((old.slice, old.value))
        table.append(
            {
                "slice": old.slice,
                "value": old.value,
                "before": old.n,
                "after": now.n if now else 0,
                "share_before": old.share,
                "share_after": now.share if now else 0.0,
            }
        )
    return table
