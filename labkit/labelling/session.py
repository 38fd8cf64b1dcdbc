"""Resumable labelling. The append-only log is the artefact; everything else is derived from it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from labkit import LabError
from labkit.eventlog import EventLog, now
from labkit.labelling.guideline import SKIP, Guideline
from labkit.records import Example, Label, Record
from labkit.stats import Rate, wilson

GOLD_SHARE = 0.1
_Key = tuple[str, str, str]  # annotator, row, guideline version
_Any = TypeVar("_Any")


class Item(Record):
    """One text to be labelled."""

    id: str
    text: str


class GoldItem(Item):
    """An item whose label is settled, mixed in unseen as a check on the annotator."""

    label: str
    why: str = ""


def items_of(rows: Iterable[Example]) -> list[Item]:
    """The questions of training rows as items, under the rows' ids."""
    return [Item(id=row.id, text=row.question) for row in rows]


def _key(event: Label) -> _Key:
    return event.annotator, event.row_id, event.guideline


def effective(events: Iterable[Label]) -> list[Label]:
    """The labels that count: the last of each annotator on each row under each guideline version, unless withdrawn.

    Labels given under an earlier version stay: they are how a new guideline is compared with the old one. Applying
    this twice changes nothing.
    """
    live: dict[_Key, Label] = {}
    for event in events:
        key = _key(event)
        if not event.undo:
            live.pop(key, None)  # so that the newest label stands last
            live[key] = event
        elif key in live and live[key].id == event.supersedes:
            del live[key]
    return list(live.values())


def ratings(labels: Iterable[Label], guideline: str | None = None) -> dict[str, dict[str, str]]:
    """Labels that count as the statistics take them: annotator -> row -> value. Skips are missing values.

    Args:
        labels: events of any log.
        guideline: the version to look at; all when None, and then the last label of a row counts.
    """
    found: dict[str, dict[str, str]] = {}
    for label in effective(labels):
        if label.value != SKIP and guideline in (None, label.guideline):
            found.setdefault(label.annotator, {})[label.row_id] = label.value
    return found


def gold_accuracy(labels: Iterable[Label], gold: Iterable[GoldItem]) -> dict[str, Rate]:
    """How often each annotator gave gold items their label. A skipped one counts as missed."""
    right = {item.id: item.label for item in gold}
    hits: dict[str, list[bool]] = {}
    for label in effective(labels):
        if label.row_id in right:
            hits.setdefault(label.annotator, []).append(label.value == right[label.row_id])
    return {annotator: wilson(sum(own), len(own)) for annotator, own in sorted(hits.items())}


