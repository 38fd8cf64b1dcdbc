"""Run records as evidence: read strictly, tied to their suites by hash, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from labkit import LabError
from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.files import read_strictly
from labkit.printable import printable
from labkit.records import Case, Requirement, RunRecord, Verdict

_MADE_BY = ("model", "adapter", "template")


class Material(NamedTuple):
    """What runs are judged with: the requirements by id, and the suites that refer to them."""

    requirements: dict[str, Requirement]
    suites: list[Suite]

    @property
    def cases(self) -> list[Case]:
        """The cases of all suites."""
        return [case for suite in self.suites for case in suite.cases]


class Judged(NamedTuple):
    """One model's answers and the verdicts on them."""

    records: list[RunRecord]
    verdicts: list[Verdict]

    def renamed(self, name: str) -> Judged:
        """The same under another name, where two runs of one name stand side by side."""
        change = {"model": name}
        return Judged(
            [r.model_copy(update=change) for r in self.records], [v.model_copy(update=change) for v in self.verdicts]
        )


def material(suites: Sequence[Path], requirements: Path) -> Material:
    """Read requirements and suites.

    Raises:
        LabError: one of the files cannot be read or is wrong, or two suites share a case id.
    """
    known = load_requirements(requirements)
    loaded = [load(path, known) for path in suites]
    home: dict[str, Suite] = {}
    for suite in loaded:
        for case in suite.cases:
            if case.id in home:
                what = f"stands in {home[case.id].path.name} and in {suite.path.name}"
                raise LabError(f"case {case.id}", what, "name each suite once, and give each case an id of its own")
            home[case.id] = suite
    return Material(known, loaded)


def judged(runs: Sequence[Path], of: Material, who: str) -> Judged:
    """Judge the runs of one model over all suites.

    Args:
        runs: files of run records.
        of: what they are judged with; every suite must be answered.
        who: what an error calls the model, such as ``candidate``.

    Raises:
        LabError: a record cannot be read, is stale, missing or doubled, or the runs are of several models.
    """
    records = [record for run in runs for record in read_strictly(run, RunRecord)]
    hashes = {suite.sha256 for suite in of.suites}
    stale = next((r for r in records if r.made_by["suite"] not in hashes), None)
    if stale is not None:
        what = "is of none of these suites, or its suite has changed"
        raise LabError(f"{who}, record of case {stale.case_id}", what, "run again")
    models = sorted({r.model for r in records})
    if len(models) > 1:
        raise LabError(
            who, f"holds records of {len(models)} models ({', '.join(models)})", "give the runs of one model"
        )
    found = [
        verdict
        for suite in of.suites
        for verdict in judge([r for r in records if r.made_by["suite"] == suite.sha256], suite, of.requirements)
    ]
    side = Judged(records, found)
    name = printable(models[0], 80)  # it travels into files and onto terminals
    return side if name == models[0] else side.renamed(name)


def same_model(first: Sequence[RunRecord], again: Sequence[RunRecord]) -> None:
    """Refuse a second run that other weights, another adapter or another template made.

    Raises:
        LabError: naming what differs.
    """
    for part in _MADE_BY:
        if {r.made_by.get(part) for r in first} != {r.made_by.get(part) for r in again}:
            raise LabError("second run", f"was made by another {part} than the first", "run the candidate itself twice")
