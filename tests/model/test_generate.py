"""Two runs of one suite give the same bytes, likelihoods included; times lie beside them and in no record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit import cli, samples
from labkit.evaluation.generate import Generator, run_suite
from labkit.evaluation.judge import judge
from labkit.evaluation.oracle_records import texts_compared
from labkit.evaluation.suite import load, load_requirements
from labkit.files import read_strictly
from labkit.records import Message, RunRecord

TEXTS = ["You can return it within 45 days.", "You can return it within 90 days."]


@pytest.fixture(scope="module")
def generator(tiny: Path) -> Generator:
    return Generator(tiny, max_new_tokens=8)


@pytest.mark.parametrize("domain", ["support", "knowledge", "decision"])
def test_the_same_run_twice_is_the_same_bytes_and_can_be_judged(
    domain: str, generator: Generator, tmp_path: Path
) -> None:
    suite = load(samples.path(f"{domain}/techniques.yaml"))
    one, two = (run_suite(generator, suite, tmp_path / f"{n}.jsonl", "tiny") for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    records = read_strictly(one, RunRecord)
    asked = {case.id: texts_compared(case) for case in suite.cases}
    assert {r.case_id: [entry.text for entry in r.likelihoods] for r in records} == asked
    assert any(asked.values())
    for line in one.read_text().splitlines():
        row = json.loads(line)
        assert ("likelihoods" in row) is bool(asked[row["case_id"]])
        assert not {"seconds", "time", "date", "at"} & {*row, *row["made_by"]}
    verdicts = judge(records, suite, load_requirements(samples.path(f"{domain}/requirements.yaml")))
    assert [v.case_id for v in verdicts] == [case.id for case in suite.cases]
    assert {v.cluster for v in verdicts} == {case.cluster for case in suite.cases}


def test_the_verb_twice_in_two_processes_worth_of_loading(tiny: Path, tmp_path: Path, capsys) -> None:
    suite = samples.path("knowledge/techniques.yaml")
    for name in ("a", "b"):
        made = ["--out", str(tmp_path / f"{name}.jsonl"), "--name", "tiny", "--max-new-tokens", "4"]
        assert cli.run(["run", "--model", str(tiny), "--suite", str(suite), *made]) == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert "seconds" in json.loads((tmp_path / "a.meta.json").read_text())


def test_a_likelihood_is_the_sum_of_the_token_log_probabilities(generator: Generator) -> None:
    import torch

    asked = [Message(role="system", content="Be kind."), Message(role="user", content="[Rule: 45 days]\nHow long?")]
    found = generator.likelihoods(asked, TEXTS)
    assert [entry.text for entry in found] == TEXTS
    assert found == generator.likelihoods(asked, TEXTS)
    for entry in found:
        for messages, value in ((asked, entry.logprob), ([Message(role="user", content="How long?")], entry.bare)):
            prompt = generator.tokenizer(generator.render(messages), add_special_tokens=False)["input_ids"]
            answer = generator.tokenizer(entry.text, add_special_tokens=False)["input_ids"] + [
                generator.tokenizer.eos_token_id
            ]
            with torch.inference_mode():
                logits = generator.model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
            alone = sum(logits[len(prompt) - 1 + i, token].item() for i, token in enumerate(answer))
            assert value == pytest.approx(alone, abs=1e-3)  # padding and company in the batch change nothing
