"""Counterfactual rows: the same request with another name, pronoun or region, whose decision must stay the same.

Swap only what the written rules do not name: where a rule treats the islands in another way, a swapped region changes
the decision rightly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, Field

from labkit import LabError
from labkit.coverage.bias import decision, refusal
from labkit.records import Example, Message
from labkit.stats import mcnemar_midp, p_text

# "her" is both "him" and "his": before a word that it can own it is the latter.
_HER = re.compile(
    r"\bher(?=\s+(?!(?:a|an|and|as|at|but|by|for|from|he|how|if|in|into|it|of|on|or|out|she|so|that|the|to|up|was|were|what"
    r"|when|whether|which|while|with|would|could|should|about|after|before|because|had|has|is|again|too)\b)[a-z0-9-]+)",
    re.I,
)
_PRONOUNS = {"he": "she", "him": "her", "himself": "herself", "mr": "mrs", "man": "woman", "men": "women"}
_FEMALE = {"hers": "his", "ms": "mr"} | {b: a for a, b in _PRONOUNS.items()}


class Swap(BaseModel):
    """Words that stand in for one another, in both directions; case is kept.

    Args:
        name: what is swapped, e.g. ``names``; it goes into the ids of rewritten rows.
        words: word -> the word instead, lower case.
        slices: slice -> value -> the value instead, for the rewritten row.
        first: the words of the first side; ``sides`` names both. They give a comparison its direction.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,30}$")
    words: dict[str, str]
    slices: dict[str, dict[str, str]] = {}
    first: frozenset[str] = frozenset()
    sides: tuple[str, str] = ("the request", "its twin")


class Counterfactual(BaseModel):
    """A row and its rewritten twin, with the words that changed."""

    row: str
    swap: str
    twin: Example
    changed: list[tuple[str, str]]


class Flips(BaseModel):
    """Answers to two sides of the same requests: how many decisions changed, and whether in one direction.

    Args:
        n: pairs in which both answers hold a decision.
        changed: pairs with two different decisions: each of them is a defect, in whatever direction.
        a_only, b_only: pairs in which only the first side (a) or only the second (b) got the outcome.
        p: mid-p McNemar on these two: small where one side is favoured.
        rows: keys of the changed pairs.
        sides: what a and b are.
    """

    n: int
    changed: int
    outcome: str
    a_only: int
    b_only: int
    p: float
    rows: list[str]
    sides: tuple[str, str] = ("the request", "its twin")

    def __str__(self) -> str:
        if not self.n:
            return "0 pairs, nothing to compare"
        a, b = self.sides
        lean = f"{self.outcome!r} {self.a_only} times for {a} only, {self.b_only} times for {b} only"
        return f"{self.changed} of {self.n} decisions changed; {lean} (mid-p {p_text(self.p)})"


def between(
    name: str, left: Sequence[str], right: Sequence[str], slices: Mapping[str, tuple[str, str]] | None = None
) -> Swap:
    """Swap two lists of words, such as two families of names: the first for the first, and so on.

    Args:
        name: of the swap.
        left: the words of one side; the shorter list is gone through again from its start.
        right: those of the other.
        slices: slice -> its values for left and right.

    Raises:
        LabError: a list is empty, or a word stands in both.
    """
    if not left or not right:
        raise LabError(f"swap {name}", "has an empty side", "name at least one word on each")
    low_left, low_right = ([word.casefold() for word in side] for side in (left, right))
    if both := sorted(set(low_left) & set(low_right)):
        raise LabError(f"swap {name}", f"has {both[0]!r} on both sides", "name each word once")
    words = {word: low_right[i % len(low_right)] for i, word in enumerate(low_left)}
    words |= {word: low_left[i % len(low_left)] for i, word in enumerate(low_right)}
    sides = next(iter((slices or {}).values()), (low_left[0], low_right[0]))
    mirrored = {key: {a: b, b: a} for key, (a, b) in (slices or {}).items()}
    return Swap(name=name, words=words, slices=mirrored, first=frozenset(low_left), sides=sides)


_OWN = "her (own)"  # no word of a text: the mark of an owning "her"


def pronouns() -> Swap:
    """Swap he and she, his and her, and a few words like them. A rule of thumb tells "her" (his) from "her" (him)."""
    words = {**_PRONOUNS, **_FEMALE, "his": "her", _OWN: "his"}
    return Swap(name="pronouns", words=words, first=frozenset([*_PRONOUNS, "his"]), sides=("he", "she"))


