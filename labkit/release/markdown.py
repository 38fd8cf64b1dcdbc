"""Text of models and users inside Markdown: it stays text, on its line or in its block."""

from __future__ import annotations

import re

from labkit.printable import plain, printable

LONGEST_TEXT = 1200  # characters of one text that a file for people shows


def inline(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text on one line in which nothing is markup: no heading, link, image, HTML or table cell can come of it."""
    line = printable(" ".join(plain(text).split()), longest)
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", line)


def block(text: str, kind: str = "text", longest: int = LONGEST_TEXT) -> str:
    """Text as a code block; its fence is longer than any row of backticks inside."""
    shown = printable(text, longest)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}{kind}\n{shown}\n{fence}"
