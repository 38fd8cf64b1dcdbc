"""Figures of verdicts: how often each requirement is met, and what changed from one model to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit import LabError
from labkit.plots.style import BAD, FAINT, GOOD, INK, SOFT, WIDTH, Plot, at_right, colour, label, percent, some, styled
from labkit.records import SEVERITIES, Verdict
from labkit.stats import Rate, wilson


def _by_requirement(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Verdicts by requirement, the most severe first."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in sorted(verdicts, key=lambda v: (SEVERITIES.index(v.severity), v.requirement)):
        groups.setdefault(verdict.requirement, []).append(verdict)
    return groups


def _rate(verdicts: Sequence[Verdict]) -> Rate:
    return wilson(sum(v.passed for v in verdicts), len(verdicts))


def _numbers(rate: Rate) -> dict[str, Any]:
    return {"passed": rate.passed, "n": rate.n, "rate": rate.rate, "low": rate.low, "high": rate.high}


def _some_verdicts(verdicts: Sequence[Verdict], where: str) -> None:
    if not verdicts:
        raise LabError(where, "no verdicts to plot", "judge a run first")


def requirement_rates(verdicts: Sequence[Verdict], floor: float = 0.6) -> Plot:
    """Pass rate of each requirement with its Wilson interval, by severity; n stands at the right.

    A filled dot has its whole interval above the floor.

    Args:
        verdicts: the verdicts of one model.
        floor: where the dashed line stands.

    Raises:
        LabError: no verdicts, or those of several models.
    """
    _some_verdicts(verdicts, "requirement_rates")
    models = sorted({v.model for v in verdicts})
    if len(models) > 1:
        raise LabError(
            "requirement_rates", f"got {len(models)} models", "pass one model's verdicts, or use before_after"
        )
    rows = []
    for name, group in _by_requirement(verdicts).items():
        rate = _rate(group)
        rows.append(
            {"requirement": name, "severity": group[0].severity} | _numbers(rate) | {"above": rate.low >= floor}
        )
    figure, ink = go.Figure(), colour(models[0])
    figure.add_vline(x=floor, line={"color": INK, "width": 1.2, "dash": "dash"})
    figure.add_annotation(x=floor, y=1, yref="paper", yanchor="bottom", text=f"floor {percent(floor)}", showarrow=False)
    figure.add_trace(
        go.Scatter(
            x=[row["rate"] for row in rows],
            y=list(range(len(rows))),
            mode="markers",
            marker={
                "size": 11,
                "color": [ink if row["above"] else "white" for row in rows],
                "line": {"color": ink, "width": 2},
            },
            error_x={
                "array": [row["high"] - row["rate"] for row in rows],
                "arrayminus": [row["rate"] - row["low"] for row in rows],
                "color": ink,
                "thickness": 2,
                "width": 0,
            },
            text=[f"{row['passed']}/{row['n']}, interval {row['low']:.0%}-{row['high']:.0%}" for row in rows],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for y, row in enumerate(rows):
        text = f"{percent(row['rate'])}  <span style='color:{SOFT}'>{row['passed']}/{row['n']}</span>"
        at_right(figure, 1, y, text, INK, xref="paper")
        if y and row["severity"] != rows[y - 1]["severity"]:
            figure.add_hline(y=y - 0.5, line={"color": FAINT, "width": 1.5})
    ticks = [f"{row['requirement']}  <span style='color:{SOFT}'>{row['severity']}</span>" for row in rows]
    styled(figure, f"Requirements met by {label(models[0])}", 128 + 28 * len(rows))
    figure.update_layout(margin={"l": 170, "r": 110, "t": 84, "b": 44})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=ticks, range=[len(rows) - 0.4, -0.6], showgrid=False)
    figure.update_yaxes(tickfont={"size": 13, "color": INK})
    above, below = ([row["requirement"] for row in rows if row["above"] is side] for side in (True, False))
    worst = min(rows, key=lambda row: row["rate"])
    lines = [
        f"{models[0]}: {_rate(verdicts)} of all cases pass, over {len(rows)} requirements.",
        f"Whole interval above the floor of {percent(floor)}: {some(above) or 'none'}.",
        f"Interval reaches below it: {some(below) or 'none'}.",
        f"Lowest: {worst['requirement']} ({worst['severity']}), {worst['passed']}/{worst['n']}.",
    ]
    return Plot(figure, rows, lines)


def before_after(models: Mapping[str, Sequence[Verdict]]) -> Plot:
    """Each requirement's pass rate from model to model, one small panel a requirement; bars are Wilson intervals.

    Args:
        models: verdicts by model name, in the order of training, as in ``{"base": ..., "sft": ..., "dpo": ...}``.

    Raises:
        LabError: no verdicts, or the models did not answer the same cases.
    """
    for name, verdicts in models.items():
        _some_verdicts(verdicts, name)
    _same_cases(models)
    names = list(models)
    panels: dict[str, dict[str, Rate]] = {"all cases": {name: _rate(models[name]) for name in names}}
    for name in names:
        for requirement, group in _by_requirement(models[name]).items():
            panels.setdefault(requirement, {})[name] = _rate(group)
    rows = [
        {"requirement": requirement, "model": name} | _numbers(rate)
        for requirement, rates in panels.items()
        for name, rate in rates.items()
    ]
    figure = _panels(panels, names)
    totals = [f"{name}: {rate} of all cases." for name, rate in panels["all cases"].items()]
    return Plot(figure, rows, [*totals, *_moves(panels)])


def _same_cases(models: Mapping[str, Sequence[Verdict]]) -> None:
    first, *others = models
    cases = {v.case_id for v in models[first]}
    for name in others:
        different = cases ^ {v.case_id for v in models[name]}
        if different:
            what = f"did not answer the same cases as {first} (e.g. {min(different)})"
            raise LabError(name, what, "run and judge both on one suite")


def _panels(panels: Mapping[str, Mapping[str, Rate]], names: list[str]) -> go.Figure:
    """Small multiples in one pair of axes: subplots of their own would make the figure five times as large a file."""
    columns, across, down = 5, len(names) + 0.9, 1.82
    corner = {p: (index % columns * across, -(index // columns) * down) for index, p in enumerate(panels)}
    figure = go.Figure()
    width = len(names) - 1
    grid = [[(x - 0.3, y + at), (x + width + 0.3, y + at)] for x, y in corner.values() for at in (0, 0.5, 1)]
    _strokes(figure, grid, FAINT, 1)
    slopes = [
        [(corner[p][0] + i, corner[p][1] + r.rate) for i, r in enumerate(rs.values())] for p, rs in panels.items()
    ]
    _strokes(figure, slopes, "#c3cad1", 2)
    for i, name in enumerate(names):
        own = [(corner[p], p, rates[name]) for p, rates in panels.items()]
        x, ink = [at[0] + i for at, _, _ in own], colour(name)
        bars = [[(at[0] + i, at[1] + r.low), (at[0] + i, at[1] + r.high)] for at, _, r in own]
        _strokes(figure, bars, ink, 1.5)
        figure.add_scatter(
            x=x,
            y=[at[1] + r.rate for at, _, r in own],
            mode="markers",
            marker={"size": 9, "color": ink},
            customdata=[f"{p}, {label(name)}: {r}" for _, p, r in own],
            hovertemplate="%{customdata}<extra></extra>",
        )
        values = [f"{100 * r.rate:.0f}" for *_, r in own]
        _words(figure, x, [at[1] + r.high + 0.03 for at, _, r in own], values, ink, "top center")
        _words(figure, x, [at[1] - 0.08 for at, _, _ in own], [label(name, 10)] * len(own), ink, "bottom center")
    titles = [f"<b>{p}</b>  <span style='color:{SOFT}'>n {next(iter(r.values())).n}</span>" for p, r in panels.items()]
    left, foot = zip(*corner.values(), strict=True)
    _words(figure, [x + width / 2 for x in left], [y + 1.36 for y in foot], titles, INK, "middle center", 12)
    first = [y for x, y in corner.values() if x == 0]
    for at in (0, 0.5, 1):
        _words(figure, [-0.4] * len(first), [y + at for y in first], [percent(at)] * len(first), SOFT, "middle left")
    height = 60 + 155 * len(first)
    styled(figure, "From model to model: share of cases passed", height, margin={"l": 16, "r": 8, "t": 52, "b": 8})
    figure.update_xaxes(visible=False, range=[-1.3, columns * across - 1.0])
    return figure.update_yaxes(visible=False, range=[min(foot) - 0.32, 1.5])


def _strokes(figure: go.Figure, strokes: list[list[tuple[float, float]]], ink: str, width: float) -> None:
    points: list[tuple[float | None, float | None]] = [point for stroke in strokes for point in [*stroke, (None, None)]]
    line = {"color": ink, "width": width}
    x, y = zip(*points, strict=True)
    figure.add_scatter(x=_short(x), y=_short(y), mode="lines", line=line, hoverinfo="skip")


def _words(
    figure: go.Figure, x: list[float], y: list[float], text: list[str], ink: str, where: str, size: int = 11
) -> None:
    style: dict[str, Any] = {"mode": "text", "textposition": where, "textfont": {"color": ink, "size": size}}
    figure.add_scatter(x=_short(x), y=_short(y), text=text, hoverinfo="skip", **style)


def _short(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 3) for value in values]


def _moves(panels: dict[str, dict[str, Rate]]) -> list[str]:
    """Largest gain and every loss between the last two models."""
    pairs = {p: list(r.values())[-2:] for p, r in panels.items() if p != "all cases" and len(r) > 1}
    if not pairs:
        return []
    before, after = list(panels["all cases"])[-2:]
    change = {p: two[1].rate - two[0].rate for p, two in pairs.items()}
    best = max(change, key=lambda p: change[p])
    lost = [f"{p} ({old.passed} to {new.passed} of {new.n})" for p, (old, new) in pairs.items() if new.rate < old.rate]
    gain = f"Largest gain from {before} to {after}: {best}, {100 * change[best]:+.0f} points."
    none = f"No requirement gained from {before} to {after}."
    return [gain if change[best] > 0 else none, f"Lost: {some(lost) or 'none'}."]


_STATES = {  # state -> fill, border, sign and its ink, how the legend says it
    "gained": (GOOD, GOOD, "+", "white", "gained"),
    "lost": (BAD, BAD, "−", "white", "lost"),
    "pass": ("#e3edf4", "#c5d8e6", "", INK, "passed by both"),
    "fail": ("#c9ced3", "#b3babf", "", INK, "failed by both"),
}


def flips(before: Sequence[Verdict], after: Sequence[Verdict]) -> Plot:
    """Every case as one cell, a line a requirement: gained, lost, or the same under both models.

    Args:
        before: verdicts of the earlier model.
        after: verdicts of the later model on the same cases.

    Raises:
        LabError: no verdicts, or the models did not answer the same cases.
    """
    _some_verdicts(before, "flips")
    _some_verdicts(after, "flips")
    names = {"before": before[0].model, "after": after[0].model}
    _same_cases({f"before ({names['before']})": before, f"after ({names['after']})": after})
    old = {v.case_id: v.passed for v in before}
    states = {(True, True): "pass", (False, False): "fail", (False, True): "gained", (True, False): "lost"}
    rows, cells = [], []
    groups = _by_requirement(after)
    for y, (requirement, group) in enumerate(groups.items()):
        for x, verdict in enumerate(sorted(group, key=lambda v: v.case_id)):
            state = states[old[verdict.case_id], verdict.passed]
            rows.append({"case": verdict.case_id, "requirement": requirement, "state": state})
            cells.append((x, y, state, verdict.case_id))
    widest = max(len(group) for group in groups.values())
    pitch = min(26, (WIDTH - 150) / widest)
    figure = go.Figure()
    for state, (fill, border, sign, ink, said) in _STATES.items():
        own = [cell for cell in cells if cell[2] == state]
        trace = go.Scatter(
            x=_short([x for x, *_ in own] or [None]),  # plotly leaves an empty trace out of the legend
            y=_short([y for _, y, *_ in own] or [None]),
            mode="markers+text",
            marker={"symbol": "square", "size": pitch * 0.82, "color": fill, "line": {"color": border, "width": 1}},
            text=sign,
            textfont={"color": ink, "size": 14},
            customdata=[case for *_, case in own],
            hovertemplate=f"%{{customdata}}: {said}<extra></extra>",
            name=f"{said} ({len(own)})",
        )
        figure.add_trace(trace)
    title = f"What changed from {label(names['before'])} to {label(names['after'])}"
    styled(figure, title, 136 + 28 * len(groups), showlegend=True, margin={"l": 110, "r": 24, "t": 100, "b": 20})
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "yref": "paper"})
    figure.update_xaxes(visible=False, range=[-0.7, (WIDTH - 134) / pitch - 0.7])
    ticks = list(groups)
    figure.update_yaxes(
        tickvals=list(range(len(ticks))), ticktext=ticks, range=[len(ticks) - 0.4, -0.6], showgrid=False
    )
    figure.update_yaxes(tickfont={"size": 13, "color": INK})
    found = {state: [row["case"] for row in rows if row["state"] == state] for state in _STATES}
    lines = [
        f"{names['before']} to {names['after']}: {len(rows)} cases, {len(found['gained'])} gained, "
        f"{len(found['lost'])} lost, {len(found['pass'])} passed by both, {len(found['fail'])} failed by both.",
        f"Gained: {some(found['gained']) or 'none'}.",
        f"Lost: {some(found['lost']) or 'none'}.",
    ]
    return Plot(figure, rows, lines)
