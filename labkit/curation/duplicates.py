"""Rows that say what an earlier row says: to the letter, nearly so, or in other words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from labkit.checks import Context, Hit, set_check
from labkit.curation.near_duplicates import DuplicatePair, canonical, conflict, duplicate_pairs, near_pairs
from labkit.curation.reading import context_lines, fields
from labkit.curation.vectors import blocks, pool, tfidf
from labkit.records import Example, Tier

_MINUS = re.compile(r"(?<!\w)[-\u2212](?=\d)")
# Ordinary punctuation only: % and + and the currency signs carry meaning.
_FOLDED = re.compile(r"[\s.,;:!?'\"\u2018\u2019\u201c\u201d\u201e()*`_\u2026\u2013\u2014-]+")
_OTHER_ANSWER = 0.3  # answers less alike than that are another answer, even if nothing in them disagrees


def _plain(text: str) -> str:
    return _FOLDED.sub(" ", _MINUS.sub("minus ", text.casefold())).strip()


def _whole(row: Example) -> tuple[str, ...]:
    """All that training sees of a row."""
    return (*(part for message in row.prompt for part in (message.role, message.content)), row.response)


def _firsts(rows: Sequence[Example]) -> list[int]:
    """For each row the first one that is equal but for case and punctuation; often itself."""
    seen: dict[tuple[str, ...], int] = {}
    return [seen.setdefault(tuple(map(_plain, _whole(row))), i) for i, row in enumerate(rows)]


@set_check("exact_duplicate", stage="curation", severity="minor", about="A row that repeats another one.")
def exact_duplicate(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """The whole row counts, context lines and answer included: the same short answer to another question is none."""
    for row, i in zip(rows, _firsts(rows), strict=True):
        first = rows[i]
        if first is not row:
            how = "letter for letter" if _whole(first) == _whole(row) else "but for case and punctuation"
            yield Hit(
                row.id,
                f"question, context and answer are those of {first.id}, {how}",
                row.asked[:200],
                where="prompt",
                suggestion="drop the row",
                tier="certain",
                score=1.0,
                other=first.id,
            )


@set_check("near_duplicate", stage="curation", severity="minor", about="A row that nearly repeats another one.")
def near_duplicate(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Nearly the same question under the same context lines, with the same numbers, and answers that do not disagree."""
    rows, pairs = _near(rows)
    by_rows = {(p.a, p.b): p for p in pairs}
    for b, a in enumerate(canonical(len(rows), pairs)):
        if a == b:
            continue
        pair, row, other = by_rows[int(a), b], rows[b], rows[a]
        contained = f" ({pair.containment:.0%} of the shorter one)" if pair.similarity < pair.containment - 0.2 else ""
        same = "reads differently: compare both" if _reworded(row.response, other.response) else "agrees"
        yield Hit(
            row.id,
            f"the question is {pair.similarity:.0%} that of {other.id}{contained} under the same context, and the answer {same}",
            row.question[:200],
            where="prompt",
            suggestion="drop the row",
            tier=pair.tier,
            score=round(pair.similarity, 4),
            other=other.id,
        )


def _near(rows: Sequence[Example]) -> tuple[list[Example], list[DuplicatePair]]:
    """Rows without exact copies, and the pairs of them that are near-duplicates as rows."""
    kept = [row for i, (row, first) in enumerate(zip(rows, _firsts(rows), strict=True)) if first == i]
    contexts = [_situation(row) for row in kept]
    pairs = []
    for pair in duplicate_pairs([row.question for row in kept]):
        one, two = kept[pair.a].response, kept[pair.b].response
        if contexts[pair.a] == contexts[pair.b] and not _disagree(one, two):
            pairs.append(pair._replace(tier=_row_tier(pair.tier, one, two)))
    return kept, pairs


def _situation(row: Example) -> tuple[str, ...]:
    """What stands above the question and must be the same: system text, earlier turns, context lines."""
    earlier = [m.content for m in row.prompt if m.role != "user"] + [m.content for m in row.prompt if m.role == "user"][:-1]
    return tuple(map(_plain, (*earlier, *context_lines(row))))


def _row_tier(tier: Tier, one: str, two: str) -> Tier:
    if _plain(one) == _plain(two):
        return tier
    if _reworded(one, two):
        return "review"
    return "likely" if tier == "certain" else tier


def _reworded(one: str, two: str) -> bool:
    return not near_pairs([one], [two], _OTHER_ANSWER)


