"""DPO: align an SFT adapter with rankings. The frozen reference is a copy of that same adapter."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import sha256
from labkit.records import Message
from labkit.training.adapter import Manifest, base_hash, read_manifest
from labkit.training.backend import add_adapter, load_base, unsloth
from labkit.training.base_model import embedded_model
from labkit.training.loop import run
from labkit.training.rows import render_prompt
from labkit.training.settings import DPOSettings, LoraSettings
from labkit.training.watch import callbacks

# Every sigmoid DPO run starts here: policy and reference are equal, so the loss is -log(sigmoid(0)) = ln 2.
FIRST_LOSS = math.log(2)


def train_dpo(
    rows: Sequence[dict[str, Any]],
    sft_adapter: Path,
    out: Path,
    settings: DPOSettings | None = None,
    base: str | Path | None = None,
) -> Manifest:
    """Train with TRL's DPOTrainer from an SFT adapter.

    Args:
        rows: conversational prompt, chosen and rejected (:func:`preference_rows` makes them), shape (n,).
        sft_adapter: folder of the adapter to start from; also the reference.
        out: scratch folder, as for SFT: ``adapter/`` and ``log.jsonl`` (loss, margins, chosen and rejected
            log-probabilities apart).
        settings: every knob.
        base: the model the SFT adapter was trained on; the embedded one by default.

    Raises:
        LabError: there are no rows, the base is not the adapter's, or the first loss shows a wrong reference.
    """
    settings = settings or DPOSettings()
    base = base or embedded_model()
    parent = read_manifest(sft_adapter)
    if not rows:
        raise LabError("dpo", "there are no preference pairs to train on", "rank some answers first")
    if parent.base_sha256 and parent.base_sha256 != base_hash(base):
        raise LabError(
            "dpo", f"the adapter was trained on {parent.base}, not on this base model", "give its base model"
        )
    trainer, tokenizer = _trainer(rows, sft_adapter, parent, out, settings, base)
    manifest = Manifest(
        kind="dpo",
        base=Path(base).name,
        base_sha256=base_hash(base),
        parent_sha256=parent.weights_sha256,
        data_sha256=sha256(json.dumps(list(rows))),
        settings=settings.model_dump(mode="json"),
        rows_in=len(rows),
        rows_trained=len(trainer.train_dataset),
        rows_dropped={"too-long": len(rows) - len(trainer.train_dataset)},
    )
    manifest = run(trainer, tokenizer, out, manifest)
    if settings.loss == "sigmoid" and abs(manifest.first_loss - FIRST_LOSS) > 0.02:
        raise LabError(
            "dpo step 1", f"loss is {manifest.first_loss:.4f}, not ln 2", "the reference is not the SFT adapter"
        )
    shutil.rmtree(out / "adapter" / "ref", ignore_errors=True)  # the frozen copy is the parent: no need to keep it
    return manifest


def _trainer(
    rows: Sequence[dict[str, Any]],
    sft_adapter: Path,
    parent: Manifest,
    out: Path,
    settings: DPOSettings,
    base: str | Path,
) -> tuple[Any, Any]:
    unsloth()
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    model, tokenizer = load_base(base, four_bit=settings.four_bit, max_length=settings.max_length)
    model = add_adapter(model, LoraSettings(**parent.settings["lora"]), settings.seed)
    load_weights(model, sft_adapter)
    end = tokenizer.eos_token
    data = Dataset.from_list(
        [
            {
                "prompt": render_prompt([Message(**m) for m in row["prompt"]], tokenizer),
                "chosen": row["chosen"][-1]["content"] + end,
                "rejected": row["rejected"][-1]["content"] + end,
            }
            for row in rows
        ]
    )
    config = DPOConfig(
        **settings.trainer_arguments(str(out / "checkpoints")),
        beta=settings.beta,
        loss_type=[settings.loss],
        label_smoothing=settings.label_smoothing,
        disable_dropout=True,
        precompute_ref_log_probs=False,
        truncation_mode="keep_start",
        dataset_num_proc=None,
    )
    trainer = DPOTrainer(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=[*callbacks("aligning", out / "log.jsonl"), _drop_reference_copy()],
    )
    return trainer, tokenizer


def load_weights(model: Any, adapter: Path) -> None:
    """Put the saved weights of an adapter into a model that carries a fresh one of the same shape.

    Raises:
        LabError: the shapes or layers differ.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    state = load_file(str(adapter / "adapter_model.safetensors"))
    result = set_peft_model_state_dict(model, state)
    if getattr(result, "unexpected_keys", None):
        raise LabError(
            str(adapter), "does not fit this model's layers", "use the model and settings it was trained with"
        )


def _drop_reference_copy() -> Any:
    """Remove ``ref/`` from each checkpoint.

    The trainer saves its frozen copy there, and on resume transformers then loads only sub-folder adapters: the trained
    weights would silently be skipped. The reference itself comes from the parent adapter at each start.
    """
    from transformers import TrainerCallback

    class DropReference(TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            shutil.rmtree(Path(args.output_dir) / f"checkpoint-{state.global_step}" / "ref", ignore_errors=True)

    return DropReference()
