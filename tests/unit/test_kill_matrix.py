"""The kill matrix: counted by hand on small suites, and sane on the samples."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import LabError, samples
from labkit.evaluation.kill_matrix import CASE, RIGHT, SIMILARITY, Sample, kill_matrix, right_answers
from labkit.evaluation.mutants import MUTATORS
from labkit.evaluation.suite import load
from labkit.formats import read_rows
from labkit.records import Case, Example, Message

RUG = "You can return the rug within 45 days of delivery."
HOSE = "There are 45 days for the hose, counted from delivery."
ORDER = "Order TG-48213 is packed and leaves on 14 May."


def case(name: str, requirement: str, *expect: dict[str, Any]) -> Case:
    asked = [Message(role="user", content="?")]
    return Case(id=name, requirement=requirement, technique="MFT", given=asked, expect=list(expect))


def example(name: str, requirement: str, response: str, asked: str = "How long?") -> Example:
    return Example(id=name, prompt=[Message(role="user", content=asked)], response=response, requirements=[requirement])


def sample(*expect: dict[str, Any], answer: str = RUG, others: tuple[str, ...] = ()) -> Sample:
    return Sample("REQ-1", "How long?", answer, list(expect), list(others))


def test_each_cell_counts_what_one_oracle_rejected() -> None:
    matrix = kill_matrix([sample({"facts": ["45 days"]}, others=(HOSE,))])
    assert (matrix.rate("facts", "number_shift").passed, matrix.rate("facts", "number_shift").n) == (1, 1)
    assert matrix.rate("facts", "negation_flip").passed == 0
    assert matrix.rate("facts", RIGHT).passed == 0
    assert matrix.rate("facts", "entity_swap").n == 0  # the answer names nobody
    assert matrix.oracles == ["facts", CASE, SIMILARITY]
    assert matrix.kinds[0] == RIGHT
    assert {row["kind"] for row in matrix.table()} == {RIGHT, *MUTATORS} - {"entity_swap"}


def test_a_case_rejects_what_any_of_its_oracles_rejects_and_names_what_none_does() -> None:
    alone = kill_matrix([sample({"facts": ["45 days"]})])
    both = kill_matrix([sample({"facts": ["45 days"]}, {"forbids": [r"\bnot\b"]})])
    assert both.rate(CASE, "negation_flip").passed == 1
    assert both.rate("facts", "negation_flip").passed == 0
    assert "negation_flip" in {s.mutant for s in alone.survivors}
    assert "negation_flip" not in {s.mutant for s in both.survivors}
    assert both.killed().passed == alone.killed().passed + 1
    assert both.killed().n - both.killed().passed == len(both.survivors)


def test_two_expectations_of_one_oracle_count_once_for_each_answer() -> None:
    matrix = kill_matrix([sample({"matches": "return"}, {"matches": "45"})])
    assert matrix.rate("matches", "empty").n == 1
    assert matrix.rate("matches", "number_shift").passed == 1


def test_similarity_gets_it_the_wrong_way_round() -> None:
    matrix = kill_matrix([sample({"facts": ["45 days"]}, others=(HOSE,))])
    assert matrix.rate(SIMILARITY, "number_shift").passed == 0
    assert matrix.rate(SIMILARITY, "negation_flip").passed == 0
    assert matrix.rate(SIMILARITY, RIGHT).passed == 1


def test_a_false_alarm_on_another_right_answer_is_seen() -> None:
    matrix = kill_matrix([sample({"equals": RUG}, others=(HOSE, RUG))])
    assert (matrix.rate("equals", RIGHT).passed, matrix.rate("equals", RIGHT).n) == (1, 2)
    assert all(s.mutant != RIGHT for s in matrix.survivors)


def test_text_and_plot_say_the_same_as_the_table() -> None:
    matrix = kill_matrix([sample({"facts": ["45 days"]}, others=(HOSE,))])
    head, *rows = matrix.text().splitlines()
    assert head.split() == ["facts", "whole", "case", "similarity"]
    assert len(rows) == len(matrix.kinds)
    assert next(row for row in rows if row.startswith("number_shift")).split()[1:4] == ["100%", "of", "1"]
    plot = matrix.plot()
    assert plot.table() == matrix.table()
    shown = [text for row in plot.figure.data[0].text for text in row if text]
    assert sorted(shown) == sorted(f"{row['rate']:.0%}<br>of {row['n']}" for row in matrix.table())
    assert str(matrix.killed()) in plot.text()
    without = kill_matrix([sample({"facts": ["45 days"]})]).plot()
    assert "0/0, no cases" in without.text()


def test_a_response_gets_the_first_expectation_that_accepts_it() -> None:
    cases = [case("A", "REQ-1", {"facts": ["30 days"]}), case("B", "REQ-1", {"facts": ["45 days"]})]
    (found,) = right_answers(cases, [example("e1", "REQ-1", RUG)])
    assert found.expect == [{"facts": ["45 days"]}]
    assert right_answers(cases[:1], [example("e1", "REQ-1", RUG)]) == []
    assert right_answers(cases, [example("e1", "REQ-2", RUG)]) == []


def test_where_cases_expect_their_own_data_the_copied_slots_are_expected() -> None:
    cases = [case("A", "REQ-8", {"facts": ["TG-11111", "2 June"]})]
    row = example("e1", "REQ-8", ORDER, "[Order TG-48213: packed, leaves on 14 May] Where is it?")
    (found,) = right_answers(cases, [row])
    assert found.expect == [{"facts": ["TG-48213", "14 May"]}]
    assert kill_matrix([found]).rate(CASE, "entity_swap").passed == 1


def test_other_right_answers_come_only_where_all_cases_expect_the_same() -> None:
    rows = [example("e1", "REQ-1", RUG), example("e2", "REQ-1", HOSE)]
    same = [case("A", "REQ-1", {"facts": ["45 days"]}), case("B", "REQ-1", {"facts": ["45 days"]})]
    differing = [*same, case("C", "REQ-1", {"facts": ["30 days"]})]
    assert [s.others for s in right_answers(same, rows)] == [[HOSE], [RUG]]
    assert [s.others for s in right_answers(differing, rows)] == [[], []]
    assert len(right_answers(same, rows, per_requirement=1)) == 1


def test_nothing_to_spoil_is_an_error() -> None:
    with pytest.raises(LabError, match="no right answer"):
        kill_matrix([])


def test_on_the_samples_facts_are_sharp_and_similarity_is_not() -> None:
    suite = load(samples.path("support/suites/support.yaml"))
    rows, _ = read_rows(samples.path("support/train.jsonl"))
    found = right_answers(suite.cases, rows, per_requirement=4)
    assert {s.requirement for s in found} == {c.requirement for c in suite.cases}
    matrix = kill_matrix(found)
    assert matrix.rate("facts", "number_shift").rate >= 0.95
    assert matrix.rate("facts", RIGHT).rate <= 0.05
    assert matrix.rate(SIMILARITY, "number_shift").rate <= 0.05
    assert matrix.rate(SIMILARITY, RIGHT).rate >= 0.2
    assert matrix.rate(CASE, "empty").rate == 1
