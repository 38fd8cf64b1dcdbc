"""Row weights for TRL's trainers on pairs, which know none: a prompt with three ranked answers shall count once, not thrice.

A row's weight multiplies its gradient. The loss that is reported stays the plain mean, so that its first value can still be
checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WEIGHT = "weight"


def column(rows: Sequence[dict[str, Any]]) -> list[float]:
    """The rows' weights over their mean (1 where a row has none), shape (n,): they sum to n, so no step grows or shrinks."""
    given = [float(row.get(WEIGHT, 1.0)) for row in rows]
    mean = sum(given) / len(given)
    return [weight / mean for weight in given]


def weigh(trainer: Any) -> None:
    """Multiply each row's gradient by its weight; a trainer whose rows all weigh the same is left as it is.

    Args:
        trainer: TRL's DPOTrainer or RewardTrainer with a column :data:`WEIGHT` in its training rows. Both put the chosen
            answers of a batch first and the rejected ones after them.
    """
    import torch

    if len(set(trainer.train_dataset[WEIGHT])) < 2:
        return
    trainer._set_signature_columns_if_needed()
    trainer._signature_columns.append(WEIGHT)  # or transformers removes the column
    collate, compute_loss = trainer.data_collator, trainer.compute_loss
    batch: dict[str, Any] = {}

    def collator(examples: list[dict[str, Any]]) -> Any:
        collated = collate(examples)
        collated[WEIGHT] = torch.tensor([example[WEIGHT] for example in examples], dtype=torch.float32)
        return collated

    def weighted_loss(model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        batch[WEIGHT] = inputs.pop(WEIGHT).repeat(2)
        return compute_loss(model, inputs, *args, **kwargs)

    def weighted_gradient(module: Any, given: Any, output: Any) -> None:
        scored = output["log_probs"] if output.get("log_probs") is not None else output["logits"]
        if scored.requires_grad:
            weights = batch[WEIGHT].to(scored).reshape(-1, *[1] * (scored.dim() - 1))
            scored.register_hook(lambda gradient: gradient * weights)

    trainer.data_collator, trainer.compute_loss = collator, weighted_loss
    trainer.model.register_forward_hook(weighted_gradient)
