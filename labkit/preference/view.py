"""The ranking card for notebooks. Plain ipywidgets, limited to what versions 7.7 (Colab) and 8.1 share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from labkit import LabError
from labkit.cards import card, said, show_buttons
from labkit.preference.events import LETTERS
from labkit.preference.items import CHOICES, order
from labkit.preference.ranking import RankingSession
from labkit.printable import printable
from labkit.records import Ranking

TAGS = ("next_step", "apology", "wrong_fact", "wrong_decision", "invented", "too_long", "rude")
_PLACES = ("1st", "2nd", "3rd", "4th")
_ROOM = {"description_width": "initial"}
_WRAP = {"flex_flow": "row wrap"}
_TAG = {"width": "auto", "margin": "0 16px 0 0"}


class RankingView:
    """Blind answers side by side, one click to judge two, a rank each for three or four. Every judgement is saved
    before the next item appears.

    All controls are ordinary buttons, checkboxes and a text area, in the order in which they are needed: Tab moves
    between them, Space or Enter presses one. Every one carries its words, so that a screen reader can say it. Tests
    press them with ``view.buttons["a"].click()`` and need no browser.

    Args:
        session: the session to show.
        tags: the reasons offered as checkboxes.
    """

    def __init__(self, session: RankingSession, tags: Sequence[str] = TAGS):
        self.session = session
        self.progress, self.prompt, self.status = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.heard, self.order = widgets.HTML(), widgets.HTML()
        most = max((len(item.shown) for item in session.items), default=2)
        self.answers = [widgets.HTML() for _ in range(most)]
        self.ranks = [widgets.ToggleButtons(options=[], layout=widgets.Layout(margin="4px 0")) for _ in range(most)]
        for control in self.ranks:
            control.observe(self._show_order, names="value")
        self.bar = widgets.IntProgress(min=0, max=max(1, session.progress[1]))
        self.tags = {
            tag: widgets.Checkbox(description=tag.replace("_", " "), indent=False, layout=widgets.Layout(**_TAG))
            for tag in tags
        }
        self.note = widgets.Textarea(description="Note:", placeholder="if you like", rows=2, style=_ROOM)
        self.buttons = {outcome: widgets.Button(description=label) for outcome, label in CHOICES.items()}
        for outcome, button in self.buttons.items():
            button.on_click(partial(self._choose, outcome))
        self.buttons["rank"] = widgets.Button(description="Save the ranking", tooltip="Equal ranks are a tie")
        self.buttons["rank"].on_click(self._rank)
        self.buttons["undo"] = widgets.Button(description="Undo", tooltip="Take back the last judgement")
        self.buttons["undo"].on_click(self._undo)
        self.ranking = widgets.VBox([*self.ranks, self.order])
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.progress, self.bar]),
                self.prompt,
                widgets.HBox(self.answers),
                self.heard,
                widgets.HBox(list(self.tags.values()), layout=widgets.Layout(**_WRAP)),
                self.note,
                self.ranking,  # beside its button: with the keyboard one goes to and fro between the two
                widgets.HBox(
                    [self.buttons[name] for name in ("rank", *CHOICES, "undo")], layout=widgets.Layout(**_WRAP)
                ),
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
            "you go on where you stopped. Still none? session.ask() does the same by typing."
        )

    def _choose(self, outcome: str, _button: Any) -> None:
        self._save(lambda tags, note: self.session.choose(outcome, tags, note))  # type: ignore[arg-type]

    def _rank(self, _button: Any) -> None:
        item = self.session.current
        chosen = [control.value for control in self.ranks[: len(item.shown) if item else 0]]
        if None in chosen:
            missing = " and ".join(x for x, rank in zip(LETTERS, chosen, strict=False) if rank is None)
            self._say(f"{missing} has no rank yet; equal ranks are a tie.", bad=True)
        else:
            self._save(lambda tags, note: self.session.rank(chosen, tags, note))

    def _save(self, judge: Callable[[list[str], str], Ranking]) -> None:
        item = self.session.current
        try:
            event = judge([tag for tag, box in self.tags.items() if box.value], self.note.value.strip())
        except LabError as error:
            self._say(str(error), bad=True)
        else:
            self._say(f"Saved: {item.told(event) if item else event.outcome} ({event.seconds:g} s).")
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
        for control in self.ranks:
            control.value = None

    def _show_order(self, _change: Any) -> None:
        said_so_far = order([control.value for control in self.ranks])
        self.order.value = f'<span role="status">Best first: {escape(said_so_far)}</span>' if said_so_far else ""

    def _refresh(self) -> None:
        item, (done, total) = self.session.current, self.session.progress
        self.progress.value = f"<b>{escape(self.session.annotator)}</b>: {done} of {total} judged"
        self.bar.value = done
        texts = item.texts if item else {}
        self.prompt.value = (
            card(_safe(item.question), "Prompt")
            if item
            else "<b>All judged. Thank you.</b> Undo still takes back the last one."
        )
        heard = self.session.said
        self.heard.value = f"<i>The labellers, without names:</i> {escape(heard)}" if heard else ""
        for letter, place in zip(LETTERS, self.answers, strict=False):
            place.value = card(_safe(texts[letter]), f"Answer {letter}") if letter in texts else ""
            place.layout.display = "" if letter in texts else "none"
            place.layout.width = f"{100 // max(2, len(texts))}%"
        several = len(texts) > 2
        self.ranking.layout.display = "" if several else "none"
        for letter, control in zip(LETTERS, self.ranks, strict=False):
            options = [(f"{letter} {place}", n) for n, place in enumerate(_PLACES[: len(texts)], 1)] if several else []
            if [label for label, _ in options] != [label for label, _ in control.options]:
                control.options, control.value = options, None
            control.layout.display = "" if letter in texts else "none"
        for outcome in CHOICES:
            self.buttons[outcome].disabled = item is None
            self.buttons[outcome].layout.display = "none" if several and outcome != "skip" else ""
        self.buttons["rank"].layout.display = "" if several else "none"
        self.buttons["rank"].disabled = not several
        self.buttons["undo"].disabled = not self.session.decisions()


def _safe(text: str) -> str:
    return escape(printable(text, 20_000))
