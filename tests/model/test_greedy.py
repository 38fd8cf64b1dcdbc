"""Our greedy decoding says what generate() says, and stops computing rows that have ended."""

from __future__ import annotations

import pytest

from labkit.evaluation import greedy as module
from labkit.evaluation.greedy import greedy

MOST = 12


@pytest.fixture(scope="module")
def model(tiny):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def prompts():
    import torch

    numbers = torch.Generator().manual_seed(3)
    return [torch.randint(5, 2000, (length,), generator=numbers).tolist() for length in (3, 4, 4, 9, 17, 17, 18, 30)]


def generated(model, prompt, end):
    import torch

    with torch.inference_mode():
        ids = model.generate(
            torch.tensor([prompt]), max_new_tokens=MOST, do_sample=False, eos_token_id=end, pad_token_id=end
        )
    return ids[0, len(prompt) :].tolist()


@pytest.mark.parametrize("read", [2, 32])
def test_it_says_what_generate_says(model, prompts, monkeypatch, read):
    monkeypatch.setattr(module, "READ", read)
    free = [generated(model, prompt, end=2) for prompt in prompts]
    assert greedy(model, prompts, MOST, end=2) == free
    for end in {free[0][2], free[3][5], free[7][0]}:  # tokens that end some answers early, each at its own place
        wanted = [generated(model, prompt, end) for prompt in prompts]
        assert any(len(answer) < MOST for answer in wanted)
        assert greedy(model, prompts, MOST, end) == wanted


def test_rows_that_have_ended_leave_the_batch(model, prompts, monkeypatch):
    free = [generated(model, prompt, end=2) for prompt in prompts]
    row, length = next(
        (r, n) for r, said in enumerate(free) for n in range(2, MOST) if said[n - 1] not in said[: n - 1]
    )
    end = free[row][length - 1]
    other = next(r for r, said in enumerate(free) if end not in said)
    sizes, forward = [], model.forward
    monkeypatch.setattr(model, "forward", lambda **given: (sizes.append(len(given["input_ids"])), forward(**given))[1])
    answers = greedy(model, [prompts[row]] * 7 + [prompts[other]], MOST, end)
    assert [len(said) for said in answers] == [length] * 7 + [MOST]
    assert sizes == [8] * length + [1] * (MOST - length)
