"""Curves of a training run, from the log that the trainer writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit import LabError
from labkit.plots.style import BAD, GOOD, INK, SOFT, Plot, at_right, styled

Log = Iterable[Mapping[str, Any]]
Points = list[tuple[int, float]]


def training_curves(log: Log) -> Plot:
    """Loss and held-out loss over the steps of one run.

    Args:
        log: the trainer's log rows; those with ``step`` and ``loss`` or ``eval_loss`` are used.

    Raises:
        LabError: no row holds a loss.
    """
    rows = _rows(log, ("loss", "eval_loss"))
    loss, held_out = _points(rows, "loss"), _points(rows, "eval_loss")
    figure = go.Figure()
    names = {"loss": (loss, SOFT, "training"), "eval_loss": (held_out, GOOD, "held-out")}
    shown = [entry for entry in names.values() if entry[0]]
    for points, ink, _ in shown:
        _line(figure, points, ink)
    _end_labels(figure, [(points, ink, f"{name} {points[-1][1]:.2f}") for points, ink, name in shown])
    lines = _story("Training loss", loss) + _story("Held-out loss", held_out)
    if held_out:
        step, best = min(held_out, key=lambda point: point[1])
        rising = held_out[-1][1] > best * 1.02
        lines.append(
            f"Held-out loss was lowest at step {step} ({best:.3f}) and rose after it: the model overfits."
            if rising
            else "Held-out loss is at its lowest at the end: no sign of overfitting."
        )
    lines += _broken(rows, ("loss", "eval_loss"))
    styled(figure, "Loss by training step", 380, yaxis_rangemode="tozero")
    _steps(figure, rows)
    return Plot(figure, rows, lines)


def dpo_curves(log: Log, beta: float | None = None) -> Plot:
    """A preference run: the reward margin, and the chosen and rejected log-probabilities apart.

    The margin may grow while both log-probabilities fall, so the margin alone proves nothing.

    Args:
        log: the log rows of TRL's DPO or KTO trainer (``rewards/margins``, ``logps/chosen``, ``logps/rejected``).
        beta: with the run's beta, log-probabilities are shown as gains over the reference (rewards divided by it). In KTO
            each batch holds other answers, and their own levels would hide what changed.

    Raises:
        LabError: no row holds a margin.
    """
    sides = "rewards" if beta else "logps"
    keys = ("rewards/margins", f"{sides}/chosen", f"{sides}/rejected")
    rows = [{k: v / beta if beta and k in keys[1:] else v for k, v in row.items()} for row in _rows(log, keys)]
    margin, chosen, rejected = (_points(rows, key) for key in keys)
    shown = "gain in log-probability" if beta else "log-probability"
    titles = ("reward margin", f"{shown} of the answers")
    figure = make_subplots(cols=2, horizontal_spacing=0.22, subplot_titles=titles)
    panels = ([(margin, INK, "margin")], [(chosen, GOOD, "chosen"), (rejected, BAD, "rejected")])
    for column, curves in enumerate(panels, 1):
        labelled = []
        for points, ink, name in curves:
            if points:
                _line(figure, points, ink, row=1, col=column)
                labelled.append((points, ink, f"{name} {points[-1][1]:.{2 if column == 1 else 0}f}"))
        _end_labels(figure, labelled, xref=f"x{column}", yref=f"y{column}")
    figure.add_hline(y=0, line={"color": SOFT, "width": 1, "dash": "dot"}, row=1, col=1)
    lines = _story("Reward margin (chosen - rejected)", margin) + _story(f"{shown.capitalize()} of chosen answers", chosen)
    lines += _story(f"{shown.capitalize()} of rejected answers", rejected)
    if chosen and rejected and margin:
        lines.append(_judged(margin, chosen, rejected))
    lines += _broken(rows, keys)
    styled(figure, "What the preference run changed", 380, margin={"l": 60, "r": 110, "t": 92, "b": 52})
    for note in figure.layout.annotations[:2]:
        note.update(font={"size": 12, "color": SOFT})
    _steps(figure, rows)
    return Plot(figure, rows, lines)


def _judged(margin: Points, chosen: Points, rejected: Points) -> str:
    if margin[-1][1] <= 0:
        return "The margin did not grow: the run taught no preference."
    if chosen[-1][1] < chosen[0][1] and rejected[-1][1] < rejected[0][1]:
        return "The margin grew while both log-probabilities fell: read the answers before you trust it."
    return "The margin grew, and not by pushing both kinds of answers down."


def _rows(log: Log, keys: Sequence[str]) -> list[dict[str, Any]]:
    kept = [
        {"step": int(row["step"])} | {key: float(row[key]) for key in keys if isinstance(row.get(key), int | float)}
        for row in log
        if "step" in row
    ]
    kept = [row for row in kept if len(row) > 1]
    if not any(keys[0] in row for row in kept):
        raise LabError("training log", f"holds no '{keys[0]}'", "pass the log of a run of this kind")
    return kept


def _points(rows: list[dict[str, Any]], key: str) -> Points:
    return [(row["step"], row[key]) for row in rows if key in row and math.isfinite(row[key])]


def _line(figure: go.Figure, points: Points, ink: str, **where: int) -> None:
    steps, values = zip(*points, strict=True)
    mode = "lines+markers" if len(points) <= 12 else "lines"
    trace = go.Scatter(x=steps, y=values, mode=mode, line={"color": ink, "width": 2.5}, marker={"size": 6})
    trace.hovertemplate = "step %{x}: %{y:.3f}<extra></extra>"
    figure.add_trace(trace, **where)


def _steps(figure: go.Figure, rows: list[dict[str, Any]]) -> None:
    """End the axis with the last step: the direct labels stand in the margin."""
    last = max(row["step"] for row in rows)
    title = {"text": "step", "font": {"size": 12, "color": SOFT}}
    figure.update_xaxes(title=title, range=[min(row["step"] for row in rows), last + (last == 1)])


def _end_labels(figure: go.Figure, curves: list[tuple[Points, str, str]], **axes: str) -> None:
    """Label each curve at its end; two that end close together are pushed apart."""
    values = [value for points, _, _ in curves for _, value in points]
    close = len(curves) == 2 and abs(curves[0][0][-1][1] - curves[1][0][-1][1]) < 0.08 * (max(values) - min(values))
    upper = max((points[-1][1] for points, _, _ in curves), default=0.0)
    for points, ink, text in curves:
        step, value = points[-1]
        at_right(figure, step, value, text, ink, yshift=(9 if value == upper else -9) if close else 0, **axes)


def _story(name: str, points: Points) -> list[str]:
    if not points:
        return []
    (first, start), (last, end) = points[0], points[-1]
    return [f"{name}: {start:.3f} at step {first}, {end:.3f} at step {last}."]


def _broken(rows: list[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    steps = [row["step"] for row in rows if any(not math.isfinite(row.get(key, 0.0)) for key in keys)]
    return [f"Not a number at step {steps[0]}: the run broke there."] if steps else []
