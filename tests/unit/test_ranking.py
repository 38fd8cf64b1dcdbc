"""The ranking session: no click lost, balanced sides, undo, resume."""

from __future__ import annotations

import datetime
import json
import threading
from collections import Counter
from random import Random

import pytest

from labkit import LabError, samples
from labkit.files import append_jsonl, read_jsonl, read_strictly
from labkit.preference.events import AGAIN, GoldPair, better, comparisons, effective, slot
from labkit.preference.items import BLOCK, order, shares, with_repeats
from labkit.preference.ranking import RankingSession
from labkit.records import Answer, Message, Pair, Ranking

OUTCOMES = ["a", "b", "both_good", "both_bad", "skip"]


class Clock:
    """A clock that tests move by hand."""

    def __init__(self):
        self.now = datetime.datetime(2026, 10, 5, 9, tzinfo=datetime.UTC)

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        self.now += datetime.timedelta(seconds=seconds)


def make_pairs(n, answers=2):
    return [
        Pair(
            id=f"pair-{i:03d}",
            prompt=[Message(role="system", content="Be kind."), Message(role="user", content=f"Question {i}?")],
            answers=[Answer(text=f"Answer {i}.{j}", source=f"model-{j}") for j in range(answers)],
        )
        for i in range(n)
    ]


def events(log):
    return read_jsonl(log, Ranking)[0]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "new folder" / "rankings.jsonl"


def test_a_choice_is_on_disk_at_once_and_the_next_item_is_shown(log):
    clock = Clock()
    session = RankingSession(make_pairs(3), log, "ana", clock=clock)
    first = session.current
    clock.pass_by(7.26)
    session.choose("a", tags=["rude", "apology", "rude"], note="naïve")
    [event] = events(log)
    assert (event.pair, event.left, event.right, event.outcome) == ("pair-000", first.left, first.right, "a")
    assert (event.tags, event.note, event.seconds) == (["apology", "rude"], "naïve", 7.3)
    assert event.at == "2026-10-05T09:00:07+00:00"
    assert session.current.pair.id == "pair-001"
    assert session.progress == (1, 3)


def test_the_timer_starts_again_for_each_item_and_never_runs_backwards(log):
    clock = Clock()
    session = RankingSession(make_pairs(3), log, "ana", clock=clock)
    clock.pass_by(100)
    session.start_timer()
    clock.pass_by(5)
    session.choose("a")
    clock.pass_by(2)
    session.choose("b")
    clock.pass_by(-60)
    session.choose("b")
    assert [event.seconds for event in session.decisions()] == [5, 2, 0]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 96])
@pytest.mark.parametrize("seed", range(5))
def test_exactly_half_of_each_block_is_swapped(log, n, seed):
    items = RankingSession(make_pairs(n), log, "ana", seed).items
    swapped = [item.left == 1 for item in items]
    assert all({item.left, item.right} == {0, 1} for item in items)
    for start in range(0, n, BLOCK):
        block = swapped[start : start + BLOCK]
        assert abs(2 * sum(block) - len(block)) <= len(block) % 2


def test_sides_depend_on_seed_and_annotator_and_on_nothing_else(log):
    def sides(annotator, seed):
        return [item.left for item in RankingSession(make_pairs(40), log, annotator, seed).items]

    assert sides("ana", 0) == sides("ana", 0)
    assert sides("ana", 0) != sides("ana", 1)
    assert sides("ana", 0) != sides("bo", 0)
    blocks = {tuple(sides("ana", seed)[:BLOCK]) for seed in range(40)}
    assert len(blocks) == 6  # every way to swap two of four


def test_better_undoes_the_sides(log):
    session = RankingSession(make_pairs(8), log, "ana")
    for _ in range(8):  # the annotator always prefers answer 1, wherever it stands
        session.choose("a" if session.current.left == 1 else "b")
    assert Counter(event.outcome for event in session.decisions()) == {"a": 4, "b": 4}
    assert [better(event) for event in session.decisions()] == [1] * 8


@pytest.mark.parametrize(("outcome", "meaning"), [("both_good", "both_good"), ("both_bad", "both_bad"), ("skip", None)])
def test_better_of_the_other_outcomes(log, outcome, meaning):
    assert better(RankingSession(make_pairs(1), log, "ana").choose(outcome)) == meaning


