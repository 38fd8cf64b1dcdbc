"""Licence names and expressions: SPDX ids and their aliases, "A OR B", "A AND B", and what a licence asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from labkit.policy import Clearance

Use = Literal["allowed", "ask", "forbidden", "unknown"]
_WORST = {"allowed": 0, "ask": 1, "unknown": 2, "forbidden": 3}

# Usual obligations of licences that text and data come under, where the clearance file names none.
OBLIGATIONS: dict[str, tuple[str, ...]] = {
    "CC0-1.0": (), "Unlicense": (), "PDDL-1.0": (), "CC-PDDC": (),
    "MIT": ("keep the notice",), "BSD-2-Clause": ("keep the notice",), "BSD-3-Clause": ("keep the notice",),
    "Apache-2.0": ("keep the notice", "state changes"), "CDLA-Permissive-2.0": ("keep the notice",),
    "CC-BY-3.0": ("attribution",), "CC-BY-4.0": ("attribution",), "ODC-By-1.0": ("attribution",),
    "CC-BY-SA-3.0": ("attribution", "share alike"), "CC-BY-SA-4.0": ("attribution", "share alike"),
    "ODbL-1.0": ("attribution", "share alike"), "CDLA-Sharing-1.0": ("share alike",),
    "GPL-2.0-only": ("share alike",), "GPL-3.0-only": ("share alike",), "AGPL-3.0-only": ("share alike",),
    "CC-BY-NC-4.0": ("attribution", "non-commercial"),
    "CC-BY-NC-SA-4.0": ("attribution", "non-commercial", "share alike"),
    "CC-BY-ND-4.0": ("attribution", "no derivatives"),
    "CC-BY-NC-ND-4.0": ("attribution", "non-commercial", "no derivatives"),
}  # fmt: skip
_FULL = {
    "creative commons zero": "cc0", "public domain dedication": "cc0", "creative commons": "cc", "attribution": "by",
    "non commercial": "nc", "noncommercial": "nc", "share alike": "sa", "sharealike": "sa", "no derivatives": "nd",
    "noderivatives": "nd", "international": "", "gnu general public": "gpl",
}  # fmt: skip


class Ruling(NamedTuple):
    """What a licence expression means here, and the term of it that decided."""

    use: Use
    term: str
    reason: str
    obligations: tuple[str, ...]


def simplify(name: str) -> str:
    """A spelling-free form: "Apache License, Version 2.0", "apache-2.0" and "Apache 2" become the same."""
    text = re.sub(r"[\s_,()/-]+", " ", name.lower())
    text = re.sub(r"\b(?:the|licen[cs]es?|version|unported)\b|\bv(?=\.?\s?\d)\.?", " ", text)
    for long, short in _FULL.items():
        text = text.replace(long, short)
    text = re.sub(r"(?<=[a-z])v?(?=\d\.\d)|(?<=gpl)v?(?=\d)", " ", text)
    text = re.sub(r"\bcc0 1\.0\b", "cc0", text)
    return re.sub(r"\.0\b| (?:only|or later)$", "", " ".join(text.split()))


def rule(expression: str, clearance: Clearance) -> Ruling:
    """What may be done under a licence expression. Of "A OR B" the better counts, of "A AND B" the worse.

    Args:
        expression: an SPDX id, an alias of the clearance file, or an expression of these; not empty.
        clearance: names the use of each licence.
    """
    known = _names(tuple((key, tuple(entry.aliases)) for key, entry in clearance.licences.items()))
    if not re.search(r"[()]", expression) and simplify(expression) in known:  # an alias may hold the word "or"
        return _single(expression, known, clearance)
    pieces = re.split(r"([()])|(?:(?<=\s)|(?<=\)))(OR|AND|or|and)(?=[\s(]|$)", expression)
    tokens = [piece.strip() for piece in pieces if piece and piece.strip()]
    ruling, rest = _either(tokens, known, clearance)
    return ruling if not rest else Ruling("unknown", expression, "the expression cannot be read", ())


def _either(tokens: list[str], known: dict[str, str], clearance: Clearance) -> tuple[Ruling, list[str]]:
    found, tokens = _both(tokens, known, clearance)
    options = [found]
    while tokens and tokens[0].upper() == "OR":
        found, tokens = _both(tokens[1:], known, clearance)
        options.append(found)
    return min(options, key=lambda r: (_WORST[r.use], len(r.obligations))), tokens


def _both(tokens: list[str], known: dict[str, str], clearance: Clearance) -> tuple[Ruling, list[str]]:
    found, tokens = _term(tokens, known, clearance)
    parts = [found]
    while tokens and tokens[0].upper() == "AND":
        found, tokens = _term(tokens[1:], known, clearance)
        parts.append(found)
    worst = max(parts, key=lambda r: _WORST[r.use])
    return worst._replace(obligations=tuple(sorted({o for part in parts for o in part.obligations}))), tokens


def _term(tokens: list[str], known: dict[str, str], clearance: Clearance) -> tuple[Ruling, list[str]]:
    if not tokens:
        return Ruling("unknown", "", "the expression ends too early", ()), []
    if tokens[0] == "(":
        inner, rest = _either(tokens[1:], known, clearance)
        if rest and rest[0] == ")":
            return inner, rest[1:]
        return Ruling("unknown", "(", "a bracket is not closed", ()), []
    return _single(tokens[0], known, clearance), tokens[1:]


def _single(name: str, known: dict[str, str], clearance: Clearance) -> Ruling:
    base = re.split(r"(?i)\s+with\s+", name)[0]  # an exception only adds permissions
    key = known.get(simplify(name)) or known.get(simplify(base)) or known.get(simplify(base.rstrip("+")))
    entry = clearance.licences.get(key or "")
    if key is None or entry is None:
        return Ruling("unknown", name, "it is not in the clearance file", ())
    return Ruling(entry.use, name, entry.reason, tuple(sorted(entry.obligations or OBLIGATIONS.get(key, ()))))


@lru_cache(maxsize=16)
def _names(licences: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Each spelling to its licence; ids win over aliases."""
    found = {simplify(alias): key for key, aliases in licences for alias in aliases}
    return found | {simplify(key): key for key, _ in licences}
