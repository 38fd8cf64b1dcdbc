"""Start, resume and finish any training: SFT, reward model and DPO go through here."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from labkit import LabError
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

    Raises:
        LabError: the memory ran out, with what to change.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # the progress bar and the log say it already
    full_precision_adapter(trainer.model)
    checkpoint = last_checkpoint(out / "checkpoints")
    started = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        where, mend = f"training step {trainer.state.global_step + 1}", smaller(manifest.settings)
        raise LabError(where, f"ran out of memory on {device_name()}", mend) from error
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


def ran_out(error: BaseException) -> bool:
    """Whether an error means that no memory was left: Python's, torch's on a GPU (a RuntimeError), or its CPU allocator's."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said


def smaller(settings: dict[str, Any]) -> str:
    """What to change in a training that was too large, the change that alters its results least first."""
    batch, accumulation = settings.get("batch_size", 1), settings.get("accumulation", 1)
    if batch > 1:
        return (
            f"set batch_size to {-(-batch // 2)} and accumulation to {accumulation * 2} (the same step in less memory), "
            "and close what else holds memory"
        )
    if not settings.get("four_bit", True):
        return "set four_bit, or lower max_length, and close what else holds memory"
    return "lower max_length, take a smaller model, or a machine with more memory"


def full_precision_adapter(model: Any) -> None:
    """Keep the trained weights in float32.

    TRL casts the adapter of a 4-bit model to bfloat16, where AdamW's small updates round away to nothing and a CPU
    without bf16 units is several times slower. The adapter is small; float32 costs next to nothing.
    """
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
