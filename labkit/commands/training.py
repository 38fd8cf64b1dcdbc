"""Verbs of the training and preference stages: ``labkit train sft|reward|dpo`` and ``labkit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()
train = typer.Typer(name="train", help="Train an adapter: sft, reward or dpo.", no_args_is_help=True)
verbs.add_typer(train)

Data = Annotated[
    Path, typer.Option("--data", help="JSON Lines: lab rows, OpenAI, ShareGPT, Alpaca, prompt/completion.")
]
Base = Annotated[
    str | None, typer.Option("--base", help="Model folder (or hub name with LAB_ONLINE=1); embedded by default.")
]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="The lab's home; LAB_HOME or ./lab-home by default.")]
Epochs = Annotated[float | None, typer.Option(help="Passes over the data.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate.")]
Seed = Annotated[int | None, typer.Option(help="Seed of adapter, order and reward head.")]


def _settings(kind: Any, **given: Any) -> Any:
    from pydantic import ValidationError

    from labkit.files import explain

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise LabError("settings", explain(error), "see 'labkit train sft --help'") from error


@train.command()
def sft(
    data: Data,
    base: Base = None,
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest row in tokens; longer ones are reported.")] = None,
    seed: Seed = None,
    name: Annotated[str, typer.Option(help="Name of the result in the home.")] = "sft",
) -> int:
    """Fine-tune on a JSON Lines file with QLoRA. Stopped half-way, the same command goes on where it was."""
    from labkit.formats import read_rows
    from labkit.home import Home
    from labkit.training.settings import SFTSettings
    from labkit.training.step import fine_tune

    settings = _settings(
        SFTSettings,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        max_length=max_length,
        seed=seed,
    )
    _, findings = read_rows(data)  # bad input is told before the model is loaded
    trained = fine_tune(Home(home), data, settings, base, name)
    _report(trained)
    return 1 if findings else 0


@train.command()
def dpo(
    pairs: Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")],
    rankings: Annotated[Path, typer.Option(help="Ranking log (labkit schema ranking).")],
    base: Base = None,
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    seed: Seed = None,
) -> None:
    """Align the home's SFT adapter with rankings."""
    from labkit.home import Home
    from labkit.preference.step import align, preferences
    from labkit.training.settings import DPOSettings

    settings = _settings(DPOSettings, epochs=epochs, learning_rate=learning_rate, seed=seed)
    place = Home(home)
    tuned = _tuned(place)
    rows, _ = preferences(place, pairs, rankings)
    print(rows.accounting)
    _report(align(place, tuned, rows, settings, base))


@train.command()
def reward(
    pairs: Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")],
    rankings: Annotated[Path, typer.Option(help="Ranking log (labkit schema ranking).")],
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    seed: Seed = None,
) -> None:
    """Train a reward model on the home's merged SFT weights and state its held-out pair accuracy."""
    from labkit.home import Home
    from labkit.preference.reward import RewardModel
    from labkit.preference.step import preferences, reward_model
    from labkit.training.settings import RewardSettings

    settings = _settings(RewardSettings, epochs=epochs, learning_rate=learning_rate, seed=seed)
    place = Home(home)
    tuned = _tuned(place)
    rows, held_out = preferences(place, pairs, rankings)
    trained = reward_model(place, tuned, rows, settings)
    _report(trained)
    print(f"Held-out pair accuracy: {RewardModel(trained.adapter, tuned.merged).pair_accuracy(held_out.dpo)}")


def _tuned(home: Any) -> Any:
    from labkit.training.step import Trained

    tuned = Trained(home / "training" / "sft")
    if not tuned.adapter.exists():
        raise LabError(str(tuned.adapter), "is not there yet", "run 'labkit train sft --data FILE' first")
    return tuned


def _report(trained: Any) -> None:
    manifest = trained.manifest
    print(f"{trained.folder}: {manifest.rows_trained} of {manifest.rows_in} rows, {manifest.steps} steps,")
    print(f"loss {manifest.first_loss:.3f} -> {manifest.last_loss:.3f}, {manifest.seconds:.0f} s on {manifest.device}")
    if (trained.folder / "dropped.jsonl").exists():
        for finding in trained.dropped():
            print(f"not trained on: {finding.row_id}: {finding.message}")


@verbs.command()
def export(
    adapter: Annotated[Path, typer.Argument(help="Folder of an adapter.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    to: Annotated[str, typer.Option(help="Only 'merged' (float16 safetensors) for now.")] = "merged",
    base: Base = None,
) -> None:
    """Write an adapter and its base model as one folder of weights."""
    from labkit.training.adapter import base_hash, merge, read_manifest
    from labkit.training.base_model import embedded_model

    if to != "merged":
        raise LabError(f"--to {to}", "is not known", "take 'merged'")
    if out.exists() and any(out.iterdir()):
        raise LabError(str(out), "is not empty", "name a new folder")
    model = base or embedded_model()
    manifest = read_manifest(adapter)
    if manifest.base_sha256 and manifest.base_sha256 != base_hash(model):
        raise LabError(str(adapter), f"was trained on {manifest.base}, not on {model}", "name its base with --base")
    print(merge(model, adapter, out))
