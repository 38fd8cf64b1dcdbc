"""The parts of the speed benchmarks that need no model: equal work on both sides, and a clock that is fair."""

from __future__ import annotations

import io
import json

import pytest

from benchmarks import by_hand, sft_speed


class Words:
    """A tokenizer of one token a word, the number of its letters."""

    eos_token_id, pad_token_id = 99, 0

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [len(word) for word in text.split()]}

    def apply_chat_template(self, turns, tokenize, add_generation_prompt):
        return " ".join(turn["content"] for turn in turns)


def test_both_sides_see_the_same_rows_and_are_judged_on_others():
    train, held = sft_speed.rows_of("sft", 40)
    assert (len(train), len(held)) == (160, sft_speed.HELD_OUT)
    assert not {row.id for row in train} & {row.id for row in held}
    assert sft_speed.rows_of("sft", 40) == (train, held)
    batches = list(by_hand.shuffled(train, 4, 42))
    assert sorted(row.id for batch in batches for row in batch) == sorted(row.id for row in train)
    assert [row.id for row in batches[0]] != [row.id for row in train[:4]]
    assert batches != list(by_hand.shuffled(train, 4, 43))


def test_the_hand_written_side_learns_the_answer_and_its_end():
    row = sft_speed.rows_of("sft", 1)[0][0]
    ids, labels = by_hand.tokens(row, Words())
    answer = [len(word) for word in row.response.split()] + [99]
    assert (
        labels == [-100] * (len(ids) - len(answer)) + answer == [-100] * (len(ids) - len(answer)) + ids[-len(answer) :]
    )


def test_rows_are_filled_up_to_the_longest():
    batch = by_hand.padded([([1, 2, 99], [-100, 2, 99]), ([5], [5])], Words(), "cpu")
    assert batch["input_ids"].tolist() == [[1, 2, 99], [5, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 2, 99], [5, -100, -100]]


def test_the_first_block_is_not_timed():
    race = [(5, 60.0), (10, 5.0), (13, 5.0)]
    assert sft_speed.tokens_a_second([race], per_step=100) == pytest.approx(80)
    assert sft_speed.tokens_a_second([race, [(5, 60.0), (10, 30.0)]], per_step=100) == pytest.approx(1300 / 40)
    assert sft_speed.tokens_a_second([[(5, 10.0)]], per_step=100) == pytest.approx(50)


def test_a_side_waits_for_its_turn_and_reports_each_block(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sft_speed, "_OUT", said)
    monkeypatch.setattr(sft_speed.sys, "stdin", io.StringIO("go\ngo\n"))
    turns = sft_speed.Turns()
    for step in range(7):
        turns.before()
        turns.after(last=step == 6)
    assert [json.loads(line)["steps"] for line in said.getvalue().splitlines()] == [5, 7]
    assert sft_speed.sys.stdin.read() == ""
