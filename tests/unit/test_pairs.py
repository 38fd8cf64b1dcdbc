"""From rankings to training rows, and the split by prompt."""

from __future__ import annotations

import json
from itertools import count

import pytest

from labkit import LabError
from labkit.preference.pairs import preference_rows, split
from labkit.records import Answer, Message, Pair, Ranking

_ids = count()


def pair(name="p1", texts=("first", "second"), question="How long?"):
    return Pair(
        id=name,
        prompt=[Message(role="system", content="Be kind."), Message(role="user", content=question)],
        answers=[Answer(text=text, source="hidden") for text in texts],
    )


def says(who, outcome, name="p1", left=0, right=1, **more):
    return Ranking(id=f"{who}-{next(_ids)}", pair=name, annotator=who, left=left, right=right, outcome=outcome, **more)


def texts(row):
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def test_a_decided_pair_gives_one_conversational_dpo_row_and_two_kto_rows():
    made = preference_rows([pair()], [says("ana", "b")])
    prompt = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How long?"}]
    second, first = ([{"role": "assistant", "content": text}] for text in ("second", "first"))
    assert made.dpo == [{"pair": "p1", "prompt": prompt, "chosen": second, "rejected": first, "weight": 1.0}]
    assert made.kto == [
        {"pair": "p1", "prompt": prompt, "completion": first, "label": False},
        {"pair": "p1", "prompt": prompt, "completion": second, "label": True},
    ]
    assert "hidden" not in json.dumps(made.model_dump())


def test_sides_are_translated_back():
    swapped = preference_rows([pair()], [says("ana", "a", left=1, right=0)])
    assert texts(swapped.dpo[0]) == ("second", "first")


@pytest.mark.parametrize(("outcome", "label"), [("both_good", True), ("both_bad", False)])
def test_ties_make_kto_rows_only(outcome, label):
    made = preference_rows([pair()], [says("ana", outcome), says("bo", outcome)])
    assert made.dpo == []
    assert [row["label"] for row in made.kto] == [label, label]
    assert made.accounting.dropped == {outcome.replace("_", " "): ["p1"]}


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        (["a", "a", "b"], ("first", "second")),
        (["b", "skip"], ("second", "first")),
        (["b", "b", "a", "both_good"], ("second", "first")),
        (["a", "b"], "split vote"),
        (["a", "both_good"], "split vote"),
        (["a", "b", "both_bad"], "split vote"),
        (["skip", "skip"], "skipped"),
        ([], "not judged"),
    ],
)
def test_the_majority_decides(outcomes, result):
    made = preference_rows([pair()], [says(f"who{i}", outcome) for i, outcome in enumerate(outcomes)])
    if isinstance(result, str):
        assert (made.dpo, made.kto) == ([], [])
        assert made.accounting.dropped == {result: ["p1"]}
    else:
        assert [texts(row) for row in made.dpo] == [result]


def test_withdrawn_judgements_do_not_vote():
    wrong = says("ana", "a")
    undo = says("ana", "undo", supersedes=wrong.id)
    assert preference_rows([pair()], [wrong, undo]).accounting.dropped == {"not judged": ["p1"]}
    assert texts(preference_rows([pair()], [wrong, undo, says("ana", "b")]).dpo[0]) == ("second", "first")


def test_every_comparison_is_accounted_for():
    pairs = [pair(f"p{i}") for i in range(6)] + [pair("p6", texts=("same", "same"))]
    log = [
        says("ana", "a", "p0"), says("ana", "skip", "p1"), says("ana", "both_good", "p2"), says("ana", "a", "p3"),
        says("bo", "b", "p3"), says("ana", "b", "p4"), says("ana", "a", "p6"), says("ana", "a", "p4+again"),
        says("ana", "a", "p4", left=0, right=7),
    ]  # fmt: skip
    account = preference_rows(pairs, log).accounting
    assert account.comparisons == 7 == account.used + sum(len(ids) for ids in account.dropped.values())
    assert account.dropped == {
        "skipped": ["p1"],
        "both good": ["p2"],
        "split vote": ["p3"],
        "not judged": ["p5"],
        "same text twice": ["p6"],
    }
    assert account.elsewhere == 1  # an answer that does not exist
    assert account.excluded == {"repeat": 1}
    assert account.kto_rows == 6
    assert str(account).startswith("7 comparisons: 2 DPO rows, 1 both good, 1 not judged")


def test_three_answers_count_as_one_prompt():
    log = [says("ana", "a", left=0, right=1), says("ana", "b", left=2, right=0), says("ana", "b", left=1, right=2)]
    made = preference_rows([pair(texts=("best", "worst", "middle"))], log)
    assert {texts(row) for row in made.dpo} == {("best", "worst"), ("best", "middle"), ("middle", "worst")}
    assert sum(row["weight"] for row in made.dpo) == pytest.approx(1)
    assert [(row["completion"][0]["content"], row["label"]) for row in made.kto] == [("best", True), ("worst", False)]
    assert made.accounting.kto_undecided == 1


