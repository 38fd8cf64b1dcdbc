"""Notebook 05: its exercises with stubs, right and wrong answers, the profile, the framed rows and the stand-in."""

from __future__ import annotations

import csv
import json

import pytest

from labkit.coverage.bias import probe
from labkit.coverage.counterfactual import between, counterfactuals
from labkit.coverage.slices import pairwise
from labkit.coverage.variety import over_represented
from labkit.lesson import nb05
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.nb05 import HARROW, LUMEN, REQUEST
from labkit.records import Example, Message

BOOK = exercises("05")
SUPPORT, KNOWLEDGE = {"channel": "survey", "customer": "new"}, {"region": "islands", "doc_type": "safety"}
PAIRS = {"support": SUPPORT, "knowledge": KNOWLEDGE}
READ = {"names": "alarm", "survey": "too few", "app": "no alarm", "email": "no alarm", "business": "no alarm"}
SAME, OTHER = REQUEST.replace("Thessa", "Elivar"), REQUEST.replace("days=50", "days=40")
TWINS = {"same": SAME, "other": OTHER}
NAMES = between("names", HARROW, LUMEN, slices={"name_group": ("harrow", "lumen")})


@pytest.fixture(scope="module")
def sets() -> dict[str, list[Example]]:
    return nb05.everything("decision")


def row(number: int, text: str, said: str = "approve", **slices: str) -> Example:
    prompt = [Message(role="user", content=f"[Case: type=return; amount={number}]\n{text}")]
    return Example(id=f"r{number}", prompt=prompt, response=json.dumps({"decision": said}), slices=slices)


# --- exercises --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stub"),
    [
        ("missing", {"support": ____, "knowledge": ____}),
        ("gaps", {"names": ____}),
        ("twins", {"same": SAME, "other": ____}),
    ],
)
def test_what_stands_in_the_cells_is_not_attempted(name, stub):
    assert BOOK[name].check(stub).status == "not attempted"


@pytest.mark.parametrize(
    ("name", "right"),
    [("missing", PAIRS), ("gaps", READ), ("twins", TWINS), ("twins", {"same": SAME + "\n", "other": OTHER})],
)
def test_right_answers_in_any_form_pass(name, right):
    assert BOOK[name].check(right).status == "passed"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["channel"], "dictionary of dictionaries"),
        ({"support": "survey"}, "dictionary of dictionaries"),
        ({"support": SUPPORT}, "knowledge is two slices"),
        (PAIRS | {"support": {"channel": "survey"}}, "two slices"),
        (PAIRS | {"support": SUPPORT | {"customer": "old"}}, "No row of support has customer=old"),
        (PAIRS | {"support": {"kanal": "survey", "customer": "new"}}, "has kanal=survey"),
        (PAIRS | {"support": SUPPORT | {"channel": ["survey"]}}, "has channel=['survey']"),
        (PAIRS | {"knowledge": KNOWLEDGE | {"region": "north"}}, "rows of knowledge have both"),
    ],
)
def test_missing_names_the_likely_mistake(answer, said):
    result = BOOK.missing.check(answer)
    assert (result.status, said in result.message) == ("not yet", True), result.message


def test_the_solution_names_every_missing_pair_of_the_samples(sets, solved):
    for domain, pair in solved("05", "missing").items():
        assert [{c.a: c.value_a, c.b: c.value_b} for c in pairwise(sets[domain]) if c.missing] == [pair]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("alarm", "dictionary"),
        ({"names": "alarm"}, "no reading of survey, app"),
        (READ | {"names": "no alarm"}, "names: both groups have 30"),
        (READ | {"survey": "alarm"}, "survey: groups under 30"),
        (READ | {"app": "alarm"}, "app: the interval holds 0"),
        (READ | {"email": "alarm"}, "email: there surely is a difference"),
        (READ | {"business": "alarm"}, "business: among like requests"),
    ],
)
def test_gaps_names_the_part_of_the_rule_that_was_missed(answer, said):
    result = BOOK.gaps.check(answer)
    assert (result.status, said in result.message) == ("not yet", True), result.message


