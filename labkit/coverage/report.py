"""The coverage report: one HTML file that opens offline, prints, and runs nothing.

Every text passes through :func:`printable` and Jinja's escaping: both are set on the environment, not left to the
template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labkit.coverage.bias import probe
from labkit.coverage.rebalance import Proposal
from labkit.coverage.slices import PairCell, coverage, pairwise
from labkit.coverage.variety import diversity
from labkit.files import write_text
from labkit.pages import environment
from labkit.records import Example, Finding

LONGEST_TEXT = 400


def write(
    path: str | Path, rows: Sequence[Example], findings: Sequence[Finding], proposal: Proposal, title: str = "Coverage"
) -> Path:
    """Write what the rows cover, what was found, and what is proposed.

    Args:
        path: the HTML file.
        rows: the rows.
        findings: of the coverage checks.
        proposal: how the rows could be rebalanced.
        title: the headline.

    Returns:
        The path.
    """
    compared = probe(rows)
    page = environment(Path(__file__).parent / "templates", LONGEST_TEXT).get_template("coverage.html.j2")
    html = page.render(
        title=title,
        rows=len(rows),
        findings=findings,
        proposal=proposal.text().splitlines(),
        counts=coverage(rows),
        pairs=_pairs(pairwise(rows)),
        gaps=compared.gaps,
        refused=compared.refused,
        variety=diversity(rows),
    )
    return write_text(path, html)


def _pairs(cells: Sequence[PairCell]) -> list[dict[str, Any]]:
    """One table for each two slices; the cells come row by row."""
    tables: dict[tuple[str, str], dict[str, list[PairCell]]] = {}
    for cell in cells:
        tables.setdefault((cell.a, cell.b), {}).setdefault(cell.value_a, []).append(cell)
    return [
        {"a": a, "b": b, "across": [cell.value_b for cell in next(iter(down.values()))], "down": list(down.items())}
        for (a, b), down in tables.items()
    ]
