"""Do answers agree with the written rules, with their document, and (in its own module) with one another?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from labkit.checks import Context, Hit, row_check
from labkit.curation.contradictions import contradiction
from labkit.curation.reading import (
    FUNCTION_WORDS,
    Value,
    context_line,
    fields,
    held_by,
    sentences,
    stems,
    values,
    words,
)
from labkit.curation.rules import applies, binding, first_match, read_case, wrong_values
from labkit.policy import DecisionRule, Rule
from labkit.records import Example, Tier

__all__ = ["contradiction", "outdated_policy", "policy_violation", "unsupported_answer"]

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


def _misspelt(value: object, allowed: set[str]) -> bool:
    """Is the value an allowed one in other words or of another type? Then that is a matter of format."""
    truths = bool(allowed & {"true", "false"})
    return truths is not isinstance(value, bool) or any(one in str(value).casefold() for one in allowed)


def _decided(row: Example, case: Mapping[str, str], rules: list[DecisionRule]) -> Iterator[Hit]:
    answer = fields(row.response) or {}
    for key, (allowed, rule) in binding(case, rules).items():
        if key in answer and str(answer[key]).casefold() not in allowed and not _misspelt(answer[key], allowed):
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
    r"\b(?:document|text|manual|page|handbook|leaflet)\b[^.]{0,80}\b(?:not|nothing|no)\b|\bnot (?:stated|mentioned|given|said)\b",
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
    stated: dict[tuple[str, float | str], Value] = {}
    for value in values(row.response):
        stated.setdefault((value.dimension, value.amount), value)
    for value in stated.values():
        if not value.soft and value.text.casefold() != "one" and not held_by(value, held):
            near = ", ".join(dict.fromkeys(v.text for v in held if v.dimension == value.dimension)) or "none"
            message = f"the answer states {value.text!r}, the document does not (values of that kind in it: {near})"
            tier: Tier = "review" if value.dimension == "number" and not value.text[0].isdigit() else "likely"
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
        foreign = context.policy.language == "en" and len(FUNCTION_WORDS & set(words(sentence))) < 2
        if len(own) >= 4 and len(strange) > OWN_WORDS * len(own) and not foreign:  # wrong_language tells the rest
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
