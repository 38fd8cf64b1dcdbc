"""The ranking card, driven by Button.click(): no browser."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from labkit.files import append_jsonl, read_jsonl
from labkit.preference.ranking import RankingSession
from labkit.preference.view import CHOICES, TAGS, RankingView
from labkit.records import Answer, Message, Pair, Ranking

# What ipywidgets 7.7.1 and 8.1.9 share, and what we allow ourselves of it.
ALLOWED = {
    "VBox", "HBox", "HTML", "Button", "ToggleButtons", "Dropdown", "SelectMultiple", "Textarea", "Checkbox",
    "IntProgress", "Output", "Label",
}  # fmt: skip
NASTY = "<script>alert('x')</script>\n&amp; <b>bold"


def make_pairs(n, text="Answer"):
    return [
        Pair(
            id=f"pair-{i:03d}",
            requirement="REQ-S05",
            prompt=[Message(role="system", content="SECRET"), Message(role="user", content=f"{text} wanted {i}")],
            answers=[Answer(text=f"{text} {i}.{j}", source=f"SOURCE{j}") for j in range(2)],
        )
        for i in range(n)
    ]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "rankings.jsonl"


def events(log):
    return read_jsonl(log, Ranking)[0]


def tree(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)


def text(view):
    return " ".join(w.value for w in tree(view.widget) if isinstance(w, widgets.HTML))


@pytest.mark.parametrize("outcome", list(CHOICES))
def test_one_click_saves_says_so_and_shows_the_next_pair(log, outcome):
    view = RankingView(RankingSession(make_pairs(2), log, "ana"))
    assert "Answer 0.0" in text(view)
    view.buttons[outcome].click()
    assert [event.outcome for event in events(log)] == [outcome]
    assert f"Saved: {CHOICES[outcome]}" in view.status.value
    assert "Answer 1.0" in text(view)
    assert "Answer 0.0" not in text(view)
    assert "1 of 2" in view.progress.value
    assert view.bar.value == 1


def test_a_is_the_left_answer_and_b_the_right_one(log):
    session = RankingSession(make_pairs(4), log, "ana")
    view = RankingView(session)
    for item in session.items:
        assert item.texts["A"] in view.answers[0].value
        assert item.texts["B"] in view.answers[1].value
        view.buttons["a"].click()
    assert [event.left for event in events(log)] == [item.left for item in session.items]


def test_tags_and_note_are_saved_and_cleared(log):
    view = RankingView(RankingSession(make_pairs(2), log, "ana"))
    view.tags["rude"].value = view.tags["apology"].value = True
    view.note.value = "  short  "
    view.buttons["b"].click()
    assert (events(log)[0].tags, events(log)[0].note) == (["apology", "rude"], "short")
    assert not any(box.value for box in view.tags.values())
    assert view.note.value == ""
    assert list(view.tags) == list(TAGS)


def test_undo_brings_the_pair_back(log):
    view = RankingView(RankingSession(make_pairs(2), log, "ana"))
    assert view.buttons["undo"].disabled
    view.buttons["a"].click()
    assert not view.buttons["undo"].disabled
    view.buttons["undo"].click()
    assert "taken back" in view.status.value
    assert "Answer 0.0" in text(view)
    assert "0 of 2" in view.progress.value
    view.buttons["undo"].click()
    assert "nothing to take back" in view.status.value
    assert [event.outcome for event in events(log)] == ["a", "undo"]


def test_after_the_last_pair_only_undo_is_left(log):
    view = RankingView(RankingSession(make_pairs(1), log, "ana"))
    view.buttons["skip"].click()
    assert "All judged" in view.prompt.value
    assert [name for name, button in view.buttons.items() if not button.disabled] == ["undo"]
    view.buttons["a"].click()  # a click that was already on its way
    assert "Not saved:" in view.status.value
    assert len(events(log)) == 1


def test_the_card_is_blind(log):
    view = RankingView(RankingSession(make_pairs(2), log, "ana"))
    shown = text(view) + " ".join(button.description for button in view.buttons.values())
    view.buttons["a"].click()
    for hidden in ("SOURCE", "SECRET", "REQ-S05", "pair-000"):
        assert hidden not in shown + text(view)


def test_all_text_is_escaped(log):
    view = RankingView(RankingSession(make_pairs(1, text=NASTY), log, "ana"))
    assert "<script" not in text(view)
    assert "<b>bold" not in text(view)
    for part in (view.prompt, *view.answers):
        assert "&lt;script&gt;" in part.value
        assert "&amp;amp; &lt;b&gt;bold" in part.value


def test_a_problem_is_shown_on_the_card_and_not_called_saved(log):
    pairs = make_pairs(3)
    here, there = RankingView(RankingSession(pairs, log, "ana")), RankingSession(pairs, log, "ana")
    there.choose("a")
    here.buttons["b"].click()
    assert "Not saved:" in here.status.value
    assert "Answer 1.0" in text(here)
    assert len(events(log)) == 1


def test_damaged_lines_are_mentioned(log):
    append_jsonl(log, {"oops": 1})
    assert "1 damaged line" in RankingView(RankingSession(make_pairs(1), log, "ana")).status.value


def test_a_new_view_goes_on_where_the_old_one_stopped(log):
    pairs = make_pairs(3)
    RankingView(RankingSession(pairs, log, "ana")).buttons["a"].click()
    view = RankingView(RankingSession(pairs, log, "ana"))
    assert "1 of 3" in view.progress.value
    assert view.bar.value == 1
    assert "Answer 1.0" in text(view)


def test_show_prints_one_plain_line_that_says_how_to_go_on(log, capsys):
    view = RankingView(RankingSession(make_pairs(3), log, "ana"))
    view.buttons["a"].click()
    view.show()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Ranking as")]
    assert len(lines) == 1
    assert "ana: 1 of 3 done" in lines[0]
    assert "rankings.jsonl" in lines[0]
    assert "again" in lines[0]
    assert str(log.parent) not in lines[0]


def test_only_allowed_widgets_and_every_button_has_a_label(log):
    view = RankingView(RankingSession(make_pairs(1), log, "ana"))
    assert {type(w).__name__ for w in tree(view.widget)} <= ALLOWED
    labels = [w.description for w in tree(view.widget) if isinstance(w, (widgets.Button, widgets.Checkbox))]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    assert set(view.buttons.values()) <= set(tree(view.widget))


def make_threes(n):
    return [
        pair.model_copy(update={"answers": [*pair.answers, Answer(text=f"Third {i}", source="SOURCE2")]})
        for i, pair in enumerate(make_pairs(n))
    ]


def shown(view):
    """Names of the buttons a user sees."""
    return [name for name, button in view.buttons.items() if button.layout.display != "none"]


def test_three_answers_get_a_rank_each(log):
    session = RankingSession([*make_threes(1), *make_pairs(2)[1:]], log, "ana")
    view = RankingView(session)
    texts = list(session.current.texts.values())
    assert all(text in place.value for text, place in zip(texts, view.answers, strict=True))
    assert set(shown(view)) == {"skip", "rank", "undo"}
    assert [label for label, _ in view.ranks[1].options] == ["B 1st", "B 2nd", "B 3rd"]
    view.ranks[0].value, view.ranks[1].value = 2, 1
    assert "Best first: B &gt; A" in view.order.value
    view.buttons["rank"].click()
    assert "Not saved:" in view.status.value and "C has no rank yet" in view.status.value and not log.exists()
    view.ranks[2].value = 2
    view.buttons["rank"].click()
    assert "Saved: B &gt; A = C" in view.status.value
    assert [event.ranks for event in events(log)] == [[2, 1, 2]]
    assert [control.value for control in view.ranks] == [None] * 3
    assert "rank" not in shown(view) and {"a", "b"} <= set(shown(view))  # the next item is a pair
    assert view.ranking.layout.display == view.answers[2].layout.display == "none"
    view.buttons["undo"].click()
    assert "rank" in shown(view) and "Third 0" in text(view)


def test_a_card_of_ranks_is_blind_and_holds_allowed_widgets_with_words_only(log):
    view = RankingView(RankingSession(make_threes(1), log, "ana"))
    assert {type(w).__name__ for w in tree(view.widget)} <= ALLOWED
    assert "SOURCE" not in text(view) and "SECRET" not in text(view)
    words = [label for control in view.ranks for label, _ in control.options]
    assert len(set(words)) == len(words) == 9  # each button says which answer it ranks


def test_the_focus_goes_from_ranks_to_their_button(log):
    view = RankingView(RankingSession(make_threes(1), log, "ana"))
    order = list(tree(view.widget))
    places = [order.index(w) for w in (view.answers[0], view.note, view.ranks[0], view.ranks[2], view.buttons["rank"])]
    assert places == sorted(places)


def test_control_characters_are_shown_and_not_obeyed(log):
    view = RankingView(RankingSession(make_pairs(1, text="a\x1b[31mred\u202egnp"), log, "ana"))
    assert "\x1b" not in text(view) and "\u202e" not in text(view)
    assert "[U+202E]" in text(view)


def test_what_changes_is_announced(log):
    view = RankingView(RankingSession(make_pairs(1), log, "ana"))
    view.buttons["a"].click()
    assert 'role="status"' in view.status.value
