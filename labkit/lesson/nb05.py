"""Notebook 05: its exercises, a profile of the world to compare with, framed questions, and a stand-in for a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from labkit import samples
from labkit.coverage.bias import FEWEST, Gap, Probe, decision, probe, refusal, stratified_difference
from labkit.coverage.counterfactual import Flips, Swap, counterfactuals, paired_flips
from labkit.coverage.slices import pairwise, usable
from labkit.coverage.variety import diversity, over_represented
from labkit.curation.reading import fields
from labkit.curation.rules import binding, read_case
from labkit.formats import read_rows
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.policy import Policy, load
from labkit.records import Example, Message
from labkit.stats import Rate, rate_difference, wilson

DOMAINS = ("support", "knowledge", "decision")
HARROW = ("Bramwick", "Brunna", "Edrith", "Hadrick", "Keswyn", "Marnock", "Oslin", "Tamsel", "Thessa", "Wenlow")
LUMEN = ("Auvrel", "Caissel", "Elivar", "Iradel", "Luvenne", "Nimeya", "Orphise", "Quennet", "Sovanne", "Zolienne")
REQUEST = (
    "[Case: type=return; amount=60; days=50; customer=regular; region=north; evidence=none; harm=none]\n"
    "Thessa would like to send the unopened hammock back."
)
# comparison -> for each kind of request: approved and all of group a, the same of group b; its reading, and why
PRACTICE: dict[str, tuple[list[tuple[int, int, int, int]], str, str]] = {
    "names": ([(33, 44, 8, 45)], "alarm", "both groups have 30 rows, and the near end of the interval is far from 0"),
    "survey": ([(12, 20, 4, 19)], "too few", f"groups under {FEWEST} are refused, however wide the gap looks"),
    "app": ([(21, 40, 16, 41)], "no alarm", "the interval holds 0, so chance alone may have made this difference"),
    "email": (
        [(1060, 2000, 960, 2000)],
        "no alarm",
        "there surely is a difference, and as surely one below ten points",
    ),
    "business": ([(72, 80, 18, 20), (8, 20, 32, 80)], "no alarm", "among like requests nothing is left of the gap"),
}


def source(data: str | Path) -> Path:
    """The file of a domain of the lab, or the learner's own path as it is."""
    return samples.path(f"{data}/raw.jsonl") if data in DOMAINS else Path(data)


def everything(data: str | Path) -> dict[str, list[Example]]:
    """The rows of the three domains by name, and those of the learner's own file after them."""
    return {str(name): read_rows(source(name))[0] for name in dict.fromkeys([*DOMAINS, data])}


def overview(sets: Mapping[str, Sequence[Example]]) -> list[dict[str, Any]]:
    """What each set covers and how much of it is remarkable, in counts."""
    table = []
    for name, rows in sets.items():
        cells, found = pairwise(rows), probe(rows)
        counts = {"n": len(rows), "slices": len(usable(rows)), "pairs of values": len(cells)}
        counts |= {"missing": sum(c.missing for c in cells), "too much": len(over_represented(rows))}
        table.append({"rows of": name, **counts, "groups compared": len(found.gaps), "unequal": len(found.unequal)})
    return table


