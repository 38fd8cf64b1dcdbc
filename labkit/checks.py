"""The registry of data checks: small functions from rows to hits, by name. Each stage brings its own, users add theirs.

@row_check("shouting", severity="minor", about="An answer in capitals.")
def shouting(row, context):
    if row.response.isupper():
        yield Hit(row.id, "the answer shouts", evidence=row.response[:40])
"""

from __future__ import annotations

import datetime
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from labkit import LabError
from labkit.files import sha256
from labkit.policy import Clearance, Policy
from labkit.records import Example, Finding, Place, Severity, Tier

DATASET = "dataset"  # the row id of a hit on the rows as a whole
Stage = Literal["curation", "governance", "coverage", "own"]


@dataclass(frozen=True)
class Context:
    """What a check may know beside the rows.

    Args:
        policy: the written rules of the domain.
        clearance: what may be used for training, by whom, until when.
        held_out: questions of the behaviour suite by case id: no row may repeat one.
        today: the day on which permissions must hold.
    """

    policy: Policy = field(default_factory=Policy)
    clearance: Clearance = field(default_factory=Clearance)
    held_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    today: datetime.date = field(default_factory=datetime.date.today)


@dataclass(frozen=True)
class Hit:
    """What a check found; the registry makes a :class:`Finding` of it.

    Args:
        row: the row's id, or :data:`DATASET`.
        message: the reason in one plain sentence, with the figures that decided.
        evidence: the offending words, verbatim as they stand in the field ``where``.
        where: the field they stand in; ``prompt`` is the whole last user message.
        suggestion: what to do, in a few words.
        severity: where it differs from the check's.
        tier: ``certain`` may be accepted in bulk, ``review`` needs a person.
        score: 0-1, higher is more certain.
        other: id of the counterpart row.
        repair: proposed new text by field.
    """

    row: str
    message: str
    evidence: str = ""
    where: Place = "response"
    suggestion: str = ""
    severity: Severity | None = None
    tier: Tier = "likely"
    score: float | None = None
    other: str | None = None
    repair: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One registered check. A ``row`` check looks at one row at a time and so runs anywhere; a ``set`` check needs all."""

    name: str
    stage: Stage
    severity: Severity
    about: str
    needs: Literal["row", "set"]
    function: Callable[..., Iterable[Hit]]

    def run(self, rows: Sequence[Example], context: Context) -> list[Finding]:
        """The findings of this check, in the order of the rows."""
        hits = (
            self.function(rows, context)
            if self.needs == "set"
            else (hit for row in rows for hit in self.function(row, context))
        )
        by_id = {row.id: row for row in rows}
        return [_finding(self, hit, by_id.get(hit.row)) for hit in hits]


CHECKS: dict[str, Check] = {}


def row_check(name: str, *, severity: Severity, about: str, stage: Stage = "own") -> Callable[[Any], Any]:
    """Register ``function(row, context) -> hits``. Defining a name again replaces it, as when a notebook cell runs twice."""
    return _register(name, stage, severity, about, "row")


def set_check(name: str, *, severity: Severity, about: str, stage: Stage = "own") -> Callable[[Any], Any]:
    """Register ``function(rows, context) -> hits`` for checks that compare rows."""
    return _register(name, stage, severity, about, "set")


def _register(name: str, stage: Stage, severity: Severity, about: str, needs: Any) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        CHECKS[name] = Check(name, stage, severity, about, needs, function)
        return function

    return keep


def checks_of(*stages: Stage, only: Iterable[str] | None = None) -> list[Check]:
    """The registered checks of these stages (all when none is named), by name.

    Raises:
        LabError: ``only`` names a check that does not exist.
    """
    found = {name: c for name, c in sorted(CHECKS.items()) if not stages or c.stage in stages}
    if only is None:
        return list(found.values())
    wanted = list(only)
    if unknown := [name for name in wanted if name not in found]:
        raise LabError(f"check {unknown[0]}", "does not exist", f"choose of {', '.join(found)}")
    return [found[name] for name in wanted]


def run_checks(rows: Sequence[Example], context: Context, checks: Iterable[Check]) -> list[Finding]:
    """Findings of several checks, with unique ids; the same rows give the same findings.

    Raises:
        LabError: a check failed; the message names it.
    """
    findings: list[Finding] = []
    used: dict[str, int] = {}
    for check in checks:
        try:
            found = check.run(rows, context)
        except LabError:
            raise
        except Exception as error:  # whatever a user's check raises must be named as his check's
            raise LabError(f"check {check.name}", f"failed ({type(error).__name__}: {error})", "mend it") from error
        for finding in found:
            used[finding.id] = used.get(finding.id, 0) + 1
            if used[finding.id] > 1:
                finding = finding.model_copy(update={"id": f"{finding.id}.{used[finding.id]}"})
            findings.append(finding)
    return findings


def _finding(check: Check, hit: Hit, row: Example | None) -> Finding:
    name = ".".join([check.name, hit.row, *([hit.other] if hit.other else [])])
    text = {"prompt": row.asked, "response": row.response}.get(hit.where, "") if row else ""
    start = text.find(hit.evidence) if hit.evidence else -1
    return Finding(
        id=name if len(name) < 110 else f"{check.name}.{sha256(name)[:16]}",
        row_id=hit.row,
        check=check.name,
        severity=hit.severity or check.severity,
        tier=hit.tier,
        message=hit.message,
        evidence=hit.evidence,
        where=hit.where,
        span=(start, start + len(hit.evidence)) if start >= 0 else None,
        suggestion=hit.suggestion,
        score=hit.score,
        other_row=hit.other,
        repair=dict(hit.repair),
    )


def must_exist(names: Iterable[str], where: str) -> None:
    """Refuse names of checks that nobody has registered; ``schema`` is the readers'.

    Raises:
        LabError: naming the first unknown one, and those that there are.
    """
    wanted = {*names} - {"schema"}
    if not wanted <= set(CHECKS):  # other stages' checks are loaded by name: this module imports no stage
        for stage in ("curation", "governance", "coverage"):
            package = importlib.import_module(f"labkit.{stage}")
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{package.__name__}.{module.name}")
    if unknown := sorted(wanted - set(CHECKS)):
        mend = f"choose of schema, {', '.join(sorted(CHECKS))}, or load your own checks first"
        raise LabError(where, f"names a check {unknown[0][:60]!r} that does not exist", mend)


def load_own_checks(path: str | Path) -> list[str]:
    """Import a user's ``checks.py`` and return the names it registered. This runs the file: name only your own.

    Raises:
        LabError: the file cannot be imported, or registers nothing.
    """
    mend = "put @row_check(...) above a function, see labkit.checks"
    return load_own(path, "own_checks", lambda: CHECKS, "check", mend)


def load_own(
    path: str | Path, module: str, registry: Callable[[], Mapping[str, object]], what: str, mend: str
) -> list[str]:
    """Import a user's Python file that fills a registry, and return the names it registered.

    Args:
        path: the file. It is run: name only your own.
        module: what its functions are said to be of.
        registry: gives what is registered now, by name.
        what: one of these, for messages.
        mend: what to do when the file registers none.

    Raises:
        LabError: the file cannot be imported, or registers nothing; one that the file itself raises stays as it is.
    """
    before = dict(registry())
    spec = importlib.util.spec_from_file_location(module, path)
    try:
        if spec is None or spec.loader is None:
            raise ImportError("no Python file")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except LabError as error:
        raise LabError(f"{path}, {error.where}", error.what, error.mend) from error
    except Exception as error:
        raise LabError(str(path), f"cannot be imported ({type(error).__name__}: {error})", "mend the file") from error
    added = [name for name, entry in registry().items() if before.get(name) is not entry]
    if not added:
        raise LabError(str(path), f"registers no {what}", mend)
    return added
