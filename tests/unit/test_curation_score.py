"""Scores of checks against planted defects, by hand-made examples with known counts."""

from __future__ import annotations

import pytest

from labkit.curation.score import half_of, reference_decisions, score
from labkit.records import Example, Finding, Message, Planted


def row(name):
    return Example(id=name, prompt=[Message(role="user", content="q")], response="a")


def plant(name, kind, half="dev", **more):
    return Planted(row=name, kind=kind, half=half, **more)


def said(row_id, check, number=0, **more):
    return Finding(id=f"{check}.{row_id}.{number}", row_id=row_id, check=check, severity="major", message="m", **more)


ROWS = [row(f"r{i}") for i in range(20)]
PLANTED = [
    plant("r0", "noise"), plant("r1", "noise", "test"), plant("r2", "twin", other_row="r10"),
    plant("r3", "twin", other_row="r11"), plant("r4", "twin", lookalike=True, other_row="r12"),
    plant("r5", "noise", lookalike=True), plant("r6", "unclear_instruction"), plant("line-3", "schema"),
]  # fmt: skip
FOUND = [
    said("r0", "noise"),  # right
    said("r0", "noise", 1),  # right again
    said("r10", "twin", other_row="r2"),  # right, from the other side
    said("r11", "twin", other_row="r19"),  # the counterpart, but for another reason: wrong
    said("r3", "noise"),  # right row, other kind
    said("r4", "twin", other_row="r12"),  # a look-alike: wrong
    said("r7", "noise"),  # a clean row: wrong
    said("r8", "unclear_instruction"),  # wrong, but for review only
    said("line-3", "schema"),
]


def by_kind(found=FOUND, planted=PLANTED, **more):
    result = score(found, planted, ROWS, **more)
    return result, {k.kind: k for k in (*result.kinds, result.overall, result.review)}


def test_counts_by_kind():
    _, kinds = by_kind()
    noise, twin, schema = kinds["noise"], kinds["twin"], kinds["schema"]
    assert (noise.planted, noise.found, noise.findings, noise.right_kind, noise.right_row) == (2, 1, 4, 2, 3)
    assert (twin.planted, twin.found, twin.findings, twin.right_kind, twin.right_row) == (2, 1, 3, 1, 1)
    assert (twin.lookalikes.passed, twin.lookalikes.n) == (1, 1) and noise.lookalikes.passed == 0
    assert (schema.recall.rate, schema.precision.rate) == (1.0, 1.0)


def test_the_sums_leave_out_what_is_for_review():
    result, kinds = by_kind()
    overall, review = kinds["all but review"], kinds["review only"]
    assert (overall.planted, overall.found, overall.findings, overall.right_row) == (5, 3, 8, 5)
    assert (overall.recall.n, overall.precision.n) == (5, 8) and 0 < overall.recall.low < 3 / 5 < overall.recall.high
    assert (review.planted, review.found, review.findings, review.right_row) == (1, 0, 1, 0)
    # 20 rows, 5 of them planted; r7, r11 and the look-alike r4 are flagged; r10 is too, but rightly.
    assert (result.clean_flagged.passed, result.clean_flagged.n) == (3, 15)


def test_halves_split_plants_and_clean_rows():
    halves = [by_kind(half=half) for half in ("dev", "test")]
    whole, _ = by_kind()
    assert [kinds["noise"].planted for _, kinds in halves] == [1, 1]
    assert [kinds["noise"].found for _, kinds in halves] == [1, 0]
    assert sum(result.clean_flagged.n for result, _ in halves) == whole.clean_flagged.n
    assert sum(result.overall.findings for result, _ in halves) == whole.overall.findings
    shares = [half_of(f"row-{i}") for i in range(1000)].count("dev")
    assert 400 < shares < 600


def test_of_several_plants_of_one_kind_in_a_row_each_needs_its_own_finding():
    planted = [
        plant("r0", "pii", sub=sub, evidence=e) for sub, e in [("email", "ann@pond.example"), ("phone", "555 0100")]
    ]
    found = [said("r0", "pii", evidence="ann@pond.example.")]
    assert by_kind(found, planted)[1]["pii"].found == 1
    assert by_kind([*found, said("r0", "pii", 1, evidence="0100")], planted)[1]["pii"].found == 2


