"""Is the wording fit to train on: the right language, a clear request, an answer to it, within the scope?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from labkit.checks import Context, Hit, row_check, set_check
from labkit.curation.candidates import normalise
from labkit.curation.language import foreign_part, identifier
from labkit.curation.reading import FUNCTION_WORDS, context_line, context_lines, fields, sentences, stems, words
from labkit.curation.scope import irrelevant
from labkit.curation.vectors import blocks, pool, strongest, tfidf
from labkit.records import Example, Place

__all__ = ["irrelevant", "off_question", "unclear_instruction", "wrong_language"]

# --- wrong_language ---------------------------------------------------------------------------------------------------

_SURE, _UNLIKELY = 0.4, 0.05  # least probability of the other language, greatest of the right one
_TRANSLATION = re.compile(
    r"\btranslat\w*|\b(?:in|into|to|from|your) (?:arabic|chinese|danish|dutch|english|finnish|french|german|greek|hindi|italian"
    r"|japanese|korean|latin|norwegian|polish|portuguese|russian|spanish|swedish|turkish)\b",
    re.I,
)


@row_check(
    "wrong_language",
    stage="curation",
    severity="major",
    about="A question or answer in another language than the policy's.",
)
def wrong_language(row: Example, context: Context) -> Iterator[Hit]:
    """Names, quotes, code and addresses are left out first; what is short after that is not judged."""
    answer = fields(row.response)
    said = row.response if answer is None else " ".join(v for v in answer.values() if isinstance(v, str) and " " in v)
    places: list[tuple[Place, str]] = [("prompt", row.question), ("response", said)]
    for where, text in places:
        part = foreign_part(text, context.policy.language)
        if not part or (where == "response" and _TRANSLATION.search(f"{row.system} {row.question}")):
            continue
        ranked = identifier(context.policy.language).rank(part)
        right, (best, sure) = dict(ranked)[context.policy.language], ranked[0]
        if best != context.policy.language and sure >= _SURE and right <= _UNLIKELY:
            yield Hit(
                row.id,
                f"the {'message' if where == 'prompt' else 'answer'} reads as {best} (probability {sure:.2f},"
                f" {context.policy.language} {right:.2f}): {part[:50]!r}",
                text.strip()[:200],
                where=where,
                suggestion="translate or drop the row",
                tier="certain" if sure >= 0.9 and right <= 0.01 else "likely",
                score=round(1 - right, 4),
            )


# --- unclear_instruction ----------------------------------------------------------------------------------------------

_VAGUE_TEXT = """
one ones thing things stuff something anything everything same another hello hi hey ok okay thanks thank help info
information question know tell get got give go make want need say said see look do does work works working doesn't
dont didn't won't isn't right wrong much many like still here there really well ever yet next last first time way mean
means case kind sort lot handle deal bit etc thx pls asap hmm um uh yeah yes maybe others anyway round what's that's where's how's
whats thats its
"""
_VAGUE = FUNCTION_WORDS.union(_VAGUE_TEXT.split())
_REFERENCE = re.compile(
    r"\b(?:as (?:before|above|usual|discussed|mentioned|i said|i told you)|like last time|what i said|see above"
    r"|the (?:usual|other one|above|latter|former|first one|second one)|that one|this one"
    r"|you know (?:what|which|the))\b",
    re.I,
)
_WISHES = (
    "cancel send return refund keep ship deliver replace exchange delete change answer call write include use close pay"
)
_AGAINST = re.compile(
    rf"\b(?P<verb>{_WISHES.replace(' ', '|')})\b[^.?!]{{0,80}}\b(?:do not|don't|dont|never|without) (?P=verb)(?:ing)?\b",
    re.I,
)
_CHOICE = re.compile(r"\b(?:or|whether|if|why|should|nor)\b", re.I)
_PAIRS = [
    (re.compile(a, re.I), re.compile(b, re.I))
    for a, b in [
        (
            r"\bin (?:one|a single) (?:word|sentence)\b",
            r"\b(?:in (?:great |full )?detail|at length|step by step|paragraphs)\b",
        ),
        (
            r"\b(?:briefly|keep it short|be brief|very short)\b",
            r"\b(?:in (?:great |full )?detail|at length|exhaustive\w*|very long)\b",
        ),
        (r"\b(?:only|just) (?:yes or no|numbers?)\b", r"\b(?:explain|in words|describe)\b"),
    ]
]
_SUBJECT = ("order", "case")


@row_check(
    "unclear_instruction",
    stage="curation",
    severity="minor",
    about="A message from which nobody can tell what is wanted.",
)
def unclear_instruction(row: Example, context: Context) -> Iterator[Hit]:
    """No subject at all, unreadable, pointing at something that is not there, contradicting itself, or cut off."""
    if sum(m.role == "user" for m in row.prompt) > 1:
        return  # what went before may say what is meant
    text = row.question.strip()
    reason, score = _unclear(text, row)
    if reason:
        yield Hit(
            row.id,
            f"the message is unclear: {reason}",
            text[:200],
            where="prompt",
            suggestion="ask what was meant, or drop the row",
            tier="review",
            score=score,
        )


def _unclear(text: str, row: Example) -> tuple[str, float]:
    found = words(text)
    subject = [w for w in found if w not in _VAGUE and (len(w) > 2 or w.isdigit())]
    has_context = any(line.casefold().startswith(_SUBJECT) for line in context_lines(row))
    long = [w for w in found if len(w) > 4 and w.isascii()]
    gibberish = [w for w in long if re.search(r"[^aeiouy\d']{6}|^[^aeiouy\d']{5,}$|(.)\1{3}|qwert|asdf|zxcv|hjkl", w)]
    if not any(w[0].isalpha() for w in found):
        return f"it holds no word ({text[:30]!r})", 0.9
    if gibberish and len(gibberish) * 2 >= len(long):
        return f"{len(gibberish)} of its {len(long)} longer words cannot be read, as {gibberish[0]!r}", 0.8
    if not subject and (len(found) > 5 or not has_context):
        return f"none of its {len(found)} words says what it is about", 0.8
    if (pointing := _REFERENCE.search(text)) and len(subject) <= 3 and not has_context:
        return f"{pointing[0]!r} points at something that is not there ({len(subject)} words of its own)", 0.7
    if (against := _AGAINST.search(text)) and not _CHOICE.search(against[0]):
        return f"it asks to {against['verb'].lower()!r} and not to", 0.6
    if pair := next(((a[0], b[0]) for one, two in _PAIRS if (a := one.search(text)) and (b := two.search(text))), None):
        return f"it asks for {pair[0]!r} and for {pair[1]!r}", 0.6
    if (
        len(found) > 2
        and text[-1:].isalpha()
        and found[-1] in {"the", "a", "an", "my", "your", "and", "or", "of", "whether", "because"}
    ):
        return f"it stops at the word {found[-1]!r}", 0.6
    return "", 0.0


# --- off_question -----------------------------------------------------------------------------------------------------

NEIGHBOURS = 10
OFF = 0.5  # standard deviations above random answers, below which an answer does not seem to belong to its question
_STOCK = 3  # rows with the same answer
_FEWEST = 30  # rows that have company enough to be judged


@set_check("off_question", stage="curation", severity="major", about="An answer that does not address its question.")
def off_question(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Two signs must agree: the words the answer shares with its question, and how alike to this question those are that get
    such answers. Each is measured against what random answers of the set reach. JSON answers are left to ``wrong_label``;
    refusals and other stock answers suit many questions, and very short ones share no word with any. An answer from a
    document must come from a sentence that the question is about, if there is one.
    """
    for row in rows:
        if passed_over := _other_sentence(row):
            yield Hit(
                row.id,
                f"the answer shares no word with the question, whose words stand in another sentence: {passed_over[:120]!r}",
                row.response[:200],
                suggestion="read question and answer together",
                tier="review",
                score=0.6,
            )
    stock = Counter(normalise(row.response) for row in rows)
    rows = [
        row
        for row in rows
        if len(words(row.response)) > 3
        and fields(row.response) is None
        and context_line(row, "document") is None
        and stock[normalise(row.response)] < _STOCK
    ]
    if len(rows) < _FEWEST:
        return
    own, likeness, nearest = _fit([r.asked for r in rows], [r.response for r in rows])
    for i in np.flatnonzero(np.maximum(own, likeness) < OFF):
        row, other = rows[i], rows[nearest[i]]
        yield Hit(
            row.id,
            f"the answer may not address the question: it fits by {own[i]:+.1f} sd in shared words, and"
            f" {likeness[i]:+.1f} sd in the questions that get such answers (random answers: 0);"
            f" the question is most like that of {other.id}",
            row.response[:200],
            suggestion="read question and answer together",
            tier="review",
            score=float(round(1 / (1 + np.exp(own[i] + likeness[i])), 4)),
            other=other.id,
        )


