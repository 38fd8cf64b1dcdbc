"""Figures of what rows cover: slices, pairs of slices, outcomes by group, and a set before and after rebalancing.

They take the records of the coverage stage, or dictionaries with the same fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from pydantic import BaseModel

from labkit import LabError
from labkit.plots.style import BAD, FAINT, GOOD, INK, SOFT, Plot, at_right, label, percent, some, styled

Records = Iterable[BaseModel | Mapping[str, Any]]
_ROW = 26  # pixels


def _rows(records: Records, where: str) -> list[dict[str, Any]]:
    rows = [record.model_dump() if isinstance(record, BaseModel) else dict(record) for record in records]
    if not rows:
        raise LabError(where, "there is nothing to plot", "pass rows that have slices")
    return rows


def _soft(text: str) -> str:
    return f"<span style='color:{SOFT}'>{text}</span>"


def _dots(figure: go.Figure, rows: Sequence[Mapping[str, Any]], filled: Sequence[bool], inks: Sequence[str]) -> None:
    """One dot a row with its interval, from the top down; ``rate``, ``low``, ``high``, ``passed`` and ``n`` are drawn."""
    for y, (row, ink) in enumerate(zip(rows, inks, strict=True)):
        figure.add_shape(
            type="line", x0=row["low"], x1=row["high"], y0=y, y1=y, line={"color": ink, "width": 2}, layer="below"
        )
        of = f"{row['passed']}/{row['n']}"
        at_right(figure, 1, y, f"{percent(row['rate'])}  {_soft(of)}", INK, xref="paper")
    figure.add_scatter(
        x=[row["rate"] for row in rows],
        y=list(range(len(rows))),
        mode="markers",
        marker={
            "size": 10,
            "color": [ink if full else "white" for full, ink in zip(filled, inks, strict=True)],
            "line": {"color": list(inks), "width": 2},
        },
        text=[f"{row['passed']}/{row['n']}, interval {row['low']:.0%}-{row['high']:.0%}" for row in rows],
        hovertemplate="%{text}<extra></extra>",
    )


def _finish(figure: go.Figure, title: str, ticks: Sequence[str], left: int = 210) -> go.Figure:
    styled(figure, title, 128 + _ROW * len(ticks))
    figure.update_layout(margin={"l": left, "r": 110, "t": 76, "b": 44})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(tickvals=list(range(len(ticks))), ticktext=list(ticks), range=[len(ticks) - 0.4, -0.6])
    return figure.update_yaxes(showgrid=False, tickfont={"size": 13, "color": INK})


def _lines_between(figure: go.Figure, keys: Sequence[str]) -> None:
    for y in range(1, len(keys)):
        if keys[y] != keys[y - 1]:
            figure.add_hline(y=y - 0.5, line={"color": FAINT, "width": 1.5})


def slice_coverage(counts: Records) -> Plot:
    """Share of each slice value with its Wilson interval; n stands at the right.

    A filled dot has less than half of an equal share: a look at it is worth while, though rare need not be wrong.

    Args:
        counts: as ``labkit.coverage.slices.coverage`` gives them.

    Raises:
        LabError: nothing to plot.
    """
    entries = _rows(counts, "slice_coverage")
    values = {name: sum(entry["slice"] == name for entry in entries) for name in (e["slice"] for e in entries)}
    rows = [entry | {"thin": entry["high"] < 0.5 / values[entry["slice"]]} for entry in entries]
    drawn = [row | {"rate": row["share"], "passed": row["n"], "n": row["of"]} for row in rows]
    figure = go.Figure()
    _dots(figure, drawn, [row["thin"] for row in rows], [BAD if row["thin"] else GOOD for row in rows])
    _lines_between(figure, [row["slice"] for row in rows])
    ticks = [f"{label(row['value'], 18)}  {_soft(label(row['slice'], 14))}" for row in rows]
    _finish(figure, "What the rows cover", ticks)
    thin = [f"{row['slice']}={row['value']} ({row['n']} of {row['of']})" for row in rows if row["thin"]]
    largest = max(rows, key=lambda row: row["share"])
    lines = [
        f"{len(values)} slices with {len(rows)} values: {some([f'{name} ({n})' for name, n in values.items()])}.",
        f"Largest share: {largest['slice']}={largest['value']}, {percent(largest['share'])} of {largest['of']} rows.",
        f"Less than half of an equal share: {some(thin) or 'none'}.",
    ]
    return Plot(figure, rows, lines)


def pair_map(cells: Records, a: str, b: str) -> Plot:
    """How many rows have each value of two slices; missing pairs are crossed out.

    Args:
        cells: as ``labkit.coverage.slices.pairwise`` gives them; other slices' cells are left out.
        a: the slice that runs down.
        b: the slice that runs across.

    Raises:
        LabError: there is no cell of these two slices.
    """
    own: list[tuple[str, str, dict[str, Any]]] = []
    for cell in _rows(cells, "pair_map"):
        if (cell["a"], cell["b"]) == (a, b):
            own.append((cell["value_a"], cell["value_b"], cell))
        elif (cell["a"], cell["b"]) == (b, a):
            own.append((cell["value_b"], cell["value_a"], cell))
    if not own:
        raise LabError("pair_map", f"there are no cells of {a} and {b}", "name two slices of the rows")
    down, across = sorted({x for x, _, _ in own}), sorted({y for _, y, _ in own})
    rows = [
        {a: x, b: y, "n": c["n"], "expected": c["expected"], "missing": c["missing"]}
        for x, y, c in sorted(own, key=lambda e: e[:2])
    ]
    most = max(row["n"] for row in rows) or 1
    figure = go.Figure(
        go.Heatmap(
            z=[[next(r["n"] for r in rows if (r[a], r[b]) == (x, y)) for y in across] for x in down],
            x=list(range(len(across))),
            y=list(range(len(down))),
            colorscale=[[0, "#ffffff"], [1, "#7fb2d6"]],
            zmin=0,
            zmax=most,
            showscale=False,
            xgap=3,
            ygap=3,
            hoverinfo="skip",
        )
    )
    for row in rows:
        x, y = across.index(row[b]), down.index(row[a])
        expected = f"{row['expected']:.0f} expected"
        text = f"<b>missing</b><br>{_soft(expected)}" if row["missing"] else str(row["n"])
        figure.add_annotation(x=x, y=y, text=text, showarrow=False, font={"color": BAD if row["missing"] else INK})
        if row["missing"]:
            box = {"x0": x - 0.47, "x1": x + 0.47, "y0": y - 0.45, "y1": y + 0.45}
            figure.add_shape(type="rect", **box, line={"color": BAD, "width": 2})
    styled(figure, f"Rows by {label(a)} and {label(b)}", 150 + 46 * len(down), margin={"l": 150, "r": 30, "t": 76, "b": 60})
    figure.update_xaxes(tickvals=list(range(len(across))), ticktext=[label(v, 16) for v in across], showgrid=False)
    figure.update_yaxes(tickvals=list(range(len(down))), ticktext=[label(v, 20) for v in down], showgrid=False)
    figure.update_yaxes(autorange="reversed")
    missing = [f"{a}={row[a]} & {b}={row[b]} ({row['expected']:.0f} expected)" for row in rows if row["missing"]]
    least = min(rows, key=lambda row: row["n"])
    lines = [
        f"{a} by {b}: {len(rows)} pairs, {sum(row['n'] for row in rows)} rows.",
        f"Missing though chance would have put rows there: {some(missing) or 'none'}.",
        f"Fewest: {a}={least[a]} & {b}={least[b]}, {least['n']} rows.",
    ]
    return Plot(figure, rows, lines)


def outcomes(gaps: Records, slice: str) -> Plot:
    """How often each group of one slice gets the outcome, over all rows and for each kind of request.

    Filled dots belong to a pair of groups whose rates differ by ten points or more and beyond chance.

    Args:
        gaps: as ``labkit.coverage.bias.probe`` gives them.
        slice: the slice whose groups are shown.

    Raises:
        LabError: no comparison of this slice.
    """
    own = [gap for gap in _rows(gaps, "outcomes") if gap["slice"] == slice]
    if not own:
        raise LabError("outcomes", f"no groups of {slice} were compared", "groups need 30 rows each")
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for gap in own:
        for side in "ab":
            key = (gap["outcome"], gap["where"], gap[side])
            row = found.setdefault(key, {"outcome": key[0], "where": key[1], "group": key[2], "unequal": False})
            row |= gap[f"rate_{side}"]
            row["unequal"] |= gap["unequal"]
    rows = [found[key] for key in sorted(found)]
    figure = go.Figure()
    _dots(figure, rows, [row["unequal"] for row in rows], [BAD if row["unequal"] else GOOD for row in rows])
    _lines_between(figure, [f"{row['outcome']}|{row['where']}" for row in rows])
    ticks = [f"{label(row['group'], 16)}  {_soft(label(row['where'] or 'all rows', 22))}" for row in rows]
    named = ", ".join(dict.fromkeys(row["outcome"] for row in rows))
    _finish(figure, f"How often the answer is {label(named)}, by {label(slice)}", ticks, left=270)
    unequal = [
        f"{gap['a']} vs {gap['b']}{' at ' + gap['where'] if gap['where'] else ''} "
        f"({100 * (gap['adjusted'] or gap['crude'])['estimate']:+.0f} points)"
        for gap in own
        if gap["unequal"]
    ]
    lines = [
        f"{slice}: {len({row['group'] for row in rows})} groups, {len(own)} comparisons, outcome {named}.",
        f"Unequal beyond chance: {some(unequal) or 'none'}.",
        "Intervals are 95% each; the comparisons themselves share one error rate.",
    ]
    return Plot(figure, rows, lines)


def balance(table: Records) -> Plot:
    """Share of each slice value before and after rebalancing: hollow before, filled after.

    Args:
        table: as ``labkit.coverage.rebalance.before_after`` gives it.

    Raises:
        LabError: nothing to plot.
    """
    rows = _rows(table, "balance")
    figure = go.Figure()
    for y, row in enumerate(rows):
        ends = {"x0": row["share_before"], "x1": row["share_after"], "y0": y, "y1": y}
        figure.add_shape(type="line", **ends, line={"color": SOFT, "width": 2}, layer="below")
        at_right(figure, 1, y, f"{row['before']} to {row['after']}", INK, xref="paper")
    for key, ink in (("share_before", "white"), ("share_after", GOOD)):
        figure.add_scatter(
            x=[row[key] for row in rows],
            y=list(range(len(rows))),
            mode="markers",
            marker={"size": 10, "color": ink, "line": {"color": GOOD, "width": 2}},
            hoverinfo="skip",
        )
    _lines_between(figure, [row["slice"] for row in rows])
    ticks = [f"{label(row['value'], 18)}  {_soft(label(row['slice'], 14))}" for row in rows]
    _finish(figure, "Before (hollow) and after (filled)", ticks)
    moved = max(rows, key=lambda row: abs(row["share_after"] - row["share_before"]))
    gone = [f"{row['slice']}={row['value']}" for row in rows if row["before"] and not row["after"]]
    first = rows[0]["slice"]
    sums = [sum(row[key] for row in rows if row["slice"] == first) for key in ("before", "after")]
    lines = [
        f"{sums[0]} rows before, {sums[1]} after (those with {first}).",
        f"Moved most: {moved['slice']}={moved['value']}, {percent(moved['share_before'])} to {percent(moved['share_after'])}.",
        f"Gone altogether: {some(gone) or 'none'}.",
    ]
    return Plot(figure, rows, lines)
