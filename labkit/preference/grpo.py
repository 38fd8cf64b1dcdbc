"""GRPO: a few steps of reinforcement learning against the reward model, to see what a reward that is only a model does.

For each prompt the policy samples a group of answers, the reward model scores them, and answers above their group's mean
become more likely (Shao et al. 2024, section 4). Nothing here holds the policy near the SFT model (beta is 0): this is the
lesson on reward hacking, no recipe for a release. It runs through TRL's GRPOTrainer and Unsloth, on a CPU and a GPU alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from labkit import LabError
from labkit.files import sha256
from labkit.preference.reference import parent_of, policy
from labkit.records import Message
from labkit.training.adapter import Manifest, base_hash
from labkit.training.backend import unsloth
from labkit.training.base_model import embedded_model
from labkit.training.loop import run
from labkit.training.rows import render_prompt
from labkit.training.settings import TrainerSettings
from labkit.training.watch import callbacks

# Scores of answers, shape (n,): of the conversations before them, and of the answers themselves.
Reward = Callable[[Sequence[Sequence[dict[str, str]]], Sequence[str]], Sequence[float]]


class GRPOSettings(TrainerSettings):
    """Group-relative policy optimisation from an SFT adapter. ``batch_size`` counts answers, not prompts."""

    learning_rate: float = Field(1e-3, gt=0)
    epochs: float = Field(1.0, gt=0)
    batch_size: int = Field(12, ge=2)
    group: int = Field(6, ge=2)  # answers a prompt
    answer_length: int = Field(48, ge=1)  # tokens an answer may have
    temperature: float = Field(1.0, gt=0)
    warmup_steps: int = Field(1, ge=0)
    four_bit: bool = False  # sampling reads all weights once a token, and unpacking them each time costs most of it
    save_steps: int = Field(1000, ge=1)

    def model_post_init(self, context: Any) -> None:
        """Groups must come out even, or TRL stops when the model is loaded already."""
        if self.batch_size % self.group:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of group {self.group}")

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Those shared by all stages but two that GRPO does not know, and its own."""
        shared = super().trainer_arguments(folder)
        for name in ("max_length", "dataset_num_proc"):
            shared.pop(name, None)
        return shared | {
            "num_generations": self.group,
            "max_completion_length": self.answer_length,
            "temperature": self.temperature,
            "beta": 0.0,
            "num_iterations": 1,
            "loss_type": "grpo",
            "scale_rewards": "group",
            "disable_dropout": True,
            "use_vllm": False,
            "shuffle_dataset": False,
            "remove_unused_columns": False,
        }


def train_grpo(
    prompts: Sequence[Sequence[Message]],
    sft_adapter: Path,
    reward: Reward,
    out: Path,
    settings: GRPOSettings | None = None,
    base: str | Path | None = None,
) -> Manifest:
    """Train with TRL's GRPOTrainer from an SFT adapter.

    Args:
        prompts: conversations that end with the user, shape (n,); each is answered ``group`` times an epoch.
        sft_adapter: folder of the adapter to start from.
        reward: scores answers; :meth:`labkit.preference.reward.RewardModel.score` is one.
        out: scratch folder: gets ``adapter/`` and ``log.jsonl`` (loss, mean reward, length of answers).
        settings: every knob.
        base: the model the SFT adapter was trained on; the embedded one by default.

    Raises:
        LabError: there are no prompts, or the base is not the adapter's.
    """
    settings = settings or GRPOSettings()
    base = base or embedded_model()
    if not prompts:
        raise LabError("grpo", "there are no prompts", "give it conversations that end with the user")
    parent = parent_of("grpo", sft_adapter, base)
    unsloth()
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model, tokenizer = policy(sft_adapter, parent, settings, base)
    rows = [
        {"prompt": render_prompt(messages, tokenizer), "asked": [m.model_dump(mode="json") for m in messages]}
        for messages in prompts
    ]

    def score(asked: Sequence[Any], completions: Sequence[str], **_: Any) -> list[float]:
        return [float(value) for value in reward(asked, [text.strip() for text in completions])]

    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[score],
        args=GRPOConfig(**settings.trainer_arguments(str(out / "checkpoints"))),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=callbacks("grpo", out / "log.jsonl"),
    )
    manifest = Manifest(
        kind="grpo",
        base=Path(base).name,
        base_sha256=base_hash(base),
        parent_sha256=parent.weights_sha256,
        data_sha256=sha256(json.dumps(rows)),
        settings={**settings.model_dump(mode="json"), "lora": parent.settings["lora"]},
        rows_in=len(rows),
        rows_trained=len(rows),
        rows_dropped={},
    )
    return run(trainer, tokenizer, out, manifest)
