"""The ranking card for notebooks. Plain ipywidgets, limited to what versions 7.7 (Colab) and 8.1 share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from labkit import LabError
from labkit.cards import card, said, show_buttons
from labkit.preference.ranking import RankingSession

TAGS = ("next_step", "apology", "wrong_fact", "wrong_decision", "invented", "too_long", "rude")
CHOICES = {
    "a": "A is better",
    "b": "B is better",
    "both_good": "Both good",
    "both_bad": "Both bad",
    "skip": "Skip",
}


class RankingView:
    """Two blind answers side by side, one click to judge them. Every click is saved before the next pair appears.

    All controls are ordinary buttons and checkboxes: Tab moves between them, Space or Enter presses one. Tests press
    them with ``view.buttons["a"].click()`` and need no browser.

    Args:
        session: the session to show.
        tags: the reasons offered as checkboxes.
    """

    def __init__(self, session: RankingSession, tags: Sequence[str] = TAGS):
        self.session = session
        self.progress, self.prompt, self.status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        half = widgets.Layout(width="50%")
        self.left, self.right = widgets.HTML(layout=half), widgets.HTML(layout=half)
        self.bar = widgets.IntProgress(min=0, max=max(1, session.progress[1]))
        self.tags = {tag: widgets.Checkbox(description=tag.replace("_", " "), indent=False) for tag in tags}
        self.note = widgets.Textarea(placeholder="A note, if you like", rows=2)
        self.buttons = {outcome: widgets.Button(description=label) for outcome, label in CHOICES.items()}
        for outcome, button in self.buttons.items():
            button.on_click(partial(self._choose, outcome))
        self.buttons["undo"] = widgets.Button(description="Undo", tooltip="Take back the last judgement")
        self.buttons["undo"].on_click(self._undo)
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.progress, self.bar]),
                self.prompt,
                widgets.HBox([self.left, self.right]),
                widgets.HBox(list(self.tags.values()), layout=widgets.Layout(flex_flow="row wrap")),
                self.note,
                widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap")),
                self.status,
            ]
        )
        if damaged := len(session.findings):
            self._say(f"{damaged} damaged line(s) of {session.log.name} passed over; all other judgements are here.")
        self._refresh()

    def show(self) -> None:
        """Display the card, and one plain line under it for the day on which the notebook shows no buttons."""
        self.session.start_timer()
        show_buttons(self.widget)
        done, total = self.session.progress
        print(
            f"Ranking as {self.session.annotator}: {done} of {total} done, every click is saved in "
            f"{self.session.log.name}. No buttons above? Run the notebook's cells again up to this one: "
            "you go on where you stopped."
        )

    def _choose(self, outcome: str, _button: Any) -> None:
        tags = [tag for tag, box in self.tags.items() if box.value]
        try:
            event = self.session.choose(outcome, tags, self.note.value.strip())  # type: ignore[arg-type]
        except LabError as error:
            self._say(str(error), bad=True)
        else:
            self._say(f"Saved: {CHOICES[outcome]} ({event.seconds:g} s).")
            self._clear()
        self._refresh()

    def _undo(self, _button: Any) -> None:
        try:
            event = self.session.undo()
        except LabError as error:
            self._say(str(error), bad=True)
        else:
            self._say("Saved: last judgement taken back." if event else "There is nothing to take back.")
            self._clear()
        self._refresh()

    def _say(self, text: str, bad: bool = False) -> None:
        self.status.value = said(text, bad)

    def _clear(self) -> None:
        self.note.value = ""
        for box in self.tags.values():
            box.value = False

    def _refresh(self) -> None:
        item, (done, total) = self.session.current, self.session.progress
        self.progress.value = f"<b>{escape(self.session.annotator)}</b>: {done} of {total} judged"
        self.bar.value = done
        if item:
            self.prompt.value = card(escape(item.question), "Prompt")
            self.left.value = card(escape(item.left_text), "Answer A")
            self.right.value = card(escape(item.right_text), "Answer B")
        else:
            self.prompt.value = "<b>All judged. Thank you.</b> Undo still takes back the last one."
            self.left.value = self.right.value = ""
        for outcome in CHOICES:
            self.buttons[outcome].disabled = item is None
        self.buttons["undo"].disabled = not self.session.decisions()