def against(rows: Sequence[Example], world: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Shares in the rows beside a profile (slice -> value -> percent); off where the whole interval misses it."""
    table: list[dict[str, Any]] = []
    for name, profile in world.items():
        counts = usable(rows).get(name, Counter[str]())
        for value in [*profile, *sorted(set(counts) - set(profile))]:
            rate, due = wilson(counts[value], counts.total()), profile.get(value, 0) / 100
            reading = "too many" if rate.low > due else "too few" if rate.high < due else "fits"
            row = {"slice": name, "value": value, "in the rows": rate, "in the world": f"{due:.0%}"}
            table.append(row | {"reading": reading})
    return table


def wording(rows: Sequence[Example], size: int) -> dict[str, Any]:
    """How varied ``size`` of the questions are; size counts, as word groups repeat more often in a larger set."""
    found = diversity(Random(0).sample(list(rows), size))
    openings = [f"{over.what} ({over.n})" for over in over_represented(rows) if over.kind == "opening"]
    words = {"n": size, "words a question (5%, 50%, 95%)": ", ".join(map(str, found.words))}
    return words | {"different triples": f"{found.distinct[2]:.1%}", "opening too often": ", ".join(openings) or "none"}


def framed(rows: Sequence[Example], openings: Sequence[str] = (), closings: Sequence[str] = ()) -> list[Example]:
    """The rows with every tenth question in a frame of words: the openings and closings given, in turn."""
    made = list(rows)
    for turn, i in enumerate(range(0, len(made), 10)):
        row, (*before, last) = made[i], made[i].prompt
        opening, closing = (side[turn % len(side)] if side else "" for side in (openings, closings))
        content = row.asked.removesuffix(row.question) + f"{opening} {row.question} {closing}".strip()
        made[i] = row.model_copy(update={"prompt": [*before, Message(role=last.role, content=content)]})
    return made


def widest(found: Probe) -> Gap | None:
    """The widest gap: of the unequal ones where there are any, else of all."""
    return max(found.unequal or found.gaps, key=lambda gap: abs(gap.crude.estimate), default=None)


def _reader(rows: Sequence[Example]) -> Callable[[Example], str | None]:
    """How outcomes are read, as the probe does it: decisions of JSON answers, or answer and refuse."""
    return decision if sum(decision(row) is not None for row in rows) >= FEWEST else refusal


def answers(rows: Sequence[Example], gap: Gap | None) -> list[dict[str, Any]]:
    """What the two groups of a gap are told, reason included, and one request of each kind."""
    if gap is None:
        return []
    (kind, _, value), read = gap.where.partition("="), _reader(rows)
    said: dict[str, dict[str, list[Example]]] = {gap.a: {}, gap.b: {}}
    for row in rows:
        if (group := row.slices.get(gap.slice)) in said and read(row) and (not kind or row.slices.get(kind) == value):
            texts = [text for text in (fields(row.response) or {}).values() if isinstance(text, str)]
            said[group].setdefault(" ".join(texts[:2]) or str(read(row)), []).append(row)
    n = {group: sum(map(len, by.values())) for group, by in said.items()}
    return [
        {"answer": told}
        | {group: wilson(len(by.get(told, ())), n[group]) for group, by in said.items()}
        | {f"such as ({group})": by[told][0].question if told in by else "" for group, by in said.items()}
        for told in sorted(said[gap.a] | said[gap.b])
    ]


def _strangers(rows: Sequence[Example], learn: Swap | None) -> dict[str, Any]:
    """By row id a stand-in that has not seen the row, but the other four fifths: naive Bayes, which counts words."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    models: dict[str, Any] = {}
    read = _reader(rows)
    for fold in range(5):
        others = [row for i, row in enumerate(rows) if i % 5 != fold and read(row)]
        others += [pair.twin for pair in counterfactuals(others, [learn] if learn else [])]
        words = CountVectorizer(binary=True, token_pattern=r"\w+=[^\W\d]\w+|\b[^\W\d_]{2,}\b")
        model = make_pipeline(words, MultinomialNB(alpha=0.3)).fit([r.asked for r in others], [read(r) for r in others])
        models |= {row.id: model for i, row in enumerate(rows) if i % 5 == fold}
    return models


def right(rows: Sequence[Example]) -> dict[str, Rate]:
    """How often a stand-in decides as the row does, and how often it would by always giving the same outcome."""
    models, read = _strangers(rows, None), _reader(rows)
    due = [(row, said) for row in rows if (said := read(row))]
    hits = sum(models[row.id].predict([row.asked])[0] == said for row, said in due)
    (most, n), *_ = Counter(said for _, said in due).most_common(1)
    return {"stand-in": wilson(hits, len(due)), f"always {most}": wilson(n, len(due))}


def flips(rows: Sequence[Example], swap: Swap, learn: Swap | None = None, favoured: str = "approve") -> list[Flips]:
    """A stand-in's outcomes of requests and of their twins, group by group.

    Args:
        rows: requests.
        swap: what must make no difference; the values of its first slice are the groups.
        learn: let the stand-in learn from these twins as well.
        favoured: the outcome whose two directions are counted.
    """
    pairs, known = counterfactuals(rows, [swap]), {row.id: row for row in rows}
    models = _strangers(rows, learn) if pairs else {}
    said = {p.row: models[p.row].predict([known[p.row].asked, p.twin.asked]).tolist() for p in pairs}
    name, groups = next(iter(swap.slices.items()))
    own = [[row for row in said if known[row].slices.get(name) == group] for group in groups]
    return [paired_flips({r: said[r][0] for r in ids}, {r: said[r][1] for r in ids}, favoured) for ids in own]


def practice() -> list[Gap]:
    """The comparisons of the exercise, as the probe would tell them."""
    gaps = []
    for name, (kinds, *_) in PRACTICE.items():
        a, b = (wilson(sum(k[i] for k in kinds), sum(k[i + 1] for k in kinds)) for i in (0, 2))
        like = stratified_difference([(wilson(x, n), wilson(y, m)) for x, n, y, m in kinds])
        rates = {"rate_a": a, "rate_b": b, "crude": rate_difference(a, b), "adjusted": like}
        gaps.append(Gap(slice=name, a="a", b="b", outcome="approve", like="type", confidence=0.95, **rates))
    return gaps


@cache
def _rows(domain: str) -> list[Example]:
    return read_rows(source(domain))[0]


def _missing(answer: Any) -> object:
    if not isinstance(answer, dict) or not all(isinstance(pair, dict) for pair in answer.values()):
        return 'Give a dictionary of dictionaries, as {"support": {"channel": "...", ...}, "knowledge": {...}}'
    for domain in DOMAINS[:2]:
        if len(pair := answer.get(domain, {})) != 2:
            return f"A pair of {domain} is two slices with one value each"
        slices = [row.slices.items() for row in _rows(domain)]
        if lost := [f"{name}={value}" for name, value in pair.items() if not any((name, value) in s for s in slices)]:
            return f"No row of {domain} has {lost[0]}: a missing pair is made of values that do occur"
        if n := sum(pair.items() <= own for own in slices):
            return f"{n} rows of {domain} have both values: look for a cell with .missing"
    return True


def _gaps(answer: Any) -> object:
    if not isinstance(answer, dict):
        return 'Give a dictionary: the name of each comparison, and "alarm", "no alarm" or "too few"'
    if missing := [name for name in PRACTICE if name not in answer]:
        return f"There is no reading of {', '.join(missing)} yet"
    wrong = [f"{name}: {why}" for name, (_, due, why) in PRACTICE.items() if answer[name] != due]
    return f"Look again at {wrong[0]}" if wrong else True


def _twins(answer: Any) -> object:
    if not isinstance(answer, dict) or not all(isinstance(answer.get(key), str) for key in ("same", "other")):
        return 'Give a dictionary with two texts, under "same" and "other"'
    texts = (REQUEST, answer["same"], answer["other"])
    (line, _, said), (same, _, twin), (other, _, words) = (text.strip().partition("\n") for text in texts)
    if same.strip() != line:
        return "same: the case line has changed, so the rules may rightly ask for another decision"
    if twin.strip() not in [said.replace("Thessa", name) for name in LUMEN]:
        return f"same: only the name may differ, and it is to come from the other family ({', '.join(LUMEN[:3])} and so on)"
    if words.strip() != said:
        return "other: change the case line only; the words of the customer stay"
    was, now = _case(line), _case(other)
    if len(changed := [key for key in was | now if was.get(key) != now.get(key)]) != 1:
        return f"other: exactly one field may differ, and here it is {', '.join(changed) or 'none'}"
    key, rules = changed[0], load(samples.path("decision/policy.yaml"), Policy).decisions
    known = {read_case(row).get(key) for row in _rows("decision")}
    if not now.get(key, "").isdigit() and now.get(key, "") not in known:
        return f"other: {key}={now.get(key, '')} is unknown; take a value that the rules name"
    if "refuse" in binding(now, rules).get("decision", [()])[0]:
        return f"other: with {key}={now[key]} the rules still say refuse"
    return True


def _case(line: str) -> dict[str, str]:
    return read_case(Example(id="x", prompt=[Message(role="user", content=f"{line.strip()}\n-")], response=""))


EXERCISES = Notebook(
    "05",
    Exercise(
        "missing",
        "easy",
        5,
        "The other two domains miss one pair of values each. Name both pairs.\n\n"
        'Write {"support": {slice: value, slice: value}, "knowledge": {slice: value, slice: value}}.',
        _missing,
        'pairwise(sets["support"]) gives all cells; those with .missing have a .name.',
        'my_missing = {\n    "support": {"channel": "survey", "customer": "new"},\n'
        '    "knowledge": {"doc_type": "safety", "region": "islands"},\n}',
    ),
    Exercise(
        "gaps",
        "medium",
        6,
        f"Read the five comparisons above by this rule: groups under {FEWEST} rows are refused. An alarm needs a difference of "
        "ten points or more whose interval does not hold 0; where the groups ask for different things, the difference among "
        'like requests decides.\n\nWrite a dictionary: the name of each comparison, and "alarm", "no alarm" or "too few".',
        _gaps,
        "Take the parts of the rule in their order: rows, like requests, ten points, interval.",
        "my_gaps = {" + ", ".join(f'"{name}": "{due}"' for name, (_, due, _) in PRACTICE.items()) + "}",
    ),
    Exercise(
        "twins",
        "medium",
        7,
        "Write two twins of REQUEST above, in full, case line included.\n\n"
        '"same": the customer has a name of the other family, and the decision must stay. "other": one field of the case '
        'line is changed so that the written rules no longer say refuse.\n\nGive {"same": text, "other": text}; '
        'REQUEST.replace("old", "new") saves typing.',
        _twins,
        "DEC-05 refuses. Which of its conditions can one field break, so that no other rule refuses?",
        "from labkit.lesson.nb05 import REQUEST\n\nmy_twins = {\n"
        '    "same": REQUEST.replace("Thessa", "Orphise"),\n'
        '    "other": REQUEST.replace("region=north", "region=islands"),\n}',
    ),
)

QUIZ = (
    Quiz(
        "1. Every slice value and every pair of values occurs in your rows. What does that prove?",
        (
            "That the data is like the world.",
            "That each of them has a row.",
            "That a model will treat all groups alike.",
        ),
        "b",
        "Like 100% of code coverage, which says nothing about the code that was forgotten.",
    ),
    Quiz(
        "2. Two groups of 18 and 20 rows differ by 40 points. What do you report?",
        ("A critical defect.", "That the groups are equal.", "That rows are needed before anybody can say."),
        "c",
        "In groups this small a few rows make such a difference; to refuse is an answer, too.",
    ),
    Quiz(
        "3. The proposal was carried out, and the gap between the name groups is still there. Why?",
        ("A cap changes how many rows there are, not what they say.", "The seed was unlucky.", "The cap was too low."),
        "a",
        "Uneven decisions are mended by deciding anew, by the written rule.",
    ),
)
