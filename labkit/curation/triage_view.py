"""The triage card for notebooks. Plain ipywidgets, limited to what versions 7.7 (Colab) and 8.1 share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from labkit import LabError
from labkit.cards import card, show_buttons
from labkit.curation.evidence import NAMES, consequence, fields, marked
from labkit.curation.triage import TriageSession
from labkit.printable import printable
from labkit.records import SEVERITIES, Example, Finding

_ROOM = {"description_width": "initial"}
_SHOW = [("open", "open"), ("decided", "decided"), ("all", "all")]


def _safe(text: str) -> str:
    return escape(printable(text, 1200))


def row_card(title: str, row: Example, finding: Finding) -> str:
    """One row as HTML, every text escaped; what the finding is about is marked."""
    parts = []
    for field, text in fields(row, finding).items():
        before, evidence, after = marked(finding, field, text)
        mark = f"<mark>{escape(evidence)}</mark>" if evidence else ""
        parts.append(f"<i>{NAMES[field]}:</i> {escape(before)}{mark}{escape(after)}")
    return card("\n".join(parts), title)


class TriageView:
    """One finding at a time: the reason, the evidence in its row, the row it clashes with. One click decides.

    All controls are ordinary drop-downs, buttons and a text area: Tab moves between them, Space or Enter presses a
    button. Tests press them with ``view.buttons["accept"].click()`` and need no browser.

    Args:
        session: the session to show.
    """

    def __init__(self, session: TriageSession):
        self.session = session
        self.progress, self.reason, self.status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        half = widgets.Layout(width="50%")
        self.row, self.other = widgets.HTML(layout=half), widgets.HTML(layout=half)
        self.bar = widgets.IntProgress(min=0, max=max(1, session.progress[1]))
        # An option of the value None would count as no choice, and the drop-down would stand empty.
        checks = sorted({finding.check for finding in session.findings})
        severities = [s for s in SEVERITIES if any(f.severity == s for f in session.findings)]
        self.filters = {
            "check": _dropdown("Check:", [("all checks", ""), *((name, name) for name in checks)]),
            "severity": _dropdown("Severity:", [("all severities", ""), *((name, name) for name in severities)]),
            "show": _dropdown("Show:", _SHOW),
        }
        for control in self.filters.values():
            control.observe(self._filter, names="value")
        self.text = widgets.Textarea(
            description="Text by hand:", rows=4, style=_ROOM, layout=widgets.Layout(width="98%")
        )
        self.buttons = {
            "accept": self._button("Accept", partial(self._decide, session.accept, "accepted")),
            "reject": self._button("Reject", partial(self._decide, session.reject, "rejected")),
            "fix": self._button("Fix by hand", partial(self._decide, self._fix, "your text is kept")),
            "previous": self._button("Previous", partial(self._step, -1)),
            "next": self._button("Next", partial(self._step, 1)),
            "undo": self._button("Undo", self._undo),
            "bulk": self._button("Accept all certain", self._bulk, width="auto"),
        }
        wrap = widgets.Layout(flex_flow="row wrap")
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.progress, self.bar]),
                widgets.HBox(list(self.filters.values()), layout=wrap),
                self.reason,
                widgets.HBox([self.row, self.other]),
                self.text,
                widgets.HBox(list(self.buttons.values()), layout=wrap),
                self.status,
            ]
        )
        self._shown: str | None = None
        self._say(
            f"{len(session.damaged)} damaged line(s) of {session.log.name} passed over." if session.damaged else ""
        )
        self._refresh()

    def show(self) -> None:
        """Display the card, and one plain line under it for the day on which the notebook shows no buttons."""
        show_buttons(self.widget)
        done, total = self.session.progress
        print(
            f"Triage as {self.session.who}: {done} of {total} decided, every click is saved in {self.session.log.name}. "
            "No buttons above? Run the notebook's cells again up to this one: you go on where you stopped."
        )

    def _button(self, label: str, action: Callable[[], None], width: str | None = None) -> Any:
        button = widgets.Button(description=label, tooltip=label, layout=widgets.Layout(width=width))
        button.on_click(partial(self._guarded, action))
        return button

    def _guarded(self, action: Callable[[], None], _button: Any) -> None:
        try:
            action()
        except LabError as error:
            self._say(str(error), bad=True)
        self._refresh()

    def _decide(self, decide: Callable[[], Any], said: str) -> None:
        event = decide()
        self._say(f"Saved: {event.finding} {said}.")

    def _fix(self) -> Any:
        return self.session.fix(self.text.value)

    def _step(self, by: int) -> None:
        self.session.step(by)
        self._say("")

    def _undo(self) -> None:
        taken = self.session.undo()
        self._follow_filter()
        self._say(f"Saved: {len(taken)} decision(s) taken back." if taken else "There is nothing to take back.")

    def _bulk(self) -> None:
        check = self._bulk_check()
        if check:
            self._say(f"Saved: {len(self.session.accept_all(check))} certain findings of {check} accepted.")

    def _bulk_check(self) -> str | None:
        """The check whose certain findings the bulk button takes: the chosen one, else that of the finding shown."""
        current = self.session.current
        return self.filters["check"].value or (current.check if current else None)

    def _filter(self, _change: Any) -> None:
        chosen: dict[str, Any] = {name: control.value or None for name, control in self.filters.items()}
        self.session.filter(**chosen)
        self._say("")
        self._refresh()

    def _follow_filter(self) -> None:
        """Where undo had to leave the filter to show its finding, the drop-downs follow."""
        chosen = dict(self.session.chosen)
        for name, control in self.filters.items():
            control.value = chosen[name] or ""
        self.session.filter(**chosen)

    def _say(self, text: str, bad: bool = False) -> None:
        # Not by colour alone: a problem also begins with a word. Screen readers speak what changes here.
        start = "<b>Not saved:</b> " if bad else ""
        self.status.value = f'<span role="status">{start}{_safe(text)}</span>'

    def _refresh(self) -> None:
        session, finding = self.session, self.session.current
        done, total = session.progress
        self.progress.value = f"<b>{escape(session.who)}</b>: {done} of {total} decided"
        self.bar.value = done
        row = session.rows.get(finding.row_id) if finding else None
        if finding:
            self._show_finding(finding, row)
        else:
            self.reason.value = (
                "<b>All decided. Thank you.</b> Undo still takes back the last decision."
                if done == total
                else "<b>Nothing is left under this filter.</b> Choose another one above."
            )
            self.row.value = self.other.value = ""
        name = finding.id if finding else None
        if name != self._shown:  # else what somebody is typing would be gone
            self._shown = name
            self.text.value = session.text(finding) if finding and row else ""
        for name in ("accept", "reject", "previous", "next"):
            self.buttons[name].disabled = finding is None
        self.buttons["fix"].disabled = self.text.disabled = row is None
        self.buttons["undo"].disabled = not any(d.decided_by == session.who for d in session.decisions())
        check = self._bulk_check()
        certain = len(session.certain(check)) if check else 0
        self.buttons["bulk"].disabled = not certain
        self.buttons["bulk"].description = f"Accept all {certain} certain: {check}" if certain else "Accept all certain"

    def _show_finding(self, finding: Finding, row: Example | None) -> None:
        place = [f.id for f in self.session.shown].index(finding.id) + 1
        lines = [
            f"<b>{_safe(finding.message)}</b>",
            f"{place} of {len(self.session.shown)} shown; {finding.severity}, {finding.tier}; "
            f"check {_safe(finding.check)}; row {_safe(finding.row_id)}; {finding.status}",
        ]
        if finding.evidence:
            lines.append(f"<i>Evidence</i> ({NAMES[finding.where].lower()}): {_safe(finding.evidence)}")
        if finding.suggestion:
            lines.append(f"<i>Suggestion:</i> {_safe(finding.suggestion)}")
        lines.append(escape(consequence(finding, row)))
        lines += [f"<i>Proposed {NAMES[f].lower()}:</i> {_safe(text)}" for f, text in finding.repair.items()]
        self.reason.value = card("\n".join(lines), "Finding")
        self.row.value = row_card(f"Row {finding.row_id}", row, finding) if row else ""
        other = self.session.rows.get(finding.other_row or "")
        plain = finding.model_copy(update={"evidence": "", "span": None})
        self.other.value = row_card(f"Compare with row {other.id}", other, plain) if other else ""


def _dropdown(label: str, options: list[tuple[str, Any]]) -> Any:
    return widgets.Dropdown(description=label, options=options, value=options[0][1], style=_ROOM)
