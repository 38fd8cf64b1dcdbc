"""The labelling card, driven by Button.click(): no browser."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from labkit.files import append_jsonl, read_jsonl
from labkit.labelling.guideline import Guideline
from labkit.labelling.session import GoldItem, Item, LabellingSession
from labkit.labelling.view import LabellingView
from labkit.records import Label

ALLOWED = {"VBox", "HBox", "HTML", "Button", "Textarea", "IntProgress"}
NASTY = "<script>alert('x')</script>\n&amp; <b>bold"


def rules(text="It is so."):
    labels = [{"name": name, "definition": f"{text} {name}"} for name in ("good", "not_good")]
    return Guideline.model_validate({"version": "7", "question": text, "labels": labels})


def view_of(log, n=2, text="Item", **more):
    items = [Item(id=f"row-{i:03d}", text=f"{text} {i}") for i in range(n)]
    return LabellingView(LabellingSession(items, rules(), log, "ana", **more))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "labels.jsonl"


def events(log):
    return read_jsonl(log, Label)[0]


def tree(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)


def text(view):
    return " ".join(w.value for w in tree(view.widget) if isinstance(w, widgets.HTML))


@pytest.mark.parametrize("value", ["good", "not_good", "skip"])
def test_one_click_saves_says_so_and_shows_the_next_item(log, value):
    view = view_of(log)
    assert "Item 0" in view.item.value
    view.note.value = "  why  "
    view.buttons[value].click()
    assert [(e.value, e.note) for e in events(log)] == [(value, "why")]
    assert f"Saved: {value}" in view.status.value
    assert "Item 1" in view.item.value
    assert "1 of 2" in view.progress.value
    assert (view.bar.value, view.note.value) == (1, "")


def test_the_guideline_stands_beside_the_item(log):
    view = view_of(log)
    assert "guideline 7" in view.rules.value
    assert "It is so. not_good" in view.rules.value
    assert view.buttons["good"].tooltip == "It is so. good"


def test_undo_brings_the_item_back(log):
    view = view_of(log)
    assert view.back.disabled
    view.buttons["good"].click()
    view.back.click()
    assert "taken back" in view.status.value
    assert "Item 0" in view.item.value
    assert "0 of 2" in view.progress.value
    view.back.click()
    assert "nothing to take back" in view.status.value
    assert [e.undo for e in events(log)] == [False, True]


def test_after_the_last_item_only_undo_is_left(log):
    view = view_of(log, n=1)
    view.buttons["good"].click()
    assert "All labelled" in view.item.value
    assert all(button.disabled for button in view.buttons.values())
    assert not view.back.disabled
    view.buttons["good"].click()  # a click that was already on its way
    assert "Not saved:" in view.status.value
    assert len(events(log)) == 1


def test_gold_items_cannot_be_told_by_their_looks(log):
    gold = [GoldItem(id="gold-1", text="Item 99", label="good", why="SETTLED")]
    view = view_of(log, gold=gold, gold_share=1)
    shown = []
    while view.session.current:
        shown.append(text(view))
        view.buttons["good"].click()
    assert any("Item 99" in page for page in shown)
    assert not any(hidden in page for page in shown for hidden in ("gold", "SETTLED", "row-0"))


def test_all_text_is_escaped(log):
    items = [Item(id="r1", text=NASTY)]
    view = LabellingView(LabellingSession(items, rules(NASTY), log, "ana"))
    assert "<script" not in text(view)
    assert "<b>bold" not in text(view)
    assert "&lt;script&gt;" in view.item.value
    assert "&lt;script&gt;" in view.rules.value


def test_a_problem_is_shown_on_the_card_and_not_called_saved(log):
    here, there = view_of(log, n=3), view_of(log, n=3)
    there.buttons["good"].click()
    here.buttons["not_good"].click()
    assert "Not saved:" in here.status.value
    assert "Item 1" in here.item.value
    assert len(events(log)) == 1


def test_damaged_lines_are_mentioned(log):
    append_jsonl(log, {"oops": 1})
    assert "1 damaged line" in view_of(log).status.value


def test_show_prints_one_plain_line_that_says_how_to_go_on(log, capsys):
    view = view_of(log, n=3)
    view.buttons["good"].click()
    view.show()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Labelling as")]
    assert "ana under guideline 7: 1 of 3 done" in line
    assert "labels.jsonl" in line
    assert str(log.parent) not in line


def test_only_allowed_widgets_and_every_button_has_a_label(log):
    view = view_of(log)
    assert {type(w).__name__ for w in tree(view.widget)} <= ALLOWED
    labels = [w.description for w in tree(view.widget) if isinstance(w, widgets.Button)]
    assert labels == ["good", "not good", "skip", "Undo"]