def test_undo_supersedes_goes_back_and_erases_nothing(log):
    session = RankingSession(make_pairs(3), log, "ana")
    session.choose("a")
    shown = session.current
    wrong = session.choose("b")
    undone = session.undo()
    assert (undone.outcome, undone.supersedes) == ("undo", wrong.id)
    assert session.current == shown
    assert session.progress == (1, 3)
    session.choose("both_bad")
    assert [event.outcome for event in session.decisions()] == ["a", "both_bad"]
    assert [event.outcome for event in events(log)] == ["a", "b", "undo", "both_bad"]
    assert session.current.pair.id == "pair-002"


def test_undo_goes_back_step_by_step_to_the_start_and_then_does_nothing(log):
    session = RankingSession(make_pairs(3), log, "ana")
    for _ in range(3):
        session.choose("a")
    assert session.current is None
    assert [session.undo() and session.current.pair.id for _ in range(3)] == ["pair-002", "pair-001", "pair-000"]
    assert session.undo() is None
    assert len(events(log)) == 6


def test_undo_returns_to_its_item_even_when_earlier_ones_are_open(log):
    pairs = make_pairs(4)
    session = RankingSession(pairs[2:], log, "ana")
    session.choose("a")
    session = RankingSession(pairs, log, "ana")  # two new pairs came in front
    assert session.current.pair.id == "pair-000"
    session.undo()
    assert session.current.pair.id == "pair-002"
    assert RankingSession(pairs, log, "ana").current.pair.id == "pair-002"


def test_a_new_session_goes_on_where_the_last_one_stopped(log):
    pairs = make_pairs(10)
    one = RankingSession(pairs, log, "ana", seed=3)
    for outcome in OUTCOMES:
        one.choose(outcome)
    one.undo()
    two = RankingSession(pairs, log, "ana", seed=3)
    assert (two.current, two.progress, two.decisions()) == (one.current, one.progress, one.decisions())
    assert two.items == one.items


def test_annotators_in_one_log_are_kept_apart(log):
    pairs = make_pairs(4)
    ana, bo = RankingSession(pairs, log, "ana"), RankingSession(pairs, log, "bo")
    ana.choose("a")
    ana.choose("b")
    bo.choose("skip")
    assert bo.progress == (1, 4)
    bo.undo()
    assert bo.undo() is None
    assert [event.outcome for event in RankingSession(pairs, log, "ana").decisions()] == ["a", "b"]
    assert RankingSession(pairs, log, "bo").decisions() == []
    assert len({event.id for event in events(log)}) == 4


def test_nobody_can_withdraw_the_judgement_of_another():
    mine = Ranking(id="x-1", pair="p", annotator="ana", left=0, right=1, outcome="a")
    theirs = mine.model_copy(update={"id": "x-2", "annotator": "bo", "outcome": "undo", "supersedes": "x-1"})
    assert effective([mine, theirs]) == [mine]


def test_the_last_judgement_of_a_comparison_counts_once():
    one = Ranking(id="x-1", pair="p", annotator="ana", left=0, right=1, outcome="a")
    two = one.model_copy(update={"id": "x-2", "left": 1, "right": 0, "outcome": "b"})
    assert effective([one, two]) == [two]
    late_undo_of_the_old = one.model_copy(update={"id": "x-3", "outcome": "undo", "supersedes": "x-1"})
    assert effective([one, two, late_undo_of_the_old]) == [two]
    assert effective(effective([one, two])) == [two]
    elsewhere = one.model_copy(update={"id": "x-4", "pair": "q"})
    assert effective([one, elsewhere, two]) == [elsewhere, two]  # newest last: undo takes that one


def test_a_second_window_of_the_same_annotator_cannot_judge_a_pair_unseen(log):
    pairs = make_pairs(3)
    one, two = RankingSession(pairs, log, "ana"), RankingSession(pairs, log, "ana")
    one.choose("a")
    with pytest.raises(LabError, match="gone on elsewhere"):
        two.choose("b")
    assert two.current.pair.id == "pair-001"
    two.choose("b")
    assert [(e.id, e.pair, e.outcome) for e in events(log)] == [
        ("ana-0001", "pair-000", "a"),
        ("ana-0002", "pair-001", "b"),
    ]


