"""A full ranking session of twelve items in a real browser: once by mouse alone, once by keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_driver import button, focused, opened, run_all, scratch

from labkit.files import read_strictly, write_jsonl
from labkit.preference.events import GoldPair
from labkit.preference.ranking import RankingSession, with_repeats
from labkit.records import Answer, Message, Pair, Ranking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
NAME, TOTAL = "scratch", 12
CELL = """
from labkit.files import read_strictly
from labkit.preference.events import GoldPair
from labkit.preference.ranking import RankingSession, with_repeats
from labkit.preference.view import RankingView
from labkit.records import Pair
pairs, gold = read_strictly("pairs.jsonl", Pair), read_strictly("gold.jsonl", GoldPair)
RankingView(RankingSession(with_repeats(pairs), "log.jsonl", "ana", gold=gold)).show()
"""


def made(name: str, answers: int, **more: Any) -> dict[str, Any]:
    texts = [f"Within 45 days of delivery, says writer {i}. <b onclick='alert(1)'>Bye</b>" for i in range(answers)]
    asked = [Message(role="user", content=f"[Rule: 45 days]\nUntil when may the kettle of {name} come back?")]
    return {"id": name, "prompt": asked, "answers": [Answer(text=text, source="hidden") for text in texts], **more}


def materials(folder: Path) -> RankingSession:
    """Eight pairs and two sets of three, one repeat, one gold item; the same session for the test to look into."""
    sizes = [2, 2, 3, 2, 2, 2, 3, 2, 2, 2]
    pairs = [Pair(**made(f"item-{i:02d}", size)) for i, size in enumerate(sizes)]
    gold = [GoldPair(**made("gold-1", 2, right=0))]
    write_jsonl(folder / "pairs.jsonl", pairs)
    write_jsonl(folder / "gold.jsonl", gold)
    scratch(folder, NAME, CELL)
    session = RankingSession(with_repeats(pairs), folder / "none.jsonl", "ana", gold=gold)
    assert len(session.items) == TOTAL
    return session


def judged(page: Any, done: int) -> None:
    page.get_by_text(f"{done} of {TOTAL} judged").wait_for()


def dealt(page: Any, item: Any) -> None:
    """Wait until the controls of this item are there and those of the other kind are gone: each is a message of its own."""
    two = len(item.shown) == 2
    for name, wanted in (("A is better", two), ("Save the ranking", not two)):
        button(page, name).wait_for(state="visible" if wanted else "hidden")


def saved(lab: Any) -> list[Ranking]:
    return read_strictly(lab.folder / "log.jsonl", Ranking)


def same_items(session: RankingSession, events: list[Ranking]) -> None:
    """Every item was judged once, as it was dealt; repeats and gold items among them."""
    last = {event.pair: event for event in events if event.outcome != "undo"}
    shown = {name: tuple(event.shown or (event.left, event.right)) for name, event in last.items()}
    assert shown == {item.pair.id: item.shown for item in session.items}
    assert any(name.endswith("+again") for name in shown) and "gold-1" in shown


def test_twelve_items_by_mouse_alone(lab: Any, page: Any, tmp_path: Path) -> None:
    session = materials(lab.folder)
    opened(page, lab, NAME)
    run_all(page, lab, NAME)
    judged(page, 0)
    page.screenshot(path=tmp_path / "pair.png")
    for done, item in enumerate(session.items):
        dealt(page, item)
        if len(item.shown) == 2:
            if done < 2:
                page.get_by_label("next step", exact=True).check()
            button(page, "A is better" if done % 2 else "Both good").click()
        else:
            assert button(page, "A is better").count() == 0  # hidden, and out of the Tab order
            for name in ("B 1st", "A 2nd"):
                button(page, name).click()
            button(page, "Save the ranking").click()
            page.get_by_text("C has no rank yet").wait_for()
            button(page, "C 2nd").click()
            page.get_by_text("Best first: B > A = C").wait_for()
            page.screenshot(path=tmp_path / "rank.png")
            button(page, "Save the ranking").click()
        judged(page, done + 1)
    page.get_by_text("All judged.").wait_for()
    button(page, "Undo").click()
    judged(page, TOTAL - 1)
    button(page, "Skip").click()
    page.get_by_text("All judged.").wait_for()
    page.screenshot(path=tmp_path / "done.png")
    events = saved(lab)
    assert len(events) == TOTAL + 2 and [e.outcome for e in events[-2:]] == ["undo", "skip"]
    assert {tuple(e.ranks) for e in events if e.ranks} == {(2, 1, 2)}
    assert [e.tags for e in events[:3]] == [["next_step"], ["next_step"], []]
    same_items(session, events)
    assert page.evaluate("document.querySelectorAll('.jp-OutputArea [onclick]').length") == 0


# The order of the controls; hidden ones are passed over.
ORDER = [
    *(f"{letter} {place}" for letter in "ABC" for place in ("1st", "2nd", "3rd")), "Save the ranking", "A is better",
    "B is better", "Both good", "Both bad", "Skip", "Undo",
]  # fmt: skip


class Keys:
    """Somebody who never touches the mouse."""

    def __init__(self, page: Any, start: str):
        self.page, self.last = page, start

    def press(self, name: str, key: str) -> None:
        """Tab to the control with these words, forwards or backwards, and press it."""
        here = focused(self.page)
        here = here if here in ORDER else self.last  # the control pressed last may be hidden by now
        way = "Tab" if ORDER.index(name) > ORDER.index(here) else "Shift+Tab"
        for _ in range(20):
            if focused(self.page) == name:
                self.page.keyboard.press(key)
                self.last = name
                return
            self.page.keyboard.press(way)
        raise AssertionError(f"{way} never led from {here!r} to {name!r}; it led to {focused(self.page)!r}")


def test_twelve_items_by_keyboard_alone(lab: Any, page: Any, tmp_path: Path) -> None:
    session = materials(lab.folder)
    opened(page, lab, NAME)
    run_all(page, lab, NAME)
    judged(page, 0)
    button(page, "A is better").focus()  # where Tab arrives from the cell above
    keys = Keys(page, "A is better")
    for done, item in enumerate(session.items):
        page.get_by_text(item.question.splitlines()[-1]).wait_for()
        dealt(page, item)
        if len(item.shown) == 2:
            keys.press(("A is better", "Both bad", "B is better")[done % 3], ("Space", "Enter")[done % 2])
        else:
            for place in ("A 3rd", "B 1st", "C 1st"):
                keys.press(place, "Space")
            page.get_by_text("Best first: B = C > A").wait_for()
            page.screenshot(path=tmp_path / "keyboard_rank.png")
            keys.press("Save the ranking", "Enter")
        judged(page, done + 1)
    page.get_by_text("All judged.").wait_for()
    keys.press("Undo", "Space")
    judged(page, TOTAL - 1)
    events = saved(lab)
    assert len(events) == TOTAL + 1 and events[-1].outcome == "undo"
    assert {tuple(e.ranks) for e in events if e.ranks} == {(2, 1, 1)}
    same_items(session, events)
    page.screenshot(path=tmp_path / "keyboard_done.png")
    assert [cell.source.strip() for cell in lab.code(NAME)] == [CELL.strip()], "no key went into the notebook"
