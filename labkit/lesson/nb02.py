"""Notebook 02: its exercises, where its rows lie, findings as defect reports, and what became of planted defects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labkit import LabError, samples
from labkit.checks import Hit, checks_of, must_exist
from labkit.curation.evidence import consequence
from labkit.curation.near_duplicates import conflict, near_pairs
from labkit.curation.score import KindScore, Score, score
from labkit.curation.step import Curation, Found, find
from labkit.files import read_strictly, sha256
from labkit.home import Home
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.printable import printable
from labkit.records import Example, Finding, Message, Planted
from labkit.stats import Rate, wilson

DOMAINS = ("support", "knowledge", "decision")
Row = dict[str, Any]


class Material(NamedTuple):
    """Rows to curate, the defects planted in them (none in rows of your own), and the further arguments of ``find``."""

    raw: Path
    planted: list[Planted]
    rules: dict[str, Any]


def material(data: str | Path) -> Material:
    """A sample domain by name, or a file of your own with what lies beside it: policy.yaml, suites/, planted.jsonl.

    Raises:
        LabError: it is neither, or the list of plants cannot be read.
    """
    raw = samples.path(f"{data}/raw.jsonl") if data in DOMAINS else Path(data)
    if not raw.is_file():
        raise LabError(str(data), "is neither a sample nor a file", f"name one of {', '.join(DOMAINS)}, or a path")
    own = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', raw.stem)[:40]}-{sha256(str(raw.resolve()))[:6]}"
    policy, planted = raw.parent / "policy.yaml", raw.parent / "planted.jsonl"
    rules = {
        "policy": policy if policy.exists() else None,
        "suites": sorted(raw.parent.glob("suites/*.yaml")),
        "name": str(data) if data in DOMAINS else own,
    }
    known = read_strictly(planted, Planted) if planted.exists() else []
    must_exist((plant.kind for plant in known), str(planted))
    return Material(raw, known, rules)


def defect_report(finding: Finding, rows: Iterable[Example]) -> str:
    """A finding as the defect report it is, in plain lines."""
    by_id = {row.id: row for row in rows}
    row, other = by_id.get(finding.row_id), by_id.get(finding.other_row or "")
    fields = {
        "what": finding.message,
        "evidence": f"{finding.evidence!r} (in the {finding.where})" if finding.evidence else "",
        "row": _said(row),
        f"row {finding.other_row}": _said(other),
        "suggested": finding.suggestion,
        **{f"new {field}": repr(text) for field, text in finding.repair.items()},
        "decision": consequence(finding, row),
    }
    head = f"{finding.check} in {finding.row_id} ({finding.severity}, {finding.tier})"
    return "\n".join([head, *(f"  {name + ':':<14}{printable(text, 400)}" for name, text in fields.items() if text)])


def _said(row: Example | None) -> str:
    return f"{row.asked[:180]!r} -> {row.response[:180]!r}" if row else ""


# --- planted defects --------------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """Findings on rows whose defects are known."""

    found: Found
    planted: list[Planted]

    def score(self, tier: str | None = None) -> Score:
        """Recall and precision on the test half, for this stage's checks; with a tier, of its findings only."""
        findings = [f for f in self.found.findings if tier in (None, f.tier)]
        kinds = {"schema", *(check.name for check in checks_of("curation"))}
        return score(findings, self.planted, self.found.rows, "test", kinds)


def known_sets(home: Home) -> dict[str, Known]:
    """The three sample domains with their findings."""
    return {d: Known(find(home, m.raw, **m.rules), m.planted) for d in DOMAINS for m in [material(d)]}


def together(sets: Mapping[str, Known]) -> list[KindScore]:
    """The kinds of all sets as one, by name."""
    scores = [kind for known in sets.values() for kind in known.score().kinds]
    return [KindScore.total(name, [k for k in scores if k.kind == name]) for name in sorted({k.kind for k in scores})]


def detection_table(sets: Mapping[str, Known]) -> list[Row]:
    """One row a kind: found of planted in each set, then recall and precision over all, and look-alikes flagged."""
    by_set = {name: {kind.kind: kind for kind in known.score().kinds} for name, known in sets.items()}
    return [
        {
            "kind": total.kind,
            **{name: f"{k.found}/{k.planted}" if (k := own.get(total.kind)) else "" for name, own in by_set.items()},
            "recall": total.recall,
            "precision": total.precision if total.findings else "no findings",
            "look-alikes flagged": f"{total.lookalikes.passed}/{total.lookalikes.n}",
        }
        for total in together(sets)
    ]


