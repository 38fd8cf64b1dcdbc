"""GRPO on a tiny model: the reward is asked for each answer of a group, and the adapter moves from where SFT left it."""

from __future__ import annotations

import pytest

from labkit import LabError
from labkit.preference.grpo import GRPOSettings, train_grpo
from labkit.training.adapter import read_manifest
from labkit.training.settings import LoraSettings, SFTSettings
from labkit.training.watch import read_log


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, tiny, examples):
    from labkit.training.sft import train_sft

    out = tmp_path_factory.mktemp("sft")
    train_sft(examples[:8], out, SFTSettings(epochs=1, lora=LoraSettings(rank=4, alpha=4)), tiny)
    return out / "adapter"


def test_each_answer_of_a_group_is_scored_and_the_adapter_moves(tmp_path, tiny, examples, adapter):
    from safetensors.torch import load_file

    asked: list[list[dict[str, str]]] = []

    def short(prompts, answers):
        asked.extend(prompts)
        return [-float(len(answer)) for answer in answers]

    settings = GRPOSettings(
        learning_rate=2e-2, epochs=4, batch_size=8, group=4, answer_length=8, scheduler="constant_with_warmup"
    )
    manifest = train_grpo([e.prompt for e in examples[:8]], adapter, short, tmp_path, settings, tiny)
    log = read_log(tmp_path / "log.jsonl")
    assert manifest.kind == "grpo" and manifest.steps == len(log) == 16
    assert len(asked) == 16 * 8 and asked[0] == [{"role": "user", "content": examples[0].question}] == asked[3]
    assert all(row["reward"] < 0 < row["grad_norm"] for row in log)
    old, new = (load_file(str(folder / "adapter_model.safetensors")) for folder in (adapter, tmp_path / "adapter"))
    assert old.keys() == new.keys() and any((old[name] - new[name]).abs().max() > 1e-3 for name in old)
    assert read_manifest(tmp_path / "adapter").parent_sha256 == read_manifest(adapter).weights_sha256


def test_groups_must_come_out_even(tmp_path, adapter):
    with pytest.raises(ValueError, match="no multiple of group 6"):
        GRPOSettings(batch_size=8)
    with pytest.raises(LabError, match="there are no prompts"):
        train_grpo([], adapter, lambda prompts, answers: [], tmp_path)


def test_every_setting_is_one_that_trl_knows(tmp_path):
    from labkit.training.backend import unsloth

    unsloth()
    from trl import GRPOConfig

    config = GRPOConfig(**GRPOSettings().trainer_arguments(str(tmp_path)))
    assert config.beta == 0.0 and config.num_generations == 6
