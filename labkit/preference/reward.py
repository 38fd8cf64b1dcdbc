"""Reward model: a scalar head that learns which of two answers people rank higher (Bradley-Terry loss).

Unsloth has no sequence-classification path on the CPU (``num_labels`` is ignored there), so this is plain
transformers + PEFT on both devices. It scores with the same rendering it was trained with: a missing end-of-turn or
newline moves scores by more than the difference between answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import sha256
from labkit.preference.reference import rendered
from labkit.preference.weights import WEIGHT, column, weigh
from labkit.records import Message
from labkit.stats import Rate, wilson
from labkit.training.adapter import Manifest, base_hash, read_manifest
from labkit.training.backend import unsloth
from labkit.training.base_model import embedded_model
from labkit.training.loop import run
from labkit.training.rows import render_prompt
from labkit.training.settings import RewardSettings
from labkit.training.watch import callbacks


def train_reward(
    rows: Sequence[dict[str, Any]], out: Path, settings: RewardSettings | None = None, base: str | Path | None = None
) -> Manifest:
    """Train with TRL's RewardTrainer on merged or base weights.

    Args:
        rows: conversational prompt, chosen and rejected, shape (n,); a ``weight`` multiplies its row's gradient.
        out: scratch folder: ``adapter/``, ``dropped.jsonl`` and ``log.jsonl``.
        settings: every knob.
        base: folder of full-precision weights: best the merged SFT model, so that the reward model already speaks
            the domain; the embedded model by default.

    Raises:
        LabError: there are no rows, or all are longer than ``max_length``.
    """
    settings = settings or RewardSettings()
    base = base or embedded_model()
    if not rows:
        raise LabError("reward", "there are no preference pairs to train on", "rank some answers first")
    unsloth()
    from datasets import Dataset
    from peft import LoraConfig
    from trl import RewardConfig, RewardTrainer

    model, tokenizer = _classifier(base, settings.seed)
    kept, dropped = rendered(rows, ("chosen", "rejected"), tokenizer, settings.max_length, out)
    texts = [{side: row["prompt"] + row[side] for side in ("chosen", "rejected")} for row in kept]
    lora = settings.lora
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**settings.trainer_arguments(str(out / "checkpoints"))),
        train_dataset=Dataset.from_list(texts).add_column(WEIGHT, column(kept)),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            task_type="SEQ_CLS",
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(lora.modules),
            modules_to_save=["score"],
            layers_to_transform=lora.layers(model.config.num_hidden_layers),
        ),
        callbacks=callbacks("reward model", out / "log.jsonl"),
    )
    weigh(trainer)
    manifest = Manifest(
        kind="reward",
        base=Path(base).name,
        base_sha256=base_hash(base),
        data_sha256=sha256(json.dumps(list(rows))),
        settings=settings.model_dump(mode="json"),
        rows_in=len(rows),
        rows_trained=len(trainer.train_dataset),
        rows_dropped=dropped,
    )
    return run(trainer, tokenizer, out, manifest)


def render_answer(prompt: Sequence[dict[str, str]], answer: str, tokenizer: Any) -> str:
    """Prompt and answer as one text, exactly as trained: up to and including the end of the turn."""
    return render_prompt([Message(**m) for m in prompt], tokenizer) + answer + str(tokenizer.eos_token)


def _classifier(base: str | Path, seed: int) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed

    set_seed(seed)  # the head starts from random weights
    tokenizer = AutoTokenizer.from_pretrained(str(base), padding_side="right")
    model = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


class RewardModel:
    """A trained reward model that scores answers.

    Args:
        adapter: folder of the reward adapter.
        base: the weights it was trained on.
    """

    def __init__(self, adapter: Path, base: str | Path | None = None):
        unsloth()  # before peft, so that a later training in this kernel is not refused
        from peft import PeftModel

        base = base or embedded_model()
        manifest = read_manifest(adapter)
        if manifest.base_sha256 and manifest.base_sha256 != base_hash(base):
            raise LabError("reward model", f"was trained on {manifest.base}, not on {base}", "give that model as base")
        model, self.tokenizer = _classifier(base, manifest.settings["seed"])
        self.model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().eval()

    def score(
        self, prompts: Sequence[Sequence[dict[str, str]]], answers: Sequence[str], batch: int = 32
    ) -> list[float]:
        """One score an answer, shape (n,), rounded to 1e-4; higher is better, the zero point means nothing."""
        import torch

        texts = [render_answer(p, a, self.tokenizer) for p, a in zip(prompts, answers, strict=True)]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        scores = [0.0] * len(texts)
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            given = self.tokenizer(
                [texts[i] for i in some], return_tensors="pt", padding=True, add_special_tokens=False
            )
            with torch.inference_mode():
                logits = self.model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
            for i, value in zip(some, logits[:, 0].tolist(), strict=True):
                scores[i] = round(value, 4)
        return scores

    def differences(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        """Score of the chosen answer minus that of the rejected one, shape (n,)."""
        prompts = [row["prompt"] for row in rows]
        chosen, rejected = (
            self.score(prompts, [row[side][-1]["content"] for row in rows]) for side in ("chosen", "rejected")
        )
        return [c - r for c, r in zip(chosen, rejected, strict=True)]

    def pair_accuracy(self, rows: Sequence[dict[str, Any]]) -> Rate:
        """Share of held-out pairs whose chosen answer scores higher; a difference below 1e-3 counts as wrong."""
        found = self.differences(rows)
        return wilson(sum(difference >= 1e-3 for difference in found), len(found))
