"""Near-duplicates by exact Jaccard similarity of character 5-grams.

Every pair is computed, none is guessed: shingle counts meet in a sparse matrix product, block by block. That is exact
and fast enough for tens of thousands of short texts.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

SHINGLE = 5
SIMILAR = 0.5  # at or above it two questions count as near-duplicates (review tier)
_BLOCK = 512


class NearPair(NamedTuple):
    """Rows ``a`` and ``b`` (indices) and their Jaccard similarity, 0-1."""

    a: int
    b: int
    similarity: float


def normalise(text: str) -> str:
    """Lower case, punctuation and runs of white space folded to one space."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def shingles(text: str) -> np.ndarray:
    """Sorted unique hashes (CRC-32) of the character 5-grams of the normalised text; shape (n,), uint32."""
    data = normalise(text).encode()
    grams = {zlib.crc32(data[i : i + SHINGLE]) for i in range(max(1, len(data) - SHINGLE + 1))}
    return np.array(sorted(grams), dtype=np.uint32)


def _matrix(sets: Sequence[np.ndarray], vocabulary: np.ndarray) -> sparse.csr_matrix:
    columns = [np.searchsorted(vocabulary, s) for s in sets]
    indptr = np.cumsum([0, *(len(c) for c in columns)])
    flat = np.concatenate(columns) if columns else np.array([], dtype=np.int64)
    return sparse.csr_matrix((np.ones(len(flat), dtype=np.int32), flat, indptr), shape=(len(sets), len(vocabulary)))


def near_pairs(texts: Sequence[str], others: Sequence[str] | None = None, threshold: float = SIMILAR) -> list[NearPair]:
    """All pairs at or above the threshold, most similar first.

    Args:
        texts: the texts, shape (n,).
        others: compare ``texts`` with these, shape (m,), instead of with one another (then each pair has a < b).
        threshold: Jaccard similarity from which a pair is returned.
    """
    left = [shingles(t) for t in texts]
    right = left if others is None else [shingles(t) for t in others]
    if not left or not right:
        return []
    vocabulary = np.unique(np.concatenate([*left, *right]))
    found = list(_blocks(_matrix(left, vocabulary), _matrix(right, vocabulary), threshold))
    pairs = [p for p in found if others is not None or p.a < p.b]
    return sorted(pairs, key=lambda p: (-p.similarity, p.a, p.b))


def _blocks(left: sparse.csr_matrix, right: sparse.csr_matrix, threshold: float) -> Iterator[NearPair]:
    left_size, right_size = np.diff(left.indptr), np.diff(right.indptr)
    turned = right.T.tocsr()
    for start in range(0, left.shape[0], _BLOCK):
        shared = (left[start : start + _BLOCK] @ turned).tocoo()
        rows = shared.row + start
        jaccard = shared.data / (left_size[rows] + right_size[shared.col] - shared.data)
        for k in np.flatnonzero(jaccard >= threshold):
            yield NearPair(int(rows[k]), int(shared.col[k]), float(jaccard[k]))


def clusters(texts: Sequence[str], threshold: float = SIMILAR) -> np.ndarray:
    """Cluster number of each text (shape (n,)); texts linked by near-duplicate pairs share one."""
    pairs = near_pairs(texts, threshold=threshold)
    links = sparse.coo_matrix(
        (np.ones(len(pairs)), ([p.a for p in pairs], [p.b for p in pairs])), shape=(len(texts), len(texts))
    )
    return sparse.csgraph.connected_components(links, directed=False)[1]
