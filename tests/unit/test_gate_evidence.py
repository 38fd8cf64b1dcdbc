"""Rules of the gate on the evidence itself: each at its bounds, and what nobody brought is never a pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit import LabError
from labkit.records import Case, Example, Message, Pair, Requirement, Verdict
from labkit.release import gate
from labkit.release.gate import Coverage, Evidence, FlipRate, Item, Mutants, MutationScore, Policy
from labkit.stats import wilson

ASKED = "[Rule: items can be returned within 45 days of delivery]\nHow long may I keep the copper kettle before it goes back?"


def needs(*ids: str) -> dict[str, Requirement]:
    return {i: Requirement(id=i, text="t", likelihood=2, impact=3, severity="major") for i in ids}


def verdicts(requirement: str, passed: int, n: int, model: str = "dpo", clusters: int | None = None) -> list[Verdict]:
    return [
        Verdict(
            case_id=f"{requirement}-{i}", requirement=requirement, severity="major", technique="MFT",
            cluster=f"{requirement}-{i % (clusters or n)}", model=model, passed=i < passed, score=float(i < passed), message="",
        )
        for i in range(n)
    ]  # fmt: skip


def case(name: str, asked: str, requirement: str = "M1") -> Case:
    given = [Message(role="user", content=asked)]
    return Case(id=name, requirement=requirement, technique="MFT", given=given, expect=[{"facts": ["45 days"]}])


def row(name: str, asked: str, *requirements: str) -> Example:
    return Example(
        id=name,
        prompt=[Message(role="user", content=asked)],
        response="Within 45 days.",
        requirements=list(requirements),
    )


@pytest.mark.parametrize(
    ("asked", "outcome", "said"),
    [
        ("Does the garden hose fit a half-inch tap?", "go", "none is a near-duplicate"),
        ("how long may i keep the copper kettle, before it goes back", "no-go", "c1 (row r1)"),
        (
            "Hi! How long may I keep the copper kettle before it goes back? Thanks a lot for your help.",
            "no-go",
            "1 stand",
        ),
        ("How long may we keep the copper kettle before it goes back?", "no-go", "1 stand among the training rows"),
        ("How long may I keep the copper kettles before they go back?", "inconclusive", "read them side by side"),
    ],
)
def test_a_question_of_the_suite_must_not_stand_among_the_rows(asked: str, outcome: str, said: str) -> None:
    found = gate.independence([case("c1", ASKED), case("c2", "Is the parcel insured?")], [row("r1", asked)])
    assert found.outcome == outcome and said in found.sentence
    assert found.numbers["overlapping"] == int(outcome != "go") and found.numbers["cases"] == 2


def test_other_figures_in_the_same_words_are_for_a_person_to_read() -> None:
    old, new = (
        "May I send it back 45 days after the delivery came?",
        "May I send it back 46 days after the delivery came?",
    )
    found = gate.independence([case("c1", old)], [row("r1", new)])
    assert found.outcome == "inconclusive" and "c1 (row r1)" in found.sentence


def test_pairs_of_a_preference_training_count_as_seen() -> None:
    answers = [{"text": "a", "source": "x"}, {"text": "b", "source": "y"}]
    pair = Pair.model_validate({"id": "p1", "prompt": [{"role": "user", "content": ASKED}], "answers": answers})
    found = gate.independence([case("c1", ASKED)], [row("r1", "Is the parcel insured?")], [pair])
    assert found.outcome == "no-go" and "c1 (row p1)" in found.sentence and found.numbers["training_rows"] == 2


def decided(policy: Policy, evidence: Evidence | None, candidate: list[Verdict] | None = None) -> Item:
    own = candidate or verdicts("M1", 100, 100) + verdicts("M2", 100, 100, clusters=2)
    return gate.decide(policy, own, None, needs("M1", "M2"), evidence).items[-1]


TAUGHT = [row(f"a{i}", "q", "M1") for i in range(5)] + [row(f"b{i}", "q", "M2") for i in range(2)]


@pytest.mark.parametrize(
    ("rule", "outcome", "said"),
    [
        (Coverage(cases=2, rows=2), "go", "each of 2 requirements has at least 2 seed cases and 2 training rows"),
        (Coverage(cases=3), "inconclusive", "M2 needs 1 more seed cases"),
        (Coverage(cases=3, rows=5), "inconclusive", "M2 needs 1 more seed cases and 3 more training rows"),
        (Coverage(cases=3, rows=5, requirements=["M1"]), "go", "each of 1 requirements"),
    ],
)
def test_coverage_counts_seed_cases_and_rows(rule: Coverage, outcome: str, said: str) -> None:
    found = decided(Policy(coverage=rule), Evidence(rows=TAUGHT))
    assert (found.name, found.outcome) == ("coverage", outcome) and said in found.sentence


def test_nothing_at_all_is_a_no_go() -> None:
    found = decided(Policy(coverage=Coverage(cases=1)), None, verdicts("M1", 10, 10))
    assert found.outcome == "no-go" and "M2 needs 1 more seed cases" in found.sentence
    assert found.numbers["empty"] == 1 and found.numbers["fewest_cases"] == 0
    found = decided(Policy(coverage=Coverage(cases=0, rows=1)), Evidence(rows=[row("a", "q", "M1")]))
    assert found.outcome == "no-go" and found.numbers["fewest_rows"] == 0


@pytest.mark.parametrize(
    ("flips", "n", "outcome"),
    [(0, 200, "go"), (4, 200, "inconclusive"), (0, 20, "inconclusive"), (20, 200, "no-go"), (11, 200, "no-go")],
)
def test_flip_rate(flips: int, n: int, outcome: str) -> None:
    first, again = verdicts("M1", n, n), verdicts("M1", n - flips, n)
    found = gate.decide(Policy(flip_rate=FlipRate(most=0.05)), first, None, needs("M1"), Evidence(again=again)).items[
        -1
    ]
    assert found.outcome == outcome and f"{flips}/{n}" in found.sentence
    assert ("M1-" in found.sentence) == bool(flips)


def test_further_cases_settle_an_undecided_flip_rate() -> None:
    first = verdicts("M1", 20, 20)
    policy = Policy(flip_rate=FlipRate(most=0.05))
    found = gate.decide(policy, first, None, needs("M1"), Evidence(again=first)).items[-1]
    further = int(found.numbers["further_cases"] or 0)
    assert f"about {further} further cases at this rate would settle it" in found.sentence
    assert wilson(0, 20 + further).high <= 0.05 < wilson(0, 19 + further).high


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (verdicts("M1", 9, 10, "sft"), "is of another model"),
        (verdicts("M1", 9, 9), "does not answer the same cases .* M1-9"),
        (verdicts("M1", 9, 10) * 2, "case M1-0 was judged twice"),
        ([], "second run: has no verdicts"),
    ],
)
def test_a_second_run_of_something_else_is_refused(again: list[Verdict], said: str) -> None:
    with pytest.raises(LabError, match=said):
        gate.decide(Policy(flip_rate=FlipRate()), verdicts("M1", 10, 10), None, needs("M1"), Evidence(again=again))


def mutants(killed: int, n: int) -> Mutants:
    rate = wilson(killed, n)
    survivors = [f"mutant-{i}" for i in range(n - killed)]
    return Mutants(score=rate.rate, n=n, low=rate.low, high=rate.high, survivors=survivors)


@pytest.mark.parametrize(
    ("killed", "n", "outcome"), [(12, 12, "go"), (11, 12, "go"), (9, 12, "inconclusive"), (6, 12, "no-go")]
)
def test_mutation_score(killed: int, n: int, outcome: str) -> None:
    found = decided(Policy(mutation_score=MutationScore(floor=0.6)), Evidence(mutants=mutants(killed, n)))
    assert found.outcome == outcome and f"{killed}/{n}" in found.sentence
    assert ("survivors: mutant-0" in found.sentence) == (killed < n)
    assert ("further mutants at this rate would settle it" in found.sentence) == (outcome == "inconclusive")


@pytest.mark.parametrize(
    ("policy", "evidence", "said"),
    [
        (Policy(independence=True), None, "'independence': asks for the cases, and there is none"),
        (Policy(independence=True), Evidence(cases=[case("c", "q")]), "asks for the training rows.* --rows, or take"),
        (Policy(independence=True), Evidence(cases=[case("c", "q")], rows=[]), "asks for the training rows"),
        (Policy(coverage=Coverage(rows=1)), None, "'coverage': asks for the training rows"),
        (Policy(flip_rate=FlipRate()), None, "'flip_rate': asks for a second run of the candidate.* --again"),
        (
            Policy(mutation_score=MutationScore()),
            None,
            "'mutation_score': asks for the record of a mutation test.* --mutants",
        ),
    ],
)
def test_what_the_policy_asks_for_and_nobody_brought_is_an_error(policy: Policy, evidence: Evidence, said: str) -> None:
    with pytest.raises(LabError, match=said):
        decided(policy, evidence)


OF = {"mine": "0" * 64}
GOOD = {
    "score": 0.75,
    "n": 4,
    "low": 0.3,
    "high": 0.95,
    "survivors": [{"name": "half an adapter"}],
    "device": "cpu",
    "suites": OF,
}


def test_a_record_of_mutants_is_read_with_whatever_stands_beside_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "mutants.json"
    path.write_text(json.dumps(GOOD))
    assert gate.read_mutants(path, OF).names == ["half an adapter"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no record of a mutation test"),
        (b'{"score": 1', "no record of a mutation test"),
        (b"\xff\xfe{}", "no record of a mutation test"),
        (b"[" * 100_000, "no record of a mutation test"),
        (json.dumps(GOOD | {"score": "good"}).encode(), "score: Input should be a valid number"),
        (json.dumps(GOOD | {"score": 1.0}).encode(), "says 100% of 4 mutants were killed and names 1 survivors"),
        (json.dumps(GOOD | {"n": 0}).encode(), "n: Input should be greater than or equal to 1"),
        (json.dumps(GOOD | {"survivors": ["x"] * 9}).encode(), "names 9 survivors"),
        (json.dumps(GOOD | {"suites": {"mine": "1" * 64}}).encode(), "is stale: other suites"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "suites"}).encode(), "is stale: other suites"),
    ],
)
def test_a_bad_record_of_mutants_is_told_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "mutants.json"
    path.write_bytes(content)
    with pytest.raises(LabError, match=said) as caught:
        gate.read_mutants(path, OF)
    assert "\n" not in str(caught.value)
    with pytest.raises(LabError, match=r"Is a directory|Permission"):
        gate.read_mutants(tmp_path, OF)
