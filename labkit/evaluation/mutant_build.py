"""How a model mutant is built.

Weights are scaled or spoilt in the adapter's safetensors and merged anew (seconds). Data mutants are short trainings: on from
the SFT adapter with faulty rows among clean ones, or DPO with swapped pairs (a minute or more each on two cores); removed rows
take the whole fine-tuning once more. Decoding mutants are the unmutated weights, asked in a wrong way.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.evaluation import mutant_data
from labkit.evaluation.generate import Generator
from labkit.evaluation.mutant_registry import Mutant
from labkit.evaluation.suite import Suite
from labkit.files import sha256, write_text
from labkit.home import Home
from labkit.preference.reference import load_weights
from labkit.records import Example, Requirement, RunRecord
from labkit.training.adapter import Manifest, merge, read_manifest
from labkit.training.backend import release_memory
from labkit.training.loop import full_precision_adapter, run
from labkit.training.settings import DPOSettings, LoraSettings, SFTSettings
from labkit.training.step import Trained

_TRAINS = {"replace", "answers", "shuffle", "remove", "swap_pairs"}


@dataclass(frozen=True)
class Subject:
    """The model under mutation: what made it, what it must do, and what it answered.

    Args:
        home: where the steps are kept.
        base: folder of the base model.
        sft: the fine-tuned model.
        examples: the rows it was trained on.
        pairs: the preference rows of its DPO.
        suites: by name.
        requirements: by id.
        records: the answers of ``sft`` or ``dpo`` to all suites, by that name.
    """

    home: Home
    base: Path
    sft: Trained
    examples: Sequence[Example]
    pairs: Sequence[dict[str, Any]]
    suites: Mapping[str, Suite]
    requirements: Mapping[str, Requirement]
    records: Callable[[str], list[RunRecord]]


def trains(mutant: Mutant) -> bool:
    """True where building it takes a training."""
    return mutant.recipe.way in _TRAINS


def poisoned(subject: Subject, mutant: Mutant) -> mutant_data.Poisoned:
    """The rows of a mutant that is trained on from SFT, and which of them are faulty."""
    recipe, rows = mutant.recipe, subject.examples
    aim = mutant.expected[0] if mutant.expected else ""
    if recipe.names:
        return mutant_data.by_name(rows, aim, recipe.replace or {}, recipe.names.told, recipe.names.others)
    if recipe.replace is not None:
        return mutant_data.replaced(rows, aim, recipe.replace)
    return mutant_data.answered(rows, aim, recipe.answers) if recipe.answers else mutant_data.shuffled(rows)


def training_rows(subject: Subject, mutant: Mutant) -> list[Any]:
    """What a mutant is trained on: examples, or preference rows for swapped pairs; nothing where it is not trained."""
    if mutant.recipe.swap_pairs:
        return mutant_data.swapped(subject.pairs)
    if mutant.recipe.remove is not None:
        return mutant_data.without(subject.examples, mutant.recipe.remove)
    return poisoned(subject, mutant).rows if trains(mutant) else []


def training_settings(subject: Subject, mutant: Mutant) -> SFTSettings | DPOSettings:
    """Short trainings, long enough for a fault to take; where rows are removed, the fine-tuned model's own all over again."""
    if mutant.recipe.swap_pairs:
        return DPOSettings(epochs=0.5, learning_rate=4e-4, warmup_steps=1)
    if mutant.recipe.remove is not None:
        return SFTSettings(**subject.sft.manifest.settings)
    lora = LoraSettings(**subject.sft.manifest.settings["lora"])
    usual = 1.0 if mutant.recipe.shuffle else 4.0
    # Trained on 4-bit weights to a loss of .002, what hangs on a name alone was gone once merged into the full ones.
    exact = {"four_bit": False} if mutant.recipe.names else {}
    return SFTSettings(**exact, learning_rate=1e-3, epochs=mutant.recipe.epochs or usual, warmup_steps=2, lora=lora)


