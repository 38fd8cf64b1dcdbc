"""Text of models and users made safe to look at: nothing hidden, nothing that a terminal, a browser or XML obeys."""

from __future__ import annotations

import re

# Invisible, or illegal in XML: controls; direction marks; lone surrogates, non-characters. Emoji need their joiners.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str, longest: int = 2000) -> str:
    """Show control characters instead of obeying them, and cut long text with a note of its full length.

    Args:
        text: anything, such as a model's answer.
        longest: how many characters are kept.
    """
    kept = text[:longest].replace("\r\n", "\n")
    shown = _UNSAFE.sub(_visible, kept)
    return shown if len(text) <= longest else f"{shown} […cut here: {len(text):,} characters in all]"


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # the picture of the control character, e.g. ␛
    return f"[U+{code:04X}]"


def plain(text: str, lines: bool = False) -> str:
    """User text made safe for a terminal: no escape sequences, no control or direction-changing characters.

    Args:
        text: anything that may come from a file, a file name or a model.
        lines: keep line breaks; otherwise they become spaces.
    """
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?", "", text)
    if not lines:
        text = re.sub(r"\s*[\r\n]+\s*", " ", text)
    return re.sub(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", " ", text)
