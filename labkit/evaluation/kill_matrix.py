"""Which oracle kills which mutant? Right answers are spoilt in every known way, and each oracle of the suite judges them.

The sample answers are training responses: each is known to be right, and it is paired with the expectations of a case
of its own requirement. An expectation must accept the unspoilt answer first, or it says nothing about the spoilt one.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit import LabError
from labkit.evaluation import oracle_records as oracle_records  # importing it registers the lab's own oracles
from labkit.evaluation.mutants import MUTATORS, mutants
from labkit.evaluation.oracle_slots import clean, find
from labkit.evaluation.registry import RECORD_ORACLES, Said, apply
from labkit.evaluation.similarity import LETTERS, Score
from labkit.evaluation.similarity import SIMILARITY as SIMILARITY
from labkit.records import Case, Example
from labkit.stats import Rate, wilson

if TYPE_CHECKING:
    from labkit.plots import Plot

CASE = "whole case"
RIGHT = "another right answer"


class Sample(NamedTuple):
    """A right answer, what it must satisfy, other right answers to the same expectations, and the seed's answer if any."""

    requirement: str
    prompt: str
    answer: str
    expect: list[dict[str, Any]]
    others: list[str]
    seed: str | None = None


class Survivor(NamedTuple):
    """A spoilt answer that every oracle of its case let through: a gap in the suite."""

    requirement: str
    mutant: str
    answer: str


@dataclass(frozen=True)
class KillMatrix:
    """Verdicts of each oracle on mutants of each kind, and on other right answers."""

    cells: dict[tuple[str, str], list[bool]]  # (oracle, kind): True where the oracle rejected
    survivors: list[Survivor] = field(default_factory=list)
    scores: tuple[str, ...] = (SIMILARITY,)  # those of the "oracles" that only measure similarity

    @property
    def oracles(self) -> list[str]:
        """The rows: single oracles, then the whole case, then the similarities for comparison."""
        seen = {oracle for oracle, _ in self.cells}
        last = (CASE, *self.scores)
        return [*sorted(seen - set(last)), *(name for name in last if name in seen)]

    @property
    def kinds(self) -> list[str]:
        """The columns: other right answers (none should be rejected), then every kind of mutant."""
        seen = {kind for _, kind in self.cells}
        return [kind for kind in (RIGHT, *MUTATORS) if kind in seen]

    def rate(self, oracle: str, kind: str) -> Rate:
        """How many of this kind the oracle rejected: kills of mutants, false alarms on right answers."""
        rejected = self.cells.get((oracle, kind), [])
        return wilson(sum(rejected), len(rejected))

    def table(self) -> list[dict[str, Any]]:
        """One row for each oracle and kind that met."""
        return [
            {"oracle": oracle, "kind": kind, "rejected": rate.passed, "n": rate.n, "rate": rate.rate}
            for oracle in self.oracles
            for kind in self.kinds
            if (rate := self.rate(oracle, kind)).n
        ]

    def text(self) -> str:
        """The matrix as aligned text: share rejected, and n."""
        width = max(map(len, self.kinds))
        head = " " * width + "".join(f"{oracle:>14}" for oracle in self.oracles)
        rows = []
        for kind in self.kinds:
            rates = (self.rate(oracle, kind) for oracle in self.oracles)
            shown = (f"{rate.rate:>7.0%} of {rate.n:<3}" if rate.n else f"{'-':>14}" for rate in rates)
            rows.append(f"{kind:<{width}}" + "".join(f"{cell:>14}" for cell in shown))
        return "\n".join([head, *rows])

    def plot(self) -> Plot:
        """A grid of kinds and oracles: share rejected in each cell, darker is more, with n below it."""
        import plotly.graph_objects as go

        from labkit.plots.style import Plot, styled

        rows, (oracles, kinds) = self.table(), (self.oracles, self.kinds)
        cell = {(row["kind"], row["oracle"]): (row["rate"], f"{row['rate']:.0%}<br>of {row['n']}") for row in rows}
        grid, texts = ([[cell.get((k, o), (None, ""))[part] for o in oracles] for k in kinds] for part in (0, 1))
        blues = [[0, "#f4f7fa"], [1, "#0072B2"]]
        figure = go.Figure(go.Heatmap(z=grid, zmin=0, zmax=1, colorscale=blues, showscale=False, xgap=3, ygap=3))
        # As the map's own text, not as annotations: a quarter of the bytes in a notebook, and ink that suits the cell.
        figure.update_traces(text=texts, texttemplate="%{text}", hoverinfo="skip", hoverongaps=False)
        styled(figure, "Share of answers that each oracle rejects", 170 + 44 * len(kinds), margin={"l": 170, "t": 136})
        names = [oracle.replace("_", " ").replace(" ", "<br>") for oracle in oracles]
        figure.update_xaxes(tickvals=list(range(len(oracles))), ticktext=names, side="top", tickangle=-90, showgrid=False)
        labels = [kind.replace("_", " ") for kind in kinds]
        figure.update_yaxes(tickvals=list(range(len(kinds))), ticktext=labels, autorange="reversed", showgrid=False)
        return Plot(figure, rows, self._lines())

    def _lines(self) -> list[str]:
        spoilt = [kind for kind in self.kinds if kind != RIGHT]
        judges = [name for name in (CASE, *self.scores) if name in self.oracles]
        alarms, kills = (
            ", ".join(f"by {name} {self.of(name, kinds)}" for name in judges) for kinds in ([RIGHT], spoilt)
        )
        lines = [f"Other right answers rejected (want 0%): {alarms}.", f"Mutants rejected (want 100%): {kills}."]
        if CASE in self.oracles:
            rates = {kind: self.rate(CASE, kind) for kind in spoilt}
            best, worst = (pick(spoilt, key=lambda kind: rates[kind].rate) for pick in (max, min))
            lines.append(f"Whole cases see {best} best ({rates[best]}) and {worst} worst ({rates[worst]}).")
        return lines

    def of(self, oracle: str, kinds: Iterable[str]) -> Rate:
        """How many of several kinds together the oracle rejected."""
        marks = [mark for kind in kinds for mark in self.cells.get((oracle, kind), [])]
        return wilson(sum(marks), len(marks))

    def killed(self) -> Rate:
        """Mutation score of the suite: the share of all mutants that some oracle of their case rejected."""
        return self.of(CASE, [kind for kind in self.kinds if kind != RIGHT])


