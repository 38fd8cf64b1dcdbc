"""The embedded model: converted once, its tokenizer repaired in three places."""

from __future__ import annotations

import json

import pytest

from labkit.training import base_model


def raw_tokenizer():
    from transformers import AutoTokenizer

    weights = base_model.wheel_weights()
    return AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)


@pytest.fixture(scope="module")
def raw():
    return raw_tokenizer()


def test_defect_1_the_end_of_turn_is_the_end_of_sequence(raw, tokenizer, embedded):
    assert raw.eos_token != "<|im_end|>"  # the defect is still there upstream; when this fails, drop the repair
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)
    assert tokenizer.pad_token_id == 2
    for name in ("config.json", "generation_config.json"):
        assert json.loads((embedded / name).read_text())["eos_token_id"] == 2


def test_defect_2_byte_fallback_is_off(raw, tokenizer):
    assert json.loads(raw.backend_tokenizer.to_str())["model"]["byte_fallback"] is True
    assert json.loads(tokenizer.backend_tokenizer.to_str())["model"]["byte_fallback"] is False


def pre_tokenizers(tokenizer):
    step = json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"]
    return [part["type"] for part in step.get("pretokenizers", [step])]


def test_defect_3_every_digit_is_a_token_of_its_own(raw, tokenizer):
    # The vocabulary holds no token of two digits, so both split alike here; an export without the step need not.
    assert "Digits" not in pre_tokenizers(raw)
    assert pre_tokenizers(tokenizer)[0] == "Digits"
    assert tokenizer.convert_ids_to_tokens(tokenizer("48213", add_special_tokens=False)["input_ids"]) == list("48213")


@pytest.mark.parametrize(
    "text", ["Order TG-48213 costs 4.90 euros.", "naïve café 😀\n\ttab", "def f(x):\n    return x ** 2"]
)
def test_repaired_tokenizer_gives_back_what_it_got(tokenizer, text):
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_conversion_is_plain_safetensors_and_done_once(embedded):
    files = {p.name for p in embedded.iterdir()}
    assert "model.safetensors" in files and not any(n.endswith((".bin", ".pt", ".gguf")) for n in files)
    before = (embedded / "model.safetensors").stat().st_mtime_ns
    assert base_model.embedded_model() == embedded
    assert (embedded / "model.safetensors").stat().st_mtime_ns == before
    assert "quantization_config" not in json.loads((embedded / "config.json").read_text())


def test_a_killed_conversion_leaves_nothing_that_looks_finished(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))

    def dies(weights, folder):
        (folder / "model.safetensors").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(base_model, "_convert_elsewhere", dies)
    with pytest.raises(KeyboardInterrupt):
        base_model.embedded_model()
    assert not base_model.embedded_dir().exists() and list(tmp_path.iterdir()) == []


def test_it_answers_and_stops(embedded):
    from labkit.evaluation.generate import Generator

    (answer,) = Generator(embedded).answer("What is the capital of France?")
    assert "Paris" in answer
