"""``labkit tour``: the whole path, headless."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

verbs = typer.Typer()


@verbs.command()
def tour(
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="Your own training rows instead of the samples.")] = None,
) -> int:
    """Run the whole path on the samples: suite, training, rankings, DPO, evaluation, gate, report.html.

    Ends with the gate's exit code. Stopped half-way, it goes on where it was; what is unchanged is not run again.
    """
    from labkit.lesson.course import Course
    from labkit.lesson.tour import tour as walk

    return walk(Course(home, data=data)).exit_code
