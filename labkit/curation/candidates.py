"""Character 5-grams of many texts at once, the pairs of rows that are worth a close look, and what such pairs share.

Comparing every row with every other takes n x n steps. Near-duplicates share most of their 5-grams, the rare ones among
them. So in a large set each row is entered in an index under a few of its rarest 5-grams, and looks itself up by all.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from labkit import LabError

SHINGLE = 5
KEYS = 8  # a row stands in the index under so many of its rarest shingles that some other row has too
HOLDERS = 12  # rows looked at under one shingle: the first ones
VOTES = 3  # shingles by which a row must find another; 1 for rows of fewer than LEAST shingles
LEAST = 8
LIKELIEST = 32  # others a row is verified against: those it found by most shingles
_BITS = 30  # of a shingle's hash: more would make scipy keep its indices in 64 bits
_STEPS = 2e8  # multiplications up to which a set is compared whole: one or two seconds
_MANY = 3_000_000  # shingles from which on it is not
_BLOCK, _CELLS = 512, 10_000_000  # rows, and pairs of rows, that are compared at a time
_WORDS = 16  # of 64 bits in a row's sketch
_BYTES = 1_000_000  # of text shingled at a time
_ROWS, _SHINGLES = 8_192, 1_000_000  # at most so many look themselves up at a time
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: multiplicative hashing (Knuth, TAOCP 3, 6.4)
# Bytes as `normalise` has them: ASCII letters and digits in lower case, other ASCII a space, the rest as it is.
_FOLD = np.array([ord(chr(b).lower()) if chr(b).isalnum() else 32 for b in range(128)] + list(range(128, 256)), np.uint8)


def normalise(text: str) -> str:
    """Lower case, punctuation and runs of white space folded to one space."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _folded(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The normalised texts as one UTF-8 buffer, and the length of each; shapes (bytes,) and (n,)."""
    parts = [(t if t.isascii() else normalise(t)).encode() for t in texts]
    buffer = _FOLD[np.frombuffer(b"".join(parts), dtype=np.uint8)]
    row = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    letter = buffer != 32
    # Of a run of spaces the last one stays, unless its row ends or has only begun there.
    keep = letter.copy()
    keep[:-1] |= letter[1:] & (row[1:] == row[:-1])
    buffer, row = buffer[keep], row[keep]
    keep = buffer != 32
    keep[1:] |= row[1:] == row[:-1]
    return buffer[keep], np.bincount(row[keep], minlength=len(parts))


