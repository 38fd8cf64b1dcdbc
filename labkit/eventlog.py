"""The append-only log behind every session in which a person decides: ranking, labelling, triage."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Generic, TypeVar

from labkit import LabError
from labkit.files import append_jsonl, read_jsonl
from labkit.records import Finding, Record

R = TypeVar("R", bound=Record)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def now() -> datetime.datetime:
    """The time of day, in UTC."""
    return datetime.datetime.now(datetime.UTC)


class EventLog(Generic[R]):
    """One person's pen on a log that several may share.

    Args:
        path: the JSON Lines file; made with the first event.
        contract: what each line is.
        who: a short id that the events' ids begin with.
        role: what an error calls this person.

    Attributes:
        damaged: findings for the lines that cannot be read; they are passed over.

    Raises:
        LabError: the id cannot be used.
    """

    def __init__(self, path: str | Path, contract: type[R], who: str, role: str = "annotator"):
        if not _NAME.fullmatch(who):
            raise LabError(f"{role} {who!r}", "cannot be used as an id", "take 1-40 letters, digits or . _ -")
        self.path, self.contract, self.who = Path(path), contract, who
        self.damaged: list[Finding] = []
        self._lines = self._size = 0

    def read(self) -> list[R]:
        """All events, everybody's, oldest first.

        Raises:
            LabError: the log cannot be read.
        """
        events: list[R] = []
        self.damaged = []
        if self.path.exists():
            events, self.damaged = read_jsonl(self.path, self.contract)
        self._lines = len(events) + len(self.damaged)
        self._size = self._length()
        return events

    @property
    def changed(self) -> bool:
        """Has anybody else touched the log since it was read or written here?"""
        return self._length() != self._size

    @property
    def next_id(self) -> str:
        """The id of the next event: numbered by the line in the log, damaged ones included, so never given twice."""
        return f"{self.who}-{self._lines + 1:04d}"

    def append(self, event: R) -> None:
        """Put an event on disk.

        Raises:
            LabError: the log cannot be written.
        """
        try:
            append_jsonl(self.path, event)
        except OSError as error:
            problem = error.strerror or "cannot be written"
            raise LabError(str(self.path), problem, "nothing was saved: make room, or choose another file") from error
        self._lines += 1
        self._size = self._length()

    def _length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0
