"""The verb ``labkit export``: an adapter in a form that other programs serve, checked against the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

verbs = typer.Typer()


@verbs.command()
def export(
    adapter: Annotated[Path, typer.Argument(help="Folder of an adapter.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    to: Annotated[str, typer.Option(help="merged (float16 safetensors), gguf, ollama or vllm.")] = "merged",
    tensors: Annotated[str, typer.Option(help="GGUF matrices: q8_0 (8 bits) or f16.")] = "q8_0",
    base: Annotated[str | None, typer.Option(help="Its base model; the embedded one by default.")] = None,
    suite: Annotated[
        Path | None, typer.Option(help="Suite that the 20 prompts of the check are taken from; support by default.")
    ] = None,
) -> int:
    """Write an adapter for serving, and ask adapter and export the same 20 prompts. Exit code 1: they differ too often."""
    from labkit import samples
    from labkit.evaluation.export_check import check_export, faithful, prompts
    from labkit.evaluation.suite import load
    from labkit.training.export import export as write

    asked = prompts(load(suite or samples.path("support/suites/support.yaml")))  # a bad suite is told before the work
    made = write(adapter, out, to, base, tensors)  # type: ignore[arg-type]
    print(f"{out}: {made.to}, {made.tensors}, {len(made.files)} files")
    check = check_export(adapter, out, asked, base)
    print(f"same greedy answer as the adapter: {check.agreement}")
    print(f"answers that end by themselves: {check.stopped}; the adapter's: {check.adapter_stopped}")
    if faithful(check):
        return 0
    print("Not faithful: do not serve this export before you know why (export.json says how it was made).")
    return 1
