"""SFT and DPO written by hand on stock transformers, PEFT and bitsandbytes: the baseline of ``benchmarks.sft_speed``.

What the libraries' own examples show, in a plain loop: nothing of labkit is used here but paths and settings' numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from labkit.home import Home
from labkit.records import Example
from labkit.training.base_model import embedded_model
from labkit.training.settings import DPOSettings, SFTSettings


class Clock(Protocol):
    """Who is told before and after each step."""

    def before(self) -> None:
        """A step is about to start."""

    def after(self, last: bool) -> None:
        """A step is over."""


def by_hand(stage: str, train: Sequence[Any], turns: Clock, device: str, seed: int) -> tuple[Any, Any]:
    """The same training as a person writes it who has read the libraries' examples."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, get_cosine_schedule_with_warmup

    settings = DPOSettings(epochs=1) if stage == "dpo" else SFTSettings(epochs=1)
    dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    tokenizer = AutoTokenizer.from_pretrained(str(embedded_model()))
    model: Any = AutoModelForCausalLM.from_pretrained(
        str(embedded_model()), dtype=dtype, quantization_config=four_bit, device_map={"": device}
    )
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    torch.manual_seed(seed)
    if stage == "dpo":
        adapter = str(Home() / "training" / "sft" / "adapter")
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
        model.load_adapter(adapter, adapter_name="reference")
        model.set_adapter("default")
    else:
        modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=16, target_modules=modules))
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    size = settings.batch_size
    batches = list(shuffled(train, size, seed))
    steps = math.ceil(len(batches) / settings.accumulation)
    schedule = get_cosine_schedule_with_warmup(optimiser, settings.warmup_steps, steps)
    for step in range(steps):
        turns.before()
        some = batches[step * settings.accumulation : (step + 1) * settings.accumulation]
        for batch in some:
            if stage == "dpo":
                loss = dpo_loss(model, batch, tokenizer, device, DPOSettings().beta)
            else:
                loss = model(**padded([tokens(row, tokenizer) for row in batch], tokenizer, device)).loss
            (loss / len(some)).backward()
        torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        turns.after(last=step + 1 == steps)
    return model, tokenizer


def shuffled(rows: Sequence[Any], size: int, seed: int) -> Iterator[list[Any]]:
    """Batches in random order, whatever the rows' length."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    return (order[i : i + size] for i in range(0, len(order), size))


def tokens(row: Example, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Token ids, and labels that are -100 where the prompt stands."""
    turns = [{"role": m.role, "content": m.content} for m in row.prompt]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return joined(text, row.response, tokenizer)


def joined(prompt: str, answer: str, tokenizer: Any) -> tuple[list[int], list[int]]:
    """A rendered prompt and its answer as ids and labels."""
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return head + tail, [-100] * len(head) + tail


def padded(rows: Sequence[tuple[list[int], list[int]]], tokenizer: Any, device: str) -> dict[str, Any]:
    """Rows of ids and labels as one batch, filled up to the longest."""
    import torch

    wide = max(len(ids) for ids, _ in rows)
    pad = tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([ids + [pad] * (wide - len(ids)) for ids, _ in rows], device=device),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (wide - len(ids)) for ids, _ in rows], device=device),
        "labels": torch.tensor([labels + [-100] * (wide - len(labels)) for _, labels in rows], device=device),
    }


def dpo_loss(model: Any, batch: Sequence[dict[str, Any]], tokenizer: Any, device: str, beta: float) -> Any:
    """-log sigmoid of beta times how far the policy prefers the chosen answers more than the reference does."""
    import torch

    rows = []
    for side in ("chosen", "rejected"):
        for row in batch:
            text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
            rows.append(joined(text, row[side][-1]["content"], tokenizer))
    given = padded(rows, tokenizer, device)
    policy = answer_log_probabilities(model, given)
    model.set_adapter("reference")
    with torch.no_grad():
        reference = answer_log_probabilities(model, given)
    model.set_adapter("default")
    chosen, rejected = (policy - reference).chunk(2)
    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected)).mean()


def answer_log_probabilities(model: Any, given: dict[str, Any]) -> Any:
    """Sum of the log-probabilities of each row's answer, shape (rows,)."""
    labels = given["labels"][:, 1:]
    logits = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits[:, :-1].float()
    each = logits.log_softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (each * (labels != -100)).sum(-1)


def held_out_losses(model: Any, rows: Sequence[Any], tokenizer: Any, device: str) -> list[float]:
    """Mean loss of an answer's token in each held-out row; for pairs, of the chosen answer."""
    import torch

    model.eval()
    found = []
    for row in rows:
        if isinstance(row, Example):
            pieces = tokens(row, tokenizer)
        else:
            text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
            pieces = joined(text, row["chosen"][-1]["content"], tokenizer)
        with torch.no_grad():
            given = padded([pieces], tokenizer, device)
            found.append(float(-answer_log_probabilities(model, given)[0] / (given["labels"][:, 1:] != -100).sum()))
    return found
