"""The verb of the curation stage: ``labkit curate``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()


@verbs.command()
def curate(
    raw: Annotated[Path, typer.Argument(help="Rows: JSON Lines, JSON, CSV, TSV or Parquet.")],
    out: Annotated[Path, typer.Option(help="Folder for clean.jsonl, findings.jsonl and report.html.")],
    policy: Annotated[Path | None, typer.Option(help="policy.yaml: the written rules answers must keep.")] = None,
    clearance: Annotated[Path | None, typer.Option(help="clearance.yaml: what data may be used.")] = None,
    suite: Annotated[
        list[Path] | None, typer.Option("--suite", help="Suite in YAML that no row may repeat; repeat for several.")
    ] = None,
    checks: Annotated[Path | None, typer.Option(help="Python file with checks of your own. It is run.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Run this check; repeat for several.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Accept this check's certain findings; repeat for several.")
    ] = None,
    decisions: Annotated[Path | None, typer.Option(help="Triage log (labkit schema decision).")] = None,
    engine: Annotated[
        str, typer.Option(help="What runs the row checks: local, or daft (see docs/scale.md).")
    ] = "local",
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
) -> int:
    """Check training rows and write what is left. 0: no critical or major finding is open, 1: some are, 2: bad input.

    Nothing is dropped or changed but by --accept and --decisions: without them clean.jsonl holds all readable rows.
    """
    from labkit.curation import step
    from labkit.files import sha256, write_text
    from labkit.home import Home

    if out.exists() and not out.is_dir():
        raise LabError(str(out), "is a file", "name a folder")
    done = step.curate(
        Home(home),
        raw,
        policy=policy,
        clearance=clearance,
        suites=suite or (),
        checks=only or None,
        own_checks=checks,
        engine=engine,
        decisions=decisions,
        accept=accept or (),
        name=f"{re.sub(r'[^A-Za-z0-9._-]+', '-', raw.stem)[:40]}-{sha256(str(raw.resolve()))[:6]}",
    )
    made = {"clean.jsonl": done.clean_path, "findings.jsonl": done.findings_path, "report.html": done.report_path}
    for name, path in made.items():
        write_text(out / name, path.read_text("utf-8"))
    _print(done, out)
    return 1 if done.open("critical", "major") else 0


def _print(done: Any, out: Path) -> None:
    from labkit.curation.report import counts
    from labkit.printable import plain

    columns = ("n", "critical", "major", "minor", "info", "open")
    table = counts(done.findings)
    width = max([len("check"), *(len(row["check"]) for row in table)])
    print(" ".join([f"{'check':{width}}", *(f"{name:>8}" for name in columns)]))
    for row in table:
        print(plain(" ".join([f"{row['check']:{width}}", *(f"{row[name]:8}" for name in columns)])))
    curated = done.curated
    print(
        f"{len(done.raw)} rows read, {len(curated.dropped)} dropped, {len(curated.changed)} changed, "
        f"{len(curated.rows)} left; {len(done.open())} findings open"
    )
    print(plain(f"{out}: clean.jsonl, findings.jsonl, report.html"))
