"""Support sentence by sentence, and how sharp and how quiet it is on the samples."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from labkit import samples
from labkit.evaluation.grounding import names, support
from labkit.evaluation.mutants import mutate
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.records import Planted
from labkit.stats import wilson

SOURCE = (
    "[Document: Osprey pole pruner. The Osprey reaches 3.4 metres and cuts branches up to 28 millimetres thick. Sharpen "
    "the blade after 20 hours of work. The saw blade is sold separately.]\nHow far does the Osprey reach?"
)


@pytest.mark.parametrize(
    ("answer", "why", "unsupported"),
    [
        ("The Osprey reaches 3.4 metres.", [""], ""),
        ("It reaches 340 centimetres.", [""], ""),
        ("It reaches 4 metres.", ["slot"], "4 metres"),
        ("The Osprey reaches 3.4 metres. Larkpost brings it on 3 May.", ["", "slot"], "3 May"),
        ("Our partner Larkpost brings it.", ["name"], "Larkpost"),
        ("It comes as Osprey-Z9X.", ["name"], "Osprey-Z9X"),
        (
            "It reaches 3.4 metres. A fitter calls at your house beforehand.",
            ["", "wording"],
            "A fitter calls at your house beforehand.",
        ),
        ("The document does not say that.", [""], ""),
        ("I am sorry. Next step: open My Orders.", ["", "name"], "My Orders"),
        ("Yes.", [""], ""),
        ("", [], ""),
        ("...", [], ""),
    ],
)
def test_each_sentence_is_asked_for_its_support(answer, why, unsupported):
    found = support(answer, SOURCE)
    assert [s.why for s in found] == why
    assert next((s.unsupported for s in found if s.unsupported), "") == unsupported
    assert all(0 <= s.coverage <= 1 for s in found)


@pytest.mark.parametrize(
    ("answer", "source", "fine"),
    [
        ("You are 1 euro short.", "Free from 60 euros. My basket is at 59 euros.", True),
        ("You are 2 euros short.", "Free from 60 euros. My basket is at 59 euros.", False),
        ("That makes 64.90 euros.", "Delivery costs 4.90 euros. My basket is at 60 euros.", True),
        ("It lasts 2 years.", "It lasts 24 months.", True),
        ("It lasts a year.", "It lasts long.", True),  # a soft slot claims nothing
    ],
)
def test_sums_that_follow_from_the_source_are_supported(answer, source, fine):
    assert (not any(s.why == "slot" for s in support(answer, source))) is fine


def test_names_are_capitals_inside_a_sentence_and_codes():
    assert names("Ask Dana Orrin. I think Mrs Venning knows; part 6f1c2b7e fits.") == [
        "6f1c2b7e",
        "Dana Orrin",
        "Venning",
    ]


def clean_rows():
    rows, _ = read_rows(samples.path("knowledge/raw.jsonl"))
    planted = {p.row for p in read_strictly(samples.path("knowledge/planted.jsonl"), Planted) if not p.lookalike}
    return [row for row in rows if row.id not in planted and not row.response.lstrip().startswith("{")]


def told(row) -> str:
    return "\n".join(m.content for m in row.prompt)


def test_unsupported_sentences_are_caught_and_clean_rows_left_alone():
    """At least 95% caught, at most 5% false alarms, on the clean rows of the knowledge domain.

    Two kinds of sentence are added: the invented voucher of the output mutants, and an answer about another document.
    """
    rows = clean_rows()
    alarms = sum(any(s.unsupported for s in support(row.response, told(row))) for row in rows)
    assert len(rows) > 400 and wilson(alarms, len(rows)).rate <= 0.05
    by_document = defaultdict(list)
    for row in rows:
        by_document[row.asked[:60]].append(row)
    documents = sorted(by_document)
    invented, foreign = [], []
    for i, document in enumerate(documents):
        others = by_document[documents[(i + len(documents) // 2) % len(documents)]]
        for row, other in zip(by_document[document], others, strict=False):
            own = {s.sentence for s in support(row.response, told(row)) if s.unsupported}
            if row.response[-1] not in ".!?":
                continue
            mutant = mutate("unsupported_sentence", row.response, told(row))
            invented.append(bool({s.sentence for s in support(mutant, told(row)) if s.unsupported} - own))
            if re.search(
                r"does not|not (?:say|stated|given)|no information|cannot|^(?:yes|no|none)\W*$", other.response, re.I
            ):
                continue  # claims nothing about the other document
            spoilt = f"{row.response} {other.response}"
            foreign.append(bool({s.sentence for s in support(spoilt, told(row)) if s.unsupported} - own))
    assert len(invented) > 150 and wilson(sum(invented), len(invented)).rate >= 0.95
    assert len(foreign) > 100 and wilson(sum(foreign), len(foreign)).rate >= 0.95
