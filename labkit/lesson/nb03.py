"""Notebook 03: its exercises, the learner's own material, labellers with known faults, and sets with wrong labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from labkit import LabError, policy, samples
from labkit.coverage.bias import refusal
from labkit.curation.reading import fields
from labkit.curation.rules import holds, read_case
from labkit.files import read_jsonl, read_strictly
from labkit.formats import read_rows
from labkit.labelling.agreement import Ratings, krippendorff_alpha
from labkit.labelling.disagreements import annotator_problems
from labkit.labelling.errors import Labelled, Suspect, evaluate, label_errors
from labkit.labelling.guideline import Guideline, load
from labkit.labelling.session import GoldItem, effective, gold_accuracy, ratings
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.records import Example, Finding, Label, Planted
from labkit.stats import wilson

# name -> message, its label by guideline 2, what the likely mistake has missed
_CARDS = {
    "bill": ("Would you mind sending the bill for the parasol again?", "request",
             "the bill has to be sent, and the polite form does not make it a question"),
    "bulb": ("Please tell me in which month the tulip bulbs go into the ground.", "question",
              '"please tell me" asks for information only'),
    "size": ("Is it possible to choose another size once I have paid?", "question",
             "nobody is asked to change anything yet"),
    "spade": ("Marvellous, the third spade with a split handle. Do you collect them?", "problem",
              "take the tone away and a split handle is left"),
    "call": ("The spade has split, so be it. But you promised to call on Monday and nobody did.", "complaint",
             "the reason for writing is the promise that we broke"),
    "pond": ("Is it normal that I feel a tingle when the pond pump runs and I touch the water?", "safety",
             "somebody could be hurt, and safety goes before every other label"),
}  # fmt: skip
Rows = list[dict[str, Any]]  # of a table
PRACTICE = {name: message for name, (message, _, _) in _CARDS.items()}


def _labelled(answer: Any) -> object:
    assert isinstance(answer, dict), "a dictionary is asked for: the name of each message, and its label"
    if missing := [name for name in PRACTICE if name not in answer]:
        return f"There is no label for {', '.join(missing)} yet"
    wrong = next((name for name, (_, right, _) in _CARDS.items() if answer[name] != right), None)
    return f"Look again at {wrong}: {_CARDS[wrong][2]}" if wrong else True


_A, _B = list("xxxxxxyyyz"), list("xxxxxyyyxx")  # agree on 7 of 10; by chance on .51
_NO_KAPPA = {
    0.7: "That is plain agreement: take off what chance alone would give",
    0.51: "That is the agreement by chance: it has to come off the observed one",
    0.7 - 0.51: "That is what is left above chance: divide it by the most that could be left, 1 - chance",
    (0.7 - 1 / 3) / (2 / 3): "That takes all labels for equally frequent: chance follows each person's own shares",
}


def _kappa(answer: Callable[[list[str], list[str]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_kappa(a, b): ..."
    said = answer(list(_A), list(_B))
    known = {**_NO_KAPPA, (0.7 - 0.51) / (1 - 0.51): True}
    return next((why for value, why in known.items() if abs(said - value) < 1e-6), False)


_SURE, _GIVEN = [0.9, 0.6, 0.3, 0.2, 0.1], ["often", "often", "often", "rare", "rare"]
_UNFAIR = {
    tuple(c / 0.42 for c in _SURE): "That divides by the mean of all rows: take the rows with the same label only",
    (0.6, 0.6, 0.6, 0.15, 0.15): "Those are the means: divide each row's own confidence by its label's mean",
    (0.3, 0.0, -0.3, 0.05, -0.05): "That is the difference: divide instead",
}


def _fair(answer: Callable[[list[float], list[str]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_fair(confidences, labels): ..."
    said = list(answer(list(_SURE), list(_GIVEN)))
    known = {**_UNFAIR, tuple(fair(_SURE, _GIVEN)): True}
    return next((why for all_, why in known.items() if all(abs(a - b) < 1e-6 for a, b in zip(said, all_, strict=True))), False)


EXERCISES = Notebook("03",
    Exercise(
        "kappa", "medium", 8,
        "Write my_kappa(a, b): Cohen's kappa of two lists of labels. The first of each is about the first text, and so on.\n\n"
        "Agreement is the share of texts on which both say the same. Chance is a sum over all labels: the share with which one "
        "person gives the label, times the share with which the other does. Kappa is (agreement - chance) / (1 - chance).",
        _kappa,
        "a.count(label) / len(a) is how often the first person gives a label; sum the products over set(a) | set(b).",
        "def my_kappa(a, b):\n    n = len(a)\n    agreed = sum(x == y for x, y in zip(a, b)) / n\n"
        "    chance = sum(a.count(v) / n * b.count(v) / n for v in set(a) | set(b))\n"
        "    return (agreed - chance) / (1 - chance)"),
    Exercise(
        "labelled", "easy", 5,
        "Label the six messages above by guideline 2.\n\n"
        'Write a dictionary: the name of each message, and "question", "request", "problem", "complaint" or "safety".',
        _labelled,
        "Ask first whether somebody could be hurt; then what is left of the message once its tone is gone.",
        'my_labelled = dict(bill="request", bulb="question", size="question", spade="problem", call="complaint", pond="safety")'),
    Exercise(
        "fair", "hard", 8,
        "Write my_fair(confidences, labels): for each row its confidence, divided by the mean confidence of all rows with "
        "the same label.\n\nTwo lists of equal length come in; a list of numbers goes out, in the same order.",
        _fair,
        "First collect the confidences of each label in a dictionary of lists, then go through the rows once more.",
        "def my_fair(confidences, labels):\n    by_label = {}\n    for c, label in zip(confidences, labels):\n"
        "        by_label.setdefault(label, []).append(c)\n"
        "    mean = {label: sum(own) / len(own) for label, own in by_label.items()}\n"
        "    return [c / mean[label] for c, label in zip(confidences, labels)]"),
)  # fmt: skip

QUIZ = (
    Quiz(
        "1. Three people labelled by one guideline, and alpha is 0.67. What comes first?",
        ("Let them label ten times as many texts, so that the interval gets narrow.",
         "Read the texts on which they differ, and write down the rule that decides them.",
         "Take the majority of the three, and go on."),
        "b", "More labels by an unclear rule are more unclear labels, and a majority may share one misreading."),
    Quiz(
        "2. A labeller hits 8 of 8 gold items. What do you know?",
        ("That this person makes no mistakes.",
         "Nothing at all, since gold items are easy.",
         "That a careless labeller is unlikely; but eight hits leave room for nearly one miss in three."),
        "c", "The interval of 8 of 8 goes down to 68%. Gold items catch carelessness, not fine differences."),
    Quiz(
        "3. A model finds the label of a row very unlikely. What do you do with the row?",
        ("A person reads it: the model only says what to read first.",
         "Give it the label that the model finds likeliest.",
         "Delete it, since doubtful rows do harm."),
        "a", "Most rows at the top of such a list are right, only rare or oddly worded, and rare rows are worth keeping."),
)  # fmt: skip


class Text(Labelled):
    """A text of the learner's own, with a label or none."""

    label: str = ""


