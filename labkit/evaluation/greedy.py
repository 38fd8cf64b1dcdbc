"""Greedy decoding of many prompts at once, in which an answer that has ended costs nothing more.

``generate`` of transformers carries every row of a batch on until its longest answer ends, and answers differ much in
length: here a row leaves the batch with its last token. Prompts are read in small batches of similar length, so that
little padding is computed, and then answered together. The tokens are those of ``generate``; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

READ = 32  # prompts read together
LEAVE = 1 / 8  # share of the rows that must have ended before the batch is made smaller: doing so copies the cache


def greedy(model: Any, prompts: Sequence[Sequence[int]], most: int, end: int) -> list[list[int]]:
    """The likeliest continuation of each prompt, token by token.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        prompts: token ids, shape (n, any), best sorted by length.
        most: new tokens at most.
        end: the token that ends an answer.

    Returns:
        New tokens of each prompt in the order given; the end is the last of those that have ended.
    """
    import torch

    answers: list[list[int]] = [[] for _ in prompts]
    with torch.inference_mode():
        cache, seen, tokens = _read(model, prompts)
        rows = torch.arange(len(prompts), device=tokens.device)  # which prompt each row of the batch answers
        going = torch.ones_like(rows, dtype=torch.bool)
        places = seen.sum(-1)  # of the next token in each row, padding not counted
        while True:
            for row, token, on in zip(rows.tolist(), tokens.tolist(), going.tolist(), strict=True):
                if on:
                    answers[row].append(token)
            going &= tokens != end
            if not going.any() or max(map(len, answers)) >= most:
                return answers
            if (~going).sum() >= LEAVE * len(going):
                stay = going.nonzero()[:, 0]
                cache.batch_select_indices(stay)
                rows, tokens, going, seen, places = (x[stay] for x in (rows, tokens, going, seen, places))
            seen = torch.cat([seen, seen.new_ones(len(seen), 1)], dim=-1)
            logits = model(
                input_ids=tokens[:, None],
                attention_mask=seen,
                position_ids=places[:, None],
                past_key_values=cache,
                use_cache=True,
            ).logits
            tokens, places = logits[:, -1].argmax(-1), places + 1


def _read(model: Any, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
    """The cache of all prompts, a mask of what is no padding (n, longest), and the first new token of each (n,)."""
    import torch
    from transformers import DynamicCache

    wide = max(map(len, prompts))
    firsts, masks, layers = [], [], []
    for start in range(0, len(prompts), READ):
        some = prompts[start : start + READ]
        own = max(map(len, some))
        ids = torch.tensor([[0] * (own - len(p)) + list(p) for p in some], device=model.device)
        mask = torch.tensor([[0] * (own - len(p)) + [1] * len(p) for p in some], device=model.device)
        cache = DynamicCache(config=model.config)
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        firsts.append(logits[:, -1].argmax(-1))
        masks.append(torch.nn.functional.pad(mask, (wide - own, 0)))
        layers.append(
            [[torch.nn.functional.pad(x, (0, 0, wide - own, 0)) for x in (y.keys, y.values)] for y in cache.layers]
        )
    joined = DynamicCache(config=model.config)
    for number in range(len(layers[0])):
        keys, values = (torch.cat([part[number][which] for part in layers]) for which in (0, 1))
        joined.update(keys, values, number)
    return joined, torch.cat(masks), torch.cat(firsts)