def _disagree(one: str, two: str) -> bool:
    """Do two answers to the same question differ in a JSON value, a number, a yes or no, or a negation?"""
    a, b = fields(one), fields(two)
    if a is not None or b is not None:
        return a != b
    stances = {m[1].casefold() for text in (one, two) if (m := re.match(r"\W*(yes|no)\b", text, re.I))}
    return len(stances) > 1 or bool(conflict(one, two))


# --- semantic_duplicate -----------------------------------------------------------------------------------------------

LIKE = 0.75  # least score
SHARE = 0.03  # of the rows: more would be read by nobody
_ANSWER = 0.3  # least cosine of the answers
_ALONE = 0.7  # what it counts that no third row has the context; a quarter of it with a third one, and so on
_COMPANY = 16  # rows under one context from which on the shared context counts against the pair


@set_check("semantic_duplicate", stage="curation", severity="info", about="A row that may repeat another in other words.")
def semantic_duplicate(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Same context, answers that agree, words in common; it counts for a pair if few rows have such an answer or context.

    Words alone cannot tell a paraphrase from a neighbouring question. So no more than :data:`SHARE` of the rows are
    named, the most alike first.
    """
    kept, near = _near(rows)
    copies = {p.b for p in near}
    kept = [row for i, row in enumerate(kept) if i not in copies and row.question.strip() and row.response.strip()]
    ranked = sorted(_alike_in_meaning(kept), key=lambda x: (-x[0], x[2], x[1])) if len(kept) > 1 else []
    named: set[int] = set()
    for score, a, b, asked, answered in ranked:
        if len(named) >= max(1, round(SHARE * len(rows))):
            break
        if b in named or a in named:
            continue
        named.add(b)
        yield Hit(
            kept[b].id,
            f"may ask the same as {kept[a].id} in other words: same context, cosine of the answers {answered:.2f}, of the"
            f" questions {asked:.2f}",
            kept[b].question[:200],
            where="prompt",
            suggestion="read both; keep the better row",
            tier="review",
            score=round(min(1.0, score / 2), 4),
            other=kept[a].id,
        )


Alike = tuple[float, int, int, float, float]  # score, rows a < b, cosine of the questions, of the answers


def _alike_in_meaning(rows: Sequence[Example]) -> Iterator[Alike]:
    questions, answers = tfidf([r.question for r in rows]), tfidf([r.response for r in rows])
    groups = defaultdict(list)
    for i, row in enumerate(rows):
        groups[_situation(row)].append(i)
    found = [x for group in groups.values() for x in _within_group(np.array(group), questions, answers)]
    # An answer that many rows have says little: it counts by the root of how many come as near.
    crowd = _crowds(answers, found)
    for (score, a, b, asked, answered), near in zip(found, crowd, strict=True):
        score -= answered * (1 - near**-0.5)
        agreed = not _disagree(rows[a].response, rows[b].response)
        if score >= LIKE and agreed and not (asked > 0.5 and conflict(rows[a].question, rows[b].question)):
            yield score, a, b, asked, answered


def _within_group(group: np.ndarray, questions: sparse.csr_matrix, answers: sparse.csr_matrix) -> Iterator[Alike]:
    """Pairs of a group with at least the score :data:`LIKE`, before the answer's rarity is known."""
    if len(group) < 2:
        return
    members, n = pool(len(group)), len(group)
    shared = _ALONE / (n - 1) ** 2 - 0.1 * max(0.0, float(np.log2(n / _COMPANY)))
    both = [blocks(part[group], part[group[members]], members) for part in (questions, answers)]
    for (part, asked), (_, answered) in zip(*both, strict=True):
        for i, j in np.argwhere((asked + answered + shared >= LIKE) & (answered >= _ANSWER)):
            a, b = int(group[part.start + i]), int(group[members[j]])
            if a < b:
                yield float(asked[i, j] + answered[i, j] + shared), a, b, float(asked[i, j]), float(answered[i, j])


def _crowds(answers: sparse.csr_matrix, found: Sequence[Alike]) -> np.ndarray:
    """For each pair: how many rows have an answer as near to one of the two as the other's is; at least 1, shape (pairs,)."""
    n = answers.shape[0]
    members = pool(n)
    turned = answers[members].T.tocsr()
    near = {}
    for row in {row for pair in found for row in pair[1:3]}:
        cosines = np.sort((answers[row] @ turned).data)
        near[row] = np.append(cosines, 2.0) if row not in members else cosines  # the row itself always counts
    counted = [min(len(near[i]) - np.searchsorted(near[i], p[4] - 1e-5) - 1 for i in p[1:3]) for p in found]
    return np.maximum(1, np.array(counted) * (n / len(members)))
