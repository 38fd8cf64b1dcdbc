"""The raw rows of the domain support: what was planted is there, the rest is the curated set, and fresh cases are fresh."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations

import pytest

from labkit import samples
from labkit.curation.near_duplicates import near_pairs
from labkit.evaluation.oracle_slots import clean, find
from labkit.evaluation.suite import load as load_suite
from labkit.files import lines, read_jsonl, read_strictly
from labkit.policy import Clearance, Policy, Rule
from labkit.policy import load as load_policy
from labkit.records import Example, Pair, Planted, question

RAW = samples.path("support/raw.jsonl")
TRAIN = {row.id: row for row in read_strictly(samples.path("support/train.jsonl"), Example)}
ROWS, BROKEN = read_jsonl(RAW, Example)
BY_ID = {row.id: row for row in ROWS}
PLANTED = read_strictly(samples.path("support/planted.jsonl"), Planted)
DEFECTS = [p for p in PLANTED if not p.lookalike]
POLICY = load_policy(samples.path("support/policy.yaml"), Policy)
ON_ROWS = [p for p in PLANTED if p.row in BY_ID]
LEAST = {
    "exact_duplicate": 6, "near_duplicate": 10, "semantic_duplicate": 5, "text_noise": 10, "empty_answer": 5,
    "truncated_answer": 5, "runaway_answer": 4, "leaked_turns": 4, "wrong_language": 6, "irrelevant": 6,
    "unclear_instruction": 6, "off_question": 6, "contradiction": 5, "policy_violation": 8, "outdated_policy": 6,
    "wrong_label": 8, "format": 6, "pii": 14, "secret": 5, "injection": 5, "unsafe": 4, "licence": 4, "consent": 4,
    "held_out_leak": 6, "schema": 4, "over_represented": 2, "missing_slice": 1,
}  # fmt: skip
PII = {"email", "phone", "card", "iban", "national_id", "ip_address", "birth_date", "tax_id", "person_name", "address"}


def test_there_is_enough_of_every_kind_in_both_halves() -> None:
    counts = Counter(p.kind for p in DEFECTS)
    assert {kind: counts[kind] for kind, least in LEAST.items() if counts[kind] < least} == {}
    assert set(counts) == set(LEAST)
    assert len(DEFECTS) >= 120 and sum(p.lookalike for p in PLANTED) >= 40
    assert {p.sub for p in DEFECTS if p.kind == "pii"} == PII
    halves = Counter((p.kind, p.lookalike, p.half) for p in PLANTED)
    for kind, lookalike in {(p.kind, p.lookalike) for p in PLANTED}:
        assert 0 <= halves[kind, lookalike, "dev"] - halves[kind, lookalike, "test"] <= 1, kind


def test_what_is_planted_is_there_with_its_evidence() -> None:
    malformed = {finding.row_id for finding in BROKEN}
    assert {p.row for p in PLANTED} - set(BY_ID) == malformed | {"dataset"}
    assert {p.row for p in DEFECTS if p.kind == "schema"} == malformed
    physical = {f"line-{line.number}": line for line in lines(RAW)}
    text = RAW.read_text(encoding="utf-8").split("\n")
    assert all(p.evidence in text[physical[p.row].number - 1] for p in PLANTED if p.row in malformed)
    for p in ON_ROWS:
        row = BY_ID[p.row]
        held = {"prompt": row.asked, "response": row.response, "provenance": row.provenance.model_dump_json()}
        assert p.where == "line" or p.evidence in held[p.where], p
        assert p.span is None or held[p.where][slice(*p.span)] == p.evidence, p
    share = len({p.row for p in DEFECTS if p.row != "dataset"}) / (len(ROWS) + len(BROKEN))
    assert 0.15 <= share <= 0.40


def test_perfect_curation_gives_the_curated_set_back() -> None:
    gone = {p.row for p in DEFECTS if p.triage not in ("repair", "mask")}
    kept = {row.id for row in ROWS} - gone
    assert kept - set(TRAIN) == {p.row for p in ON_ROWS if p.lookalike or p.triage in ("repair", "mask")} - gone
    bytes_of = {json.loads(line)["id"]: line for line in samples.path("support/train.jsonl").open(encoding="utf-8")}
    assert set(bytes_of.values()) <= set(RAW.open(encoding="utf-8", newline="\n"))
    assert len(BY_ID) == len(ROWS) and set(TRAIN) <= kept


def test_what_repeats_a_row_comes_after_it_and_looks_as_its_kind_says() -> None:
    place = {row.id: i for i, row in enumerate(ROWS)}
    cases = {c.id: question(c.given) for s in ("support", "preference") for c in load_suite(_suite(s)).cases}
    for p in ON_ROWS:
        if p.other_row in place:
            assert place[p.row] > place[p.other_row], p
        elif p.other_row:
            assert p.other_row in cases, p
    leaks = [p for p in DEFECTS if p.kind == "held_out_leak"]
    assert all(near_pairs([BY_ID[p.row].question], [cases[str(p.other_row)]]) for p in leaks)
    near = {frozenset((ROWS[p.a].id, ROWS[p.b].id)) for p in near_pairs([row.question for row in ROWS])}
    told = {frozenset((p.row, str(p.other_row))) for p in PLANTED}
    assert {pair for pair in near if not pair <= set(TRAIN)} <= told


def test_over_represented_words_and_the_missing_pair_are_true() -> None:
    (words,) = [p.evidence for p in DEFECTS if p.row == "dataset" and p.kind == "over_represented"]
    burst = {p.row for p in DEFECTS if p.kind == "over_represented"} - {"dataset"}
    assert {row.id for row in ROWS if row.question.startswith(words)} == burst
    (pair,) = [p.evidence for p in DEFECTS if p.kind == "missing_slice"]
    seen = [row.slices for row in ROWS if row.slices]
    values = {name: {s[name] for s in seen} for name in seen[0]}
    never = [
        f"{a}={x} & {b}={y}"
        for a, b in combinations(values, 2)
        for x in values[a]
        for y in values[b]
        if not any(s[a] == x and s[b] == y for s in seen)
    ]
    assert never == [pair]


def breaks(rule: Rule, row: Example) -> bool:
    """Does the answer state another value than the rule's? Numbers that the customer named himself are his."""
    if not any(re.search(p, row.question, re.I) for p in rule.about):
        return False
    if any(re.search(p, row.asked, re.I) for p in rule.unless):
        return False
    asked, values = find(clean(row.question)), [slot for value in rule.value for slot in find(value)]
    wrong = any(
        slot.family in {v.family for v in values} and not any(slot.equals(v) for v in (*values, *asked))
        for slot in find(clean(row.response))
    )
    lacks = bool(rule.requires) and not any(re.search(p, row.response, re.I) for p in rule.requires)
    return wrong or lacks or any(re.search(p, row.response, re.I) for p in rule.forbids)