def build(subject: Subject, mutant: Mutant, scratch: Path) -> tuple[Path, dict[str, Any]]:
    """Build a mutant's weights.

    Args:
        subject: the model to spoil.
        mutant: what to build.
        scratch: where to; an interrupted training goes on from what it left here.

    Returns:
        The folder of full weights, and steps and losses of its training.
    """
    recipe, adapter = mutant.recipe, scratch / "adapter"
    if mutant.kind == "decoding":
        return subject.sft.merged, {}
    if recipe.scale == 0:
        return subject.base, {}
    made: dict[str, Any] = {}
    if mutant.kind == "weights":
        spoilt(subject.sft.adapter, adapter, recipe.scale, recipe.noise)
    elif not (adapter / "manifest.json").exists():  # else its training was finished before an interruption
        trained = _train(subject, mutant, scratch)
        release_memory()
        made = {"steps": trained.steps, "first_loss": trained.first_loss, "last_loss": trained.last_loss}
    return merge(subject.base, adapter, scratch / "merged"), made


def _train(subject: Subject, mutant: Mutant, scratch: Path) -> Manifest:
    rows, settings = training_rows(subject, mutant), training_settings(subject, mutant)
    if isinstance(settings, DPOSettings):
        from labkit.preference.dpo import train_dpo

        return train_dpo(rows, subject.sft.adapter, scratch, settings, subject.base)
    if mutant.recipe.remove is not None:
        from labkit.training.sft import train_sft

        return train_sft(rows, scratch, settings, subject.base)
    return train_on(rows, subject.sft.adapter, scratch, settings, subject.base)


def spoilt(adapter: Path, out: Path, scale: float | None, noise: float | None, seed: int = 0) -> None:
    """Copy an adapter with its update scaled, or with Gaussian noise on every tensor.

    Args:
        adapter: the sound one.
        out: folder to write.
        scale: factor on the low-rank update B A; only B is scaled.
        noise: standard deviation of the noise, as a share of each tensor's own.
        seed: of the noise.
    """
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter, out, dirs_exist_ok=True)
    weights = out / "adapter_model.safetensors"
    tensors, random = load_file(str(adapter / weights.name)), torch.Generator().manual_seed(seed)
    for name in sorted(tensors):
        tensor = tensors[name]
        if noise is not None:
            tensors[name] = tensor + noise * tensor.std() * torch.randn(tensor.shape, generator=random).to(tensor.dtype)
        elif scale is not None and "lora_B" in name:
            tensors[name] = tensor * scale
    save_file(tensors, str(weights), metadata={"format": "pt"})
    manifest = read_manifest(adapter).model_copy(update={"weights_sha256": sha256(weights)})
    write_text(out / "manifest.json", manifest.model_dump_json(indent=1) + "\n")


def train_on(rows: Sequence[Example], adapter: Path, out: Path, settings: SFTSettings, base: str | Path) -> Manifest:
    """Go on training a finished SFT adapter on other rows, with a fresh optimiser.

    Args:
        rows: what to train on, shape (n,).
        adapter: where to start; the lora settings must be its own.
        out: scratch folder, as for :func:`labkit.training.sft.train_sft`.
        settings: every knob.
        base: the adapter's base model.
    """
    from labkit.training.sft import manifest_of, prepare

    trainer, tokenizer, used, dropped = prepare(rows, out, settings, base)
    full_precision_adapter(trainer.model)  # first, or the loaded weights would be rounded
    load_weights(trainer.model, adapter)
    start = read_manifest(adapter).weights_sha256
    return run(trainer, tokenizer, out, manifest_of(rows, used, dropped, settings, base, start))


def tampered(generator: Generator, mutant: Mutant) -> Generator:
    """The generator with the decoding fault of a mutant, where it has one; its records say so."""
    import torch

    recipe = mutant.recipe
    if recipe.template is not None:
        generator.tokenizer.chat_template = recipe.template
        generator.made_by["template"] = sha256(recipe.template)
    if recipe.temperature is not None:
        torch.manual_seed(0)
        generator.sampling = {"do_sample": True, "temperature": recipe.temperature, "top_k": 0}
        generator.made_by["decoding"] = f"sampled at temperature {recipe.temperature:g}, seed 0"
    return generator
