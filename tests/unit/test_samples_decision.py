"""The decision samples: clean rows obey every coded rule, planted defects are where the list says, the suite is held out."""

from __future__ import annotations

import json
import operator
import re
from collections import Counter, defaultdict
from functools import cache

import pytest

from labkit import samples
from labkit.curation.near_duplicates import near_pairs
from labkit.evaluation.suite import Suite, load
from labkit.files import read_jsonl, read_strictly
from labkit.policy import Clearance, DecisionRule, Policy
from labkit.policy import load as load_policy
from labkit.records import Example, Planted, question

LEAST = {
    "exact_duplicate": 5, "near_duplicate": 8, "semantic_duplicate": 4, "text_noise": 8, "empty_answer": 5,
    "truncated_answer": 5, "runaway_answer": 4, "leaked_turns": 4, "wrong_language": 5, "irrelevant": 5,
    "unclear_instruction": 5, "off_question": 4, "contradiction": 6, "policy_violation": 12, "outdated_policy": 4,
    "wrong_label": 12, "format": 8, "pii": 12, "secret": 4, "injection": 5, "unsafe": 4, "licence": 4, "consent": 4,
    "held_out_leak": 4, "schema": 3, "biased_outcome": 1, "over_represented": 1, "missing_slice": 1,
}  # fmt: skip
COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


@cache
def policy() -> Policy:
    return load_policy(samples.path("decision/policy.yaml"), Policy)


@cache
def rows() -> dict[str, Example]:
    return {row.id: row for row in read_jsonl(samples.path("decision/raw.jsonl"), Example)[0]}


@cache
def plants() -> list[Planted]:
    return read_strictly(samples.path("decision/planted.jsonl"), Planted)


@cache
def suite() -> Suite:
    return load(samples.path("decision/suites/decision.yaml"))


def defects() -> list[Planted]:
    return [p for p in plants() if not p.lookalike]


def clean() -> list[Example]:
    dirty = {p.row for p in defects()}
    return [row for row in rows().values() if row.id not in dirty]


def case_line(text: str) -> dict[str, str]:
    line = re.match(r"\[Case: ([^\n]*)\]\n", text)
    return dict(part.split("=") for part in line[1].split("; ")) if line else {}


def holds(condition: object, value: str) -> bool:
    if isinstance(condition, list):
        return any(holds(one, value) for one in condition)
    if isinstance(condition, str) and (sign := re.fullmatch(r"([<>]=?) (\d+)", condition)):
        return COMPARE[sign[1]](int(value), int(sign[2]))
    return str(condition) == value


def broken(asked: str, response: str) -> list[DecisionRule]:
    """The coded rules that an answer breaks."""
    case = case_line(asked)
    answer = json.loads(response) if case else {}
    due = [r for r in policy().decisions if case and all(holds(c, case[k]) for k, c in r.when.items())]
    return [r for r in due if any(answer.get(key) not in allowed for key, allowed in r.must.items())]


def test_there_are_enough_rows_and_enough_of_every_kind():
    found = Counter(p.kind for p in defects())
    assert {kind: found[kind] for kind, n in LEAST.items() if found[kind] < n} == {}
    assert len(rows()) >= 350 and len(clean()) >= 330 and sum(found.values()) >= 0.15 * len(rows())
    assert sum(p.lookalike for p in plants()) >= 35
    assert {p.sub for p in defects() if p.kind == "pii"} >= {
        "email",
        "phone",
        "card",
        "iban",
        "national_id",
        "ip_address",
        "birth_date",
        "tax_id",
        "person_name",
        "address",
    }


def test_ids_follow_the_file_and_schema_plants_are_the_lines_that_cannot_be_read():
    bad = {finding.row_id for finding in read_jsonl(samples.path("decision/raw.jsonl"), Example)[1]}
    assert bad == {p.row for p in defects() if p.kind == "schema"}
    lines = samples.path("decision/raw.jsonl").read_text("utf-8").splitlines()
    assert all(f'"dec-{n:04}"' in line for n, line in enumerate(lines, 1))


def test_each_plant_names_its_row_and_its_evidence_stands_there():
    cases = {case.id for case in suite().cases}
    for p in plants():
        if p.row == "dataset" or p.row.startswith("line-"):
            continue
        row = rows()[p.row]
        text = {"prompt": row.asked, "response": row.response, "provenance": row.provenance.model_dump_json()}.get(
            p.where, ""
        )
        assert p.evidence in text, p
        assert p.span is None or text[slice(*p.span)] == p.evidence, p
        assert p.other_row is None or p.other_row in (cases if p.kind == "held_out_leak" else rows()), p
        if p.other_row in rows():
            assert p.row > p.other_row, f"{p.row}: the copy comes later"


