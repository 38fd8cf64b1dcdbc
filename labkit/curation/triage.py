"""Triage: people decide about findings. The append-only log is the artefact; statuses and clean rows derive from it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from labkit import LabError
from labkit.curation.outcome import (
    Curated,
    Field,
    apply,
    decided,
    effective,
    field_of,
    status,
    text_of,
    with_decision,
)
from labkit.eventlog import EventLog, now
from labkit.records import SEVERITIES, Decision, Example, Finding

__all__ = ["Curated", "TriageSession", "apply", "decided", "effective"]

Show = Literal["open", "decided", "all"]


class TriageSession:
    """One person's way through the findings, the most severe first. Each decision is on disk before the next is shown.

    A new session on the same log goes on where the last one stopped. Several people may share one log: of two
    decisions about one finding the later counts, and nobody is asked twice.

    Args:
        findings: what to decide about.
        rows: the rows they are about.
        log: the JSON Lines file the decisions go to; made with the first one.
        who: a short id; a pseudonym will do.
        bulk: checks whose certain findings may be accepted all at once; every check by default.
        clock: gives the time of day; for tests.

    Raises:
        LabError: the id cannot be used, two findings share an id, or the log cannot be read.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        rows: Iterable[Example],
        log: str | Path,
        who: str,
        bulk: Collection[str] | None = None,
        clock: Callable[[], datetime.datetime] = now,
    ):
        self._log = EventLog(log, Decision, who, role="reviewer")
        self.findings = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
        self._place = {finding.id: i for i, finding in enumerate(self.findings)}
        if len(self._place) < len(self.findings):
            raise LabError("findings", "two of them share an id", "take them from one run of the checks")
        self.rows = {row.id: row for row in rows}
        self.log, self.who, self.bulk, self.clock = self._log.path, who, bulk, clock
        self._at = 0
        self._shown: list[Finding] | None = None  # worked out when it is asked for
        self.filter()
        self._read()

    def _read(self) -> None:
        self._events = [event for event in self._log.read() if event.finding in self._place]
        self.damaged = self._log.damaged  # lines passed over
        self._settle()

    def _settle(self) -> None:
        self._effective = effective(self._events)
        self._shown = None
        self._status = {f.id: status(f, self._effective.get(f.id)) for f in self.findings}

    # --- looking around ---

    def filter(
        self, check: str | None = None, severity: str | None = None, tier: str | None = None, show: Show = "open"
    ) -> None:
        """Show only findings of this check, severity and tier, and of these the open ones, the decided ones or all."""
        self._shown = None
        self.chosen: dict[str, Any] = {"check": check, "severity": severity, "tier": tier, "show": show}

    def _fits(self, finding: Finding) -> bool:
        is_open, show = self._status[finding.id] == "open", self.chosen["show"]
        wanted = (self.chosen[name] in (None, getattr(finding, name)) for name in ("check", "severity", "tier"))
        return all(wanted) and (show == "all" or is_open == (show == "open"))

    @property
    def shown(self) -> list[Finding]:
        """The findings that pass the filter, with their status."""
        shown = self._shown
        if shown is None:
            shown = [with_decision(f, self._effective.get(f.id)) for f in self.findings if self._fits(f)]
            self._shown = shown
        return shown

    @property
    def current(self) -> Finding | None:
        """The finding to decide about: the next that passes the filter, from the start again after the last."""
        shown = self.shown
        return next((f for f in shown if self._place[f.id] >= self._at), shown[0] if shown else None)

    def step(self, by: int) -> Finding | None:
        """Go on (``by=1``) or back (``by=-1``) without deciding; the two ends of the list are joined."""
        shown, here = self.shown, self.current
        if here is None:
            return None
        self._at = self._place[shown[(shown.index(here) + by) % len(shown)].id]
        return self.current

    @property
    def progress(self) -> tuple[int, int]:
        """How many findings are decided, and how many there are; the filter does not matter."""
        return sum(status != "open" for status in self._status.values()), len(self.findings)

    def decisions(self) -> list[Decision]:
        """The decisions that count, oldest first, other people's in the same log included."""
        return list(self._effective.values())

    def text(self, finding: Finding) -> str:
        """The text a fix by hand starts from: as written by hand before, else as the finding proposes, else as it came."""
        row, field = self.rows[finding.row_id], field_of(finding)
        fixed = [d.fix[field] for d in self._effective.values() if d.row_id == row.id and field in d.fix]
        return fixed[-1] if fixed else finding.repair.get(field, text_of(row, field))

    # --- deciding ---

    def accept(self, note: str = "") -> Decision:
        """The finding is right: its repair is made, or its row dropped when it proposes none."""
        return self._decide("accept", note)

    def reject(self, note: str = "") -> Decision:
        """The finding is wrong: the row stays as it is."""
        return self._decide("reject", note)

    def fix(self, text: str, note: str = "") -> Decision:
        """The finding is right, and this is the text that the row should have there.

        Raises:
            LabError: the text is empty or unchanged, or the finding is about no row; see also :meth:`accept`.
        """
        finding = self._ready()
        if finding.row_id not in self.rows:
            raise LabError("fix", "this finding is about no single row", "accept or reject it")
        field = field_of(finding)
        if not text.strip():
            raise LabError("fix", "the new text is empty", "accept the finding to drop the row")
        if text == text_of(self.rows[finding.row_id], field):
            raise LabError("fix", "the text is the same as before", "change it, or reject the finding")
        return self._append(finding, "fix", note, {field: text})

    def _decide(self, action: Literal["accept", "reject"], note: str) -> Decision:
        return self._append(self._ready(), action, note)

    def _ready(self) -> Finding:
        """The current finding, unless somebody else has moved things on since it was shown."""
        before = self.current
        self._catch_up()
        if before != self.current:
            raise LabError(
                "triage", "somebody decided meanwhile, so nothing was saved", "decide about what is shown now"
            )
        if before is None:
            raise LabError("triage", "no finding is left here", "choose another filter, or undo the last decision")
        return before

    def certain(self, check: str) -> list[Finding]:
        """Findings of a check that may be accepted all at once: open, and of the tier ``certain``."""
        if self.bulk is not None and check not in self.bulk:
            return []
        return [f for f in self.findings if (f.check, f.tier, self._status[f.id]) == (check, "certain", "open")]

    def accept_all(self, check: str) -> list[Decision]:
        """Accept every open finding of a check that is certain; the others of the check stay for a person.

        Raises:
            LabError: the check has none, or may not be accepted in bulk.
        """
        self._catch_up()
        findings = self.certain(check)
        if not findings:
            raise LabError(f"check {check}", "has no open finding that is certain", "look at each finding")
        when = self.clock()
        return [self._append(f, "accept", f"one of {len(findings)} accepted at once", when=when) for f in findings]

    def undo(self) -> list[Decision]:
        """Take back your own last decision (after :meth:`accept_all` all of them) and show its finding again.

        Nothing is erased: the log gains ``undo`` events.

        Returns:
            Those events; none when there is nothing to take back.
        """
        self._catch_up()
        own = [d for d in self._effective.values() if d.decided_by == self.who]
        if not own:
            return []
        last = own[-1]
        together = [d for d in own if last.note and (d.note, d.at) == (last.note, last.at)] or [last]
        taken = [self._append(self.findings[self._place[d.finding]], "undo") for d in together]
        self._at = self._place[together[0].finding]
        if not self._fits(self.findings[self._at]):
            self.filter()
        return taken

    def _catch_up(self) -> None:
        if self._log.changed:
            self._read()

    def _append(
        self,
        finding: Finding,
        action: Literal["accept", "reject", "fix", "undo"],
        note: str = "",
        fix: Mapping[Field, str] | None = None,
        when: datetime.datetime | None = None,
    ) -> Decision:
        event = Decision(
            id=self._log.next_id,
            finding=finding.id,
            row_id=finding.row_id,
            decided_by=self.who,
            action=action,
            fix=dict(fix or {}),
            note=note,
            at=(when or self.clock()).isoformat(timespec="seconds"),
        )
        self._log.append(event)
        self._events.append(event)
        self._at = self._place[finding.id] + 1
        self._settle()
        return event