@dataclass(frozen=True)
class Material:
    """Texts and what was said of them; ``given`` are texts with one label each, in which wrong ones are looked for."""

    name: str
    items: Sequence[Text]
    unreadable: Sequence[Finding]
    guidelines: Sequence[Guideline]
    labels: Sequence[Label]
    gold: Sequence[GoldItem]
    given: Sequence[Labelled]


def read(data: str | Path = "labelling") -> Material:
    """The lab's material, or the learner's own texts and the files beside them.

    ``data`` is a file of texts: JSON Lines with ``id``, ``text`` and, if there is one, ``label``; or training rows.
    ``guideline*.yaml``, ``labels*.jsonl``, ``gold.jsonl`` and ``suspicious.jsonl`` of its folder are read as well.

    Raises:
        LabError: a file cannot be used, or there is no guideline.
    """
    path = samples.path("labelling/items.jsonl") if str(data) == "labelling" else Path(data)
    folder, (items, unreadable) = path.parent, read_jsonl(path, Text)
    if not items:
        rows, unreadable = read_rows(path)
        items = [Text(id=row.id, text=row.question, label=label_of(row) or "") for row in rows]
    if not (guidelines := [load(file) for file in sorted(folder.glob("guideline*.yaml"))]):
        raise LabError(str(folder), "holds no guideline", "write guideline-1.yaml there, like the sample's")
    gold, given, logs = folder / "gold.jsonl", folder / "suspicious.jsonl", sorted(folder.glob("labels*.jsonl"))
    return Material(
        name=f"{folder.name}-{path.stem}",
        items=items,
        unreadable=unreadable,
        guidelines=guidelines,
        labels=[label for log in logs for label in read_strictly(log, Label)],
        gold=read_strictly(gold, GoldItem) if gold.exists() else [],
        given=read_strictly(given, Labelled) if given.exists() else [text for text in items if text.label],
    )


