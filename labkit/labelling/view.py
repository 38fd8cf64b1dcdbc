"""The labelling card for notebooks. Plain ipywidgets, limited to what versions 7.7 (Colab) and 8.1 share."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from labkit import LabError
from labkit.cards import card, said, show_buttons
from labkit.labelling.guideline import SKIP, html
from labkit.labelling.session import LabellingSession

_RULES = "border-left:3px solid #888;padding:0 8px;margin:4px;font-size:90%;overflow-wrap:anywhere"


class LabellingView:
    """One text, the guideline beside it, one button a label. Every click is saved before the next text appears.

    All controls are ordinary buttons: Tab moves between them, Space or Enter presses one. Tests press them with
    ``view.buttons["question"].click()`` and need no browser.

    Args:
        session: the session to show.
    """

    def __init__(self, session: LabellingSession):
        self.session = session
        half = widgets.Layout(width="50%")
        self.progress, self.status = widgets.HTML(), widgets.HTML()
        self.item, self.rules = widgets.HTML(layout=half), widgets.HTML(layout=half)
        self.rules.value = f'<div style="{_RULES}">{html(session.guideline)}</div>'
        self.bar = widgets.IntProgress(min=0, max=max(1, session.progress[1]))
        self.note = widgets.Textarea(placeholder="In doubt? A word on why", rows=2)
        names = [*session.guideline.names, SKIP]
        tips = {label.name: label.definition for label in session.guideline.labels}
        self.buttons = {
            name: widgets.Button(description=name.replace("_", " "), tooltip=tips.get(name, "Cannot tell"))
            for name in names
        }
        for name, button in self.buttons.items():
            button.on_click(partial(self._choose, name))
        self.back = widgets.Button(description="Undo", tooltip="Take back the last label")
        self.back.on_click(self._undo)
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.progress, self.bar]),
                widgets.HBox([self.item, self.rules]),
                self.note,
                widgets.HBox([*self.buttons.values(), self.back], layout=widgets.Layout(flex_flow="row wrap")),
                self.status,
            ]
        )
        if damaged := len(session.findings):
            self._say(f"{damaged} damaged line(s) of {session.log.name} passed over; all other labels are here.")
        self._refresh()

    def show(self) -> None:
        """Display the card, and one plain line under it for the day on which the notebook shows no buttons."""
        self.session.start_timer()
        show_buttons(self.widget)
        done, total = self.session.progress
        print(
            f"Labelling as {self.session.annotator} under guideline {self.session.guideline.version}: {done} of {total} "
            f"done, every click is saved in {self.session.log.name}. No buttons above? Run the notebook's cells again "
            "up to this one: you go on where you stopped."
        )

    def _choose(self, value: str, _button: Any) -> None:
        try:
            event = self.session.choose(value, self.note.value.strip())
        except LabError as error:
            self._say(str(error), bad=True)
        else:
            self._say(f"Saved: {value} ({event.seconds:g} s).")
            self.note.value = ""
        self._refresh()

    def _undo(self, _button: Any) -> None:
        try:
            event = self.session.undo()
        except LabError as error:
            self._say(str(error), bad=True)
        else:
            self._say("Saved: last label taken back." if event else "There is nothing to take back.")
            self.note.value = ""
        self._refresh()

    def _say(self, text: str, bad: bool = False) -> None:
        self.status.value = said(text, bad)

    def _refresh(self) -> None:
        item, (done, total) = self.session.current, self.session.progress
        self.progress.value = f"<b>{escape(self.session.annotator)}</b>: {done} of {total} labelled"
        self.bar.value = done
        thanks = "<b>All labelled. Thank you.</b> Undo still takes back the last one."
        self.item.value = card(escape(item.text)) if item else thanks
        for button in self.buttons.values():
            button.disabled = item is None
        self.back.disabled = done == 0
