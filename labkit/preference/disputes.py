"""Items on which annotators disagree, and the session in which one person settles them without knowing who said what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from labkit import LabError
from labkit.preference.events import AGAIN, choices, labelled
from labkit.preference.ranking import RankingSession
from labkit.records import Pair, Ranking


def disputed(rankings: Iterable[Ranking]) -> dict[str, list[Ranking]]:
    """Judgements of the items on which annotators differ, by pair, in the order of the pairs' first judgements.

    Skips are no opinion, and a repeat is no second opinion.
    """
    said: dict[str, list[Ranking]] = {}
    for event in labelled(rankings):
        if choices(event) and not event.pair.endswith(AGAIN):
            said.setdefault(event.pair, []).append(event)
    return {pair: own for pair, own in said.items() if len({str(choices(event)) for event in own}) > 1}


def adjudication(
    pairs: Sequence[Pair],
    rankings: Iterable[Ranking],
    log: str | Path,
    lead: str,
    gold: Collection[str] = (),
    seed: int = 0,
) -> RankingSession:
    """A session of one person on the items in dispute only.

    The sides are dealt anew, and what was said is shown as counts, without names. Its events are marked as adjudicated:
    in :func:`labkit.preference.pairs.preference_rows` they stand for all, and no measure of agreement counts them.

    Args:
        pairs: what was ranked.
        rankings: the annotators' judgements.
        log: where the adjudicated events go; the annotators' own log will do.
        lead: who settles; best somebody who has not judged.
        gold: ids of gold pairs, which need no settling.
        seed: deals the sides.

    Raises:
        LabError: nothing is in dispute.
    """
    heard = {pair: own for pair, own in disputed(rankings).items() if pair not in gold}
    items = [pair for pair in pairs if pair.id in heard]
    if not items:
        raise LabError("adjudication", "no item is in dispute", "let two people judge the same items first")
    return RankingSession(items, log, lead, seed, heard=heard)