def label_of(row: Example) -> str | None:
    """The label in a row's answer: a value of a JSON answer; of prose, whether it answers or refuses."""
    said = fields(row.response) or {}
    return next((said[k] for k in ("team", "decision", "label", *said) if isinstance(said.get(k), str)), None) or refusal(row)


def own_labels(log: Path, material: Material) -> tuple[list[Label], str]:
    """What the learner has labelled so far, and a sentence that says whose labels are in use."""
    own = effective(read_jsonl(log, Label)[0]) if log.exists() else []
    theirs = f"{len(material.labels)} labels by {', '.join(sorted({x.annotator for x in material.labels})) or 'others'}"
    mine = f"your own {len(own)} labels, which go first, and {theirs}" if own else f"{theirs} (you have labelled nothing yet)"
    return own, f"Used: {mine}."


def rounds(material: Material, own: Iterable[Label] = ()) -> dict[str, Ratings]:
    """Ratings by guideline version, gold items left out; only versions under which two or more people have labelled."""
    known = {item.id for item in material.items}
    labels = [label for label in (*material.labels, *own) if label.row_id in known]
    found = {rules.version: ratings(labels, rules.version) for rules in material.guidelines}
    return {version: given for version, given in found.items() if len(given) > 1}


def spoilt(labels: Sequence[Label], seed: int = 3) -> dict[str, list[Label]]:
    """One person's labels three times over, each time with a fault put in: mutants of a labeller."""
    draw, values, half = Random(seed), [label.value for label in labels], len(labels) // 2
    names, usual = sorted(set(values)), max(values, key=values.count, default="")
    guesses = [*values[:half], *(draw.choice(names) for _ in values[half:])]
    return {
        "clicker": [label.model_copy(update={"annotator": "clicker", "value": usual}) for label in labels],
        "racer": [label.model_copy(update={"annotator": "racer", "seconds": 0.5}) for label in labels],
        "tired": [label.model_copy(update={"annotator": "tired", "value": v}) for label, v in zip(labels, guesses, strict=True)],
    }


def inspected(material: Material, teams: Mapping[str, Sequence[Label]]) -> Rows:
    """Of each team: its alpha, and of its third (or last) member the gold items hit and the habits that stand out."""
    gold, texts, table = {g.id for g in material.gold}, {i.id: i.text for i in (*material.items, *material.gold)}, []
    for name, labels in ((name, own) for name, own in teams.items() if own):
        last = labels[-1].annotator
        odd = [f"{p.kind}: {p.message}" for p in annotator_problems(labels, texts) if p.annotator == last]
        row = {"team": name, "agreement": krippendorff_alpha(ratings(x for x in labels if x.row_id not in gold))}
        row["gold items of the third"] = gold_accuracy(labels, material.gold).get(last, "none seen")
        table.append(row | {"habits of the third": "; ".join(odd) or "none stands out"})
    return table


def fair(confidences: Sequence[float], labels: Sequence[str]) -> list[float]:
    """Each confidence over the mean confidence of the rows with the same label."""
    own: dict[str, list[float]] = {}
    for confidence, label in zip(confidences, labels, strict=True):
        own.setdefault(label, []).append(confidence)
    return [c / (fmean(own[label]) or 1.0) for c, label in zip(confidences, labels, strict=True)]


