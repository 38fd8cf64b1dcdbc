"""The gate: each rule at its bounds, and evidence that is refused."""

from pathlib import Path

import pytest
import yaml

from labkit import LabError, samples
from labkit.records import Requirement, Verdict
from labkit.release import gate
from labkit.release.gate import Critical, Decision, Item, Major, NonInferiority, Policy, Preference

SEVERITY = {"C": "critical", "M": "major", "m": "minor", "P": "info"}


def needs(*ids: str) -> dict[str, Requirement]:
    return {i: Requirement(id=i, text="t", likelihood=2, impact=3, severity=SEVERITY[i[0]]) for i in ids}


def verdicts(requirement: str, passed: int, n: int, model: str = "dpo", clusters: int | None = None) -> list[Verdict]:
    return [
        Verdict(
            case_id=f"{requirement}-{i}",
            requirement=requirement,
            severity=SEVERITY[requirement[0]],
            technique="MFT",
            cluster=f"{requirement}-{i % (clusters or n)}",
            model=model,
            passed=i < passed,
            score=float(i < passed),
            message="",
        )
        for i in range(n)
    ]


def item(policy: Policy, requirement: str, passed: int, n: int, clusters: int | None = None) -> Item:
    decision = gate.decide(policy, verdicts(requirement, passed, n, clusters=clusters), None, needs(requirement))
    return decision.items[0]


@pytest.mark.parametrize(("below", "cases"), [(0.10, 29), (0.05, 59), (0.02, 149), (0.01, 299)])
def test_the_rule_of_zero_failures(below: float, cases: int) -> None:
    assert Critical(violations_below=below).cases == cases


@pytest.mark.parametrize(
    ("passed", "n", "clusters", "outcome"),
    [(29, 29, 29, "go"), (28, 28, 28, "inconclusive"), (298, 299, 299, "no-go"), (60, 60, 20, "inconclusive")],
)
def test_critical_requirements(passed: int, n: int, clusters: int, outcome: str) -> None:
    found = item(Policy(critical=Critical(violations_below=0.10)), "C1", passed, n, clusters)
    assert found.outcome == outcome
    assert f"{passed}/{n}" in found.sentence
    assert found.numbers["seed_cases"] == clusters


def test_the_sentence_says_how_many_cases_are_missing() -> None:
    found = item(Policy(critical=Critical(violations_below=0.10)), "C1", 20, 20)
    assert "9 more seed cases are needed for the 10% of the policy" in found.sentence


@pytest.mark.parametrize(
    ("passed", "n", "target", "outcome"),
    [
        (10, 10, None, "go"),  # Wilson from 72%
        (9, 10, None, "inconclusive"),  # Wilson from 59.6%
        (9, 10, 0.9, "go"),
        (6, 10, None, "inconclusive"),  # at the floor: more cases cannot settle it
        (5, 10, 0.9, "no-go"),
        (59, 100, None, "no-go"),
        (70, 100, None, "go"),  # Wilson from 60.4%
    ],
)
def test_major_requirements(passed: int, n: int, target: float | None, outcome: str) -> None:
    found = item(Policy(major=Major(floor=0.6, target=target)), "M1", passed, n)
    assert found.outcome == outcome
    assert f"{passed}/{n}" in found.sentence


def test_further_cases_would_indeed_settle_it() -> None:
    found = item(Policy(), "M1", 8, 10)
    further = int(found.sentence.split("about ")[1].split()[0])
    total = 10 + further
    assert item(Policy(), "M1", int(0.8 * total), total).outcome == "go"
    assert item(Policy(), "M1", int(0.8 * (total - 2)), total - 2).outcome == "inconclusive"
    assert "cannot settle" in item(Policy(), "M1", 6, 10).sentence


def test_minor_requirements_are_reported_only() -> None:
    found = gate.decide(Policy(), verdicts("m1", 0, 10) + verdicts("M1", 10, 10), None, needs("m1", "M1"))
    assert found.items[1].outcome == "reported" and found.outcome == "go"


