"""Is the wording fit to train on: the right language, a clear request, an answer to it, within the scope?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from labkit.checks import Context, Hit, row_check, set_check
from labkit.curation.candidates import normalise
from labkit.curation.language import foreign_part, identifier
from labkit.curation.reading import FUNCTION_WORDS, context_line, context_lines, fields, stems, words
from labkit.curation.vectors import blocks, pool, strongest, tfidf
from labkit.records import Example, Place

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
    refusals and other stock answers suit many questions, and very short ones share no word with any. Answers to a document
    are left to ``unsupported_answer``: one to another question on the same document cannot be told by its words.
    """
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


# --- irrelevant -------------------------------------------------------------------------------------------------------

FAR = 0.83  # mean distance, 0-1; clean rows of the lab's samples stay below
_FENCE = (
    1.5  # interquartile ranges above the third quartile, Tukey's bound for outliers: in a mixed set all rows are far
)
_OWN, _FEW = (
    0.35,
    3,
)  # share of a row's words that so many rows at most hold: what is far and yet in the house's words is spared
_SPARED = 2  # words of the scope, from which a rare row counts as within it


@set_check(
    "irrelevant", stage="curation", severity="major", about="A row about something else than the rest and the scope."
)
def irrelevant(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Far from its ten nearest rows in question, context and answer alike, with hardly a word of the policy's scope.

    Words cannot tell a rare topic within the scope from one outside: name rare topics in the scope, and they are spared.
    """
    rows = [row for row in rows if row.question.strip()]
    if len(rows) < _FEWEST:
        return
    distance, nearest = _distances(rows)
    low, high = np.quantile(distance, [0.25, 0.75])
    bound = max(FAR, float(high + _FENCE * (high - low)))
    scope = stems(context.policy.scope)
    labels = Counter(line.split(":")[0] for row in rows for line in context_lines(row))
    topics = [stems(" ".join([row.question, row.response, *_bodies(row)])) for row in rows]
    holders = Counter(word for topic in topics for word in topic)
    for i in np.argsort(-distance, kind="stable"):
        row, other, topic = rows[i], rows[nearest[i]], topics[i]
        if distance[i] < bound:
            break
        own = sum(holders[word] <= _FEW for word in topic) / max(1, len(topic))
        kinds = {line.split(":")[0] for line in context_lines(row)}
        named = stems(" ".join(kind for kind in kinds if labels[kind] < len(rows) / 2)) & scope
        if own < _OWN or named or len(scope & topic) >= _SPARED:
            continue
        yield Hit(
            row.id,
            f"the row is far from the rest: question, context and answer lie at {distance[i]:.2f} or more from the"
            f" {NEIGHBOURS} nearest (bound {bound:.2f}), and {own:.0%} of its words stand in {_FEW} rows at most;"
            f" the nearest is {other.id}",
            row.question[:200],
            where="prompt",
            suggestion="drop the row, or name its topic in the scope",
            tier="review",
            score=round(float(distance[i]), 4),
            other=other.id,
        )


def _bodies(row: Example) -> list[str]:
    """The context lines without their labels."""
    return [line.split(":", 1)[-1] for line in context_lines(row)]


def _distances(rows: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Of each row: the least of its parts' mean distances to their nearest (0-1), and the row with the nearest question.

    Shapes (n,). A missing context line counts for nothing, nor does a JSON answer, which does not tell the subject.
    """
    n = len(rows)
    members = pool(n)
    result, nearest = np.ones(n), np.zeros(n, dtype=int)
    contexts = [" ".join(_bodies(row)) for row in rows]
    answers = ["" if fields(row.response) is not None else row.response for row in rows]
    for texts in (answers, contexts, [row.question for row in rows]):
        there = np.array([bool(words(text)) for text in texts])
        if there.any():
            vectors = tfidf(texts)
            for part, alike in blocks(vectors, vectors[members], members):
                mean = 1 - np.sort(alike, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
                result[part] = np.where(there[part], np.minimum(result[part], mean), result[part])
                nearest[part] = members[alike.argmax(axis=1)]
    return result.clip(0), nearest
