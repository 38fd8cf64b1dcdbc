"""Similarity to a reference answer, as dashboards show it. Reported beside the oracles as a warning; never gated on.

Each scorer takes a reference and an answer and gives 0-1; each has the bar above which such a score is usually accepted.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple


class Score(NamedTuple):
    """One scorer and the bar it accepts from."""

    of: Callable[[str, str], float]
    bar: float


def letters(reference: str, answer: str) -> float:
    """Letters in common, in order: difflib's ratio."""
    return SequenceMatcher(None, reference.lower(), answer.lower(), autojunk=False).ratio()


def rouge_l(reference: str, answer: str) -> float:
    """ROUGE-L: F1 of the longest common subsequence of words (Lin 2004, without stemming)."""
    a, b = _words(reference), _words(answer)
    common = _longest_common(a, b)
    return 2 * common / (len(a) + len(b)) if common else 0.0


def chrf(reference: str, answer: str) -> float:
    """chrF2: F-score of character n-grams of 1 to 6, recall counting twice (Popovic 2015; sacreBLEU's macro average)."""
    a, b = ("".join(text.split()) for text in (reference, answer))
    precisions, recalls = [], []
    for n in range(1, 7):
        ours, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (b, a))
        if ours and theirs:
            hits = (ours & theirs).total()
            precisions.append(hits / ours.total())
            recalls.append(hits / theirs.total())
    if not precisions:
        return 0.0
    precision, recall = (sum(values) / len(values) for values in (precisions, recalls))
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def ngram_cosine(reference: str, answer: str) -> float:
    """Cosine of character n-gram counts (3 to 5, within words): an embedding without a neural model, and named so."""
    import numpy as np

    both = _vectoriser().transform([reference, answer])
    return float(np.clip((both[0] @ both[1].T).toarray()[0, 0], 0, 1))


@functools.cache
def _vectoriser() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18, alternate_sign=False)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]


SIMILARITY = "similarity"
LETTERS = {SIMILARITY: Score(letters, 0.6)}
SCORES = {"ROUGE-L": Score(rouge_l, 0.5), "chrF": Score(chrf, 0.5), "n-gram cosine": Score(ngram_cosine, 0.75)}
