"""Is this run a failure? The signs that the curves of a training show, read by rules instead of by mood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel

from labkit.stats import Rate
from labkit.training.adapter import Manifest

Word = Literal["healthy", "suspicious", "failed"]
Sign = tuple[Word, str] | None
Log = Sequence[Mapping[str, Any]]

_WORDS: tuple[Word, ...] = ("healthy", "suspicious", "failed")
LN2 = math.log(2)
FEWEST_STEPS = 5
CHANCE = 0.55  # a share of pairs ranked right up to which nobody would bet on it
FALLING, COLLAPSED = 0.2, 0.5  # share of its log-probability that a chosen answer may lose
BY_HEART = 0.02  # a loss per token below this means that the rows are known word for word
REBOUND = 1.5  # a loss that ends this many times above its lowest stretch ran away
MOST_DROPPED = 0.2
DRIFT, RUNAWAY = 1.5, 3.0  # how many times longer, or shorter, answers may become


class Health(BaseModel):
    """The verdict on a run, and every reason for it; a healthy run also says what was looked at."""

    verdict: Word
    reasons: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.verdict.capitalize()}.", *(f"  - {reason}" for reason in self.reasons)])


def judge_run(log: Log, beta: float = 0.1, first_loss: float = LN2) -> Health:
    """Judge the log of a DPO or KTO run.

    The start of a run is its first row; its end is the mean over the last fifth of the rows, because single batches
    are noisy. A failed run must not be released whatever its answers look like; a suspicious one may be, once its
    answers have been read.

    Args:
        log: rows as TRL logs them: ``loss``, ``rewards/margins``, ``rewards/accuracies`` (not in KTO),
            ``rewards/chosen``, ``rewards/rejected``, ``logps/chosen``.
        beta: the run's beta; rewards are divided by it to get changes of log-probability.
        first_loss: what the first loss must be: ln 2 for DPO, half the mean weight of the first rows for KTO.

    Returns:
        The worst sign decides the verdict.
    """
    return _judge(
        log,
        lambda rows: [_start(rows, first_loss), _margin(rows, first_loss), _accuracy(rows), _likelihood(rows, beta)],
    )


def judge_sft(log: Log, rows_in: int = 0, rows_dropped: int = 0) -> Health:
    """Judge the log of a fine-tuning by its loss and by the rows it did not see.

    Args:
        log: rows with ``loss`` (per token), and ``eval_loss`` where there was a held-out set.
        rows_in: rows offered.
        rows_dropped: of which left out.
    """
    return _judge(log, lambda rows: [_fallen(rows), _by_heart(rows), _overfit(log), _dropped(rows_in, rows_dropped)])


def judge_reward(log: Log, held_out: Rate | None = None) -> Health:
    """Judge a reward model: the pairs it trained on, and those it did not see.

    Args:
        log: rows with ``loss`` and ``accuracy`` (share of the batch's pairs ranked right).
        held_out: pairs held out and ranked right (:meth:`RewardModel.pair_accuracy`).
    """
    return _judge(log, lambda rows: [_fallen(rows), _memory(rows), _unseen(held_out)])


def judge_lengths(before: Sequence[int], after: Sequence[int]) -> Health:
    """Judge how answers to the same prompts changed in length, which curves do not show.

    Args:
        before: tokens (or characters) of the answers of the model the run started from, shape (n,).
        after: the same of the trained model.
    """
    old, new = median(before or [0]), median(after or [0])
    if not old or not new:
        return Health(verdict="suspicious", reasons=["There are no answers whose length could be compared."])
    said = f"Half of the {len(after)} answers are longer than {new:g}, before the run than {old:g}"
    ratio = max(new / old, old / new)
    if ratio <= DRIFT:
        return Health(verdict="healthy", reasons=[f"{said}: {ratio:.2f} times, and up to {DRIFT:g} are let through."])
    way = "longer" if new > old else "shorter"
    word: Word = "failed" if ratio > RUNAWAY else "suspicious"
    return Health(
        verdict=word, reasons=[f"{said}: {ratio:.1f} times {way}, so length was learned along with the preference."]
    )


def judge(manifest: Manifest, log: Log, held_out: Rate | None = None) -> Health:
    """Judge any run of the lab by its manifest and log.

    Args:
        manifest: kind, settings, expected first loss and row counts.
        log: the run's log.
        held_out: for a reward model.
    """
    if manifest.kind == "sft":
        return judge_sft(log, manifest.rows_in, sum(manifest.rows_dropped.values()))
    if manifest.kind == "reward":
        return judge_reward(log, held_out)
    first_loss = LN2 if manifest.start_loss is None else manifest.start_loss
    return judge_run(log, manifest.settings["beta"], first_loss)


def worst(*found: Health) -> Health:
    """Several judgements as one: the worst verdict, with the reasons of those that reached it."""
    word = max((health.verdict for health in found), key=_WORDS.index)
    return Health(verdict=word, reasons=[reason for h in found if h.verdict == word for reason in h.reasons])


def _judge(log: Log, signs: Callable[[list[Mapping[str, Any]]], list[Sign]]) -> Health:
    rows = [row for row in log if "loss" in row]
    if not rows:
        return Health(verdict="failed", reasons=["The log holds no loss: nothing was trained, or nothing was logged."])
    if broken := next((row for row in rows if any(_broken(value) for value in row.values())), None):
        return Health(verdict="failed", reasons=[f"Step {broken.get('step', '?')} logged a value that is no number."])
    found = [sign for sign in [_length(rows), *signs(rows)] if sign is not None]
    return worst(*(Health(verdict=word, reasons=[reason]) for word, reason in found))


def _broken(value: object) -> bool:
    return isinstance(value, int | float) and not math.isfinite(value)


def _fifths(rows: Log, key: str) -> tuple[float, float, float] | None:
    """Means over the first and last fifth of the rows that hold the key, and the lowest mean over any fifth."""
    values = [float(row[key]) for row in rows if key in row]
    if not values:
        return None
    size = max(1, len(values) // 5)
    means = [sum(values[i : i + size]) / size for i in range(len(values) - size + 1)]
    return means[0], means[-1], min(means)


def _end(rows: Log, key: str) -> float | None:
    found = _fifths(rows, key)
    return found[1] if found else None


def _length(rows: Log) -> Sign:
    if len(rows) < FEWEST_STEPS:
        return "suspicious", f"Only {len(rows)} step(s) were logged, which is too little to see a trend."
    return None


def _start(rows: Log, wanted: float) -> Sign:
    first = float(rows[0]["loss"])
    name = "ln 2" if wanted == LN2 else "half the mean weight"
    if abs(first - wanted) > 0.02 * max(1.0, wanted):
        return (
            "failed",
            f"The first loss is {first:.3f}, not {name} = {wanted:.3f}: the reference is not the model it started from.",
        )
    return "healthy", f"The first loss is {first:.3f} ({name}): the run started from its own reference."


def _margin(rows: Log, wanted: float) -> Sign:
    margin, loss = _end(rows, "rewards/margins"), _end(rows, "loss")
    if margin is None or loss is None:
        return "suspicious", "The log holds no margins, so nobody can see whether a preference was learned."
    if margin <= 1e-3:
        return "failed", f"The margin ends at {margin:.3f}: chosen answers gained nothing over rejected ones."
    if loss >= wanted:
        start = "ln 2" if wanted == LN2 else f"{wanted:.3f}"
        return (
            "suspicious",
            f"The margin is {margin:.2f}, yet the loss ends at {loss:.3f}, no lower than {start}: few pairs pay for many.",
        )
    return "healthy", f"The margin ends at {margin:.2f} and the loss at {loss:.3f}: chosen answers pulled ahead."


def _accuracy(rows: Log) -> Sign:
    share = _end(rows, "rewards/accuracies")
    if share is None:
        return None
    if share <= CHANCE:
        return "suspicious", f"At the end {share:.0%} of training pairs are ranked right, which is chance."
    return "healthy", f"At the end {share:.0%} of training pairs are ranked right."


def _likelihood(rows: Log, beta: float) -> Sign:
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


def _fallen(rows: Log) -> Sign:
    found = _fifths(rows, "loss")
    if found is None or len(rows) < FEWEST_STEPS:
        return None
    first, last, lowest = found
    if last >= first:
        return "failed", f"The loss went from {first:.3f} to {last:.3f}: nothing was learned."
    if last > REBOUND * lowest and last - lowest > 0.1:
        return "failed", f"The loss was down to {lowest:.3f} and ends at {last:.3f}: the run got away from its optimum."
    return "healthy", f"The loss fell from {first:.3f} to {last:.3f}."


def _by_heart(rows: Log) -> Sign:
    last = _end(rows, "loss")
    if last is not None and last < BY_HEART:
        return "suspicious", f"The loss ends at {last:.3f} a token: the rows are known by heart, others may not be."
    return None


def _overfit(log: Log) -> Sign:
    held = [float(row["eval_loss"]) for row in log if "eval_loss" in row]
    if not held:
        return None
    if held[-1] > 1.02 * min(held):
        return "suspicious", f"The held-out loss was down to {min(held):.3f} and ends at {held[-1]:.3f}: it overfits."
    return "healthy", f"The held-out loss is at its lowest at the end ({held[-1]:.3f})."


def _dropped(rows_in: int, dropped: int) -> Sign:
    if not rows_in:
        return None
    said = f"{dropped} of {rows_in} rows were not trained on"
    return ("suspicious" if dropped > MOST_DROPPED * rows_in else "healthy"), f"{said}."


def _memory(rows: Log) -> Sign:
    share = _end(rows, "accuracy")
    if share is None or len(rows) < FEWEST_STEPS:
        return None
    if share <= CHANCE:
        return "failed", f"At the end {share:.0%} of its own training pairs are ranked right, which is chance."
    return "healthy", f"At the end {share:.0%} of its training pairs are ranked right."


def _unseen(held_out: Rate | None) -> Sign:
    if held_out is None:
        return None
    if not held_out.n or held_out.rate <= CHANCE:
        return "failed", f"Held-out pairs ranked right: {held_out}. That is chance."
    if held_out.low <= 0.5:
        return "suspicious", f"Held-out pairs ranked right: {held_out}. The interval holds 50%: a coin is not excluded."
    return "healthy", f"Held-out pairs ranked right: {held_out}, better than a coin."
