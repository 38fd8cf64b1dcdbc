"""labkit's way of answering a suite against the obvious one: merged and batched by length, or one prompt after another.

``python -m benchmarks.generation_speed``

The obvious way loads the base model, puts the adapter on it and asks one question at a time, as the libraries' examples do.
Both are greedy, in float32, and cut at the same length. The lab's way answers the whole suite; the obvious way, being slow,
every sixth of its questions, half of them before and half after, so that a machine that grows busier hits both. Tokens are
those of the answers. Where both were asked the same question, the answers are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import arguments, finish
from labkit import LabError, samples
from labkit.evaluation.generate import Generator, batches
from labkit.evaluation.suite import load
from labkit.home import Home
from labkit.stats import wilson
from labkit.training.base_model import embedded_model
from labkit.training.step import Trained

EVERY = 6  # the slow side is asked each question with this step


def one_by_one(adapter: Path, tokens: int) -> Callable[[str], tuple[str, int]]:
    """A function that answers one prompt through the unmerged adapter: the text, and how many tokens it has."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(adapter))
    base = AutoModelForCausalLM.from_pretrained(str(embedded_model()), dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(adapter)).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")

    def answer(prompt: str) -> tuple[str, int]:
        given = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(model.device)
        with torch.no_grad():
            made = model.generate(
                **given,
                max_new_tokens=tokens,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ids = made[0, given["input_ids"].shape[1] :]
        text = tokenizer.decode(ids, skip_special_tokens=True).strip()
        return text, int((ids != tokenizer.eos_token_id).sum())

    return answer


def main() -> None:
    """Let both sides take turns on the support suite and print their speed."""
    parser = arguments("Answers a second: merged in batches of similar length, and unmerged one by one.")
    parser.add_argument("--tokens", type=int, default=64, help="longest answer")
    options = parser.parse_args()
    tuned = Trained(Home() / "training" / "sft")
    if not tuned.merged.exists():
        raise LabError(str(tuned.merged), "is not there yet", "run 'labkit train sft --data FILE' first")
    suite = load(samples.path("support/suites/support.yaml"))
    generator = Generator(tuned.merged, options.tokens)
    answer = one_by_one(tuned.adapter, options.tokens)
    rendered = [generator.render(case.given) for case in suite.cases]
    order = [i for batch in batches(suite.cases, rendered) for i in batch]
    answer(rendered[0])  # first calls set things up: not counted
    generator.batch(rendered[:2])
    some = order[::EVERY]
    singly: dict[int, tuple[str, int]] = {}
    taken = {"ours": 0.0, "baseline": 0.0}
    batched: dict[int, tuple[str, int, str]] = {}
    for side, part in (("baseline", some[::2]), ("ours", order), ("baseline", some[1::2])):
        started = time.perf_counter()
        if side == "baseline":
            singly |= {i: answer(rendered[i]) for i in part}
        else:
            for batch in batches(suite.cases, rendered):
                batched |= zip(batch, generator.batch([rendered[i] for i in batch]), strict=True)
        taken[side] += time.perf_counter() - started
    counts = {"ours": sum(n for _, n, _ in batched.values()), "baseline": sum(n for _, n in singly.values())}
    same = [batched[i][0] == text for i, (text, _) in singly.items()]
    speed = {side: counts[side] / taken[side] for side in counts}
    print(f"{'side':10}{'new tokens':>12}{'seconds':>10}{'tokens/s':>10}")
    for side in counts:
        print(f"{side:10}{counts[side]:12}{taken[side]:10.1f}{speed[side]:10.1f}")
    ratio = speed["ours"] / speed["baseline"]
    agreement = wilson(sum(same), len(same))
    print(f"ratio {ratio:.1f}; same answer letter for letter: {agreement}")
    result = {
        "ratio": round(ratio, 2),
        "ours": round(speed["ours"], 1),
        "baseline": round(speed["baseline"], 1),
        "agreement": agreement.model_dump(),
        "prompts": {"ours": len(batched), "baseline": len(singly)},
    }
    finish("generation_speed", result, options, [samples.path("support/suites/support.yaml")])


if __name__ == "__main__":
    main()
