"""Verbs on suites: export them for other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

verbs = typer.Typer()
_suite = typer.Typer(help="Work on suites.", no_args_is_help=True)
verbs.add_typer(_suite, name="suite")


class Tool(StrEnum):
    """Where a suite can go."""

    lm_eval = "lm-eval"
    promptfoo = "promptfoo"


@_suite.callback()
def _root() -> None:
    """Keeps 'export' a verb of its own while it is the only one."""


@_suite.command()
def export(
    suite: Annotated[Path, typer.Argument(help="Suite in YAML.")],
    to: Annotated[Tool, typer.Option("--to", help="The tool that shall run it.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("."),
) -> None:
    """Write a suite for another tool, and say which of its expectations do not travel."""
    from labkit.evaluation.interop import to_lm_eval, to_promptfoo
    from labkit.evaluation.suite import load
    from labkit.printable import plain

    cases = load(suite)
    made = to_lm_eval(cases, out) if to is Tool.lm_eval else to_promptfoo(cases, out / "promptfooconfig.yaml")
    print(plain(made.text(), lines=True))
