"""``labkit drift``: do users still ask what they used to, and does the model still answer as it did?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from labkit.evaluation.drift import Batch

verbs = typer.Typer()


@verbs.command("drift")
def held_against(
    reference: Annotated[Path, typer.Argument(help="Prompts with their answers from normal operation.")],
    current: Annotated[Path, typer.Argument(help="What came since; any format that labkit curate reads.")],
    out: Annotated[Path | None, typer.Option(help="Prompts unlike the reference, as JSON Lines.")] = None,
    level: Annotated[float, typer.Option(min=0.001, max=0.5, help="False-alarm rate of all signals together.")] = 0.05,
) -> int:
    """Compare the prompts and answers of two periods. 0: no drift, 1: drift, 2: bad input.

    Prompts unlike any of the reference are candidates for new cases: a person gives them a requirement and oracles.
    """
    from labkit.evaluation.drift import drift
    from labkit.files import write_jsonl
    from labkit.printable import plain

    found = drift(_batch(reference), _batch(current), level=level)
    print(plain(found.text(), lines=True))
    if out is not None:
        print(plain(str(write_jsonl(out, found.candidates))))
    print("Drift." if found.alarm else "No drift was noticed; notebook 10 measures how small a shift would be.")
    return 1 if found.alarm else 0


def _batch(path: Path) -> Batch:
    """The last user message of each row and its answer; what cannot be read is told and left out."""
    from labkit.evaluation.drift import Batch
    from labkit.formats import read_rows
    from labkit.printable import plain

    rows, malformed = read_rows(path)
    for finding in malformed:
        print(plain(finding.message), file=sys.stderr)
    return Batch(prompts=[row.prompt[-1].content for row in rows], answers=[row.response for row in rows])
