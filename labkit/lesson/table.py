"""Small tables in a notebook: HTML for readers, aligned plain text for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from labkit.printable import plain

_CUT = 72  # characters of a cell in plain text
_SHORT = 16  # a cell up to this long is kept on one line


@dataclass(frozen=True, repr=False)
class Table:
    """Rows with equal keys; the keys are the heads of the columns. Cells may hold text of models: it is escaped."""

    rows: tuple[Mapping[str, Any], ...]

    def __init__(self, rows: Iterable[Mapping[str, Any]]):
        object.__setattr__(self, "rows", tuple(rows))

    def _cells(self) -> list[list[str]]:
        heads = list(self.rows[0]) if self.rows else ["nothing to show"]
        return [heads, *([_said(row[head]) for head in heads] for row in self.rows)]

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "".join(["<tr>", *(f'<{tag} style="{style(c)}">{escape(c)}</{tag}>' for c in cells), "</tr>"])

        def style(cell: str) -> str:
            return "text-align:left;vertical-align:top" + ";white-space:nowrap" * (len(cell) <= _SHORT)

        heads, *body = self._cells()
        return f"<table>{line(heads, 'th')}{''.join(line(cells, 'td') for cells in body)}</table>"

    def __repr__(self) -> str:
        cells = [[c if len(c) <= _CUT else c[: _CUT - 3] + "..." for c in line] for line in self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else plain(str(value))
