"""Is this DPO run a failure? The signs that the curves of a run show, read by rules instead of by mood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from labkit.preference.dpo import FIRST_LOSS

Word = Literal["healthy", "suspicious", "failed"]
_WORDS: tuple[Word, ...] = ("healthy", "suspicious", "failed")
FEWEST_STEPS = 5
CHANCE = 0.55  # a share of pairs ranked right up to which nobody would bet on it
FALLING, COLLAPSED = 0.2, 0.5  # share of its log-probability that a chosen answer may lose


class Health(BaseModel):
    """The verdict on a run, and every reason for it; a healthy run also says what was looked at."""

    verdict: Word
    reasons: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.verdict.capitalize()}.", *(f"  - {reason}" for reason in self.reasons)])


def judge_run(log: Sequence[Mapping[str, Any]], beta: float = 0.1) -> Health:
    """Judge the log of a DPO run with the sigmoid loss.

    The start of a run is its first row; its end is the mean over the last fifth of the rows, because single batches
    are noisy. A failed run must not be released whatever its answers look like; a suspicious one may be, once its
    answers have been read.

    Args:
        log: rows as TRL logs them: ``loss``, ``rewards/margins``, ``rewards/accuracies``, ``rewards/chosen``,
            ``rewards/rejected``, ``logps/chosen``.
        beta: the run's beta; rewards are divided by it to get changes of log-probability.

    Returns:
        The worst sign decides the verdict.
    """
    rows = [row for row in log if "loss" in row]
    if not rows:
        return Health(verdict="failed", reasons=["The log holds no loss: nothing was trained, or nothing was logged."])
    if broken := next((row for row in rows if any(_broken(value) for value in row.values())), None):
        return Health(verdict="failed", reasons=[f"Step {broken.get('step', '?')} logged a value that is no number."])
    signs = [_start(rows), _length(rows), _margin(rows), _accuracy(rows), _likelihood(rows, beta)]
    found = [sign for sign in signs if sign is not None]
    worst = max(found, key=lambda sign: _WORDS.index(sign[0]))[0]
    return Health(verdict=worst, reasons=[reason for word, reason in found if word == worst])


Sign = tuple[Word, str] | None


def _broken(value: object) -> bool:
    return isinstance(value, int | float) and not math.isfinite(value)


def _end(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Mean over the last fifth of the rows that hold the key."""
    values = [float(row[key]) for row in rows if key in row]
    last = values[-max(1, len(values) // 5) :]
    return sum(last) / len(last) if last else None


def _start(rows: Sequence[Mapping[str, Any]]) -> Sign:
    first = float(rows[0]["loss"])
    if abs(first - FIRST_LOSS) > 0.02:
        return (
            "failed",
            f"The first loss is {first:.3f}, not ln 2 = 0.693: the reference is not the model it started from.",
        )
    return "healthy", f"The first loss is {first:.3f} (ln 2): the run started from its own reference."


def _length(rows: Sequence[Mapping[str, Any]]) -> Sign:
    if len(rows) < FEWEST_STEPS:
        return "suspicious", f"Only {len(rows)} step(s) were logged, which is too little to see a trend."
    return None


def _margin(rows: Sequence[Mapping[str, Any]]) -> Sign:
    margin, loss = _end(rows, "rewards/margins"), _end(rows, "loss")
    if margin is None or loss is None:
        return "suspicious", "The log holds no margins, so nobody can see whether a preference was learned."
    if margin <= 1e-3:
        return "failed", f"The margin ends at {margin:.3f}: chosen answers gained nothing over rejected ones."
    if loss >= FIRST_LOSS:
        return (
            "suspicious",
            f"The margin is {margin:.2f}, yet the loss ends at {loss:.3f}, no lower than ln 2: few pairs pay for many.",
        )
    return "healthy", f"The margin ends at {margin:.2f} and the loss at {loss:.3f}: chosen answers pulled ahead."


def _accuracy(rows: Sequence[Mapping[str, Any]]) -> Sign:
    share = _end(rows, "rewards/accuracies")
    if share is None:
        return None
    if share <= CHANCE:
        return "suspicious", f"At the end {share:.0%} of training pairs are ranked right, which is chance."
    return "healthy", f"At the end {share:.0%} of training pairs are ranked right."


def _likelihood(rows: Sequence[Mapping[str, Any]], beta: float) -> Sign:
    """Rewards are beta times the change of log-probability since the start: free of the noise between batches."""
    chosen, rejected, level = (_end(rows, key) for key in ("rewards/chosen", "rewards/rejected", "logps/chosen"))
    if chosen is None or rejected is None or level is None:
        return None
    change, other = chosen / beta, rejected / beta
    lost = -change / max(1e-9, abs(level - change))  # as a share of what the reference gives these answers
    said = f"log-probabilities changed by {change:+.0f} (chosen) and {other:+.0f} (rejected)"
    if lost > FALLING and other < 0:
        word: Word = "failed" if lost > COLLAPSED else "suspicious"
        return word, f"Both kinds of answers became less likely: {said}. The margin grew by forgetting."
    return "healthy", f"Chosen answers kept their likelihood: {said}."
