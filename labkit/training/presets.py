"""Which model and which settings for which machine: the doctor names one, ``labkit train sft --preset`` takes it.

Only the first was measured, on two CPU cores; of the others :mod:`labkit.training.fit` says that they fit. The lessons
stay with the embedded model on every machine, so that their numbers can be compared.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from labkit import LabError
from labkit.machine import GB
from labkit.training.sizes import Sizes


class Preset(BaseModel):
    """Model and settings for a class of machines."""

    model_config = ConfigDict(frozen=True)

    name: str
    card: str
    from_memory: float  # bytes of GPU memory from which it is chosen
    speed: float  # operations a second that the card's maker states for this dtype; a training reaches a part of it
    model: str  # as people call it
    hub: str | None  # name on the hub; None for the embedded model
    sizes: Sizes
    batch_size: int
    accumulation: int
    max_length: int
    dtype: Literal["float32", "bfloat16"]  # of what is not held in 4 bits; chosen by labkit.training.backend
    optimiser: Literal["adamw_torch", "adamw_8bit"]
    learning_rate: float

    def settings(self) -> dict[str, Any]:
        """The fields of :class:`labkit.training.settings.SFTSettings` that differ between machines."""
        names = {"batch_size", "accumulation", "max_length", "optimiser", "learning_rate"}
        return self.model_dump(include=names)

    def __str__(self) -> str:
        rows = f"{self.batch_size} rows a step" + (f" x {self.accumulation}" if self.accumulation > 1 else "")
        return f"{self.card}: {self.model} in 4 bits, {rows}, {self.dtype}, {self.optimiser}"


# Four rows a step on every machine: what the lab's learning rates were tried with. Larger models want smaller rates.
PRESETS = (
    Preset(
        name="cpu", card="CPU", from_memory=0, speed=1.3e11, model="SmolLM2-135M-Instruct", hub=None,
        sizes=Sizes(30, 576, 1536, 9, 3, 49152), batch_size=4, accumulation=1, max_length=512,
        dtype="float32", optimiser="adamw_torch", learning_rate=1.2e-3,
    ),
    Preset(
        name="t4", card="T4 or another card of 16 GB", from_memory=15 * GB, speed=8.1e12, model="SmolLM2-1.7B-Instruct",
        hub="HuggingFaceTB/SmolLM2-1.7B-Instruct", sizes=Sizes(24, 2048, 8192, 32, 32, 49152),
        batch_size=4, accumulation=1, max_length=512,
        dtype="float32", optimiser="adamw_8bit", learning_rate=3e-4,  # a T4 has no bfloat16, float16 needs a loss scaler
    ),
    Preset(
        name="24gb", card="L4 or another card of 24 GB", from_memory=22 * GB, speed=121e12, model="Qwen2.5-7B-Instruct",
        hub="Qwen/Qwen2.5-7B-Instruct", sizes=Sizes(28, 3584, 18944, 28, 4, 152064, 128, False),
        batch_size=2, accumulation=2, max_length=512,
        dtype="bfloat16", optimiser="adamw_8bit", learning_rate=2e-4,
    ),
    Preset(
        name="80gb", card="A100 or another card of 80 GB", from_memory=75 * GB, speed=312e12, model="Qwen2.5-14B-Instruct",
        hub="Qwen/Qwen2.5-14B-Instruct", sizes=Sizes(48, 5120, 13824, 40, 8, 152064, 128, False),
        batch_size=4, accumulation=1, max_length=1024,
        dtype="bfloat16", optimiser="adamw_8bit", learning_rate=2e-4,
    ),
)  # fmt: skip


def choose(gpu_memory: float | None) -> Preset:
    """The preset for a machine: by its card's memory in bytes; without a usable card, or with a small one, the CPU's."""
    return [preset for preset in PRESETS if preset.from_memory <= (gpu_memory or 0)][-1]


def named(name: str) -> Preset:
    """A preset by name.

    Raises:
        LabError: there is none of that name.
    """
    found = {preset.name: preset for preset in PRESETS}
    if name not in found:
        raise LabError(f"preset {name}", "is not known", f"take one of {', '.join(found)}")
    return found[name]