def test_the_key_of_gaps_is_what_the_rule_says():
    found = {}
    for gap in nb05.practice():
        enough = min(gap.rate_a.n, gap.rate_b.n) >= 30
        found[gap.slice] = ("alarm" if gap.unequal else "no alarm") if enough else "too few"
    assert found == READ
    survey, business = (next(g for g in nb05.practice() if g.slice == name) for name in ("survey", "business"))
    assert survey.unequal and business.crude.low > 0.1  # both would tempt whoever looks at one number only


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (SAME, "two texts"),
        ({"same": SAME}, "two texts"),
        (TWINS | {"same": OTHER.replace("Thessa", "Elivar")}, "same: the case line has changed"),
        (TWINS | {"same": SAME.partition("\n")[2]}, "same: the case line has changed"),
        (TWINS | {"same": REQUEST}, "same: only the name may differ"),
        (TWINS | {"same": REQUEST.replace("Thessa", "Brunna")}, "the other family"),
        (TWINS | {"same": SAME.replace("would like", "demands")}, "same: only the name may differ"),
        (TWINS | {"other": OTHER.replace("Thessa", "Elivar")}, "other: change the case line only"),
        (
            TWINS | {"other": OTHER.replace("north", "islands")},
            "exactly one field may differ, and here it is days, region",
        ),
        (TWINS | {"other": REQUEST}, "here it is none"),
        (TWINS | {"other": REQUEST.replace("region=north; ", "")}, "region= is unknown"),
        (TWINS | {"other": REQUEST.replace("north", "moon")}, "region=moon is unknown"),
        (TWINS | {"other": REQUEST.replace("north", "south")}, "with region=south the rules still say refuse"),
        (TWINS | {"other": REQUEST.replace("=return", "=invoice_terms")}, "still say refuse"),
    ],
)
def test_twins_names_the_likely_mistake(answer, said):
    result = BOOK.twins.check(answer)
    assert (result.status, said in result.message) == ("not yet", True), result.message


@pytest.mark.parametrize("new", ["region=islands", "harm=injury", "amount=501", "type=refund"])
def test_any_field_that_moves_the_decision_is_right(new):
    key = new.split("=")[0]
    old = next(part for part in REQUEST[7:].split("]")[0].split("; ") if part.strip().startswith(key)).strip()
    assert BOOK.twins.check(TWINS | {"other": REQUEST.replace(old, new)}).status == "passed"


# --- helpers ----------------------------------------------------------------------------------------------------------


def test_the_overview_counts_what_the_lesson_shows(sets):
    table = {line["rows of"]: line for line in nb05.overview(sets)}
    assert {name: (line["missing"], line["too much"]) for name, line in table.items()} == dict.fromkeys(
        nb05.DOMAINS, (1, 1)
    )
    assert [bool(line["unequal"]) for line in table.values()] == [False, False, True]


def test_a_share_is_off_where_its_whole_interval_misses_the_profile():
    rows = [row(i, "?", channel="chat" if i < 58 else "email" if i < 88 else "fax") for i in range(100)]
    table = nb05.against(rows, {"channel": {"chat": 50, "email": 50, "app": 10}, "tone": {"angry": 5}})
    assert [(line["value"], line["reading"]) for line in table] == [
        ("chat", "fits"), ("email", "too few"), ("app", "too few"), ("fax", "too many"), ("angry", "fits"),
    ]  # fmt: skip
    assert str(table[0]["in the rows"]) == "58/100 = 58% (48-67%)"
    assert table[-1]["in the rows"].n == 0  # nothing is known of it, so nothing is claimed


