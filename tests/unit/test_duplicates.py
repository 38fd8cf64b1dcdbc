"""Duplicate rows are found with their counterpart and a figure; look-alikes under the same rule are left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import samples
from labkit.checks import Context, checks_of, run_checks
from labkit.curation import duplicates
from labkit.files import read_strictly
from labkit.records import Example, Finding, Message

RULE = "[Rule: refunds arrive within 6 working days]"


def row(number: int, asked: str, response: str = "It takes 6 working days.", system: str = "Tallgrove support") -> Example:
    prompt = [Message(role="system", content=system), Message(role="user", content=asked)]
    return Example(id=f"row-{number}", prompt=prompt, response=response)


def found(check: str, rows: list[Example]) -> list[Finding]:
    return run_checks(rows, Context(), checks_of(only=[check]))


def pairs(check: str, rows: list[Example]) -> list[tuple[str, str | None]]:
    return [(f.row_id, f.other_row) for f in found(check, rows)]


# --- exact ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        ((f"{RULE}\nWhere is it?",), (f"{RULE}\nWhere is it?",), "letter for letter"),
        ((f"{RULE}\nWhere is it?", "Soon."), (f"{RULE}\nwhere is  it", "soon"), "but for case and punctuation"),
        ((f"{RULE}\nWhere is it?",), ("Where is it?",), None),
        (("[Order A: sent]\nWhere is it?",), ("[Order B: sent]\nWhere is it?",), None),
        (("Can it fold?", "No."), ("Can it swim?", "No."), None),
        (("Can it fold?", "No."), ("Can it fold?", "Yes."), None),
        (("Does it run at -5 degrees?",), ("Does it run at 5 degrees?",), None),
        (("Is 5% off?",), ("Is 5 off?",), None),
        (("Where is it?", "Soon.", "Answer in JSON"), ("Where is it?", "Soon.", "Answer in prose"), None),
    ],
)
def test_exact_duplicates_are_whole_rows(one, two, message):
    findings = found("exact_duplicate", [row(1, *one), row(2, *two)])
    assert [(f.row_id, f.other_row, f.tier) for f in findings] == ([("row-2", "row-1", "certain")] if message else [])
    assert all(message in f.message and "row-1" in f.message for f in findings)


def test_the_first_of_several_copies_is_the_counterpart():
    rows = [row(i, f"{RULE}\nWhere is it?") for i in range(4)]
    assert pairs("exact_duplicate", rows) == [("row-1", "row-0"), ("row-2", "row-0"), ("row-3", "row-0")]
    assert not pairs("near_duplicate", rows)  # one finding a row is enough


# --- near -------------------------------------------------------------------------------------------------------------

ASKED = "How soon is the money for the returned garden bench back on my card?"


@pytest.mark.parametrize(
    ("two", "answer", "tier"),
    [
        ("How soon is the money for the returned garden bench on my card?", "It takes 6 working days.", "certain"),
        ("How soon is the money for the returned garden bench on my card?", "It takes six working days, dear.", "likely"),
        ("How soon is the money for the returned garden bench on my card?", "We pay at the end of the week, as usual.", "review"),
        ("Money for the returned garden bench: how soon back on my card?", "It takes 6 working days.", "likely"),
        (f"Good morning, one question. {ASKED} Thank you so much, Kim of the island", "It takes 6 working days.", "likely"),
        ("How soon is the money for the returned garden bench on my card?", "It takes 9 working days.", None),
        ("How soon is the money for the 2 returned garden benches on my card?", "Yes, it takes 6 working days.", "certain"),
        ("How soon will a tumbler be at my house?", "It takes 6 working days.", None),
    ],
)
def test_near_duplicates_ask_and_answer_the_same(two, answer, tier):
    tier = "likely" if "2 returned" in two else tier  # a number the other lacks is never certain
    findings = found("near_duplicate", [row(1, f"{RULE}\n{ASKED}"), row(2, f"{RULE}\n{two}", answer)])
    assert [(f.row_id, f.other_row, f.tier) for f in findings] == ([("row-2", "row-1", tier)] if tier else [])
    for f in findings:
        assert f"{f.score:.0%} that of row-1" in f.message and f.evidence in two and f.span


@pytest.mark.parametrize(
    ("one", "two", "answers"),
    [
        ("[Order A: sent]", "[Order B: sent]", ("Soon.", "Soon.")),
        (RULE, RULE, ("Yes, it is.", "No, it is.")),
        (RULE, RULE, ("It is on its way.", "It is not on its way.")),
        (RULE, RULE, (json.dumps({"team": "oak"}), json.dumps({"team": "ash"}))),
        (RULE, RULE, (json.dumps({"team": "oak"}), "oak")),
    ],
)
def test_another_context_or_answer_is_no_near_duplicate(one, two, answers):
    rows = [row(1, f"{one}\n{ASKED}", answers[0]), row(2, f"{two}\n{ASKED} Please.", answers[1])]
    assert not found("near_duplicate", rows)
    same = [row(1, f"{one}\n{ASKED}", answers[0]), row(2, f"{one}\n{ASKED} Please.", answers[0])]
    assert len(found("near_duplicate", same)) == 1


def test_clean_rows_under_shared_rules_are_left_alone():
    rows = read_strictly(samples.path("support/train.jsonl"), Example)
    assert not pairs("exact_duplicate", rows) and len(pairs("near_duplicate", rows)) <= 0.01 * len(rows)
    assert len(pairs("semantic_duplicate", rows)) <= duplicates.SHARE * len(rows)


texts = st.lists(st.sampled_from(["where", "is", "my", "order", "12", "not", "the", "kettle", "lamp"]), max_size=9).map(" ".join)
rowlists = st.lists(st.tuples(st.sampled_from(["", f"{RULE}\n"]), texts, st.sampled_from(["Yes.", "No.", "Soon"])), max_size=7)


@settings(deadline=None, max_examples=40)
@given(rowlists, rowlists)
def test_a_later_row_takes_no_finding_away(first, later):
    rows = [row(i, head + text, answer) for i, (head, text, answer) in enumerate([*first, *later])]
    for check in ("exact_duplicate", "near_duplicate"):
        before, after = pairs(check, rows[: len(first)]), pairs(check, rows)
        assert before == after[: len(before)]
        order = [r.id for r in rows]
        assert all(order.index(a) > order.index(b) for a, b in after)


@settings(deadline=None, max_examples=40)
@given(rowlists)
def test_what_is_left_holds_no_near_duplicate(drawn):
    rows = [row(i, head + text, answer) for i, (head, text, answer) in enumerate(drawn)]
    gone = {a for check in ("exact_duplicate", "near_duplicate") for a, _ in pairs(check, rows)}
    left = [r for r in rows if r.id not in gone]
    assert not pairs("exact_duplicate", left) and not pairs("near_duplicate", left)


# --- semantic ---------------------------------------------------------------------------------------------------------


def handbook() -> list[Example]:
    """Twelve documents with three questions each, and one question asked again in other words."""
    asked = [
        ("How deep does the {} go?", "Plant the {} {} centimetres deep."),
        ("When do I set it out?", "In the week after the last frost, {} first."),
        ("What may harm it?", "The document does not say."),
    ]
    names = ["tulip", "squill", "crocus", "iris", "lily", "dahlia", "aster", "phlox", "sage", "mint", "thyme", "rue"]
    rows = [
        row(10 * i + k, f"[Document: {name} card {i}]\n{ask.format(name)}", answer.format(name, 3 * i + 7))
        for i, name in enumerate(names)
        for k, (ask, answer) in enumerate(asked)
    ]
    again = "[Document: tulip card 0]\nAt what depth is the tulip put into soil?"
    return [*rows, row(999, again, "Plant it 7 centimetres deep.")]


def test_a_paraphrase_under_the_same_document_ranks_first():
    findings = found("semantic_duplicate", handbook())
    assert [(f.row_id, f.other_row, f.tier) for f in findings] == [("row-999", "row-0", "review")]
    assert "cosine of the answers 0." in findings[0].message and 0 < (findings[0].score or 0) <= 1


def test_answers_that_disagree_are_no_semantic_duplicates():
    rows = handbook()
    rows[-1] = rows[-1].model_copy(update={"response": "Plant the tulip 9 centimetres deep."})
    assert not found("semantic_duplicate", rows)


def test_no_more_are_named_than_somebody_reads():
    asked = ["How deep?", "What depth, please?"]
    rows = [row(i, f"[Document: card {i // 2}]\n{asked[i % 2]}", f"{i // 2 + 20} centimetres") for i in range(80)]
    findings = found("semantic_duplicate", rows)
    assert len(findings) == 2 and [f.score for f in findings] == sorted((f.score for f in findings), reverse=True)
    assert not found("semantic_duplicate", rows[:1]) and not found("semantic_duplicate", [])
