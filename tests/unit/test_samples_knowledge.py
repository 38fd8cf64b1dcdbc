"""The sample rows of the domain knowledge: enough of each defect, and every entry of the list points at something."""

import datetime
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from labkit.curation.near_duplicates import near_pairs
from labkit.evaluation.suite import load as load_suite
from labkit.files import read_jsonl, read_strictly
from labkit.policy import Clearance, Policy, load
from labkit.records import Example, Planted, question

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
FOLDER = SAMPLES / "knowledge"
ROWS, BROKEN = read_jsonl(FOLDER / "raw.jsonl", Example)
PLANTED = read_strictly(FOLDER / "planted.jsonl", Planted)
BY_ID = {row.id: row for row in ROWS}
DEFECTS = [p for p in PLANTED if not p.lookalike]
LOOKALIKES = [p for p in PLANTED if p.lookalike]
TOUCHED = {p.row for p in PLANTED}
FIELDS = ("prompt", "response")
ENOUGH = {
    "exact_duplicate": 5, "near_duplicate": 8, "semantic_duplicate": 4, "text_noise": 8, "empty_answer": 5,
    "truncated_answer": 5, "runaway_answer": 4, "leaked_turns": 4, "wrong_language": 5, "irrelevant": 5,
    "unclear_instruction": 5, "off_question": 5, "contradiction": 5, "unsupported_answer": 12, "outdated_policy": 3,
    "policy_violation": 3, "pii": 12, "secret": 4, "injection": 4, "unsafe": 3, "licence": 4, "consent": 4,
    "held_out_leak": 4, "schema": 3, "over_represented": 1, "missing_slice": 1,
}  # fmt: skip


def test_there_are_enough_rows_and_defects() -> None:
    counts = Counter(p.kind for p in DEFECTS)
    assert {kind: n for kind, n in ENOUGH.items() if counts[kind] < n} == {}
    assert len(ROWS) >= 350 and len(set(BY_ID) - TOUCHED) >= 330
    assert len({p.row for p in DEFECTS}) / len(ROWS) >= 0.15
    assert len(LOOKALIKES) >= 35 and all(p.triage == "keep" for p in LOOKALIKES)


def test_ids_are_neutral_and_in_file_order() -> None:
    lines = (FOLDER / "raw.jsonl").read_text(encoding="utf-8").splitlines()
    broken = {p.row for p in DEFECTS if p.kind == "schema"}
    ids = [row.id for row in ROWS]
    numbers = [n for n in range(1, len(lines) + 1) if f"line-{n}" not in broken]
    assert ids == [f"kno-{n:04}" for n in numbers]


def test_malformed_lines_are_those_of_the_list() -> None:
    assert {finding.row_id for finding in BROKEN} == {p.row for p in DEFECTS if p.kind == "schema"}


def test_every_entry_points_at_a_row_and_no_row_has_two() -> None:
    special = {"dataset"} | {finding.row_id for finding in BROKEN}
    assert [p.row for p in PLANTED if p.row not in BY_ID and p.row not in special] == []
    assert [p.other_row for p in PLANTED if p.other_row and p.other_row not in set(BY_ID) - TOUCHED] == []
    assert {row: n for row, n in Counter(p.row for p in PLANTED).items() if n > 1 and row != "dataset"} == {}


@pytest.mark.parametrize("entry", [p for p in PLANTED if p.row in BY_ID and p.evidence], ids=lambda p: p.row)
def test_evidence_stands_where_the_list_says(entry: Planted) -> None:
    row = BY_ID[entry.row]
    if entry.where in FIELDS:
        text = row.asked if entry.where == "prompt" else row.response
        assert entry.span and text[slice(*entry.span)] == entry.evidence
    else:
        assert entry.evidence in json.loads(row.provenance.model_dump_json()).values()


def test_halves_alternate_within_a_kind() -> None:
    for looks in (DEFECTS, LOOKALIKES):
        counts = Counter((p.kind, p.half) for p in looks if p.row != "dataset")
        assert {k for k, _ in counts if abs(counts[k, "dev"] - counts[k, "test"]) > 1} == set()


def test_a_duplicate_comes_after_its_original() -> None:
    pairs = [(p.row, p.other_row) for p in DEFECTS if p.kind.endswith("_duplicate")]
    assert pairs and all(other and row > other for row, other in pairs)


def test_rows_that_are_right_repeat_each_other_only_where_listed() -> None:
    listed = {frozenset((p.row, p.other_row)) for p in LOOKALIKES}
    right = [row for row in ROWS if row.id not in {p.row for p in DEFECTS}]
    near = near_pairs([row.question for row in right])
    assert [(right[a].id, right[b].id) for a, b, _ in near if frozenset((right[a].id, right[b].id)) not in listed] == []


def test_suite_is_independent_of_the_rows_but_for_the_planted_leaks() -> None:
    cases = load_suite(FOLDER / "suites" / "knowledge.yaml").cases
    assert len(cases) >= 36 and {"MFT", "INV", "boundary", "adversarial"} <= {c.technique for c in cases}
    leaks = {p.row for p in DEFECTS if p.kind == "held_out_leak"}
    near = near_pairs([row.question for row in ROWS], [question(case.given) for case in cases])
    assert {ROWS[pair.a].id for pair in near} == leaks
    documents = {case.given[-1].content.splitlines()[0] for case in cases}
    assert {row.id for row in ROWS if row.asked.splitlines()[0] in documents} == leaks


def test_provenance_is_clear_but_for_the_planted_rows() -> None:
    clearance = load(SAMPLES / "clearance.yaml", Clearance)
    names = {alias: terms for key, terms in clearance.licences.items() for alias in (key, *terms.aliases)}
    today = datetime.date(2026, 11, 23)
    unclear = set()
    for row in ROWS:
        came, source = row.provenance, clearance.sources[row.provenance.source]
        age = (today - datetime.date.fromisoformat(came.collected_at)).days
        usable = any(name in names and names[name].use == "allowed" for name in came.licence.split(" OR "))
        agreed = came.owner == source.owner and came.consent in ("given", source.consent)
        if not (usable and agreed and age <= (source.keep_days or age)):
            unclear.add(row.id)
    assert unclear == {p.row for p in DEFECTS if p.kind in ("licence", "consent")}


def test_slices_hold_what_the_list_says_of_the_dataset() -> None:
    said = {p.kind: p.evidence for p in DEFECTS if p.row == "dataset"}
    gap: set[str] = set()
    for one, other in combinations(ROWS[0].slices, 2):
        seen = {(row.slices[one], row.slices[other]) for row in ROWS}
        wanted = {(a, b) for a, _ in seen for _, b in seen}
        gap |= {f"{one}={a} & {other}={b}" for a, b in wanted - seen}
    assert gap == {said["missing_slice"]}
    key, value = said["over_represented"].split("=")
    assert sum(row.slices[key] == value for row in ROWS) > 0.5 * len(ROWS)


def test_requirements_are_known_and_rules_are_enough() -> None:
    policy = load(FOLDER / "policy.yaml", Policy)
    assert policy.domain == "knowledge" and policy.scope and len(policy.rules) >= 8
    known = set(re.findall(r"id: (REQ-K\d\d)", (FOLDER / "requirements.yaml").read_text(encoding="utf-8")))
    assert len(known) >= 8
    assert {name for row in ROWS for name in row.requirements} | {rule.requirement for rule in policy.rules} <= known
