"""SFT, DPO and reward training on a tiny model: masks, resume after kill -9, manifests. The traps have test_traps.py."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit import LabError
from labkit.files import write_jsonl
from labkit.training.adapter import read_manifest
from labkit.training.rows import encode, encode_all, show_mask
from labkit.training.settings import DPOSettings, LoraSettings, RewardSettings, SFTSettings
from labkit.training.watch import read_log, refuse_nan

LORA = LoraSettings(rank=4, alpha=4)
SFT = SFTSettings(learning_rate=5e-3, epochs=2, batch_size=4, warmup_steps=1, save_steps=3, lora=LORA)
DPO = DPOSettings(learning_rate=5e-3, epochs=4, batch_size=4, warmup_steps=1, save_steps=3)

# Runs one training in a process of its own, as a learner's kernel would, so that it can be killed.
CHILD = """
import json, sys
from pathlib import Path
from labkit.files import read_strictly
from labkit.records import Example
kind, data, out, base, settings, sft = sys.argv[1:7]
if kind == "sft":
    from labkit.training.settings import SFTSettings
    from labkit.training.sft import train_sft
    train_sft(read_strictly(data, Example), Path(out), SFTSettings.model_validate_json(settings), base)
else:
    from labkit.preference.dpo import train_dpo
    from labkit.training.settings import DPOSettings
    train_dpo(json.loads(Path(data).read_text()), Path(sft), Path(out), DPOSettings.model_validate_json(settings), base)
