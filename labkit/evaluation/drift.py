"""Drift: does what users ask, and how the model does, still look like the reference? And how small a shift would show?

Signals of three kinds are held together at one false-alarm rate (Holm): rates of outcomes and of answers, the share of
prompts unlike any of the reference, and a two-sample test of the prompts as a whole.
A monitor whose detection limit nobody has measured says nothing when it is silent: see :func:`detection_limit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from labkit import LabError
from labkit.evaluation.drift_signals import Signal, kernel, mmd, nearest, novelty, rate_signal, signs
from labkit.stats import Rate, holm, wilson

FEWEST = 20  # prompts on either side; fewer have no quantile worth the name
MOST = 1000  # prompts a side that the kernel test looks at: its cost grows with their square
KERNEL = "prompts as a whole"
DETECTORS = ("novel", "kernel", "either")


class Batch(BaseModel):
    """Prompts of one period, with what is known of each: answers, and outcomes by name (None: not known)."""

    prompts: list[str]
    answers: list[str] = []
    outcomes: dict[str, list[bool | None]] = {}


class Candidate(BaseModel):
    """A prompt unlike the reference: perhaps a case that the suite lacks. Its requirement and oracles are for a person."""

    prompt: str
    similarity: float  # cosine, 0-1, to the nearest prompt of the reference
    nearest: str


class Drift(BaseModel):
    """A current batch beside the reference."""

    signals: list[Signal]
    candidates: list[Candidate]  # least similar first
    level: float

    @property
    def alarm(self) -> bool:
        """True when any signal shows drift."""
        return any(signal.alarm for signal in self.signals)

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary a signal, as :func:`labkit.plots.drift.drift_bands` takes them."""
        return [_flat(signal) for signal in self.signals]

    def text(self) -> str:
        """One line a signal, and how many prompts are candidates for new cases."""
        return "\n".join([*map(str, self.signals), f"Candidates for new cases: {len(self.candidates)} prompts."])


class Power(BaseModel):
    """How often a shift of this share of the prompts was noticed."""

    share: float
    novel: Rate
    kernel: Rate
    either: Rate


