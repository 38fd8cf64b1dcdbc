"""Start, resume and finish any training: SFT, reward model and DPO go through here."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from labkit.home import versions
from labkit.training.adapter import Manifest, device_name, save_adapter
from labkit.training.watch import last_checkpoint, read_log


def run(trainer: Any, tokenizer: Any, out: Path, manifest: Manifest) -> Manifest:
    """Train from the newest checkpoint in ``out/checkpoints`` (or from the start) and save the adapter.

    Args:
        trainer: a TRL trainer with the callbacks of :mod:`labkit.training.watch` on ``out/log.jsonl``.
        tokenizer: saved beside the adapter.
        out: gets ``adapter/``; the checkpoints are removed once it is written.
        manifest: what is known before the run; comes back with what the run measured.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # the progress bar and the log say it already
    full_precision_adapter(trainer.model)
    checkpoint = last_checkpoint(out / "checkpoints")
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    log = read_log(out / "log.jsonl")
    manifest = manifest.model_copy(
        update={
            "steps": trainer.state.global_step,
            "first_loss": log[0]["loss"],
            "last_loss": log[-1]["loss"],
            "seconds": round(time.monotonic() - started, 1),
            "device": device_name(),
            "versions": versions(),
        }
    )
    manifest = save_adapter(trainer.model, tokenizer, out / "adapter", manifest)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    return manifest


def full_precision_adapter(model: Any) -> None:
    """Keep the trained weights in float32.

    TRL casts the adapter of a 4-bit model to bfloat16, where AdamW's small updates round away to nothing and a CPU
    without bf16 units is several times slower. The adapter is small; float32 costs next to nothing.
    """
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