def doubts(rows: Sequence[Labelled]) -> list[Suspect]:
    """All rows, the one whose label a model of the other rows finds least likely first."""
    return label_errors([row.id for row in rows], [row.text for row in rows], [row.label for row in rows])


def fairly(ranked: Sequence[Suspect]) -> list[Suspect]:
    """The same rows, each measured by the others of its label."""
    scores = fair([s.confidence for s in ranked], [s.label for s in ranked])
    return [ranked[i] for i in sorted(range(len(ranked)), key=lambda i: (scores[i], ranked[i].row_id))]


def listed(ranked: Sequence[Suspect], rows: Sequence[Labelled]) -> Rows:
    """Suspects with their texts, and what the label was where it was changed."""
    known = {row.id: row for row in rows}
    first = [{"text": known[s.row_id].text, "label": s.label, "its probability": f"{s.confidence:.2f}"} for s in ranked]
    more = [{"likelier": s.suggested, "changed from": known[s.row_id].was or "unchanged"} for s in ranked]
    return [a | b for a, b in zip(first, more, strict=True)]


def domain(name: str, flips: float = 0.0) -> list[Labelled]:
    """Rows of a domain with their labels, other planted defects left out; ``was`` is set where a label is wrong.

    The text is the question with, as words beside it, the type of the case and the ids of the coded rules that apply.
    ``flips`` is the share of labels that are changed here at random, for samples that hold no wrong ones.
    """
    plants = [p for p in read_strictly(samples.path(f"{name}/planted.jsonl"), Planted) if not p.lookalike]
    wrong, dirty = ({p.row: p for p in plants if (p.kind == "wrong_label") is kind} for kind in (True, False))
    rows = [row for row in read_rows(samples.path(f"{name}/raw.jsonl"))[0] if row.id not in dirty and label_of(row)]
    rows = [row for row in rows if bool(fields(row.response)) is (name != "knowledge")]  # its label is the kind of answer
    rules, draw = policy.load(samples.path(f"{name}/policy.yaml"), policy.Policy).decisions, Random(0)
    names, made = {str(label_of(row)) for row in rows}, []
    flipped = set(draw.sample(range(len(rows)), round(flips * len(rows))))
    for i, row in enumerate(rows):
        case, label = read_case(row), str(label_of(row))
        apply = [rule.id.replace("-", "") for rule in rules if all(holds(v, case.get(k)) for k, v in rule.when.items())]
        text, was = " ".join([row.question, case.get("type", ""), *apply]).strip(), _right(wrong.get(row.id), label)
        if i in flipped:
            label, was = draw.choice(sorted(names - {label})), label
        made.append(Labelled(id=row.id, text=text, label=label, was=was))
    return made


def _right(plant: Planted | None, label: str) -> str | None:
    """The right label where this one is wrong, or a word for it where the plant does not name it."""
    said = plant.note.removeprefix("right: ") if plant else ""
    right = json.loads(said)["decision"] if said.startswith("{") else "another" if plant and '"team"' in plant.evidence else label
    return None if right == label else str(right)


def budget(sets: Mapping[str, Sequence[Labelled]], ranked: Mapping[str, Sequence[Suspect]], share: float, apart: str) -> Rows:
    """What reading a share of each set again finds of its wrong labels, in either order; last the sum, one set apart."""
    table, total = [], Counter[str]()
    for name, rows in sets.items():
        wrong, k = {row.id for row in rows if row.was}, round(share * len(rows))
        counts = {"n": len(rows), "wrong": len(wrong), "read again": k}
        both = {"found, least likely first": ranked[name], "found, fair order": fairly(ranked[name])}
        hits = {said: evaluate(order, wrong, k).recall for said, order in both.items()}
        table.append({"labels": name, **counts, **hits})
        total.update(counts | {said: rate.passed for said, rate in hits.items()} if name != apart else {})
    rates = {said: wilson(total[said], total["wrong"]) for said in hits}
    return [*table, {"labels": f"all but {apart}"} | {key: total[key] for key in counts} | rates]