class Limit(BaseModel):
    """The power by share, and the smallest share that is noticed often enough (None: none of those tried)."""

    false_alarm: Power  # at share 0
    powers: list[Power]
    smallest: dict[str, float | None]
    size: int
    power: float
    level: float

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary a detector and share, share 0 (the false alarms) first, for the plot."""
        return [
            {"detector": name, "share": one.share, "size": self.size} | getattr(one, name).model_dump()
            for one in [self.false_alarm, *self.powers]
            for name in DETECTORS
        ]


def drift(
    reference: Batch,
    current: Batch,
    *,
    level: float = 0.05,
    quantile: float = 0.05,
    permutations: int = 500,
    seed: int = 0,
) -> Drift:
    """Hold a batch against the reference.

    Args:
        reference: what was normal, e.g. the first weeks of a release.
        current: what came since.
        level: false-alarm rate of all signals together.
        quantile: a prompt is novel when its nearest prompt of the reference is less similar than this share of the
            reference's own prompts have theirs.
        permutations: of the two-sample test.
        seed: of its permutations, and of the samples that stand for large batches.

    Returns:
        A signal for each outcome, for each sign of the answers (where both batches have answers), for novel prompts and
        for the prompts as a whole; and the novel prompts as candidate cases.

    Raises:
        LabError: a batch has fewer than 20 prompts, or its columns differ in length or from the other's.
    """
    before, now = _columns("reference", reference), _columns("current", current)
    if odd := before.keys() ^ now.keys():
        raise LabError("one batch", f"holds '{min(odd)}', the other does not", "give both batches the same columns")
    rows = _vectors([*reference.prompts, *current.prompts])
    n = len(reference.prompts)
    own, new, closest = nearest(rows, n, seed)
    unlike, threshold = novelty(own, new, quantile)
    random = np.random.default_rng(seed)
    ours, theirs = _sample(n, random), n + _sample(len(current.prompts), random)
    alike = kernel(rows[np.concatenate([ours, theirs])])
    statistic, p = mmd(alike, len(ours), permutations, random)
    signals = [rate_signal(name, before[name], now[name]) for name in before]
    signals += [unlike, Signal(name=KERNEL, statistic=statistic, p_value=p)]
    adjusted = holm({signal.name: signal.p_value for signal in signals})
    for signal in signals:
        signal.adjusted = adjusted[signal.name]
        signal.alarm = signal.adjusted < level
    flagged = {current.prompts[i]: i for i in np.flatnonzero(new < threshold)[::-1]}  # what came twice counts once
    candidates = [
        Candidate(prompt=prompt, similarity=round(float(new[i]), 4), nearest=reference.prompts[closest[i]])
        for prompt, i in sorted(flagged.items(), key=lambda entry: (new[entry[1]], entry[1]))
    ]
    return Drift(signals=signals, candidates=candidates, level=level)


def detection_limit(
    reference: Sequence[str],
    shift: Sequence[str],
    shares: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.5),
    *,
    size: int | None = None,
    draws: int = 50,
    power: float = 0.8,
    level: float = 0.05,
    quantile: float = 0.05,
    permutations: int = 200,
    seed: int = 0,
) -> Limit:
    """Inject shifts of known size and count how often they are noticed.

    Every draw takes a current batch out of the reference at random, leaves the rest as reference, and replaces a share
    of the current batch by prompts of the shift. Share 0 is always tried too: it gives the false-alarm rate.

    Args:
        reference: prompts of normal operation, at least twice ``size``.
        shift: prompts of the kind that should be noticed; as many as the largest share needs.
        shares: shares of the current batch to replace, each above 0 and at most 1.
        size: prompts of the current batch; by default 300, or a quarter of the reference where that is less.
        draws: draws a share.
        power: a share counts as detected when it, and every larger one, is noticed in this share of draws.
        level: false-alarm rate of each detector, and of both together.
        quantile: as in :func:`drift`.
        permutations: of the two-sample test.
        seed: of everything drawn.

    Returns:
        Power by share for ``novel``, ``kernel`` and ``either`` (both together under Holm).

    Raises:
        LabError: too few prompts, or a share that is none.
    """
    n = len(reference)
    size = min(300, n // 4) if size is None else size
    shares = sorted(set(shares))
    if not shares or not 0 < shares[0] <= shares[-1] <= 1:
        raise LabError("shares", "must be above 0 and at most 1", "write 5% as 0.05")
    if size < FEWEST or n < 2 * size:
        raise LabError("reference", f"{n} prompts do not give batches of {size}", f"batches need {FEWEST}, twice over")
    if len(shift) < (needed := round(shares[-1] * size)):
        raise LabError("shift", f"{len(shift)} prompts are too few", f"give {needed}, or try smaller shares")
    random = np.random.default_rng(seed)
    rows = _vectors([*reference, *shift])
    cosine, alike = (rows @ rows.T).toarray(), kernel(rows)
    np.fill_diagonal(cosine, 0)  # nobody is his own neighbour
    powers = []
    for share in [0.0, *shares]:
        noticed = np.zeros(len(DETECTORS), dtype=int)
        for _ in range(draws):
            foreign = round(share * size)
            order = random.permutation(n)
            known = order[size:]
            current = np.concatenate([order[: size - foreign], n + random.permutation(len(shift))[:foreign]])
            own, new = (cosine[np.ix_(batch, known)].max(axis=1) for batch in (known, current))
            p_novel = novelty(own, new, quantile)[0].p_value
            both = np.concatenate([known[:MOST], current])
            p_kernel = mmd(alike[np.ix_(both, both)], len(both) - size, permutations, random)[1]
            noticed += np.array([p_novel < level, p_kernel < level, 2 * min(p_novel, p_kernel) < level])
        counts = dict(zip(DETECTORS, noticed.tolist(), strict=True))
        powers.append(Power(share=share, **{name: wilson(count, draws) for name, count in counts.items()}))
    smallest = {name: _smallest(powers[1:], name, power) for name in DETECTORS}
    return Limit(false_alarm=powers[0], powers=powers[1:], smallest=smallest, size=size, power=power, level=level)


def _smallest(powers: Sequence[Power], detector: str, power: float) -> float | None:
    found = None
    for one in reversed(powers):
        if getattr(one, detector).rate < power:
            break
        found = one.share
    return found


def _columns(name: str, batch: Batch) -> dict[str, Sequence[bool | None]]:
    """The outcomes and the signs of the answers, checked."""
    n = len(batch.prompts)
    if n < FEWEST:
        raise LabError(f"{name} batch", f"{n} prompts are too few", f"give {FEWEST} or more")
    answers = {"answers": batch.answers} if batch.answers else {}
    columns: dict[str, Sequence[Any]] = {**batch.outcomes, **answers}
    for column, values in columns.items():
        if len(values) != n:
            raise LabError(f"{name} batch", f"{n} prompts stand against {len(values)} '{column}'", "give one each")
    return {**batch.outcomes, **(signs(batch.answers) if answers else {})}


def _flat(signal: Signal) -> dict[str, Any]:
    row: dict[str, Any] = {"signal": signal.name}
    for name, rate in (("reference", signal.reference), ("current", signal.current)):
        row |= {name: rate and rate.rate, f"{name}_low": rate and rate.low, f"{name}_high": rate and rate.high}
        row[f"{name}_n"] = rate and rate.n
    return row | {key: getattr(signal, key) for key in ("statistic", "p_value", "adjusted", "alarm")}


def _vectors(prompts: Sequence[str]) -> Any:
    """TF-IDF rows of both batches together, so that neither is the one the vocabulary was made for."""
    from labkit.curation.vectors import tfidf

    return tfidf(prompts)


def _sample(n: int, random: np.random.Generator) -> np.ndarray:
    return np.arange(n) if n <= MOST else np.sort(random.choice(n, MOST, replace=False))
