"""Answers to nearly the same question that disagree, and which of the two is to blame."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from labkit.checks import Context, Hit, set_check
from labkit.curation.near_duplicates import near_pairs, normalise
from labkit.curation.reading import context_lines, fields, held_by, sentences, stems, values
from labkit.curation.rules import applies, binding, read_case, wrong_values
from labkit.policy import Policy
from labkit.records import Example

_GREETING = stems("dear hello thanks thank team good morning afternoon evening some day week month year one")
ALIKE, SAME = 0.5, 0.6  # similarity of questions whose figures are compared; whose decision, yes or no is compared
_ANSWERS = 0.35  # similarity of answers without their figures, from which they may be two versions of one
RELATED = 0.3  # share of the questions' words in common, where context and answer (figures apart) are the same
_YES, _NO = re.compile(r"\W*yes\b", re.I), re.compile(r"\W*no\b(?! (?:problem|worries))", re.I)
_FIGURE = re.compile(
    r"\d[\d.,:]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|sixty)\b", re.I
)
# Words that exclude each other where two answers are otherwise alike.
_OPPOSITES = [
    (re.compile(rf"\b(?:{a})\b", re.I), re.compile(rf"\b(?:{b})\b", re.I))
    for a, b in (
        (
            "can|may|is possible|are possible|allowed|permitted",
            "can ?not|can't|may not|impossible|forbidden|not allowed|prohibited",
        ),
        (
            "free(?: of charge)?|at no cost|without charge|no charge",
            "costs?|charged?|at your (?:own )?(?:cost|expense)|chargeable|for a fee",
        ),
        ("includ(?:ed|es)|comes with|supplied with", "not included|sold separately|excluded|bought separately|extra charge"),
        (
            "accept(?:ed)?|approved?|granted|covered|valid",
            "refused?|rejected?|declined?|excluded|expired|invalid|not covered",
        ),
        (r"dishwasher|machine[- ]wash\w*", r"by hand|hand[- ]wash\w*"),
        ("safe|harmless", "unsafe|dangerous|harmful|toxic|poisonous"),
        ("you pay|customer pays", "we pay|the shop pays|at our (?:cost|expense)"),
        ("left|clockwise", "right|anti-?clockwise"),
        ("top|upper|above", "bottom|lower|below"),
        ("more than|at least|minimum", "less than|at most|maximum"),
        ("increase|raise|up", "decrease|lower|reduce|down"),
        ("indoors?|inside", "outdoors?|outside"),
        ("shade|shady", "full sun|sunny"),
        ("waterproof", "not waterproof|splash-?proof"),
        ("hot|warm", "cold|cool"),
        ("wet|damp|moist", "dry"),
        ("with", "without"),
        ("before", "after"),
        ("always", "never"),
        ("open", "closed|shut"),
        ("spring|summer", "autumn|winter"),
        ("morning", "evening"),
    )
]
_NOT = re.compile(r"\b(?:not|no|never|cannot|nor|neither|without|\w+n't)\b", re.I)


@set_check(
    "contradiction",
    stage="curation",
    severity="critical",
    about="Two answers to nearly the same question that disagree.",
)
def contradiction(rows: Sequence[Example], context: Context) -> Iterator[Hit]:
    """Same context lines, nearly the same question with the same figures, yet other values, another decision or yes for no.

    The finding goes to the row that disagrees with the rules or its own context line, or else with the majority; where
    nothing tells them apart, to both, for review.
    """
    against: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for a, b, alike in _comparable(rows):
        if reason := _disagreement(rows[a], rows[b], alike):
            against[a].append((b, reason, alike))
            against[b].append((a, reason, alike))
    for i in sorted(against):
        mine = _wrongs(rows[i], context.policy)
        blames = []
        for j, reason, alike in against[i]:
            his = _wrongs(rows[j], context.policy)
            blames.append((mine - his or len(against[i]) - len(against[j]), alike, -j, reason))
        blame, alike, j, reason = max(blames)
        if blame < 0:
            continue
        other = rows[-j].id
        yield Hit(
            rows[i].id,
            f"the answer disagrees with that of {other}, whose question is {alike:.0%} alike: {reason}",
            rows[i].response[:200],
            suggestion="keep the answer that the rules or the document support",
            tier="likely" if blame else "review",
            score=round((0.9 if blame else 0.5) * (0.5 + alike / 2), 4),
            other=other,
        )


def _comparable(rows: Sequence[Example]) -> Iterator[tuple[int, int, float]]:
    """Pairs of rows with the same context and nearly the same question, with the same figures in it."""
    contexts = [tuple(map(normalise, (row.system, *context_lines(row)))) for row in rows]
    seen: set[tuple[int, int]] = set()
    for a, b, alike in near_pairs([row.question for row in rows], threshold=ALIKE):
        one, two = rows[a].question, rows[b].question
        seen.add((a, b))
        if contexts[a] == contexts[b] and not _other_figures(one, two) and not _other_subject(one, two):
            yield a, b, alike
    # A paraphrase shares few letters. Where the same context stands above both, and the answers are the same but for
    # their figures or a negation, a few words in common show that the same was asked.
    bound = [i for i, context in enumerate(contexts) if len(context) > 1 and fields(rows[i].response) is None]
    answers = [_FIGURE.sub("", rows[i].response) for i in bound]
    for x, y, _ in near_pairs(answers, threshold=_ANSWERS) if bound else ():
        a, b = bound[x], bound[y]
        one, two = rows[a].question, rows[b].question
        alike = _share(stems(one) - _GREETING, stems(two) - _GREETING)
        if contexts[a] == contexts[b] and (a, b) not in seen and alike >= RELATED and not _other_figures(one, two):
            yield a, b, alike


def _other_figures(one: str, two: str) -> bool:
    """Does each state a value of a kind that the other states differently?"""
    mine, his = values(one), values(two)
    kinds = {v.dimension for v in mine} & {v.dimension for v in his}
    return any(
        {v.amount for v in mine if v.dimension == k} != {v.amount for v in his if v.dimension == k} for k in kinds
    )


def _other_subject(one: str, two: str) -> bool:
    """Does each ask of something that the other does not name? Inflections and slips of the pen are no other word."""
    mine, his = (stems(a) - stems(b) - _GREETING for a, b in ((one, two), (two, one)))
    starts = {w[:3] for w in mine} & {w[:3] for w in his}
    return bool({w for w in mine if w[:3] not in starts} and {w for w in his if w[:3] not in starts})


def _disagreement(one: Example, two: Example, alike: float) -> str:
    """What two answers to the same question disagree in, or nothing."""
    a, b = fields(one.response), fields(two.response)
    if a is not None and b is not None:
        keys = [k for k in a if k in b and _plain(a[k]) != _plain(b[k]) and " " not in f"{a[k]}{b[k]}"]
        return f"{keys[0]} {a[keys[0]]!s} against {b[keys[0]]!s}" if keys and alike >= SAME else ""
    asked, held = values(one.question) + values(two.question), values(" ".join(context_lines(one)))
    said, told = ([v for v in values(r.response) if not any(v.equals(q) for q in asked)] for r in (one, two))
    if held and all(held_by(v, held) for v in said + told):
        said = []  # two facts of one document are no contradiction
    words_alike = _share(stems(one.response), stems(two.response))
    for dimension in dict.fromkeys(v.dimension for v in said):
        if dimension == "number" and words_alike < SAME:
            continue  # bare figures number a list, or count other things
        mine, his = ([v for v in part if v.dimension == dimension] for part in (said, told))
        if his and not any(m.equals(h) for m in mine for h in his):
            return f"{mine[0].text!r} against {his[0].text!r}"
    if alike >= SAME and _stance(one.response) * _stance(two.response) < 0:
        return "yes against no"
    if words_alike >= ALIKE and (opposite := _opposite(one.response, two.response)):
        return opposite
    return _other_state(one, two) if alike >= SAME else ""


def _opposite(one: str, two: str) -> str:
    """Words of two otherwise like answers that exclude each other, or a negation that only one of their first sentences has."""
    for left, right in _OPPOSITES:
        for a, b in ((one, two), (two, one)):
            if (x := left.search(a)) and (y := right.search(b)) and not right.search(a) and not left.search(right.sub("", b)):
                return f"{x[0]!r} against {y[0]!r}" if a is one else f"{y[0]!r} against {x[0]!r}"
    first, second = (next(iter(sentences(text)), "") for text in (one, two))
    negated = bool(_NOT.search(first)) != bool(_NOT.search(second))
    return "one says not" if negated and _share(stems(first), stems(second)) >= ALIKE else ""


def _share(one: set[str], two: set[str]) -> float:
    return len(one & two) / max(1, len(one | two))


def _plain(value: object) -> str:
    return str(value).strip().casefold()


def _stance(answer: str) -> int:
    return bool(_YES.match(answer)) - bool(_NO.match(answer))


def _other_state(one: Example, two: Example) -> str:
    """Each says what the other does not; one says it with the words of its context, the other with none of them."""
    ground = stems(" ".join([*context_lines(one), one.question, two.question]))
    mine, his = stems(one.response), stems(two.response)
    if len(mine - his) < 2 or len(his - mine) < 2 or _share(mine, his) > ALIKE:
        return ""
    shares = sorted(len(part & ground) / len(part) for part in (mine - his, his - mine))
    if shares[0] > 0.2 or shares[1] < 0.6:
        return ""
    return f"{', '.join(sorted(mine - his)[:3])}... against {', '.join(sorted(his - mine)[:3])}..."


def _wrongs(row: Example, policy: Policy) -> float:
    """How far an answer stands against the rules (2 each), the values of its context (1 each), its negations and words."""
    rules = [rule for rule in policy.rules if applies(rule, row)]
    if (answer := fields(row.response)) is not None:
        bound = binding(read_case(row), policy.decisions)
        return 2.0 * sum(key in answer and _plain(answer[key]) not in allowed for key, (allowed, _) in bound.items())
    wrong = 2.0 * sum(any(True for _ in wrong_values(rule, row, policy)) for rule in rules if rule.value)
    lines = [*context_lines(row), *(rule.text for rule in rules)]
    if not lines:
        return wrong
    held = values(" ".join([*lines, row.question]))
    wrong += sum(not v.soft and not held_by(v, held) for v in values(row.response))
    said = re.sub(r"^\W*(?:yes|no)\b", "", row.response, flags=re.I)
    own = stems(said)
    nearest = max(sentences(" ".join(lines)), key=lambda s: len(stems(s) & own), default="")
    if len(stems(nearest) & own) > 1:
        wrong += 0.5 * (bool(_NOT.search(nearest)) != bool(_NOT.search(said)))
    return wrong + 0.4 * len(own - stems(" ".join(lines))) / max(1, len(own))