def test_a_log_that_was_deleted_meanwhile_is_not_taken_for_done(log):
    session = RankingSession(make_pairs(2), log, "ana")
    session.choose("a")
    log.unlink()
    with pytest.raises(LabError, match="nothing was saved"):
        session.choose("a")
    assert session.progress == (0, 2)


def random_click(session, rng, note="größer ✓"):
    if rng.random() < 0.25 or session.current is None:
        return session.undo()
    return session.choose(rng.choice(OUTCOMES), tags=rng.sample(["rude", "apology"], rng.randint(0, 2)), note=note)


@pytest.mark.parametrize("seed", range(3))
def test_cutting_the_log_at_any_byte_of_its_last_line_loses_that_click_only(tmp_path, seed):
    rng, log, pairs = Random(seed), tmp_path / "rankings.jsonl", make_pairs(8)
    session = RankingSession(pairs, log, "ana", seed)
    bystander = RankingSession(pairs, log, "bo", seed)
    bystander.choose("both_good")
    for _ in range(6 + seed):
        random_click(session, rng)
    whole = log.read_bytes()
    logged = events(log)
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(start, len(whole) + 1):
        log.write_bytes(whole[:cut])
        survivors = logged if cut >= len(whole) - 1 else logged[:-1]
        resumed = RankingSession(pairs, log, "ana", seed)
        assert resumed.decisions() == effective(e for e in survivors if e.annotator == "ana")
        assert len(resumed.findings) == (start < cut < len(whole) - 1)
        assert RankingSession(pairs, log, "bo", seed).progress == (1, 8)
        new = resumed.choose("skip") if resumed.current else resumed.undo()
        assert events(log) == [*survivors, new]  # the torn line swallows nothing that comes after it
        assert new.id not in {e.id for e in survivors}


@pytest.mark.parametrize("seed", range(15))
def test_many_kills_in_a_row_lose_at_most_the_click_of_each(tmp_path, seed):
    rng, log, pairs = Random(100 + seed), tmp_path / "rankings.jsonl", make_pairs(12)
    kept = []
    for _ in range(12):
        session = RankingSession(pairs, log, "ana")
        for _ in range(rng.randint(1, 5)):
            if (event := random_click(session, rng)) is not None:
                kept.append(event)
            elif session.current:
                kept.append(session.choose("a"))
        size = log.stat().st_size
        last = len(json.dumps(kept[-1].model_dump(mode="json"), ensure_ascii=False).encode()) + 1
        cut = rng.randint(size - last, size)
        with open(log, "rb+") as stream:
            stream.truncate(cut)
        if cut < size - 1:
            kept.pop()
        assert events(log) == kept
        resumed = RankingSession(pairs, log, "ana")
        assert resumed.decisions() == effective(kept)
        assert resumed.progress[0] == len({slot(e) for e in effective(kept)})
    assert len({e.id for e in kept}) == len(kept)


def test_comparisons_of_a_pair():
    assert [about.answers for about in comparisons(make_pairs(1, answers=3)[0])] == [(0, 1), (0, 2), (1, 2)]


