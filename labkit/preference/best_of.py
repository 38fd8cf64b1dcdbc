"""Best of n: let a model answer each prompt several times and keep the answer the reward model scores highest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.records import Message


@dataclass(frozen=True)
class Drawn:
    """The answers drawn for one prompt, and their scores."""

    answers: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def best(self) -> int:
        """Number of the answer with the highest score; of equal ones the first."""
        return max(range(len(self.scores)), key=lambda i: (self.scores[i], -i))


def best_of(
    generator: Any,
    judge: Any,
    prompts: Sequence[Sequence[dict[str, str]]],
    n: int = 4,
    temperature: float = 0.8,
    seed: int = 0,
) -> list[Drawn]:
    """Draw ``n`` answers a prompt and score them.

    Args:
        generator: a :class:`labkit.evaluation.generate.Generator` (that stage comes later, so it is passed in).
        judge: a :class:`labkit.preference.reward.RewardModel`.
        prompts: chat messages, shape (m,).
        n: answers a prompt.
        temperature: of the sampling; 0.8 gives answers that differ and still make sense.
        seed: the same seed and thread count draw the same answers.

    Returns:
        One entry a prompt, in order.
    """
    answers = sample(generator, [_rendered(generator, prompt) for prompt in prompts], n, temperature, seed)
    flat = [(prompt, text) for prompt, some in zip(prompts, answers, strict=True) for text in some]
    scores = judge.score([list(prompt) for prompt, _ in flat], [text for _, text in flat])
    return [Drawn(tuple(some), tuple(scores[i * n : (i + 1) * n])) for i, some in enumerate(answers)]


def sample(generator: Any, prompts: Sequence[str], n: int, temperature: float, seed: int) -> list[list[str]]:
    """``n`` sampled answers to each rendered prompt, shape (m, n); the caller's random state is left alone."""
    import torch

    tokenizer, model = generator.tokenizer, generator.model
    given = tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
    given = {k: v.to(model.device) for k, v in given.items() if k in ("input_ids", "attention_mask")}
    end = tokenizer.eos_token_id
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        ids = model.generate(
            **given,
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            num_return_sequences=n,
            max_new_tokens=generator.max_new_tokens,
            eos_token_id=end,
            pad_token_id=end,
        )
    texts = [
        text.strip() for text in tokenizer.batch_decode(ids[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    ]
    return [texts[i * n : (i + 1) * n] for i in range(len(prompts))]


def _rendered(generator: Any, prompt: Sequence[dict[str, str]]) -> str:
    return str(generator.render([Message(**m) for m in prompt]))
