"""Labelling sessions: log, resume, undo, gold; disagreements, settlement and odd annotators."""

from __future__ import annotations

import datetime
from itertools import count
from random import Random

import pytest

from labkit import LabError, samples
from labkit.files import read_jsonl, read_strictly
from labkit.labelling.agreement import krippendorff_alpha, verdict
from labkit.labelling.disagreements import (
    adjudication,
    annotator_problems,
    confusions,
    disagreements,
    settle,
    unclear_rules,
)
from labkit.labelling.guideline import Guideline, load
from labkit.labelling.session import GoldItem, Item, LabellingSession, effective, gold_accuracy, items_of, ratings
from labkit.records import Example, Label, Message

RULES = Guideline.model_validate(
    {
        "version": "1",
        "question": "Which?",
        "labels": [{"name": name, "definition": f"It is {name}."} for name in ("x", "y", "z")],
    }
)
ITEMS = [Item(id=f"i{n:02d}", text=f"text {n}") for n in range(20)]
GOLD = [GoldItem(id=f"g{n}", text=f"gold {n}", label="x", why="settled") for n in range(5)]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "labels.jsonl"


def events(log):
    return read_jsonl(log, Label)[0]


def clock():
    ticks = count()
    return lambda: datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=2.5 * next(ticks))


def label(who, row, value, version="1", seconds=None, **more):
    return Label(annotator=who, row_id=row, value=value, guideline=version, seconds=seconds, **more)


# --- the session ------------------------------------------------------------------------------------------------------


def test_a_label_is_on_disk_before_the_next_item(log):
    session = LabellingSession(ITEMS, RULES, log, "ana", clock=clock())
    session.choose("y", note="a doubt")
    (event,) = events(log)
    assert (event.row_id, event.value, event.guideline, event.note, event.seconds) == ("i00", "y", "1", "a doubt", 2.5)
    assert event.id == "ana-0001"
    assert event.at.startswith("2026-11-01T")
    assert session.current == ITEMS[1]
    assert session.progress == (1, 20)


def test_a_new_session_goes_on_where_the_last_one_stopped(log):
    first = LabellingSession(ITEMS, RULES, log, "ana", GOLD)
    for _ in range(7):
        first.choose("x")
    second = LabellingSession(ITEMS, RULES, log, "ana", GOLD)
    assert second.current == first.current
    assert second.items == first.items
    assert second.progress == (7, 22)


def test_undo_goes_back_and_erases_nothing(log):
    session = LabellingSession(ITEMS, RULES, log, "ana")
    assert session.undo() is None
    session.choose("x")
    session.choose("y")
    session.undo()
    assert session.current == ITEMS[1]
    assert [(e.value, e.undo) for e in events(log)] == [("x", False), ("y", False), ("y", True)]
    session.choose("z")
    assert ratings(events(log)) == {"ana": {"i00": "x", "i01": "z"}}
    session.undo()
    session.undo()
    assert session.current == ITEMS[0]
    assert session.labels() == []


def test_annotators_and_versions_share_a_log_without_touching_one_another(log):
    ana, bo = (LabellingSession(ITEMS, RULES, log, who) for who in ("ana", "bo"))
    ana.choose("x")
    bo.choose("y")
    newer = LabellingSession(ITEMS, RULES.model_copy(update={"version": "2"}), log, "ana")
    assert newer.progress == (0, 20)
    newer.choose("z")
    assert bo.undo().annotator == "bo"
    assert ratings(events(log), "1") == {"ana": {"i00": "x"}}
    assert ratings(events(log), "2") == {"ana": {"i00": "z"}}
    assert len({e.id for e in events(log)}) == 4


def test_the_same_annotator_elsewhere_is_noticed(log):
    here, there = (LabellingSession(ITEMS, RULES, log, "ana") for _ in range(2))
    there.choose("x")
    with pytest.raises(LabError, match="nothing was saved"):
        here.choose("y")
    assert len(events(log)) == 1
    here.choose("y")
    assert ratings(events(log))["ana"] == {"i00": "x", "i01": "y"}


def test_a_torn_last_line_loses_that_line_only(log):
    session = LabellingSession(ITEMS, RULES, log, "ana")
    session.choose("x")
    session.choose("y")
    log.write_bytes(log.read_bytes()[:-20])
    again = LabellingSession(ITEMS, RULES, log, "ana")
    assert again.current == ITEMS[1]
    assert len(again.findings) == 1
    again.choose("z")
    assert ratings(events(log))["ana"] == {"i00": "x", "i01": "z"}


def test_a_skip_is_a_missing_value(log):
    session = LabellingSession(ITEMS[:2], RULES, log, "ana")
    session.choose("skip")
    session.choose("x")
    assert session.current is None
    assert ratings(session.labels()) == {"ana": {"i01": "x"}}
    with pytest.raises(LabError, match="every item has its label"):
        session.choose("x")


