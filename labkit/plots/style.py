"""What all figures share: colours, type, margins, and the way they are shown."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

INK, SOFT, FAINT = "#22282f", "#66707a", "#e4e8ec"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 820

# Okabe and Ito's palette, told apart with every common colour blindness. The models of the lab keep theirs everywhere.
_MODELS = {"base": "#767676", "sft": "#0072B2", "dpo": "#D55E00", "kto": "#009E73", "reward": "#CC79A7"}
_OTHERS = ("#CC79A7", "#009E73", "#E69F00", "#56B4E9")
GOOD, BAD = _MODELS["sft"], _MODELS["dpo"]


def colour(model: str) -> str:
    """The one colour of a model name: ``sft`` and ``runs/sft-2`` are the same blue in every figure."""
    words = re.split(r"[^a-z]+", model.lower())
    known = next((_MODELS[word] for word in words if word in _MODELS), None)
    return known or _OTHERS[zlib.crc32(model.encode("utf-8", "replace")) % len(_OTHERS)]


def label(text: str, longest: int = 40) -> str:
    """Text as plotly shows it literally: its markup is switched off and overlong names are cut."""
    return html.escape(text if len(text) <= longest else text[: longest - 1] + "…", quote=False)


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{share:.0%}"


def some(names: Sequence[str], most: int = 6) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Plot:
    """A figure with the numbers behind it and a few lines that say what it shows."""

    figure: go.Figure
    rows: list[dict[str, Any]]
    lines: list[str]

    def table(self) -> list[dict[str, Any]]:
        """The plotted numbers, one dictionary a point."""
        return self.rows

    def text(self) -> str:
        """What the figure shows, in three to five plain lines."""
        return "\n".join(self.lines)

    def show(self) -> None:
        """Show the figure in a notebook, with a PNG for readers such as GitHub, and print its text.

        Outside a notebook the text alone is printed; without a browser for the PNG the interactive figure stands alone.
        """
        if _in_notebook():
            from IPython.display import display

            bundle: dict[str, Any] = {"application/vnd.plotly.v1+json": json.loads(self.figure.to_json())}
            bundle["application/vnd.plotly.v1+json"]["config"] = {"displaylogo": False}
            if png := _png(self.figure):
                bundle["image/png"] = base64.b64encode(png).decode()
            display(bundle, raw=True)
        print(self.text())

    _ipython_display_ = show  # so that a plot at the end of a cell is shown rather than spelt out


def _in_notebook() -> bool:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


_png_state = {"server": False, "broken": False}


def _png(figure: go.Figure) -> bytes | None:
    """A still picture, or None where kaleido or its browser is missing; a failure is not tried again."""
    if _png_state["broken"]:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not _png_state["server"]:  # 0.5 s a picture instead of 6 s
                import kaleido

                kaleido.start_sync_server(silence_warnings=True)
                _png_state["server"] = True
            return _small(figure.to_image("png", scale=0.85))
    except Exception:  # kaleido raises a dozen kinds, its browser's among them; the figure must be shown all the same
        _png_state["broken"] = True
        return None


def _small(png: bytes) -> bytes:
    """The same picture in 32 colours: a fifth of the bytes, and notebooks are committed with their outputs.

    The octree keeps the colour of small marks, which the default method gives up for shades of the large ones.
    """
    try:
        from PIL import Image
    except ImportError:
        return png
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(32, method=Image.Quantize.FASTOCTREE).save(out, "PNG", optimize=True)
    return out.getvalue()


def styled(figure: go.Figure, title: str, height: int, **layout: Any) -> go.Figure:
    """Apply the house style: quiet axes, left title, direct labels instead of a legend."""
    figure.update_layout(
        template="none",
        width=WIDTH,
        height=height,
        title={"text": f"<b>{title}</b>", "font": {"size": 16}, "x": 0, "pad": {"l": 16}, "y": 1 - 26 / height},
        font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 60, "r": 120, "t": 64, "b": 52},
        showlegend=False,
        hoverlabel={"font": {"family": FONT}},
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    axis = {"gridcolor": FAINT, "zeroline": False, "linecolor": FAINT, "tickfont": {"size": 12, "color": SOFT}}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure.update_layout(**layout)


def at_right(figure: go.Figure, x: float, y: float, text: str, ink: str, **where: Any) -> None:
    """Write a direct label beside the last point of a line."""
    note = {"x": x, "y": y, "text": text, "font": {"color": ink, "size": 12}, "showarrow": False}
    figure.add_annotation(note | {"xanchor": "left", "xshift": 8, "align": "left"} | where)
