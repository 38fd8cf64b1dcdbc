"""Which oracle kills which mutant? Right answers are spoilt in every known way, and each oracle of the suite judges them.

The sample answers are training responses: each is known to be right, and it is paired with the expectations of a case
of its own requirement. An expectation must accept the unspoilt answer first, or it says nothing about the spoilt one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit import LabError
from labkit.evaluation.mutants import MUTATORS, mutants
from labkit.evaluation.oracle_slots import clean, find
from labkit.evaluation.oracles import ORACLES
from labkit.records import Case, Example
from labkit.stats import Rate, wilson

if TYPE_CHECKING:
    from labkit.plots import Plot

CASE, SIMILARITY = "whole case", "similarity"
RIGHT = "another right answer"
SIMILAR = 0.6


class Sample(NamedTuple):
    """A right answer, what it must satisfy, and other right answers to the same expectations."""

    requirement: str
    prompt: str
    answer: str
    expect: list[dict[str, Any]]
    others: list[str]


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

    @property
    def oracles(self) -> list[str]:
        """The rows: single oracles, then the whole case, then the similarity for comparison."""
        seen = {oracle for oracle, _ in self.cells}
        return [*sorted(seen - {CASE, SIMILARITY}), *(name for name in (CASE, SIMILARITY) if name in seen)]

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

        from labkit.plots.style import INK, Plot, styled

        rows, (oracles, kinds) = self.table(), (self.oracles, self.kinds)
        shares = {(row["kind"], row["oracle"]): row["rate"] for row in rows}
        grid = [[shares.get((kind, oracle)) for oracle in oracles] for kind in kinds]
        blues = [[0, "#f4f7fa"], [1, "#0072B2"]]
        figure = go.Figure(go.Heatmap(z=grid, zmin=0, zmax=1, colorscale=blues, showscale=False, xgap=3, ygap=3))
        figure.update_traces(hoverinfo="skip", hoverongaps=False)
        for row in rows:
            text = f"{row['rate']:.0%}<br><span style='font-size:10px'>of {row['n']}</span>"
            at = {"x": oracles.index(row["oracle"]), "y": kinds.index(row["kind"])}
            ink = {"color": "white" if row["rate"] > 0.6 else INK, "size": 12}
            figure.add_annotation(at | {"text": text, "showarrow": False, "font": ink})
        styled(figure, "Share of answers that each oracle rejects", 130 + 44 * len(kinds), margin={"l": 170, "t": 96})
        names = [oracle.replace("_", " ").replace(" ", "<br>") for oracle in oracles]
        figure.update_xaxes(tickvals=list(range(len(oracles))), ticktext=names, side="top", showgrid=False)
        labels = [kind.replace("_", " ") for kind in kinds]
        figure.update_yaxes(tickvals=list(range(len(kinds))), ticktext=labels, autorange="reversed", showgrid=False)
        return Plot(figure, rows, self._lines())

    def _lines(self) -> list[str]:
        spoilt = [kind for kind in self.kinds if kind != RIGHT]
        rates = {kind: self.rate(CASE, kind) for kind in spoilt}
        best, worst = (pick(spoilt, key=lambda kind: rates[kind].rate) for pick in (max, min))
        similarity = wilson(sum(sum(self.cells[SIMILARITY, k]) for k in spoilt), sum(r.n for r in rates.values()))
        return [
            f"Other right answers rejected (want 0%): by whole cases {self.rate(CASE, RIGHT)}, "
            f"by similarity {self.rate(SIMILARITY, RIGHT)}.",
            f"Mutants rejected (want 100%): by whole cases {self.killed()}, by similarity {similarity}.",
            f"Whole cases see {best} best ({rates[best]}) and {worst} worst ({rates[worst]}).",
        ]

    def killed(self) -> Rate:
        """Mutation score of the suite: the share of all mutants that some oracle of their case rejected."""
        marks = [
            mark for (oracle, kind), cell in self.cells.items() if oracle == CASE and kind != RIGHT for mark in cell
        ]
        return wilson(sum(marks), len(marks))


def kill_matrix(samples: Sequence[Sample], similar: float = SIMILAR) -> KillMatrix:
    """Spoil every sample answer in every way that applies and let its oracles judge.

    Beside the oracles stands what many dashboards show instead: similarity to the reference answer (difflib's ratio).

    Args:
        samples: as :func:`right_answers` makes them.
        similar: the similarity from which on such a score would accept an answer.

    Raises:
        LabError: there are no samples.
    """
    if not samples:
        raise LabError(
            "kill matrix", "there is no right answer to spoil", "give training rows of the suite's requirements"
        )
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    survivors = []
    for sample in samples:
        variants = [(RIGHT, text) for text in sample.others] + list(mutants(sample.answer, sample.prompt))
        for kind, text in variants:
            rejected = {name: any(marks) for name, marks in _marks(sample, text).items()}
            for name, mark in rejected.items():
                cells[name, kind].append(mark)
            cells[CASE, kind].append(any(rejected.values()))
            ratio = SequenceMatcher(None, sample.answer.lower(), text.lower(), autojunk=False).ratio()
            cells[SIMILARITY, kind].append(ratio < similar)
            if kind != RIGHT and not any(rejected.values()):
                survivors.append(Survivor(sample.requirement, kind, text))
    return KillMatrix(dict(cells), survivors)


def _marks(sample: Sample, text: str) -> dict[str, list[bool]]:
    marks: dict[str, list[bool]] = defaultdict(list)
    for entry in sample.expect:
        for name, expected in entry.items():
            marks[name].append(not ORACLES[name](expected, text, sample.prompt).passed)
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
            samples.append(Sample(requirement, _told(row), row.response, expect, others))
            taken += 1
    return samples


def _told(example: Example) -> str:
    return "\n".join(message.content for message in example.prompt)


def _fitting(cases: Sequence[Case], example: Example) -> list[dict[str, Any]] | None:
    copied = [
        slot.text
        for slot in find(clean(example.response))
        if slot.kind in ("id", "date") and any(map(slot.equals, find(clean(_told(example)))))
    ]
    offered = [case.expect for case in cases] + ([[{"facts": copied}]] if copied else [])
    return next((expect for expect in offered if _accepts(expect, example)), None)


def _accepts(expect: Sequence[dict[str, Any]], example: Example) -> bool:
    return all(
        ORACLES[name](expected, example.response, _told(example)).passed
        for entry in expect
        for name, expected in entry.items()
    )