def tier_is_right(sets: Mapping[str, Known], tier: str) -> Rate:
    """How many findings of a tier are right, over all sets."""
    scores = [known.score(tier) for known in sets.values()]
    return KindScore.total(tier, [part for s in scores for part in (s.overall, s.review)]).precision


def left_behind(done: Curation, planted: Sequence[Planted]) -> list[Row]:
    """Planted defects of this stage that are still in the clean rows, and sound rows that were dropped; [] without plants."""
    stay = {row.id for row in done.rows} - set(done.curated.changed)
    kinds = {check.name for check in checks_of("curation")}
    missed = Counter(p.kind for p in planted if p.row in stay and p.kind in kinds and not p.lookalike)
    sound = set(done.curated.dropped) - {p.row for p in planted if not p.lookalike}
    rows: list[Row] = [{"what": f"still there: {kind}", "rows": n} for kind, n in missed.most_common()]
    return [*rows, {"what": "dropped, though nothing was planted in it", "rows": len(sound)}] if planted else []


def planted_pairs(sets: Mapping[str, Known]) -> list[Row]:
    """Planted copies and their look-alikes, the most similar first, and what the guard says tells them apart."""
    rows: list[Row] = []
    for known in sets.values():
        asked = {row.id: row.question for row in known.found.rows}
        for p in known.planted:
            if p.kind == "near_duplicate" and {p.row, p.other_row} <= set(asked):
                one, two = asked[p.row], asked[p.other_row or ""]
                said = {"similarity": round(_similarity(one, two), 2), "differ in": conflict(one, two)}
                rows.append({"one": one, "two": two, "copy": not p.lookalike} | said)
    return sorted(rows, key=lambda row: -row["similarity"])


def _similarity(one: str, two: str) -> float:
    return next((pair.similarity for pair in near_pairs([one], [two], 0.0)), 0.0)


def thresholds(pairs: Sequence[Row], at: Sequence[float] = (0.5, 0.6, 0.7, 0.8)) -> list[Row]:
    """At each threshold: copies found and look-alikes merged, by similarity alone and with the guard."""
    rows = []
    for least in at:
        row: Row = {"threshold": least}
        for name, copy in (("copies found", True), ("look-alikes merged", False)):
            own = [p for p in pairs if p["copy"] is copy]
            alike = [p for p in own if p["similarity"] >= least]
            row[name] = wilson(len(alike), len(own))
            row[f"{name}, with guard"] = wilson(sum(not p["differ in"] for p in alike), len(own))
        rows.append(row)
    return rows


# --- exercises --------------------------------------------------------------------------------------------------------


