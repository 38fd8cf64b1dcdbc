"""Several repairs of one text, each made for the text as it came, put together into one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_MOST = 4000  # tokens: the comparison takes time with their square; beyond it what differs counts as one edit


class Edit(NamedTuple):
    """Characters ``start`` to ``end`` of the original become ``text``."""

    start: int
    end: int
    text: str


def edits(old: str, new: str) -> list[Edit]:
    """What turns one text into the other, in whole words, left to right."""
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    head = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest = min(len(a), len(b)) - head
    tail = next((i for i in range(rest) if a[-1 - i] != b[-1 - i]), rest)
    a_mid, b_mid = a[head : len(a) - tail], b[head : len(b) - tail]
    at = [sum(map(len, a[:head]))]
    for token in a_mid:
        at.append(at[-1] + len(token))
    if max(len(a_mid), len(b_mid)) > _MOST:
        return [Edit(at[0], at[-1], "".join(b_mid))]
    codes = SequenceMatcher(None, a_mid, b_mid, autojunk=False).get_opcodes()
    return [Edit(at[i], at[j], "".join(b_mid[k:m])) for tag, i, j, k, m in codes if tag != "equal"]


def compose(text: str, versions: Sequence[str]) -> tuple[str, list[int]]:
    """Merge several new versions of a text: each version's edits, as far as no earlier version touched the same words.

    A version goes in whole or not at all, so that a mask is never half a mask. Where one version deletes words that
    another changes, they are deleted.

    Args:
        text: the text they were all made from.
        versions: the new texts, the one that matters most first.

    Returns:
        The merged text, and the positions of the versions that had to give way.
    """
    taken: list[Edit] = []
    gave_way: list[int] = []
    for position, version in enumerate(versions):
        own = [e for e in edits(text, version) if e not in taken and not any(_swallows(t, e) for t in taken)]
        kept = [t for t in taken if not any(_swallows(e, t) for e in own)]
        if any(_meet(e, t) for e in own for t in kept):
            gave_way.append(position)
        else:
            taken = kept + own
    for edit in sorted(taken, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text, gave_way


def _meet(a: Edit, b: Edit) -> bool:
    """Do two edits touch the same words? Neighbours do not, except where one of them only adds words."""
    if a.start == a.end or b.start == b.end:
        return a.start <= b.end and b.start <= a.end
    return a.start < b.end and b.start < a.end


def _swallows(big: Edit, small: Edit) -> bool:
    """Does one edit delete all that the other is about?"""
    return not big.text.strip() and big.start <= small.start and small.end <= big.end