def test_annotators_who_click_at_the_same_time_lose_nothing(log):
    pairs = make_pairs(15)
    log.parent.mkdir()

    def work(name):
        session = RankingSession(pairs, log, name)
        for _ in pairs:
            session.choose("a")

    workers = [threading.Thread(target=work, args=(name,)) for name in ("ana", "bo", "cy")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name in ("ana", "bo", "cy"):
        assert len({e.id for e in events(log) if e.annotator == name}) == 15


def test_a_line_of_somebody_elses_making_is_passed_over_and_reported(log):
    pairs = make_pairs(2)
    append_jsonl(log, {"pair": "pair-000", "outcome": "left"})
    session = RankingSession(pairs, log, "ana")
    assert session.progress == (0, 2)
    assert "line 1" in session.findings[0].message
    assert session.choose("a").id == "ana-0002"


def test_three_answers_are_ranked_in_one_go(log):
    session = RankingSession(make_pairs(2, answers=3), log, "ana")
    shown = session.current.shown
    event = session.rank([2, 1, 2], tags=["rude"], note="close")
    assert (event.outcome, event.shown, event.ranks, event.tags) == ("ranked", list(shown), [2, 1, 2], ["rude"])
    assert (event.left, event.right) == (shown[0], shown[-1])
    assert events(log) == [event]
    session.undo()
    assert session.current.shown == shown and session.progress == (0, 2)
    session.choose("skip")
    assert session.rank([3, 3, 1]).ranks == [2, 2, 1]
    assert RankingSession(make_pairs(2, answers=3), log, "ana").current is None
    assert [e.outcome for e in session.decisions()] == ["skip", "ranked"]


@pytest.mark.parametrize("ranks", [[1, 2], [1, 2, 3, 3], [0, 1, 2], [1, 2, 4]])
def test_ranks_that_do_not_fit_write_nothing(log, ranks):
    session = RankingSession(make_pairs(1, answers=3), log, "ana")
    with pytest.raises(LabError, match="equal ranks are a tie"):
        session.rank(ranks)
    with pytest.raises(LabError, match="there are 3 answers"):
        session.choose("a")
    assert not log.exists()
    with pytest.raises(LabError, match="there are two answers"):
        RankingSession(make_pairs(1), log, "ana").rank([1, 2])


@pytest.mark.parametrize("k", [3, 4])
def test_each_answer_stands_once_at_each_place_of_a_block(log, k):
    items = RankingSession(make_pairs(3 * k, answers=k), log, "ana", seed=2).items
    for start in range(0, 3 * k, k):
        block = [item.shown for item in items[start : start + k]]
        assert all(sorted(place) == list(range(k)) for place in zip(*block, strict=True))


def test_pairs_keep_their_sides_when_ranks_and_gold_come_among_them(log):
    pairs, three = make_pairs(10), make_pairs(13, answers=3)[10:]
    gold = [GoldPair(**pair.model_dump() | {"id": f"gold-{i}"}, right=0) for i, pair in enumerate(make_pairs(4))]
    alone = {item.pair.id: item.shown for item in RankingSession(pairs, log, "ana").items}
    among = {item.pair.id: item.shown for item in RankingSession([*three, *pairs], log, "ana", gold=gold).items}
    assert {i: among[i] for i in alone} == alone
    assert sum(i.startswith("gold") for i in among) == 1 and len(among) == 14


def test_gold_pairs_come_unannounced_about_one_in_ten(log):
    gold = [GoldPair(**pair.model_dump() | {"id": f"gold-{i}"}, right=0) for i, pair in enumerate(make_pairs(20))]
    items = RankingSession(make_pairs(100), log, "ana", gold=gold).items
    places = [i for i, item in enumerate(items) if item.pair.id.startswith("gold")]
    assert len(places) == 10 and len(items) == 110
    assert all(11 * i <= place < 11 * (i + 1) for i, place in enumerate(places))  # one in each stretch
    bo = RankingSession(make_pairs(100), log, "bo", gold=gold).items
    assert [item.pair.id for item in bo] != [item.pair.id for item in items]


def test_an_order_reads_best_first():
    assert order([2, 1, 2]) == "B > A = C"
    assert order([None, 2, 1, None]) == "C > B"
    assert order([]) == ""


def test_a_log_of_pairs_holds_no_field_of_ranks(log):
    RankingSession(make_pairs(1), log, "ana").choose("a")
    assert not {"shown", "ranks", "adjudicated"} & set(json.loads(log.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"shown": [0, 1]}, {"shown": [0, 2, 0]}, {"ranks": [1, 2]}, {"ranks": []}, {"outcome": "a"},
        {"ranks": [0, 1, 2]},
    ],
)  # fmt: skip
def test_ranks_that_contradict_themselves_are_refused(change):
    good = {"id": "x", "pair": "p", "annotator": "ana", "left": 0, "right": 2, "outcome": "ranked"}
    good |= {"shown": [0, 1, 2], "ranks": [1, 2, 2]}
    Ranking(**good)
    with pytest.raises(ValueError):
        Ranking(**good | change)