def _hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct shingle hashes of each text, one text after the other (int32), and how many each has."""
    buffer, lengths = _folded(texts)
    padded = np.append(buffer, np.zeros(SHINGLE, dtype=np.uint8)).astype(np.uint64)
    packed = np.zeros(len(buffer) + 1, dtype=np.uint64)
    for k in range(SHINGLE):
        packed = packed << np.uint64(8) | padded[k : k + len(packed)]
    counts = np.maximum(lengths - SHINGLE + 1, 1)
    begin, first = np.cumsum(lengths) - lengths, np.cumsum(counts) - counts
    packed = packed[np.arange(counts.sum()) + np.repeat(begin - first, counts)]
    for short in np.flatnonzero(lengths < SHINGLE):  # such a text is its own only shingle
        packed[first[short]] = int.from_bytes(buffer[begin[short] : begin[short] + lengths[short]].tobytes(), "big")
    row = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    keyed = row << np.uint64(_BITS) | packed * _SPREAD >> np.uint64(64 - _BITS)
    keyed.sort()
    keyed = keyed[np.append(True, keyed[1:] != keyed[:-1])]
    found = np.bincount((keyed >> np.uint64(_BITS)).astype(np.int64), minlength=len(texts))
    return (keyed & np.uint64((1 << _BITS) - 1)).astype(np.int32), found


def shingle_matrix(texts: Sequence[str]) -> sparse.csr_matrix:
    """Which text has which character 5-gram of its normalised UTF-8 bytes: ones at (row, hash).

    Shape (n, 2**30). Two different shingles share a hash once in 10**9 pairs.

    Raises:
        LabError: the texts are too many for one search.
    """
    # Room for the most shingles that there can be: what stays unused takes no memory, and nothing has to be put together,
    # which would take twice as much.
    indices = np.empty(sum(map(_most_shingles, texts)), dtype=np.int32)
    counts, end = [np.zeros(1, dtype=np.int64)], 0
    for chunk in _chunks(texts):
        hashes, found = _hashes(chunk)
        indices[end : end + len(hashes)] = hashes
        counts.append(found)
        end += len(hashes)
    if end >= 2**31:
        raise LabError("duplicate search", "the texts hold more than two thousand million shingles", "search them in parts")
    indices, indptr = indices[:end], np.concatenate(counts).cumsum()
    ones = np.ones(end, dtype=np.int8)
    return sparse.csr_matrix((ones, indices, indptr.astype(np.int32)), shape=(len(texts), 1 << _BITS))


def _most_shingles(text: str) -> int:
    return max(1, len(text) if text.isascii() else len(normalise(text).encode()))


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, 0
    for stop, text in enumerate(texts, 1):
        size += len(text)
        if size > _BYTES or stop == len(texts):
            yield texts[start:stop]
            start, size = stop, 0


class Candidates(NamedTuple):
    """Pairs of rows ``a[k]`` < ``b[k]`` that are worth verifying."""

    a: np.ndarray
    b: np.ndarray


class Index:
    """Rows by their rarest shingles. Iterating it gives candidates block by block.

    Attributes:
        crowded: rows whose every key belongs to more than :data:`HOLDERS` rows. They meet the first of these only.
    """

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        self._matrix = matrix
        # Shingles are counted and looked up by the leading bits of their hash: an array is faster than a table of hashes.
        bits = int(np.clip(np.ceil(np.log2(matrix.nnz + 1)), 10, 24))
        self._shift = _BITS - bits
        frequency = np.zeros(1 << bits, dtype=np.int32)
        for start, stop in self._blocks():
            np.add.at(frequency, self._buckets(start, stop)[0], np.int32(1))
        entries = np.concatenate([np.zeros(0, np.int64), *(self._keys(*block, frequency) for block in self._blocks())])
        entries.sort()
        bucket = entries >> 32
        self._rows = (entries & (1 << 32) - 1).astype(np.int32)
        holders = np.zeros(1 << bits, dtype=np.int32)
        np.add.at(holders, bucket, np.int32(1))
        self._start = np.append(np.int32(0), np.cumsum(holders, dtype=np.int32))
        fewest = np.zeros(matrix.shape[0], dtype=np.int32)
        fewest[self._rows] = HOLDERS + 1
        np.minimum.at(fewest, self._rows, holders[bucket])
        self.crowded = int(np.sum(fewest > HOLDERS))

    def _blocks(self) -> Iterator[tuple[int, int]]:
        start, bounds = 0, self._matrix.indptr
        while start < len(bounds) - 1:
            stop = int(np.searchsorted(bounds, bounds[start] + _SHINGLES, side="right")) - 1
            stop = min(max(stop, start + 1), start + _ROWS)
            yield start, stop
            start = stop

    def _buckets(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Buckets of the shingles of a block of rows, and the row of each."""
        bounds = self._matrix.indptr[start : stop + 1]
        row = np.repeat(np.arange(start, stop), np.diff(bounds))
        return self._matrix.indices[bounds[0] : bounds[-1]] >> self._shift, row

    def _keys(self, start: int, stop: int, frequency: np.ndarray) -> np.ndarray:
        """(bucket, row) of the keys of a block of rows, packed in 64 bits."""
        bucket, row = self._buckets(start, stop)
        count = frequency[bucket]
        bucket, count, row = bucket[count > 1], count[count > 1], row[count > 1]
        packed = (row - start) << 49 | np.minimum(count, (1 << 24) - 1).astype(np.int64) << 25 | bucket
        packed.sort()  # within a row the rarest shingles come first
        row = packed >> 49
        keys = packed[_rank(row) < KEYS]
        return (keys & (1 << 25) - 1) << 32 | (keys >> 49) + start

    def __iter__(self) -> Iterator[Candidates]:
        """First the rows with equal shingles, each with the first of its kind. A pair can come twice, once from either row."""
        yield self._equal()
        for start, stop in self._blocks():
            bucket, row = self._buckets(start, stop)
            at = self._start[bucket]
            many = self._start[bucket + 1] - at
            met = []
            for k in range(HOLDERS):
                at, many, row = at[many > k], many[many > k], row[many > k]
                met.append(row << 32 | self._rows[at + k])
            yield self._likeliest(np.concatenate(met))

    def _equal(self) -> Candidates:
        whole = []
        for start, stop in self._blocks():
            bounds = self._matrix.indptr[start : stop + 1]
            mixed = self._matrix.indices[bounds[0] : bounds[-1]].astype(np.uint64)
            whole.append(np.add.reduceat((mixed * _SPREAD ^ mixed) * _SPREAD, bounds[:-1] - bounds[0]))
        _, first, kind = np.unique(np.concatenate(whole), return_index=True, return_inverse=True)
        first, row = first[kind], np.arange(len(kind))
        return Candidates(first[first < row], row[first < row])

    def _likeliest(self, met: np.ndarray) -> Candidates:
        """The best of all meetings, each packed as (row, other row)."""
        met.sort()
        new = np.flatnonzero(np.append(True, met[1:] != met[:-1])[: len(met)])
        votes = np.diff(np.append(new, len(met)))
        row, other = met[new] >> 32, met[new] & (1 << 32) - 1
        sizes = np.diff(self._matrix.indptr)
        kept = (votes >= np.where(sizes[row] < LEAST, 1, VOTES)) & (row != other)
        row, other, votes = row[kept], other[kept], votes[kept]
        best = np.lexsort((other, -votes, row))
        row, other = row[best], other[best]
        kept = _rank(row) < LIKELIEST
        return Candidates(np.minimum(row, other)[kept], np.maximum(row, other)[kept])


