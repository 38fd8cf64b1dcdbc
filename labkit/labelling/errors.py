"""Wrong labels found again: rows whose label a model trained on the other rows finds least likely.

The score is self-confidence, the out-of-fold probability of the given label (Northcutt, Jiang and Chuang 2021). It
ranks; it does not decide. Review the top k: how far down is a matter of the time at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from pydantic import BaseModel

from labkit import LabError
from labkit.labelling.session import Item
from labkit.stats import Rate, wilson


class Labelled(Item):
    """An item with its label; ``was`` holds the right one where a wrong one was put in on purpose."""

    label: str
    was: str | None = None


class Suspect(BaseModel):
    """One label in doubt: the probability of it, and the label that the model finds likeliest instead."""

    row_id: str
    label: str
    confidence: float
    suggested: str
    suggested_confidence: float


class AtK(BaseModel):
    """What reviewing the first k rows finds of the wrong labels that are there."""

    k: int
    precision: Rate
    recall: Rate

    def __str__(self) -> str:
        return f"top {self.k}: precision {self.precision}, recall {self.recall}"


def self_confidence(labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Probability of each row's own label; shapes (n,), (n, classes) -> (n,).

    Raises:
        LabError: the shapes do not fit, or a label is no class.
    """
    shape = (len(labels), len(classes))
    if probabilities.shape != shape:
        raise LabError("label errors", f"probabilities have shape {probabilities.shape}, not {shape}", "pass one row each")
    column = {name: i for i, name in enumerate(classes)}
    if strange := next((label for label in labels if label not in column), None):
        raise LabError(f"label {strange!r}", "is no class of the model", "train on the labels you check")
    return probabilities[np.arange(len(labels)), [column[label] for label in labels]]


def suspects(
    ids: Sequence[str], labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]
) -> list[Suspect]:
    """Rank all rows by self-confidence, the most doubtful label first; equal ones in the order of their ids.

    Args:
        ids: row ids, shape (n,).
        labels: the labels given, shape (n,).
        probabilities: out-of-fold, shape (n, classes): no row may have trained the model that judges it.
        classes: the label of each column.

    Raises:
        LabError: shapes or labels do not fit together.
    """
    own = self_confidence(labels, probabilities, classes)
    best = probabilities.argmax(axis=1)
    ranked = sorted(range(len(ids)), key=lambda i: (round(float(own[i]), 6), ids[i]))
    return [
        Suspect(
            row_id=ids[i],
            label=labels[i],
            confidence=float(own[i]),
            suggested=classes[int(best[i])],
            suggested_confidence=float(probabilities[i, best[i]]),
        )
        for i in ranked
    ]


def evaluate(ranked: Sequence[Suspect], wrong: Collection[str], k: int | None = None) -> AtK:
    """Precision and recall of reviewing the first k.

    Args:
        ranked: as :func:`suspects` gives them.
        wrong: ids of the rows whose label is known to be wrong.
        k: how many are reviewed; as many as are wrong by default.

    Raises:
        LabError: no label is known to be wrong.
    """
    if not wrong:
        raise LabError("label errors", "no label is known to be wrong", "plant some, or have a sample checked by hand")
    k = min(len(ranked), len(wrong) if k is None else k)
    found = sum(suspect.row_id in wrong for suspect in ranked[:k])
    return AtK(k=k, precision=wilson(found, k), recall=wilson(found, len(wrong)))


def label_errors(
    ids: Sequence[str], texts: Sequence[str], labels: Sequence[str], folds: int = 5, seed: int = 0
) -> list[Suspect]:
    """Rank rows by how unlikely their own label is to a model that never saw them, the most doubtful first.

    The rows are dealt into parts. The labels of each part are judged by a model (TF-IDF of words and letters, logistic
    regression) that was trained on the texts and labels of all other parts. It gives every row, not only the wrong ones:
    how many of the first ones to read is up to you.

    Args:
        ids: row ids, shape (n,).
        texts: what was labelled, shape (n,).
        labels: the labels given, shape (n,).
        folds: parts; each is judged by a model that learned from the others.
        seed: deals the parts.

    Raises:
        LabError: there are fewer texts than folds, or fewer than two labels.
    """
    import sklearn.linear_model  # noqa: F401  (a limit holds for libraries that are loaded)
    from threadpoolctl import threadpool_limits

    from labkit.curation.labels import out_of_fold

    with threadpool_limits(1):  # on a busy machine, threads that wait for one another take 20 times as long
        probabilities = out_of_fold(texts, labels, folds=folds, seed=seed)
    return suspects(ids, labels, probabilities, sorted(set(labels)))
