"""How large a model is, from its configuration alone: what fits, presets and notebook 06 reckon with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from labkit.training.settings import LoraSettings


class Sizes(NamedTuple):
    """The sizes of a Llama-shaped model."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int
    head_size: int = 64
    tied: bool = True  # the output layer is the embedding table

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each kind of matrix in a layer."""
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        return {
            "q_proj": (self.hidden, query),
            "k_proj": (self.hidden, key),
            "v_proj": (self.hidden, key),
            "o_proj": (query, self.hidden),
            "gate_proj": (self.hidden, self.inner),
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }

    @property
    def in_layers(self) -> int:
        """Numbers in the matrices of all layers: what is held in 4 bits."""
        return self.layers * sum(a * b for a, b in self.projections.values())

    @property
    def table(self) -> int:
        """Numbers in the embedding table, as many as in the output layer."""
        return self.vocabulary * self.hidden

    def adapter(self, lora: LoraSettings) -> int:
        """Numbers in a LoRA adapter: two thin matrices beside each chosen one."""
        trained = len(lora.layers(self.layers))
        return trained * sum((a + b) * lora.rank for name, (a, b) in self.projections.items() if name in lora.modules)


def read_sizes(base: str | Path) -> Sizes | None:
    """The sizes of the model in a folder; None for a hub name, whose configuration is not here, and for other shapes."""
    file = Path(base) / "config.json"
    config = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    names = ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")
    if not all(isinstance(config.get(name), int) for name in names):
        return None
    layers, hidden, inner, heads, vocabulary = (config[name] for name in names)
    return Sizes(
        layers=layers,
        hidden=hidden,
        inner=inner,
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        vocabulary=vocabulary,
        head_size=config.get("head_dim") or hidden // heads,
        tied=config.get("tie_word_embeddings", False),
    )