def test_repeats_come_last_and_the_other_way_round(log):
    pairs = with_repeats(make_pairs(20), share=0.2, seed=1)
    assert pairs == with_repeats(make_pairs(20), share=0.2, seed=1)
    items = {item.pair.id: item for item in RankingSession(pairs, log, "ana").items}
    again = [i for i in items if i.endswith(AGAIN)]
    assert len(again) == 4
    assert list(items)[-4:] == again
    for i in again:
        assert items[i].shown == items[i.removesuffix(AGAIN)].shown[::-1]
    three = RankingSession(with_repeats(make_pairs(3, answers=3), share=1), log, "ana").items
    assert [item.shown for item in three[3:]] != [item.shown for item in three[:3]]


def test_what_is_shown_names_no_source_and_no_system_prompt(log):
    item = RankingSession(make_pairs(1), log, "ana").current
    assert item.question == "Question 0?"
    assert set(item.texts) == {"A", "B"} and set(item.texts.values()) == {"Answer 0.0", "Answer 0.1"}
    turns = [("user", "Hi"), ("assistant", "Hello"), ("user", "?")]
    talk = [Message(role=role, content=content) for role, content in turns]
    pair = item.pair.model_copy(update={"prompt": talk})
    assert RankingSession([pair], log, "ana").current.question == "user: Hi\nassistant: Hello\nuser: ?"


@pytest.mark.parametrize("name", ["", "Ana Maria", "../ana", "a" * 41])
def test_an_unusable_annotator_id_is_refused(log, name):
    with pytest.raises(LabError, match="letters"):
        RankingSession(make_pairs(1), log, name)


def test_misuse_is_explained_and_writes_nothing(log):
    pairs = make_pairs(1)
    with pytest.raises(LabError, match="pair-000: is in the list twice"):
        RankingSession(pairs * 2, log, "ana")
    session = RankingSession(pairs, log, "ana")
    with pytest.raises(LabError, match="Take one of a, b"):
        session.choose("left")
    session.choose("b")
    with pytest.raises(LabError, match="every pair has its judgement"):
        session.choose("b")
    assert len(events(log)) == 1


def test_a_log_that_cannot_be_written_leaves_the_item_open(tmp_path):
    (tmp_path / "file").write_text("")
    session = RankingSession(make_pairs(1), tmp_path / "file" / "rankings.jsonl", "ana")
    with pytest.raises(LabError, match="Nothing was saved"):
        session.choose("a")
    assert session.progress == (0, 1)


def test_the_sample_log_is_what_these_sessions_would_have_written():
    log = samples.path("support/rankings.jsonl")
    pairs, logged = read_strictly(samples.path("support/pairs.jsonl"), Pair), read_strictly(log, Ranking)
    for name in ("ana", "bo"):
        session = RankingSession(pairs, log, name)
        assert session.progress == (len(pairs), len(pairs))
        assert session.findings == []
        shown = [(item.pair.id, item.left, item.right) for item in session.items]
        assert [(e.pair, e.left, e.right) for e in logged if e.annotator == name] == shown


@pytest.mark.parametrize(("overlap", "common"), [(0, 0), (0.25, 5), (1, 20)])
def test_a_team_shares_the_pairs_and_everybody_gets_the_overlap(overlap, common):
    pairs = make_pairs(20)
    dealt = shares(pairs, ["ana", "bo", "cy"], overlap, seed=4)
    ids = {who: {pair.id for pair in own} for who, own in dealt.items()}
    assert set.union(*ids.values()) == {pair.id for pair in pairs}
    assert len(set.intersection(*ids.values())) == common
    assert sum(map(len, ids.values())) == 20 + 2 * common
    assert max(map(len, ids.values())) - min(map(len, ids.values())) <= 1
    assert [pair.id for pair in dealt["ana"]] == sorted(ids["ana"])
    assert dealt == shares(pairs, ["ana", "bo", "cy"], overlap, seed=4)


@pytest.mark.parametrize(("people", "overlap"), [([], 0.2), (["ana", "ana"], 0.2), (["ana"], 1.5)])
def test_shares_that_cannot_be_are_refused(people, overlap):
    with pytest.raises(LabError, match="different annotators"):
        shares(make_pairs(3), people, overlap)
