"""Where annotators disagree, what that says about the guideline, how it is settled, and whose labels look odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Literal

from pydantic import BaseModel

from labkit.labelling.agreement import Ratings
from labkit.labelling.guideline import SKIP, Guideline
from labkit.labelling.session import Item, LabellingSession, effective
from labkit.records import Label
from labkit.stats import wilson

LEAST = 20  # labels of an annotator below which nothing is said about them
SAME = 0.95  # share of one label that counts as "always"
FASTEST = 60.0  # characters a second; even skimming (700 words a minute) is slower
HASTY = 1 / 3  # of the time that others took for the same row, where no texts are given


class Disagreement(BaseModel):
    """One row on which annotators differ: who said what."""

    row_id: str
    votes: dict[str, str]

    def __str__(self) -> str:
        return f"{self.row_id}: " + ", ".join(f"{who} {value}" for who, value in self.votes.items())


class Confusion(BaseModel):
    """Two labels given to the same rows.

    Args:
        labels: the two, in alphabetical order.
        rows: ids of the rows that got both.
        of: how many rows got at least one of them from anybody.
        sides: label -> annotator -> how often that annotator stood on this side.
    """

    labels: tuple[str, str]
    rows: list[str]
    of: int
    sides: dict[str, dict[str, int]]

    def __str__(self) -> str:
        a, b = self.labels
        readers = "; ".join(
            f"{label}: {', '.join(f'{who} {n}' for who, n in own.items())}" for label, own in self.sides.items()
        )
        return f"{a} / {b}: {len(self.rows)} of {self.of} rows got both ({readers})"


class Settlement(BaseModel):
    """One label a row after all: how it came about, and the rows that still need somebody's word."""

    labels: dict[str, str]
    how: dict[str, Literal["single", "unanimous", "majority", "adjudicated"]]
    open: list[str]

    def __str__(self) -> str:
        ways = Counter(self.how.values())
        told = ", ".join(f"{n} {way}" for way, n in sorted(ways.items()))
        return f"{len(self.labels)} rows settled ({told}), {len(self.open)} open"


class AnnotatorProblem(BaseModel):
    """A pattern in one annotator's labels that calls for a talk, not for a verdict."""

    annotator: str
    kind: Literal["one_label", "speeder", "drift"]
    n: int
    message: str


def _by_row(ratings: Ratings) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for annotator, own in ratings.items():
        for row, value in own.items():
            rows.setdefault(row, {})[annotator] = str(value)
    return rows


def disagreements(ratings: Ratings) -> list[Disagreement]:
    """Rows with more than one label, the most divided first."""
    split = [Disagreement(row_id=row, votes=votes) for row, votes in _by_row(ratings).items()]
    split = [one for one in split if len(set(one.votes.values())) > 1]
    return sorted(split, key=lambda one: (max(Counter(one.votes.values()).values()) / len(one.votes), one.row_id))


def confusions(ratings: Ratings) -> list[Confusion]:
    """Which labels are taken for one another, the most frequent pair first."""
    rows = _by_row(ratings)
    both: dict[tuple[str, str], list[str]] = {}
    for row, votes in rows.items():
        for a, b in combinations(sorted(set(votes.values())), 2):
            both.setdefault((a, b), []).append(row)
    found = []
    for (a, b), shared in both.items():
        sides = {x: Counter(who for row in shared for who, value in rows[row].items() if value == x) for x in (a, b)}
        of = sum(a in votes.values() or b in votes.values() for votes in rows.values())
        told = {x: dict(sorted(own.items())) for x, own in sides.items()}
        found.append(Confusion(labels=(a, b), rows=sorted(shared), of=of, sides=told))
    return sorted(found, key=lambda c: (-len(c.rows), c.labels))


def unclear_rules(ratings: Ratings, guideline: Guideline, least: int = 3) -> list[str]:
    """Which rules of the guideline to mend first, one plain line each.

    Args:
        ratings: value by row, by annotator.
        guideline: the rules they were given under.
        least: rows with both labels below which a pair is taken for slips.
    """
    lines = []
    for found in confusions(ratings):
        if len(found.rows) < least:
            continue
        known = len(guideline.between(*found.labels))
        cases = f"{known} borderline case{'s' * (known > 1)} between them" if known else "no borderline case between them"
        mend = "sharpen the definitions" if known else "add one"
        some = ", ".join(found.rows[:3])
        lines.append(f"{found}. Guideline {guideline.version} has {cases}: {mend}, starting with {some}")
    return lines


