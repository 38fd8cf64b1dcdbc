"""JupyterLab in a real browser: a notebook runs, a ranking is clicked, a kernel dies, and no click is lost.

Notebook 07 is run as a learner runs it; of notebook 00 only the first cells, so nothing is trained here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jupyter_driver
import nbformat
import pytest
from jupyter_driver import NOTEBOOKS, Lab, button, opened, run_all

from labkit import samples
from labkit.files import read_strictly
from labkit.preference.events import GoldPair
from labkit.preference.ranking import RankingSession, with_repeats
from labkit.records import Pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

START, RANKING = NOTEBOOKS
browser = jupyter_driver.browser  # the test of the report takes it from here
ITEMS = 144  # of notebook 07's card: 120 pairs, 12 repeats, 12 gold items


def the_session(lab: Lab) -> RankingSession:
    """What notebook 07 shows, on a log of its own."""
    pairs = with_repeats(read_strictly(samples.path("support/pairs.jsonl"), Pair))
    gold = read_strictly(samples.path("ranking/gold.jsonl"), GoldPair)
    return RankingSession(pairs, lab.home / "x", "me", gold=gold)


def press(page: Any, name: str, done: int) -> None:
    """Click a button of the ranking card with the mouse, and wait until the card says how many are judged."""
    button(page, name).first.click()  # the second card is that of the adjudication
    page.get_by_text(f"{done} of {ITEMS} judged").wait_for()


def test_a_ranking_survives_a_killed_kernel(lab: Lab, page: Any, tmp_path: Path) -> None:
    kernel = opened(page, lab, RANKING)
    run_all(page, lab, RANKING)
    page.get_by_text(f"0 of {ITEMS} judged").wait_for()
    press(page, "A is better", 1)
    press(page, "Undo", 0)
    page.get_by_label("next step", exact=True).first.check()
    press(page, "B is better", 1)
    press(page, "Both good", 2)
    page.screenshot(path=tmp_path / "ranking.png")
    clicked = lab.log()
    assert [event.outcome for event in clicked] == ["a", "undo", "b", "both_good"]
    assert clicked[2].tags == ["next_step"] and clicked[0].pair == clicked[2].pair
    session = the_session(lab)
    assert clicked[2].pair == session.items[0].pair.id

    lab.ask(f"/kernels/{kernel}/restart", "POST")
    assert lab.log() == clicked
    run_all(page, lab, RANKING)
    page.get_by_text(f"2 of {ITEMS} judged").wait_for()
    assert lab.log() == clicked
    press(page, "Skip", 3)
    page.screenshot(path=tmp_path / "ranking_after_restart.png")
    assert [event.outcome for event in lab.log()] == ["a", "undo", "b", "both_good", "skip"]
    assert lab.log()[:4] == clicked
    sides = {item.pair.id: (item.left, item.right) for item in session.items}
    assert all(sides[event.pair] == (event.left, event.right) for event in lab.log())
    said = json.dumps([cell.outputs for cell in lab.code(RANKING)])
    assert "you have ranked nothing yet" not in said and "your own 2 judgements" in said


def test_the_first_notebook_opens_and_the_doctor_reports(lab: Lab, page: Any, tmp_path: Path) -> None:
    opened(page, lab, START)
    cells = nbformat.read(lab.folder / f"{START}.ipynb", as_version=4).cells
    doctor = next(i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip() == "doctor()")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    for _ in range(doctor + 1):
        page.keyboard.press("Shift+Enter")
    page.locator(".jp-OutputArea-output", has_text="In short:").wait_for()
    page.screenshot(path=tmp_path / "start.png")
    assert "[ok]" in page.locator(".jp-OutputArea-output", has_text="In short:").inner_text()
    assert page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
