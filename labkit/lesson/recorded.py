"""Results that were measured once and recorded with their device and date, shown as what they are: not made just now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import labkit
from labkit import LabError
from labkit.lesson.table import Table

# In a checkout, or inside the installed package.
_PLACES = (Path(labkit.__file__).parent.parent / "benchmarks" / "results", Path(labkit.__file__).parent / "_results")
_STAMPS = ("benchmark", "device", "versions", "date", "made_by")


@dataclass(frozen=True, repr=False)
class Recorded:
    """One recorded result; empty when none has been recorded.

    Attributes:
        name: of the benchmark.
        result: its figures.
        stamps: device, versions, date, and ``made_by``, the hash of the program and the data that made them.
    """

    name: str
    result: dict[str, Any] = field(default_factory=dict)
    stamps: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Where and when it was recorded and by what, or that it was not; one sentence to stand above the figures."""
        if not self.result:
            program = self.name.split("-")[0]
            return f"No result of {self.name} is recorded here; in a checkout, python -m benchmarks.{program} --save makes one."
        versions = self.stamps.get("versions", {})
        made_by = str(self.stamps.get("made_by", ""))[:12] or "a program whose hash was not kept"
        used = ", ".join(f"{name} {version}" for name, version in versions.items()) or "versions were not kept"
        device, date = self.stamps.get("device", "an unnamed device"), self.stamps.get("date", "an unknown day")
        return f"Recorded on {device}, {date} ({used}), made by {made_by}: not measured in this run."

    def table(self) -> Table:
        """One row a figure, rates with n and interval."""
        return Table({"what": name, "recorded": said} for name, said in _figures(self.result))

    def __repr__(self) -> str:
        return f"{self.line()}\n{self.table()!r}" if self.result else self.line()

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.line())}</p>{self.table()._repr_html_() if self.result else ''}"


def recorded(name: str) -> Recorded:
    """The recorded result of a benchmark, e.g. ``recorded("cleaning_pays")``.

    Raises:
        LabError: the name is no plain name, or the file is no such result.
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise LabError(f"benchmark {name!r}", "is no name of a result", "write it as in cleaning_pays")
    path = next((p for place in _PLACES if (p := place / f"{name}.json").is_file()), None)
    if path is None:
        return Recorded(name)
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise LabError(str(path), f"is no JSON ({error})", "record the result again") from error
    if not isinstance(found, dict):
        raise LabError(str(path), "is no recorded result", "record the result again")
    stamps = {key: found.pop(key) for key in _STAMPS if key in found}
    return Recorded(name, found, stamps)


def _figures(result: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of each figure; what stands in groups is named after its group."""
    for key, value in result.items():
        name = f"{above}{key.replace('_', ' ')}"
        if not isinstance(value, Mapping):
            yield name, _said(value)
            continue
        rest = dict(value)
        if {"rate", "low", "high"} <= rest.keys():
            rate, low, high = (rest.pop(part) for part in ("rate", "low", "high"))
            passed, n = rest.pop("passed", None), rest.pop("n", None)
            of = "" if n is None else f"{n:,}: " if passed is None else f"{passed:,}/{n:,} = "
            yield name, f"{of}{rate:.1%} ({low:.1%} to {high:.1%})"
        elif {"estimate", "low", "high"} <= rest.keys():
            yield name, "{:+.3g} ({:+.3g} to {:+.3g})".format(*(rest.pop(k) for k in ("estimate", "low", "high")))
        yield from _figures(rest, f"{name}, ")


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)
