"""Lists of phrases that are quick to search: a pattern is tried only where one of its words is in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN_MARKS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})


def fold(text: str) -> str:
    """The text in lower case with plain quotation marks, every character in its place."""
    low = text.lower()
    if len(low) != len(text):  # a few letters have a lower case of two characters
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return low.translate(_PLAIN_MARKS)


class Phrases:
    """Regular expressions for folded text, each with the words of which it needs one.

    Args:
        cues: pairs such as ``("dog|cat", r"\\b(?:dog|cat)s? (?:bit|bites)\\b")``.
    """

    def __init__(self, *cues: tuple[str, str]):
        self._cues = [(tuple(words.split("|")), re.compile(pattern)) for words, pattern in cues]

    def finditer(self, low: str) -> Iterator[re.Match[str]]:
        """Matches in a folded text, in the order of the list."""
        for words, pattern in self._cues:
            for word in words:
                if word in low:
                    yield from pattern.finditer(low)
                    break

    def search(self, low: str) -> re.Match[str] | None:
        """The first match of the first cue that has one."""
        return next(self.finditer(low), None)
