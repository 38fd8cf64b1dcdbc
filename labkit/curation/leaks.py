"""Rows that repeat a question of the behaviour suite: what a model has been trained on cannot be asked as a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labkit.checks import Context, Hit, set_check
from labkit.curation.candidates import normalise
from labkit.curation.near_duplicates import CERTAIN, LIKELY, SIMILAR, conflict, near_pairs
from labkit.records import Example, Tier

_WORDS = 5  # of a question, from which it can be found inside another text


@set_check(
    "held_out_leak",
    stage="curation",
    severity="critical",
    about="A row that repeats a question of the behaviour suite.",
)
def held_out_leak(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Equal but for case and punctuation, contained, or nearly equal with the same figures; the most alike case is named."""
    cases = sorted(context.held_out.items())
    texts = [normalise(question) for _, question in cases]
    asked = [row.question for row in rows]
    best: dict[int, tuple[float, int]] = {}
    for pair in near_pairs(asked, [question for _, question in cases]):
        if pair.a not in best and not conflict(asked[pair.a], cases[pair.b][1]):
            best[pair.a] = (pair.similarity, pair.b)
    whole = {text: k for k, text in reversed(list(enumerate(texts))) if text}
    long = [(text, k) for k, text in enumerate(texts) if text.count(" ") >= _WORDS - 1]
    for i, row in enumerate(rows):
        text = normalise(row.question)
        similarity, case = best.get(i, (0.0, -1))
        if text in whole:
            yield _leak(row, cases[whole[text]][0], "is, but for case and punctuation, that of", 1.0, "certain")
        elif (inside := next((k for known, k in long if known in text), -1)) >= 0:
            yield _leak(row, cases[inside][0], "contains that of", 0.95, "certain")
        elif case >= 0:
            tier: Tier = "certain" if similarity >= CERTAIN else "likely" if similarity >= LIKELY else "review"
            yield _leak(
                row, cases[case][0], f"is {similarity:.0%} (from {SIMILAR:.0%}) that of", round(similarity, 4), tier
            )


def _leak(row: Example, case: str, how: str, score: float, tier: Tier) -> Hit:
    return Hit(
        row.id,
        f"the question {how} held-out case {case}",
        row.question[:200],
        where="prompt",
        suggestion="drop the row; the suite keeps the question",
        tier=tier,
        score=score,
        other=case,
    )
