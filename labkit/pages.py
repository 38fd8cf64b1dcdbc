"""What every HTML page of the lab shares: it opens offline, runs nothing, and no text escapes the escaping."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from labkit.printable import printable


def environment(templates: Path, longest: int) -> Environment:
    """Jinja with escaping and :func:`printable` set on the environment itself, so that no template can forget them.

    Args:
        templates: the folder of the templates.
        longest: how many characters of one value are shown; ``Markup`` that the caller made is left alone.
    """
    return Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value), longest),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
