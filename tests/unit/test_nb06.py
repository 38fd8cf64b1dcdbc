"""The exercises of notebook 06: stub, right and wrong answers, and the arithmetic of the lesson."""

from __future__ import annotations

import json
import math

import pytest

from labkit import LabError
from labkit.lesson import nb06
from labkit.lesson.exercises import ____, exercises
from labkit.records import Example, Message
from labkit.training.settings import LoraSettings, SFTSettings

TASKS = exercises("06")


@pytest.mark.parametrize("task", list(TASKS))
def test_stubs_are_not_attempted(task):
    assert TASKS[task].check(____).status == "not attempted"
    assert TASKS[task].check(lambda *given: ____).status == "not attempted"


def right_resume(checkpoints):
    complete = [name for name, whole in checkpoints.items() if whole]
    return max(complete, key=lambda name: int(name.split("-")[1]), default=None)


@pytest.mark.parametrize(
    ("task", "right"),
    [
        ("trained_mask", lambda p, a: [0] * p + [1] * (a + 1)),
        ("trained_mask", lambda p, a: (False,) * p + (True,) * (a + 1)),
        ("steps_of_a_run", lambda rows, batch, epochs: math.ceil(rows / batch) * epochs),
        ("steps_of_a_run", lambda rows, batch, epochs: -(-rows // batch) * epochs),
        ("resume_from", right_resume),
    ],
)
def test_right_answers_pass(task, right):
    assert TASKS[task].check(right).status == "passed"


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        ("trained_mask", [0, 1], "Write a function"),
        ("trained_mask", lambda p, a: [0] * p + [1] * a, "end-of-turn token after the answer is missing"),
        ("trained_mask", lambda p, a: [1] * p + [0] * (a + 1), "wrong way round"),
        ("trained_mask", lambda p, a: [1] * (p + a + 1), "trains the prompt too"),
        ("trained_mask", lambda p, a: [0] * 7, "make 6 marks, not 7"),
        ("trained_mask", lambda p, a: [0, 0, 0, 1, 1, 1], "That is not it"),
        ("steps_of_a_run", 76, "Write a function"),
        ("steps_of_a_run", lambda r, b, e: r // b * e, "the last, smaller batch"),
        ("steps_of_a_run", lambda r, b, e: math.ceil(r * e / b), "Round up in each epoch"),
        ("steps_of_a_run", lambda r, b, e: (r // b + 1) * e, "come out even"),
        ("resume_from", "checkpoint-40", "Write a function"),
        ("resume_from", lambda c: max(c), "cut off while it was written"),
        ("resume_from", lambda c: min(c), "not the newest"),
        ("resume_from", lambda c: 40, "it chose 40"),
        ("resume_from", lambda c: max((n for n in c if c[n]), default=None), "compare the numbers"),
        (
            "resume_from",
            lambda c: max((n for n in c if c[n]), key=lambda n: int(n[11:]), default="checkpoint-0"),
            "Without a complete checkpoint",
        ),
    ],
)
def test_wrong_answers_name_the_mistake(task, wrong, said):
    result = TASKS[task].check(wrong)
    assert result.status == "not yet" and said in result.message, result.message


def test_solutions_pass_their_own_check(capsys):
    for exercise in TASKS.values():
        capsys.readouterr()
        exercise.solution()
        names: dict = {}
        exec("if True:\n" + capsys.readouterr().out.partition("\n")[2], names)
        (answer,) = [value for name, value in names.items() if name.startswith("my_")]
        assert exercise.check(answer).status == "passed"


def test_adapter_sizes_are_those_of_the_model(tmp_path):
    config = {
        "hidden_size": 8, "intermediate_size": 20, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 3, "vocab_size": 10,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    sizes = {row["projection"]: row for row in nb06.adapter_sizes(tmp_path, LoraSettings(rank=2, frozen_share=0.34))}
    assert sizes["k_proj"] == {"projection": "k_proj", "shape": "8 x 4", "frozen": 96, "trained": (8 + 4) * 2 * 2}
    assert sizes["down_proj"]["frozen"] == 8 * 20 * 3
    (only,) = nb06.adapter_sizes(tmp_path, LoraSettings(modules=("q_proj",)))
    assert only["trained"] == (8 + 8) * 16 * 3


def test_sizes_of_a_model_that_is_not_here_are_no_traceback():
    with pytest.raises(LabError, match="is not in a folder here"):
        nb06.adapter_sizes("some/hub-name", LoraSettings())


def test_looks_at_rows_and_settings():
    rows = [
        Example(
            id=f"r{i}",
            prompt=[Message(role="user", content="?")],
            response="x",
            requirements=[r],
            slices={"channel": c},
        )
        for i, (r, c) in enumerate([("A", "app"), ("B", "chat"), ("A", "chat")])
    ]
    assert [e.id for e in nb06.first_of(rows, "B", "none", "A")] == ["r1", "r0"]
    assert nb06.first_of(rows, "none", "other") == rows[:2]
    assert nb06.slice_counts(rows).rows == ({"slice": "channel", "rows": "app 1, chat 2"},)
    shown = {row["setting"]: row["value"] for row in nb06.settings_table(SFTSettings(epochs=3)).rows}
    assert shown["epochs"] == 3 and (shown["rank"], shown["frozen_share"]) == (16, 0.27)
    assert set(shown) <= set(SFTSettings.model_fields) | set(LoraSettings.model_fields)


def test_the_quiz_has_one_right_letter_each():
    for question in nb06.QUIZ:
        assert [question.answer(letter).status for letter in "abc"].count("passed") == 1
