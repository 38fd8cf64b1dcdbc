"""One summary of a labelling campaign: how much, how fast, how right, how steady, how fair, and how far people agree."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from statistics import median
from typing import Any

from pydantic import BaseModel

from labkit.labelling.agreement import Alpha, Kappa
from labkit.preference.agreement import agreement, length_bias, position_bias, repeat_consistency, repeats
from labkit.preference.disputes import disputed
from labkit.preference.events import GoldPair, better, effective, labelled, side
from labkit.records import Pair, Ranking
from labkit.stats import Rate, wilson


class FlipRate(Rate):
    """How often one judgement names the worse answer. ``passed`` of ``n`` repeats named another winner."""

    def __str__(self) -> str:
        if not self.n:
            return "no repeats"
        share = f"{self.rate:.0%} ({100 * self.low:.0f}-{self.high:.0%})"
        return f"{self.passed} of {self.n} repeats differ: {share} of judgements flip"


class Annotator(BaseModel):
    """What one annotator's judgements show."""

    name: str
    judged: int
    skipped: int
    median_seconds: float | None
    gold: Rate
    same_again: Rate
    flips: FlipRate
    left: Rate
    longer: Rate

    def row(self) -> dict[str, Any]:
        """One line of a table."""
        seconds = "-" if self.median_seconds is None else f"{self.median_seconds:g}"
        return {
            "annotator": self.name,
            "judged": self.judged,
            "skipped": self.skipped,
            "seconds": seconds,
            "gold right": _said(self.gold),
            "same again": _said(self.same_again),
            "left wins": _said(self.left),
            "longer wins": _said(self.longer),
        }


class Campaign(BaseModel):
    """A labelling campaign at a glance. Agreement is None where no item was judged by two people."""

    annotators: list[Annotator]
    alpha: Alpha | None
    kappas: dict[str, Kappa]
    disputed: int
    adjudicated: int

    def rows(self) -> list[dict[str, Any]]:
        """One line for each annotator, for a table."""
        return [annotator.row() for annotator in self.annotators]

    def __str__(self) -> str:
        lines = []
        for one in self.annotators:
            seconds = "" if one.median_seconds is None else f", median {one.median_seconds:g} s"
            lines.append(f"{one.name}: {one.judged} judgements ({one.skipped} skips){seconds}")
            lines.append(f"  left answer won {_said(one.left)}; longer answer won {_said(one.longer)}")
            lines.append(f"  gold items right {_said(one.gold)}; repeats judged the same {_said(one.same_again)}")
            lines.append(f"  noise: {one.flips}")
        lines += [f"{names}: {kappa}" for names, kappa in self.kappas.items()]
        lines.append(f"all: {self.alpha}" if self.alpha else "all: no item was judged by two people")
        lines.append(f"{self.disputed} items in dispute, {self.adjudicated} adjudicated")
        return "\n".join(lines)


def _said(rate: Rate) -> str:
    return str(rate) if rate.n else "-"


def gold_accuracy(rankings: Iterable[Ranking], gold: Iterable[GoldPair]) -> Rate:
    """How often gold pairs were judged as they should be. A skipped one counts as missed."""
    right = {pair.id: pair.right for pair in gold}
    hits = [better(event) == right[event.pair] for event in labelled(rankings) if event.pair in right]
    return wilson(sum(hits), len(hits))


def flip_rate(rankings: Iterable[Ranking]) -> FlipRate:
    """How often one judgement names the worse of two answers, estimated from repeats shown the other way round.

    Somebody who flips a share f of all winners at random names another winner on a repeat with probability
    d = 2 f (1 - f). A habit of taking one side adds 2 b^2, where b is how far P(left) is from one half, because the
    repeat is swapped; b is measured on all items and taken off first. Then f = (1 - sqrt(1 - 2 (d - 2 b^2))) / 2, at
    most one half; its interval is Wilson's for d carried through. This is the label noise that a robust DPO loss
    expects (Chowdhury et al. 2024). Of a rank of three or four the two outermost answers are looked at.
    """
    events = labelled(rankings)
    twice = [(one, two) for one, two in repeats(events) if side(one) and side(two)]
    other = [_winner(one) != _winner(two) for one, two in twice]
    found = wilson(sum(other), len(other))
    if not other:
        return FlipRate(**found.model_dump())
    people = [one.annotator for one, _ in twice]
    lean = {who: _lean([event for event in events if event.annotator == who]) for who in set(people)}
    habit = 2 * sum(lean[who] for who in people) / len(people)
    ends = {name: _single(getattr(found, name), habit) for name in ("rate", "low", "high")}
    return FlipRate(passed=found.passed, n=found.n, **ends)


def _winner(event: Ranking) -> int:
    return event.left if side(event) == "left" else event.right


def _lean(events: Sequence[Ranking]) -> float:
    """Square of how far P(left) is from one half, without what chance alone adds to a square."""
    left = position_bias(events)
    chance = left.rate * (1 - left.rate) / (left.n - 1) if left.n > 1 else 0.0
    return max(0.0, (left.rate - 0.5) ** 2 - chance)


def _single(differing: float, habit: float) -> float:
    return (1 - math.sqrt(max(0.0, 1 - 2 * max(0.0, differing - habit)))) / 2


def quality(rankings: Iterable[Ranking], pairs: Sequence[Pair] = (), gold: Collection[GoldPair] = ()) -> Campaign:
    """Summarise a campaign.

    Args:
        rankings: the log, or several merged.
        pairs: what was ranked; needed for the length bias.
        gold: the gold pairs, left out of agreement and of the biases: their judgements are known in advance.
    """
    events, settled = effective(rankings), {pair.id for pair in gold}
    ordinary = [event for event in events if event.pair not in settled]
    alpha, kappas = agreement(ordinary)
    annotators = []
    for name in sorted({event.annotator for event in labelled(events)}):
        every = [event for event in labelled(events) if event.annotator == name]
        own = [event for event in every if event.pair not in settled]
        spent = [event.seconds for event in every if event.seconds is not None]
        annotators.append(
            Annotator(
                name=name,
                judged=len(every),
                skipped=sum(event.outcome == "skip" for event in every),
                median_seconds=round(median(spent), 1) if spent else None,
                gold=gold_accuracy(every, gold),
                same_again=repeat_consistency(own),
                flips=flip_rate(own),
                left=position_bias(own),
                longer=length_bias(pairs, own),
            )
        )
    return Campaign(
        annotators=annotators,
        alpha=alpha,
        kappas=kappas,
        disputed=len(disputed(ordinary)),
        adjudicated=sum(event.adjudicated and event.outcome != "skip" for event in events),
    )
