"""GGUF files written from a hand-made model: names, order of rows, tokens, and the same bytes each time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from labkit import LabError
from labkit.training.gguf_export import gguf_name, interleaved, token_list, write_gguf

TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
CONFIG = {
    "model_type": "llama", "num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 6, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True, "rope_parameters": {"rope_theta": 100000.0, "rope_type": "default"},
}  # fmt: skip
TOKENIZER = {
    "model": {"type": "BPE", "byte_fallback": False, "vocab": {"<|im_end|>": 0, "a": 1, "b": 2, "ab": 3}, "merges": [["a", "b"]]},
    "added_tokens": [
        {"id": 0, "content": "<|im_end|>", "special": True},
        {"id": 4, "content": "<own>", "special": False},
    ],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]},
}  # fmt: skip
SHAPES = {
    "model.embed_tokens.weight": (6, 32),
    "model.norm.weight": (32,),
    "model.layers.0.input_layernorm.weight": (32,),
    "model.layers.0.post_attention_layernorm.weight": (32,),
    "model.layers.0.self_attn.q_proj.weight": (32, 32),
    "model.layers.0.self_attn.k_proj.weight": (16, 32),
    "model.layers.0.self_attn.v_proj.weight": (16, 32),
    "model.layers.0.self_attn.o_proj.weight": (32, 32),
    "model.layers.0.mlp.gate_proj.weight": (64, 32),
    "model.layers.0.mlp.up_proj.weight": (64, 32),
    "model.layers.0.mlp.down_proj.weight": (32, 64),
}


@pytest.fixture
def merged(tmp_path):
    """A folder as a merge leaves it; a function that changes its config or tokenizer first."""
    from safetensors.numpy import save_file

    def make(config=None, tokenizer=None):
        folder = tmp_path / "merged"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        weights = {name: rng.normal(size=shape).astype(np.float16) for name, shape in SHAPES.items()}
        save_file(weights, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})))
        (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER | (tokenizer or {})))
        (folder / "tokenizer_config.json").write_text(
            '{"eos_token": "<|im_end|>", "pad_token": {"content": "<|im_end|>"}}'
        )
        (folder / "chat_template.jinja").write_text(TEMPLATE)
        return folder, weights

    return make


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"),
        ("model.layers.12.self_attn.o_proj.weight", "blk.12.attn_output.weight"),
        ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"),
    ],
)
def test_names(key, name):
    assert gguf_name(key) == name


def test_names_agree_with_the_packages_own_table():
    import gguf

    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 3)
    for key in (*SHAPES, "lm_head.weight"):
        assert gguf_name(key) == table.get_name(key, try_suffixes=(".weight",))


@pytest.mark.parametrize(
    "key", ["model.layers.0.self_attn.q_proj.bias", "model.layers.0.mlp.experts.weight", "visual.weight"]
)
def test_a_weight_without_a_place_is_refused(key):
    with pytest.raises(LabError, match="no place"):
        gguf_name(key)


def test_query_rows_become_neighbouring_pairs_within_each_head():
    rows = np.arange(8.0)[:, None]  # two heads of four rows: halves 0 1 | 2 3 and 4 5 | 6 7
    assert interleaved(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_tokens_stand_in_the_order_of_their_numbers():
    tokens, kinds = token_list(TOKENIZER, 6)
    assert tokens == ["<|im_end|>", "a", "b", "ab", "<own>", "[PAD5]"]
    assert kinds == [3, 1, 1, 1, 4, 5]


@pytest.mark.parametrize(("tensors", "tolerance"), [("f16", 1e-6), ("q8_0", 0.02)])
def test_what_is_written_can_be_read_back(merged, tmp_path, tensors, tolerance):
    import gguf

    folder, weights = merged()
    reader = gguf.GGUFReader(write_gguf(folder, tmp_path / "m.gguf", "own model", tensors))
    said = {name: field.contents() for name, field in reader.fields.items()}
    wanted = {
        "general.architecture": "llama", "general.name": "own model", "llama.block_count": 1, "llama.attention.head_count_kv": 1,
        "llama.rope.freq_base": 100000.0, "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.eos_token_id": 0, "tokenizer.ggml.padding_token_id": 0, "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.add_bos_token": False, "tokenizer.chat_template": TEMPLATE,
    }  # fmt: skip
    assert {name: said.get(name) for name in wanted} == wanted
    found = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    assert len(found) == len(SHAPES) and "output.weight" not in found  # tied to the embedding table
    for key, weight in weights.items():
        exact = weight.astype(np.float32)
        exact = interleaved(exact, 2 if "q_proj" in key else 1) if "q_proj" in key or "k_proj" in key else exact
        assert np.abs(found[gguf_name(key)].reshape(exact.shape) - exact).max() < tolerance
    assert {t.name for t in reader.tensors if t.tensor_type == gguf.GGMLQuantizationType.F32} == {
        "output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight",
    }  # fmt: skip


def test_equal_weights_give_equal_bytes(merged, tmp_path):
    folder, _ = merged()
    first, second = (write_gguf(folder, tmp_path / name, "m") for name in ("a.gguf", "b.gguf"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("config", "tokenizer", "said"),
    [
        ({"model_type": "qwen2"}, {}, "no plain Llama"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "llama3"}}, {}, "no plain Llama"),
        ({}, {"model": TOKENIZER["model"] | {"byte_fallback": True}}, "not of SmolLM2's kind"),
        ({}, {"model": TOKENIZER["model"] | {"type": "Unigram"}}, "not of SmolLM2's kind"),
        ({}, {"pre_tokenizer": {"type": "ByteLevel"}}, "not of SmolLM2's kind"),
    ],
)
def test_what_would_be_written_wrong_is_refused(merged, tmp_path, config, tokenizer, said):
    folder, _ = merged(config, tokenizer)
    with pytest.raises(LabError, match=said) as caught:
        write_gguf(folder, tmp_path / "m.gguf", "m")
    assert "--to merged" in caught.value.mend
