"""A guard before and behind a model: what may go in, and what may come out.

The input guard looks for attempts to make the assistant leave its rules, for requests for somebody else's data, and for
threats and dangerous wishes; the output guard for personal data, secrets, figures that nothing supports, and unsafe
words. It works by lists of cues (:mod:`labkit.governance`, :mod:`labkit.evaluation.guard_cues`) behind a reading that
undoes common disguises (:mod:`labkit.evaluation.disguise`). It is a second line of defence, never the first: a guard
knows what its authors thought of, and :mod:`labkit.evaluation.guard_report` measures how much that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from labkit.checks import Context, Hit
from labkit.evaluation.disguise import View, plain_letters, unveil
from labkit.evaluation.grounding import loose_slots
from labkit.evaluation.guard_cues import ASKED, HARMLESS, INJECTION, PERSONAL, UNSAFE
from labkit.evaluation.oracle_slots import clean, find
from labkit.governance import harm
from labkit.governance.phrases import Phrases, fold
from labkit.governance.pii import find_pii
from labkit.governance.screen import injection, unsafe
from labkit.governance.secrets import find_secrets
from labkit.policy import Policy
from labkit.records import Example, Message

Kind = Literal["injection", "personal data", "unsafe", "secret", "unsupported figure"]
_CONTACTS = ("e-mail", "phone")  # slots that lead to a person


class Ruling(NamedTuple):
    """The guard's word on one text: may it pass, why not, and which characters of the text say so."""

    allowed: bool
    reason: Kind | Literal[""] = ""
    span: tuple[int, int] | None = None


class Guard:
    """Rules on what may go into a model and what may come out.

    Args:
        policy: the written rules of the domain; a figure that they state is supported in every answer. Without it only
            the prompt supports figures.
    """

    def __init__(self, policy: Policy | None = None):
        self._rules = "\n".join(" ".join([rule.text, *rule.value]) for rule in policy.rules) if policy else ""

    def check_input(self, text: str) -> Ruling:
        """May this request reach the model? A customer's own data, rude words and reports of injury may."""
        for reason, start, end in _asked(text):
            return Ruling(False, reason, (start, end))
        return Ruling(True)

    def check_output(self, answer: str, prompt: str) -> Ruling:
        """May this answer leave the house? What the customer wrote, and what the written rules state, may be repeated.

        Args:
            answer: what the model said.
            prompt: all that it was told.
        """
        for reason, start, end in _said(answer, prompt, self._rules):
            return Ruling(False, reason, (start, end))
        return Ruling(True)


_Find = tuple[Kind, int, int]


def _asked(text: str) -> Iterator[_Find]:
    """What speaks against a request, as it was written and with its disguises undone."""
    read = unveil(text)
    for view in (View(text, list(range(len(text)))), read):
        for kind, start, end in _by_the_checks(view.text):
            yield (kind, *view.original(start, end))
    for view in (plain_letters(text), read):
        for kind, start, end in _by_the_cues(view.text):
            yield (kind, *view.original(start, end))


def _by_the_checks(text: str) -> Iterator[_Find]:
    """What the checks of the data half say of a row with this question and no answer."""
    row = _row(text, "")
    hits: list[tuple[Kind, Hit]] = [("injection", hit) for hit in injection(row, Context())]
    hits += [("unsafe", hit) for hit in unsafe(row, Context()) if hit.tier != "review"]  # rude is not unsafe
    for kind, hit in hits:
        start = text.find(hit.evidence)
        if hit.where == "prompt" and start >= 0 and not HARMLESS.search(fold(text[start:])):
            yield kind, start, start + len(hit.evidence)


def _by_the_cues(text: str) -> Iterator[_Find]:
    cues: tuple[tuple[Kind, Phrases], ...] = (("injection", INJECTION), ("unsafe", UNSAFE), ("personal data", PERSONAL))
    for kind, phrases in cues:
        for match in phrases.finditer(text):
            if kind != "unsafe" or not harm.FORBIDS.search(_until(text, match)):
                yield (kind, *match.span())
    for match in harm.ADVICE.finditer(text):
        sentence = _until(text, match)
        if ASKED.search(sentence) and not harm.FORBIDS.search(sentence) and not harm.POWER_OFF.search(text):
            yield ("unsafe", *match.span())


def _said(answer: str, prompt: str, rules: str) -> Iterator[_Find]:
    """What speaks against an answer, the most severe first."""
    told = " ".join(prompt.casefold().split())
    for span in find_secrets(answer):
        if span.tier != "review" and span.text.casefold() not in told:
            yield "secret", span.start, span.end
    for span in find_pii(answer):
        if " ".join(span.text.casefold().rstrip(" .,;:!?").split()) not in told:
            yield "personal data", span.start, span.end
    for hit in unsafe(_row(prompt, answer), Context()):
        if hit.where == "response":
            yield ("unsafe", *_place(answer, hit.evidence))
    allowed = find(clean(f"{prompt}\n{rules}"))
    for slot in loose_slots(clean(answer), allowed):
        yield ("personal data" if slot.kind in _CONTACTS else "unsupported figure", *_place(answer, slot.text))


def _row(asked: str, answer: str) -> Example:
    """The row that the checks of the data half look at."""
    return Example(id="guard", prompt=[Message(role="user", content=asked)], response=answer)


def _until(text: str, match: re.Match[str]) -> str:
    """The sentence of a match, up to the match's end."""
    return text[max(text.rfind(mark, 0, match.start()) for mark in ".!?\n") + 1 : match.end()]


def _place(text: str, evidence: str) -> tuple[int, int]:
    """Where a piece of cleaned text stands in the text it came from; the whole text where cleaning changed it."""
    start = text.find(evidence)
    return (start, start + len(evidence)) if start >= 0 else (0, len(text))
