"""How varied the rows are: slice values and openings that stand in too many, evenness, length, repeated n-grams."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from labkit.checks import DATASET, Context, Hit, set_check
from labkit.coverage.slices import coverage, usable
from labkit.curation.reading import words
from labkit.records import Example
from labkit.stats import wilson

LEAST = 8  # rows with one opening below which it is no pattern
OPENING = 5  # words; shorter openings ("how do I get a") are how people ask
OFTEN = 0.01  # share of rows that may open with the same words
_MOST_WORDS = 30


class Over(BaseModel):
    """A slice value or an opening that stands in too many rows.

    Args:
        kind: ``slice`` or ``opening`` (the first words of questions).
        what: ``channel=chat``, or the words verbatim.
        limit: the share that the lower end of the interval exceeds.
        rows: ids.
    """

    kind: Literal["slice", "opening"]
    what: str
    n: int
    of: int
    low: float
    high: float
    limit: float
    rows: list[str]


def over_represented(rows: Sequence[Example]) -> list[Over]:
    """Slice values and openings of questions that stand in too many rows, the largest first.

    A slice value does when the whole interval of its share lies above twice an equal share (at least a third, at most
    90%). An opening of five words or more does when the whole interval lies above 1% and the questions go on
    differently: questions that are alike to the end are duplicates, and curation finds them.
    """
    found = list(_dominant(rows))
    for what, ids in openings(rows).items():
        rate = wilson(len(ids), len(rows))
        if rate.low > OFTEN:
            found.append(
                Over(kind="opening", what=what, n=rate.passed, of=rate.n, low=rate.low, high=rate.high, limit=OFTEN, rows=ids)
            )
    return sorted(found, key=lambda over: (over.kind != "slice", -over.n, over.what))


def slice_limit(values: int) -> float:
    """The share of one value, of so many, from which it counts as over-represented."""
    return min(0.9, max(1 / 3, 2 / values))


def _dominant(rows: Sequence[Example]) -> Iterator[Over]:
    known = usable(rows)
    for entry in coverage(rows):
        limit = slice_limit(len(known[entry.slice]))
        if entry.low > limit:
            ids = [row.id for row in rows if row.slices.get(entry.slice) == entry.value]
            what = f"{entry.slice}={entry.value}"
            yield Over(
                kind="slice", what=what, n=entry.n, of=entry.of, low=entry.low, high=entry.high, limit=limit, rows=ids
            )


def openings(rows: Sequence[Example]) -> dict[str, list[str]]:
    """Ids of the rows by the words that at least eight questions open with, verbatim from the first of them.

    An opening has five words or more, numbers count as alike, and the questions go on differently: questions that
    are alike to the end are duplicates, and curation finds them.
    """
    texts = [row.question for row in rows]
    split = [words(text)[:_MOST_WORDS] for text in texts]
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, own in enumerate(split):
        if len(own) > OPENING:
            groups.setdefault(_masked(own[:OPENING]), []).append(i)
    found = {}
    for members in groups.values():
        if len(members) >= LEAST and len({texts[i].casefold() for i in members}) > len(members) / 2:
            length = _shared([split[i] for i in members])
            found[_verbatim(texts[members[0]], length)] = [rows[i].id for i in members]
    return found


def _masked(own: Iterable[str]) -> tuple[str, ...]:
    """Words with all numbers alike, so that a template counts as one opening."""
    return tuple("0" if word[0].isdigit() else word for word in own)


def _shared(texts: Sequence[Sequence[str]]) -> int:
    """How many first words nine in ten of the texts share."""
    length = OPENING
    while length < _MOST_WORDS:
        following = Counter(_masked(text[: length + 1]) for text in texts if len(text) > length)
        if not following or following.most_common(1)[0][1] < 0.9 * len(texts):
            break
        length += 1
    return length


def _verbatim(text: str, length: int) -> str:
    """The first words of a text as they stand there, with the mark that follows them."""
    at = 0
    for word in words(text)[:length]:
        at = text.casefold().find(word, at) + len(word)
    mark = text[at : at + 1]
    return text[:at] + (mark if mark in ".,;:!?" else "")


class Diversity(BaseModel):
    """How varied the rows are.

    Args:
        n: rows.
        evenness: entropy of each slice as a share of its maximum: 1 is even, near 0 is one value only.
        length_evenness: the same of question lengths, in classes that double (1, 2-3, 4-7 words and so on).
        words: the 5th, 50th and 95th percentile of question length.
        distinct: share of different word n-grams among all n-grams of the questions, n = 1, 2, 3; it falls with the
            number of rows, so compare sets of one size.
    """

    n: int
    evenness: dict[str, float]
    length_evenness: float
    words: tuple[int, int, int]
    distinct: tuple[float, float, float]


def evenness(counts: Mapping[Any, int]) -> float:
    """Shannon's entropy of the counts as a share of its maximum; 0 where there is but one value."""
    total = sum(counts.values())
    shares = [n / total for n in counts.values() if n]
    return -sum(p * math.log(p) for p in shares) / math.log(len(shares)) if len(shares) > 1 else 0.0


def diversity(rows: Sequence[Example]) -> Diversity:
    """Evenness of slices and lengths, and the share of different n-grams of the questions."""
    texts = [words(row.question) for row in rows]
    lengths = sorted(map(len, texts)) or [0]
    grams = [Counter(tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)) for n in (1, 2, 3)]
    different = [len(count) / count.total() if count else 0.0 for count in grams]
    return Diversity(
        n=len(rows),
        evenness={name: evenness(counts) for name, counts in usable(rows).items()},
        length_evenness=evenness(Counter(length.bit_length() for length in lengths)),
        words=(lengths[len(lengths) // 20], lengths[len(lengths) // 2], lengths[len(lengths) * 19 // 20]),
        distinct=(different[0], different[1], different[2]),
    )


@set_check(
    "over_represented",
    severity="minor",
    stage="coverage",
    about="A slice value with more than twice its equal share, or one opening in many questions.",
)
def too_much(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """A slice value or an opening of questions that stands in too many rows."""
    for over in over_represented(rows):
        rate = wilson(over.n, over.of)
        says = f"have {over.what}" if over.kind == "slice" else f"open with {over.what!r}"
        yield Hit(
            DATASET,
            f"{rate} of the rows {says}; up to {over.limit:.0%} would pass",
            evidence=over.what,
            where="slices" if over.kind == "slice" else "prompt",
            suggestion="cap it, or add rows of other kinds (see the proposal)",
            tier="review",
        )