def test_a_requirement_without_a_case_never_passes() -> None:
    decision = gate.decide(Policy(), verdicts("M1", 10, 10), None, needs("C1", "M1", "M2", "m1"))
    assert {i.name: i.outcome for i in decision.items} == {
        "C1": "no-go",
        "M1": "go",
        "M2": "inconclusive",
        "m1": "reported",
    }
    assert decision.outcome == "no-go" and decision.exit_code == 1


def compare(policy: Policy, old: int, new: int, n: int) -> Item:
    candidate, baseline = verdicts("M1", new, n), verdicts("M1", old, n, "sft")
    return gate.decide(policy, candidate, baseline, needs("M1")).items[-1]


@pytest.mark.parametrize(
    ("old", "new", "n", "outcome"),
    [(170, 170, 200, "go"), (170, 120, 200, "no-go"), (17, 16, 20, "inconclusive"), (100, 180, 200, "go")],
)
def test_non_inferiority(old: int, new: int, n: int, outcome: str) -> None:
    found = compare(Policy(non_inferiority=NonInferiority()), old, new, n)
    assert found.name == "non-inferiority" and found.outcome == outcome
    assert f"on {n} cases" in found.sentence and "90% interval" in found.sentence
    assert found.numbers["difference"] == pytest.approx((new - old) / n)


def test_an_undecided_comparison_says_how_many_cases_would_settle_it() -> None:
    assert "further cases would settle it" in compare(Policy(non_inferiority=NonInferiority()), 45, 44, 50).sentence


@pytest.mark.parametrize(
    ("old", "new", "outcome"), [(5, 30, "go"), (30, 5, "no-go"), (20, 22, "inconclusive"), (9, 9, "inconclusive")]
)
def test_preference_counts_the_cases_that_one_model_wins(old: int, new: int, outcome: str) -> None:
    found = compare(Policy(preference=Preference(requirements=["M1"])), old, new, 50)
    assert found.name == "preference" and found.outcome == outcome
    assert found.numbers["wins"] == max(0, new - old) and found.numbers["losses"] == max(0, old - new)
    assert found.numbers["ties"] == 50 - abs(new - old)


def test_comparisons_look_only_at_their_requirements() -> None:
    policy = Policy(non_inferiority=NonInferiority(requirements=["M?"]), preference=Preference(requirements=["P1"]))
    candidate = verdicts("M1", 90, 100) + verdicts("P1", 30, 40)
    baseline = verdicts("M1", 90, 100, "sft") + verdicts("P1", 0, 40, "sft")
    items = {i.name: i for i in gate.decide(policy, candidate, baseline, needs("M1", "P1")).items}
    assert items["non-inferiority"].numbers["n"] == 100 and items["non-inferiority"].numbers["difference"] == 0
    assert items["preference"].numbers["wins"] == 30


def test_without_a_baseline_the_comparisons_are_undecided() -> None:
    policy = Policy(non_inferiority=NonInferiority(), preference=Preference(requirements=["M1"]))
    decision = gate.decide(policy, verdicts("M1", 10, 10), None, needs("M1"))
    assert decision.names("inconclusive") == ["non-inferiority", "preference"] and decision.exit_code == 3
    assert "there is no baseline" in decision.items[-1].sentence


@pytest.mark.parametrize(
    ("candidate", "baseline", "message"),
    [
        ([], None, "candidate: has no verdicts"),
        (verdicts("M1", 1, 2), [], "baseline: has no verdicts"),
        (verdicts("M1", 1, 2) * 2, None, "case M1-0 was judged twice"),
        (verdicts("M1", 1, 2) + verdicts("C1", 1, 2, "sft"), None, "mixes the models dpo, sft"),
        (verdicts("M7", 1, 2), None, "another version of M7"),
        (verdicts("M1", 1, 2), verdicts("M1", 1, 3, "sft"), "not answer the same cases .* M1-2"),
    ],
)
def test_evidence_that_does_not_belong_together_is_refused(candidate, baseline, message: str) -> None:
    with pytest.raises(LabError, match=message):
        gate.decide(Policy(non_inferiority=NonInferiority()), candidate, baseline, needs("M1", "C1"))


def test_a_changed_severity_makes_verdicts_stale() -> None:
    requirements = {"M1": needs("M1")["M1"].model_copy(update={"severity": "critical"})}
    with pytest.raises(LabError, match="judged under another version of M1"):
        gate.decide(Policy(), verdicts("M1", 10, 10), None, requirements)


