"""Adapters on disk: safetensors with a manifest, and the merged weights that evaluation uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from labkit import LabError
from labkit.files import sha256, write_text


class Manifest(BaseModel):
    """What an adapter is and what made it; lies beside it as ``manifest.json``."""

    kind: str  # sft, reward, dpo or kto
    base: str  # folder name or hub name of the base model
    base_sha256: str
    parent_sha256: str | None = None  # the adapter this one was trained from
    data_sha256: str
    settings: dict[str, Any]
    rows_in: int
    rows_trained: int
    rows_dropped: dict[str, int]
    tokens_per_epoch: int = 0
    start_loss: float | None = None  # what the first loss must be, where the method says so
    # Filled in by the run itself:
    steps: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    seconds: float = 0.0
    device: str = ""
    versions: dict[str, str] = {}
    weights_sha256: str = ""


def device_name() -> str:
    """The GPU's name, or 'cpu' with the number of threads."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads"


def base_hash(base: str | Path) -> str:
    """Content hash of a model folder; empty for a model named on the hub, whose name must do."""
    return sha256(Path(base)) if Path(base).is_dir() else ""


def save_adapter(model: Any, tokenizer: Any, folder: Path, manifest: Manifest) -> Manifest:
    """Write adapter, tokenizer and manifest into ``folder``; the manifest last, as the sign that all is there."""
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    manifest.weights_sha256 = sha256(folder / "adapter_model.safetensors")
    write_text(folder / "manifest.json", manifest.model_dump_json(indent=1) + "\n")
    return manifest


def read_manifest(folder: str | Path) -> Manifest:
    """Read and check an adapter's manifest.

    Raises:
        LabError: there is none, or the weights are not the ones it speaks of.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").exists():
        raise LabError(str(folder), "is no finished adapter (no manifest.json)", "train it again")
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_text())
    weights = folder / "adapter_model.safetensors"
    if not weights.exists() or sha256(weights) != manifest.weights_sha256:
        raise LabError(str(folder), "the weights do not match the manifest", "train the adapter again")
    return manifest


def merge(base: str | Path, adapter: str | Path, out: Path) -> Path:
    """Merge an adapter into full-precision base weights and write them as float16 safetensors.

    The sum is done in float32: merging in bfloat16 loses a quarter of the adapter's effect. The 4-bit weights of the
    training are not used, because they cannot be merged without loss.

    Args:
        base: folder of the base model.
        adapter: folder of the adapter.
        out: folder to write.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    read_manifest(adapter)
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    tokenizer = AutoTokenizer.from_pretrained(str(adapter))
    end_of_turn(merged, tokenizer)
    merged.to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def end_of_turn(model: Any, tokenizer: Any) -> None:
    """Write the tokenizer's end of sequence into both configs: exports that disagree with it never stop."""
    for config in (model.config, model.generation_config):
        config.eos_token_id = config.pad_token_id = tokenizer.eos_token_id
