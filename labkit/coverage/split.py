"""Train / held-out splits in which no near-duplicate crosses the line."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from labkit.curation.near_duplicates import SIMILAR, NearPair, clusters, near_pairs, normalise
from labkit.curation.vectors import BLOCK, tfidf
from labkit.records import Example

SAME_MATTER = 0.5  # cosine from which a row and a case may ask the same in other words


def grouped_split(
    texts: Sequence[str], strata: Sequence[str], held_out: int, seed: int = 0
) -> tuple[list[int], list[int]]:
    """Draw held-out rows evenly over the strata, a whole near-duplicate cluster at a time.

    Args:
        texts: what is compared, shape (n,).
        strata: label of each text, such as :func:`by_slices` makes; each gives about the same number of held-out rows.
        held_out: rows wanted on the held-out side (clusters may make it a few more).
        seed: of the draw.

    Returns:
        Indices of the train rows and of the held-out rows, each sorted.
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for index, cluster in enumerate(clusters(texts)):
        groups[int(cluster)].append(index)
    queues: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        queues[strata[group[0]]].append(group)
    draw = random.Random(seed)
    for label in sorted(queues):
        draw.shuffle(queues[label])
    labels = draw.sample(sorted(queues), len(queues))  # where there are more labels than held-out rows, all have a chance
    chosen: list[int] = []
    while len(chosen) < held_out and any(queues.values()):
        for label in labels:
            if queues[label] and len(chosen) < held_out:
                chosen += queues[label].pop()
    kept = set(chosen)
    return [i for i in range(len(texts)) if i not in kept], sorted(chosen)


def overlap(train: Sequence[str], held_out: Sequence[str], threshold: float = SIMILAR) -> list[NearPair]:
    """Pairs (train index, held-out index, similarity) that break independence; empty when the two sides are clean."""
    return near_pairs(train, held_out, threshold)


def by_slices(rows: Sequence[Example], *names: str) -> list[str]:
    """One label a row out of its values on these slices, for :func:`grouped_split`."""
    return [" | ".join(row.slices.get(name, "none") for name in names) for row in rows]


class Crossing(NamedTuple):
    """A training row that gives a held-out case away."""

    row: str
    case: str
    evidence: Literal["exact", "near", "semantic"]
    similarity: float


class Independence(NamedTuple):
    """What connects training rows with held-out cases; no exact and no near crossing means independent."""

    crossings: list[Crossing]
    rows: int
    cases: int

    def table(self) -> list[dict[str, object]]:
        """One line a kind of evidence: rows and cases concerned, and the strongest crossing."""
        lines: list[dict[str, object]] = []
        for kind in ("exact", "near", "semantic"):
            found = [c for c in self.crossings if c.evidence == kind]
            lines.append(
                {
                    "evidence": kind,
                    "rows": f"{len({c.row for c in found})} of {self.rows}",
                    "cases": f"{len({c.case for c in found})} of {self.cases}",
                    "strongest": f"{found[0].row} / {found[0].case} ({found[0].similarity:.2f})" if found else "",
                }
            )
        return lines


def independence(rows: Sequence[Example], held_out: Mapping[str, str], same_matter: float = SAME_MATTER) -> Independence:
    """Compare the questions of training rows with those of a suite; strongest evidence first, each pair once.

    Exact: equal but for case and punctuation. Near: Jaccard similarity of the character 5-grams from :data:`SIMILAR`.
    Semantic: cosine of TF-IDF vectors from ``same_matter``, a hint to be read, no proof.

    Args:
        rows: training rows.
        held_out: question by case id, as in :class:`labkit.checks.Context`.
        same_matter: least cosine of semantic evidence.
    """
    asked, cases, texts = [row.question for row in rows], list(held_out), list(held_out.values())
    found: dict[tuple[int, int], Crossing] = {}
    for a, b, similarity in near_pairs(asked, texts):
        kind: Literal["exact", "near"] = "exact" if normalise(asked[a]) == normalise(texts[b]) else "near"
        found[a, b] = Crossing(rows[a].id, cases[b], kind, similarity)
    if asked and texts:
        vectors = tfidf([*asked, *texts])
        suite = vectors[len(asked) :].T.tocsr()
        for start in range(0, len(asked), BLOCK):
            alike = (vectors[start : min(start + BLOCK, len(asked))] @ suite).toarray()
            for i, b in np.argwhere(alike >= same_matter).tolist():
                found.setdefault((start + i, b), Crossing(rows[start + i].id, cases[b], "semantic", float(alike[i, b])))
    order = {"exact": 0, "near": 1, "semantic": 2}
    crossings = sorted(found.values(), key=lambda c: (order[c.evidence], -c.similarity, c.row, c.case))
    return Independence(crossings, len(rows), len(cases))
