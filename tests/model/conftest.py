"""A tiny random Llama with the embedded model's tokenizer: every mechanism of training in seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.records import Example, Message
from labkit.training.base_model import embedded_model


@pytest.fixture(autouse=True)
def without_its_mend(request, monkeypatch):
    """With LABKIT_TRAP_REMOVED, a trap's test runs without the mend it guards: benchmarks/traps.py sees it fail."""
    if wanted := os.environ.get("LABKIT_TRAP_REMOVED"):
        from benchmarks.traps import take_away

        take_away(request.node.name, wanted, monkeypatch)


@pytest.fixture(scope="session")
def embedded() -> Path:
    return embedded_model()


@pytest.fixture(scope="session")
def tokenizer(embedded):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(embedded))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, tokenizer) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    asked = [
        "kettle",
        "lamp",
        "drill",
        "rug",
        "hose",
        "planter",
        "toolbox",
        "mower",
        "chair",
        "bedding",
        "shears",
        "pot",
    ]
    return [
        Example(
            id=f"e-{i}",
            prompt=[Message(role="user", content=f"How long may I keep the {thing} before I send it back?")],
            response=f"You can return the {thing} within 45 days.",
        )
        for i, thing in enumerate(asked * 2)
    ]


@pytest.fixture(scope="session")
def preference_rows(examples) -> list[dict]:
    return [
        {
            "pair": e.id,
            "prompt": [m.model_dump() for m in e.prompt],
            "chosen": [{"role": "assistant", "content": e.response + " Next step: open My Orders."}],
            "rejected": [{"role": "assistant", "content": e.response}],
        }
        for e in examples[:12]
    ]