def test_names_and_addresses_stand_apart():
    planted = [plant("r0", "pii", sub="person_name"), plant("r1", "pii", sub="email")]
    found = [said("r0", "pii", tier="review"), said("r1", "pii", tier="review")]
    _, kinds = by_kind(found, planted)
    assert (kinds["pii (review)"].found, kinds["pii"].found, kinds["pii (review)"].findings) == (1, 0, 2)
    assert kinds["all but review"].planted == 1


def test_a_finding_on_the_whole_set_hits_the_plants_it_names():
    planted = [
        plant("dataset", "missing_slice", evidence="channel=survey & customer=new"),
        plant("dataset", "missing_slice", evidence="region=islands"),
        *(plant(name, "over_represented", evidence="Catalogue check:") for name in ("r0", "r1")),
    ]  # fmt: skip
    found = [
        said("dataset", "missing_slice", evidence="Channel survey, customer new"),
        said("dataset", "over_represented", evidence="'catalogue check' 17 times"),
        said("dataset", "biased_outcome", evidence="region"),
    ]  # fmt: skip
    _, kinds = by_kind(found, planted)
    assert (kinds["missing_slice"].found, kinds["over_represented"].found) == (1, 2)
    assert (kinds["biased_outcome"].right_row, kinds["biased_outcome"].findings) == (0, 1)


def test_only_some_kinds_and_no_plants_at_all():
    result, kinds = by_kind(kinds={"twin"})
    assert [k.kind for k in result.kinds] == ["twin"] and kinds["all but review"].findings == 3
    assert result.clean_flagged.n == 15
    empty, _ = by_kind([], [])
    assert empty.kinds == [] and empty.overall.recall.n == 0 and "no cases" in empty.text()
    assert [r["kind"] for r in by_kind()[0].table()][-2:] == ["all but review", "review only"]


@pytest.mark.parametrize(
    ("finding", "triage", "others", "action"),
    [
        (said("r0", "noise"), "repair", [], "accept"),
        (said("r0", "twin"), "repair", [], "accept"),  # nothing else has found the defect
        (said("r0", "twin"), "repair", [said("r0", "noise")], "reject"),
        (said("r0", "twin"), "drop", [said("r0", "noise")], "accept"),
        (said("r5", "noise"), "drop", [], "reject"),  # a look-alike
        (said("r7", "noise"), "drop", [], "reject"),
        (said("dataset", "noise"), "drop", [], "reject"),
    ],
)
def test_what_the_reference_reviewer_decides(finding, triage, others, action):
    planted = [plant("r0", "noise", triage=triage), plant("r5", "noise", lookalike=True)]
    first, *_ = reference_decisions([finding, *others], planted, "ref")
    assert (first.action, first.finding, first.row_id, first.id, first.decided_by) == (
        action, finding.id, finding.row_id, "ref-0001", "ref",
    )  # fmt: skip


def test_the_benchmark_adds_domains_up_and_says_what_is_met():
    from benchmarks import planted as benchmark

    one, _ = by_kind()
    both = benchmark.together([one, one])
    noise = next(k for k in both.kinds if k.kind == "noise")
    assert (noise.planted, noise.found, noise.right_row, noise.lookalikes.n) == (4, 2, 6, 2)
    assert (both.overall.planted, both.clean_flagged.n) == (2 * one.overall.planted, 2 * one.clean_flagged.n)
    schema = next(k for k in both.kinds if k.kind == "schema")
    assert benchmark.met(schema) == "precision 1.00 met, recall 1.00 met"
    assert "recall 1.00 missed" in benchmark.met(noise._replace(kind="schema"))


def test_the_reference_reviewer_does_not_drop_the_sound_one_of_two():
    sides = [said("r10", "twin", other_row="r2"), said("r2", "twin", other_row="r10")]
    assert [d.action for d in reference_decisions(sides, PLANTED)] == ["reject", "accept"]