def mixed(items: Sequence[_Any], gold: Sequence[_Any], share: float, seed: str) -> list[_Any]:
    """Items in their order, with gold ones dealt evenly among them: one at a random place of each equal stretch."""
    rng = Random(f"gold|{seed}")
    drawn = rng.sample(list(gold), min(len(gold), round(share * len(items))))
    out: list[_Any] = []
    for i, extra in enumerate(drawn):
        stretch = list(items[i * len(items) // len(drawn) : (i + 1) * len(items) // len(drawn)])
        stretch.insert(rng.randint(0, len(stretch)), extra)
        out += stretch
    return out or list(items)


class LabellingSession:
    """One annotator's way through the items. Each label is on disk before the next item is shown.

    A new session on the same log goes on where the last one stopped, in the same order. Several annotators and
    several guideline versions may share one log; none of them changes another's session.

    Args:
        items: what to label, in this order.
        guideline: the rules, whose version goes into every label.
        log: the JSON Lines file the events go to; made with the first one.
        annotator: a short id; a pseudonym will do.
        gold: items with a settled label, mixed in without a sign.
        gold_share: gold items for each ordinary one.
        seed: which gold items, and where; together with the annotator's id.
        clock: gives the time of day; for tests.

    Raises:
        LabError: the annotator's id cannot be used, two items share an id, a gold label is not in the guideline, or
            the log cannot be read.
    """

    def __init__(
        self,
        items: Sequence[Item],
        guideline: Guideline,
        log: str | Path,
        annotator: str,
        gold: Sequence[GoldItem] = (),
        gold_share: float = GOLD_SHARE,
        seed: int = 0,
        clock: Callable[[], datetime.datetime] = now,
    ):
        self._log = EventLog(log, Label, annotator)
        seen: set[str] = set()
        for item in [*items, *gold]:
            if item.id in seen:
                raise LabError(f"item {item.id}", "is in the list twice", "give every item an id of its own")
            seen.add(item.id)
        for extra in gold:
            guideline.rule(extra.label)
        self.guideline, self.log, self.annotator, self.clock = guideline, self._log.path, annotator, clock
        self.items = mixed(items, gold, gold_share, f"{seed}|{annotator}")
        self._gold = {item.id: item for item in gold}
        self._read()
        self.start_timer()

    def _read(self) -> None:
        self._own = [
            e for e in self._log.read() if (e.annotator, e.guideline) == (self.annotator, self.guideline.version)
        ]
        self.findings = self._log.damaged  # lines passed over
        self._settle()

    def _settle(self) -> None:
        """Work out what the events so far amount to."""
        self._effective = effective(self._own)
        self._done = {label.row_id for label in self._effective}

    def start_timer(self) -> None:
        """The current item is being looked at from now on."""
        self._shown_at = self.clock()

    @property
    def current(self) -> Item | None:
        """The item to label: the one just taken back, else the first without a label; None when all have one."""
        open_items = [item for item in self.items if item.id not in self._done]
        if self._own and self._own[-1].undo:
            back = self._own[-1].row_id
            open_items.sort(key=lambda item: item.id != back)
        return open_items[0] if open_items else None

    @property
    def progress(self) -> tuple[int, int]:
        """How many items are labelled (skips and gold included), and how many there are."""
        return sum(item.id in self._done for item in self.items), len(self.items)

    def labels(self) -> list[Label]:
        """This annotator's labels that count, oldest first, without the gold items."""
        return [label for label in self._effective if label.row_id not in self._gold]

    def gold_accuracy(self) -> Rate:
        """How often gold items got their label so far."""
        return gold_accuracy(self._effective, self._gold.values()).get(self.annotator, wilson(0, 0))

    def gold_misses(self) -> list[tuple[GoldItem, str]]:
        """Gold items that got another label, with what was said: to be talked over with the annotator."""
        seen = [(self._gold[e.row_id], e.value) for e in self._effective if e.row_id in self._gold]
        return [(item, value) for item, value in seen if value != item.label]

    def choose(self, value: str, note: str = "") -> Label:
        """Label the current item, save it and go on to the next one.

        Args:
            value: a label of the guideline, or ``skip``.
            note: free text; a doubt is worth a word, it becomes a borderline case.

        Returns:
            The event as it stands in the log.

        Raises:
            LabError: no such label, nothing left to label, or the log cannot be written.
        """
        if value != SKIP:
            self.guideline.rule(value)
        item = self.current
        self._catch_up()
        if item != self.current:
            self.start_timer()
            what = f"{self.annotator} has gone on elsewhere, so nothing was saved"
            raise LabError("labelling", what, "label the item shown now")
        if item is None:
            raise LabError("labelling", "every item has its label", "use undo to change the last one")
        seconds = max(0.0, round((self.clock() - self._shown_at).total_seconds(), 1))
        return self._append(item.id, value, note, seconds)

    def undo(self) -> Label | None:
        """Take back the last label and return to its item. Nothing is erased: the log gains an ``undo`` event.

        Returns:
            The undo event, or None when there is nothing to take back.
        """
        self._catch_up()
        if not self._effective:
            return None
        last = self._effective[-1]
        return self._append(last.row_id, last.value, supersedes=last.id, undo=True)

    def _catch_up(self) -> None:
        """Read the log again if anybody else touched it, so that no item is labelled and no number given twice."""
        if self._log.changed:
            self._read()

    def _append(
        self,
        row: str,
        value: str,
        note: str = "",
        seconds: float | None = None,
        supersedes: str | None = None,
        undo: bool = False,
    ) -> Label:
        event = Label(
            row_id=row,
            annotator=self.annotator,
            guideline=self.guideline.version,
            value=value,
            seconds=seconds,
            id=self._log.next_id,
            note=note,
            at=self.clock().isoformat(timespec="seconds"),
            supersedes=supersedes,
            undo=undo,
        )
        self._log.append(event)
        self._own.append(event)
        self._settle()
        self.start_timer()
        return event
