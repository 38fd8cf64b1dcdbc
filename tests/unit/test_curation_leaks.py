"""Rows that repeat a held-out question."""

from __future__ import annotations

import pytest

from labkit.checks import Context, checks_of, run_checks
from labkit.curation import leaks
from labkit.records import Example, Message

HELD_OUT = {
    "S05-01": "The thermostat of our oil radiator gave up after one winter. Are we covered?",
    "S01-05": "The parasol was delivered exactly 45 days ago. Am I already too late to hand it back?",
    "K07-02": "How many letters fit on one line of engraving?",
    "S00-00": "Why?",
}


def found(question: str, context: str = "", held_out: dict[str, str] = HELD_OUT) -> list:
    row = Example(id="r-1", prompt=[Message(role="user", content=context + question)], response="Yes.")
    return list(leaks.held_out_leak([row], Context(held_out=held_out)))


@pytest.mark.parametrize(
    ("question", "case", "tier"),
    [
        (HELD_OUT["S05-01"], "S05-01", "certain"),
        ("the thermostat of our OIL radiator gave up after one winter, are we covered", "S05-01", "certain"),
        ("How many letters fit on one line of engraving, please? It is for a gift.", "K07-02", "certain"),
        ("The thermostat of our oil radiator gave up after just one winter. Are we covered?", "S05-01", "certain"),
        ("The thermostat of our radiator failed after one winter. Are we still covered?", "S05-01", "review"),
        ("why", "S00-00", "certain"),
    ],
)
def test_leaks_name_their_case(question, case, tier):
    (hit,) = found(question)
    assert (hit.other, hit.tier, hit.where) == (case, tier, "prompt")
    assert case in hit.message
    assert [h.other for h in found(question, "[Rule: every product has a warranty of 3 years]\n")] == [case]


@pytest.mark.parametrize(
    "question",
    [
        "The parasol was delivered exactly 12 days ago. Am I already too late to hand it back?",
        "Which lamp suits an oil radiator?",
        "Why is my parcel late?",
        "How many letters did you send?",
        "",
    ],
)
def test_other_questions_are_no_leak(question):
    assert found(question) == []


def test_no_suite_no_leak():
    assert found(HELD_OUT["S05-01"], held_out={}) == []


def test_each_row_is_reported_once_and_alike_every_time():
    rows = [
        Example(id=f"r-{i}", prompt=[Message(role="user", content=text)], response="Yes.")
        for i, text in enumerate([*HELD_OUT.values(), "Is it free?"])
    ]
    check = checks_of("curation", only=["held_out_leak"])
    findings = run_checks(rows, Context(held_out=HELD_OUT), check)
    assert [f.row_id for f in findings] == ["r-0", "r-1", "r-2", "r-3"]
    assert findings == run_checks(rows, Context(held_out=HELD_OUT), check)
    assert {f.severity for f in findings} == {"critical"}
