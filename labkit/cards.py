"""What the cards of ranking, labelling and triage share. Plain ipywidgets, limited to what 7.7 and 8.1 have in common."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = "border:1px solid #888;border-radius:6px;padding:8px;margin:4px;white-space:pre-wrap;overflow-wrap:anywhere"


def card(inner: str, title: str = "") -> str:
    """A framed box. ``inner`` is HTML that the caller has escaped; the title is escaped here."""
    head = f"<b>{escape(title)}</b>\n" if title else ""
    return f'<div style="{_STYLE}">{head}{inner}</div>'


def said(text: str, bad: bool = False) -> str:
    """The line under a card. Not by colour alone: a problem also begins with a word."""
    start = "<b>Not saved:</b> " if bad else ""
    return f'<span role="status">{start}{escape(text)}</span>'  # screen readers speak what changes here


def show_buttons(widget: Any) -> None:
    """Display a widget, with plain words for the day on which the notebook shows no buttons."""
    from IPython.display import display

    model = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    view = {"application/vnd.jupyter.widget-view+json": model}
    display({**view, "text/plain": "(buttons; they work while the kernel runs)"}, raw=True)
