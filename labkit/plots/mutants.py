"""The kill matrix of model mutants: which fault turned which requirement red."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit import LabError
from labkit.plots.style import BAD, INK, SOFT, Plot, label, some, styled


def model_kill_matrix(rows: Sequence[Mapping[str, Any]]) -> Plot:
    """A grid of mutants and requirements: how many cases pass after and before; darker where more were lost.

    A frame marks the requirement that a mutant should turn red, a cross one that is red. Blank cells were not asked.

    Args:
        rows: what ``Report.rows()`` gives.

    Raises:
        LabError: no rows.
    """
    if not rows:
        raise LabError("model_kill_matrix", "no mutant to plot", "build some first")
    names = list(dict.fromkeys(row["mutant"] for row in rows))
    columns = sorted({row["requirement"] for row in rows}, key=lambda name: (name == "together", name))
    at = {(row["mutant"], row["requirement"]): row for row in rows}
    grid = [[_lost(at.get((name, column))) for column in columns] for name in names]
    texts = [[_said(at.get((name, column))) for column in columns] for name in names]
    shades = [[0, "#f4f7fa"], [1, BAD]]
    figure = go.Figure(go.Heatmap(z=grid, zmin=0, zmax=1, colorscale=shades, showscale=False, xgap=3, ygap=3))
    figure.update_traces(hoverinfo="skip", hoverongaps=False, text=texts, texttemplate="%{text}", textfont={"size": 11})
    for row in rows:
        if row["expected"]:
            x, y = columns.index(row["requirement"]), names.index(row["mutant"])
            corners = {"x0": x - 0.47, "x1": x + 0.47, "y0": y - 0.45, "y1": y + 0.45}
            figure.add_shape(type="rect", **corners, line={"color": INK, "width": 2})
    title = "Cases passed after / before each fault"
    styled(figure, title, 150 + 30 * len(names), margin={"l": 130, "r": 24, "t": 96, "b": 40})
    figure.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=[label(c) for c in columns], side="top", showgrid=False
    )
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=[label(n) for n in names], autorange="reversed")
    figure.update_yaxes(showgrid=False)
    figure.add_annotation(
        {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "yshift": -8,
         "text": "frame: should turn red; ✕: is red; blank: not asked", "showarrow": False,
         "font": {"size": 12, "color": SOFT}}
    )  # fmt: skip
    return Plot(figure, [dict(row) for row in rows], _lines(rows, names))


def _lost(row: Mapping[str, Any] | None) -> float | None:
    """The share of the passed cases that is gone; None for a cell that was not asked."""
    return None if row is None else max(0.0, 1 - row["after"] / row["before"]) if row["before"] else 0.0


def _said(row: Mapping[str, Any] | None) -> str:
    return f"{'<b>✕</b> ' if row['red'] else ''}{row['after']}/{row['before']}" if row else ""


def _lines(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    mutants = [name for name in names if not any(row["control"] for row in rows if row["mutant"] == name)]
    killed = {row["mutant"] for row in rows if row["expected"] and row["red"]}
    alive = [name for name in mutants if name not in killed]
    control = [row for row in rows if row["control"]]
    beside = [f"{row['mutant']} on {row['requirement']}" for row in rows if row["red"] and not row["expected"]]
    return [
        f"{len(mutants) - len(alive)} of {len(mutants)} mutants turn a requirement red that they should.",
        f"Survivors: {some(alive) or 'none'}.",
        f"Red where nothing was expected: {some(beside) or 'none'}.",
        *([f"Controls: {sum(row['red'] for row in control)} of {len(control)} cells are red."] if control else []),
    ]