def test_faults_are_refused(log, tmp_path):
    with pytest.raises(LabError, match="label 'w': is not in guideline 1"):
        LabellingSession(ITEMS, RULES, log, "ana").choose("w")
    assert not log.exists()
    with pytest.raises(LabError, match="cannot be used as an id"):
        LabellingSession(ITEMS, RULES, log, "../ana")
    with pytest.raises(LabError, match="item i00: is in the list twice"):
        LabellingSession([*ITEMS, ITEMS[0]], RULES, log, "ana")
    with pytest.raises(LabError, match="label 'w': is not in guideline 1"):
        LabellingSession(ITEMS, RULES, log, "ana", [GOLD[0].model_copy(update={"label": "w"})])
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabError):
        LabellingSession(ITEMS, RULES, tmp_path / "folder", "ana").choose("x")


def test_applying_effective_twice_changes_nothing(log):
    rng = Random(1)
    session = LabellingSession(ITEMS, RULES, log, "ana")
    for _ in range(60):
        if rng.random() < 0.4 or session.current is None:
            session.undo()
        else:
            session.choose(rng.choice("xyz"))
    once = effective(events(log))
    assert effective(once) == once == session.labels()


def test_rows_become_items():
    row = Example(id="r1", prompt=[Message(role="user", content="[Rule: a]\nWhy?")], response="")
    assert items_of([row]) == [Item(id="r1", text="Why?")]


# --- gold items -------------------------------------------------------------------------------------------------------


