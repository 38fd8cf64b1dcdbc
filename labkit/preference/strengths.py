"""Whose answers win? Bradley-Terry strengths of the writers of answers, beside their raw win rates.

A raw win rate depends on whom a writer met: wins against weak writers come cheap. The model of Bradley and Terry (1952)
takes that out: P(i beats j) = p_i / (p_i + p_j). It is fitted by the iteration of Hunter (2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from labkit import LabError
from labkit.preference.events import AGAIN, choices, labelled
from labkit.preference.pairs import prompt_key
from labkit.records import Pair, Ranking
from labkit.stats import Interval, Rate, wilson

if TYPE_CHECKING:
    import numpy as np


class Strength(BaseModel):
    """One writer of answers: raw win rate (ties left out), and strength as log-odds against the average writer."""

    writer: str
    won: Rate
    ties: int
    strength: Interval

    def row(self) -> dict[str, Any]:
        """One line of a table."""
        odds = f"{self.strength.estimate:+.2f} ({self.strength.low:+.2f} to {self.strength.high:+.2f})"
        return {"writer": self.writer, "won": str(self.won), "ties": self.ties, "strength (log-odds)": odds}


def strengths(
    pairs: Sequence[Pair],
    rankings: Iterable[Ranking],
    prior: float = 1.0,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[Strength]:
    """Strengths of the answers' sources, the strongest first, with percentile bootstrap intervals that draw prompts.

    Every annotator's word counts; a tie (also "both good" and "both bad") is half a win for each. Repeats, skips and
    adjudicated events are left out.

    Args:
        pairs: what was ranked; judgements of other pairs are left out.
        rankings: the log.
        prior: drawn comparisons of every writer with an average one, so that somebody who won all, or who met nobody,
            keeps a finite strength. 0 gives the plain maximum likelihood.
        confidence: of the intervals.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        LabError: no comparison of two sources was judged.
    """
    import numpy as np

    sources = {pair.id: [answer.source for answer in pair.answers] for pair in pairs}
    writers = sorted({source for own in sources.values() for source in own})
    place = {writer: i for i, writer in enumerate(writers)}
    prompts = {pair.id: prompt_key(pair) for pair in pairs}
    cluster = {key: i for i, key in enumerate(dict.fromkeys(prompts.values()))}
    wins, ties = np.zeros((2, len(cluster), len(writers), len(writers)))
    for event in labelled(rankings):
        if event.pair.endswith(AGAIN) or event.pair not in sources:
            continue
        for about, choice in choices(event).items():
            one, two = (place[sources[about.pair][i]] for i in about.answers)
            if one == two:
                continue
            at = cluster[prompts[about.pair]]
            if choice in about.answers:
                won, lost = (one, two) if choice == about.answers[0] else (two, one)
                wins[at, won, lost] += 1
            else:
                ties[at, one, two] += 1
                ties[at, two, one] += 1
    games = wins + ties / 2
    seen = games.sum(axis=(1, 2)) > 0
    if not seen.any():
        raise LabError("strengths", "no two writers were compared", "rank answers of different sources first")
    judged = games[seen]
    drawn = np.random.default_rng(seed).multinomial(len(judged), np.full(len(judged), 1 / len(judged)), size=draws)
    estimate = fit(judged.sum(axis=0)[None], prior)[0]
    tail = (1 - confidence) / 2
    samples = fit(np.einsum("dc,cij->dij", drawn, judged), prior)
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    total, drawn_games = wins.sum(axis=0), ties.sum(axis=0)
    found = [
        Strength(
            writer=writer,
            won=wilson(int(total[i].sum()), int(total[i].sum() + total[:, i].sum())),
            ties=int(drawn_games[i].sum()),
            strength=Interval(estimate=estimate[i], low=low[i], high=high[i]),
        )
        for i, writer in enumerate(writers)
    ]
    return sorted(found, key=lambda one: (-one.strength.estimate, one.writer))


def fit(wins: np.ndarray, prior: float = 0.0, rounds: int = 2000, precision: float = 1e-9) -> np.ndarray:
    """Log-strengths with mean 0 from matrices of wins (i over j), shapes (draws, k, k) -> (draws, k).

    Each round sets p_i to w_i / sum_j n_ij / (p_i + p_j), with ``prior`` drawn games against a writer of strength 1.
    """
    import numpy as np

    games, won = wins + wins.transpose(0, 2, 1), wins.sum(axis=2) + prior / 2
    strength = np.ones(won.shape)
    for _ in range(rounds):
        met = (games / (strength[:, :, None] + strength[:, None, :])).sum(axis=2) + prior / (strength + 1)
        following = np.where(met > 0, np.maximum(won, 1e-12) / np.where(met > 0, met, 1), 1.0)
        if not prior:
            following /= np.exp(np.log(following).mean(axis=1, keepdims=True))
        settled = np.abs(np.log(following) - np.log(strength)).max() < precision
        strength = following
        if settled:
            break
    logs = np.log(strength)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
