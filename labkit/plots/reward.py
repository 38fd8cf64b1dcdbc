"""Is a reward model as sure as it should be? Its confidence in held-out pairs against how often it was right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from labkit import LabError
from labkit.plots.style import INK, SOFT, Plot, colour, percent, styled
from labkit.stats import wilson

MOST_BINS, SMALLEST_BIN = 5, 5
TIE = 1e-3  # a smaller difference of scores is no opinion


def calibration(differences: Sequence[float]) -> Plot:
    """Reliability of a reward model on held-out pairs.

    In the Bradley-Terry model that it was trained with, the answer scored higher by d wins with probability sigmoid(d).
    Pairs are sorted by that confidence and cut into groups of equal size; a sound model lies on the diagonal.

    Args:
        differences: score of the chosen answer minus that of the rejected one, shape (n,)
            (:meth:`RewardModel.differences`).

    Raises:
        LabError: there are no pairs.
    """
    if not differences:
        raise LabError("calibration", "there are no pairs to plot", "pass the differences of held-out pairs")
    judged = sorted((1 / (1 + math.exp(-min(abs(d), 50.0))), d >= TIE) for d in differences)
    groups = max(1, min(MOST_BINS, len(judged) // SMALLEST_BIN))
    rows: list[dict[str, Any]] = []
    for i in range(groups):
        part = judged[i * len(judged) // groups : (i + 1) * len(judged) // groups]
        stated, right = sum(p for p, _ in part) / len(part), wilson(sum(ok for _, ok in part), len(part))
        found = {"pairs": right.n, "right": right.passed, "rate": right.rate, "low": right.low, "high": right.high}
        rows.append({"stated": round(stated, 4), **found})
    figure = go.Figure()
    figure.add_scatter(x=[0.5, 1], y=[0.5, 1], mode="lines", line={"color": SOFT, "dash": "dash"}, hoverinfo="skip")
    note = {"text": "as sure as right", "font": {"color": SOFT}, "showarrow": False}
    figure.add_annotation(x=0.52, y=0.52, yshift=-14, xanchor="left", **note)
    ink = colour("reward")
    for row in rows:
        ends = {"x0": row["stated"], "x1": row["stated"], "y0": row["low"], "y1": row["high"]}
        figure.add_shape(type="line", **ends, line={"color": ink, "width": 2})
    figure.add_scatter(
        x=[row["stated"] for row in rows],
        y=[row["rate"] for row in rows],
        mode="markers+text",
        marker={"color": ink, "size": 9},
        text=[f" {row['right']}/{row['pairs']}" for row in rows],
        textposition="middle right",
        hovertemplate="stated %{x:.0%}, right %{y:.0%}<extra></extra>",
    )
    styled(figure, "Stated confidence and held-out pairs ranked right", 400)
    axis = {"font": {"size": 12, "color": INK}}
    figure.update_xaxes(
        range=[0.48, 1.03], tickformat=".0%", title={"text": "stated: sigmoid(score difference)", **axis}
    )
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%", title={"text": "ranked right", **axis})
    return Plot(figure, rows, _said(judged, rows))


def _said(judged: Sequence[tuple[float, bool]], rows: Sequence[dict[str, Any]]) -> list[str]:
    stated, found = sum(p for p, _ in judged) / len(judged), wilson(sum(ok for _, ok in judged), len(judged))
    brier = sum((p - ok) ** 2 for p, ok in judged) / len(judged)
    if stated > found.high:
        word = "it is surer than it may be"
    elif stated < found.low:
        word = "it is more often right than it says"
    else:
        word = "its confidence fits, as far as so many pairs can tell"
    least, most = rows[0], rows[-1]
    return [
        f"{found.n} held-out pairs: stated confidence {percent(stated)} on average, right {found}: {word}.",
        f"Least sure {least['pairs']} pairs: stated {percent(least['stated'])}, right {least['right']}.",
        f"Surest {most['pairs']} pairs: stated {percent(most['stated'])}, right {most['right']}.",
        f"Brier score {brier:.3f} (0 is perfect, 0.25 is what a coin gets).",
    ]
