"""Merged weights as one GGUF file, the format of llama.cpp and Ollama, written with the ``gguf`` package alone.

Llama-shaped models with a byte-level tokenizer that splits digits (SmolLM2's); others are refused rather than written
wrong. Key names follow the GGUF specification; the tokenizer type matters as much as the weights, for a file typed
``llama`` instead of ``gpt2`` with ``smollm`` cuts the same text into other tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labkit import LabError
from labkit.training.sizes import Sizes, read_sizes

if TYPE_CHECKING:
    import numpy as np

Tensors = Literal["q8_0", "f16"]
CONVERTER = "take --to merged and convert that folder with llama.cpp's convert_hf_to_gguf.py"
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5  # token types of the specification
_PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write_gguf(merged: Path, file: Path, name: str, tensors: Tensors = "q8_0") -> Path:
    """Write a folder of merged weights as a GGUF file; equal weights give equal bytes.

    Args:
        merged: config, safetensors and tokenizer, as :func:`labkit.training.adapter.merge` writes them.
        file: the file to write.
        name: what the file says the model is called.
        tensors: 8 bits a number in blocks of 32, or 16 bits; vectors stay in 32.

    Raises:
        LabError: the model or its tokenizer is of another kind.
    """
    import gguf

    config = json.loads((merged / "config.json").read_text("utf-8"))
    sizes = read_sizes(merged)
    scaled = (config.get("rope_parameters") or {}).get("rope_type", "default") != "default"
    if config.get("model_type") != "llama" or sizes is None or scaled:
        raise LabError(str(merged), "is no plain Llama model, the one kind written here", CONVERTER)
    writer = gguf.GGUFWriter(file, "llama")
    _add_model(writer, config, sizes, name, tensors)
    _add_tokenizer(writer, merged, config)
    for label, array in arrays(merged, sizes):
        kind = _kind(array, tensors)
        writer.add_tensor(label, gguf.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_model(writer: Any, config: dict[str, Any], sizes: Sizes, name: str, tensors: Tensors) -> None:
    import gguf

    writer.add_type("model")
    writer.add_name(name)
    writer.add_block_count(sizes.layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(sizes.hidden)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_rope_freq_base(float((config.get("rope_parameters") or config)["rope_theta"]))
    writer.add_rope_dimension_count(sizes.head_size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(sizes.vocabulary)
    kinds = {"q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "f16": gguf.LlamaFileType.MOSTLY_F16}
    writer.add_file_type(kinds[tensors])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_tokenizer(writer: Any, merged: Path, config: dict[str, Any]) -> None:
    state = json.loads((merged / "tokenizer.json").read_text("utf-8"))
    model = state["model"]
    steps = [step["type"] for step in (state.get("pre_tokenizer") or {}).get("pretokenizers", [])]
    if model.get("type") != "BPE" or model.get("byte_fallback") or steps != ["Digits", "ByteLevel"]:
        raise LabError(str(merged), "its tokenizer is not of SmolLM2's kind", CONVERTER)
    tokens, kinds = token_list(state, config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    special = json.loads((merged / "tokenizer_config.json").read_text("utf-8"))
    ids = {token: number for number, token in enumerate(tokens)}
    for key, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("unk_token", writer.add_unk_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        text = special.get(key)
        if text is not None:
            add(ids[text["content"] if isinstance(text, dict) else text])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template((merged / "chat_template.jinja").read_text("utf-8"))


def token_list(state: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """All tokens in the order of their numbers, each with its type; numbers that no token has are filled as unused.

    Args:
        state: a parsed ``tokenizer.json``.
        size: rows of the embedding table.
    """
    names = {number: token for token, number in state["model"]["vocab"].items()}
    added = {token["id"]: token for token in state.get("added_tokens", [])}
    names |= {number: token["content"] for number, token in added.items()}
    tokens = [names.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [
        (CONTROL if added[number]["special"] else USER_DEFINED)
        if number in added
        else NORMAL if number in names else UNUSED
        for number in range(size)
    ]  # fmt: skip
    return tokens, kinds


def arrays(merged: Path, sizes: Sizes) -> Iterator[tuple[str, np.ndarray]]:
    """The weights in float32 under their GGUF names; what is tied to the embedding table is not repeated.

    Raises:
        LabError: a weight has no place in a Llama model.
    """
    from safetensors import safe_open

    for file in sorted(merged.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for key in sorted(weights.keys()):
                array = weights.get_tensor(key).float().numpy()
                if ".self_attn.q_proj." in key:
                    array = interleaved(array, sizes.heads)
                elif ".self_attn.k_proj." in key:
                    array = interleaved(array, sizes.kv_heads)
                yield gguf_name(key), array


def interleaved(weights: np.ndarray, heads: int) -> np.ndarray:
    """Reorder query or key rows: transformers rotates the halves of a head, llama.cpp neighbouring pairs.

    Args:
        weights: (heads * head_size, inputs).
        heads: how many heads the rows belong to.
    """
    half = weights.shape[0] // heads // 2
    return weights.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(weights.shape)


def gguf_name(key: str) -> str:
    """The GGUF name of a weight of transformers' Llama.

    Raises:
        LabError: it has none.
    """
    module, _, kind = key.rpartition(".")
    if module in _TOP and kind == "weight":
        return f"{_TOP[module]}.weight"
    _, _, rest = module.partition("model.layers.")
    layer, _, part = rest.partition(".")
    if part not in _PARTS or kind != "weight":
        raise LabError(f"weight {key}", "has no place in a plain Llama model", CONVERTER)
    return f"blk.{layer}.{_PARTS[part]}.weight"


def _kind(array: np.ndarray, tensors: Tensors) -> Any:
    """Matrices as asked, where their rows come out even; vectors in full precision, as llama.cpp wants them."""
    from gguf import GGMLQuantizationType as Kind

    if array.ndim < 2:
        return Kind.F32
    return Kind.Q8_0 if tensors == "q8_0" and array.shape[-1] % 32 == 0 else Kind.F16
