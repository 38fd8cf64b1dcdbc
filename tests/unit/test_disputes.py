"""Items in dispute, and the session that settles them blind."""

from __future__ import annotations

import re

import pytest

from labkit import LabError
from labkit.files import read_strictly
from labkit.preference.disputes import adjudication, disputed
from labkit.preference.pairs import preference_rows
from labkit.preference.ranking import RankingSession
from labkit.preference.view import RankingView
from labkit.records import Answer, Message, Pair, Ranking


def make_pairs(n, answers=2):
    return [
        Pair(
            id=f"pair-{i}",
            prompt=[Message(role="user", content=f"Question {i}?")],
            answers=[Answer(text=f"Answer {i}.{j}", source=f"model-{j}") for j in range(answers)],
        )
        for i in range(n)
    ]


def prefers(session, answer):
    """Judge the current pair: this answer is better, wherever it stands."""
    return session.choose("a" if session.current.left == answer else "b")


@pytest.fixture
def logs(tmp_path):
    """ana and bo agree on the first pair, differ on the second, and on the third bo skips."""
    log, pairs = tmp_path / "log.jsonl", make_pairs(3)
    ana, bo = RankingSession(pairs, log, "ana"), RankingSession(pairs, log, "bo", seed=3)
    for answer in (0, 0, 1):
        prefers(ana, answer)
    prefers(bo, 0)
    prefers(bo, 1)
    bo.choose("skip")
    return log, pairs


def test_only_differing_opinions_are_in_dispute(logs):
    events = read_strictly(logs[0], Ranking)
    assert list(disputed(events)) == ["pair-1"]
    again = [event.model_copy(update={"pair": "pair-0+again", "outcome": "both_bad"}) for event in events[:1]]
    assert list(disputed([*events, *again])) == ["pair-1"]


def test_the_lead_sees_what_was_said_but_not_by_whom_and_has_the_last_word(logs):
    log, pairs = logs
    session = adjudication(pairs, read_strictly(log, Ranking), log, "cy")
    assert [item.pair.id for item in session.items] == ["pair-1"]
    assert session.said == "1 said A is better; 1 said B is better"
    view = RankingView(session)
    assert session.said in view.heard.value
    shown = view.heard.value + view.prompt.value + view.progress.value
    assert not re.search(r"\b(ana|bo)\b", shown)
    event = prefers(session, 1)
    assert event.adjudicated and read_strictly(log, Ranking)[-1] == event
    view._refresh()
    assert view.heard.value == "" and session.current is None
    rows = preference_rows(pairs, read_strictly(log, Ranking)).dpo
    assert [(row["pair"], row["chosen"][0]["content"]) for row in rows] == [
        ("pair-0", "Answer 0.0"), ("pair-1", "Answer 1.1"), ("pair-2", "Answer 2.1"),
    ]  # fmt: skip
    with pytest.raises(LabError, match="no item is in dispute"):
        adjudication(pairs[:1], read_strictly(log, Ranking), log, "cy")


def test_a_labeller_who_also_settles_goes_through_both_sessions(logs):
    log, pairs = logs
    session = adjudication(pairs, read_strictly(log, Ranking), log, "ana")
    assert session.progress == (0, 1)
    prefers(session, 1)
    assert session.progress == (1, 1)
    assert RankingSession(pairs, log, "ana").progress == (3, 3)
    assert list(disputed(read_strictly(log, Ranking))) == ["pair-1"]  # the record of the dispute stays


def test_ranks_are_told_in_the_letters_of_the_one_who_settles(tmp_path):
    pairs, log = make_pairs(1, answers=3), tmp_path / "log.jsonl"
    for who, seed, best in (("ana", 0, 0), ("bo", 1, 2), ("cy", 2, 2)):
        session = RankingSession(pairs, log, who, seed)
        session.rank([1 if i == best else 2 for i in session.current.shown])
    session = adjudication(pairs, read_strictly(log, Ranking), log, "dee")
    letter = {answer: "ABC"[place] for place, answer in enumerate(session.current.shown)}
    said = {text.split(" said ")[1][0]: text.split()[0] for text in session.said.split("; ")}
    assert said == {letter[0]: "1", letter[2]: "2"}
    assert session.rank([1, 2, 3]).adjudicated
