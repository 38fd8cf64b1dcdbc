"""Row weights: the gradient of a weighted batch is that of its rows, each as often as it weighs. The loss is told as it is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from labkit.preference.dpo import train_dpo
from labkit.preference.reward import train_reward
from labkit.preference.weights import WEIGHT, column
from labkit.training.settings import DPOSettings, LoraSettings, RewardSettings, SFTSettings
from labkit.training.sft import train_sft
from labkit.training.watch import read_log

LORA = LoraSettings(rank=4, alpha=4)


@pytest.fixture(scope="module")
def adapter(tiny, examples, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sft")
    train_sft(examples, out, SFTSettings(epochs=1, batch_size=4, lora=LORA), tiny)
    return out / "adapter"


@pytest.fixture
def gradients(monkeypatch, tiny, adapter, tmp_path):
    """A function from a training and its rows to the gradient of the first step, before any clipping, and its log."""
    from transformers import Trainer

    def first(kind: str, rows: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        kept: dict[str, Any] = {}
        step = Trainer.training_step

        def caught(self, model, *args, **kwargs):
            loss = step(self, model, *args, **kwargs)
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    kept.setdefault(name, parameter.grad.clone())
            return loss

        monkeypatch.setattr(Trainer, "training_step", caught)
        out = tmp_path / f"{kind}-{len(list(tmp_path.iterdir()))}"
        quick = {"epochs": 1, "batch_size": len(rows), "accumulation": 1}
        if kind == "dpo":
            train_dpo(rows, adapter, out, DPOSettings(**quick), tiny)
        else:
            train_reward(rows, out, RewardSettings(**quick, lora=LORA), tiny)
        monkeypatch.undo()
        return kept, read_log(out / "log.jsonl")[0]

    return first


@pytest.mark.parametrize("kind", ["dpo", "reward"])
def test_a_row_counts_as_often_as_it_weighs(kind, gradients, preference_rows):
    import torch

    one, two = preference_rows[0], preference_rows[5]
    wanted, log = gradients(kind, [one, one, one, two])
    weighted, plain = gradients(kind, [{**one, WEIGHT: 0.75}, {**two, WEIGHT: 0.25}])
    equal, _ = gradients(kind, [{**one, WEIGHT: 0.5}, {**two, WEIGHT: 0.5}])
    assert wanted and wanted.keys() == weighted.keys() == equal.keys()
    close = [torch.allclose(weighted[name], wanted[name], rtol=1e-3, atol=1e-6) for name in wanted]
    assert all(close), f"{close.count(False)} of {len(close)} differ"
    assert any(not torch.allclose(equal[name], wanted[name], rtol=1e-2, atol=1e-6) for name in wanted)
    if kind == "dpo":
        assert plain["loss"] == pytest.approx(math.log(2), abs=1e-3) == log["loss"]


def test_weights_are_told_over_their_mean():
    assert column([{WEIGHT: 1.0}, {WEIGHT: 0.5}, {WEIGHT: 0.5}, {}]) == pytest.approx([4 / 3, 2 / 3, 2 / 3, 4 / 3])
    assert column([{}, {}]) == [1, 1]