def test_gold_items_are_mixed_in_evenly_and_by_seed(log):
    def places(**more):
        session = LabellingSession(ITEMS, RULES, log, **{"annotator": "ana", "gold_share": 0.2} | more, gold=GOLD)
        assert [item for item in session.items if item not in GOLD] == ITEMS
        return [(i, item.id) for i, item in enumerate(session.items) if item in GOLD]

    assert len(places()) == 4
    assert [place // 6 for place, _ in places()] == [0, 1, 2, 3]  # one in each six: five items and itself
    assert places() == places()
    assert places() != places(seed=1)
    assert places() != places(annotator="bo")
    assert len(places(gold_share=0.9)) == 5
    assert places(gold_share=0) == []


def test_gold_is_scored_and_kept_apart(log):
    session = LabellingSession(ITEMS, RULES, log, "ana", GOLD, gold_share=0.2)
    assert session.gold_accuracy().n == 0
    values = iter("xyxx")
    while item := session.current:
        session.choose(next(values) if item in GOLD else "z")
    assert (session.gold_accuracy().passed, session.gold_accuracy().n) == (3, 4)
    assert [(item.label, said) for item, said in session.gold_misses()] == [("x", "y")]
    assert {e.row_id for e in session.labels()} == {item.id for item in ITEMS}
    assert gold_accuracy(events(log), GOLD) == {"ana": session.gold_accuracy()}


# --- disagreements ----------------------------------------------------------------------------------------------------

VOTES = {
    "ana": {"r1": "x", "r2": "x", "r3": "y", "r4": "z", "r5": "x"},
    "bo": {"r1": "x", "r2": "y", "r3": "x", "r4": "y"},
    "cem": {"r1": "x", "r2": "y", "r3": "y", "r4": "x"},
}


def test_disagreements_come_most_divided_first():
    found = disagreements(VOTES)
    assert [one.row_id for one in found] == ["r4", "r2", "r3"]
    assert str(found[1]) == "r2: ana x, bo y, cem y"


def test_confusions_count_rows_and_name_the_sides():
    first, *_ = confusions(VOTES)
    assert first.labels == ("x", "y")
    assert first.rows == ["r2", "r3", "r4"]
    assert first.of == 5
    assert first.sides == {"x": {"ana": 1, "bo": 1, "cem": 1}, "y": {"ana": 1, "bo": 2, "cem": 2}}
    assert "3 of 5 rows got both" in str(first)


def test_unclear_rules_name_the_border_and_what_the_guideline_lacks():
    (line,) = unclear_rules(VOTES, RULES)
    assert "x / y" in line
    assert "no borderline case between them: add one, starting with r2, r3, r4" in line
    case = {"text": "t", "label": "x", "over": "y", "why": "w"}
    rules = RULES.model_dump() | {"labels": [RULES.labels[0].model_dump() | {"borderline": [case]}, *RULES.labels[1:]]}
    (line,) = unclear_rules(VOTES, Guideline.model_validate(rules))
    assert "1 borderline case between them: sharpen the definitions" in line
    assert unclear_rules(VOTES, RULES, least=4) == []


def test_settling_takes_the_majority_and_leaves_ties_to_a_person(log):
    before = settle(VOTES)
    assert before.labels == {"r1": "x", "r2": "y", "r3": "y", "r5": "x"}
    assert before.how == {"r1": "unanimous", "r2": "majority", "r3": "majority", "r5": "single"}
    assert before.open == ["r4"]
    session = adjudication([Item(id=f"r{i}", text="t") for i in range(1, 6)], VOTES, RULES, log, "lead")
    assert [item.id for item in session.items] == ["r2", "r3", "r4"]
    session.choose("x")
    session.choose("skip")
    session.choose("z")
    after = settle(VOTES, events(log))
    assert (after.labels["r2"], after.how["r2"]) == ("x", "adjudicated")
    assert (after.labels["r3"], after.how["r3"]) == ("y", "majority")
    assert (after.labels["r4"], after.open) == ("z", [])
    assert str(after) == "5 rows settled (2 adjudicated, 1 majority, 1 single, 1 unanimous), 0 open"


# --- annotators -------------------------------------------------------------------------------------------------------


def team(odd=None, n=60, seed=0):
    """Three careful people, and ``odd(rng, i, truth) -> (value, seconds)`` as a fourth."""
    rng, labels, texts = Random(seed), [], {}
    for i in range(n):
        truth, row = rng.choice("xxyyz"), f"r{i:03d}"
        texts[row] = "word " * rng.randint(8, 30)
        for who in ("ana", "bo", "cem"):
            value = truth if rng.random() < 0.92 else rng.choice("xyz")
            labels.append(label(who, row, value, seconds=3 + len(texts[row]) * rng.uniform(0.04, 0.07)))
        if odd:
            value, seconds = odd(rng, i, truth)
            labels.append(label("dex", row, value, seconds=seconds))
    return labels, texts


def kinds(labels, texts=None):
    return {(odd.annotator, odd.kind) for odd in annotator_problems(labels, texts)}


ODD = {
    "one_label": lambda rng, i, truth: ("x", 6),
    "speeder": lambda rng, i, truth: (truth if rng.random() < 0.8 else "y", 0.8),
    "drift": lambda rng, i, truth: (truth if i < 30 or rng.random() < 0.3 else "z", 6),
}


@pytest.mark.parametrize("kind", list(ODD))
@pytest.mark.parametrize("with_texts", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_each_kind_of_carelessness_is_found_and_named(kind, with_texts, seed):
    labels, texts = team(ODD[kind], seed=seed)
    assert kinds(labels, texts if with_texts else None) == {("dex", kind)}


HONEST = {
    "careful": lambda rng, i, truth: (truth, 6),
    "strict": lambda rng, i, truth: ("z" if truth == "y" else truth, 6),  # throughout, and only there
    "quick reader": lambda rng, i, truth: (truth, 3.2),
    "late but steady": lambda rng, i, truth: (truth if rng.random() < 0.8 else "y", 30),
}


@pytest.mark.parametrize("kind", list(HONEST))
@pytest.mark.parametrize("seed", range(4))
def test_honest_people_are_not_flagged(kind, seed):
    labels, texts = team(HONEST[kind], seed=seed)
    assert kinds(labels, texts) == set()
    assert kinds(labels) == set()


def test_one_label_is_no_fault_where_the_rows_hold_but_one():
    rows = [f"r{i:02d}" for i in range(40)]
    labels = [label(who, row, "x" if i != who_at else "y") for i, row in enumerate(rows) for who_at, who in enumerate("ab")]
    assert kinds(labels) == set()


def test_few_labels_say_nothing():
    labels, texts = team(ODD["one_label"], n=19)
    assert kinds(labels, texts) == set()


# --- the sample -------------------------------------------------------------------------------------------------------


def test_the_sample_tells_the_story_of_two_guidelines():
    labels = read_strictly(samples.path("labelling/labels.jsonl"), Label)
    gold = read_strictly(samples.path("labelling/gold.jsonl"), GoldItem)
    items = {item.id for item in read_strictly(samples.path("labelling/items.jsonl"), Item)}
    checked = {item.id for item in gold}
    assert len(items) >= 120
    assert len(gold) == 20
    assert {event.row_id for event in labels} <= items | checked
    alphas = {}
    for version in "12":
        given = ratings((e for e in labels if e.row_id not in checked), version)
        assert set(given) == {"ana", "bo", "cem"}
        alphas[version] = krippendorff_alpha(given).alpha
        rules = load(samples.path(f"labelling/guideline-{version}.yaml"))
        worst = [set(c.labels) for c in confusions(given)[:2]]
        assert worst == [{"problem", "complaint"}, {"question", "request"}]
        assert {e.value for e in labels} <= set(rules.names)
        assert all("no borderline case" in line for line in unclear_rules(given, rules)) == (version == "1")
    assert 0.6 <= alphas["1"] <= 0.7
    assert alphas["2"] >= 0.8
    assert (verdict(alphas["1"]), verdict(alphas["2"])) == ("revise", "go")
    assert annotator_problems(labels) == []
    assert all(rate.rate >= 0.9 for rate in gold_accuracy(labels, gold).values())
