"""What DPO and KTO share: a policy that starts from an SFT adapter, and the frozen copy of it that is the reference.

TRL keeps the reference as a second adapter named ``ref`` beside the trained one. It is right only if the policy carries
the SFT weights when the trainer is built, and it must never be saved.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import sha256, write_jsonl
from labkit.records import Message
from labkit.training.adapter import Manifest, base_hash, read_manifest
from labkit.training.backend import add_adapter, load_base
from labkit.training.loop import run
from labkit.training.rows import longest, not_trained, render_prompt
from labkit.training.settings import LoraSettings, TrainerSettings

NEAR = 0.01  # a first loss further from the one it must be is no rounding


def parent_of(kind: str, sft_adapter: Path, base: str | Path) -> Manifest:
    """The SFT adapter's manifest.

    Raises:
        LabError: it is not finished, or was trained on another base model.
    """
    parent = read_manifest(sft_adapter)
    if parent.base_sha256 and parent.base_sha256 != base_hash(base):
        raise LabError(kind, f"the adapter was trained on {parent.base}, not on this base model", "give its base model")
    return parent


def policy(sft_adapter: Path, parent: Manifest, settings: TrainerSettings, base: str | Path) -> Any:
    """A freshly loaded base model with the SFT adapter on it, and its tokenizer.

    Fresh at each call: a model that was aligned before still carries the earlier run's reference.
    """
    model, tokenizer = load_base(base, four_bit=settings.four_bit, max_length=settings.max_length)
    model = add_adapter(model, LoraSettings(**parent.settings["lora"]), settings.seed)
    load_weights(model, sft_adapter)
    return model, tokenizer


def load_weights(model: Any, adapter: Path) -> None:
    """Put the saved weights of an adapter into a model that carries a fresh one of the same shape.

    Raises:
        LabError: the shapes or layers differ.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    state = load_file(str(adapter / "adapter_model.safetensors"))
    result = set_peft_model_state_dict(model, state)
    if getattr(result, "unexpected_keys", None):
        raise LabError(
            str(adapter), "does not fit this model's layers", "use the model and settings it was trained with"
        )


def check_reference(kind: str, model: Any, adapter: Path) -> None:
    """Make sure that the trainer's frozen copy holds the SFT adapter's weights, before a step is paid for.

    A loss of ln 2 alone does not show it: a bare base model compared with itself starts there, too.

    Raises:
        LabError: there is no such copy, or it holds other weights.
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    saved = load_file(str(adapter / "adapter_model.safetensors"))
    frozen = get_peft_model_state_dict(model, adapter_name="ref") if "ref" in model.peft_config else {}
    if saved.keys() != frozen.keys() or not all(
        torch.allclose(saved[name].float(), frozen[name].float().cpu(), rtol=1e-2, atol=1e-6) for name in saved
    ):
        raise LabError(kind, "the reference does not hold the SFT adapter's weights", "start from the SFT adapter")


def rendered(
    rows: Sequence[dict[str, Any]], answers: Sequence[str], tokenizer: Any, max_length: int, out: Path
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows as text: the prompt in the chat template, each answer with its end of turn.

    Rows in which an answer would be cut are left out (the trainers would cut or drop them without a word) and reported in
    ``dropped.jsonl``.

    Args:
        rows: conversational rows, shape (n,); all other keys are kept.
        answers: the keys that hold an answer: chosen and rejected, or completion.
        tokenizer: of the model to be trained.
        max_length: tokens of prompt and answer together.
        out: folder of the report.

    Returns:
        The rows that fit, and how many were left out by reason.

    Raises:
        LabError: no row fits.
    """
    kept, findings = [], []
    for number, row in enumerate(rows):
        texts = {key: row[key][-1]["content"] + str(tokenizer.eos_token) for key in answers}
        prompt = render_prompt([Message(**m) for m in row["prompt"]], tokenizer)
        tokens = longest((prompt + text for text in texts.values()), tokenizer)
        if tokens > max_length:
            problem = f"{tokens} tokens are more than max_length {max_length}"
            findings.append(not_trained(str(row.get("pair", number)), problem))
        else:
            kept.append({**row, "prompt": prompt, **texts})
    write_jsonl(out / "dropped.jsonl", findings)
    if not kept:
        raise LabError("preference rows", f"all {len(rows)} are longer than max_length", "raise max_length")
    return kept, {"too-long": len(findings)}


def align(
    trainer: Any, tokenizer: Any, out: Path, manifest: Manifest, sft_adapter: Path, rows: Sequence[dict[str, Any]]
) -> Manifest:
    """Check the reference, train, and save the adapter without its frozen copy.

    Args:
        trainer: TRL's trainer, built on a model of :func:`policy`, with the callbacks of :func:`guards`.
        tokenizer: saved beside the adapter.
        out: scratch folder.
        manifest: kind, base, settings and row counts; the rest is filled in.
        sft_adapter: where the policy started.
        rows: what was asked to be trained on, for the manifest's hash.

    Raises:
        LabError: the reference is not the SFT adapter.
    """
    check_reference(manifest.kind, trainer.model, sft_adapter)
    manifest.data_sha256 = sha256(json.dumps(list(rows)))
    manifest = run(trainer, tokenizer, out, manifest)
    shutil.rmtree(out / "adapter" / "ref", ignore_errors=True)  # the frozen copy is the parent: no need to keep it
    return manifest


def guards(kind: str, first_loss: float) -> list[Any]:
    """Callbacks of a training with a reference.

    Args:
        kind: named in the error.
        first_loss: the loss at step 1 of a run whose reference is the model it starts from.
    """
    from transformers import TrainerCallback

    class Guard(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if state.global_step == 1 and logs and "loss" in logs:
                refuse_start(kind, logs["loss"], first_loss)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            drop_reference(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return [Guard()]


def refuse_start(kind: str, loss: float, wanted: float) -> None:
    """Stop at step 1 when policy and reference are not the same model.

    Raises:
        LabError: the loss says so.
    """
    if abs(loss - wanted) > NEAR * max(1.0, wanted):
        mend = "the reference is not the model it starts from: start from a finished SFT adapter"
        raise LabError(f"{kind} step 1", f"the loss is {loss:.4f}, not {wanted:.4f}", mend)


def drop_reference(checkpoint: Path) -> None:
    """Remove ``ref/`` from a checkpoint.

    The trainer saves its frozen copy there, and on resume transformers then loads only sub-folder adapters: the trained
    weights would silently be skipped. The reference itself comes from the parent adapter at each start.
    """
    shutil.rmtree(checkpoint / "ref", ignore_errors=True)
