"""Texts as a reader takes them: spelt-out, leetspeak, look-alike and misspelt words put back, with their places kept.

A filter reads letters, a language model reads meaning: "1gn0re y0ur r u l e s" says the same to the model as the plain
words. Undone here is what can be undone without a model: invisible letters, accents, Cyrillic and Greek look-alikes,
letters with spaces between, digits for letters, common shorthand, and words one or two letters away from those that
attacks are made of. Anything else (other words, other languages, a story) is beyond it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import NamedTuple

# What attacks are made of, and the small words between: a spaced-out phrase is cut at these, a misspelt one drawn to them.
_WORDS = """
a all and any are as at before by card code customer customers details email everything for forget from give guard
guidelines help hidden his her how i ignore in instruction instructions is it kill list me my name number numbers of
on order ordered override address addresses alarm ammonia approve approved blade bleach bomb bypass disable disregard
discount explosives filter filters free gas limits mixing parcel password person phone poison policies policy pretend
previous print prompt refund repeat restrictions reveal rule rules safety say secret show smoke street switch system
tell that the their this to what where which who with without you your
"""
WORDS = frozenset(_WORDS.split())
_SHORT = {"ur": "your", "u": "you", "n": "and", "r": "are", "teh": "the", "wiv": "with", "hw": "how", "b4": "before"}
_LEET = str.maketrans("034578@$", "oeastbas")
_TWINS = str.maketrans("авеіјкмнорстухѕԁαβεικνορτυχ", "abeijkmhopctyxsdabeikvoptux")
# Single letters with one and the same sign between them: "r u l e s", "r.u.l.e.s"; two such runs part at a double space.
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:( )[^\W_](?:\1[^\W_]){2,}|([._*-])[^\W_](?:\2[^\W_])+)(?![^\W_])")
_WORD = re.compile(r"[a-z0-9@$]+")
_LONGEST = max(map(len, WORDS))
_LIKE = 0.8  # share of letters in common (difflib) from which on a word is taken for a known one


class View(NamedTuple):
    """A text in lower case without its disguises; ``places[i]`` is where its character i stands in the original."""

    text: str
    places: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that a stretch of this text was read from."""
        return self.places[start], self.places[end - 1] + 1


def unveil(text: str) -> View:
    """The text without disguises, as far as they can be undone without understanding it."""
    view = plain_letters(text)
    view = _rewritten(view, _SPACED, lambda run: _cut("".join(c for c in run if c.isalnum())))
    view = _rewritten(view, re.compile("  +"), lambda gap: " ")
    return _rewritten(view, _WORD, _read)


def plain_letters(text: str) -> View:
    """The text in lower case without accents, invisible letters and look-alikes of other scripts."""
    letters, places = [], []
    for i, character in enumerate(text):
        if unicodedata.category(character) in ("Cf", "Mn"):  # invisible, or an accent of its own
            continue
        for letter in unicodedata.normalize("NFKD", character).lower().translate(_TWINS):
            if unicodedata.category(letter) != "Mn":
                letters.append({"’": "'", "‘": "'", "“": '"', "”": '"'}.get(letter, letter))
                places.append(i)
    return View("".join(letters), places)


def _rewritten(view: View, pattern: re.Pattern[str], read: Callable[[str], str]) -> View:
    """The view with each match read anew; characters of a new word share out the places of the old one."""
    text: list[str] = []
    places: list[int] = []
    done = 0
    for match in pattern.finditer(view.text):
        new = read(match[0])
        if new == match[0]:
            continue
        old = view.places[match.start() : match.end()]
        text += [view.text[done : match.start()], new]
        places += view.places[done : match.start()]
        places += [old[i * (len(old) - 1) // max(1, len(new) - 1)] for i in range(len(new))]
        done = match.end()
    return View("".join([*text, view.text[done:]]), places + view.places[done:])


def _cut(letters: str) -> str:
    """Letters cut into known words where that works out, else left as one word."""
    ways: list[list[str] | None] = [[], *([None] * len(letters))]
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - _LONGEST), end):  # the longest last word first
            before, word = ways[start], letters[start:end]
            if before is not None and word in WORDS:
                ways[end] = [*before, word]
                break
    return " ".join(ways[-1] or [letters])


@functools.lru_cache(4096)
def _read(word: str) -> str:
    if word in WORDS or word in _SHORT:
        return _SHORT.get(word, word)
    if not word.isalpha() and re.search("[a-z]", word):
        ways = [word.replace("1", one).translate(_LEET) for one in "il"]
        read = next((way for way in ways if way in WORDS), ways[0])
        digits = sum(not c.isalpha() for c in word)
        if read.isalpha() and (read in WORDS or digits <= len(word) / 2):
            word = read
    if len(word) < 5 or not word.isalpha() or any(word.startswith(known) for known in WORDS if len(known) > 3):
        return word
    near = {k: SequenceMatcher(None, word, k).ratio() for k in _near(word)}
    best = max(sorted(near), key=lambda k: near[k], default=word)
    return best if near.get(best, 0.0) >= _LIKE else word


def _near(word: str) -> list[str]:
    return [k for k in WORDS if len(k) > 3 and k[0] == word[0] and abs(len(k) - len(word)) <= 2]