def ranks(who, order, shown=(0, 1, 2), name="p1", **more):
    return Ranking(
        id=f"{who}-{next(_ids)}", pair=name, annotator=who, left=shown[0], right=shown[-1], outcome="ranked",
        shown=list(shown), ranks=list(order), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("order", "shown", "rows"),
    [
        ([1, 2, 3], (0, 1, 2), {("x", "y"), ("x", "z"), ("y", "z")}),
        ([1, 2, 3], (2, 0, 1), {("z", "x"), ("z", "y"), ("x", "y")}),
        ([1, 2, 2], (0, 1, 2), {("x", "y"), ("x", "z")}),
        ([1, 1, 1], (0, 1, 2), set()),
    ],
)
def test_a_rank_gives_a_row_for_each_two_answers_that_are_not_tied(order, shown, rows):
    made = preference_rows([pair(texts="xyz")], [ranks("ana", order, shown)])
    assert {texts(row) for row in made.dpo} == rows
    assert sum(row["weight"] for row in made.dpo) == pytest.approx(float(bool(rows)))
    assert made.accounting.comparisons == 3 == made.accounting.used + sum(map(len, made.accounting.dropped.values()))
    assert set(made.accounting.dropped) == ({"tie"} if len(rows) < 3 else set())


def test_annotators_vote_on_each_two_answers_of_a_rank():
    log = [ranks("ana", [1, 2, 3]), ranks("bo", [2, 1, 3], shown=(0, 1, 2)), says("cy", "b", left=0, right=1)]
    made = preference_rows([pair(texts="xyz")], log)
    assert {texts(row) for row in made.dpo} == {("y", "x"), ("x", "z"), ("y", "z")}


def test_each_prompt_counts_once_however_many_pairs_it_has():
    pairs = [pair("p1"), pair("p2", question="how  LONG?"), pair("p3", question="Why?")]
    made = preference_rows(pairs, [says("ana", "a", name) for name in ("p1", "p2", "p3")])
    assert [row["weight"] for row in made.dpo] == [0.5, 0.5, 1]


def test_gold_items_and_repeats_never_train_and_are_counted():
    log = [says("ana", "a", name) for name in ("p1", "p1+again", "g1", "g1+again", "nowhere")]
    made = preference_rows([pair("p1"), pair("g1", question="Gold?")], log, gold=["g1"])
    assert [row["pair"] for row in made.dpo] == ["p1"] and {row["pair"] for row in made.kto} == {"p1"}
    assert made.accounting.excluded == {"gold item": 2, "repeat": 1}
    assert (made.accounting.comparisons, made.accounting.elsewhere) == (1, 1)
    assert "2 of a gold item; left out: 1 of a repeat" in str(made.accounting)


def test_an_adjudicated_word_stands_for_all():
    log = [says("ana", "a"), says("bo", "a"), says("cy", "b"), says("lead", "b", adjudicated=True)]
    made = preference_rows([pair()], log)
    assert [texts(row) for row in made.dpo] == [("second", "first")]
    every = preference_rows([pair()], log, disagreement="every")
    assert [texts(row) for row in every.dpo] == [("second", "first")]
    skipped = preference_rows([pair()], [*log[:3], says("lead", "skip", adjudicated=True)])
    assert [texts(row) for row in skipped.dpo] == [("first", "second")]
    own = preference_rows([pair()], [says("ana", "a"), says("ana", "b", adjudicated=True)])
    assert [texts(row) for row in own.dpo] == [("second", "first")]


def test_every_word_makes_a_row_where_a_robust_loss_is_to_bear_the_noise():
    log = [says("ana", "a"), says("bo", "b"), says("cy", "a"), says("dee", "both_good")]
    made = preference_rows([pair(), pair("p2", question="Why?")], log, disagreement="every")
    assert [texts(row) for row in made.dpo] == [("first", "second")] * 2 + [("second", "first")]
    assert sum(row["weight"] for row in made.dpo) == pytest.approx(1)
    assert (made.accounting.used, made.accounting.dropped) == (1, {"not judged": ["p2"]})
    assert len(made.kto) == 2  # by majority


def test_split_keeps_all_pairs_of_a_prompt_together():
    pairs = [pair(f"p{i}", question=f"Question {i // 3}" + "  ?" * (i % 2)) for i in range(60)]
    for one, two in zip(pairs[::3], pairs[2::3], strict=True):
        assert one.prompt == two.prompt
    for seed in range(10):
        train, held_out = split(pairs, share=0.2, seed=seed)
        assert sorted(train + held_out) == sorted(p.id for p in pairs)
        prompts = {p.id: p.prompt[-1].content for p in pairs}
        assert not {prompts[i] for i in train} & {prompts[i] for i in held_out}
        assert 10 <= len(held_out) <= 12


def test_split_sees_through_case_and_spacing():
    pairs = [pair("a", question="Where is it?"), pair("b", question="where  is IT?\n"), pair("c", question="Why?")]
    sides = {tuple(sorted(part)) for seed in range(20) for part in split(pairs, share=0.7, seed=seed)}
    assert sides == {("a", "b"), ("c",)}


def test_split_depends_on_the_seed_but_not_on_the_order():
    pairs = [pair(f"p{i:02d}", question=f"Question {i}") for i in range(40)]
    held_out = split(pairs, seed=1)[1]
    assert len(held_out) == 8
    assert held_out == sorted(held_out)
    assert set(split(pairs[::-1], seed=1)[1]) == set(held_out)
    assert set(split(pairs, seed=2)[1]) != set(held_out)


@pytest.mark.parametrize("share", [0, 1, -0.2, 20])
def test_split_refuses_a_share_that_is_none(share):
    with pytest.raises(LabError, match="between 0 and 1"):
        split([pair()], share=share)