def _rates(answer: Callable[[set[str], set[str]], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_rates(flagged, planted): ..."
    found = answer({"r1", "r2", "r3", "r4", "r5"}, {"r1", "r2", "r8"})
    assert isinstance(found, tuple | list) and len(found) == 2, "Give back two values: return recall, precision"
    if tuple(found) == (2 / 5, 2 / 3):
        return "The wrong way round: recall divides by what was planted, precision by what was flagged"
    if 2 / 6 in found:
        return "That divides by all rows that are planted or flagged; each of the two has a divisor of its own"
    if tuple(found) != (2 / 3, 2 / 5):
        return f"Of 3 planted rows 2 are among the 5 flagged: that is 2/3 and 2/5, and it gave {found!r}"
    assert tuple(answer(set(), {"r1"})) == (0, None), "With nothing flagged precision is not known: give None"
    return True


_VERDICTS = {
    "parcel": ("accept", "question, context and answer are equal, so nothing is lost with the second one"),
    "hammock": ("reject", "one digit turns the answer: this pair teaches the limit"),
    "lantern": ("accept", "the mark-up goes, and no word of the answer is lost"),
    "mower": ("fix", "the finding is right about <br>, but the proposal eats the height"),
    "washer": ("reject", "short is not unclear: the answer shows that everybody knows what is asked"),
}


def _verdicts(answer: Any) -> object:
    assert isinstance(answer, dict), "Give a dictionary: the name of each finding, and accept, reject or fix"
    if missing := [name for name in _VERDICTS if name not in answer]:
        return f"There is no decision about {', '.join(missing)} yet"
    wrong = [f"Look again at {name}: {why}" for name, (right, why) in _VERDICTS.items() if answer[name] != right]
    return wrong[0] if wrong else True


# answer -> the words of which one is the evidence (look-alikes have none), and the likely mistake
_BOUND: dict[str, tuple[set[str], str]] = {
    "Your parcel arrives tomorrow.": ({"tomorrow"}, "one a row"),
    "Tomorrow is the last day of the sale.": ({"Tomorrow"}, "a sentence may begin with the word"),
    "It left us yesterday and is on its way now.": ({"yesterday", "now"}, "one a row"),
    "Delivery takes 4 working days.": (set(), "the question says today, the answer does not: look at row.response"),
    "The snow shovel known as Nowra is in stock.": (set(), r"look for whole words: \b stands at the end of a word"),
}


def _day_bound(answer: Callable[[Example, Any], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_day_bound(row, context): ..."
    for text, (words, why) in _BOUND.items():
        row = Example(id="row-7", prompt=[Message(role="user", content="Will it come today?")], response=text)
        hits = answer(row, None)
        assert hits is not None and not isinstance(hits, Hit), "The registry loops over the hits: yield Hit(...)"
        hits = list(hits)
        assert all(isinstance(hit, Hit) for hit in hits), "Each finding is a Hit: yield Hit(row.id, message, ...)"
        if len(hits) != bool(words):
            said = "No hit" if not hits else f"{len(hits)} hit{'s' * (len(hits) > 1)}"
            return f'{said} on "{text}", and {"one is" if words else "none is"} due: {why}'
        for hit in hits:
            assert hit.row == "row-7", "The first thing a hit names is the row: row.id"
            assert hit.evidence in words, f'Evidence is the word as it stands: for "{text}" it was {hit.evidence!r}'
    return True


EXERCISES = Notebook(
    "02",
    Exercise(
        "rates",
        "medium",
        6,
        "Write my_rates(flagged, planted): from the ids of the rows that a check flagged and of the rows with a planted "
        "defect, both as sets, give back recall and precision, in this order.\n\n"
        "Where there is nothing to divide by, the rate is not known: give None.",
        _rates,
        "flagged & planted is what was rightly flagged. Recall asks about the planted ones, precision about the flagged.",
        "def my_rates(flagged, planted):\n"
        "    right = len(flagged & planted)\n"
        "    return (right / len(planted) if planted else None, right / len(flagged) if flagged else None)",
    ),
    Exercise(
        "verdicts",
        "easy",
        5,
        "Decide about the five findings above: accept (what it would do is right), reject (the finding is wrong), or fix "
        "(the finding is right, but the row deserves another text).\n\n"
        'Write a dictionary: the name of each finding, and "accept", "reject" or "fix".',
        _verdicts,
        "Ask two questions: is anything wrong with the row? And what would be lost if the proposal were carried out?",
        'my_verdicts = {\n    "parcel": "accept", "hammock": "reject", "lantern": "accept", "mower": "fix", '
        '"washer": "reject",\n}',
    ),
    Exercise(
        "day_bound",
        "hard",
        10,
        "Write my_day_bound(row, context), a check for answers that are true only on the day they were written: those that "
        "say today, tomorrow, yesterday or now.\n\n"
        "One Hit a row, its evidence one of these words as it stands in the answer.",
        _day_bound,
        "re.search takes a pattern such as r'\\b(today|now)\\b' and re.IGNORECASE; found[0] is the text as it stands.",
        "import re\nfrom labkit.checks import Hit\n\n"
        "def my_day_bound(row, context):\n"
        '    found = re.search(r"\\b(today|tomorrow|yesterday|now)\\b", row.response, re.IGNORECASE)\n'
        "    if found:\n"
        '        yield Hit(row.id, f"says {found[0]!r}: true on one day only", evidence=found[0], tier="review")',
    ),
)

QUIZ = (
    Quiz(
        "1. A check finds 9 of 10 planted defects, and 9 of 10 of its findings are wrong. What is it good for?",
        ("Nothing: switch it off.", "A list that a person reads.", "Dropping rows by itself: its recall is 90%."),
        "b",
        "Recall says what it misses, precision what it costs. This one costs nine sound rows for each bad one.",
    ),
    Quiz(
        "2. Row A is like row B, and B is like C. A tool joins all three and keeps A. What is wrong?",
        (
            "Nothing: what is like a copy is a copy.",
            "It should have kept C, the newest.",
            "Nobody compared C with A. C may ask something else, and it is gone.",
        ),
        "c",
        "Each pair must be verified, and each dropped row names the row that stands for it.",
    ),
    Quiz(
        "3. The same rows, checks and decisions give a clean.jsonl with another hash today. What does it mean?",
        (
            "Something that is not written down decides too, and the file is no evidence until that is found.",
            "Nothing, hashes change with the date.",
            "The rows got better.",
        ),
        "a",
        "It is a flaky test: first make it repeat, then believe it.",
    ),
)
