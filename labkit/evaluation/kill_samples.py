"""Right answers of three domains, each with one expectation of one oracle: what the kill matrix of the oracles is made of.

The answers are training responses without a planted defect. From each, an expectation is made as a tester would write it
(the figures for ``facts``, the object for ``equals_json``, another right answer for ``consistent``...). Rows are taken until
every kind of mutant has met every oracle often enough, or no row is left. ``prefers`` needs a model and is missing here.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from labkit import samples
from labkit.evaluation.kill_matrix import RIGHT, KillMatrix, Sample, accepts, kill_matrix, told
from labkit.evaluation.mutants import MUTATORS, mutants, mutate
from labkit.evaluation.oracle_decision import taken
from labkit.evaluation.oracle_slots import clean, find
from labkit.evaluation.oracles import read_json
from labkit.evaluation.similarity import SCORES, Score
from labkit.files import read_jsonl
from labkit.formats import read_rows
from labkit.records import Example, Planted
from labkit.stats import Rate

DOMAINS = {"support": "train.jsonl", "knowledge": "raw.jsonl", "decision": "raw.jsonl"}
EACH = 40
# What each oracle is there for. Another kind may be killed too, but is not promised.
OWN: dict[str, tuple[str, ...]] = {
    "consistent": ("number_shift", "truncation", "empty", "over_refusal"),
    "decision": ("negation_flip", "empty", "wrong_language"),
    "equals": tuple(MUTATORS),
    "equals_json": ("entity_swap", "truncation", "empty", "over_refusal", "wrong_language", "pii_leak", "format_break"),
    "facts": ("number_shift", "truncation", "empty", "over_refusal"),
    "forbids": ("pii_leak",),
    "grounded": ("number_shift", "unsupported_sentence", "pii_leak", "empty"),
    "json_schema": ("truncation", "empty", "over_refusal", "wrong_language", "pii_leak", "format_break"),
    "matches": ("empty", "over_refusal", "wrong_language"),
    "moves": ("number_shift", "truncation", "empty", "over_refusal"),
}
ALLOWED = ["My Orders", "Tallgrove"]  # names that an answer may use without being told
PERSONAL = [r"\d{6,}", r"\S@\S", r"\btelephone\b"]
Made = tuple[Any, str | None]  # an expectation, and the answer to the seed case where the oracle compares with one


def clean_rows(domain: str) -> list[Example]:
    """The rows of a sample domain that no planted defect touches."""
    rows, _ = read_rows(samples.path(f"{domain}/{DOMAINS[domain]}"))
    planted, _ = read_jsonl(samples.path(f"{domain}/planted.jsonl"), Planted)
    spoilt = {entry.row for entry in planted if not entry.lookalike}
    return [row for row in rows if row.id not in spoilt and row.response.strip()]


def oracle_samples(each: int = EACH) -> list[Sample]:
    """Samples with one expectation each, for every oracle that needs no model; the same every time.

    Args:
        each: how many mutants of each kind every oracle should meet.
    """
    by_domain = [list(_groups(clean_rows(domain))) for domain in DOMAINS]
    rows = [pair for turn in zip_longest(*by_domain) for pair in turn if pair]  # the domains take turns
    return [sample for name in MAKERS for sample in _enough(name, rows, each)]


def oracle_matrix(each: int = EACH, scores: Mapping[str, Score] = SCORES) -> KillMatrix:
    """Every oracle against every kind of mutant, on its own samples, beside the similarities as warning examples.

    A cell that the rows cannot fill with ``each`` answers (shifted numbers in JSON without numbers) is left out.
    """
    found = kill_matrix(oracle_samples(each), scores).cells
    names = (*OWN, *scores)
    return KillMatrix({k: cell for k, cell in found.items() if k[0] in names and len(cell) >= each}, [], tuple(scores))


def own_killed(matrix: KillMatrix) -> dict[str, Rate]:
    """For each oracle, how many mutants of the kinds it is there for it killed."""
    return {name: matrix.of(name, OWN[name]) for name in matrix.oracles if name in OWN}


def _groups(rows: Sequence[Example]) -> Iterator[tuple[Example, str | None]]:
    """Each row with another right answer: to the same rule or document, with the same figures and decision.

    For JSON it is the same object with its keys in another order.
    """
    alike: dict[object, list[str]] = defaultdict(list)
    for row in rows:
        alike[_key(row)].append(row.response)
    for row in rows:
        value, key = _object(row.response), _key(row)
        if value is not None:
            turned = json.dumps(dict(reversed(value.items())), separators=(",", ":"))
            yield row, turned if turned != row.response else None
        else:
            others = alike[key] if key[1] else []
            yield row, next((text for text in others if text.lower() != row.response.lower()), None)


def _key(row: Example) -> tuple[str, frozenset[Any], tuple[str, ...]]:
    slots = frozenset((s.dimension, s.value) for s in find(clean(row.response)))
    return row.asked.removesuffix(row.question), slots, tuple(taken(clean(row.response)))


def _object(answer: str) -> dict[str, Any] | None:
    value, _ = read_json(answer)
    return value if isinstance(value, dict) else None


def _enough(name: str, rows: Sequence[tuple[Example, str | None]], each: int) -> Iterator[Sample]:
    """Samples of one oracle, as long as they bring a kind that it has not met often enough."""
    met: Counter[str] = Counter()
    for row, other in rows:
        made = MAKERS[name](row, other)
        if made is None:
            continue
        expected, seed = made
        sample = Sample(name, told(row), row.response, [{name: expected}], [other] if other else [], seed)
        kinds = [kind for kind, _ in mutants(row.response, sample.prompt)] + [RIGHT] * bool(other)
        if all(met[kind] >= each for kind in kinds) or not accepts(sample, row.response):
            continue
        met.update(kinds)
        yield sample


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]{5,}", text.lower()) if word not in ("cannot", "colleague")]


def _matches(row: Example, other: str | None) -> Made | None:
    if _object(row.response) is not None:
        return None
    shared = [word for word in _words(row.response) if other is None or word in _words(other)]
    return ([rf"\b{shared[-1]}\b"], None) if shared else None


def _facts(row: Example, other: str | None) -> Made | None:
    slots = [s.text for s in find(clean(row.response)) if not s.soft]
    return (list(dict.fromkeys(slots)), None) if slots and _object(row.response) is None else None


def _decision(row: Example, other: str | None) -> Made | None:
    """One sentence only, so that a negation in it is one of the decision."""
    decisions = taken(clean(row.response))
    return (decisions[0], None) if decisions and len(re.findall(r"[.!?](?:\s|$)", row.response)) == 1 else None


def _consistent(row: Example, other: str | None) -> Made | None:
    """Answers that commit to something, other than a refusal, which another refusal would not change."""
    commits = _object(row.response) is not None or _facts(row, other) is not None
    return ({"with": other or row.response}, None) if commits and "refuse" not in taken(clean(row.response)) else None


def _moves(row: Example, other: str | None) -> Made | None:
    """The seed's answer is the same sentence with another figure, as an answer to another situation would be."""
    seed = mutate("number_shift", row.response, told(row))
    if seed is None or _object(row.response) is not None:
        return None
    before, after = (
        next(s for s in find(clean(t)) if s.kind not in ("id", "date") and not s.soft) for t in (seed, row.response)
    )
    return {after.unit or after.kind: f"{before.text} -> {after.text}"}, seed


def _json_schema(row: Example, other: str | None) -> Made | None:
    value = _object(row.response)
    return None if value is None else ({"required": list(value), "additionalProperties": True}, None)


def _equals_json(row: Example, other: str | None) -> Made | None:
    value = _object(row.response)
    return None if value is None else (value, None)


MAKERS: dict[str, Callable[[Example, str | None], Made | None]] = {
    "equals": lambda row, other: (row.response, None),
    "equals_json": _equals_json,
    "json_schema": _json_schema,
    "matches": _matches,
    "forbids": lambda row, other: (PERSONAL, None),
    "facts": _facts,
    "grounded": lambda row, other: (ALLOWED, None),
    "decision": _decision,
    "consistent": _consistent,
    "moves": _moves,
}