def test_a_pattern_that_names_nothing_is_refused() -> None:
    policy = Policy(preference=Preference(requirements=["M1", "REQ-X*"]))
    with pytest.raises(LabError, match=r"'REQ-X\*': names no requirement"):
        gate.decide(policy, verdicts("M1", 1, 2), None, needs("M1"))


@pytest.mark.parametrize(
    ("outcomes", "worst", "code"),
    [
        (["go", "reported"], "go", 0),
        (["go", "inconclusive"], "inconclusive", 3),
        (["inconclusive", "no-go", "go"], "no-go", 1),
        (["reported"], "no-go", 1),
        ([], "no-go", 1),
    ],
)
def test_the_worst_item_decides_and_nothing_is_no_go(outcomes: list[str], worst: str, code: int) -> None:
    items = [Item(name=f"i{i}", outcome=o, sentence="s") for i, o in enumerate(outcomes)]
    decision = Decision(policy="p", candidate="dpo", items=items)
    assert (decision.outcome, decision.exit_code) == (worst, code)
    assert decision.sentence.startswith(worst.upper() + " for dpo")


def test_a_saved_decision_cannot_be_turned_to_go() -> None:
    decision = Decision(policy="p", candidate="dpo", items=[Item(name="i", outcome="no-go", sentence="s")])
    saved = decision.model_dump_json()
    assert '"outcome":"no-go"' in saved
    assert Decision.model_validate_json(saved) == decision
    assert Decision.model_validate(decision.model_dump() | {"outcome": "go"}).outcome == "no-go"


def test_the_text_names_what_is_broken_first() -> None:
    decision = gate.decide(Policy(), verdicts("M1", 1, 10) + verdicts("M2", 8, 10), None, needs("M1", "M2"))
    first, *rest = decision.text().splitlines()
    assert first == "NO-GO for dpo: of 2 rules, 1 broken (M1), 1 undecided (M2)."
    assert rest[0].startswith("  [no-go] M1 (major): 1/10 = 10%")


def test_the_shipped_policy_is_read_whole() -> None:
    policy = gate.load(samples.path("support/gate.yaml"))
    assert policy.critical.cases == 9 and policy.major.target == 0.8
    assert policy.non_inferiority is not None and policy.non_inferiority.margin == 0.05
    assert policy.preference is not None and policy.preference.requirements == ["REQ-S15", "REQ-S16"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("major: {flor: 0.5}", "major.flor: Extra inputs are not permitted"),
        ("major: {floor: 7}", "major.floor"),
        ("preference: {share: 0.5}", "preference.requirements: Field required"),
        ("- a list", "valid dictionary"),
        ("a: [", "is not YAML"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_bad_policy_is_told_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(content)
    with pytest.raises(LabError, match=message) as caught:
        gate.load(path)
    assert "\n" not in str(caught.value)


def test_an_empty_policy_is_the_default_and_a_missing_one_an_error(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(yaml.safe_dump(None))
    assert gate.load(path) == Policy()
    with pytest.raises(LabError, match="No such file"):
        gate.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(("old", "new"), [(18, 25), (25, 18)])
def test_an_undecided_preference_says_how_many_cases_are_missing(old: int, new: int) -> None:
    def asked(times: int) -> Item:
        # Each model passes cases that the other fails, so that wins and losses both occur.
        n, shared = 60 * times, 5 * times
        candidate = verdicts("M1", new * times, n)
        there = range(new * times - shared, new * times - shared + old * times)
        baseline = [v.model_copy(update={"model": "sft", "passed": i in there}) for i, v in enumerate(candidate)]
        return gate.decide(Policy(preference=Preference(requirements=["M1"])), candidate, baseline, needs("M1")).items[
            -1
        ]

    found = asked(1)
    assert found.outcome == "inconclusive"
    further = int(found.numbers["further_cases"] or 0)
    assert f"about {further} further cases at this rate would settle it" in found.sentence
    assert asked(1 + -(-further // 60)).outcome == ("go" if new > old else "no-go")
