"""Lists of phrases that are quick to search: a pattern is tried only where one of its words is in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN_MARKS = {ord(a): b for a, b in zip("’‘“”\u00a0", "''\"\" ", strict=True)}
# Letters that only look Latin: Cyrillic and Greek ones, and the wide forms of ASCII.
_PLAIN_MARKS |= {
    ord(a): b
    for a, b in zip("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u03bf\u03b1", "aeopcyxisoa", strict=True)
}
_PLAIN_MARKS |= {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}


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
