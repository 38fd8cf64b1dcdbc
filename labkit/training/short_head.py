"""An SFT step for the CPU that computes logits only where the loss looks.

In prompt/response rows most positions are read, not trained, yet a vocabulary of 49,152 entries makes the output layer
a fifth of the model. Leaving the untrained positions out of it gives the same loss and gradients.
"""

from __future__ import annotations

from typing import Any


def short_head_trainer(base: type) -> type:
    """TRL's SFTTrainer with such a step; evaluation and every other loss are left to TRL.

    Args:
        base: ``trl.SFTTrainer`` (as Unsloth's CPU backend has replaced it).
    """

    class ShortHeadTrainer(base):
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if return_outputs or not model.training:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            return masked_loss(model.get_base_model(), inputs, num_items_in_batch)

    return ShortHeadTrainer


def masked_loss(model: Any, inputs: dict[str, Any], items: Any = None) -> Any:
    """Cross-entropy over the trained tokens.

    Args:
        model: a causal language model with ``lm_head``; adapters sit inside its layers.
        inputs: ``input_ids``, ``attention_mask`` and ``labels`` (-100 where nothing is trained), each (batch, length).
        items: trained tokens over all accumulation steps; this batch's own by default.

    Returns:
        A scalar: the sum of the token losses divided by ``items``.
    """
    import torch

    hidden = model.model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
    ).last_hidden_state[:, :-1]
    target = inputs["labels"][:, 1:]
    trained = target != -100
    logits = model.lm_head(hidden[trained]).float()
    total = torch.nn.functional.cross_entropy(logits, target[trained], reduction="sum")
    return total / (items if items is not None else trained.sum())
