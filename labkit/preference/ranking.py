"""Blind, resumable ranking of answers. The append-only log is the artefact; everything else is derived from it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, get_args

from labkit import LabError
from labkit.eventlog import EventLog, now
from labkit.records import Outcome, Pair, Ranking

# Small blocks keep the sides balanced even when an annotator stops early.
BLOCK = 4
AGAIN = "+again"


class Slot(NamedTuple):
    """One comparison, whichever way round it was shown: a pair's id and two indices into its answers, lower first."""

    pair: str
    first: int
    second: int


def slot(event: Ranking) -> Slot:
    """The comparison an event is about."""
    return Slot(event.pair, *sorted((event.left, event.right)))


def comparisons(pair: Pair) -> list[Slot]:
    """All comparisons of a pair: one for two answers, three for three, six for four."""
    return [Slot(pair.id, i, j) for i, j in combinations(range(len(pair.answers)), 2)]


def better(event: Ranking) -> int | Literal["both_good", "both_bad"] | None:
    """Translate what was clicked into what was meant, free of sides.

    Returns:
        The index of the better answer, ``"both_good"`` or ``"both_bad"``, or None for a skip or an undo.
    """
    match event.outcome:
        case "a":
            return event.left
        case "b":
            return event.right
        case "both_good" | "both_bad":
            return event.outcome
    return None


def effective(events: Iterable[Ranking]) -> list[Ranking]:
    """The judgements that count: the last one of each annotator on each comparison, unless it was withdrawn.

    An event can only supersede events of its own annotator. Applying this twice changes nothing.
    """
    live: dict[tuple[str, Slot], Ranking] = {}
    where: dict[tuple[str, str], tuple[str, Slot]] = {}
    for event in events:
        key = (event.annotator, slot(event))
        old = where.get((event.annotator, event.supersedes)) if event.supersedes else None
        if old in live and live[old].id == event.supersedes:
            del live[old]
        if event.outcome != "undo":
            live.pop(key, None)  # so that the newest judgement stands last
            live[key] = event
            where[event.annotator, event.id] = key
    return list(live.values())


def with_repeats(pairs: Sequence[Pair], share: float = 0.1, seed: int = 0) -> list[Pair]:
    """Add some pairs a second time at the end, to be shown the other way round: a check on the annotator.

    Args:
        pairs: the pairs to rank.
        share: how many of them come again.
        seed: which ones, and in what order.

    Returns:
        All pairs, then copies whose id ends in ``+again``. Judgements of copies never become training rows.
    """
    again = Random(f"again|{seed}").sample(list(pairs), round(share * len(pairs)))
    return [*pairs, *(pair.model_copy(update={"id": pair.id + AGAIN}) for pair in again)]


@dataclass(frozen=True)
class Item:
    """One comparison as it is shown: which answer stands left, which right. Where they came from is not shown."""

    pair: Pair
    left: int
    right: int

    @property
    def slot(self) -> Slot:
        """The comparison without its sides."""
        return Slot(self.pair.id, *sorted((self.left, self.right)))

    @property
    def left_text(self) -> str:
        """The answer shown on the left."""
        return self.pair.answers[self.left].text

    @property
    def right_text(self) -> str:
        """The answer shown on the right."""
        return self.pair.answers[self.right].text

    @property
    def question(self) -> str:
        """The conversation before the answer, system prompt left out; roles are named when there are several turns."""
        turns = [m for m in self.pair.prompt if m.role != "system"]
        return turns[0].content if len(turns) == 1 else "\n".join(f"{m.role}: {m.content}" for m in turns)


def _items(pairs: Sequence[Pair], annotator: str, seed: int) -> list[Item]:
    """Deal the sides: in each block exactly half are swapped (of an odd last block: half, rounded either way)."""
    slots = [(pair, s) for pair in pairs for s in comparisons(pair)]
    fresh = [s for _, s in slots if not s.pair.endswith(AGAIN)]
    swapped: dict[Slot, bool] = {}
    for start in range(0, len(fresh), BLOCK):
        block, rng = fresh[start : start + BLOCK], Random(f"sides|{seed}|{annotator}|{start}")
        sides = [i % 2 == 0 for i in range(len(block))]
        if rng.random() < 0.5:
            sides = [not side for side in sides]
        rng.shuffle(sides)
        swapped.update(zip(block, sides, strict=True))
    for _, s in slots:
        if s.pair.endswith(AGAIN):
            swapped[s] = not swapped.get(s._replace(pair=s.pair.removesuffix(AGAIN)), False)
    return [Item(pair, s.second, s.first) if swapped[s] else Item(pair, s.first, s.second) for pair, s in slots]


