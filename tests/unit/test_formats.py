"""Rows go to other tools' formats and come back; what cannot be read becomes a finding."""

from __future__ import annotations

import json

import pytest

from labkit import LabError
from labkit import formats as f
from labkit.records import Example, Message

ROW = Example(
    id="r1",
    prompt=[Message(role="system", content="Be brief."), Message(role="user", content="When?")],
    response="In 4 working days.",
)


def write(tmp_path, *rows):
    path = tmp_path / "my.jsonl"
    path.write_text("".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows))
    return path


@pytest.mark.parametrize("to", [f.to_openai, f.to_sharegpt, f.to_prompt_completion])
def test_round_trip(tmp_path, to):
    (back,), findings = f.read_rows(write(tmp_path, to(ROW)))
    assert (back.prompt, back.response) == (ROW.prompt, ROW.response) and not findings


def test_alpaca_keeps_question_system_and_answer(tmp_path):
    (back,), _ = f.read_rows(write(tmp_path, f.to_alpaca(ROW)))
    assert (back.prompt, back.response) == (ROW.prompt, ROW.response)
    talk = ROW.model_copy(update={"prompt": [*ROW.prompt, Message(role="assistant", content="x"), ROW.prompt[1]]})
    with pytest.raises(LabError, match="several turns"):
        f.to_alpaca(talk)


def test_dataset_round_trip():
    datasets = pytest.importorskip("datasets")
    data = f.to_dataset([ROW])
    assert isinstance(data, datasets.Dataset)
    assert f.from_dataset(data)[0].response == ROW.response


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"question": "x"}, "no known format"),
        ({"messages": [{"role": "user", "content": "x"}]}, "does not end with an answer"),
        ({"messages": [{"role": "robot", "content": "x"}, {"role": "assistant", "content": "y"}]}, "'robot'"),
        ({"messages": "hello"}, "no list of turns"),
        ({"instruction": "x", "output": 5}, "int, not text"),
        ({"conversations": [{"from": "human", "value": None}, {"from": "gpt", "value": "y"}]}, "not text"),
        (5, "no known format"),
        ('{"messages": [', "cut off"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_the_rest_goes_on(tmp_path, row, words):
    examples, findings = f.read_rows(write(tmp_path, f.to_openai(ROW), row))
    assert len(examples) == 1
    assert words in findings[0].message and "my.jsonl line 2" in findings[0].message


def test_a_repeated_id_is_a_finding(tmp_path):
    same = ROW.model_dump(mode="json")
    examples, findings = f.read_rows(write(tmp_path, same, same))
    assert len(examples) == 1 and "was used before" in findings[0].message


def test_a_file_with_no_usable_row_is_an_error(tmp_path):
    with pytest.raises(LabError, match="holds no usable row"):
        f.read_rows(write(tmp_path, "not json\n"))
    with pytest.raises(LabError, match="the file is empty"):
        f.read_rows(write(tmp_path))
