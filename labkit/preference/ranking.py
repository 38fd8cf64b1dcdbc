"""Blind, resumable ranking of answers. The append-only log is the artefact; everything else is derived from it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from labkit import LabError
from labkit.eventlog import EventLog, now
from labkit.labelling.session import GOLD_SHARE
from labkit.preference.events import GoldPair, better, effective, slot
from labkit.preference.items import CHOICES, Item, dealt, with_repeats
from labkit.records import Outcome, Pair, Ranking

__all__ = ["RankingSession", "better", "effective", "slot", "with_repeats"]


class RankingSession:
    """One annotator's way through the pairs. Each choice is on disk before the next pair is shown.

    A new session on the same log goes on where the last one stopped, with the same sides. Several annotators may share
    one log; nobody's judgements change anybody else's session.

    Args:
        pairs: what to rank, in this order. Three or four answers are ranked in one go, with ties.
        log: the JSON Lines file the events go to; made with the first one.
        annotator: a short id; a pseudonym will do.
        seed: deals the sides, together with the annotator's id.
        clock: gives the time of day; for tests.
        gold: pairs with a settled judgement, mixed in without a sign.
        gold_share: gold pairs for each ordinary one.
        heard: makes this an adjudication: what others said of each pair. It is shown without their names, and the
            events are marked as adjudicated.

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
        gold: Sequence[GoldPair] = (),
        gold_share: float = GOLD_SHARE,
        heard: Mapping[str, Sequence[Ranking]] | None = None,
    ):
        self._log = EventLog(log, Ranking, annotator)
        for twice, times in Counter(pair.id for pair in [*pairs, *gold]).items():
            if times > 1:
                raise LabError(f"pair {twice}", "is in the list twice", "give every pair an id of its own")
        self.log, self.annotator, self.clock, self.heard = self._log.path, annotator, clock, heard
        self.items = dealt(pairs, gold, gold_share, f"{seed}|{annotator}")
        self._place = {item.slot: i for i, item in enumerate(self.items)}
        self._read()
        self.start_timer()

    def _read(self) -> None:
        mark = self.heard is not None
        self._own = [e for e in self._log.read() if (e.annotator, e.adjudicated) == (self.annotator, mark)]
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
        last = self._own[-1] if self._own else None
        back = [slot(last)] if last and last.outcome == "undo" and slot(last) in self._place else []
        return next(
            (self.items[self._place[about]] for about in (*back, *self._place) if about not in self._decided), None
        )

    @property
    def progress(self) -> tuple[int, int]:
        """How many items are judged (skips included), and how many there are."""
        return sum(about in self._decided for about in self._place), len(self.items)

    def decisions(self) -> list[Ranking]:
        """This annotator's judgements that count, oldest first, those of gold pairs and of repeats included."""
        return list(self._effective)

    @property
    def said(self) -> str:
        """In an adjudication: what the others said of the current item, in its letters and without their names."""
        item = self.current
        if item is None or self.heard is None:
            return ""
        told = Counter(item.told(event) for event in self.heard.get(item.pair.id, ()) if slot(event) == item.slot)
        return "; ".join(f"{n} said {text}" for text, n in sorted(told.items()))

    def choose(self, outcome: Outcome, tags: Iterable[str] = (), note: str = "") -> Ranking:
        """Judge the current pair, save it and go on to the next one.

        Args:
            outcome: ``a`` (the left answer is better), ``b`` (the right one), ``both_good``, ``both_bad`` or ``skip``;
                of three or four answers only ``skip``, see :meth:`rank`.
            tags: reasons, in the annotator's words or from a list.
            note: free text.

        Returns:
            The event as it stands in the log.

        Raises:
            LabError: no such outcome, nothing left to judge, or the log cannot be written.
        """
        if outcome not in CHOICES:
            raise LabError(f"outcome {outcome!r}", "is not one we know", f"take one of {', '.join(CHOICES)}")
        item = self._ready()
        if outcome != "skip" and len(item.shown) > 2:
            raise LabError("ranking", f"there are {len(item.shown)} answers", "give each of them a rank")
        return self._append(item.pair.id, item.shown, outcome, [], tags, note, self._seconds())

    def rank(self, ranks: Sequence[int], tags: Iterable[str] = (), note: str = "") -> Ranking:
        """Rank the current item's three or four answers, save it and go on to the next one.

        Args:
            ranks: one for each answer from left to right; 1 is best, equal numbers are a tie.
            tags: reasons, in the annotator's words or from a list.
            note: free text.

        Returns:
            The event as it stands in the log; ranks are closed up there, so that 1, 1, 3 becomes 1, 1, 2.

        Raises:
            LabError: not one rank for each answer, nothing left to judge, or the log cannot be written.
        """
        item = self._ready()
        if len(item.shown) == 2:
            raise LabError("ranking", "there are two answers", "say which is better, or that both are good or bad")
        places = sorted(set(ranks))
        if len(ranks) != len(item.shown) or not all(1 <= place <= len(ranks) for place in places):
            what = f"{len(item.shown)} answers need as many ranks from 1 to {len(item.shown)}"
            raise LabError("ranking", what, "give each of them one; equal ranks are a tie")
        closed = [places.index(rank) + 1 for rank in ranks]
        return self._append(item.pair.id, item.shown, "ranked", closed, tags, note, self._seconds())

    def _ready(self) -> Item:
        """The current item, unless its annotator has moved things on elsewhere since it was shown."""
        item = self.current
        self._catch_up()
        if item != self.current:
            self.start_timer()
            raise LabError(
                "ranking", f"{self.annotator} has gone on elsewhere, so nothing was saved", "judge the pair shown now"
            )
        if item is None:
            raise LabError("ranking", "every pair has its judgement", "use undo to change the last one")
        return item

    def _seconds(self) -> float:
        return max(0.0, round((self.clock() - self._shown_at).total_seconds(), 1))

    def undo(self) -> Ranking | None:
        """Take back the last judgement and return to its item. Nothing is erased: the log gains an ``undo`` event.

        Returns:
            The undo event, or None when there is nothing to take back.
        """
        self._catch_up()
        if not self._effective:
            return None
        last = self._effective[-1]
        shown = tuple(last.shown or (last.left, last.right))
        return self._append(last.pair, shown, "undo", supersedes=last.id)

    def ask(self, read: Callable[[str], str] | None = None) -> None:
        """Rank in a terminal, by typing one letter an item; for the day on which no buttons can be shown."""
        from labkit.preference.terminal import ask

        ask(self, read)

    def _catch_up(self) -> None:
        """Read the log again if anybody else touched it, so that no pair is judged and no number given twice."""
        if self._log.changed:
            self._read()

    def _append(
        self,
        pair: str,
        shown: tuple[int, ...],
        outcome: Outcome | Literal["undo"],
        ranks: Sequence[int] = (),
        tags: Iterable[str] = (),
        note: str = "",
        seconds: float | None = None,
        supersedes: str | None = None,
    ) -> Ranking:
        event = Ranking(
            id=self._log.next_id,
            pair=pair,
            annotator=self.annotator,
            left=shown[0],
            right=shown[-1],
            outcome=outcome,
            shown=list(shown) if len(shown) > 2 else [],
            ranks=list(ranks),
            adjudicated=self.heard is not None,
            tags=sorted(set(tags)),
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
