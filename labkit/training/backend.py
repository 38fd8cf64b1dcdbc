"""The one place that imports Unsloth: before trl, transformers and peft, on the CPU and on a GPU alike."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.machine import memory
from labkit.training.settings import LoraSettings

UNPACKED = 1 / 10  # of the free memory: as much may 4-bit weights take once they are unpacked


@cache
def unsloth() -> Any:
    """Import Unsloth (about 30 s on a slow CPU) and return the module; the first call decides for the process.

    Raises:
        LabError: the training packages are missing, or something imported trl or peft first.
    """
    refuse_late()
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(Path.home() / ".cache" / "labkit" / "unsloth_compiled"))
    if "LOCAL_RANK" not in os.environ:  # one process, so one GPU: TRL refuses to train on several at once
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    keep_freed_memory()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import unsloth as module
    except ImportError as error:
        raise LabError("training", f"cannot import unsloth ({error})", "run 'make lab', or 'labkit doctor'") from error
    return module


def refuse_late() -> None:
    """Unsloth replaces parts of trl and peft, so it must be imported before them.

    Raises:
        LabError: it was not.
    """
    if "unsloth" not in sys.modules and {"trl", "peft"} & set(sys.modules):
        raise LabError("training", "trl or peft was imported before unsloth", "restart the kernel and run from the top")


@cache
def keep_freed_memory() -> None:
    """Tell glibc to keep freed blocks instead of returning them to the system at each step.

    Large activations are otherwise mapped and zeroed anew in every layer; keeping them made a CPU training step
    about 1.2x faster here. Does nothing where the C library is another one.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_threshold = -1, -3  # names and numbers: malloc.h
        libc.mallopt(m_mmap_threshold, 1 << 30)
        libc.mallopt(m_trim_threshold, (1 << 31) - 1)


def release_memory() -> None:
    """Give a finished stage's model back to the system, so that the next stage does not stand on top of it.

    Trainers hold reference cycles, so their models live on until the collector runs; and after
    :func:`keep_freed_memory` glibc trims nothing of its own accord.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def compute_dtype() -> Any:
    """bfloat16 where the processor or GPU computes it fast, float32 elsewhere."""
    import torch

    fast = unsloth().is_bfloat16_supported()
    return torch.bfloat16 if fast and torch.cuda.is_available() else torch.float32


def load_base(model: str | Path, *, four_bit: bool, max_length: int) -> tuple[Any, Any]:
    """Load model and tokenizer through Unsloth's ``FastLanguageModel``.

    Args:
        model: folder or hub name.
        four_bit: NF4 weights (bitsandbytes), as QLoRA wants them; see :func:`unpacks`.
        max_length: longest sequence in tokens.

    Raises:
        LabError: the model cannot be found or read.
    """
    loader = unsloth().FastLanguageModel
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            loaded, tokenizer = loader.from_pretrained(
                str(model),
                max_seq_length=max_length,
                load_in_4bit=four_bit,
                dtype=compute_dtype(),
                use_gradient_checkpointing=False,
                trust_remote_code=False,
            )
    except (OSError, ValueError) as error:
        mend = "give the folder of a model, or set LAB_ONLINE=1 to fetch it from the hub"
        raise LabError(f"model {model}", "cannot be loaded", mend) from error
    seen = memory()
    if four_bit and loaded.device.type == "cpu" and unpacks(loaded.num_parameters(), seen[0] if seen else None):
        loaded = loaded.dequantize()
    return loaded, tokenizer


def unpacks(numbers: int, free: float | None) -> bool:
    """Whether a CPU keeps a model's 4-bit weights as float32 of the same values.

    A CPU has no 4-bit units: bitsandbytes unpacks every matrix anew in each forward and each backward pass. Unpacking them
    once gives the same losses to the last digit in less time, for eight times the memory of the layers.

    Args:
        numbers: how many the model holds.
        free: memory in bytes; None where it is unknown, and then they stay packed.
    """
    return free is not None and 4 * numbers <= UNPACKED * free


def add_adapter(model: Any, lora: LoraSettings, seed: int) -> Any:
    """Put a fresh LoRA adapter on a loaded base model."""
    layers = lora.layers(model.config.num_hidden_layers)
    some = {"layers_to_transform": layers, "layers_pattern": "layers"} if lora.frozen_share else {}
    return unsloth().FastLanguageModel.get_peft_model(
        model,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.modules),
        bias="none",
        use_gradient_checkpointing=False,
        random_state=seed,
        **some,
    )
