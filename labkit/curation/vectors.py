"""Texts as TF-IDF vectors, and how near each lies to a sample of the others. Cost grows with the rows, not their square."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

POOL = 3000  # rows that every row is compared with; a seeded sample where there are more
BLOCK = 512
_LONGEST = 2000  # characters of a text that count


def tfidf(texts: Sequence[str], shortest: int = 3) -> sparse.csr_matrix:
    """Rows of unit length over character n-grams (``shortest`` to 5, within words) and single and paired words.

    Shape (n, features), float32. The product of two rows is their cosine similarity.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [text[:_LONGEST] or " " for text in texts]
    rare = 2 if len(texts) > 5000 else 1  # what stands in one text alone makes no two alike, and fills memory
    common = {"sublinear_tf": True, "min_df": rare, "max_features": 100_000, "dtype": np.float32}
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(shortest, 5), **common)
    whole = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **common)
    parts = [characters.fit_transform(texts), whole.fit_transform(texts)]
    return sparse.hstack(parts, format="csr") * np.float32(2**-0.5)


def pool(n: int, seed: int = 0) -> np.ndarray:
    """Indices of the rows that stand for all, shape (min(n, POOL),), ascending."""
    return np.arange(n) if n <= POOL else np.sort(np.random.default_rng(seed).choice(n, POOL, replace=False))


def blocks(
    rows: sparse.csr_matrix, others: sparse.csr_matrix, members: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Similarity of each row to the others, block by block: shape (rows of the block, others). A row's own place is 0.

    Args:
        rows: shape (n, features).
        others: shape (m, features).
        members: which row each of the others is, shape (m,), ascending.
    """
    turned = others.T.tocsr()
    for start in range(0, rows.shape[0], BLOCK):
        part = slice(start, min(start + BLOCK, rows.shape[0]))
        alike = (rows[part] @ turned).toarray()
        own = np.flatnonzero((members >= part.start) & (members < part.stop))
        alike[members[own] - start, own] = 0
        yield part, alike


def strongest(alike: np.ndarray, k: int) -> np.ndarray:
    """The same similarities with all but the k greatest of each row at 0; shape as given."""
    k = min(k, alike.shape[1])
    keep = np.argpartition(-alike, k - 1, axis=1)[:, :k]
    kept = np.zeros_like(alike)
    np.put_along_axis(kept, keep, np.take_along_axis(alike, keep, axis=1), axis=1)
    return kept
