"""Do groups get different outcomes? Differences with intervals, compared among like requests, and never on few rows.

Sources: :func:`labkit.stats.rate_difference` (Newcombe, crude difference); Mantel and Haenszel 1959 with the variance of
Sato 1989 (difference adjusted for strata; holds for few large and for many small strata). Several comparisons share
one error rate (Bonferroni). A gap is a reason to look, not a proof: the groups may differ in what was asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from statistics import NormalDist

from pydantic import BaseModel, computed_field

from labkit import LabError
from labkit.checks import DATASET, Context, Hit, set_check
from labkit.coverage.slices import usable
from labkit.curation.reading import fields, sentences
from labkit.records import Example
from labkit.stats import Interval, Rate, rate_difference, wilson

FEWEST = 30  # rows of a group below which its rate means nothing
SMALLEST = 0.1  # a gap that is worth a finding: ten points
GROUP = re.compile(r"(?:.*_)?group|customer|region|gender|age|nationality|language")
LIKE = ("type", "intent", "request_type", "doc_type", "topic")  # slices that say what was asked
NO_GROUP = frozenset({"", "none", "unknown", "n/a"})
FAVOURABLE = frozenset({"accept", "accepted", "allow", "allowed", "answer", "approve", "approved", "grant", "granted", "yes"})
_REFUSAL = re.compile(
    r"\b(?:i|we)(?: am| are|'m|'re)? (?:cannot|can't|can not|could not|unable to|not able to|not allowed to|must refuse)\b"
    r"|\bdoes not say\b|\bnot something (?:i|we)\b",
    re.I,
)


def decision(row: Example) -> str | None:
    """The ``decision`` of a JSON answer in lower case; None for any other answer."""
    found = (fields(row.response) or {}).get("decision")
    return found.strip().casefold() if isinstance(found, str) else None


def refusal(row: Example) -> str | None:
    """``refuse`` or ``answer``, by the first two sentences of a prose answer; None for JSON."""
    head = " ".join(sentences(row.response)[:2])
    return None if not head or head.startswith(("{", "[")) else "refuse" if _REFUSAL.search(head) else "answer"


class Gap(BaseModel):
    """Two groups of one slice, how often each gets the outcome, and the difference a - b.

    Args:
        where: the kind of request it is about, as ``type=refund``; empty for all rows together.
        crude: the difference as it stands, with Newcombe's interval.
        adjusted: over all rows, the difference among requests of one kind (Mantel-Haenszel); None where the rows do
            not say what was asked, or no kind has rows of both groups.
        like: the slice that says what was asked.
        confidence: of the intervals, corrected for the number of comparisons.
    """

    slice: str
    a: str
    b: str
    outcome: str
    where: str = ""
    rate_a: Rate
    rate_b: Rate
    crude: Interval
    like: str | None = None
    adjusted: Interval | None = None
    confidence: float

    @property
    def name(self) -> str:
        """The comparison as people write it."""
        return f"{self.slice}: {self.a} vs {self.b}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unequal(self) -> bool:
        """At least ten points, and more than chance explains; among like requests where these can be told."""
        judged = self.adjusted or self.crude
        return abs(judged.estimate) >= SMALLEST and (judged.low > 0 or judged.high < 0)

    def __str__(self) -> str:
        at = f" at {self.where}" if self.where else ""
        text = f"{self.name}{at}: {self.outcome} in {self.rate_a} against {self.rate_b}, {_points(self.crude)}"
        return text + (f"; among rows of the same {self.like} {_points(self.adjusted)}" if self.adjusted else "")


class Probe(BaseModel):
    """All comparisons, and the groups and kinds of request that were refused, with the reason."""

    gaps: list[Gap]
    refused: list[str]

    @property
    def unequal(self) -> list[Gap]:
        """The comparisons that show more than chance."""
        return [gap for gap in self.gaps if gap.unequal]


def _points(interval: Interval) -> str:
    return f"{100 * interval.estimate:+.0f} points ({100 * interval.low:+.0f} to {100 * interval.high:+.0f})"


def stratified_difference(strata: Sequence[tuple[Rate, Rate]], confidence: float = 0.95) -> Interval | None:
    """The difference a - b common to all strata, each weighted by n_a n_b / (n_a + n_b).

    Args:
        strata: the rates of both groups in each stratum; those with only one group say nothing and are left out.
        confidence: of the interval.

    Returns:
        None where no stratum has rows of both groups.
    """
    usable_strata = [(a.passed, a.n, b.passed, b.n) for a, b in strata if a.n and b.n]
    weight = sum(n * m / (n + m) for _, n, _, m in usable_strata)
    if not weight:
        return None
    estimate = sum((x * m - y * n) / (n + m) for x, n, y, m in usable_strata) / weight
    first = sum((n * n * y - m * m * x + n * m * (m - n) / 2) / (n + m) ** 2 for x, n, y, m in usable_strata)
    second = sum((x * (m - y) + y * (n - x)) / (n + m) / 2 for x, n, y, m in usable_strata)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(max(0.0, estimate * first + second)) / weight
    return Interval(estimate=estimate, low=max(-1.0, estimate - half), high=min(1.0, estimate + half))


def groups_of(rows: Sequence[Example]) -> list[str]:
    """The slices that say who a row is about: named like customer, region or something_group."""
    return [name for name in usable(rows) if GROUP.fullmatch(name)]


def probe(
    rows: Sequence[Example],
    groups: Sequence[str] | None = None,
    like: str | None = None,
    outcome: Callable[[Example], str | None] | None = None,
    confidence: float = 0.95,
) -> Probe:
    """Compare outcomes between the groups of each slice, over all rows and for each kind of request.

    Groups under 30 rows are refused, and so are they within one kind of request. Where outcomes are called approve,
    accept, grant or the like, their rate is
    compared; else that of every outcome with at least 5% of the rows.

    Args:
        rows: the rows; their answers are the outcomes.
        groups: slice names; by default those that :func:`groups_of` finds.
        like: the slice that says what was asked; by default the first of ``LIKE`` that the rows have; empty for none.
        outcome: what a row's answer gives, or None to leave the row out. By default :func:`decision` where at least 30
            rows have one, else :func:`refusal`.
        confidence: of all comparisons together.

    Raises:
        LabError: the rows have no such slice to tell requests apart.
    """
    if outcome is None:
        outcome = decision if sum(decision(row) is not None for row in rows) >= FEWEST else refusal
    judged = [(row, got) for row in rows if (got := outcome(row)) is not None]
    known = usable([row for row, _ in judged])
    if like and like not in known:
        raise LabError(f"slice {like}", "does not tell the rows apart", f"take one of {', '.join(known) or 'none'}")
    like = next((name for name in LIKE if name in known), None) if like is None else like or None
    wanted = _wanted(Counter(got for _, got in judged))
    refused, plan = [], []
    for name in groups_of([row for row, _ in judged]) if groups is None else groups:
        values = [value for value in sorted(known.get(name, ())) if value.casefold() not in NO_GROUP]
        few = [value for value in values if known[name][value] < FEWEST]
        refused += [f"{name}={v}: {known[name][v]} rows are too few to compare, {FEWEST} are needed" for v in few]
        for a, b in combinations([value for value in values if value not in few], 2):
            for label, favoured in wanted.items():
                strata = _strata(judged, name, (a, b), favoured, like)
                big = [value for value, pair in strata.items() if like and min(pair[0].n, pair[1].n) >= FEWEST]
                plan += [(name, a, b, label, strata, where) for where in (None, *big)]
            if like and wanted:
                refused += _too_small(f"{name}: {a} vs {b}", like, strata)
    each = 1 - (1 - confidence) / max(1, len(plan))
    return Probe(gaps=[_gap(*entry, like, each) for entry in plan], refused=refused)


def _wanted(counts: Counter[str]) -> dict[str, frozenset[str]]:
    """Outcomes to compare, each with the spellings that count as it."""
    favoured = FAVOURABLE & set(counts)
    if len(counts) < 2 or favoured == set(counts):
        return {}
    if favoured:
        return {max(sorted(favoured), key=lambda value: counts[value]): favoured}
    enough = [value for value, n in sorted(counts.items()) if n >= 0.05 * counts.total()]
    return {value: frozenset({value}) for value in (enough[:1] if len(counts) == 2 else enough)}


_Strata = dict[str, tuple[Rate, Rate]]


def _strata(
    judged: Sequence[tuple[Example, str]], name: str, pair: tuple[str, str], favoured: frozenset[str], like: str | None
) -> _Strata:
    """The rates of both groups, by the kind of request."""
    hits: dict[str, tuple[list[bool], list[bool]]] = {}
    for row, got in judged:
        if (group := row.slices.get(name)) in pair:
            hits.setdefault(row.slices.get(like or "", ""), ([], []))[group == pair[1]].append(got in favoured)
    return {kind: (_rate(first), _rate(second)) for kind, (first, second) in sorted(hits.items())}


def _too_small(pair: str, like: str, strata: _Strata) -> Iterator[str]:
    """The kinds of request at which two groups are not compared by themselves, in one line."""
    small = [f"{kind} ({a.n} and {b.n} rows)" for kind, (a, b) in strata.items() if min(a.n, b.n) < FEWEST]
    if small:
        yield f"{pair} is not compared by itself at {like}={', '.join(small)}: {FEWEST} of each are needed"


def _rate(hits: Sequence[bool]) -> Rate:
    return wilson(sum(hits), len(hits))


def _gap(
    name: str, a: str, b: str, label: str, strata: _Strata, where: str | None, like: str | None, confidence: float
) -> Gap:
    pairs = list(strata.values()) if where is None else [strata[where]]
    rate_a, rate_b = (wilson(sum(p[side].passed for p in pairs), sum(p[side].n for p in pairs)) for side in (0, 1))
    return Gap(
        slice=name,
        a=a,
        b=b,
        outcome=label,
        where="" if where is None else f"{like}={where}",
        rate_a=rate_a,
        rate_b=rate_b,
        crude=rate_difference(rate_a, rate_b, confidence),
        like=like,
        adjusted=stratified_difference(pairs, confidence) if like and where is None else None,
        confidence=confidence,
    )


@set_check(
    "biased_outcome",
    severity="critical",
    stage="coverage",
    about="Two groups get an outcome at rates at least ten points apart, and more than chance explains.",
)
def biased_outcome(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Outcomes that differ between groups; of several findings on one pair of groups the widest is told."""
    found: dict[str, Gap] = {}
    for gap in probe(rows).unequal:
        if gap.name not in found or abs(gap.crude.estimate) > abs(found[gap.name].crude.estimate):
            found[gap.name] = gap
    for name, gap in found.items():
        yield Hit(
            DATASET,
            str(gap),
            evidence=name,
            suggestion="read the rows of both groups side by side and decide them anew by the written rule",
            tier="review",
        )
