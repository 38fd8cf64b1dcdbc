"""Supervised fine-tuning: QLoRA on prompt/response rows, resumable, with its manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.files import sha256, write_jsonl
from labkit.records import Example
from labkit.training.adapter import Manifest, base_hash
from labkit.training.backend import add_adapter, load_base, unsloth
from labkit.training.base_model import embedded_model
from labkit.training.loop import run
from labkit.training.rows import TokenRow, encode_all
from labkit.training.settings import SFTSettings
from labkit.training.short_head import short_head_trainer
from labkit.training.watch import callbacks


def train_sft(
    examples: Sequence[Example],
    out: Path,
    settings: SFTSettings | None = None,
    base: str | Path | None = None,
) -> Manifest:
    """Fine-tune the base model on examples.

    Args:
        examples: the training rows, shape (n,).
        out: scratch folder: gets ``adapter/``, ``log.jsonl`` (loss per step) and ``dropped.jsonl`` (findings). An
            interrupted training left its checkpoints here and goes on from the newest, to the same losses.
        settings: every knob; the defaults fit the embedded model on a CPU.
        base: model folder or hub name; the embedded model by default.

    Returns:
        The adapter's manifest.

    Raises:
        LabError: no row can be trained on, the model cannot be loaded, or the loss is no number.
    """
    settings = settings or SFTSettings()
    base = base or embedded_model()
    trainer, tokenizer, rows, dropped = prepare(examples, out, settings, base)
    return run(trainer, tokenizer, out, manifest_of(examples, rows, dropped, settings, base))


def manifest_of(
    examples: Sequence[Example],
    rows: Sequence[TokenRow],
    dropped: dict[str, int],
    settings: SFTSettings,
    base: str | Path,
    parent_sha256: str = "",
) -> Manifest:
    """What a training on examples starts its manifest with: ``rows`` are those it trains on, ``dropped`` counts by check.

    ``parent_sha256`` is the hash of the adapter it goes on from, where it does not begin with a fresh one.
    """
    return Manifest(
        kind="sft",
        base=Path(base).name,
        base_sha256=base_hash(base),
        parent_sha256=parent_sha256,
        data_sha256=sha256("".join(e.model_dump_json() + "\n" for e in examples)),
        settings=settings.model_dump(mode="json"),
        rows_in=len(examples),
        rows_trained=len(rows),
        rows_dropped=dropped,
        tokens_per_epoch=sum(len(r.input_ids) for r in rows),
    )


def prepare(
    examples: Sequence[Example], out: Path, settings: SFTSettings, base: str | Path
) -> tuple[Any, Any, list[TokenRow], dict[str, int]]:
    """Build the trainer without starting it: what the mask lesson looks at.

    Returns:
        TRL's trainer, the tokenizer, the rows it will train on, and how many were dropped by which check.
    """
    unsloth()
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = load_base(base, four_bit=settings.four_bit, max_length=settings.max_length)
    rows, findings = encode_all(examples, tokenizer, settings.max_length)
    write_jsonl(out / "dropped.jsonl", findings)
    model = add_adapter(model, settings.lora, settings.seed)
    config = SFTConfig(**settings.trainer_arguments(str(out / "checkpoints")))
    data = Dataset.from_list([{"input_ids": r.input_ids, "completion_mask": r.completion_mask} for r in rows])
    on_cpu = model.device.type == "cpu" and hasattr(model.get_base_model(), "lm_head")
    trainer = (short_head_trainer(SFTTrainer) if on_cpu else SFTTrainer)(
        model=model,
        args=config,
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=callbacks("fine-tuning", out / "log.jsonl"),
    )
    return trainer, tokenizer, rows, dict(Counter(f.check for f in findings))
