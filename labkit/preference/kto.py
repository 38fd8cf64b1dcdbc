"""KTO: align an SFT adapter with thumbs. Every answer counts by itself; nobody had to compare two.

Ethayarajh et al. 2024 (arXiv:2402.01306). The loss of an answer is weight * (1 - sigmoid(beta * (gain - KL))) for a thumb
up, with the sign turned for a thumb down; the gain is measured against the frozen reference, as in DPO.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import append_jsonl
from labkit.preference.reference import align, guards, parent_of, policy, rendered
from labkit.training.adapter import Manifest, base_hash
from labkit.training.backend import unsloth
from labkit.training.base_model import embedded_model
from labkit.training.rows import not_trained
from labkit.training.settings import KTOSettings
from labkit.training.watch import callbacks

HIGHEST = 4 / 3  # weighted good answers may outweigh bad ones by this much: equation 8 of the paper


def train_kto(
    rows: Sequence[dict[str, Any]],
    sft_adapter: Path,
    out: Path,
    settings: KTOSettings | None = None,
    base: str | Path | None = None,
) -> Manifest:
    """Train with TRL's KTOTrainer from an SFT adapter.

    Args:
        rows: conversational prompt and completion, and a label (true: thumb up), shape (n,);
            :func:`preference_rows` and :func:`read_thumbs` make them.
        sft_adapter: folder of the adapter to start from; also the reference.
        out: scratch folder, as for DPO.
        settings: every knob.
        base: the model the SFT adapter was trained on; the embedded one by default.

    Raises:
        LabError: one kind of thumb is missing, the base is not the adapter's, or the first loss shows a wrong reference.
    """
    settings = settings or KTOSettings()
    base = base or embedded_model()
    weights(rows)  # told before the model is loaded
    parent = parent_of("kto", sft_adapter, base)
    unsloth()
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    model, tokenizer = policy(sft_adapter, parent, settings, base)
    kept, dropped = rendered(rows, ("completion",), tokenizer, settings.max_length, out)
    ordered = mixed(kept, settings.seed)
    if len(ordered) % settings.batch_size == 1:
        *ordered, last = ordered
        dropped["alone-in-its-batch"] = 1
        problem = "it would stand alone in the last batch, where its KL term is its own gain"
        append_jsonl(out / "dropped.jsonl", not_trained(str(last.get("pair", len(ordered))), problem))
    good, bad = weights(ordered)
    first = ordered[: settings.batch_size * settings.accumulation]
    start = sum(good if row["label"] else bad for row in first) / len(first) / 2
    trainer = KTOTrainer(
        model=model,
        args=KTOConfig(
            **settings.trainer_arguments(str(out / "checkpoints")), desirable_weight=good, undesirable_weight=bad
        ),
        train_dataset=Dataset.from_list([{k: row[k] for k in ("prompt", "completion", "label")} for row in ordered]),
        processing_class=tokenizer,
        callbacks=[*callbacks("aligning", out / "log.jsonl"), *guards("kto", start)],
    )
    manifest = Manifest(
        kind="kto",
        base=Path(base).name,
        base_sha256=base_hash(base),
        parent_sha256=parent.weights_sha256,
        data_sha256="",
        settings=settings.model_dump(mode="json") | {"desirable_weight": good, "undesirable_weight": bad},
        rows_in=len(rows),
        rows_trained=len(trainer.train_dataset),
        rows_dropped=dropped,
        start_loss=start,
    )
    return align(trainer, tokenizer, out, manifest, sft_adapter, rows)


def weights(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Weights of thumbs up and down, such that weighted ups are 1 to 4/3 times the weighted downs; the rarer kind is raised.

    Raises:
        LabError: one kind is missing: KTO then only learns to say everything more, or less, often.
    """
    ups = sum(bool(row["label"]) for row in rows)
    downs = len(rows) - ups
    if not ups or not downs:
        missing = "no rows" if not rows else "no thumb up" if not ups else "no thumb down"
        raise LabError("kto", f"there is {missing} among the {len(rows)} answers", "collect both kinds")
    middle = (1 + HIGHEST) / 2
    if ups < downs:
        return round(middle * downs / ups, 4), 1.0
    if ups > HIGHEST * downs:
        return 1.0, round(ups / downs / middle, 4)
    return 1.0, 1.0


def mixed(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Rows in a seeded order in which both kinds of thumbs stand as evenly as their numbers allow.

    TRL takes KTO rows in the order they come (its KL term needs fixed batches), so whatever order the rows are in would
    be what the model sees, such as all ups first.
    """
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    kinds = [[row for row in shuffled if bool(row["label"]) is kind] for kind in (True, False)]
    places = [((i + 0.5) / len(kind), n, row) for n, kind in enumerate(kinds) for i, row in enumerate(kind)]
    return [row for _, _, row in sorted(places, key=lambda place: place[:2])]
