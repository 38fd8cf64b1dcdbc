"""One explicit configuration per training stage.

Library defaults differ between Unsloth's CPU and GPU paths (learning rate, batch, seed, optimiser, warm-up), so nothing
that matters is left to them: :meth:`TrainerSettings.trainer_arguments` names every field, and a test holds it to that.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Settings(BaseModel):
    """Base: misspelt settings are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraSettings(Settings):
    """The adapter: low-rank updates on the projections of the decoder layers.

    ``frozen_share``: this share of the layers, from the bottom, gets no adapter. The backward pass ends above them, which
    saves about this share of its time.
    """

    rank: int = Field(16, ge=1, le=256)
    alpha: int = Field(16, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    modules: tuple[str, ...] = PROJECTIONS
    frozen_share: float = Field(0.0, ge=0, lt=1)

    def layers(self, total: int) -> list[int]:
        """Numbers of the layers that get an adapter, in a model of ``total`` layers."""
        return list(range(int(self.frozen_share * total), total))


class TrainerSettings(Settings):
    """What all stages share."""

    learning_rate: float = Field(gt=0)
    epochs: float = Field(gt=0)
    batch_size: int = Field(8, ge=1)
    accumulation: int = Field(1, ge=1)
    warmup_steps: int = Field(5, ge=0)
    scheduler: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    optimiser: Literal["adamw_torch", "adamw_8bit"] = "adamw_torch"
    max_length: int = Field(512, ge=16)
    four_bit: bool = True
    save_steps: int = Field(25, ge=1)
    log_steps: int = Field(1, ge=1)
    seed: int = 42

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Keyword arguments for TRL's ``*Config`` classes: the same on every device."""
        return {
            "output_dir": folder,
            "learning_rate": self.learning_rate,
            "num_train_epochs": self.epochs,
            "max_steps": -1,
            "per_device_train_batch_size": self.batch_size,
            "per_device_eval_batch_size": self.batch_size,
            "eval_accumulation_steps": None,
            "auto_find_batch_size": False,
            "gradient_accumulation_steps": self.accumulation,
            "gradient_checkpointing": False,
            "warmup_steps": self.warmup_steps,
            "lr_scheduler_type": self.scheduler,
            "weight_decay": self.weight_decay,
            "max_grad_norm": self.clip,
            "optim": self.optimiser,
            "max_length": self.max_length,
            "bf16": False,
            "fp16": False,
            "seed": self.seed,
            "data_seed": self.seed,
            "logging_strategy": "steps",
            "logging_steps": self.log_steps,
            "logging_first_step": True,
            "logging_nan_inf_filter": False,  # the guard must see a NaN, not the running mean that hides it
            "save_strategy": "steps",
            "save_steps": self.save_steps,
            "save_total_limit": 2,
            "eval_strategy": "no",
            "dataloader_num_workers": 0,
            "dataloader_pin_memory": False,
            "dataset_num_proc": None,
            "torch_empty_cache_steps": None,
            "include_num_input_tokens_seen": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "push_to_hub": False,
        }


class SFTSettings(TrainerSettings):
    """Supervised fine-tuning."""

    learning_rate: float = Field(1.2e-3, gt=0)
    epochs: float = Field(3.0, gt=0)
    # Many small steps learn more from the same tokens than few large ones: 258 steps of 4 rows brought the support suite
    # to 72%, 65 steps of 8 rows to 49%; and a small batch stays in a CPU's cache.
    batch_size: int = Field(4, ge=1)
    lora: LoraSettings = LoraSettings(frozen_share=0.27)

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Those shared by all stages, and SFT's own."""
        return super().trainer_arguments(folder) | {
            "completion_only_loss": True,
            "packing": False,
            "padding_free": False,
            "train_sampling_strategy": "group_by_length",
        }


class RewardSettings(TrainerSettings):
    """Reward model: a scalar head and an adapter, Bradley-Terry loss on pairs."""

    learning_rate: float = Field(5e-4, gt=0)
    epochs: float = Field(1.5, gt=0)
    batch_size: int = Field(4, ge=1)
    four_bit: bool = False
    lora: LoraSettings = LoraSettings(rank=8, alpha=16)

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Those shared by all stages, and the reward model's own."""
        return super().trainer_arguments(folder) | {"disable_dropout": True, "center_rewards_coefficient": 0.01}


class DPOSettings(TrainerSettings):
    """Direct preference optimisation from an SFT adapter, which is also the frozen reference."""

    learning_rate: float = Field(2e-4, gt=0)
    epochs: float = Field(1.5, gt=0)
    # Two pairs are four answers with all their logits: a batch of four would need a gigabyte more for the same step.
    batch_size: int = Field(2, ge=1)
    accumulation: int = Field(2, ge=1)
    beta: float = Field(0.1, gt=0)
    loss: Literal["sigmoid", "robust", "ipo"] = "sigmoid"
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)

    def model_post_init(self, context: Any) -> None:
        """Refuse a smoothing that TRL would silently ignore."""
        if self.label_smoothing and self.loss != "robust":
            raise ValueError("label_smoothing works only with loss='robust' (TRL ignores it with 'sigmoid')")

    @property
    def first_loss(self) -> float:
        """The loss at step 1, when policy and reference are the same model: ln 2, or (1 / 2 beta)^2 for IPO."""
        return 1 / (2 * self.beta) ** 2 if self.loss == "ipo" else math.log(2)

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Those shared by all stages, and DPO's own."""
        return super().trainer_arguments(folder) | {
            "beta": self.beta,
            "loss_type": [self.loss],
            "label_smoothing": self.label_smoothing,
            "disable_dropout": True,
            "precompute_ref_log_probs": False,
            "padding_free": False,
            "truncation_mode": "keep_start",
        }


class KTOSettings(TrainerSettings):
    """Kahneman-Tversky optimisation from an SFT adapter: single answers with a thumb up or down, no pairs.

    The weights of the two kinds of answers are not set here: they follow from how many rows each has.
    """

    learning_rate: float = Field(2e-4, gt=0)
    epochs: float = Field(1.0, gt=0)
    # Each row costs two passes through the model and two through the reference; its KL term needs other rows beside it.
    batch_size: int = Field(4, ge=2)
    beta: float = Field(0.1, gt=0)

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """Those shared by all stages, and KTO's own."""
        return super().trainer_arguments(folder) | {
            "beta": self.beta,
            "loss_type": "kto",
            "disable_dropout": True,
            "precompute_ref_log_probs": False,
            "train_sampling_strategy": "sequential",  # the KL term pairs each row with its neighbour in the batch
        }