@pytest.mark.parametrize("kind", ["policy_violation", "outdated_policy"])
def test_the_rules_hold_for_all_rows_but_the_planted_ones(kind: str) -> None:
    assert len(POLICY.rules) >= 9 and POLICY.scope and POLICY.language == "en"
    bad = {p.row for p in DEFECTS if p.kind in ("policy_violation", "outdated_policy")}
    found = {row.id for row in ROWS if any(breaks(rule, row) for rule in POLICY.rules)}
    assert not found & set(TRAIN)
    assert found <= bad
    assert {p.row for p in DEFECTS if p.kind == kind} <= found


def test_sources_are_known_and_permissions_hold_where_nothing_was_planted() -> None:
    sources = load_policy(samples.path("clearance.yaml"), Clearance).sources
    planted = {p.row for p in DEFECTS if p.kind == "consent"}
    for row in ROWS:
        source = sources[row.provenance.source]
        if row.id not in planted:
            assert row.provenance.owner == source.owner, row.id
            assert source.consent == "not_required" or row.provenance.consent == "given", row.id


def test_fresh_cases_are_independent_of_all_that_was_seen() -> None:
    fresh = load_suite(samples.path("support/fresh.yaml"))
    others = [case for name in ("support", "preference") for case in load_suite(_suite(name)).cases]
    counts = Counter(case.requirement for case in fresh.cases)
    wanted = {f"REQ-S{n:02}": 6 if n >= 10 else 5 for n in range(1, 15)}
    assert fresh.name == "fresh" and len(fresh.cases) >= 80 and set(counts) == set(wanted)
    assert all(counts[name] >= least for name, least in wanted.items())
    assert not {case.id for case in fresh.cases} & {case.id for case in others}
    asked = [question(case.given) for case in fresh.cases]
    seen = [row.question for row in ROWS] + [question(case.given) for case in others]
    seen += [question(pair.prompt) for pair in read_strictly(samples.path("support/pairs.jsonl"), Pair)]
    assert near_pairs(asked, seen) == []
    for near in near_pairs(asked):
        assert fresh.cases[near.a].cluster == fresh.cases[near.b].cluster


def _suite(name: str) -> str:
    return str(samples.path(f"support/suites/{name}.yaml"))
