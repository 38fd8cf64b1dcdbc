"""Verbs of the ranking log: ``labkit rank session|stats|merge|export|import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()
rank = typer.Typer(
    name="rank",
    help="Rank answers, and work on ranking logs: session, stats, merge, export, import.",
    no_args_is_help=True,
)
verbs.add_typer(rank)

Logs = Annotated[list[Path], typer.Argument(help="Ranking logs (labkit schema ranking).")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Pairs = Annotated[Path, typer.Option(help="Pairs of answers (labkit schema pair).")]
SomePairs = Annotated[Path | None, typer.Option(help="Pairs of answers: for the length bias, and whose answers win.")]
Gold = Annotated[Path | None, typer.Option(help="Gold pairs: with 'right', the index of the best answer.")]
FORMS = ("dpo", "kto", "argilla", "label-studio")


@rank.command()
def session(
    pairs: Annotated[Path, typer.Argument(help="Pairs of answers to rank (labkit schema pair).")],
    log: Annotated[Path, typer.Option(help="The log; made with the first answer, went on with later.")],
    annotator: Annotated[str, typer.Option(help="A short id; a pseudonym will do.")] = "me",
    gold: Gold = None,
    team: Annotated[str, typer.Option(help="Who ranks, as in ana,bo,cy: the pairs are shared out among them.")] = "",
    overlap: Annotated[float, typer.Option(help="Share of the pairs that everybody of the team gets.")] = 0.2,
    repeats: Annotated[float, typer.Option(help="Share of items shown a second time, the other way round.")] = 0.1,
    adjudicate: Annotated[
        list[Path] | None, typer.Option(help="Settle what these logs' annotators disagree on; repeatable.")
    ] = None,
) -> None:
    """Rank answers in the terminal, by typing one letter an item. Every answer is saved at once."""
    from labkit.preference.disputes import adjudication
    from labkit.preference.items import shares, with_repeats
    from labkit.preference.ranking import RankingSession

    known, checks = _pairs(pairs), _gold(gold)
    if team:
        dealt = shares(known, team.split(","), overlap)
        if annotator not in dealt:
            raise LabError(f"--annotator {annotator}", "is not in the team", f"take one of {team}")
        known = dealt[annotator]
    if not 0 <= repeats <= 1:
        raise LabError(f"--repeats {repeats:g}", "is not between 0 and 1", "take 0.1, say")
    if adjudicate:
        settled = [pair.id for pair in checks]
        adjudication(known, _events(adjudicate), log, annotator, gold=settled).ask()
    else:
        RankingSession(with_repeats(known, repeats), log, annotator, gold=checks).ask()


@rank.command()
def stats(logs: Logs, pairs: SomePairs = None, gold: Gold = None) -> None:
    """Summarise a campaign: by annotator time, gold items, repeats, noise and biases; then agreement and disputes."""
    from labkit.preference.quality import quality
    from labkit.preference.strengths import strengths
    from labkit.printable import plain

    events = _events(logs)
    known, checks = _pairs(pairs) if pairs else [], _gold(gold)
    print(plain(str(quality(events, known, checks)), lines=True))
    ordinary = [pair for pair in known if pair.id not in {check.id for check in checks}]
    if len({answer.source for pair in ordinary for answer in pair.answers}) > 1:
        print("Whose answers win (Bradley-Terry strength as log-odds against the average writer):")
        for found in strengths(ordinary, events):
            row = found.row()
            print(
                plain(f"  {row['writer']}: won {row['won']}, {row['ties']} ties, strength {row['strength (log-odds)']}")
            )


@rank.command()
def merge(logs: Logs, out: Out) -> None:
    """Put the logs of several people into one file, each event once; say what was torn, renamed or contradictory."""
    from labkit.files import read_jsonl, write_jsonl
    from labkit.preference import events
    from labkit.printable import plain
    from labkit.records import Ranking

    read = [read_jsonl(log, Ranking) for log in logs]
    merged = events.merge([found for found, _ in read])
    if not merged.events:
        raise LabError(str(logs[0]), "holds no events", "name ranking logs")
    write_jsonl(_new(out), merged.events)
    for _, torn in read:
        for finding in torn:
            print(plain(f"left out: {finding.message}"))
    print(plain(f"{out}: {merged}", lines=True))


@rank.command()
def export(
    pairs: Pairs,
    out: Out,
    rankings: Annotated[Path | None, typer.Option(help="Ranking log; needed for dpo and kto.")] = None,
    to: Annotated[str, typer.Option(help="dpo, kto, argilla or label-studio.")] = "dpo",
    gold: Gold = None,
    every: Annotated[
        bool, typer.Option("--every", help="dpo: a row for each labeller's word, for a robust loss.")
    ] = False,
) -> None:
    """Write training rows (dpo, kto), or tasks with what was judged so far for another tool (argilla, label-studio).

    A file that ends in .json holds one array, any other one object a line. For Label Studio the labelling interface is
    written beside it, ending in .xml.
    """
    import json

    from labkit.files import write_jsonl, write_text
    from labkit.preference import exchange
    from labkit.preference.pairs import preference_rows

    if to not in FORMS:
        raise LabError(f"--to {to}", "is not known", f"take one of {', '.join(FORMS)}")
    known, events = _pairs(pairs), _events([rankings]) if rankings else []
    if to in ("dpo", "kto"):
        if rankings is None:
            raise LabError(f"--to {to}", "needs judgements", "name the log with --rankings")
        checks = [check.id for check in _gold(gold)]
        found = preference_rows(known, events, checks, "every" if every else "majority")
        rows = found.dpo if to == "dpo" else found.kto
        print(found.accounting)
    else:
        if to == "label-studio" and len({min(3, len(pair.answers)) for pair in known}) > 1:
            what = "cannot mix pairs with three or four answers: they need different labelling interfaces"
            raise LabError(f"--to {to}", what, "export them apart")
        rows = (exchange.argilla if to == "argilla" else exchange.label_studio)(known, events)
    if _new(out).suffix == ".json":
        write_text(out, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    else:
        write_jsonl(out, rows)
    if to == "label-studio":
        ranked = any(len(pair.answers) > 2 for pair in known)
        write_text(out.with_suffix(".xml"), exchange.RANKER if ranked else exchange.PAIRWISE)
    print(f"{out}: {len(rows)} rows")


@rank.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="What Argilla or Label Studio exported.")], pairs: Pairs, out: Out
) -> int:
    """Read judgements made in Argilla or Label Studio into a ranking log. Ends with 1 where some cannot be used."""
    from labkit.files import write_jsonl
    from labkit.preference.exchange import read_rankings
    from labkit.printable import plain

    events, findings = read_rankings(file, _pairs(pairs))
    for finding in findings:
        print(plain(f"left out: {finding.message}"))
    if not events:
        raise LabError(str(file), "holds no judgement that can be used", "export it with its annotations")
    write_jsonl(_new(out), events)
    print(plain(f"{out}: {len(events)} judgements by {', '.join(sorted({e.annotator for e in events}))}"))
    return 1 if findings else 0


def _new(out: Path) -> Path:
    if out.exists():
        raise LabError(str(out), "is already there", "name a new file")
    return out


def _pairs(path: Path) -> list[Any]:
    from labkit.files import read_strictly
    from labkit.records import Pair

    return read_strictly(path, Pair)


def _gold(path: Path | None) -> list[Any]:
    from labkit.files import read_strictly
    from labkit.preference.events import GoldPair

    return read_strictly(path, GoldPair) if path else []


def _events(logs: list[Path]) -> list[Any]:
    from labkit.files import read_strictly
    from labkit.records import Ranking

    return [event for log in logs for event in read_strictly(log, Ranking)]
