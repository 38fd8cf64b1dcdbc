"""Verbs of the training and preference stages: ``labkit train sft|reward|dpo|kto``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()
train = typer.Typer(name="train", help="Train an adapter: sft, reward, dpo or kto.", no_args_is_help=True)
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
    preset: Annotated[str | None, typer.Option(help="Model and settings for a machine: cpu, t4, 24gb, 80gb.")] = None,
    name: Annotated[str, typer.Option(help="Name of the result in the home.")] = "sft",
) -> int:
    """Fine-tune on a JSON Lines file with QLoRA. Stopped half-way, the same command goes on where it was."""
    from labkit.home import Home
    from labkit.training.presets import named
    from labkit.training.settings import SFTSettings
    from labkit.training.step import fine_tune

    chosen = named(preset) if preset else None
    given = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "max_length": max_length,
        "seed": seed,
    }
    of_preset = chosen.settings() if chosen else {}
    settings = _settings(SFTSettings, **of_preset | {k: v for k, v in given.items() if v is not None})
    base = base or (chosen.hub if chosen else None)
    trained = fine_tune(Home(home), data, settings, base, name)  # reads the file before it loads the model
    return _report(trained) or (1 if any(f.check == "schema" for f in trained.dropped()) else 0)


@train.command()
def dpo(
    pairs: Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")],
    rankings: Annotated[Path, typer.Option(help="Ranking log (labkit schema ranking).")],
    base: Base = None,
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    seed: Seed = None,
    robust: Annotated[
        bool, typer.Option(help="Train on every judgement, and allow for the noise that repeats show.")
    ] = False,
) -> int:
    """Align the home's SFT adapter with rankings."""
    from labkit.home import Home
    from labkit.preference.step import align, preferences, rankings_in_use, robust_settings
    from labkit.training.settings import DPOSettings

    settings = _settings(DPOSettings, epochs=epochs, learning_rate=learning_rate, seed=seed)
    place = Home(home)
    tuned = _tuned(place)
    rows, _ = preferences(place, pairs, rankings, "every" if robust else "majority")
    print(rows.accounting)
    if robust:
        settings, sentence = robust_settings(rankings_in_use(place, rankings)[0], settings)
        print(sentence)
    return _report(align(place, tuned, rows, settings, base))


@train.command()
def kto(
    pairs: Annotated[Path | None, typer.Option(help="Pairs of answers; their rankings say which are good.")] = None,
    rankings: Annotated[Path | None, typer.Option(help="Ranking log; needed with --pairs.")] = None,
    thumbs: Annotated[Path | None, typer.Option(help="JSON Lines of prompt, completion and label (true: up).")] = None,
    base: Base = None,
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    seed: Seed = None,
) -> int:
    """Align the home's SFT adapter with thumbs up and down, from a file or from rankings."""
    from labkit.home import Home
    from labkit.preference.kto import weights
    from labkit.preference.step import preferences
    from labkit.preference.step import thumbs as align_with_thumbs
    from labkit.preference.thumbs import read_thumbs
    from labkit.training.settings import KTOSettings

    settings = _settings(KTOSettings, epochs=epochs, learning_rate=learning_rate, seed=seed)
    if (thumbs is None) == (pairs is None) or (pairs is None) != (rankings is None):
        raise LabError("train kto", "needs either --thumbs, or --pairs with --rankings", "name one of them")
    place = Home(home)
    tuned = _tuned(place)
    findings: list[Any] = []
    if thumbs is not None:
        rows, findings = read_thumbs(thumbs)
        source = thumbs
    else:
        found, _ = preferences(place, Path(str(pairs)), Path(str(rankings)))
        print(found.accounting)
        rows, source = found.kto, place / "preference" / "used.jsonl"
    for finding in findings:
        print(f"not trained on: {finding.row_id}: {finding.message}")
    ups = sum(row["label"] for row in rows)
    up, down = weights(rows)
    print(f"{ups} thumbs up with weight {up:g}, {len(rows) - ups} down with weight {down:g}")
    return _report(align_with_thumbs(place, tuned, rows, source, settings, base)) or (1 if findings else 0)


@train.command()
def reward(
    pairs: Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")],
    rankings: Annotated[Path, typer.Option(help="Ranking log (labkit schema ranking).")],
    home: HomeFolder = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    seed: Seed = None,
) -> int:
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
    accuracy = RewardModel(trained.adapter, tuned.merged).pair_accuracy(held_out.dpo)
    print(f"Held-out pair accuracy: {accuracy}")
    return _report(trained, accuracy)


def _tuned(home: Any) -> Any:
    from labkit.training.step import Trained

    tuned = Trained(home / "training" / "sft")
    if not tuned.adapter.exists():
        raise LabError(str(tuned.adapter), "is not there yet", "run 'labkit train sft --data FILE' first")
    return tuned


def _report(trained: Any, held_out: Any = None) -> int:
    """Print what was trained and whether it is sound; a failed run is exit code 1."""
    from labkit.preference.health import judge

    manifest = trained.manifest
    print(f"{trained.folder}: {manifest.rows_trained} of {manifest.rows_in} rows, {manifest.steps} steps,")
    print(f"loss {manifest.first_loss:.3f} -> {manifest.last_loss:.3f}, {manifest.seconds:.0f} s on {manifest.device}")
    if (trained.folder / "dropped.jsonl").exists():
        for finding in trained.dropped():
            print(f"not trained on: {finding.row_id}: {finding.message}")
    health = judge(manifest, trained.log(), held_out)
    print(health)
    return 1 if health.verdict == "failed" else 0
