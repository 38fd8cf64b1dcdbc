"""What a ranking log means, and what becomes of several logs that are merged."""

from __future__ import annotations

from itertools import permutations

import pytest

from labkit import samples
from labkit.files import read_strictly
from labkit.preference.events import Slot, better, choices, effective, labelled, merge, side
from labkit.records import Ranking


def says(who, number, outcome, pair="p1", at="", left=0, right=1, **more):
    return Ranking(
        id=f"{who}-{number:04d}", pair=pair, annotator=who, left=left, right=right, outcome=outcome, at=at, **more
    )


def ranked(order, shown=(0, 1, 2), **more):
    return says("ana", 1, "ranked", left=shown[0], right=shown[-1], shown=list(shown), ranks=list(order), **more)


@pytest.mark.parametrize(
    ("event", "best", "won", "said"),
    [
        (says("ana", 1, "a", left=1, right=0), 1, "left", {(0, 1): 1}),
        (says("ana", 1, "b"), 1, "right", {(0, 1): 1}),
        (says("ana", 1, "both_bad"), "both_bad", None, {(0, 1): "both_bad"}),
        (says("ana", 1, "skip"), None, None, {}),
        (says("ana", 1, "undo"), None, None, {}),
        (ranked([1, 2, 3], (2, 0, 1)), 2, "left", {(0, 1): 0, (0, 2): 2, (1, 2): 2}),
        (ranked([1, 2, 1]), "tie", None, {(0, 1): 0, (0, 2): "tie", (1, 2): 2}),
        (ranked([2, 2, 1]), 2, "right", {(0, 1): "tie", (0, 2): 2, (1, 2): 2}),
    ],
)
def test_what_an_event_means(event, best, won, said):
    assert better(event) == best
    assert side(event) == won
    assert choices(event) == {Slot("p1", two): choice for two, choice in said.items()}


def test_the_word_of_an_adjudicator_stands_beside_their_own_first_judgement():
    first, settled = says("ana", 1, "a"), says("ana", 2, "b", adjudicated=True)
    assert effective([first, settled]) == [first, settled]
    assert labelled([first, settled]) == [first]


ANA = [says("ana", 1, "a", at="T1"), says("ana", 2, "b", "p2", at="T2")]
BO = [says("bo", 1, "a", at="T1"), says("bo", 2, "undo", at="T3", supersedes="bo-0001"), says("bo", 3, "b", at="T4")]


def test_logs_merge_in_any_order_and_merging_again_changes_nothing():
    orders = [merge(order) for order in permutations([ANA, BO, ANA[:1]])]
    assert {found.model_dump_json() for found in orders} == {orders[0].model_dump_json()}
    assert orders[0].duplicates == 1 and orders[0].renamed == 0 and orders[0].conflicts == []
    assert {e.id for e in orders[0].events} == {e.id for e in [*ANA, *BO]}
    again = merge([orders[0].events, BO, ANA])
    assert again.events == orders[0].events and again.duplicates == 5
    assert [e.outcome for e in effective(again.events) if e.annotator == "bo"] == ["b"]


def test_one_person_on_two_machines_keeps_every_click():
    home = [
        says("ana", 1, "b", at="T5"),
        says("ana", 2, "undo", at="T6", supersedes="ana-0001"),
        says("ana", 3, "b", at="T7"),
    ]
    found = merge([ANA, home])
    assert len(found.events) == 5 and found.renamed == 2
    assert len({e.id for e in found.events}) == 5
    undo = next(e for e in found.events if e.outcome == "undo")
    (taken,) = [e for e in found.events if e.id == undo.supersedes]
    assert taken.at == "T5"  # the undo still takes back the click of its own machine
    assert [(e.pair, e.outcome) for e in effective(found.events)] == [("p2", "b"), ("p1", "b")]
    assert found.conflicts == ["ana judged p1 differently in two logs; the later word counts"]
    assert merge([found.events, home]).events == found.events
    assert "2 given a new id" in str(found)


def test_the_same_meaning_on_other_sides_is_no_conflict():
    assert merge([ANA, [says("ana", 9, "b", at="T9", left=1, right=0)]]).conflicts == []


def test_the_sample_log_is_merged_with_itself_unchanged():
    log = read_strictly(samples.path("support/rankings.jsonl"), Ranking)
    found = merge([log, log])
    assert found.events == log and found.duplicates == len(log)
