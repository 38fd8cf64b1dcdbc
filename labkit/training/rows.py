"""Examples to token rows, with the trained part marked: only the response and its end-of-turn are learned."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from labkit import LabError
from labkit.records import Example, Finding


@dataclass(frozen=True)
class TokenRow:
    """One row as the trainer sees it: token ids and a 0/1 mask of equal length, 1 = trained."""

    id: str
    input_ids: list[int]
    completion_mask: list[int]


def render_prompt(messages: Sequence[Any], tokenizer: Any) -> str:
    """The prompt as text, ending where the assistant starts to speak."""
    turns = [{"role": m.role, "content": m.content} for m in messages]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def encode(example: Example, tokenizer: Any) -> TokenRow:
    """Tokenize one example. Prompt and response are tokenized apart, so no token spans the border."""
    prompt = tokenizer(render_prompt(example.prompt, tokenizer), add_special_tokens=False)["input_ids"]
    answer = tokenizer(example.response, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return TokenRow(example.id, prompt + answer, [0] * len(prompt) + [1] * len(answer))


def encode_all(examples: Sequence[Example], tokenizer: Any, max_length: int) -> tuple[list[TokenRow], list[Finding]]:
    """Tokenize every example; each one that cannot be trained on comes back as a finding, none is lost silently.

    Raises:
        LabError: no row is left to train on.
    """
    rows, findings = [], []
    for example in examples:
        row = encode(example, tokenizer)
        problem = None
        if not example.response.strip():
            problem = "the response is empty: nothing to learn"
        elif len(row.input_ids) > max_length:
            problem = f"{len(row.input_ids)} tokens are more than max_length {max_length}"
        if problem is None:
            rows.append(row)
        else:
            findings.append(not_trained(example.id, problem))
    if not rows:
        raise LabError("training rows", f"none of {len(examples)} rows can be trained on", "see the findings")
    return rows, findings


def not_trained(row_id: str, problem: str) -> Finding:
    """The finding on a row that is left out of the training."""
    return Finding(
        id=f"training-rows-{row_id}"[:120],
        row_id=row_id,
        check="training-rows",
        severity="major",
        message=problem,
        suggestion="mend the row, or raise max_length",
    )


def longest(texts: Iterable[str], tokenizer: Any) -> int:
    """Tokens of the longest text, as the preference trainers count them."""
    return max(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)


@dataclass(frozen=True)
class MaskView:
    """One row decoded piece by piece, each marked as read only or trained."""

    pieces: tuple[tuple[str, bool], ...]

    def text(self) -> str:
        """Plain text: trained parts stand in [[double brackets]]."""
        return "".join(f"[[{text}]]" if trained else text for text, trained in self.pieces)

    def _repr_html_(self) -> str:
        style = "background:#cfe8ff;color:#111;border-bottom:2px solid #0072b2"
        body = "".join(
            f'<span style="{style}">{html.escape(text)}</span>' if trained else f"<span>{html.escape(text)}</span>"
            for text, trained in self.pieces
        )
        legend = f'<small><span style="{style}">&nbsp;trained&nbsp;</span> everything else is only read</small>'
        return f'<pre style="white-space:pre-wrap">{body}</pre>{legend}'


def show_mask(input_ids: Sequence[int], trained: Sequence[int | bool], tokenizer: Any) -> MaskView:
    """Decode a row with its trained tokens marked.

    Args:
        input_ids: token ids, shape (n,).
        trained: truthy where the loss looks, shape (n,).
        tokenizer: the one that made the ids.
    """
    runs: list[tuple[list[int], bool]] = []
    for token, mark in zip(input_ids, trained, strict=True):
        if not runs or runs[-1][1] != bool(mark):
            runs.append(([], bool(mark)))
        runs[-1][0].append(int(token))
    return MaskView(tuple((tokenizer.decode(ids), mark) for ids, mark in runs))
