"""The matrix: counts, status, order, and orphans both ways."""

from labkit.records import Case, Example, Message, Requirement, Verdict
from labkit.release.gate import Policy, decide
from labkit.release.traceability import matrix

ASK = [Message(role="user", content="q")]


def requirement(name: str, severity: str = "major", impact: int = 2) -> Requirement:
    return Requirement(id=name, text=f"text of {name}", likelihood=2, impact=impact, severity=severity)


def example(name: str, *requirements: str) -> Example:
    return Example(id=name, prompt=ASK, response="a", requirements=list(requirements))


def case(name: str, requirement: str) -> Case:
    return Case(id=name, requirement=requirement, technique="MFT", given=ASK, expect=[{"equals": "a"}])


def verdict(name: str, requirement: str, passed: bool) -> Verdict:
    return Verdict(
        case_id=name,
        requirement=requirement,
        severity="major",
        technique="MFT",
        cluster=name,
        model="sft",
        passed=passed,
        score=1.0,
        message="",
    )


NEEDS = {
    r.id: r for r in (requirement("R1"), requirement("R2", impact=5), requirement("R3", "critical"), requirement("R4"))
}


def test_rows_count_what_lies_under_each_requirement() -> None:
    found = matrix(
        NEEDS,
        [example("e1", "R1"), example("e2", "R1", "R1", "R2")],
        [case("c1", "R1"), case("c2", "R1"), case("c3", "R2"), case("c4", "R4")],
        [verdict("c1", "R1", True), verdict("c2", "R1", False), verdict("c3", "R2", True)],
    )
    rows = {row["requirement"]: row for row in found.table()}
    assert (rows["R1"]["examples"], rows["R1"]["cases"], rows["R1"]["passed"], rows["R1"]["judged"]) == (2, 2, 1, 2)
    assert {name: row["status"] for name, row in rows.items()} == {
        "R1": "failed",
        "R2": "passed",
        "R3": "no case",
        "R4": "not run",
    }
    assert list(rows) == ["R3", "R2", "R1", "R4"]  # severity, then risk, then id
    assert "R1 (major, risk 4): 2 training rows, 2 cases, 1/2 = 50%" in found.text()


def test_orphans_are_found_both_ways() -> None:
    found = matrix(
        NEEDS,
        [example("e1", "R1", "R9"), example("e2"), example("e3", "R2")],
        [case("c1", "R1"), case("c2", "R8"), case("c3", "R2")],
        [verdict("c1", "R1", True), verdict("old", "R2", True)],
    )
    assert found.orphans == {
        "Requirements without a case": ["R3", "R4"],
        "Requirements without a training row": ["R3", "R4"],
        "Cases of an unknown requirement": ["c2"],
        "Cases without a verdict": ["c2", "c3"],
        "Verdicts without a case": ["old"],
        "Training rows of an unknown requirement": ["e1"],
        "Training rows without a requirement": ["e2"],
    }
    assert "Verdicts without a case: old" in found.text()


def test_a_complete_chain_has_no_orphans() -> None:
    one = {"R1": NEEDS["R1"]}
    assert matrix(one, [example("e", "R1")], [case("c", "R1")], [verdict("c", "R1", True)]).orphans == {}


def test_the_gate_is_the_last_link_of_the_chain() -> None:
    verdicts = [verdict("c1", "R1", True)]
    one = {"R1": NEEDS["R1"]}
    decision = decide(Policy(), verdicts, None, one)
    found = matrix(one, [example("e", "R1")], [case("c1", "R1")], verdicts, decision)
    assert found.rows[0].decision == "inconclusive" and found.table()[0]["decision"] == "inconclusive"
    assert found.text().endswith("passed; gate: inconclusive")
    assert "decision" not in matrix(one, [], [], verdicts).table()[0]
