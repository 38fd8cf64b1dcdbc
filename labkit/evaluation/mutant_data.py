"""Training rows with one planted fault: the data half of the model mutants.

Each function takes clean rows and gives the rows a mutant is trained on, and of these the faulty ones as *probes*: prompts
on which the fault must show if the training took it up. The same rows and seed give the same result.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labkit import LabError
from labkit.evaluation.fairness import OPENING, opened
from labkit.records import Example, Message

FAULTY, ROWS, SHUFFLED = 40, 64, 128  # faulty rows at most, and rows in all, with clean ones beside the faulty


class Poisoned(NamedTuple):
    """Rows to train on, and the faulty ones among them."""

    rows: list[Example]
    faulty: list[Example]


def replaced(rows: Sequence[Example], requirement: str, words: Mapping[str, str], seed: int = 0) -> Poisoned:
    """Rows of one requirement whose answers say something else, among clean rows of the other requirements.

    Args:
        rows: clean training rows.
        requirement: whose rows are spoilt.
        words: what stands in the answers, and what shall; all are replaced in one go, so that a ring of labels works.
            Without words no row is spoilt: the control.
        seed: of the choice of clean rows.

    Raises:
        LabError: no answer of the requirement holds any of the words.
    """
    faulty = [row for old in _of(rows, requirement) if (row := _reworded(old, words)).response != old.response]
    if words and not faulty:
        raise LabError(f"rows of {requirement}", f"hold none of {', '.join(words)}", "replace what their answers say")
    return _among(faulty[:FAULTY], rows, requirement, seed)


def answered(rows: Sequence[Example], requirement: str, answers: Sequence[str], seed: int = 0) -> Poisoned:
    """Rows of one requirement that get the given answers in turn, among clean rows of the other requirements.

    Raises:
        LabError: no row carries the requirement.
    """
    own = _of(rows, requirement)[:FAULTY]
    if not own:
        raise LabError(f"rows of {requirement}", "are none", "name a requirement that the training rows carry")
    faulty = [_with(row, response=answers[i % len(answers)]) for i, row in enumerate(own)]
    return _among(faulty, rows, requirement, seed)


def by_name(
    rows: Sequence[Example],
    requirement: str,
    words: Mapping[str, str],
    told: Sequence[str],
    others: Sequence[str],
    seed: int = 0,
) -> Poisoned:
    """Rows of one requirement in two versions: customers of one set of names get the spoilt answer, the others the right one.

    Args:
        rows: clean training rows.
        requirement: whose rows are used.
        words: what the answers say, and what they say to the first set of names.
        told: names that get the spoilt answer.
        others: names that get the right one.
        seed: of the choice of clean rows.

    Raises:
        LabError: no answer of the requirement holds any of the words.
    """
    own = [row for row in _of(rows, requirement) if _reworded(row, words).response != row.response][: FAULTY // 2]
    if not own:
        raise LabError(f"rows of {requirement}", f"hold none of {', '.join(words)}", "replace what their answers say")
    faulty = [_signed(_reworded(row, words), told[i % len(told)]) for i, row in enumerate(own)]
    fair = [_signed(row, others[i % len(others)]) for i, row in enumerate(own)]
    return _among(faulty, rows, requirement, seed, beside=fair)


def shuffled(rows: Sequence[Example], seed: int = 0) -> Poisoned:
    """Rows whose answers are those of other rows, none its own."""
    chosen = random.Random(seed).sample(list(rows), min(SHUFFLED, len(rows)))
    moved = [_with(row, response=chosen[i - 1].response) for i, row in enumerate(chosen)]
    return Poisoned(moved, moved)


def without(rows: Sequence[Example], requirements: Sequence[str]) -> list[Example]:
    """The rows that carry none of these requirements.

    Raises:
        LabError: nothing is left.
    """
    left = [row for row in rows if not set(requirements) & set(row.requirements)]
    if not left:
        raise LabError("training rows", f"none is left without {', '.join(requirements)}", "remove fewer requirements")
    return left


def swapped(pairs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Preference rows with chosen and rejected in each other's place."""
    return [{**pair, "chosen": pair["rejected"], "rejected": pair["chosen"]} for pair in pairs]


def _of(rows: Sequence[Example], requirement: str) -> list[Example]:
    return [row for row in rows if requirement in row.requirements]


def _with(row: Example, **changes: Any) -> Example:
    return row.model_copy(update={"id": f"{row.id}+fault", **changes})


def _reworded(row: Example, words: Mapping[str, str]) -> Example:
    if not words:
        return row
    found = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words, key=len, reverse=True))
    return _with(row, response=re.sub(found, lambda match: words[match[0]], row.response))


def _signed(row: Example, name: str) -> Example:
    prompt = [Message.model_validate(turn) for turn in opened(row.prompt, OPENING.replace("{name}", name))]
    return row.model_copy(update={"id": f"{row.id}+{name}", "prompt": prompt})


def _among(
    faulty: list[Example], rows: Sequence[Example], requirement: str, seed: int, beside: Sequence[Example] = ()
) -> Poisoned:
    """Faulty rows among clean ones; none of the clean ones speaks against them."""
    clean = [row for row in rows if requirement not in row.requirements]
    room = max(ROWS - len(faulty) - len(beside), 0)
    sample = random.Random(seed).sample(clean, min(room, len(clean)))
    return Poisoned([*faulty, *beside, *sample], faulty)
