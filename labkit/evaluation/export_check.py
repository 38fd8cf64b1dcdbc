"""Does an export answer like the adapter it was made from? Asked with greedy prompts of a suite, letter for letter."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.evaluation.generate import BATCH, Generator
from labkit.evaluation.suite import Suite
from labkit.files import sha256
from labkit.records import Message
from labkit.stats import wilson
from labkit.training.adapter import base_hash, end_of_turn, read_manifest
from labkit.training.backend import release_memory
from labkit.training.base_model import embedded_model, repair_tokenizer
from labkit.training.export import GGUF_FILE, Check, read_export, save

PROMPTS = 20
ENOUGH = 0.9  # of the answers: float16 and 8 bits round differently, so a tie between two words may fall the other way


class _Loaded(Generator):
    """A model and tokenizer that are in memory already."""

    def __init__(self, model: Any, tokenizer: Any, max_new_tokens: int):
        self.model, self.tokenizer, self.max_new_tokens, self.sampling = model.eval(), tokenizer, max_new_tokens, {}


def prompts(suite: Suite, n: int = PROMPTS) -> list[list[Message]]:
    """Questions spread evenly over a suite, so that every requirement has a chance to be among them."""
    count = min(n, len(suite.cases))
    return [suite.cases[i * len(suite.cases) // count].given for i in range(count)]


def check_export(
    adapter: Path,
    folder: Path,
    asked: Sequence[Sequence[Message]],
    base: str | Path | None = None,
    max_new_tokens: int = 64,
) -> Check:
    """Answer prompts greedily through adapter and export, and write the agreement into the export's ``export.json``.

    Both compute in float32, and each renders the prompts with its own chat template: a template lost on the way shows.

    Args:
        adapter: folder of the adapter, unmerged.
        folder: what :func:`labkit.training.export.export` made of it.
        asked: conversations that end with the user, shape (n,).
        base: the model the adapter was trained on; the embedded one by default.
        max_new_tokens: where answers are cut; a cut answer has not stopped.

    Raises:
        LabError: there is nothing to ask, or the export is not of this adapter or base.
    """
    base = base or embedded_model()
    made, manifest = read_export(folder), read_manifest(adapter)
    if not asked:
        raise LabError("export check", "has no prompts", "name a suite with cases")
    if made.adapter_sha256 != manifest.weights_sha256 or made.base_sha256 not in ("", base_hash(base)):
        raise LabError(str(folder), f"was not made from {adapter} on {Path(base).name}", "export that adapter")
    wanted = _answers(_with_adapter(base, adapter, max_new_tokens), asked)
    release_memory()
    loaded = _from_gguf(folder, max_new_tokens) if (folder / GGUF_FILE).exists() else Generator(folder, max_new_tokens)
    found = _answers(loaded, asked)
    del loaded
    release_memory()
    n = len(asked)
    check = Check(
        agreement=wilson(sum(a == b for a, b in zip(wanted, found, strict=True)), n),
        stopped=wilson(sum(finish == "stop" for _, finish in found), n),
        adapter_stopped=wilson(sum(finish == "stop" for _, finish in wanted), n),
        prompts_sha256=sha256("\n".join(m.model_dump_json() for messages in asked for m in messages)),
    )
    save(made.model_copy(update={"check": check}), folder)
    return check


def faithful(check: Check) -> bool:
    """Whether an export may be served in the adapter's name: nearly all answers equal, and it stops as often."""
    return check.agreement.rate >= ENOUGH and check.stopped.passed >= check.adapter_stopped.passed


def _answers(generator: Generator, asked: Sequence[Sequence[Message]]) -> list[tuple[str, str]]:
    """Text and end of each answer, in the order asked; neighbours in a batch have similar length."""
    rendered = [generator.render(messages) for messages in asked]
    order = sorted(range(len(rendered)), key=lambda i: len(rendered[i]))
    found: dict[int, tuple[str, str]] = {}
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        for i, (text, _, finish) in zip(some, generator.batch([rendered[i] for i in some]), strict=True):
            found[i] = (text, finish)
    return [found[i] for i in range(len(rendered))]


def _with_adapter(base: str | Path, adapter: Path, max_new_tokens: int) -> Generator:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    return _Loaded(
        PeftModel.from_pretrained(model, str(adapter)), AutoTokenizer.from_pretrained(str(adapter)), max_new_tokens
    )


def _from_gguf(folder: Path, max_new_tokens: int) -> Generator:
    """The file as transformers reads it back; its reading of the tokenizer has three defects, mended here."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source: dict[str, Any] = {"gguf_file": GGUF_FILE}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar for each tensor
        model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, **source)
        tokenizer = repair_tokenizer(AutoTokenizer.from_pretrained(str(folder), **source))
    end_of_turn(model, tokenizer)
    return _Loaded(model, tokenizer, max_new_tokens)
