"""Verbs of the ranking log: ``labkit rank export|merge|stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()
rank = typer.Typer(name="rank", help="Work on ranking logs: export, merge, stats.", no_args_is_help=True)
verbs.add_typer(rank)

Logs = Annotated[list[Path], typer.Argument(help="Ranking logs (labkit schema ranking).")]
Out = Annotated[Path, typer.Option(help="File to write.")]
FORMS = ("dpo", "kto", "argilla", "label-studio")


@rank.command()
def stats(logs: Logs) -> None:
    """Count judgements by annotator, with position bias and the agreement of every two annotators."""
    from itertools import combinations

    from labkit.preference.agreement import cohen_kappa, judgements, position_bias
    from labkit.preference.ranking import effective
    from labkit.printable import plain

    events = effective(_events(logs))
    people = sorted({event.annotator for event in events})
    for person in people:
        own = [event for event in events if event.annotator == person]
        print(plain(f"{person}: {len(own)} judgements, left answer won {position_bias(own)}"))
    for a, b in combinations(people, 2):
        print(plain(f"{a} and {b}: {cohen_kappa(judgements(events, a), judgements(events, b))}"))


@rank.command()
def merge(logs: Logs, out: Out) -> None:
    """Put the logs of several people into one file; an event that stands in two logs is kept once."""
    from labkit.files import write_jsonl

    merged = {(event.annotator, event.id): event for event in _events(logs)}
    write_jsonl(_new(out), merged.values())
    print(f"{out}: {len(merged)} events")


@rank.command()
def export(
    pairs: Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")],
    out: Out,
    rankings: Annotated[Path | None, typer.Option(help="Ranking log; needed for dpo and kto.")] = None,
    to: Annotated[str, typer.Option(help="dpo, kto, argilla or label-studio.")] = "dpo",
) -> None:
    """Write training rows (dpo, kto) or tasks for another ranking tool (argilla, label-studio)."""
    from labkit.files import read_strictly, write_jsonl
    from labkit.formats import to_argilla, to_label_studio
    from labkit.preference.pairs import preference_rows
    from labkit.records import Pair

    if to not in FORMS:
        raise LabError(f"--to {to}", "is not known", f"take one of {', '.join(FORMS)}")
    known = read_strictly(pairs, Pair)
    if to in ("dpo", "kto"):
        if rankings is None:
            raise LabError(f"--to {to}", "needs judgements", "name the log with --rankings")
        found = preference_rows(known, _events([rankings]))
        rows = found.dpo if to == "dpo" else found.kto
        print(found.accounting)
    else:
        rows = [(to_argilla if to == "argilla" else to_label_studio)(pair) for pair in known]
    write_jsonl(_new(out), rows)
    print(f"{out}: {len(rows)} rows")


def _new(out: Path) -> Path:
    if out.exists():
        raise LabError(str(out), "is already there", "name a new file")
    return out


def _events(logs: list[Path]) -> list[Any]:
    from labkit.files import read_strictly
    from labkit.records import Ranking

    return [event for log in logs for event in read_strictly(log, Ranking)]
