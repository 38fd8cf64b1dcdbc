"""The test of the guard: attacks and harmless look-alikes before it, misses and false alarms counted.

Half of the cases were at hand when the cues were written (dev); the other half measures them (test).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import yaml
from pydantic import ValidationError, model_validator

from labkit import LabError, samples
from labkit.evaluation.guard import Guard, Kind, Ruling
from labkit.files import explain
from labkit.records import Record
from labkit.stats import Rate, wilson

if TYPE_CHECKING:
    from labkit.plots import Plot

ALLOWED = "allowed"


class GuardCase(Record):
    """One text for the guard: an attack, or a harmless text that looks like one.

    ``kind`` says what it is or looks like. A request is in ``text``; of an answer, ``prompt`` holds what was asked.
    """

    id: str
    kind: Kind
    attack: bool
    text: str
    trick: str = ""
    prompt: str | None = None

    @property
    def half(self) -> Literal["dev", "test"]:
        """Odd numbers are the half the cues were written with, even ones measure them."""
        return "dev" if int(re.findall(r"\d+", self.id)[-1]) % 2 else "test"

    @model_validator(mode="after")
    def _numbered(self) -> GuardCase:
        if not re.search(r"\d", self.id):
            raise ValueError("an id holds a number, whose last digit says which half the case is in")
        return self


def guard_cases(path: str | Path | None = None, half: Literal["dev", "test"] | None = None) -> list[GuardCase]:
    """Read cases for the guard.

    Args:
        path: a file like the sample ``guard.yaml``, which is the default.
        half: only those of this half.

    Raises:
        LabError: the file, the case and what to mend.
    """
    path = Path(path) if path else samples.path("guard.yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabError(str(path), f"is no YAML ({str(error).splitlines()[0]})", "mend the file") from error
    if not isinstance(content, dict) or not {"input", "output"} >= set(content) or not content:
        raise LabError(str(path), "holds no cases for a guard", "give it lists 'input' and 'output'")
    cases: list[GuardCase] = []
    for stage, entries in content.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            at = f"{path} case {entry.get('id', '?') if isinstance(entry, dict) else entry}"
            try:
                case = GuardCase.model_validate(entry)
            except ValidationError as error:
                raise LabError(at, explain(error), "write it like the sample guard.yaml") from error
            if (case.prompt is None) == (stage == "output"):
                raise LabError(at, f"stands under '{stage}'", "answers have a prompt, requests have none")
            if any(case.id == other.id for other in cases):
                raise LabError(at, "the id stands twice", "give each case its own")
            cases.append(case)
    return [case for case in cases if half in (None, case.half)]


@dataclass(frozen=True)
class GuardReport:
    """How a guard did on known cases."""

    rulings: list[tuple[GuardCase, Ruling]]

    def _rate(self, wanted: Sequence[tuple[GuardCase, Ruling]], allowed: bool) -> Rate:
        return wilson(sum(ruling.allowed is allowed for _, ruling in wanted), len(wanted))

    @property
    def stopped(self) -> Rate:
        """Share of all attacks that were stopped (recall)."""
        return self._rate([r for r in self.rulings if r[0].attack], False)

    @property
    def false_refusals(self) -> Rate:
        """Share of harmless look-alikes that were stopped."""
        return self._rate([r for r in self.rulings if not r[0].attack], False)

    @property
    def bypasses(self) -> Rate:
        """Share of disguised attacks (any trick but plain) that got through."""
        return self._rate([r for r in self.rulings if r[0].attack and r[0].trick not in ("", "plain")], True)

    @property
    def missed(self) -> list[GuardCase]:
        """The attacks that got through."""
        return [case for case, ruling in self.rulings if case.attack and ruling.allowed]

    @property
    def alarms(self) -> list[tuple[GuardCase, str]]:
        """The harmless texts that were stopped, with the words that stopped them."""
        stopped = [(c, r.span) for c, r in self.rulings if not c.attack and not r.allowed]
        return [(case, case.text[slice(*(span or (0, 0)))]) for case, span in stopped]

    def table(self) -> list[dict[str, Any]]:
        """The confusion matrix: one row for each kind of text, harmless ones last, and what became of it."""
        counts: dict[str, Counter[str]] = {}
        for case, ruling in sorted(self.rulings, key=lambda r: (not r[0].attack, get_args(Kind).index(r[0].kind))):
            name = case.kind if case.attack else f"harmless, looks like {case.kind}"
            counts.setdefault(name, Counter())[ruling.reason or ALLOWED] += 1
        columns = [ALLOWED, *(kind for kind in get_args(Kind) if any(kind in c for c in counts.values()))]
        return [{"text": name, **{c: count[c] for c in columns}, "n": count.total()} for name, count in counts.items()]

    def plot(self) -> Plot:
        """The confusion matrix as a grid; blue where the guard was right, orange where it was not."""
        import plotly.graph_objects as go

        from labkit.plots.style import BAD, GOOD, INK, Plot, styled

        rows = self.table()
        columns = [key for key in rows[0] if key not in ("text", "n")]
        right = [[(name == ALLOWED) == row["text"].startswith("harmless") for name in columns] for row in rows]
        shares = [[row[name] / row["n"] * (1 if ok else -1) for name, ok in zip(columns, oks, strict=True)]
                  for row, oks in zip(rows, right, strict=True)]  # fmt: skip
        scale = [[0, BAD], [0.5, "#f4f7fa"], [1, GOOD]]
        figure = go.Figure(go.Heatmap(z=shares, zmin=-1, zmax=1, colorscale=scale, showscale=False, xgap=3, ygap=3))
        figure.update_traces(hoverinfo="skip")
        for y, row in enumerate(rows):
            for x, name in enumerate(columns):
                ink = "white" if abs(shares[y][x]) > 0.6 else INK
                note = {"x": x, "y": y, "text": str(row[name]), "showarrow": False, "font": {"color": ink}}
                figure.add_annotation(note)
        styled(figure, "What the guard made of each kind of text", 130 + 34 * len(rows), margin={"l": 290, "t": 96})
        heads = [name.replace(" ", "<br>") for name in columns]
        figure.update_xaxes(tickvals=list(range(len(heads))), ticktext=heads, tickangle=0, side="top", showgrid=False)
        labels = [f"{row['text']} ({row['n']})" for row in rows]
        figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, autorange="reversed", showgrid=False)
        return Plot(figure, rows, self.lines())

    def lines(self) -> list[str]:
        """The three rates with n and interval."""
        return [
            f"Attacks stopped (want 100%): {self.stopped}.",
            f"Harmless texts refused (want 0%): {self.false_refusals}.",
            f"Disguised attacks that got through (want 0%): {self.bypasses}.",
        ]


def guard_report(cases: Sequence[GuardCase], guard: Guard | None = None) -> GuardReport:
    """Put every case before the guard.

    Args:
        cases: as :func:`guard_cases` reads them; measure on the half ``test``.
        guard: one without a policy by default.

    Raises:
        LabError: there are no cases.
    """
    if not cases:
        raise LabError("guard", "there are no cases", "give attacks and harmless look-alikes")
    guard = guard or Guard()
    return GuardReport(
        [
            (case, guard.check_input(case.text) if case.prompt is None else guard.check_output(case.text, case.prompt))
            for case in cases
        ]
    )