class RankingSession:
    """One annotator's way through the pairs. Each choice is on disk before the next pair is shown.

    A new session on the same log goes on where the last one stopped, with the same sides. Several annotators may share
    one log; nobody's judgements change anybody else's session.

    Args:
        pairs: what to rank, in this order. Pairs of three or four answers are shown two answers at a time.
        log: the JSON Lines file the events go to; made with the first one.
        annotator: a short id; a pseudonym will do.
        seed: deals the sides, together with the annotator's id.
        clock: gives the time of day; for tests.

    Raises:
        LabError: the annotator's id cannot be used, two pairs share an id, or the log cannot be read.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        log: str | Path,
        annotator: str,
        seed: int = 0,
        clock: Callable[[], datetime.datetime] = now,
    ):
        self._log = EventLog(log, Ranking, annotator)
        ids = [pair.id for pair in pairs]
        if twice := next((i for i in ids if ids.count(i) > 1), None):
            raise LabError(f"pair {twice}", "is in the list twice", "give every pair an id of its own")
        self.log, self.annotator, self.clock = self._log.path, annotator, clock
        self.items = _items(pairs, annotator, seed)
        self._read()
        self.start_timer()

    def _read(self) -> None:
        self._own = [event for event in self._log.read() if event.annotator == self.annotator]
        self.findings = self._log.damaged  # lines passed over
        self._settle()

    def _settle(self) -> None:
        """Work out what the events so far amount to."""
        self._effective = effective(self._own)
        self._decided = {slot(event) for event in self._effective}

    def start_timer(self) -> None:
        """The current item is being looked at from now on."""
        self._shown_at = self.clock()

    @property
    def current(self) -> Item | None:
        """The item to judge: the one just taken back, else the first without a judgement; None when all have one."""
        open_items = [item for item in self.items if item.slot not in self._decided]
        if self._own and self._own[-1].outcome == "undo":
            back = slot(self._own[-1])
            open_items.sort(key=lambda item: item.slot != back)
        return open_items[0] if open_items else None

    @property
    def progress(self) -> tuple[int, int]:
        """How many items are judged (skips included), and how many there are."""
        return sum(item.slot in self._decided for item in self.items), len(self.items)

    def decisions(self) -> list[Ranking]:
        """This annotator's judgements that count, oldest first."""
        return list(self._effective)

    def choose(self, outcome: Outcome, tags: Iterable[str] = (), note: str = "") -> Ranking:
        """Judge the current item, save it and go on to the next one.

        Args:
            outcome: ``a`` (the left answer is better), ``b`` (the right one), ``both_good``, ``both_bad`` or ``skip``.
            tags: reasons, in the annotator's words or from a list.
            note: free text.

        Returns:
            The event as it stands in the log.

        Raises:
            LabError: no such outcome, nothing left to judge, or the log cannot be written.
        """
        if outcome not in get_args(Outcome):
            raise LabError(f"outcome {outcome!r}", "is not one we know", f"take one of {', '.join(get_args(Outcome))}")
        item = self.current
        self._catch_up()
        if item != self.current:
            self.start_timer()
            raise LabError(
                "ranking", f"{self.annotator} has gone on elsewhere, so nothing was saved", "judge the pair shown now"
            )
        if item is None:
            raise LabError("ranking", "every pair has its judgement", "use undo to change the last one")
        seconds = max(0.0, round((self.clock() - self._shown_at).total_seconds(), 1))
        return self._append(item.pair.id, item.left, item.right, outcome, sorted(set(tags)), note, seconds)

    def undo(self) -> Ranking | None:
        """Take back the last judgement and return to its item. Nothing is erased: the log gains an ``undo`` event.

        Returns:
            The undo event, or None when there is nothing to take back.
        """
        self._catch_up()
        if not self._effective:
            return None
        last = self._effective[-1]
        return self._append(last.pair, last.left, last.right, "undo", supersedes=last.id)

    def _catch_up(self) -> None:
        """Read the log again if anybody else touched it, so that no pair is judged and no number given twice."""
        if self._log.changed:
            self._read()

    def _append(
        self,
        pair: str,
        left: int,
        right: int,
        outcome: Outcome | Literal["undo"],
        tags: Sequence[str] = (),
        note: str = "",
        seconds: float | None = None,
        supersedes: str | None = None,
    ) -> Ranking:
        event = Ranking(
            id=self._log.next_id,
            pair=pair,
            annotator=self.annotator,
            left=left,
            right=right,
            outcome=outcome,
            tags=list(tags),
            note=note,
            seconds=seconds,
            at=self.clock().isoformat(timespec="seconds"),
            supersedes=supersedes,
        )
        self._log.append(event)
        self._own.append(event)
        self._settle()
        self.start_timer()
        return event
