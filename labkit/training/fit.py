"""Will it fit, and how long will it take? Asked before a training starts, answered from sizes and a short matmul.

The sums are rough on purpose and say how rough. Memory: frozen weights, adapter with its optimiser, what the backward
pass must remember, logits, and what the libraries themselves take. Minutes: the arithmetic of all tokens, divided by the
speed at which this machine multiplies matrices of the model's shape. The constants were set on the lab's own runs on two
CPU cores (SFT 1.95 GB and 467 s for 87,453 tokens, DPO 1.9 GB); no GPU run stands behind the GPU ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from labkit import LabError
from labkit.machine import GB, memory
from labkit.records import Example
from labkit.training.backend import unpacks
from labkit.training.settings import LoraSettings, TrainerSettings
from labkit.training.sizes import Sizes, read_sizes

Stage = Literal["sft", "reward", "dpo", "kto"]
# Through all layers: (forward passes, of the reference model too; backward passes; sequences of a row).
PASSES: dict[Stage, tuple[int, int, int]] = {"sft": (1, 1, 1), "reward": (1, 1, 2), "dpo": (2, 1, 2), "kto": (4, 1, 1)}
NF4 = 0.53  # bytes a number: 4 bits, and the scales of its block, themselves quantised
TRAINED = {"adamw_torch": 16, "adamw_8bit": 10}  # bytes a number: itself, its gradient, two moments
KEPT_HIDDEN, KEPT_INNER = 9, 4  # activations of a layer that the backward pass needs, in vectors of either width
LOGIT_COPIES = 3  # the logits, their softmax, its gradient
LIBRARIES = {"cpu": 1.05 * GB, "gpu": 1.2 * GB}  # torch, transformers, TRL, Unsloth; on a GPU the CUDA context
SHARE_OF_PEAK = {"cpu": 0.55, "gpu": 0.3}  # of the matmul speed that a whole training step reaches
A_STEP = {"cpu": 0.0, "gpu": 0.15}  # seconds that a step takes however small it is: a GPU waits for Python
MEMORY_OFF, MINUTES_OFF = 1.25, 2.0  # an estimate may be wrong by these factors, either way
TURN = 6  # tokens that the chat template puts round a message


class Device(NamedTuple):
    """Where a training would run: memory in bytes (None: unknown), speed in floating-point operations a second."""

    kind: Literal["cpu", "gpu"]
    free: float | None
    speed: float


class Fit(BaseModel):
    """The estimate for one training, and whether it can be started."""

    stage: Stage
    steps: int
    memory_gb: float
    free_gb: float | None
    minutes: float
    fits: bool
    sentence: str
    mend: str = ""


def estimate(
    stage: Stage, settings: TrainerSettings, sizes: Sizes, lengths: Sequence[int], device: Device, lora: LoraSettings
) -> Fit:
    """Memory and minutes of a training, before it is started.

    Args:
        stage: which training.
        settings: its settings.
        sizes: of the base model.
        lengths: tokens of each row, shape (n,); of a pair, the tokens of the longer side.
        device: where it would run.
        lora: the adapter (DPO and KTO go on with the SFT adapter's).
    """
    need = memory_needed(stage, settings, sizes, lengths, device.kind, lora)
    if settings.four_bit and device.kind == "cpu" and unpacks(sizes.in_layers + sizes.table, device.free):
        need += sizes.in_layers * (4 - NF4)
    steps = round(settings.epochs * -(-len(lengths) // (settings.batch_size * settings.accumulation)))
    seconds = operations(stage, settings, sizes, lengths, lora) / (device.speed * SHARE_OF_PEAK[device.kind])
    minutes = (seconds + steps * A_STEP[device.kind]) / 60
    fits = device.free is None or need / MEMORY_OFF <= device.free
    free = "an unknown amount" if device.free is None else f"{device.free / GB:.1f} GB"
    tight = fits and device.free is not None and need * MEMORY_OFF > device.free
    sentence = (
        f"{steps} steps, about {_time(minutes / MINUTES_OFF)} to {_time(minutes * MINUTES_OFF)} minutes and "
        f"{need / GB:.1f} GB of memory (give or take a quarter), with {free} free"
    )
    mend = "" if fits and not tight else _mend(stage, settings, sizes, lengths, device, lora)
    return Fit(
        stage=stage,
        steps=steps,
        memory_gb=round(need / GB, 2),
        free_gb=None if device.free is None else round(device.free / GB, 2),
        minutes=round(minutes, 1),
        fits=fits,
        sentence=sentence + (": tight" if tight else "" if fits else ": it cannot fit"),
        mend=mend,
    )


def memory_needed(
    stage: Stage, settings: TrainerSettings, sizes: Sizes, lengths: Sequence[int], kind: str, lora: LoraSettings
) -> float:
    """Bytes at the peak of a training, on its longest batch."""
    wide = 4 if kind == "cpu" else 2  # the frozen numbers in use are float32 on a CPU, 16 bits on a GPU
    tables = 1 if sizes.tied or stage == "reward" else 2
    frozen = sizes.in_layers * (NF4 if settings.four_bit else wide) + tables * sizes.table * wide
    adapter = sizes.adapter(lora)
    trained = adapter * (TRAINED[settings.optimiser] + (4 if stage in ("dpo", "kto") else 0))
    longest = min(max(lengths, default=0), settings.max_length)
    tokens = PASSES[stage][2] * min(settings.batch_size, len(lengths)) * longest
    layers = len(lora.layers(sizes.layers))  # below the lowest adapter nothing need be remembered
    kept = tokens * layers * (KEPT_HIDDEN * sizes.hidden + KEPT_INNER * sizes.inner) * wide
    logits = tokens * _with_logits(stage) * sizes.vocabulary * 4 * LOGIT_COPIES
    return LIBRARIES[kind] + frozen + trained + kept + logits


def operations(
    stage: Stage, settings: TrainerSettings, sizes: Sizes, lengths: Sequence[int], lora: LoraSettings
) -> float:
    """Floating-point operations of the whole training: two a number and token in each pass.

    Frozen weights need no gradient of their own, so the backward pass costs no more than a forward one, and it ends at
    the lowest layer that carries an adapter.
    """
    forward, backward, sequences = PASSES[stage]
    tokens = sum(min(n, settings.max_length) for n in lengths) * sequences * settings.epochs
    share = len(lora.layers(sizes.layers)) / sizes.layers
    through = sizes.in_layers * (forward + backward * share)
    head = sizes.table * _with_logits(stage) * (forward + backward)
    return tokens * 2 * (through + head)


def _with_logits(stage: Stage) -> float:
    """Share of the positions whose logits are computed: SFT leaves out what is only read, a reward has one score."""
    return {"sft": 0.5, "reward": 0.0}.get(stage, 1.0)


def _time(minutes: float) -> str:
    return f"{minutes:.0f}" if minutes >= 10 else f"{minutes:.1f}"


def _mend(
    stage: Stage, settings: TrainerSettings, sizes: Sizes, lengths: Sequence[int], device: Device, lora: LoraSettings
) -> str:
    """The smallest change that fits: fewer rows at once first, for that alone changes nothing of what is learned."""
    tries: list[dict[str, Any]] = []
    batch, accumulation = settings.batch_size, settings.accumulation
    while batch > 1:
        batch, accumulation = -(-batch // 2), accumulation * 2
        tries.append({"batch_size": batch, "accumulation": accumulation})
    if not settings.four_bit and stage != "reward":
        tries = [{"four_bit": True}, *tries, {"four_bit": True, "batch_size": 1, "accumulation": accumulation}]
    for change in tries:
        changed = settings.model_copy(update=change)
        if memory_needed(stage, changed, sizes, lengths, device.kind, lora) * MEMORY_OFF <= (device.free or 0):
            return "set " + " and ".join(f"{name} to {value}" for name, value in change.items())
    return "close other programs, drop the longest rows, or take a smaller model or a larger machine"


def token_lengths(stage: Stage, rows: Iterable[Example | Mapping[str, Any]], base: str | Path) -> list[int]:
    """About how many tokens each row has: of a pair, its longer side; without the model's tokenizer, from characters."""
    file = Path(base) / "tokenizer.json"
    count = _counter(str(file)) if file.is_file() else lambda text: len(text) // 4
    return [max(sum(count(text) + TURN for text in side) for side in _sides(row)) for row in rows]


@cache
def _counter(file: str) -> Any:
    from tokenizers import Tokenizer  # the bare tokenizer: transformers must not be imported before unsloth

    tokenizer = Tokenizer.from_file(file)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _sides(row: Example | Mapping[str, Any]) -> list[list[str]]:
    """The conversations of a row: one of an example or a thumb, two of a pair."""
    if isinstance(row, Example):
        return [[*(m.content for m in row.prompt), row.response]]
    answers = [row[key] for key in ("chosen", "rejected", "completion") if key in row]
    return [[*_contents(row["prompt"]), *_contents(answer)] for answer in answers]


def _contents(messages: Any) -> list[str]:
    return [messages] if isinstance(messages, str) else [message["content"] for message in messages]


def here() -> Device:
    """This machine: the GPU where torch sees one, else the processor. Takes about half a second."""
    import torch

    if torch.cuda.is_available():
        return Device("gpu", float(torch.cuda.mem_get_info()[0]), _speed("cuda"))
    seen = memory()
    return Device("cpu", float(seen[0]) if seen else None, _speed("cpu"))


@cache
def _speed(kind: str) -> float:
    """Operations a second in a product of the size that a small training step has."""
    import torch

    dtype = torch.bfloat16 if kind == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    rows, inner, outer = (280, 576, 1536) if kind == "cpu" else (2048, 4096, 4096)
    a, b = torch.ones(rows, inner, dtype=dtype, device=kind), torch.ones(inner, outer, dtype=dtype, device=kind)

    def block(times: int) -> float:
        started = time.perf_counter()
        for _ in range(times):
            c = a @ b
        c[0, 0].item()  # a GPU works behind Python's back: wait for the last product
        return times * 2 * rows * inner * outer / (time.perf_counter() - started)

    block(3)
    return max(block(20) for _ in range(5))


def before_training(
    stage: Stage,
    settings: TrainerSettings,
    base: str | Path,
    rows: Sequence[Example | Mapping[str, Any]],
    lora: LoraSettings | None = None,
) -> Fit | None:
    """Say what a training will need, and refuse one that cannot fit.

    Args:
        stage: which training.
        settings: its settings.
        base: folder of the model; of a hub name nothing is known before it is loaded, and None comes back.
        rows: examples, pairs or thumbs, shape (n,).
        lora: the adapter where the settings name none (DPO and KTO).

    Raises:
        LabError: it needs more memory than is free, with what to change.
    """
    sizes = read_sizes(base)
    if sizes is None or not rows:
        return None
    adapter = lora or getattr(settings, "lora", None) or LoraSettings()
    fit = estimate(stage, settings, sizes, token_lengths(stage, rows, base), here(), adapter)
    if not fit.fits:
        raise LabError(f"{stage} training", fit.sentence, fit.mend)
    print(f"{stage}: {fit.sentence}." + (f" To be safe, {fit.mend}." if fit.mend else ""))
    return fit
