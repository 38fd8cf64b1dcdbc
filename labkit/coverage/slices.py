"""What the rows cover: shares of slice values, and pairs of values that never meet.

A rare value is no gap. A pair of values counts as missing only where it would hardly be missing by chance: the exact
(hypergeometric) probability of no row, over all pairs looked at, stays below 5% (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from pydantic import BaseModel

from labkit.checks import DATASET, Context, Hit, set_check
from labkit.records import Example
from labkit.stats import wilson

MOST_VALUES = 30  # a slice with more values is an id or a free text, not a slice
CHANCE = 0.05  # of claiming any missing pair where none is


class SliceCount(BaseModel):
    """One value of one slice: its rows, of all that have the slice, with Wilson's interval."""

    slice: str
    value: str
    n: int
    of: int
    share: float
    low: float
    high: float


class PairCell(BaseModel):
    """Two slice values together.

    Args:
        n: rows that have both.
        expected: how many would have, were the rows dealt again by chance.
        missing: none has, and chance would hardly do that.
        needed: where they are missing, the rows that would fill the gap: as many as the other pairs of these values
            lead to expect. More than ``expected``, since the gap itself makes both values rarer.
    """

    a: str
    value_a: str
    b: str
    value_b: str
    n: int
    expected: float
    missing: bool = False
    needed: int = 0

    @property
    def name(self) -> str:
        """The pair as people write it."""
        return f"{self.a}={self.value_a} & {self.b}={self.value_b}"


def usable(rows: Sequence[Example]) -> dict[str, Counter[str]]:
    """Slices that divide the rows: two to thirty values, by name; with their counts."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row.slices.items():
            counts.setdefault(name, Counter())[value] += 1
    return {name: counts[name] for name in sorted(counts) if 2 <= len(counts[name]) <= MOST_VALUES}


def coverage(rows: Sequence[Example]) -> list[SliceCount]:
    """How often each value of each usable slice occurs, the most frequent first."""
    table = []
    for name, counts in usable(rows).items():
        of = counts.total()
        for value, n in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
            rate = wilson(n, of)
            table.append(SliceCount(slice=name, value=value, n=n, of=of, share=rate.rate, low=rate.low, high=rate.high))
    return table


def pairwise(rows: Sequence[Example], slices: Sequence[str] | None = None) -> list[PairCell]:
    """Every pair of values of two slices, with what is missing marked.

    Slices that go together by design (a team that only ever has certain topics) leave many pairs empty at once; these
    are not marked: in its row and in its column a missing pair must be the exception, at most one in three.

    Args:
        rows: the rows.
        slices: names to look at; all usable ones by default.
    """
    known = usable(rows)
    names = [name for name in (known if slices is None else slices) if name in known]
    tables = {pair: _table(rows, *pair) for pair in combinations(names, 2)}
    looked_at = sum(len(cells) for cells in tables.values())
    return [cell for cells in tables.values() for cell in _marked(cells, looked_at)]


def _table(rows: Sequence[Example], a: str, b: str) -> list[tuple[PairCell, int, int, int]]:
    """Cells of two slices, each with its row total, column total and the total of rows that have both slices."""
    both = Counter((row.slices[a], row.slices[b]) for row in rows if a in row.slices and b in row.slices)
    left, right = Counter[str](), Counter[str]()
    for (x, y), n in both.items():
        left[x] += n
        right[y] += n
    total = both.total()
    return [
        (PairCell(a=a, value_a=x, b=b, value_b=y, n=both[x, y], expected=m * k / total), m, k, total)
        for x, m in sorted(left.items())
        for y, k in sorted(right.items())
    ]


def _marked(cells: Sequence[tuple[PairCell, int, int, int]], looked_at: int) -> Iterator[PairCell]:
    empty = [cell for cell, m, k, total in cells if not cell.n and _none(m, k, total) * looked_at < CHANCE]
    in_row, in_column = Counter(c.value_a for c in empty), Counter(c.value_b for c in empty)
    wide, tall = len({cell.value_b for cell, *_ in cells}), len({cell.value_a for cell, *_ in cells})
    for cell, m, k, total in cells:
        alone = in_row[cell.value_a] <= max(1, wide // 3) and in_column[cell.value_b] <= max(1, tall // 3)
        if cell in empty and alone:
            # Quasi-independence with one empty cell: its fitted count is m k / (total - m - k).
            needed = math.ceil(m * k / max(total - m - k, 1))
            cell = cell.model_copy(update={"missing": True, "needed": min(needed, max(m, k))})
        yield cell


def _none(m: int, k: int, total: int) -> float:
    """Probability that none of k rows drawn of the total is one of m: hypergeometric, by logarithms of factorials."""
    if m + k > total:
        return 0.0
    steps = (math.lgamma(total - m + 1), math.lgamma(total - k + 1), math.lgamma(total - m - k + 1), math.lgamma(total + 1))
    return math.exp(steps[0] + steps[1] - steps[2] - steps[3])


@set_check(
    "missing_slice",
    severity="minor",
    stage="coverage",
    about="Two slice values that both occur, yet never in one row, though chance alone would have put them there.",
)
def missing_slice(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """A pair of slice values without a row."""
    for cell in pairwise(rows):
        if cell.missing:
            yield Hit(
                DATASET,
                f"no row has {cell.name}, where {cell.expected:.0f} of {len(rows)} would by chance",
                evidence=cell.name,
                where="slices",
                suggestion=f"write or collect about {cell.needed} such rows, or say why there are none",
                tier="review",
            )
