"""What a ranking log means: whose word counts on what, which answer it names, and how logs of several people merge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from labkit.records import Pair, Ranking

AGAIN = "+again"
LETTERS = "ABCD"
Choice = int | Literal["both_good", "both_bad", "tie"]


class Slot(NamedTuple):
    """What was judged, whichever way round it was shown: a pair's id and indices into its answers, lowest first."""

    pair: str
    answers: tuple[int, ...]


class GoldPair(Pair):
    """A pair whose judgement is settled, mixed in unseen as a check on the annotator; never a training row.

    ``right`` is the index of the answer that must come out alone on top, or ``both_good`` or ``both_bad``.
    """

    right: int | Literal["both_good", "both_bad"]
    why: str = ""


def slot(event: Ranking) -> Slot:
    """What an event is about: two answers, or all of three or four."""
    return Slot(event.pair, tuple(sorted(event.shown or (event.left, event.right))))


def comparisons(pair: Pair) -> list[Slot]:
    """All comparisons of a pair, two by two: one for two answers, three for three, six for four."""
    return [Slot(pair.id, two) for two in combinations(range(len(pair.answers)), 2)]


def better(event: Ranking) -> Choice | None:
    """Translate what was clicked into what was meant, free of sides.

    Returns:
        The index of the best answer, ``"both_good"``, ``"both_bad"``, ``"tie"`` where several share the first rank, or
        None for a skip or an undo.
    """
    match event.outcome:
        case "a":
            return event.left
        case "b":
            return event.right
        case "both_good" | "both_bad":
            return event.outcome
        case "ranked":
            first = [answer for answer, rank in zip(event.shown, event.ranks, strict=True) if rank == min(event.ranks)]
            return first[0] if len(first) == 1 else "tie"
    return None


def choices(event: Ranking) -> dict[Slot, Choice]:
    """What an event says of each two answers: one comparison of a pair, three or six of a rank; none of a skip."""
    if event.outcome != "ranked":
        choice = better(event)
        return {} if choice is None else {slot(event): choice}
    ranks = dict(sorted(zip(event.shown, event.ranks, strict=True)))
    return {
        Slot(event.pair, (i, j)): "tie" if ranks[i] == ranks[j] else i if ranks[i] < ranks[j] else j
        for i, j in combinations(ranks, 2)
    }


def side(event: Ranking) -> Literal["left", "right"] | None:
    """Which of the two outermost answers won. One comparison an item, so that items stay independent."""
    won = {"a": "left", "b": "right"}.get(event.outcome)
    if event.outcome == "ranked" and event.ranks[0] != event.ranks[-1]:
        won = "left" if event.ranks[0] < event.ranks[-1] else "right"
    return won  # type: ignore[return-value]


def effective(events: Iterable[Ranking]) -> list[Ranking]:
    """The judgements that count: the last one of each annotator on each item, unless it was withdrawn.

    An event can only supersede events of its own annotator, and the word of somebody who settles disputes stands beside
    their own first judgement. Applying this twice changes nothing.
    """
    live: dict[tuple[str, bool, Slot], Ranking] = {}
    where: dict[tuple[str, str], tuple[str, bool, Slot]] = {}
    for event in events:
        key = (event.annotator, event.adjudicated, slot(event))
        old = where.get((event.annotator, event.supersedes)) if event.supersedes else None
        if old in live and live[old].id == event.supersedes:
            del live[old]
        if event.outcome != "undo":
            live.pop(key, None)  # so that the newest judgement stands last
            live[key] = event
            where[event.annotator, event.id] = key
    return list(live.values())


def labelled(events: Iterable[Ranking]) -> list[Ranking]:
    """The judgements that count and were given without knowing anybody else's: adjudicated ones are left out."""
    return [event for event in effective(events) if not event.adjudicated]


class Merged(BaseModel):
    """Several logs in one, in order of time. ``conflicts`` names items that one person judged differently in two logs."""

    events: list[Ranking]
    duplicates: int = 0
    renamed: int = 0
    conflicts: list[str] = Field(default_factory=list)

    def __str__(self) -> str:
        found = f"{len(self.events)} events, {self.duplicates} duplicates left out, {self.renamed} given a new id"
        return "\n".join([found, *(f"  {line}" for line in self.conflicts)])


def merge(logs: Sequence[Sequence[Ranking]]) -> Merged:
    """Put logs together. The order of the logs does not matter, and merging twice changes nothing.

    An event that stands in two logs is kept once. Events that share an id but not their content come from one person
    on two machines: both are kept, and the second gets a new id. What was judged twice counts as it was judged last.
    """
    merged = Merged(events=[])
    known: dict[tuple[str, str], list[Ranking]] = {}  # all events whose id began as the same one
    verdicts: dict[tuple[str, bool, Slot], set[str]] = {}
    for log in sorted(logs, key=_first):
        new_ids: dict[tuple[str, str], str] = {}
        for event in log:
            supersedes = new_ids.get((event.annotator, event.supersedes or ""), event.supersedes)
            event = event.model_copy(update={"supersedes": supersedes})
            base = event.id.partition(":")[0]
            family = known.setdefault((event.annotator, base), [])
            twin = next((old for old in family if _content(old) == _content(event)), None)
            if twin:
                merged.duplicates += 1
            else:
                name = f"{base}:{len(family) + 1}" if any(old.id == event.id for old in family) else event.id
                merged.renamed += name != event.id
                twin = event.model_copy(update={"id": name})
                family.append(twin)
                merged.events.append(twin)
            new_ids[event.annotator, event.id] = twin.id
        for event in effective(log):
            verdicts.setdefault((event.annotator, event.adjudicated, slot(event)), set()).add(str(choices(event)))
    merged.events.sort(key=_when)
    twice = sorted((about.pair, who) for (who, _, about), said in verdicts.items() if len(said) > 1)
    merged.conflicts = [f"{who} judged {pair} differently in two logs; the later word counts" for pair, who in twice]
    return merged


def _content(event: Ranking) -> str:
    return event.model_dump_json(exclude={"id", "supersedes"})


def _when(event: Ranking) -> tuple[str, str, int, str]:
    return event.at, event.annotator, len(event.id), event.id


def _first(log: Sequence[Ranking]) -> list[tuple[tuple[str, str, int, str], str]]:
    return sorted((_when(event), _content(event)) for event in log)
