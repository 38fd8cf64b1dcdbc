"""The triage card in a real browser: twenty findings decided by mouse and by keyboard, and every click in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_driver import button, focused, opened, run_all, scratch

from labkit.files import read_strictly, write_jsonl
from labkit.records import Decision, Example, Finding, Message

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
NAME = "scratch"
CELL = """
from labkit.curation.triage import TriageSession
from labkit.curation.triage_view import TriageView
from labkit.files import read_strictly
from labkit.records import Example, Finding
findings, rows = read_strictly("findings.jsonl", Finding), read_strictly("rows.jsonl", Example)
TriageView(TriageSession(findings, rows, "log.jsonl", "ana")).show()
"""


def materials(folder: Path) -> None:
    """Twenty findings on twenty rows, four of them certain duplicates, and a notebook that shows the card."""
    rows = [
        Example(
            id=f"row-{i:02d}",
            prompt=[Message(role="user", content=f"[Rule: 45 days]\nUntil when may kettle {i} come back?")],
            response=f"Within {30 + i} days. <b onclick='alert(1)'>Thanks</b>",
        )
        for i in range(20)
    ]
    findings = [
        Finding(
            id=f"finding-{i:02d}",
            row_id=f"row-{i:02d}",
            check="exact_duplicate" if i > 15 else "outdated_policy",
            severity="minor" if i > 15 else "major",
            tier="certain" if i > 15 else "likely",
            message=f"Finding {i:02d}: the answer says {30 + i} days, the rule says 45 days.",
            evidence=f"{30 + i} days",
            other_row="row-00" if i > 15 else None,
            suggestion="Say 45 days.",
            repair={"response": "Within 45 days."} if i == 2 else {},
        )
        for i in range(20)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    write_jsonl(folder / "findings.jsonl", findings)
    scratch(folder, NAME, CELL)


def decided(page: Any, done: int) -> None:
    page.get_by_text(f"{done} of 20 decided").wait_for()


def test_findings_are_decided_by_mouse_and_by_keyboard(lab: Any, page: Any, tmp_path: Path) -> None:
    materials(lab.folder)
    log = lab.folder / "log.jsonl"
    opened(page, lab, NAME)
    run_all(page, lab, NAME)
    page.get_by_text("Finding 00:").wait_for()
    assert page.locator("mark").inner_text() == "30 days"
    page.screenshot(path=tmp_path / "triage.png")

    check = page.get_by_label("Check:")
    assert check.locator("option:checked").inner_text().replace("\xa0", " ") == "all checks"
    check.select_option("exact_duplicate")
    page.get_by_text("Finding 16:").wait_for()
    check.select_option(index=0)
    page.get_by_text("Finding 00:").wait_for()

    # By mouse: accept, reject, take back, accept, write by hand.
    for name, done in [("Accept", 1), ("Reject", 2), ("Undo", 1), ("Accept", 2)]:
        button(page, name).click()
        decided(page, done)
    page.get_by_text("Accepting writes the proposed text.").wait_for()
    box = page.get_by_label("Text by hand:")
    assert box.input_value() == "Within 45 days."
    box.fill("Within 45 days of delivery.")
    button(page, "Fix by hand").click()
    decided(page, 3)

    # By keyboard alone: from the text area, Tab leads to each button in turn; Space and Enter press it.
    page.get_by_text("Finding 03:").wait_for()
    box.focus()
    seen = []
    for key in ("Space", "Enter", "Space", "Enter"):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if seen[-1] in ("Accept", "Reject"):
            page.keyboard.press(key)
            decided(page, 3 + len(seen))
    assert seen == ["Accept", "Reject", "Fix by hand", "Previous"]
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    assert focused(page) == "TEXTAREA"
    page.keyboard.press("Tab")
    for done in range(6, 17):
        page.keyboard.press("Enter" if done % 2 else "Space")
        decided(page, done)

    # The last four are certain: by keyboard to the button that takes them at once.
    while not focused(page).startswith("Accept all"):
        page.keyboard.press("Tab")
    assert focused(page) == "Accept all 4 certain: exact_duplicate"
    page.screenshot(path=tmp_path / "triage_certain.png")
    page.keyboard.press("Enter")
    page.get_by_text("All decided.").wait_for()
    page.screenshot(path=tmp_path / "triage_done.png")

    saved = read_strictly(log, Decision)
    assert [d.action for d in saved[:7]] == ["accept", "reject", "undo", "accept", "fix", "accept", "reject"]
    assert saved[4].fix == {"response": "Within 45 days of delivery."}
    assert {d.finding for d in saved} == {f"finding-{i:02d}" for i in range(20)} and len(saved) == 22
    assert page.evaluate("document.querySelectorAll('.jp-OutputArea [onclick]').length") == 0
