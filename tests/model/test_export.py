"""Every export of a tiny trained model answers like its adapter, and the check notices one that does not."""

from __future__ import annotations

import json
import shutil

import pytest

from labkit.evaluation.export_check import check_export, faithful
from labkit.training import export as module
from labkit.training.export import export, read_export
from labkit.training.settings import LoraSettings, SFTSettings


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, tiny, examples):
    from labkit.training.sft import train_sft

    out = tmp_path_factory.mktemp("sft")
    settings = SFTSettings(learning_rate=1e-2, epochs=6, batch_size=4, lora=LoraSettings(rank=8, alpha=16))
    train_sft(examples, out, settings, tiny)
    return out / "adapter"


@pytest.fixture(scope="module")
def asked(examples):
    return [example.prompt for example in examples[:12]]


@pytest.mark.parametrize(
    ("to", "tensors", "files"),
    [
        ("merged", "q8_0", {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}),
        ("vllm", "q8_0", {"generation_config.json", "chat_template.jinja", "model.safetensors", "SERVE.md"}),
        ("gguf", "f16", {"model.gguf"}),
        ("ollama", "q8_0", {"model.gguf", "Modelfile"}),
    ],
)
def test_an_export_answers_like_its_adapter(tmp_path, tiny, adapter, asked, to, tensors, files):
    folder = tmp_path / to
    made = export(adapter, folder, to, tiny, tensors)
    assert files <= set(made.files) and (folder / "model.safetensors").exists() == (to in ("merged", "vllm"))
    check = check_export(adapter, folder, asked, tiny, max_new_tokens=16)
    assert check.agreement.n == 12 and faithful(check), check
    assert read_export(folder).check == check
    if to == "vllm":
        assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == 2
    assert [p.name for p in tmp_path.iterdir()] == [to]  # no scratch folder is left


def test_an_export_that_lost_the_adapter_is_noticed(tmp_path, tiny, adapter, asked, monkeypatch):
    monkeypatch.setattr(module, "merge", lambda base, adapter, out: shutil.copytree(base, out))
    export(adapter, tmp_path / "m", "merged", tiny)
    assert not faithful(check_export(adapter, tmp_path / "m", asked, tiny, max_new_tokens=16))


def test_a_gguf_file_holds_the_weights_and_the_tokenizer_it_was_made_from(tmp_path, tiny, adapter, tokenizer):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from labkit.training.adapter import merge
    from labkit.training.base_model import repair_tokenizer

    export(adapter, tmp_path / "g", "gguf", tiny, "f16")
    source = {"gguf_file": "model.gguf"}
    wanted = AutoModelForCausalLM.from_pretrained(str(merge(tiny, adapter, tmp_path / "m")), dtype=torch.float32)
    found = AutoModelForCausalLM.from_pretrained(str(tmp_path / "g"), dtype=torch.float32, **source).state_dict()
    for name, weight in wanted.state_dict().items():  # among them q_proj and k_proj, whose rows were reordered
        assert torch.allclose(found[name], weight, atol=1e-6), name
    read = repair_tokenizer(AutoTokenizer.from_pretrained(str(tmp_path / "g"), **source))
    texts = (
        "Order TG-48213 of 14 May costs 4.90 euros.",
        "  two  spaces\nand a line",
        "<|im_start|>user\nnaïve 🙂<|im_end|>",
    )
    for text in texts:
        assert read(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert read.chat_template == tokenizer.chat_template