def rewrite(text: str, swap: Swap) -> tuple[str, list[tuple[str, str]]]:
    """The text with all words swapped at once, and the words that changed, in order."""
    changed: list[tuple[str, str]] = []
    owning = {m.start() for m in _HER.finditer(text)} if _OWN in swap.words else set()
    pattern = "|".join(sorted((re.escape(word) for word in swap.words), key=len, reverse=True))

    def put(match: re.Match[str]) -> str:
        key = _OWN if match.start() in owning else match[0].casefold()
        new = _cased(swap.words[key], match[0])
        changed.append((match[0], new))
        return new

    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", put, text, flags=re.I), changed


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def counterfactuals(rows: Iterable[Example], swaps: Sequence[Swap]) -> list[Counterfactual]:
    """The twins of all rows that hold a word of a swap in a user message; a row may have one twin a swap.

    A twin keeps the expected answer with its words swapped too, gets the id ``row+swap``, the row as parent, and the
    swap's slice values.
    """
    return [twin for row in rows for swap in swaps for twin in _twin(row, swap)]


def _twin(row: Example, swap: Swap) -> Iterator[Counterfactual]:
    prompt: list[Message] = []
    changed: list[tuple[str, str]] = []
    for message in row.prompt:
        content, words = rewrite(message.content, swap) if message.role == "user" else (message.content, [])
        prompt.append(message.model_copy(update={"content": content}))
        changed += words
    if not changed:
        return
    slices = {key: swap.slices.get(key, {}).get(value, value) for key, value in row.slices.items()}
    parents, transform = [*row.provenance.parents, row.id], f"counterfactual: {swap.name}"
    twin = row.model_copy(
        update={
            "id": f"{row.id}+{swap.name}",
            "prompt": prompt,
            "response": rewrite(row.response, swap)[0],
            "slices": slices,
            "provenance": row.provenance.model_copy(update={"parents": parents, "transform": transform}),
        }
    )
    yield Counterfactual(row=row.id, swap=swap.name, twin=twin, changed=changed)


def paired_flips(
    answers_a: Mapping[str, str | None],
    answers_b: Mapping[str, str | None],
    outcome: str = "approve",
    sides: tuple[str, str] = ("the request", "its twin"),
) -> Flips:
    """Compare the decisions of two sides (a and b), key by key.

    Args:
        answers_a: decision by key, such as the row's id; None where an answer held none.
        answers_b: the same of the other side, under the same keys.
        outcome: the decision whose two directions are counted.
        sides: what a and b are, as "the request" and "its twin".

    Raises:
        LabError: the two do not have the same keys.
    """
    if strange := sorted(set(answers_a) ^ set(answers_b)):
        raise LabError(f"pair {strange[0]}", "has only one answer", "ask for both the request and its twin")
    pairs = {key: (a, b) for key, a in answers_a.items() if a is not None and (b := answers_b[key]) is not None}
    a_only = sum(a == outcome != b for a, b in pairs.values())
    b_only = sum(b == outcome != a for a, b in pairs.values())
    differ = [key for key, (a, b) in pairs.items() if a != b]
    p, n = mcnemar_midp(a_only, b_only), len(pairs)
    return Flips(n=n, changed=len(differ), outcome=outcome, a_only=a_only, b_only=b_only, p=p, rows=differ, sides=sides)


def fairness_probe(
    rows: Iterable[Example],
    swaps: Sequence[Swap],
    answer: Callable[[Sequence[Message]], str],
    outcome: str = "approve",
) -> dict[str, Flips]:
    """Ask a model about each row and its twins, and compare the decisions, swap by swap.

    A row may stand on either side of a swap: its first swapped word says on which. Side a is always the swap's first
    one, so that a model that favours it shows in one direction, whichever side the rows were written from.

    Args:
        rows: requests.
        swaps: what must make no difference.
        answer: the model: chat messages in, answer out. Each request is asked once, whatever the number of its twins.
        outcome: the decision whose two directions are counted.
    """
    known = {row.id: row for row in rows}
    asked: dict[str, str | None] = {}
    of = {swap.name: swap for swap in swaps}
    a: dict[str, dict[str, str | None]] = {swap.name: {} for swap in swaps}
    b: dict[str, dict[str, str | None]] = {swap.name: {} for swap in swaps}
    for pair in counterfactuals(known.values(), swaps):
        if pair.row not in asked:
            asked[pair.row] = _decided(known[pair.row], answer)
        swap = of[pair.swap]
        as_asked = not swap.first or pair.changed[0][0].casefold() in swap.first
        mine, its = (a, b) if as_asked else (b, a)
        mine[pair.swap][pair.row], its[pair.swap][pair.row] = asked[pair.row], _decided(pair.twin, answer)
    return {name: paired_flips(a[name], b[name], outcome, swap.sides) for name, swap in of.items()}


def _decided(row: Example, answer: Callable[[Sequence[Message]], str]) -> str | None:
    said = row.model_copy(update={"response": answer(row.prompt)})
    return decision(said) or refusal(said)
