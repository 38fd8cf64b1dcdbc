"""Ranking by typing: what is read, what is shown, what is saved."""

from __future__ import annotations

import pytest

from labkit import LabError, cli
from labkit.files import read_jsonl, read_strictly, write_jsonl
from labkit.preference.ranking import RankingSession
from labkit.preference.terminal import ranks_of
from labkit.records import Answer, Message, Pair, Ranking


def make_pairs(n, answers=2, text="Answer"):
    return [
        Pair(
            id=f"pair-{i}",
            prompt=[Message(role="user", content=f"Question {i}?")],
            answers=[Answer(text=f"{text} {i}.{j}", source=f"SECRET{j}") for j in range(answers)],
        )
        for i in range(n)
    ]


def typed(*lines):
    """Somebody who types these lines, and then closes the terminal."""
    left = list(lines)

    def read(_prompt):
        if not left:
            raise EOFError
        return left.pop(0)

    return read


def test_one_letter_an_item(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    RankingSession(make_pairs(5), log, "ana").ask(typed("a", " B ", "g", "n", "u", "s", "s"))
    assert [e.outcome for e in read_strictly(log, Ranking)] == [
        "a",
        "b",
        "both_good",
        "both_bad",
        "undo",
        "skip",
        "skip",
    ]
    said = capsys.readouterr().out
    assert "Ranking as ana: 0 of 5 done" in said and "All judged. Thank you." in said
    assert "Saved: A is better." in said and "taken back" in said
    assert "SECRET" not in said and "pair-0" not in said


def test_nonsense_saves_nothing_and_asks_again(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    RankingSession(make_pairs(1), log, "ana").ask(typed("left", "", "u", "\x1b[2Ja"))
    assert not log.exists()
    said = capsys.readouterr().out
    assert said.count("Not saved:") == 3 and "nothing to take back" in said and "\x1b" not in said


@pytest.mark.parametrize("end", ["q", "QUIT"])
def test_quitting_keeps_what_was_done_and_starting_again_goes_on(tmp_path, capsys, end):
    log = tmp_path / "log.jsonl"
    RankingSession(make_pairs(3), log, "ana").ask(typed("a", end, "b"))
    assert "1 of 3 done. Start again to go on from here." in capsys.readouterr().out
    RankingSession(make_pairs(3), log, "ana").ask(typed("b"))
    assert [e.outcome for e in read_strictly(log, Ranking)] == ["a", "b"]


def test_ranks_are_typed_best_first(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    RankingSession(make_pairs(3, answers=3), log, "ana").ask(typed("b a=c", "a", "c > b > a", "s"))
    assert [e.ranks for e in read_strictly(log, Ranking)] == [[2, 1, 2], [3, 2, 1], []]
    said = capsys.readouterr().out
    assert "Saved: B > A = C." in said and "does not name every answer once" in said and "Answer C:" in said


@pytest.mark.parametrize(
    ("said", "ranks"),
    [("a b c", [1, 2, 3]), ("C>A=B", [2, 2, 1]), ("a = b = c", [1, 1, 1]), ("b  a =c", [2, 1, 2])],
)
def test_orders_that_are_understood(said, ranks):
    assert ranks_of(said, 3) == ranks


@pytest.mark.parametrize("said", ["", "a b", "a b b", "a b c d", "a=b=", "1 2 3", "abc", "a==b c", "> a b c ="])
def test_orders_that_are_not(said):
    with pytest.raises(LabError, match="does not name every answer once"):
        ranks_of(said, 3)


def test_answers_cannot_steer_the_terminal(tmp_path, capsys):
    RankingSession(make_pairs(1, text="\x1b]0;owned\x07\x1b[31mred\u202e"), tmp_path / "log", "ana").ask(typed())
    said = capsys.readouterr().out
    assert "red" in said and not {"\x1b", "\x07", "\u202e"} & set(said)


def test_the_verb_ranks_with_repeats_and_settles(tmp_path, monkeypatch, capsys):
    pairs, log = tmp_path / "pairs.jsonl", tmp_path / "log.jsonl"
    write_jsonl(pairs, make_pairs(2))
    monkeypatch.setattr("builtins.input", typed("a", "b", "g"))
    arguments = ["rank", "session", str(pairs), "--log", str(log), "--repeats", "0.5"]
    assert cli.run([*arguments, "--annotator", "ana"]) == 0
    events = read_strictly(log, Ranking)
    assert len(events) == 3 and events[2].pair.endswith("+again")
    monkeypatch.setattr("builtins.input", typed("n", "n", "n"))
    assert cli.run([*arguments, "--annotator", "bo"]) == 0
    monkeypatch.setattr("builtins.input", typed("g", "g"))
    settled = ["rank", "session", str(pairs), "--log", str(log), "--adjudicate", str(log), "--annotator", "cy"]
    assert cli.run(settled) == 0
    assert "The labellers: 1 said" in capsys.readouterr().out
    assert [e.annotator for e in read_jsonl(log, Ranking)[0] if e.adjudicated] == ["cy", "cy"]
    assert cli.run(settled[:-2]) == 0  # the default annotator finds the same dispute
    assert cli.run(["rank", "session", str(pairs), "--log", str(log), "--repeats", "7"]) == 2


def test_the_verb_gives_each_of_a_team_their_share(tmp_path, monkeypatch, capsys):
    pairs = write_jsonl(tmp_path / "pairs.jsonl", make_pairs(10))
    log, shared = str(tmp_path / "log.jsonl"), ["--team", "ana,bo", "--overlap", "0.2", "--repeats", "0"]
    monkeypatch.setattr("builtins.input", typed())
    assert cli.run(["rank", "session", str(pairs), "--log", log, "--annotator", "bo", *shared]) == 0
    assert "Ranking as bo: 0 of 6 done" in capsys.readouterr().out
    assert cli.run(["rank", "session", str(pairs), "--log", log, "--annotator", "cy", *shared]) == 2
    assert "is not in the team" in capsys.readouterr().err
