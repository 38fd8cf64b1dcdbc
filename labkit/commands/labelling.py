"""The verb of the labelling stage: ``labkit agree``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit import LabError

if TYPE_CHECKING:
    from labkit.labelling.guideline import Guideline
    from labkit.labelling.session import GoldItem
    from labkit.records import Label

verbs = typer.Typer()

CODES = {"go": 0, "stop": 1, "revise": 3}


@verbs.command()
def agree(
    logs: Annotated[list[Path], typer.Argument(help="Label logs (labkit schema label).", metavar="LABELS...")],
    guideline: Annotated[Path | None, typer.Option(help="Guideline: its version alone is judged, by its rules.")] = None,
    gold: Annotated[Path | None, typer.Option(help="Gold items: left out of alpha, each annotator's hits shown.")] = None,
) -> int:
    """Say how far annotators agree, and whether the labels may be used.

    Labels of several guideline versions are shown version by version; the last one decides. Ends with 0 where
    Krippendorff's alpha is at least .8, with 3 (revise the guideline) from .667, with 1 below, with 2 on invalid input.
    """
    from labkit.files import read_strictly
    from labkit.labelling.guideline import load
    from labkit.labelling.session import GoldItem
    from labkit.records import Label

    labels = [label for log in logs for label in read_strictly(log, Label)]
    known = read_strictly(gold, GoldItem) if gold else []
    rules = load(guideline) if guideline else None
    versions = list(dict.fromkeys(label.guideline for label in labels))
    if rules and guideline:
        if rules.version not in versions:
            what = f"is version {rules.version}, under which nothing was labelled"
            raise LabError(str(guideline), what, f"the labels name {', '.join(versions)}")
        versions = [rules.version]
    return [_one([label for label in labels if label.guideline == version], rules, known) for version in versions][-1]


def _one(labels: list[Label], rules: Guideline | None, gold: list[GoldItem]) -> int:
    """Print what one guideline version led to; the exit code it means."""
    from itertools import combinations

    from labkit.labelling.agreement import cohen_kappa, krippendorff_alpha, sentence, verdict
    from labkit.labelling.disagreements import annotator_problems, confusions, unclear_rules
    from labkit.labelling.guideline import SKIP
    from labkit.labelling.session import gold_accuracy, ratings
    from labkit.printable import plain

    version, checked = labels[0].guideline, {item.id for item in gold}
    given = ratings(label for label in labels if label.row_id not in checked)
    if rules:
        for label in labels:
            if label.value not in (*rules.names, SKIP):
                mend = f"guideline {version} knows {', '.join(rules.names)}"
                raise LabError(f"label {label.value!r} on {label.row_id}", "is not in the guideline", mend)
    alpha = krippendorff_alpha(given)
    lines = [f"guideline {version}: {alpha}"]
    for a, b in combinations(sorted(given), 2):
        if given[a].keys() & given[b].keys():
            lines.append(f"  {a} and {b}: {cohen_kappa(given[a], given[b])}")
    lines += [f"  {annotator} on gold items: {rate}" for annotator, rate in gold_accuracy(labels, gold).items()]
    unclear = unclear_rules(given, rules) if rules else [str(found) for found in confusions(given)[:3]]
    lines += [f"  {line}" for line in unclear]
    lines += [f"  look at {odd.annotator} ({odd.kind}): {odd.message}" for odd in annotator_problems(labels)]
    for line in [*lines, f"  {sentence(alpha)}"]:
        print(plain(line))
    return CODES[verdict(alpha.alpha)]
