"""DPO: align an SFT adapter with rankings. The frozen reference is a copy of that same adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.preference.reference import align, guards, parent_of, policy, rendered
from labkit.preference.weights import WEIGHT, column, weigh
from labkit.training.adapter import Manifest, base_hash
from labkit.training.backend import unsloth
from labkit.training.base_model import embedded_model
from labkit.training.settings import DPOSettings
from labkit.training.watch import callbacks


def train_dpo(
    rows: Sequence[dict[str, Any]],
    sft_adapter: Path,
    out: Path,
    settings: DPOSettings | None = None,
    base: str | Path | None = None,
) -> Manifest:
    """Train with TRL's DPOTrainer from an SFT adapter.

    Args:
        rows: conversational prompt, chosen and rejected (:func:`preference_rows` makes them), shape (n,); a
            ``weight`` multiplies its row's gradient.
        sft_adapter: folder of the adapter to start from; also the reference.
        out: scratch folder, as for SFT: ``adapter/``, ``dropped.jsonl`` and ``log.jsonl`` (loss, margins, chosen and
            rejected log-probabilities apart).
        settings: every knob.
        base: the model the SFT adapter was trained on; the embedded one by default.

    Raises:
        LabError: there are no rows, the base is not the adapter's, or the first loss shows a wrong reference.
    """
    settings = settings or DPOSettings()
    base = base or embedded_model()
    if not rows:
        raise LabError("dpo", "there are no preference pairs to train on", "rank some answers first")
    parent = parent_of("dpo", sft_adapter, base)
    unsloth()
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    model, tokenizer = policy(sft_adapter, parent, settings, base)
    kept, dropped = rendered(rows, ("chosen", "rejected"), tokenizer, settings.max_length, out)
    texts = [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in kept]
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(**settings.trainer_arguments(str(out / "checkpoints"))),
        train_dataset=Dataset.from_list(texts).add_column(WEIGHT, column(kept)),
        processing_class=tokenizer,
        callbacks=[*callbacks("aligning", out / "log.jsonl"), *guards("dpo", settings.first_loss)],
    )
    weigh(trainer)
    manifest = Manifest(
        kind="dpo",
        base=Path(base).name,
        base_sha256=base_hash(base),
        parent_sha256=parent.weights_sha256,
        data_sha256="",
        settings=settings.model_dump(mode="json"),
        rows_in=len(rows),
        rows_trained=len(trainer.train_dataset),
        rows_dropped=dropped,
        start_loss=settings.first_loss,
    )
    return align(trainer, tokenizer, out, manifest, sft_adapter, rows)
