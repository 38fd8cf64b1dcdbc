"""Do answers agree with the written rules, with their document, and with one another?"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from labkit.checks import Context, Hit, row_check, set_check
from labkit.curation.near_duplicates import near_pairs, normalise
from labkit.curation.reading import Value, context_line, context_lines, fields, sentences, stems, values, words
from labkit.curation.rules import applies, binding, first_match, read_case, wrong_values
from labkit.policy import DecisionRule, Policy, Rule
from labkit.records import Example

# --- policy_violation, outdated_policy --------------------------------------------------------------------------------

_ONCE = re.compile(
    r"\b(?:used to|was|were|until|till|formerly|previous\w*|no longer|earlier|old(?:er)?|instead of|not any ?more)\b",
    re.I,
)


def _stated(rule: Rule, row: Example, context: Context) -> Iterator[tuple[str, Hit]]:
    """Hits with the name of the check they belong to."""
    old = [v for text in rule.outdated for v in values(text)]
    for value in wrong_values(rule, row, context.policy) if rule.value else ():
        outdated = any(value.equals(v) for v in old)
        if (
            outdated
            and _ONCE.search(row.response)
            and any(v.equals(a) for v in values(row.response) for t in rule.value for a in values(t))
        ):
            continue
        since = f" since {rule.since}" if rule.since else ""
        why = f"was the value before rule {rule.id}" if outdated else f"is not what rule {rule.id} says"
        yield (
            "outdated_policy" if outdated else "policy_violation",
            Hit(
                row.id,
                f"the answer states {value.text!r}, which {why}: {' and '.join(rule.value)}{since}",
                value.text,
                suggestion=f"state {' and '.join(rule.value)}, or drop the row",
                tier="certain" if outdated else "likely",
                score=0.98 if outdated else 0.9,
            ),
        )
    if rule.requires and not first_match(rule.requires, row.response):
        message = f"the answer lacks what rule {rule.id} requires: {rule.text}"
        yield (
            "policy_violation",
            Hit(row.id, message, row.response[:200], suggestion="write the answer again", score=0.8),
        )
    if found := first_match(rule.forbids, row.response):
        message = f"the answer says {found!r}, which rule {rule.id} forbids: {rule.text}"
        yield "policy_violation", Hit(row.id, message, found, suggestion="write the answer again", score=0.9)


def _rules(row: Example, context: Context, name: str) -> Iterator[Hit]:
    if not context.policy.rules or not row.response.strip():
        return
    seen = set()
    for rule in context.policy.rules:
        if applies(rule, row):
            for kind, hit in _stated(rule, row, context):
                if kind == name and hit.evidence not in seen:
                    seen.add(hit.evidence)
                    yield hit


@row_check(
    "outdated_policy",
    stage="curation",
    severity="critical",
    about="An answer that states the value of an earlier rule.",
)
def outdated_policy(row: Example, context: Context) -> Iterator[Hit]:
    """Of the rules that the question is about. That a value *was* so may be said beside the present one."""
    yield from _rules(row, context, "outdated_policy")


@row_check(
    "policy_violation",
    stage="curation",
    severity="critical",
    about="An answer that goes against a written or coded rule.",
)
def policy_violation(row: Example, context: Context) -> Iterator[Hit]:
    """Other values than the rule's, words it requires or forbids, and coded rules over a case."""
    yield from _rules(row, context, "policy_violation")
    if context.policy.decisions and (case := read_case(row)):
        yield from _decided(row, case, context.policy.decisions)


def _decided(row: Example, case: Mapping[str, str], rules: list[DecisionRule]) -> Iterator[Hit]:
    answer = fields(row.response) or {}
    known = {(key, str(v).casefold()) for rule in rules for key, may in rule.must.items() for v in may}
    for key, (allowed, rule) in binding(case, rules).items():
        # A value that no rule knows is a matter of format.
        if key in answer and str(answer[key]).casefold() not in allowed and (key, str(answer[key]).casefold()) in known:
            facts = ", ".join(f"{k} {case[k.casefold()]}" for k in rule.when if k.casefold() in case)
            must = " or ".join(sorted(allowed))
            yield Hit(
                row.id,
                f"rule {rule.id} ({facts}) wants {key} {must}, the answer has {answer[key]!s}",
                f'"{key}": "{answer[key]}"' if isinstance(answer[key], str) else f'"{key}": {str(answer[key]).lower()}',
                suggestion=f"set {key} to {must}",
                tier="certain",
                score=1.0,
            )


# --- unsupported_answer -----------------------------------------------------------------------------------------------

