"""Notebook 03: its exercises, material of the learner's own, labellers with faults, and the search for wrong labels."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from labkit import LabError, samples
from labkit.files import append_jsonl
from labkit.labelling.agreement import cohen_kappa
from labkit.labelling.disagreements import annotator_problems
from labkit.labelling.errors import Suspect
from labkit.lesson import nb03
from labkit.lesson.exercises import ____, exercises
from labkit.records import Label

BOOK = exercises("03")
RIGHT = {"bill": "request", "bulb": "question", "size": "question", "spade": "problem", "call": "complaint", "pond": "safety"}


@pytest.fixture(scope="module")
def material() -> nb03.Material:
    return nb03.read()


@pytest.mark.parametrize("name", list(BOOK))
def test_stubs_are_not_attempted_and_solutions_pass(name, solved):
    assert BOOK[name].check(____).status == "not attempted"
    assert BOOK[name].check(solved("03", name)).status == "passed"


@pytest.mark.parametrize("name", ["kappa", "fair"])
def test_an_empty_body_is_not_attempted(name):
    assert BOOK[name].check(lambda *_: ____).status == "not attempted"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RIGHT | {"bill": "question"}, "polite form"),
        (RIGHT | {"bulb": "request"}, "information only"),
        (RIGHT | {"size": "request"}, "nobody is asked"),
        (RIGHT | {"spade": "complaint"}, "tone away"),
        (RIGHT | {"call": "problem"}, "promise"),
        (RIGHT | {"pond": "question"}, "before every other"),
        ({"pond": "safety"}, "no label for bill, bulb"),
        ("question", "dictionary"),
    ],
)
def test_labelled_names_the_rule_that_was_missed(answer, said):
    result = BOOK.labelled.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def agreed(a, b):
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def chance(a, b):
    return sum(a.count(v) * b.count(v) for v in set(a) | set(b)) / len(a) ** 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (agreed, "plain agreement"),
        (chance, "agreement by chance"),
        (lambda a, b: agreed(a, b) - chance(a, b), "divide it by"),
        (lambda a, b: (agreed(a, b) - 1 / 3) / (2 / 3), "equally frequent"),
        (lambda a, b: 0.5, "not it"),
        (lambda a, b: "much", "could not use"),
        (0.42, "function"),
    ],
)
def test_kappa_names_the_likely_mistake(answer, said):
    result = BOOK.kappa.check(answer)
    assert result.status == "not yet"
    assert said in result.message


def test_the_key_of_the_kappa_exercise_is_labkits_kappa(solved):
    a, b = list("xxxxxxyyyz"), list("xxxxxyyyxx")
    assert solved("03", "kappa")(a, b) == pytest.approx(cohen_kappa(dict(enumerate(a)), dict(enumerate(b)), draws=2).kappa)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda c, labels: [x / (sum(c) / len(c)) for x in c], "the same label only"),
        (lambda c, labels: [0.6 if x == "often" else 0.15 for x in labels], "Those are the means"),
        (lambda c, labels: [x - (0.6 if y == "often" else 0.15) for x, y in zip(c, labels, strict=True)], "difference"),
        (lambda c, labels: 1.0, "could not use"),
        (lambda c, labels: c, "not it"),
        ([1.0], "function"),
    ],
)
def test_fair_names_the_likely_mistake(answer, said):
    result = BOOK.fair.check(answer)
    assert result.status == "not yet"
    assert said in result.message


# --- material ---------------------------------------------------------------------------------------------------------


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_labs_material_has_two_rounds_without_gold_items(material):
    found = nb03.rounds(material)
    assert {version: len(given) for version, given in found.items()} == {"1": 3, "2": 3}
    assert not {g.id for g in material.gold} & {row for given in found.values() for own in given.values() for row in own}
    assert {row.label for row in material.given} == set(material.guidelines[0].names)


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ([{"id": "a", "text": "One?"}, {"id": "b", "text": "Two."}], []),
        ([{"id": "a", "text": "One?", "label": "question"}, {"id": "b", "text": "Two."}], ["question"]),
        ([{"question": "One?", "answer": '{"urgency": "low", "team": "oak"}'}], ["oak"]),
        ([{"question": "One?", "answer": "The document does not say."}], ["refuse"]),
    ],
)
def test_own_texts_are_read_with_their_labels_and_the_files_beside_them(tmp_path, rows, labels):
    shutil.copy(samples.path("labelling/guideline-1.yaml"), tmp_path)
    label = {"row_id": "a", "guideline": "1", "value": "question"}
    write(tmp_path / "labels-cleo.jsonl", [label | {"annotator": "cleo"}])
    write(tmp_path / "labels-dan.jsonl", [label | {"annotator": "dan"}])
    read = nb03.read(write(tmp_path / "texts.jsonl", rows))
    assert [item.text for item in read.items] == ["One?", "Two."][: len(rows)]
    assert [item.label for item in read.given] == labels
    assert (read.gold, read.unreadable, read.name) == ([], [], f"{tmp_path.name}-texts")
    assert [label.annotator for label in read.labels] == ["cleo", "dan"]


def test_without_a_guideline_nothing_is_labelled(tmp_path):
    with pytest.raises(LabError, match="holds no guideline"):
        nb03.read(write(tmp_path / "texts.jsonl", [{"id": "a", "text": "One?"}]))


def test_rounds_want_two_people_and_count_ones_own(material):
    own = [Label(row_id="lab-001", annotator="me", guideline="1", value="question")]
    assert set(nb03.rounds(material, own)["1"]) == {"ana", "bo", "cem", "me"}
    alone = nb03.Material(**{**vars(material), "labels": [x for x in material.labels if x.annotator == "bo"]})
    assert nb03.rounds(alone) == {}
    assert set(nb03.rounds(alone, own)) == {"1"}


def test_it_is_said_whose_labels_are_in_use(material, tmp_path):
    log = tmp_path / "me.jsonl"
    assert nb03.own_labels(log, material) == ([], "Used: 498 labels by ana, bo, cem (you have labelled nothing yet).")
    append_jsonl(log, Label(row_id="lab-001", annotator="me", guideline="1", value="question", id="me-1"))
    own, said = nb03.own_labels(log, material)
    assert [label.value for label in own] == ["question"]
    assert said == "Used: your own 1 labels, which go first, and 498 labels by ana, bo, cem."


# --- labellers with faults --------------------------------------------------------------------------------------------


def test_each_fault_is_found_by_its_name_and_only_where_it_is(material):
    second = [label for label in material.labels if label.guideline == "2"]
    cem = [label for label in second if label.annotator == "cem"]
    rest = [label for label in second if label.annotator != "cem"]
    faulty = nb03.spoilt(cem)
    teams = {"all": second, **{name: [*rest, *own] for name, own in faulty.items()}}
    table = {row["team"]: row for row in nb03.inspected(material, teams)}
    habits = {name: row["habits of the third"].split(":")[0] for name, row in table.items()}
    assert habits == {"all": "none stands out", "clicker": "one_label", "racer": "speeder", "tired": "drift"}
    alpha = {name: row["agreement"].alpha for name, row in table.items()}
    assert alpha["racer"] == alpha["all"] > 0.8 > alpha["tired"] > alpha["clicker"]
    assert table["racer"]["gold items of the third"].rate == 1
    assert table["clicker"]["gold items of the third"].rate < 0.5
    assert annotator_problems(second) == []


def test_without_labels_there_is_nobody_to_spoil(material):
    assert nb03.inspected(material, {"nobody": [], **nb03.spoilt([])}) == []


# --- wrong labels -----------------------------------------------------------------------------------------------------


def suspect(row, label, confidence):
    return Suspect(row_id=row, label=label, confidence=confidence, suggested="other", suggested_confidence=0.5)


def test_fair_compares_rows_with_the_same_label_only():
    assert nb03.fair([0.9, 0.3, 0.1, 0.1], ["a", "a", "b", "b"]) == pytest.approx([1.5, 0.5, 1, 1])
    assert nb03.fair([0.0, 0.5], ["only", "a"]) == [0, 1]
    ranked = [suspect("r1", "rare", 0.1), suspect("r2", "rare", 0.12), suspect("o1", "often", 0.3), suspect("o2", "often", 0.9)]
    assert [s.row_id for s in nb03.fairly(ranked)] == ["o1", "r1", "r2", "o2"]


@pytest.mark.parametrize(
    ("name", "labels", "wrong"),
    [("support", {"delivery", "returns", "billing", "product", "safety"}, 8), ("decision", {"approve", "refuse", "refer"}, 13)],
)
def test_planted_labels_of_a_domain_are_known(name, labels, wrong):
    rows = nb03.domain(name)
    assert {row.label for row in rows} == labels
    assert sum(row.was is not None for row in rows) == wrong
    assert all(row.was != row.label for row in rows)


def test_flips_change_the_share_that_is_asked_for_and_keep_the_right_label():
    plain, flipped = nb03.domain("knowledge"), nb03.domain("knowledge", flips=0.05)
    changed = {b.id: b.was for a, b in zip(plain, flipped, strict=True) if a.label != b.label}
    assert changed == {row.id: row.label for row in plain if row.id in changed} == {r.id: r.was for r in flipped if r.was}
    assert len(changed) == round(0.05 * len(plain))
    assert flipped == nb03.domain("knowledge", flips=0.05)


def test_rules_stand_beside_the_text_as_words():
    rows = {row.id: row.text for row in nb03.domain("decision")}
    assert any("DEC05" in text.split() for text in rows.values())
    assert Counter("return" in text.split() for text in rows.values())[True] > 50


def test_a_review_finds_more_than_chance_and_the_sum_leaves_one_set_apart(material):
    sets = {"messages": material.given, "team": nb03.domain("support"), "flipped": nb03.domain("knowledge", flips=0.05)}
    ranked = {name: nb03.doubts(rows) for name, rows in sets.items()}
    *table, total = nb03.budget(sets, ranked, 0.1, apart="flipped")
    assert [row["labels"] for row in table] == list(sets)
    assert [row["wrong"] for row in table] == [10, 8, 22]
    assert total["labels"] == "all but flipped"
    assert (total["n"], total["wrong"]) == (len(sets["messages"]) + len(sets["team"]), 18)
    for found in ("found, least likely first", "found, fair order"):
        assert total[found].passed == sum(row[found].passed for row in table[:2])
        assert total[found].rate >= 0.25  # a tenth by chance
    assert table[2]["found, least likely first"].rate >= 0.6
    listed = nb03.listed(ranked["messages"], material.given)
    assert sum(row["changed from"] != "unchanged" for row in listed) == 10
    assert all(row["changed from"] != row["label"] for row in listed)
