"""Verbs of the governance stage: audit, which also forgets."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from labkit import LabError

verbs = typer.Typer()


@verbs.command()
def audit(
    rows: Annotated[Path, typer.Argument(help="Training rows: JSON Lines in any format the lab reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the audit's files.")],
    clearance: Annotated[Path | None, typer.Option(help="clearance.yaml: licences and sources.")] = None,
    policy: Annotated[Path | None, typer.Option(help="policy.yaml, for what the rows are about.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="Key file for pseudonyms; made when missing, never kept with the data.")
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(help="List and leave out everything about this e-mail, number, name or id; may be repeated."),
    ] = None,
    today: Annotated[str | None, typer.Option(help="The day on which permissions must hold, YYYY-MM-DD.")] = None,
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
) -> int:
    """May these rows be trained on? 0 cleared, 1 findings are open, 2 invalid input. Writes report, card and masked rows."""
    import shutil

    from labkit.governance.forget import forget as forget_subject
    from labkit.governance.mask import open_key
    from labkit.governance.step import PARTS, default_name
    from labkit.governance.step import audit as examine
    from labkit.home import Home
    from labkit.printable import plain

    day = _day(today)
    lab = Home(home)
    if key is not None:
        out.mkdir(parents=True, exist_ok=True)
        opened = open_key(key, [rows, lab.path, out])
    source, lines = rows, []
    for subject in forget or ():
        found, folder = forget_subject(lab, subject, [source], opened if key is not None else None)
        source = folder / source.name
        made = out / folder.name
        shutil.copytree(folder, made, dirs_exist_ok=True)
        lines.append(f"{len(found.rows)} rows and {len(found.artefacts)} artefacts to forget: {made / 'list.md'}")
    done, folder = examine(
        lab, source, clearance=clearance, policy=policy, key=key, today=day, name=default_name(rows), keep_away=[out]
    )
    out.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.copy2(folder / f"{done.name}.{part}", out / f"{done.name}.{part}")
    print(plain("\n".join([done.text(), *lines, f"Report: {out / done.name}.audit.html"]), lines=True))
    return 0 if done.cleared else 1


def _day(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise LabError(f"--today {text}", "is no date", "write it as YYYY-MM-DD") from error
