"""Near-duplicates: pairs of texts whose character 5-grams overlap by an exact measure, and a verdict on each pair.

Small sets are compared whole. For larger ones an index proposes candidates, and every pair that is returned has been
measured: none is guessed, none follows from two others.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from labkit.curation.candidates import normalise, overlaps, shingle_matrix
from labkit.curation.reading import number
from labkit.records import Tier

__all__ = [
    "SIMILAR", "DuplicatePair", "NearPair", "canonical", "clusters", "conflict", "duplicate_pairs", "near_pairs", "normalise",
    "shingles",
]  # fmt: skip

SIMILAR = 0.5  # at or above it two questions count as near-duplicates (review tier)
LIKELY, CERTAIN = 0.6, 0.8  # on real support rows 88% and 94% of such pairs have the same intent
CONTAINED = 0.9  # share of the smaller text's shingles that the larger one has: a cut copy, or boilerplate around it
_LEAST_CONTAINED, _LEAST_SHARE = 20, 0.25  # shingles, and share of the larger text: "my order" is in every text
_AT_ONCE = 100_000
MOST = 100  # rows that one row may stand for, identical ones apart


class NearPair(NamedTuple):
    """Rows ``a`` and ``b`` (indices) and their Jaccard similarity, 0-1."""

    a: int
    b: int
    similarity: float


class DuplicatePair(NamedTuple):
    """Rows ``a`` < ``b`` (indices) that say the same.

    Attributes:
        similarity: Jaccard similarity of their shingles, 0-1.
        containment: share of the smaller one's shingles that the other has, 0-1.
        tier: ``certain`` (equal but for case and punctuation, or similarity from .8), ``likely`` (from .6, or one
            contains the other) or ``review`` (from .5). Never ``certain`` where one has a number the other lacks.
    """

    a: int
    b: int
    similarity: float
    containment: float
    tier: Tier


def shingles(text: str) -> np.ndarray:
    """Sorted distinct hashes (30 bits) of the character 5-grams of the normalised text; shape (n,), int32."""
    return shingle_matrix([text]).indices


def near_pairs(texts: Sequence[str], others: Sequence[str] | None = None, threshold: float = SIMILAR) -> list[NearPair]:
    """All pairs at or above the threshold, most similar first.

    Args:
        texts: the texts, shape (n,).
        others: compare ``texts`` with these, shape (m,), instead of with one another (then each pair has a < b).
        threshold: Jaccard similarity from which a pair is returned. In a large set compared with itself, pairs below
            :data:`SIMILAR` may be missed.
    """
    if not texts or (others is not None and not others):
        return []
    left = shingle_matrix(texts)
    right = None if others is None else shingle_matrix(others)
    a, b, jaccard, _ = _measured(left, right, threshold)
    return list(map(NearPair, a.tolist(), b.tolist(), jaccard.tolist()))


def duplicate_pairs(texts: Sequence[str]) -> list[DuplicatePair]:
    """Pairs of texts that say the same in nearly the same words and with the same numbers, most similar first.

    Warns when rows share even their rarest wording with so many others that only the first of these were looked at.
    """
    if not texts:
        return []
    a, b, jaccard, containment = _measured(shingle_matrix(texts), None, SIMILAR, CONTAINED)
    found = []
    for start in range(0, len(a), _AT_ONCE):  # numbers as Python objects take far more memory than in arrays
        part = (column[start : start + _AT_ONCE].tolist() for column in (a, b, jaccard, containment))
        for i, j, similarity, share in zip(*part, strict=True):
            if tier := _tier(texts[i], texts[j], similarity, share):
                found.append(DuplicatePair(i, j, similarity, share, tier))
    return found


def _measured(
    left: sparse.csr_matrix, right: sparse.csr_matrix | None, similar: float, contained: float = 2.0
) -> tuple[np.ndarray, ...]:
    """Rows a, rows b, Jaccard similarity and containment of the pairs that reach one of the two, most similar first."""
    left_size, right_size = np.diff(left.indptr), np.diff((left if right is None else right).indptr)
    found = []
    for a, b, shared in overlaps(left, right, similar, contained):
        small, large = np.minimum(left_size[a], right_size[b]), np.maximum(left_size[a], right_size[b])
        jaccard, containment = shared / (small + large - shared), shared / small
        inside = (containment >= contained) & (small >= np.maximum(_LEAST_CONTAINED, _LEAST_SHARE * large))
        kept = (jaccard >= similar) | inside
        found.append((a[kept].astype(np.int64) << 32 | b[kept], jaccard[kept], containment[kept]))
    packed, jaccard, containment = map(np.concatenate, zip(*found, strict=True))
    packed, first = np.unique(packed, return_index=True)  # the index can name a pair twice
    order = np.lexsort((packed, -jaccard[first]))
    a, b = packed[order] >> 32, packed[order] & (1 << 32) - 1
    return a, b, jaccard[first][order], containment[first][order]


def canonical(n: int, pairs: Iterable[DuplicatePair], most: int = MOST) -> np.ndarray:
    """The row that each of n rows repeats, or the row itself; shape (n,).

    The first row of its kind is canonical. A row is linked to a canonical row only if that very pair was verified; a
    row that is like another copy, but not like the canonical row, stays.

    Args:
        n: number of rows.
        pairs: verified pairs.
        most: rows that one row may stand for, certain ones apart. Warns when it is reached: so many rows alike point to
            a template, and what differs in a template may be what matters.
    """
    earlier: dict[int, list[DuplicatePair]] = {}
    for pair in pairs:
        earlier.setdefault(pair.b, []).append(pair)
    first = np.arange(n)
    held: Counter[int] = Counter()
    full: set[int] = set()
    for row in sorted(earlier):
        for pair in sorted(earlier[row], key=lambda p: (-p.similarity, p.a)):
            if first[pair.a] != pair.a:
                continue
            if pair.tier != "certain" and held[pair.a] >= most:
                full.add(pair.a)
                continue
            first[row] = pair.a
            held[pair.a] += pair.tier != "certain"
            break
    if full:
        warnings.warn(f"{len(full)} rows stand for {most} others each, more were left: a template?", stacklevel=2)
    return first


def clusters(texts: Sequence[str], threshold: float = SIMILAR) -> np.ndarray:
    """Cluster number of each text (shape (n,)); texts linked by near-duplicate pairs share one, through others too.

    For splits, which must keep linked texts on one side. To find what can go, see :func:`canonical`.
    """
    pairs = near_pairs(texts, threshold=threshold)
    links = sparse.coo_matrix(
        (np.ones(len(pairs)), ([p.a for p in pairs], [p.b for p in pairs])), shape=(len(texts), len(texts))
    )
    return sparse.csgraph.connected_components(links, directed=False)[1]


# --- the verdict on a pair --------------------------------------------------------------------------------------------

_DATES = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|august|september"
    "|october|november|december"
)
_SPELT = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    "|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
)
_UNITS = "hour|day|week|month|year"
_DIGITS = r"\d+(?:[.,]\d+)*"
_TOKEN = re.compile(rf"{_DIGITS}|[^\W\d_]+(?:'t\b)?")
_NUMBER = re.compile(
    rf"{_DIGITS}|\b(?:{_SPELT})(?:[ -](?:{_SPELT}))*\b|\b(?P<date>{_DATES})\b|\b(?P<a>an?)(?= (?:{_UNITS})\b)"
)
_TELLING = frozenset(f"{_DATES}|{_SPELT}|{_UNITS}".split("|"))  # words for which the slower pattern is worth its time
_NEGATIONS = frozenset(["not", "no", "never", "none", "nothing", "nor", "neither", "without", "cannot"]).union(
    f"{verb}{nt}"
    for verb in ("do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "ca", "could", "wo", "would", "should")
    for nt in ("n't", "nt")
)
_FEW_WORDS = 4


class _Facts(NamedTuple):
    """What two texts may not differ in: numbers, week days and months in reading order; how often something is negated."""

    numbers: tuple[float | str, ...]
    negations: int


@functools.lru_cache(1 << 16)
def _facts(text: str) -> _Facts:
    folded = text.casefold().replace("\u2019", "'")
    words = _TOKEN.findall(folded)
    if _TELLING.isdisjoint(words):
        numbers = tuple(_number(w) for w in words if w[0].isdecimal())
    else:
        numbers = tuple(m[0] if m["date"] else 1.0 if m["a"] else _number(m[0]) for m in _NUMBER.finditer(folded))
    return _Facts(numbers, sum(map(_NEGATIONS.__contains__, words)))


def _number(text: str) -> float | str:
    return text if text[0].isdecimal() and len(text) > 15 else number(text)  # floats would make two order numbers one


def conflict(one: str, two: str) -> str:
    """What tells two similar texts apart: ``"numbers"`` or ``"negation"``, or nothing.

    A number, day or month that only one of them has is no conflict (a text may be cut); one that is another is.
    """
    a, b = _facts(one), _facts(two)
    if a.numbers != b.numbers and not (_within(a.numbers, b.numbers) or _within(b.numbers, a.numbers)):
        return "numbers"
    return "negation" if a.negations != b.negations and _words_apart(one, two) <= _FEW_WORDS else ""


def _tier(one: str, two: str, similarity: float, containment: float) -> Tier | None:
    if conflict(one, two):
        return None
    if similarity >= CERTAIN and _facts(one).numbers == _facts(two).numbers:
        return "certain"
    return "likely" if similarity >= LIKELY or containment >= CONTAINED else "review"


def _within(short: Sequence[object], long: Sequence[object]) -> bool:
    """Is one sequence the other with entries left out?"""
    rest = iter(long)
    return all(x in rest for x in short)


def _words_apart(one: str, two: str) -> int:
    a, b = Counter(normalise(one).split()), Counter(normalise(two).split())
    return (a - b).total() + (b - a).total()
