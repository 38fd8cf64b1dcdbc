"""The verb of the coverage stage: ``labkit coverage``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from labkit import LabError

verbs = typer.Typer()


@verbs.command()
def coverage(
    rows: Annotated[Path, typer.Argument(help="Training rows, best after curation.")],
    out: Annotated[Path, typer.Option(help="Folder for findings.jsonl, proposal.json and report.html.")],
    accept: Annotated[
        str | None, typer.Option(metavar="NAME", help="Accept the proposal in this name: also writes balanced.jsonl.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the rows that the proposal would leave out.")] = 0,
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
) -> int:
    """Say what the rows cover: slices, missing pairs, too much of one kind, outcomes by group.

    0: nothing was found, 1: there are findings for a person to judge, 2: bad input. Rows are left out by --accept only.
    """
    from labkit.coverage import step
    from labkit.files import sha256, write_text
    from labkit.home import Home
    from labkit.printable import plain

    if out.exists() and not out.is_dir():
        raise LabError(str(out), "is a file", "name a folder")
    name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', rows.stem)[:40]}-{sha256(str(rows.resolve()))[:6]}"
    at = Home(home)
    done = step.cover(at, rows, seed=seed, name=name)
    made = {"findings.jsonl": done.findings_path, "proposal.json": done.proposal_path, "report.html": done.report_path}
    if accept is not None:
        made["balanced.jsonl"] = step.balanced(at, done, rows, accept, name=name)
    for file, path in made.items():
        write_text(out / file, path.read_text("utf-8"))
    for finding in done.findings:
        print(plain(f"{finding.severity} {finding.check}: {finding.message}"))
    print(f"{len(done.rows)} rows read, {len(done.findings)} findings")
    print(plain(done.proposal.text(), lines=True))
    print(plain(f"{out}: {', '.join(made)}"))
    return 1 if done.findings else 0
