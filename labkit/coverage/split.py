"""Train / held-out splits in which no near-duplicate crosses the line."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from labkit.curation.near_duplicates import SIMILAR, NearPair, clusters, near_pairs


def grouped_split(
    texts: Sequence[str], strata: Sequence[str], held_out: int, seed: int = 0
) -> tuple[list[int], list[int]]:
    """Draw held-out rows evenly over the strata, a whole near-duplicate cluster at a time.

    Args:
        texts: what is compared, shape (n,).
        strata: label of each text; each label gives about the same number of held-out rows.
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
    chosen: list[int] = []
    while len(chosen) < held_out and any(queues.values()):
        for label in sorted(queues):
            if queues[label] and len(chosen) < held_out:
                chosen += queues[label].pop()
    kept = set(chosen)
    return [i for i in range(len(texts)) if i not in kept], sorted(chosen)


def overlap(train: Sequence[str], held_out: Sequence[str], threshold: float = SIMILAR) -> list[NearPair]:
    """Pairs (train index, held-out index, similarity) that break independence; empty when the two sides are clean."""
    return near_pairs(train, held_out, threshold)