"""


def child(kind, data, out, base, settings, sft="") -> subprocess.Popen:
    out.mkdir(parents=True, exist_ok=True)
    arguments = [kind, str(data), str(out), str(base), settings.model_dump_json(), str(sft)]
    with open(out / "stderr.txt", "ab") as errors:
        return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=errors, stderr=errors)


def finish(process, out: Path) -> None:
    assert process.wait(240) == 0, (out / "stderr.txt").read_text()[-2000:]


def kill_at(process, out: Path, step: int) -> None:
    """Wait until a step is logged, then kill -9."""
    deadline = time.monotonic() + 240
    log = out / "log.jsonl"
    while not (log.exists() and len(log.read_text().splitlines()) >= step):
        assert process.poll() is None, (out / "stderr.txt").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "adapter" / "manifest.json").exists(), "the training was over before it could be killed"


@pytest.fixture(scope="module")
def sft(tmp_path_factory, tiny, examples) -> Path:
    """An uninterrupted SFT run: folder with adapter and log."""
    from labkit.training.sft import train_sft

    out = tmp_path_factory.mktemp("sft")
    train_sft(examples, out, SFT, tiny)
    return out


def test_only_the_answer_and_its_end_are_trained(examples, tokenizer):
    row = encode(examples[0], tokenizer)
    trained = [t for t, m in zip(row.input_ids, row.completion_mask, strict=True) if m]
    assert tokenizer.decode(trained) == examples[0].response + "<|im_end|>"
    view = show_mask(row.input_ids, row.completion_mask, tokenizer)
    assert view.text().endswith(f"[[{examples[0].response}<|im_end|>]]")
    assert view.text().count("[[") == 1


def test_mask_view_escapes_what_it_shows(tokenizer):
    ids = tokenizer("<script>alert(1)</script>", add_special_tokens=False)["input_ids"]
    shown = show_mask(ids, [1] * len(ids), tokenizer)._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_rows_that_cannot_be_trained_on_are_reported(examples, tokenizer):
    empty = examples[0].model_copy(update={"id": "empty", "response": "  "})
    long = examples[0].model_copy(update={"id": "long", "response": "word " * 400})
    rows, findings = encode_all([examples[0], empty, long], tokenizer, max_length=128)
    assert [r.id for r in rows] == [examples[0].id]
    assert {f.row_id for f in findings} == {"empty", "long"}
    with pytest.raises(LabError, match="none of 1 rows"):
        encode_all([empty], tokenizer, max_length=128)


def test_loss_falls_and_the_manifest_says_what_was_done(sft, examples):
    manifest = read_manifest(sft / "adapter")
    log = read_log(sft / "log.jsonl")
    assert manifest.rows_in == manifest.rows_trained == len(examples)
    assert manifest.steps == len(log) == 12
    assert manifest.last_loss < manifest.first_loss
    assert manifest.settings["learning_rate"] == 5e-3 and manifest.versions["unsloth"]
    names = {p.name for p in (sft / "adapter").iterdir()}
    assert "adapter_model.safetensors" in names and not any(n.endswith((".bin", ".pt")) for n in names)
    assert not (sft / "checkpoints").exists()


def test_tampered_weights_are_refused(sft, tmp_path):
    import shutil

    copy = tmp_path / "adapter"
    shutil.copytree(sft / "adapter", copy)
    with open(copy / "adapter_model.safetensors", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(LabError, match="do not match the manifest"):
        read_manifest(copy)
    with pytest.raises(LabError, match="no finished adapter"):
        read_manifest(tmp_path)


def test_sft_killed_and_resumed_has_the_losses_of_an_uninterrupted_one(tmp_path, tiny, examples, sft):
    data = write_jsonl(tmp_path / "data.jsonl", examples)
    out = tmp_path / "killed"
    kill_at(child("sft", data, out, tiny, SFT), out, step=5)
    finish(child("sft", data, out, tiny, SFT), out)
    whole, resumed = read_log(sft / "log.jsonl"), read_log(out / "log.jsonl")
    assert [r["step"] for r in resumed] == [r["step"] for r in whole]
    assert [r["loss"] for r in resumed] == pytest.approx([r["loss"] for r in whole], abs=1e-4)


def test_dpo_starts_from_the_sft_adapter_and_resumes_as_if_never_killed(tmp_path, tiny, sft, preference_rows):
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(preference_rows))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    finish(child("dpo", data, tmp_path / "whole", tiny, DPO, sft / "adapter"), tmp_path / "whole")
    whole = read_log(tmp_path / "whole" / "log.jsonl")
    assert whole[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert whole[0]["rewards/margins"] == pytest.approx(0, abs=1e-3)
    assert whole[-1]["rewards/margins"] > 0.01
    out = tmp_path / "killed"
    kill_at(child("dpo", data, out, tiny, DPO, sft / "adapter"), out, step=5)
    finish(child("dpo", data, out, tiny, DPO, sft / "adapter"), out)
    resumed = read_log(out / "log.jsonl")
    assert [r["loss"] for r in resumed] == pytest.approx([r["loss"] for r in whole], abs=1e-4)
    manifest = read_manifest(out / "adapter")
    assert manifest.parent_sha256 == read_manifest(sft / "adapter").weights_sha256
    assert not (out / "adapter" / "ref").exists()


def test_reward_model_learns_pairs_it_was_shown(tmp_path, tiny, preference_rows):
    from labkit.preference.reward import RewardModel, train_reward

    settings = RewardSettings(learning_rate=1e-2, epochs=8, batch_size=4, warmup_steps=1, lora=LORA)
    manifest = train_reward(preference_rows, tmp_path, settings, tiny)
    assert manifest.rows_trained == 12 and manifest.last_loss < manifest.first_loss
    model = RewardModel(tmp_path / "adapter", tiny)
    assert model.pair_accuracy(preference_rows).rate == 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training(value):
    with pytest.raises(LabError, match=r"step 7: (loss) is"):
        refuse_nan({"loss": value}, 7)
    refuse_nan({"loss": 0.1, "grad_norm": 3.0}, 7)


def test_the_short_head_gives_the_loss_and_gradients_of_the_full_one(tiny):
    import torch
    from transformers import AutoModelForCausalLM

    from labkit.training.short_head import masked_loss

    model = AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.float32)
    ids = torch.randint(5, 500, (3, 12), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, :7] = -100
    labels[2, 9:] = -100
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    full = model(**inputs).loss
    full.backward()
    wanted = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    short = masked_loss(model, inputs)
    short.backward()
    assert short.item() == pytest.approx(full.item(), abs=1e-6)
    for parameter, grad in zip(model.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, grad, atol=1e-6)
