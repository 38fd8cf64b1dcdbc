"""Figures of drift: each signal against the band of its reference, and how small a shift the monitor would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit import LabError
from labkit.plots.style import BAD, GOOD, INK, SOFT, Plot, at_right, label, percent, some, styled

Rows = Sequence[Mapping[str, Any]]
_INKS = {"novel": (GOOD, "novel prompts"), "kernel": (SOFT, "prompts as a whole"), "either": (INK, "either")}
_COLUMNS = 3


def drift_bands(batches: Mapping[str, Rows]) -> Plot:
    """One small panel a signal: the rate of each batch with its interval, before the band of the reference.

    A diamond has raised the alarm. Signals that are no rates stand in the table and the text.

    Args:
        batches: by name in the order of time, what ``Drift.rows()`` gives. All were held against one reference.

    Raises:
        LabError: no batch, or batches with other signals.
    """
    rows = [{"batch": name, **row} for name, own in batches.items() for row in own]
    if not rows:
        raise LabError("drift_bands", "no batch to plot", "compare one with the reference first")
    names = list(dict.fromkeys(row["signal"] for row in rows))
    if any([row["signal"] for row in own] != names for own in batches.values()):
        raise LabError("drift_bands", "the batches hold different signals", "compare all in the same way")
    shown = [name for name in names if all(row["reference"] is not None for row in rows if row["signal"] == name)]
    height = -(-len(shown) // _COLUMNS)
    figure = make_subplots(
        rows=max(height, 1),
        cols=_COLUMNS,
        subplot_titles=[label(name, 30) for name in shown],
        vertical_spacing=0.34 / max(height, 1),
    )
    for k, name in enumerate(shown):
        _panel(figure, [row for row in rows if row["signal"] == name], k // _COLUMNS + 1, k % _COLUMNS + 1)
    styled(figure, "Each batch against the reference", 110 + 190 * max(height, 1))
    figure.update_layout(margin={"l": 56, "r": 24, "t": 96, "b": 40})
    figure.update_yaxes(tickformat=".0%")
    for note in figure.layout.annotations:
        note.update(font={"size": 12, "color": SOFT})
    for spare in range(len(shown), max(height, 1) * _COLUMNS):
        figure.update_xaxes(visible=False, row=spare // _COLUMNS + 1, col=spare % _COLUMNS + 1)
        figure.update_yaxes(visible=False, row=spare // _COLUMNS + 1, col=spare % _COLUMNS + 1)
    alarms = [f"{row['signal']} in {row['batch']} (p = {row['adjusted']:.2g})" for row in rows if row["alarm"]]
    sizes = {row["reference_n"] for row in rows if row["signal"] in shown}
    lines = [
        f"{len(batches)} batches against a reference of {max(sizes, default=0)} rows, {len(names)} signals each.",
        f"Drift shown: {some(alarms) or 'none'}.",
        "The band is the reference's 95% interval; p-values are Holm's within a batch.",
    ]
    return Plot(figure, rows, lines)


def _panel(figure: go.Figure, rows: Rows, row: int, column: int) -> None:
    where: dict[str, Any] = {"row": row, "col": column}
    names = [label(str(one["batch"]), 12) for one in rows]
    for alarm, ink, symbol in ((False, INK, "circle"), (True, BAD, "diamond")):
        own = [one for one in rows if bool(one["alarm"]) is alarm]
        dots = go.Scatter(
            x=[label(str(one["batch"]), 12) for one in own],
            y=[one["current"] for one in own],
            mode="markers",
            marker={"size": 11 if alarm else 9, "color": ink, "symbol": symbol},
            error_y={
                "array": [one["current_high"] - one["current"] for one in own],
                "arrayminus": [one["current"] - one["current_low"] for one in own],
                "color": ink,
                "thickness": 1.5,
                "width": 0,
            },
            text=[f"n = {one['current_n']}, p = {one['adjusted']:.2g}" for one in own],
            hovertemplate="%{x}: %{y:.1%}, %{text}<extra></extra>",
        )
        figure.add_trace(dots, **where)
    first = rows[0]
    band = {"y0": first["reference_low"], "y1": first["reference_high"]}
    figure.add_hrect(**band, fillcolor=SOFT, opacity=0.2, line_width=0, layer="below", **where)
    figure.add_hline(y=first["reference"], line={"color": SOFT, "width": 1, "dash": "dot"}, **where)
    figure.update_xaxes(categoryorder="array", categoryarray=names, **where)
    if min(first["reference_low"], *(one["current_low"] for one in rows)) < 0.3:
        figure.update_yaxes(rangemode="tozero", **where)


def detection_curve(rows: Rows, power: float = 0.8) -> Plot:
    """How often a shift is noticed, by the share of prompts that are shifted; bars are Wilson intervals.

    Args:
        rows: what ``Limit.rows()`` gives; share 0 holds the false alarms.
        power: where the dashed line stands.

    Raises:
        LabError: no shares above 0.
    """
    table = [dict(row) for row in rows]
    shares = sorted({row["share"] for row in table if row["share"] > 0})
    if not shares:
        raise LabError("detection_curve", "no share to plot", "measure the detection limit first")
    figure = go.Figure()
    figure.add_hline(y=power, line={"color": INK, "width": 1.2, "dash": "dash"})
    lines = [f"Batches of {table[0]['size']} prompts, {table[0]['n']} draws a share."]
    ends: list[float] = []
    for name in dict.fromkeys(row["detector"] for row in table):
        ink, said = _INKS.get(name, (SOFT, label(name)))
        own = [row for row in table if row["detector"] == name and row["share"] > 0]
        figure.add_trace(_curve(own, ink))
        shift = 14 * sum(abs(own[-1]["rate"] - end) < 0.06 for end in ends)
        ends.append(own[-1]["rate"])
        at_right(figure, 1, own[-1]["rate"], said, ink, xref="paper", yshift=-shift)
        false = next((row for row in table if row["detector"] == name and row["share"] == 0), None)
        reached = next(
            (row["share"] for row in own if all(o["rate"] >= power for o in own if o["share"] >= row["share"])), None
        )
        limit = f"from a share of {percent(reached)} on" if reached is not None else "at none of the shares tried"
        alarm = f"; false alarms {false['passed']}/{false['n']}" if false else ""
        lines.append(f"{said[:1].upper()}{said[1:]}: noticed in {percent(power)} of draws {limit}{alarm}.")
    styled(figure, "How small a shift is noticed", 380, margin={"l": 60, "r": 150, "t": 64, "b": 56})
    title = {"text": "shifted share of the prompts", "font": {"size": 12, "color": SOFT}}
    figure.update_xaxes(type="log", tickvals=shares, ticktext=[percent(share) for share in shares], title=title)
    figure.update_yaxes(range=[-0.02, 1.05], tickformat=".0%", dtick=0.2)
    return Plot(figure, table, lines)


def _curve(rows: Rows, ink: str) -> go.Scatter:
    return go.Scatter(
        x=[row["share"] for row in rows],
        y=[row["rate"] for row in rows],
        mode="lines+markers",
        line={"color": ink, "width": 2.5},
        marker={"size": 7},
        error_y={
            "array": [row["high"] - row["rate"] for row in rows],
            "arrayminus": [row["rate"] - row["low"] for row in rows],
            "color": ink,
            "thickness": 1.2,
            "width": 0,
        },
        text=[f"{row['passed']}/{row['n']}" for row in rows],
        hovertemplate="%{x:.0%} shifted: noticed in %{text}<extra></extra>",
    )