def _rank(sorted_rows: np.ndarray) -> np.ndarray:
    """Position of each entry among those of its row, from 0."""
    begin = np.flatnonzero(np.append(True, sorted_rows[1:] != sorted_rows[:-1])[: len(sorted_rows)])
    return np.arange(len(sorted_rows)) - np.repeat(begin, np.diff(np.append(begin, len(sorted_rows))))


# --- measuring --------------------------------------------------------------------------------------------------------

Overlap = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows a, rows b, number of shingles they share


def overlaps(
    left: sparse.csr_matrix, right: sparse.csr_matrix | None, similar: float, contained: float = 2.0
) -> Iterator[Overlap]:
    """Pairs of rows with the number of shingles they share; within one set a < b, and a pair can come twice.

    Sets for which that takes long are not compared whole: pairs may be missing, those that are named are measured.

    Args:
        left: shingles of the rows, as :func:`shingle_matrix` gives them.
        right: shingles of the rows they are compared with, all with all; by default with one another.
        similar: Jaccard similarity below which a pair may be passed over.
        contained: containment from which it may not be passed over all the same.
    """
    if right is not None:
        yield from _all(left, right)
    elif left.nnz <= _MANY and _steps(left) <= _STEPS:
        for a, b, shared in _all(left, left):
            yield a[a < b], b[a < b], shared[a < b]
    else:
        yield from _proposed(left, similar, contained)


def _steps(matrix: sparse.csr_matrix) -> float:
    """Multiplications that comparing all rows takes: the squared frequencies of the shingles."""
    return float(np.square(np.unique(matrix.indices, return_counts=True)[1], dtype=np.float64).sum())


def _all(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Iterator[Overlap]:
    if right.nnz > left.nnz:
        for b, a, shared in _all(right, left):
            yield a, b, shared
        return
    vocabulary, column = np.unique(right.indices, return_inverse=True)
    ones = np.ones(right.nnz, dtype=np.int32)
    turned = sparse.csr_matrix((ones, column, right.indptr), shape=(right.shape[0], len(vocabulary))).T.tocsr()
    block = min(_BLOCK, _CELLS // right.shape[0] + 1)
    for start in range(0, left.shape[0], block):
        bounds = left.indptr[start : start + block + 1]
        hashes = left.indices[bounds[0] : bounds[-1]]
        column = np.minimum(np.searchsorted(vocabulary, hashes), len(vocabulary) - 1)
        known = (vocabulary[column] == hashes).astype(np.int32)
        rows = sparse.csr_matrix((known, column, bounds - bounds[0]), shape=(len(bounds) - 1, len(vocabulary)))
        rows.eliminate_zeros()
        shared = (rows @ turned).tocoo()
        yield shared.row + start, shared.col, shared.data


def _proposed(matrix: sparse.csr_matrix, similar: float, contained: float) -> Iterator[Overlap]:
    index, sketch, size = Index(matrix), _sketch(matrix), np.diff(matrix.indptr)
    if index.crowded:
        warnings.warn(
            f"{index.crowded} rows share even their rarest words with many others and met only the first of these",
            stacklevel=5,
        )
    for a, b in index:
        # Each bit in which sketches differ stands for a shingle or more that only one row has: bounds from above.
        more = np.bitwise_count(sketch[a] & ~sketch[b]).sum(axis=1, dtype=np.int32)
        less = np.bitwise_count(sketch[b] & ~sketch[a]).sum(axis=1, dtype=np.int32)
        both, apart = size[a] + size[b], more + less
        alike = (both - apart) / (both + apart) >= similar
        alike |= np.maximum((size[a] - more) / size[a], (size[b] - less) / size[b]) >= contained
        packed = np.unique(a[alike] << 32 | b[alike])
        a, b = packed >> 32, packed & (1 << 32) - 1
        for part in np.array_split(np.arange(len(a)), len(a) // 20_000 + 1):
            yield a[part], b[part], np.diff(matrix[a[part]].multiply(matrix[b[part]]).tocsr().indptr)


def _sketch(matrix: sparse.csr_matrix) -> np.ndarray:
    """1,024 bits a row: those that the hashes of its shingles end in; shape (n, 16), uint64."""
    parts = []
    for start in range(0, matrix.shape[0], 4_096):
        bounds = matrix.indptr[start : start + 4_097]
        bits = np.zeros((len(bounds) - 1, 64 * _WORDS), dtype=bool)
        row = np.repeat(np.arange(len(bits)), np.diff(bounds))
        bits[row, matrix.indices[bounds[0] : bounds[-1]] & (64 * _WORDS - 1)] = True
        parts.append(np.packbits(bits, axis=1).view(np.uint64))
    return np.concatenate(parts)
