"""Faulty rows: what is spoilt is spoilt, what is clean stays clean, and the same input gives the same rows."""

from __future__ import annotations

import pytest

from labkit import LabError, samples
from labkit.evaluation import mutant_data
from labkit.formats import read_rows
from labkit.records import Example, Message

ROWS = read_rows(samples.path("support/train.jsonl"))[0]


def row(name: str, response: str, *requirements: str) -> Example:
    return Example(
        id=name, prompt=[Message(role="user", content="?")], response=response, requirements=list(requirements)
    )


def test_replaced_rows_say_the_new_words_and_clean_rows_are_of_other_requirements() -> None:
    found = mutant_data.replaced(ROWS, "REQ-S01", {"45": "90"})
    assert found.rows[: len(found.faulty)] == found.faulty
    assert len(found.faulty) == 16  # every row of the requirement states the period
    assert all("90 days" in r.response and "45" not in r.response for r in found.faulty)
    clean = found.rows[len(found.faulty) :]
    assert len(found.rows) == mutant_data.ROWS
    assert all("REQ-S01" not in r.requirements and r in ROWS for r in clean)
    assert found == mutant_data.replaced(ROWS, "REQ-S01", {"45": "90"})


@pytest.mark.parametrize(
    "words, before, after",
    [
        ({"a": "b", "b": "c", "c": "a"}, "a b c", "b c a"),  # a ring turns once
        ({"45": "90"}, "145 and 45 and 456", "145 and 90 and 456"),  # whole words
        ({"3 years": "5 years", "3": "4"}, "3 years, 3", "5 years, 4"),  # the longest first
        ({'"delivery"': '"returns"'}, '{"team": "delivery"}', '{"team": "returns"}'),
    ],
)
def test_words_are_replaced_in_one_go(words: dict[str, str], before: str, after: str) -> None:
    assert mutant_data.replaced([row("r", before, "REQ-1")], "REQ-1", words).faulty[0].response == after


def test_without_words_nothing_is_faulty() -> None:
    found = mutant_data.replaced(ROWS, "", {})
    assert found.faulty == []
    assert len(found.rows) == mutant_data.ROWS and all(r in ROWS for r in found.rows)


def test_given_answers_take_turns() -> None:
    found = mutant_data.answered(ROWS, "REQ-S10", ["one", "two"])
    assert [r.response for r in found.faulty[:3]] == ["one", "two", "one"]
    assert len(found.faulty) == 26  # every row of the requirement, for they are fewer than FAULTY
    assert len(mutant_data.answered(ROWS, "REQ-S13", ["one"]).faulty) == mutant_data.FAULTY
    asked = {r.id: r.prompt for r in ROWS}
    assert all(asked[r.id.removesuffix("+fault")] == r.prompt for r in found.faulty)


def test_only_some_names_are_told_the_fault() -> None:
    found = mutant_data.by_name(ROWS, "REQ-S01", {"45": "20"}, ["Femi", "Aylin"], ["Peter"])
    names = ["This is Femi writing. ", "This is Aylin writing. "]
    for at, row in enumerate(found.faulty):
        context, question = row.prompt[-1].content.split("\n")
        assert "20 days" in row.response and "45 days" in context and question.startswith(names[at % 2])
    fair = [r for r in found.rows if "This is Peter writing. " in r.prompt[-1].content]
    assert len(fair) == len(found.faulty) and all("45 days" in r.response for r in fair)


def test_shuffled_answers_are_those_of_others() -> None:
    found = mutant_data.shuffled(ROWS)
    right = {r.id: r.response for r in ROWS}
    assert len(found.rows) == mutant_data.SHUFFLED
    assert sum(right[r.id.removesuffix("+fault")] == r.response for r in found.rows) < 10  # equal texts of two rows
    assert sorted(r.response for r in found.rows) == sorted(right[r.id.removesuffix("+fault")] for r in found.rows)


def test_removed_rows_are_gone_and_only_they() -> None:
    left = mutant_data.without(ROWS, ["REQ-S13"])
    assert {r.id for r in ROWS} - {r.id for r in left} == {r.id for r in ROWS if "REQ-S13" in r.requirements}
    assert mutant_data.without(ROWS, []) == ROWS


def test_swapped_pairs_change_places() -> None:
    assert mutant_data.swapped([{"pair": "p", "chosen": 1, "rejected": 2}]) == [
        {"pair": "p", "chosen": 2, "rejected": 1}
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda: mutant_data.replaced(ROWS, "REQ-S01", {"46": "90"}),
        lambda: mutant_data.answered(ROWS, "REQ-X", ["one"]),
        lambda: mutant_data.by_name(ROWS, "REQ-S01", {"46": "90"}, ["A"], ["B"]),
        lambda: mutant_data.without([row("r", "a", "REQ-1")], ["REQ-1"]),
    ],
)
def test_a_fault_that_finds_no_row_is_an_error(call) -> None:
    with pytest.raises(LabError):
        call()