_REFUSAL = re.compile(
    r"\b(?:document|text|manual|page|handbook|leaflet)\b[^.]*\b(?:not|nothing|no)\b|\bnot (?:stated|mentioned|given|said)\b",
    re.I,
)
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}(?:[ -][A-Z][a-z]+)*|\b[A-Z][a-z]+(?: [A-Z][a-z]+)+")
OWN_WORDS = 0.5  # share of a sentence's content words that its document lacks, above which it may come from elsewhere


@row_check(
    "unsupported_answer",
    stage="curation",
    severity="critical",
    about="A figure, name or claim its document does not hold.",
)
def unsupported_answer(row: Example, context: Context) -> Iterator[Hit]:
    """Of rows with a ``[Document: ...]`` line. Words cannot show a wrong answer taken from the right document."""
    document = context_line(row, "document")
    if document is None or not row.response.strip() or _REFUSAL.search(row.response):
        return
    ground = f"{document} {row.question} {row.system}"
    held = values(ground)
    for value in values(row.response):
        if not value.soft and value.text.casefold() != "one" and not _held(value, held):
            near = ", ".join(dict.fromkeys(v.text for v in held if v.dimension == value.dimension)) or "none"
            message = f"the answer states {value.text!r}, the document does not (values of that kind in it: {near})"
            tier = "review" if value.dimension == "number" and not value.text[0].isdigit() else "likely"
            yield Hit(row.id, message, value.text, suggestion="take the figure from the document", tier=tier, score=0.9)
    lower = ground.casefold()
    for name in dict.fromkeys(m[0] for m in _NAME.finditer(row.response)):
        missing = [part for part in re.split(r"[ -]", name) if part.casefold() not in lower]
        if missing:
            message = f"the answer names {name!r}; {', '.join(missing)} stands nowhere in document or question"
            yield Hit(row.id, message, name, suggestion="check the name", tier="review", score=0.7)
    known = stems(ground)
    for sentence in sentences(row.response):
        own = stems(sentence) - {w[:5] for w in words(sentence) if w[0].isdigit()}
        strange = own - known
        if len(own) >= 4 and len(strange) > OWN_WORDS * len(own):
            share = f"{len(strange)} of the {len(own)} content words"
            message = f"{share} of {sentence[:60]!r} stand nowhere in document or question"
            yield Hit(
                row.id,
                message,
                sentence,
                suggestion="answer from the document",
                tier="review",
                score=len(strange) / len(own),
            )


def _held(value: Value, held: tuple[Value, ...]) -> bool:
    if any(value.equals(h) for h in held):
        return True
    if isinstance(value.amount, str):
        return False
    # "24, 48 or 72 hours": the first figure carries no unit, and the answer may leave one out.
    figure = value.amount / value.size
    loose = (h for h in held if "number" in (value.dimension, h.dimension) and not isinstance(h.amount, str))
    return any(math.isclose(figure, h.amount / h.size) for h in loose if not isinstance(h.amount, str))


# --- contradiction ----------------------------------------------------------------------------------------------------

_GREETING = stems("dear hello thanks thank team good morning afternoon evening some day week month year")
ALIKE, SAME = 0.5, 0.6  # similarity of questions whose figures are compared; whose decision, yes or no is compared
_YES, _NO = re.compile(r"\W*yes\b", re.I), re.compile(r"\W*no\b(?! (?:problem|worries))", re.I)
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
    for a, b, alike in near_pairs([row.question for row in rows], threshold=ALIKE):
        one, two = rows[a].question, rows[b].question
        if contexts[a] == contexts[b] and not _other_figures(one, two) and not _other_subject(one, two):
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
    if held and all(_held(v, held) for v in said + told):
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
    return _other_state(one, two) if alike >= SAME else ""


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
    wrong = 2.0 * sum(any(True for _ in wrong_values(rule, row, policy)) for rule in rules if rule.value)
    if (case := read_case(row)) and (answer := fields(row.response)):
        bound = binding(case, policy.decisions)
        wrong += 2.0 * sum(key in answer and _plain(answer[key]) not in allowed for key, (allowed, _) in bound.items())
    lines = [*context_lines(row), *(rule.text for rule in rules)]
    if not lines:
        return wrong
    held = values(" ".join([*lines, row.question]))
    wrong += sum(not v.soft and not _held(v, held) for v in values(row.response))
    said = re.sub(r"^\W*(?:yes|no)\b", "", row.response, flags=re.I)
    own = stems(said)
    nearest = max(sentences(" ".join(lines)), key=lambda s: len(stems(s) & own))
    if len(stems(nearest) & own) > 1:
        wrong += 0.5 * (bool(_NOT.search(nearest)) != bool(_NOT.search(said)))
    return wrong + 0.4 * len(own - stems(" ".join(lines))) / max(1, len(own))