def kill_matrix(samples: Sequence[Sample], scores: Mapping[str, Score] = LETTERS) -> KillMatrix:
    """Spoil every sample answer in every way that applies and let its oracles judge.

    Beside the oracles stands what many dashboards show instead: similarity to the reference answer.

    Args:
        samples: as :func:`right_answers` makes them.
        scores: similarity scorers by name, as in :mod:`labkit.evaluation.similarity`.

    Raises:
        LabError: there are no samples.
    """
    if not samples:
        raise LabError(
            "kill matrix", "there is no right answer to spoil", "give training rows of the suite's requirements"
        )
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    survivors = []

    @functools.cache  # one answer may stand in several samples
    def similarity(name: str, reference: str, text: str) -> float:
        return scores[name].of(reference, text)

    for sample in samples:
        variants = [(RIGHT, text) for text in sample.others] + list(mutants(sample.answer, sample.prompt))
        for kind, text in variants:
            rejected = {name: any(marks) for name, marks in _marks(sample, text).items()}
            for name, mark in rejected.items():
                cells[name, kind].append(mark)
            cells[CASE, kind].append(any(rejected.values()))
            for name, score in scores.items():
                cells[name, kind].append(similarity(name, sample.answer, text) < score.bar)
            if kind != RIGHT and not any(rejected.values()):
                survivors.append(Survivor(sample.requirement, kind, text))
    return KillMatrix(dict(cells), survivors, tuple(scores))


def accepts(sample: Sample, text: str) -> bool:
    """Whether every oracle of a sample accepts an answer."""
    return not any(mark for marks in _marks(sample, text).values() for mark in marks)


def _marks(sample: Sample, text: str) -> dict[str, list[bool]]:
    marks: dict[str, list[bool]] = defaultdict(list)
    seed = None if sample.seed is None else Said(sample.seed, sample.prompt)
    for entry in sample.expect:
        for name, expected in entry.items():
            marks[name].append(not apply(name, expected, Said(text, sample.prompt), seed).passed)
    return marks


def right_answers(cases: Iterable[Case], examples: Sequence[Example], per_requirement: int = 8) -> list[Sample]:
    """Pair training responses with the expectations of the suite.

    A response gets those of the first case of its requirement that accept it. Where none does, because each case
    expects the data of its own prompt, the ids and dates that the response took from its prompt are expected.

    Other right answers are further training responses to the same requirement, and only where all of its cases expect
    the same: elsewhere the right answer to one question is a wrong one to the next. No oracle picks them, so a false
    alarm on them is a real one.

    Args:
        cases: of one or more suites.
        examples: training rows.
        per_requirement: how many responses of each requirement are spoilt.
    """
    grouped: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        grouped[case.requirement].append(case)
    samples = []
    for requirement, own in grouped.items():
        rows = [example for example in examples if requirement in example.requirements]
        shared = all(case.expect == own[0].expect for case in own)
        taken = 0
        for i, row in enumerate(rows):
            expect = _fitting(own, row)
            if expect is None or taken == per_requirement:
                continue
            others = [rows[(i + 1) % len(rows)].response] if shared and len(rows) > 1 else []
            samples.append(Sample(requirement, told(row), row.response, expect, others))
            taken += 1
    return samples


def told(example: Example) -> str:
    """All that the model is told in a row, as oracles see it."""
    return "\n".join(message.content for message in example.prompt)


def _fitting(cases: Sequence[Case], example: Example) -> list[dict[str, Any]] | None:
    prompt = told(example)
    copied = [
        slot.text
        for slot in find(clean(example.response))
        if slot.kind in ("id", "date") and any(map(slot.equals, find(clean(prompt))))
    ]
    alone = [case.expect for case in cases if not RECORD_ORACLES.keys() & _named(case)]
    offered = alone + ([[{"facts": copied}]] if copied else [])
    answer = example.response
    return next((expect for expect in offered if accepts(Sample("", prompt, answer, expect, []), answer)), None)


def _named(case: Case) -> set[str]:
    return {name for entry in case.expect for name in entry}
