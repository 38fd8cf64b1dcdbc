"""A row held against the written rules of a domain: which rules it falls under, and what they make of its values."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labkit.curation.reading import Value, context_line, sentences, values
from labkit.policy import DecisionRule, Policy, Rule
from labkit.records import Example

_NEAR_UNITS = 12  # "6 weeks" can stand for the "45 days" of a rule, "2 hours" cannot


@functools.lru_cache(4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.I)


def first_match(patterns: list[str], text: str) -> str:
    """What the first pattern that matches found, or nothing."""
    return next((m[0] for p in patterns if (m := _pattern(p).search(text))), "")


def applies(rule: Rule, row: Example) -> bool:
    return bool(first_match(rule.about, row.question)) and not first_match(rule.unless, row.asked)


def _comparable(value: Value, rule: Value) -> bool:
    if value.dimension != rule.dimension or value.soft:
        return False
    if value.size == rule.size or isinstance(value.amount, str) or isinstance(rule.amount, str):
        return True
    return 1 / _NEAR_UNITS <= (value.amount or 1) / (rule.amount or 1) <= _NEAR_UNITS


def _explained(value: Value, asked: list[Value], allowed: list[Value]) -> bool:
    """Does the message state the value, or is it a sum or difference of one there and the rule's: 12 euros short of 60?"""
    if isinstance(value.amount, str):
        return any(value.equals(a) for a in asked)
    mine = value.amount / value.size
    stated = [
        a.amount / a.size for a in asked if a.dimension in (value.dimension, "number") and not isinstance(a.amount, str)
    ]
    rule = [a.amount / value.size for a in allowed if a.dimension == value.dimension and not isinstance(a.amount, str)]
    figures = [*stated, *(total for a in stated for b in rule for total in (a + b, abs(a - b)))]
    return any(math.isclose(mine, figure, abs_tol=1e-6) for figure in figures)


def wrong_values(rule: Rule, row: Example, policy: Policy) -> Iterator[Value]:
    """The values of an answer that can be taken for the rule's but are none of them, in reading order.

    A value of the message may be repeated, or reckoned with, where the answer states a right one too. The value of another
    rule may be stated where the question or the sentence is about that one.
    """
    allowed = [v for text in rule.value for v in values(text)]
    stated = list(values(row.response))
    right = any(v.equals(a) for v in stated for a in allowed)
    for value in stated:
        if not any(_comparable(value, a) for a in allowed) or any(value.equals(a) for a in allowed):
            continue
        if right and _explained(value, list(values(row.asked)), allowed):
            continue
        sentence = next((s for s in sentences(row.response) if value.text in s), row.response)
        if any(
            any(value.equals(v) for text in other.value for v in values(text))
            and (first_match(other.about, sentence) or applies(other, row))
            for other in policy.rules
            if other.id != rule.id
        ):
            continue
        yield value


# --- coded rules ------------------------------------------------------------------------------------------------------


def read_case(row: Example) -> dict[str, str]:
    """The fields of the line ``[Case: type=refund; amount=84]``, or nothing."""
    line = context_line(row, "case") or ""
    parts = (part.split("=", 1) for part in line.split(";") if "=" in part)
    return {key.strip().casefold(): value.strip() for key, value in parts}


def holds(wanted: Any, value: str | None) -> bool:
    """Does a case's value meet a condition: a value, a list of values, or a comparison such as "> 500" or "!= none"?"""
    if isinstance(wanted, list):
        return any(holds(one, value) for one in wanted)
    if value is None:
        return False
    match = re.fullmatch(r"\s*(>=|<=|!=|==|=|>|<)\s*(.+)", wanted) if isinstance(wanted, str) else None
    sign, right = (match[1], match[2].strip()) if match else ("=", str(wanted))
    try:
        a, b = float(value), float(right)
    except ValueError:
        same = value.casefold() == right.casefold()
        return same if sign in ("=", "==") else not same if sign == "!=" else False
    return {">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b, "!=": a != b}.get(sign, a == b)


def binding(case: Mapping[str, str], rules: list[DecisionRule]) -> dict[str, tuple[set[str], DecisionRule]]:
    """By key of the answer: the values that all matching rules allow, and the rule that narrowed them last.

    Where two rules leave no common value, the one that stands first in the policy wins.
    """
    found: dict[str, tuple[set[str], DecisionRule]] = {}
    for rule in rules:
        if all(holds(wanted, case.get(key.casefold())) for key, wanted in rule.when.items()):
            for key, may in rule.must.items():
                allowed = {str(v).casefold() for v in may}
                before = found.get(key, (allowed, rule))[0]
                if key not in found or (before & allowed and before - allowed):
                    found[key] = (before & allowed, rule)
    return found