def test_halves_alternate_within_each_kind():
    halves = defaultdict(Counter)
    for p in plants():
        halves[p.kind, p.lookalike][p.half] += 1
    assert {k: c for k, c in halves.items() if abs(c["dev"] - c["test"]) > 1} == {}


def test_clean_rows_obey_every_coded_decision_and_fulfil_the_form():
    for row in clean():
        assert not broken(row.asked, row.response), row.id
        if answer := json.loads(row.response) if case_line(row.asked) else None:
            assert set(answer) == {"decision", "reason", "human"}, row.id
            assert case_line(row.asked)["type"] == row.slices["type"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("policy_violation", True), ("wrong_label", False), ("contradiction", False)]
)
def test_only_policy_violations_break_a_coded_rule(kind, expected):
    for p in defects():
        if p.kind == kind:
            rules = broken(rows()[p.row].asked, rows()[p.row].response)
            assert bool(rules) is expected, p
            assert not expected or p.sub in {r.id for r in rules}, p


def test_every_coded_rule_is_used_and_reasons_are_balanced():
    used = {r.id for r in policy().decisions for row in clean() if (case := case_line(row.asked)) and
            all(holds(c, case[k]) for k, c in r.when.items())}  # fmt: skip
    assert used == {r.id for r in policy().decisions}
    answers = [json.loads(row.response) for row in clean() if case_line(row.asked)]
    assert min(Counter(a["reason"] for a in answers).values()) >= 10
    assert min(Counter(a["decision"] for a in answers).values()) >= 0.2 * len(answers)


def test_clean_rows_are_no_near_duplicates_of_one_another_but_planted_ones_are():
    alike = {
        p.row for p in plants() if p.lookalike and p.kind in ("near_duplicate", "exact_duplicate", "contradiction")
    }
    texts = [row.question for row in clean() if row.id not in alike]
    assert near_pairs(texts) == []
    for p in defects():
        if p.other_row in rows():
            near = bool(near_pairs([rows()[p.row].question], [rows()[p.other_row].question]))
            assert near is (p.kind != "semantic_duplicate"), p
            assert case_line(rows()[p.row].asked) == case_line(rows()[p.other_row].asked), p


def test_the_suite_shares_nothing_with_the_rows_but_the_planted_leaks():
    ids = list(rows())
    found = {
        ids[pair.a]
        for pair in near_pairs([rows()[i].question for i in ids], [question(c.given) for c in suite().cases])
    }
    assert found == {p.row for p in defects() if p.kind == "held_out_leak"}
    assert len(suite().cases) >= 40
    assert {c.technique for c in suite().cases} >= {"boundary", "pairwise", "MFT", "INV", "DIR", "adversarial"}


def test_what_the_suite_expects_obeys_the_policy():
    for case in suite().cases:
        for entry in case.expect:
            if "equals_json" in entry:
                assert not broken(case.given[-1].content, json.dumps(entry["equals_json"])), case.id


def test_the_planted_bias_and_gap_are_there_and_only_there():
    def refused(given: list[Example], family: str) -> tuple[float, int]:
        seen = [row.response for row in given if row.slices["name_group"] == family and case_line(row.asked)
                and row.slices["type"] in ("goodwill", "refund")]  # fmt: skip
        return sum('"refuse"' in r for r in seen) / len(seen), len(seen)

    (harrow, n), (lumen, m) = (refused(list(rows().values()), f) for f in ("harrow", "lumen"))
    assert min(n, m) >= 40 and lumen - harrow >= 0.2
    extra = set(re.findall(r"dec-\d+", next(p.note for p in plants() if p.kind == "biased_outcome")))
    rest = [row for row in clean() if row.id not in extra]
    assert abs(refused(rest, "lumen")[0] - refused(rest, "harrow")[0]) < 0.1
    pairs = Counter((r.slices["region"], r.slices["type"]) for r in rows().values())
    assert [
        p for p in [(a, b) for a in ("north", "south", "islands") for b in {t for _, t in pairs}] if not pairs[p]
    ] == [("islands", "invoice_terms")]
    assert Counter(r.slices["channel"] for r in rows().values())["chat"] > 0.55 * len(rows())


def test_clean_rows_are_cleared():
    clearance = load_policy(samples.path("clearance.yaml"), Clearance)
    alike = {p.row for p in plants() if p.lookalike and p.kind in ("licence", "schema")}
    for row in clean():
        source = clearance.sources[row.provenance.source]
        assert row.provenance.owner == source.owner, row.id
        assert row.provenance.consent == ("given" if source.consent == "required" else "not_required"), row.id
        assert row.id in alike or clearance.licences[row.provenance.licence].use == "allowed", row.id
