"""The triage card, driven by Button.click(): no browser."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from labkit.curation.triage import TriageSession
from labkit.curation.triage_view import TriageView
from labkit.files import append_jsonl, read_jsonl
from labkit.records import Decision, Example, Finding, Message

# What ipywidgets 7.7.1 and 8.1.9 share, and what we allow ourselves of it.
ALLOWED = {"VBox", "HBox", "HTML", "Button", "Dropdown", "Textarea", "IntProgress"}
NASTY = "<script>alert('x')</script>\n&amp; <b>bold\x1b[31m"


def row(name, response="The kettle is back in 9 days.", asked="[Rule: 6 days]\nWhen is it back?"):
    return Example(id=name, prompt=[Message(role="user", content=asked)], response=response, slices={"channel": "chat"})


def finding(name, row_id="r0", check="policy", severity="major", **more):
    return Finding(id=name, row_id=row_id, check=check, severity=severity, message=f"Reason {name}.", **more)


ROWS = [row("r0"), row("r1", "It takes <i>9 days</i>."), row("r2")]
FINDINGS = [
    finding("wrong", evidence="9 days", span=(22, 28), suggestion="Say 6 days"),
    finding("noise", "r1", "noise", "minor", evidence="<i>", repair={"response": "It takes 9 days."}),
    finding("twin", "r2", "twin", "minor", tier="certain", other_row="r0", evidence="back", where="prompt"),
    finding("line", "line-7", "schema", "critical", tier="certain", where="line", evidence="{'a'"),
]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "decisions.jsonl"


def card(log, findings=FINDINGS, rows=ROWS, who="ana"):
    return TriageView(TriageSession(findings, rows, log, who))


def actions(log):
    return [(e.finding, e.action) for e in read_jsonl(log, Decision)[0]]


def tree(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)


def text(view):
    return " ".join(w.value for w in tree(view.widget) if isinstance(w, widgets.HTML))


@pytest.mark.parametrize("name", ["accept", "reject"])
def test_one_click_saves_says_so_and_shows_the_next_finding(log, name):
    view = card(log)
    assert "Reason line." in text(view) and "no row is changed" in text(view)
    view.buttons[name].click()
    assert actions(log) == [("line", name)]
    assert f"Saved: line {name}ed." in view.status.value
    assert "Reason wrong." in text(view) and "Reason line." not in text(view)
    assert "1 of 4 decided" in view.progress.value and view.bar.value == 1


def test_the_evidence_is_marked_where_it_stands_and_words_say_what_accepting_does(log):
    view = card(log, FINDINGS[:1])
    assert "The kettle is back in <mark>9 days</mark>." in view.row.value
    assert view.other.value == ""
    for words in (
        "Say 6 days",
        "major, likely",
        "check policy",
        "row r0",
        "Accepting drops row r0",
        "Evidence</i> (answer)",
    ):
        assert words in view.reason.value
    view = card(log, FINDINGS[1:2])
    assert "Accepting writes the proposed text" in text(view) and "It takes 9 days." in view.reason.value
    assert "It takes <mark>&lt;i&gt;</mark>9 days" in view.row.value


def test_the_counterpart_is_shown_beside_its_row(log):
    view = card(log, FINDINGS[2:3])
    assert "Row r2" in view.row.value and "When is it <mark>back</mark>?" in view.row.value
    assert "Compare with row r0" in view.other.value and "<mark>" not in view.other.value


def test_labels_are_shown_when_the_finding_is_about_them(log):
    view = card(log, [finding("slice", where="slices", evidence="chat")])
    assert "channel: <mark>chat</mark>" in view.row.value


def test_a_text_by_hand_is_saved_and_a_refused_one_is_not_lost(log):
    view = card(log, FINDINGS[:2])
    assert view.text.value == "The kettle is back in 9 days."
    view.buttons["fix"].click()
    assert "Not saved:" in view.status.value and "same as before" in view.status.value and not log.exists()
    view.text.value = "   "
    view.buttons["fix"].click()
    assert "Not saved:" in view.status.value and view.text.value == "   "
    view.text.value = "It is back in 6 days."
    view.buttons["fix"].click()
    (saved,) = read_jsonl(log, Decision)[0]
    assert (saved.action, saved.fix) == ("fix", {"response": "It is back in 6 days."})
    assert view.text.value == "It takes 9 days."  # of the next finding: what it proposes


def test_undo_brings_the_finding_back_even_from_behind_a_filter(log):
    view = card(log)
    assert view.buttons["undo"].disabled
    view.buttons["accept"].click()
    view.filters["check"].value = "noise"
    view.buttons["undo"].click()
    assert "1 decision(s) taken back" in view.status.value and "Reason line." in text(view)
    assert view.filters["check"].label == "all checks" and view.session.chosen["check"] is None
    assert actions(log) == [("line", "accept"), ("line", "undo")]


def test_filters_next_and_previous_go_through_what_is_shown(log):
    view = card(log)
    view.filters["severity"].value = "minor"
    assert "Reason noise." in text(view) and "1 of 2 shown" in text(view)
    view.buttons["next"].click()
    assert "Reason twin." in text(view)
    view.buttons["previous"].click()
    assert "Reason noise." in text(view)
    view.filters["show"].value = "decided"
    assert "Nothing is left under this filter" in text(view)
    assert all(view.buttons[name].disabled for name in ("accept", "reject", "fix", "next", "previous"))
    assert not log.exists()


def test_certain_findings_go_at_once_and_the_button_says_how_many_of_what(log):
    twins = [finding(f"t{i}", f"r{i}", "twin", tier="certain" if i else "likely") for i in range(3)]
    view = card(log, [*twins, FINDINGS[0]])
    view.filters["check"].value = "policy"
    assert view.buttons["bulk"].disabled
    view.filters["check"].value = "twin"
    assert view.buttons["bulk"].description == "Accept all 2 certain: twin"
    view.buttons["bulk"].click()
    assert actions(log) == [("t1", "accept"), ("t2", "accept")] and "2 certain findings of twin" in view.status.value
    assert "Reason t0." in text(view) and view.buttons["bulk"].disabled


def test_after_the_last_finding_only_undo_is_left(log):
    view = card(log, FINDINGS[:1])
    view.buttons["reject"].click()
    assert "All decided" in text(view)
    assert [name for name, button in view.buttons.items() if not button.disabled] == ["undo"]
    view.buttons["accept"].click()  # a click that was already on its way
    assert "Not saved:" in view.status.value and len(actions(log)) == 1


def test_all_text_is_escaped(log):
    rows = [row("r0", NASTY, NASTY), row("r1", NASTY, NASTY)]
    nasty = Finding(
        id="f", row_id="r0", check=NASTY, severity="major", message=NASTY, evidence=NASTY, suggestion=NASTY,
        other_row="r1", repair={"response": NASTY},
    )  # fmt: skip
    view = card(log, [nasty], rows)
    for part in (view.reason, view.row, view.other):
        assert "&lt;script&gt;" in part.value and "<script" not in part.value and "<b>bold" not in part.value
        assert "\x1b" not in part.value
    view.buttons["accept"].click()
    assert "<script" not in text(view)


def test_a_long_answer_is_cut_around_its_evidence(log):
    view = card(log, [finding("f", evidence="HERE")], [row("r0", "x" * 500_000 + "HERE" + "y" * 500_000)])
    assert "<mark>HERE</mark>" in view.row.value and len(view.row.value) < 3000


def test_two_people_on_one_log_are_told(log):
    here, there = card(log), card(log, who="bo")
    there.buttons["accept"].click()
    here.buttons["reject"].click()
    assert "Not saved:" in here.status.value and "Reason wrong." in text(here) and len(actions(log)) == 1


def test_damaged_lines_are_mentioned(log):
    append_jsonl(log, {"oops": 1})
    assert "1 damaged line" in card(log).status.value


def test_show_prints_one_plain_line_that_says_how_to_go_on(log, capsys):
    card(log).show()
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Triage as")]
    assert "ana: 0 of 4 decided" in said and "decisions.jsonl" in said and str(log.parent) not in said


def test_only_allowed_widgets_and_every_control_has_a_label_of_its_own(log):
    view = card(log)
    assert {type(w).__name__ for w in tree(view.widget)} <= ALLOWED
    labels = [
        w.description for w in tree(view.widget) if isinstance(w, widgets.Button | widgets.Dropdown | widgets.Textarea)
    ]
    assert all(labels) and len(set(labels)) == len(labels) == 11
    assert 'role="status"' in view.status.value
