"""Generate once, judge many: a model answers a suite, and the answers go into run records.

Greedy, in batches of similar length whose make-up depends on the suite alone, on merged weights in float32: two runs
give the same bytes, and a batch is several times faster than one prompt at a time through an unmerged adapter
(``benchmarks/generation_speed.py`` says how much).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from labkit import LabError, __version__
from labkit.evaluation.greedy import greedy
from labkit.evaluation.oracle_records import texts_compared
from labkit.evaluation.suite import Suite
from labkit.files import append_jsonl, read_jsonl, sha256, write_jsonl, write_text
from labkit.records import Case, Example, Likelihood, Message, RunRecord, question

BATCH = 32


class Answering(Protocol):
    """What :func:`run_suite` needs of a model under test: a loaded :class:`Generator`, or an endpoint."""

    made_by: dict[str, str]

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as it goes into the records."""

    def batch(self, prompts: Sequence[str]) -> list[tuple[str, int, str]]:
        """For each rendered prompt: text, number of new tokens, 'stop' or 'length'."""

    def likelihoods(self, messages: Sequence[Message], texts: Sequence[str]) -> list[Likelihood]:
        """How likely each text is as the answer."""


class Generator:
    """A loaded model that answers prompts.

    Args:
        model: folder with merged weights and tokenizer (``config.json`` inside), or a hub name with LAB_ONLINE=1.
        max_new_tokens: answers longer than this are cut and their ``finish`` says ``length``.

    Attributes:
        sampling: arguments of ``generate`` for answers drawn at random; empty, so answers are greedy.

    Raises:
        LabError: the model cannot be loaded.
    """

    def __init__(self, model: str | Path, max_new_tokens: int = 64):
        import torch

        from labkit.training.backend import keep_freed_memory, unsloth

        keep_freed_memory()
        if torch.cuda.is_available():
            unsloth()  # on a GPU it patches transformers, so it must come first; the CPU backend is stock transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(str(model), padding_side="left")
            self.model = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
        except (OSError, ValueError) as error:
            mend = "give a folder with merged weights (labkit export ADAPTER --to merged)"
            raise LabError(f"model {model}", "cannot be loaded", mend) from error
        if torch.cuda.is_available():
            self.model.to("cuda")
        self.max_new_tokens = max_new_tokens
        self.sampling: dict[str, Any] = {}
        folder = Path(model)
        self.made_by = {
            "model": sha256(folder) if folder.is_dir() else str(model),
            "template": sha256(str(self.tokenizer.chat_template)),
            "dtype": "float32",
            "device": self.model.device.type,
            "threads": str(torch.get_num_threads()),
            "decoding": f"greedy, {max_new_tokens} new tokens, batch {BATCH}",
            "torch": str(torch.__version__),
            "labkit": __version__,
        }

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model sees it."""
        from labkit.training.rows import render_prompt

        return render_prompt(messages, self.tokenizer)

    def batch(self, prompts: Sequence[str]) -> list[tuple[str, int, str]]:
        """Answer rendered prompts together; for each: text, number of new tokens, 'stop' or 'length'."""
        end = self.tokenizer.eos_token_id
        asked = self.tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        answers = []
        for row in self._sampled(asked) if self.sampling else greedy(self.model, asked, self.max_new_tokens, end):
            stopped = end in row
            tokens = row[: row.index(end)] if stopped else row
            text = self.tokenizer.decode(tokens, skip_special_tokens=True).strip()
            answers.append((text, len(tokens), "stop" if stopped else "length"))
        return answers

    def _sampled(self, asked: list[list[int]]) -> list[list[int]]:
        """New tokens drawn at random, as ``sampling`` says; only faults that are built on purpose do so."""
        import torch

        end = self.tokenizer.eos_token_id
        given = self.tokenizer.pad({"input_ids": asked}, return_tensors="pt").to(self.model.device)
        with torch.inference_mode():
            ids = self.model.generate(
                **given, **self.sampling, max_new_tokens=self.max_new_tokens, eos_token_id=end, pad_token_id=end
            )
        return list(ids[:, given["input_ids"].shape[1] :].tolist())

    def likelihoods(self, messages: Sequence[Message], texts: Sequence[str]) -> list[Likelihood]:
        """How likely each text is as the answer, its end included; read in one batch, so two runs give the same figures."""
        import torch

        from labkit.training.rows import encode

        bare = [Message(role="user", content=question(list(messages)))]
        asked = [(prompt, text) for text in texts for prompt in (list(messages), bare)]
        rows = [encode(Example(id="text", prompt=p, response=t), self.tokenizer) for p, t in asked]
        longest = max(len(row.input_ids) for row in rows)
        ids = torch.full((len(rows), longest), self.tokenizer.eos_token_id)
        counted, attended = torch.zeros_like(ids), torch.zeros_like(ids)
        for i, row in enumerate(rows):  # padded on the right: what comes after a text cannot change its likelihood
            ids[i, : len(row.input_ids)] = torch.tensor(row.input_ids)
            counted[i, : len(row.input_ids)] = torch.tensor(row.completion_mask)
            attended[i, : len(row.input_ids)] = 1
        ids, counted, attended = (t.to(self.model.device) for t in (ids, counted, attended))
        with torch.inference_mode():
            logits = self.model(input_ids=ids, attention_mask=attended).logits[:, :-1].float()
        chosen = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        sums = [round(x, 4) for x in (chosen * counted[:, 1:]).sum(-1).tolist()]
        return [Likelihood(text=text, logprob=sums[2 * i], bare=sums[2 * i + 1]) for i, text in enumerate(texts)]

    def answer(self, *questions: str, system: str | None = None) -> list[str]:
        """Answer plain questions, for trying a model by hand."""
        start = [Message(role="system", content=system)] if system else []
        prompts = [self.render([*start, Message(role="user", content=q)]) for q in questions]
        return [text for text, _, _ in self.batch(prompts)]


def batches(cases: Sequence[Case], rendered: Sequence[str]) -> Iterable[list[int]]:
    """Indices of the cases in fixed batches of similar prompt length."""
    order = sorted(range(len(cases)), key=lambda i: (len(rendered[i]), cases[i].id))
    return (order[i : i + BATCH] for i in range(0, len(order), BATCH))


def run_suite(generator: Answering, suite: Suite, out: Path, name: str) -> Path:
    """Answer every case of a suite.

    Args:
        generator: the model under test.
        suite: the cases.
        out: file to write; ``.meta.json`` beside it holds the times. An interrupted run left ``.part`` beside it and
            goes on after the last finished batch.
        name: what the records call the model.

    Returns:
        ``out``: one :class:`RunRecord` a line, in suite order.
    """
    made_by = {**generator.made_by, "suite": suite.sha256}
    part = out.with_name(out.name + ".part")
    done = _finished(part, made_by)
    rendered = [generator.render(case.given) for case in suite.cases]
    started, tokens = time.monotonic(), 0
    with tqdm(total=len(suite.cases), desc=f"{name} answers {suite.name}", unit="case", mininterval=1.0) as bar:
        for indices in batches(suite.cases, rendered):
            if all(suite.cases[i].id in done for i in indices):
                bar.update(len(indices))
                continue
            for i, (text, count, finish) in zip(indices, generator.batch([rendered[i] for i in indices]), strict=True):
                case = suite.cases[i]
                texts = texts_compared(case)
                done[case.id] = RunRecord(
                    case_id=case.id,
                    model=name,
                    prompt=rendered[i],
                    output=text,
                    tokens=count,
                    finish="stop" if finish == "stop" else "length",
                    likelihoods=generator.likelihoods(case.given, texts) if texts else [],
                    made_by=made_by,
                )
                append_jsonl(part, done[case.id])
                tokens += count
            bar.update(len(indices))
    write_jsonl(out, [done[case.id] for case in suite.cases])
    seconds = round(time.monotonic() - started, 2)
    write_text(
        out.with_suffix(".meta.json"), json.dumps({"seconds": seconds, "new_tokens": tokens, **made_by}, indent=1)
    )
    part.unlink(missing_ok=True)
    return out


def _finished(part: Path, made_by: dict[str, Any]) -> dict[str, RunRecord]:
    if not part.exists():
        return {}
    records, _ = read_jsonl(part, RunRecord)
    return {r.case_id: r for r in records if r.made_by == made_by}