def test_frames_touch_every_tenth_question_and_nothing_else():
    rows = [row(i, f"Question {i}?") for i in range(30)]
    made = nb05.framed(rows, ["Hello,", "Dear all,"], ["Thanks."])
    assert [m.question for m in made[::10]] == [
        "Hello, Question 0? Thanks.",
        "Dear all, Question 10? Thanks.",
        "Hello, Question 20? Thanks.",
    ]
    assert made[10].asked.startswith("[Case: type=return; amount=10]\nDear all,")
    assert [m for i, m in enumerate(made) if i % 10] == [r for i, r in enumerate(rows) if i % 10]
    assert rows[0].question == "Question 0?"


def test_one_frame_is_noticed_and_six_are_not(sets):
    """What the lesson says about its mutants."""
    rows, say = (
        sets["decision"],
        [f"Number {word} of six openings," for word in ("one", "two", "three", "four", "five", "six")],
    )
    assert "Number one of six openings," in nb05.wording(nb05.framed(rows, say[:1]), len(rows))["opening too often"]
    assert nb05.wording(nb05.framed(rows, say), len(rows))["opening too often"] == "none"
    assert not any(over.kind == "opening" for over in over_represented(nb05.framed(rows, closings=["Thank you all."])))


def test_the_planted_gap_is_the_widest_and_lies_between_two_answers(sets):
    gap = nb05.widest(probe(sets["decision"]))
    assert (gap.slice, gap.where, gap.unequal) == ("name_group", "type=goodwill", True)
    table = {line["answer"]: line for line in nb05.answers(sets["decision"], gap)}
    assert table["approve OK"]["harrow"].low > table["approve OK"]["lumen"].high
    assert table["refuse NO_GROUND"]["lumen"].low > table["refuse NO_GROUND"]["harrow"].high
    assert all(
        sum(line[side].passed for line in table.values()) == line[side].n
        for side in ("harrow", "lumen")
        for line in table.values()
    )
    assert nb05.answers(sets["decision"], None) == []


def test_the_families_of_names_are_those_of_the_rows(sets):
    twins = counterfactuals(sets["decision"], [NAMES])
    named = {r.id for r in sets["decision"] if r.slices["name_group"] in ("harrow", "lumen")}
    assert {pair.row for pair in twins} <= named and len(twins) >= 0.99 * len(named)


def test_the_stand_in_learns_a_bias_and_loses_it_with_the_twins():
    rows = [
        row(i, f"{name} asks again, please.", "approve" if name in HARROW else "refuse", name_group=group)
        for i, (name, group) in enumerate([(HARROW[0], "harrow"), (LUMEN[0], "lumen")] * 20)
    ]
    biased, fair = nb05.flips(rows, NAMES), nb05.flips(rows, NAMES, NAMES)
    assert [(f.n, f.changed, f.a_only, f.b_only) for f in biased] == [(20, 20, 20, 0), (20, 20, 0, 20)]
    assert [(f.n, f.changed) for f in fair] == [(20, 0), (20, 0)]
    assert [(name, rate.passed) for name, rate in nb05.right(rows).items()] == [
        ("stand-in", 40),
        ("always approve", 20),
    ]


def test_a_stand_in_has_not_seen_the_row_it_is_asked_about():
    """Each decision hangs on a word that no other row has: whoever saw the row would know."""
    rows = [row(i, "".join(chr(97 + int(d)) for d in f"{i:03}") * 3, ("approve", "refuse")[i % 2]) for i in range(60)]
    assert nb05.right(rows)["stand-in"].passed <= 40


def test_without_words_to_swap_there_is_nothing_to_compare(sets):
    assert [f.n for f in nb05.flips(sets["support"], NAMES)] == [0, 0]


def test_a_file_of_ones_own_stands_beside_the_domains(tmp_path):
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer", "channel", "topic"])
        writer.writerows([f"What about {i}?", "Yes.", "chat" if i % 4 else "fax", "ab"[i % 2]] for i in range(40))
    found = nb05.everything(str(path))
    assert list(found) == [*nb05.DOMAINS, str(path)]
    assert nb05.overview({"mine": found[str(path)]})[0]["slices"] == 2
    assert nb05.widest(probe(found[str(path)])) is None
