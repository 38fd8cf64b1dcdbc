"""Figures of curation: findings by check and severity, and how well the checks find what was planted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, Protocol

import plotly.graph_objects as go

from labkit import LabError
from labkit.plots.style import BAD, FAINT, GOOD, INK, SOFT, Plot, at_right, label, percent, some, styled
from labkit.records import SEVERITIES, Finding
from labkit.stats import Rate

_INKS = {"critical": "#D55E00", "major": "#E69F00", "minor": "#56B4E9", "info": "#B8BFC6"}  # Okabe and Ito, and grey
_BAR, _PAIR = 24, 30  # pixels a check, a kind


class Scored(Protocol):
    """What is known of one kind of defect: ``labkit.curation.score.KindScore``, or any other tuple with these."""

    @property
    def kind(self) -> str: ...
    @property
    def recall(self) -> Rate: ...
    @property
    def precision(self) -> Rate: ...


def by_check(findings: Iterable[Finding]) -> Plot:
    """How many findings each check has, by severity; the check with most stands on top.

    Args:
        findings: of one set of rows; without any the figure is empty and says so.
    """
    findings = list(findings)
    sums = Counter(f.check for f in findings)
    order = sorted(sums, key=lambda check: (-sums[check], check))
    counted = Counter((f.check, f.severity) for f in findings)
    rows: list[dict[str, Any]] = [
        {"check": c, "severity": s, "n": counted[c, s]} for c in order for s in SEVERITIES if counted[c, s]
    ]
    figure = go.Figure()
    for severity in SEVERITIES:
        if own := [row for row in rows if row["severity"] == severity]:
            figure.add_bar(
                x=[row["n"] for row in own],
                y=[order.index(row["check"]) for row in own],
                orientation="h",
                width=0.7,
                marker={"color": _INKS[severity]},
                hovertext=[f"{row['n']} {severity}" for row in own],
                hoverinfo="text",
            )
    for y, check in enumerate(order):
        at_right(figure, sums[check], y, str(sums[check]), INK)
    used = [s for s in SEVERITIES if any(row["severity"] == s for row in rows)]
    _key(figure, {severity: _INKS[severity] for severity in used})
    styled(figure, "Findings by check", 128 + _BAR * len(order), barmode="stack")
    figure.update_layout(margin={"l": 190, "r": 60, "t": 84, "b": 44})
    figure.update_xaxes(range=[0, 1.06 * max(sums.values(), default=1)])
    _ticks(figure, [label(check, 24) for check in order])
    tiers = Counter(f.tier for f in findings)
    lines = [
        f"{len(findings)} findings of {len(order)} checks on {len({f.row_id for f in findings})} rows.",
        f"By severity: {', '.join(f'{n} {s}' for s in SEVERITIES if (n := sum(f.severity == s for f in findings)))}.",
        f"By tier: {', '.join(f'{tiers[t]} {t}' for t in ('certain', 'likely', 'review') if tiers[t])}.",
        f"Most: {some([f'{check} ({sums[check]})' for check in order], 3)}.",
    ]
    return Plot(figure, rows, lines if findings else ["No check found anything."])


def detection(kinds: Iterable[Scored], review: Collection[str] = ()) -> Plot:
    """Recall (blue) and precision (orange) of each kind with 95% intervals; kinds for review stand last.

    A kind of which nothing was planted has no recall, one without findings no precision: that dot is left out.

    Args:
        kinds: as ``labkit.curation.score.score(...).kinds`` gives them.
        review: kinds that only rank what a person reads; their dots are hollow.

    Raises:
        LabError: nothing was planted and nothing found.
    """
    shown = [kind for kind in kinds if kind.recall.n or kind.precision.n]
    if not shown:
        raise LabError("detection", "there is nothing to plot", "score findings against a list of planted defects")
    shown.sort(key=lambda kind: (kind.kind in review, -kind.recall.rate, kind.kind))
    measures = (("recall", GOOD, -0.17), ("precision", BAD, 0.17))
    rows = [
        {"kind": kind.kind, "measure": measure, "review": kind.kind in review} | getattr(kind, measure).model_dump()
        for kind in shown
        for measure, _, _ in measures
    ]
    figure = go.Figure()
    for i, (_, ink, shift) in enumerate(measures):
        _intervals(figure, [(y + shift, row) for y, row in enumerate(rows[i::2]) if row["n"]], ink)
    for y, kind in enumerate(shown):
        texts = (_of(kind.recall.passed, kind.recall.n, GOOD), _of(kind.precision.passed, kind.precision.n, BAD))
        for place, text in zip((1.0, 1.09), texts, strict=True):
            at_right(figure, place, y, text, INK, xref="paper")
    apart = sum(kind.kind not in review for kind in shown)
    if 0 < apart < len(shown):
        figure.add_hline(y=apart - 0.5, line={"color": SOFT, "width": 1.2, "dash": "dash"})
    for y in range(1, len(shown)):
        if y != apart:
            figure.add_hline(y=y - 0.5, line={"color": FAINT, "width": 1})
    _key(figure, {"recall: found of planted": GOOD, "precision: right of found": BAD})
    styled(figure, "How well the checks find what was planted", 132 + _PAIR * len(shown))
    figure.update_layout(margin={"l": 210, "r": 150, "t": 84, "b": 44})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", dtick=0.25)
    marks = [f"  <span style='color:{SOFT}'>review</span>" if kind.kind in review else "" for kind in shown]
    _ticks(figure, [label(kind.kind, 24) + mark for kind, mark in zip(shown, marks, strict=True)])
    low, loud = (
        [f"{r['kind']} ({r['passed']}/{r['n']})" for r in rows[i::2] if not r["review"] and r["n"] and r["rate"] < 0.8]
        for i in range(2)
    )
    widest = max((row for row in rows if row["n"]), key=lambda row: row["high"] - row["low"])
    lines = [
        f"{len(shown)} kinds, {len(shown) - apart} of them for review.",
        f"Recall below 80%: {some(low) or 'none'}.",
        f"Precision below 80%: {some(loud) or 'none'}.",
        f"Widest interval: {widest['measure']} of {widest['kind']}, {percent(widest['low'])} to {percent(widest['high'])}.",
    ]
    return Plot(figure, rows, lines)


def _intervals(figure: go.Figure, dots: list[tuple[float, dict[str, Any]]], ink: str) -> None:
    """Dots with their intervals, hollow where a person decides."""
    figure.add_scatter(
        x=[row["rate"] for _, row in dots],
        y=[y for y, _ in dots],
        mode="markers",
        marker={
            "size": 8,
            "color": ["white" if row["review"] else ink for _, row in dots],
            "line": {"color": ink, "width": 2},
        },
        error_x={
            "array": [row["high"] - row["rate"] for _, row in dots],
            "arrayminus": [row["rate"] - row["low"] for _, row in dots],
            "color": ink,
            "thickness": 1.6,
            "width": 0,
        },
        text=[f"{row['passed']}/{row['n']}" for _, row in dots],
        hovertemplate="%{text}<extra></extra>",
    )


def _of(passed: int, n: int, ink: str) -> str:
    return f"<span style='color:{ink}'>{passed}/{n}</span>" if n else f"<span style='color:{SOFT}'>none</span>"


def _key(figure: go.Figure, inks: dict[str, str]) -> None:
    text = "    ".join(f"<span style='color:{ink}'>■</span> {name}" for name, ink in inks.items())
    at = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    figure.add_annotation(text=text, showarrow=False, font={"size": 12, "color": INK}, **at)


def _ticks(figure: go.Figure, names: list[str]) -> None:
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6])
    figure.update_yaxes(showgrid=False, tickfont={"size": 13, "color": INK})
