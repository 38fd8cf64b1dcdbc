"""The training stage in the lab's home: data in, a folder with adapter, merged weights and loss log out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.files import read_jsonl, sha256, write_jsonl
from labkit.formats import read_rows
from labkit.home import Home
from labkit.records import Finding
from labkit.training.adapter import Manifest, merge, read_manifest
from labkit.training.backend import release_memory
from labkit.training.base_model import embedded_model
from labkit.training.fit import before_training
from labkit.training.settings import LoraSettings, SFTSettings
from labkit.training.watch import read_log


@dataclass(frozen=True)
class Trained:
    """A finished training: where its parts lie."""

    folder: Path

    @property
    def adapter(self) -> Path:
        """LoRA adapter (safetensors) with tokenizer and manifest."""
        return self.folder / "adapter"

    @property
    def merged(self) -> Path:
        """Base and adapter in one, float16: what answers and is judged."""
        return self.folder / "merged"

    @property
    def manifest(self) -> Manifest:
        """Settings, rows in and dropped, losses, device and versions."""
        return read_manifest(self.adapter)

    @property
    def lora(self) -> LoraSettings:
        """The adapter's shape, for a training that goes on with it."""
        return LoraSettings(**self.manifest.settings["lora"])

    def log(self) -> list[dict[str, Any]]:
        """Loss and learning rate, one row a step."""
        return read_log(self.folder / "log.jsonl")

    def dropped(self) -> list[Finding]:
        """The findings of rows that were not trained on."""
        return read_jsonl(self.folder / "dropped.jsonl", Finding)[0]


def fine_tune(
    home: Home,
    data: str | Path,
    settings: SFTSettings | None = None,
    base: str | Path | None = None,
    name: str = "sft",
) -> Trained:
    """Fine-tune on a JSON Lines file of examples; nothing happens when the same was done before.

    Unreadable lines are written to ``dropped.jsonl`` beside the rows that were too long or empty.

    Raises:
        LabError: it cannot fit in memory, or as :func:`labkit.training.sft.train_sft`.
    """
    settings = settings or SFTSettings()
    base = base or embedded_model()

    def work(scratch: Path) -> None:
        from labkit.training.sft import train_sft

        out = scratch / name
        out.mkdir(exist_ok=True)
        examples, findings = read_rows(data)
        before_training("sft", settings, base, examples)
        train_sft(examples, out, settings, base)
        dropped, _ = read_jsonl(out / "dropped.jsonl", Finding)
        write_jsonl(out / "dropped.jsonl", [*findings, *dropped])
        release_memory()
        merge(base, out / "adapter", out / "merged")
        release_memory()

    parameters = {"settings": settings.model_dump(mode="json"), "base": model_id(base)}
    return Trained(home.run("training", name, work, outputs=[name], inputs=[data], parameters=parameters))


def model_id(base: str | Path) -> str:
    """What the ledger remembers of a base model: its conversion notes or configuration for a folder, else its name."""
    folder = Path(base)
    for note in ("labkit.json", "manifest.json", "config.json"):
        if (folder / note).exists():
            return sha256(folder / note)
    return json.dumps(str(base))
