"""Model mutants: plausible accidents of a fine-tuning, and whether the suite notices each of them.

A mutant is **killed** when a requirement that it should break turns *red*: held case by case against the unmutated model,
it lost. Seed cases are counted, not their variants, which stand or fall together. A fault that should break several
requirements is also tested on all their cases together, as a release gate does, because it may take a little from each.

- Red is a requirement when mid-p McNemar on its seed cases, by Holm over the requirements that are tested together, gives
  at most .05 for a loss; or when every case that passed before is lost, and there were three at least (so few cases
  cannot reach .05).
- The expected requirements make one such family, the others a second, the cases together a third: a fault that is aimed
  at one requirement pays nothing for our looking at the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel

from labkit import LabError
from labkit.evaluation.mutant_registry import Kind, Mutant
from labkit.records import Case, RunRecord, Verdict
from labkit.stats import Rate, holm, mcnemar_midp, wilson

LEVEL, FEWEST = 0.05, 3
TOGETHER = "together"  # the cell of all expected requirements; of a control, of all it was asked


class Cell(BaseModel):
    """One requirement under one mutant: cases that passed before and after, seed cases lost and gained, and the verdict."""

    requirement: str
    n: int
    before: int
    after: int
    lost: int
    gained: int
    p: float  # mid-p McNemar for a loss, by Holm
    red: bool
    expected: bool


def cells(before: Sequence[Verdict], after: Sequence[Verdict], expected: Sequence[str]) -> list[Cell]:
    """Hold a mutant against its reference, requirement by requirement; see the module's rule.

    Args:
        before: verdicts of the reference.
        after: verdicts of the mutant on the same cases.
        expected: the requirements that should turn red; none for a control.

    Returns:
        A cell for each requirement, then one for all cases together where several are expected, or none.

    Raises:
        LabError: the two do not cover the same cases.
    """
    old = {verdict.case_id: verdict for verdict in before}
    if [v.case_id for v in after if v.case_id not in old] or len(old) != len(after):
        raise LabError("mutant", "did not answer the cases of its reference", "build it again")
    groups: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for verdict in after:
        groups.setdefault(verdict.requirement, []).append((old[verdict.case_id], verdict))
    found = [_cell(name, pairs, name in expected) for name, pairs in sorted(groups.items())]
    families = [[cell for cell in found if cell.expected is side] for side in (True, False)]
    if len(expected) != 1:
        pairs = [pair for name, own in groups.items() if name in expected or not expected for pair in own]
        families.append([_cell(TOGETHER, pairs, bool(expected))])
    decided = [cell for family in families for cell in _decided(family)]
    return sorted(decided, key=lambda cell: (cell.requirement == TOGETHER, cell.requirement))


def _decided(family: Sequence[Cell]) -> list[Cell]:
    adjusted = holm({cell.requirement: cell.p for cell in family})
    return [
        cell.model_copy(
            update={
                "p": adjusted[cell.requirement],
                "red": adjusted[cell.requirement] <= LEVEL or (cell.before >= FEWEST and not cell.after),
            }
        )
        for cell in family
    ]


def _cell(name: str, pairs: Sequence[tuple[Verdict, Verdict]], expected: bool) -> Cell:
    net: dict[str, int] = {}
    for old, new in pairs:
        net[new.cluster] = net.get(new.cluster, 0) + int(new.passed) - int(old.passed)
    lost, gained = sum(value < 0 for value in net.values()), sum(value > 0 for value in net.values())
    return Cell(
        requirement=name,
        n=len(pairs),
        before=sum(old.passed for old, _ in pairs),
        after=sum(new.passed for _, new in pairs),
        lost=lost,
        gained=gained,
        p=mcnemar_midp(lost, gained) if lost > gained else 1.0,
        red=False,
        expected=expected,
    )


class Result(BaseModel):
    """What became of one mutant. ``advice`` of a survivor names the case to write."""

    name: str
    kind: Kind
    fault: str
    reference: str
    cells: list[Cell]
    seconds: float = 0.0  # to build it and to let it answer
    advice: str = ""

    @property
    def killed(self) -> bool:
        """True when an expected requirement turned red, or the expected ones together."""
        return any(cell.red and cell.expected for cell in self.cells)

    @property
    def unmet(self) -> str:
        """Where the reference itself passes too few cases for a loss to show: that. Else nothing."""
        aimed = [cell for cell in self.cells if cell.expected and cell.requirement != TOGETHER]
        before, n = sum(cell.before for cell in aimed), sum(cell.n for cell in aimed)
        if before >= FEWEST:
            return ""
        return f"{self.reference} itself passes {before} of {n} cases, so nothing could turn red: train it until it passes them."

    @property
    def red(self) -> list[str]:
        """Every requirement that turned red."""
        return [cell.requirement for cell in self.cells if cell.red]

    def __str__(self) -> str:
        shown = [cell for cell in self.cells if cell.expected]
        moved = ", ".join(f"{c.requirement} {c.before} to {c.after} of {c.n}{' red' if c.red else ''}" for c in shown)
        return f"{'killed  ' if self.killed else 'SURVIVED'} {self.name} ({self.kind}): {moved or 'nothing expected'}"


class Report(BaseModel):
    """All mutants and controls of one run."""

    mutants: list[Result]
    controls: list[Result] = []

    def score(self) -> Rate:
        """The mutation score: killed mutants out of all, with Wilson's interval."""
        return wilson(sum(result.killed for result in self.mutants), len(self.mutants))

    def survivors(self) -> list[Result]:
        """The mutants that the suite would release."""
        return [result for result in self.mutants if not result.killed]

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary a cell, as :func:`labkit.plots.mutants.model_kill_matrix` takes them."""
        everything = [*self.mutants, *self.controls]
        return [
            {"mutant": result.name, "kind": result.kind, "control": result not in self.mutants, **cell.model_dump()}
            for result in everything
            for cell in result.cells
        ]

    def record(self, suites: Mapping[str, str], planned: Iterable[str]) -> dict[str, Any]:
        """What a release gate reads: the score, the survivors with the case to write for each, and every cell.

        Args:
            suites: sha256 by name, so that the record is stale once a suite changes.
            planned: the names of all mutants, so that those left out are told.
        """
        score = self.score()
        return {
            "score": score.rate,
            "killed": score.passed,
            "n": score.n,
            "low": score.low,
            "high": score.high,
            "survivors": [{"name": result.name, "case_to_write": result.advice} for result in self.survivors()],
            "left_out": sorted(set(planned) - {result.name for result in self.mutants}),
            "suites": dict(suites),
            **self.model_dump(mode="json"),
        }

    def text(self) -> str:
        """One line a mutant, the false alarms of the controls, the score, and the case to write for each survivor."""
        alarms = [f"{result.name} on {name}" for result in self.controls for name in result.red]
        of = sum(len(result.cells) for result in self.controls)
        said = f"Controls: {len(alarms)} of {of} comparisons without a fault turned red{_listed(alarms)}."
        advice = [f"{result.name}: {result.advice}" for result in self.survivors() if result.advice]
        score = f"Model mutants killed: {self.score()}."
        checked = [said] if self.controls else []
        return "\n".join([*map(str, self.mutants), *checked, score, *(["Cases to write:", *advice] if advice else [])])


def _listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def case_to_write(
    mutant: Mutant,
    cases: Sequence[Case],
    before: Mapping[str, RunRecord],
    after: Mapping[str, RunRecord],
    verdicts: Mapping[str, Verdict],
    faulty: Mapping[str, str],
) -> str:
    """What a survivor changed and no oracle saw, in sentences a tester can act on.

    Args:
        mutant: the survivor.
        cases: those of its expected requirements, and its probes: prompts that carried the fault in training.
        before: what the reference answered, by case id.
        after: what the mutant answered.
        verdicts: of the mutant, by case id.
        faulty: what the training told the mutant to say, by the id of the probe.
    """
    own, probes = ([case for case in cases if (case.id in faulty) is side] for side in (False, True))
    moved = [case for case in own if before[case.id].output != after[case.id].output]
    unseen = [case for case in moved if verdicts[case.id].passed]
    names = ", ".join(mutant.expected)
    said = f"of {len(own)} cases of {names}, {len(moved)} were answered otherwise and {len(unseen)} of these passed"
    shown = [c for c in probes if _alike(after[c.id], faulty[c.id]) > _alike(before[c.id], faulty[c.id])]
    where = f"the fault shows on {len(shown)} of {len(probes)} prompts that it was trained on with it"
    if shown and 2 * len(shown) >= len(probes):
        return f"{said}; {where}. Write a case like {_quoted(shown[0], before, after)}"
    if probes:
        return f"{said}; {where}: it hardly took, so train the mutant for longer before you blame the suite"
    if unseen:
        return f"{said}. Write an expectation that tells these apart: {_quoted(unseen[0], before, after)}"
    return f"{said}: the fault hardly shows in any answer. Write more cases for {names}, or call the mutant equivalent."


def _alike(record: RunRecord, text: str) -> float:
    return SequenceMatcher(None, record.output, text, autojunk=False).ratio()


def _quoted(case: Case, before: Mapping[str, RunRecord], after: Mapping[str, RunRecord]) -> str:
    asked = case.given[-1].content.rsplit("\n", 1)[-1]
    return f'"{asked}" (before: "{before[case.id].output}", mutant: "{after[case.id].output}")'