def _other_sentence(row: Example) -> str:
    """The sentence of the document that a question is about, where its answer was taken from another; else nothing.

    What stands in the first sentence, which names the thing, is no sign of either.
    """
    head, *body = sentences(context_line(row, "document") or "") or [""]
    named = stems(head)
    asked, said = stems(row.question) - named, stems(row.response) - named
    if not body or not asked or len(said) < 2 or asked & said or re.match(r"\W*(?:yes|no)\b", row.response, re.I):
        return ""
    source, about = (max(body, key=lambda s: len(stems(s) & part)) for part in (said, asked))
    from_there = len(stems(source) & said) >= 0.5 * len(said)
    return about if from_there and asked & stems(about) and not asked & stems(source) else ""


def _fit(asked: Sequence[str], answers: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By row: shared words and likeness of questions, in standard deviations above random answers; the nearest question."""
    n = len(asked)
    both, members = tfidf([*asked, *answers]), pool(n)
    q, a = both[:n], both[n:]
    # What the pool's own answers say of each question: their neighbours among answers, and those neighbours' questions.
    habit = np.vstack(
        [_shares(strongest(alike, NEIGHBOURS)) for _, alike in blocks(a[members], a[members], np.arange(len(members)))]
    )
    own, likeness, nearest = np.empty(n), np.empty(n), np.empty(n, dtype=int)
    pairs = zip(
        blocks(q, q[members], members), blocks(a, a[members], members), blocks(q, a[members], members), strict=True
    )
    for (part, questions), (_, said), (_, shared) in pairs:
        own[part] = _above(np.asarray(q[part].multiply(a[part]).sum(axis=1)).ravel(), shared)
        by_habit = (_shares(strongest(said, NEIGHBOURS)) * questions).sum(axis=1)
        likeness[part] = _above(by_habit, questions @ habit.T)
        nearest[part] = members[questions.argmax(axis=1)]
    return own, likeness, nearest


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / (weights.sum(axis=1, keepdims=True) + 1e-9)


def _above(value: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (value - others.mean(axis=1)) / (others.std(axis=1) + 1e-9)
