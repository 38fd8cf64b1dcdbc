"""Figures of labelling: agreement with its intervals against the customary bounds."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from pydantic import BaseModel

from labkit import LabError
from labkit.plots.style import BAD, GOOD, INK, SOFT, Plot, at_right, label, some, styled

GO, REVISE = 0.8, 0.667


def agreement(values: Mapping[str, BaseModel]) -> Plot:
    """Bars of kappas and alphas with their intervals; dashed lines stand where labels may be used, or revised.

    Args:
        values: a ``Kappa`` or ``Alpha`` by the name it is shown under, such as "guideline 1" or "ana and bo".

    Raises:
        LabError: nothing to plot.
    """
    rows = []
    for name, value in values.items():
        found = value.model_dump()
        measure = "alpha" if "alpha" in found else "kappa"
        numbers = {"value": found[measure], "low": found["low"], "high": found["high"], "n": found["n"]}
        rows.append({"name": name, "measure": measure} | numbers)
    if not rows:
        raise LabError("agreement", "there is nothing to plot", "pass at least one kappa or alpha")
    figure = go.Figure()
    for bound, text, side in ((REVISE, "revise", "right"), (GO, "go", "left")):  # away from each other
        figure.add_vline(x=bound, line={"color": INK, "width": 1.2, "dash": "dash"})
        at = {"x": bound, "xanchor": side, "y": 1, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text=f"{text} {bound:g}", showarrow=False, **at)
    inks = [BAD if row["value"] is None or row["value"] < REVISE else SOFT if row["value"] < GO else GOOD for row in rows]
    figure.add_bar(
        x=[row["value"] or 0 for row in rows],
        y=list(range(len(rows))),
        orientation="h",
        width=0.55,
        marker={"color": inks, "opacity": 0.55},
        hoverinfo="skip",
    )
    for y, (row, ink) in enumerate(zip(rows, inks, strict=True)):
        said = "undefined" if row["value"] is None else f"{row['value']:.2f}"
        at_right(figure, 1, y, f"{said}  <span style='color:{SOFT}'>n {row['n']}</span>", INK, xref="paper")
        if row["value"] is not None:
            ends = {"x0": row["low"], "x1": row["high"], "y0": y, "y1": y}
            figure.add_shape(type="line", **ends, line={"color": ink, "width": 2.5})
    styled(figure, "Agreement beyond chance", 140 + 34 * len(rows), margin={"l": 190, "r": 110, "t": 92, "b": 44})
    lowest = min([0.0, *(row["low"] for row in rows if row["low"] is not None)])
    figure.update_xaxes(range=[lowest - 0.02, 1.02], dtick=0.2)
    ticks = [f"{label(row['name'], 24)}  <span style='color:{SOFT}'>{row['measure']}</span>" for row in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=ticks, range=[len(rows) - 0.4, -0.6], showgrid=False)
    figure.update_yaxes(tickfont={"size": 13, "color": INK})
    groups = {
        f"At {GO:g} or above (go)": [r["name"] for r in rows if r["value"] is not None and r["value"] >= GO],
        f"From {REVISE:g} (revise the guideline)": [
            r["name"] for r in rows if r["value"] is not None and REVISE <= r["value"] < GO
        ],
        "Below, or undefined (stop)": [r["name"] for r in rows if r["value"] is None or r["value"] < REVISE],
    }
    return Plot(figure, rows, [f"{said}: {some(names) or 'none'}." for said, names in groups.items()])
