"""The verb that sets a baseline: ``labkit bless``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

verbs = typer.Typer()


@verbs.command()
def bless(
    run: Annotated[Path, typer.Argument(help="Run records of the model that later ones are held against.")],
    name: Annotated[str, typer.Option("--as", help="Name of the baseline, e.g. release-1.")],
    reason: Annotated[str, typer.Option(help="Why this run is the measure from now on.")],
    suite: Annotated[
        Path | None, typer.Option(help="Its suite; by default the one that the home or the samples know by its hash.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
) -> None:
    """Make a run the named baseline. Stale, cut-off and incomplete runs are refused; every blessing is logged."""
    from labkit.evaluation.bless import bless as set_baseline
    from labkit.evaluation.bless import log
    from labkit.home import Home
    from labkit.printable import plain
    from labkit.stats import wilson

    own = Home(home)
    before = next((entry for entry in reversed(log(own)) if entry.name == name), None)
    made = set_baseline(own, run, name, reason, suite)
    lines = [f"{name}: {', '.join(made.models)} on {made.suite}, {wilson(made.passed, made.n)} of answers pass"]
    if before is not None:
        lines.append(
            f"it supersedes {before.passed}/{before.n}, blessed by {before.who} at {before.when}: {before.reason}"
        )
    lines.append(str(own / "evaluation" / "baselines" / made.file))
    print(plain("\n".join(lines), lines=True))