def adjudication(
    items: Sequence[Item], ratings: Ratings, guideline: Guideline, log: str | Path, lead: str
) -> LabellingSession:
    """A labelling session of one person on the rows in dispute only; its log is the log of adjudicated labels."""
    disputed = {one.row_id for one in disagreements(ratings)}
    return LabellingSession([item for item in items if item.id in disputed], guideline, log, lead)


def settle(ratings: Ratings, adjudicated: Iterable[Label] = ()) -> Settlement:
    """One label a row: the adjudicated one, else the one that most annotators gave; a tie stays open."""
    final = Settlement(labels={}, how={}, open=[])
    ruled = {label.row_id: label.value for label in effective(adjudicated) if label.value != SKIP}
    for row, votes in sorted(_by_row(ratings).items()):
        (value, most), *rest = Counter(votes.values()).most_common()
        if row in ruled:
            final.labels[row], final.how[row] = ruled[row], "adjudicated"
        elif 2 * most <= len(votes):
            final.open.append(row)
        else:
            final.labels[row] = value
            final.how[row] = "majority" if rest else "unanimous" if most > 1 else "single"
    return final


def annotator_problems(labels: Iterable[Label], texts: Mapping[str, str] | None = None) -> list[AnnotatorProblem]:
    """Annotators whose labels show a pattern of carelessness. Differing from the others is none of them.

    - ``one_label``: almost always the same label, and the others do not give it as often.
    - ``speeder``: at least every second label faster than the text can be read; without texts, in less than a third
      of the time that the others took for the same row.
    - ``drift``: agreement with the others, on rows where these are of one mind, fell from the first half to the second
      (the two 95% intervals do not overlap).

    Somebody who is strict throughout shows none of these: their labels vary with the rows, and do not change in time.

    Args:
        labels: events in the order in which they were given.
        texts: what was read, by row id.
    """
    live = [label for label in effective(labels) if label.value != SKIP]
    by_row: dict[str, list[Label]] = {}
    for label in live:
        by_row.setdefault(label.row_id, []).append(label)
    found = []
    for annotator in sorted({label.annotator for label in live}):
        own = [label for label in live if label.annotator == annotator]
        others = {label.row_id: [o for o in by_row[label.row_id] if o.annotator != annotator] for label in own}
        for kind, n, message in (_one_label(own, others), _speeder(own, others, texts), _drift(own, others)):
            if message:
                found.append(AnnotatorProblem(annotator=annotator, kind=kind, n=n, message=message))
    return found


_Told = tuple[str, int, str]  # kind, n, message (empty when there is nothing to say)


def _one_label(own: Sequence[Label], others: Mapping[str, Sequence[Label]]) -> _Told:
    (value, times), *_ = Counter(label.value for label in own).most_common()
    rate, theirs = wilson(times, len(own)), [o.value == value for row in others.values() for o in row]
    share = sum(theirs) / len(theirs) if theirs else 0.0
    if len(own) < LEAST or rate.rate < SAME or rate.low <= share:
        return "one_label", len(own), ""
    said = f"the others gave it on {share:.0%} of the same rows" if theirs else "nobody else labelled these rows"
    return "one_label", len(own), f"said {value!r} in {rate}; {said}"


def _speeder(own: Sequence[Label], others: Mapping[str, Sequence[Label]], texts: Mapping[str, str] | None) -> _Told:
    hasty, spent = [], []
    for label in own:
        theirs = [o.seconds for o in others[label.row_id] if o.seconds is not None]
        if label.seconds is None or (label.row_id not in texts if texts else not theirs):
            continue
        least = len(texts[label.row_id]) / FASTEST if texts else HASTY * median(theirs)
        hasty.append(label.seconds < least)
        spent.append(label.seconds)
    rate = wilson(sum(hasty), len(hasty))
    if len(hasty) < LEAST or rate.rate < 0.5:
        return "speeder", len(hasty), ""
    than = "than the text can be read" if texts else "than a third of the others' time"
    return "speeder", len(hasty), f"was faster {than} in {rate}; half of the labels took {median(spent):g} s or less"


def _drift(own: Sequence[Label], others: Mapping[str, Sequence[Label]]) -> _Told:
    agreed = [
        label.value == theirs.pop()
        for label in own
        if len(theirs := {o.value for o in others[label.row_id] if o.guideline == label.guideline}) == 1
    ]
    half = len(agreed) // 2
    early, late = wilson(sum(agreed[:half]), half), wilson(sum(agreed[half:]), len(agreed) - half)
    if len(agreed) < LEAST or late.high >= early.low:
        return "drift", len(agreed), ""
    return "drift", len(agreed), f"agreed with the others in {early} at first, then in {late}"
