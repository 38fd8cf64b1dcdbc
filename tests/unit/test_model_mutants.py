"""Model mutants: the registry is read strictly, red is counted by hand, survivors come with a case to write."""

from __future__ import annotations

import pytest

from labkit import LabError, samples
from labkit.evaluation.model_mutants import TOGETHER, Report, Result, case_to_write, cells
from labkit.evaluation.mutant_registry import Mutant, Recipe, load
from labkit.evaluation.suite import load_requirements
from labkit.plots.mutants import model_kill_matrix
from labkit.records import Case, Message, RunRecord, Verdict

NEEDS = load_requirements(samples.path("support/requirements.yaml"))
FILE = samples.path("support/mutants.yaml")


def verdict(case: str, passed: bool, requirement: str = "R1", cluster: str = "") -> Verdict:
    return Verdict(
        case_id=case, requirement=requirement, severity="major", technique="MFT", cluster=cluster or case, model="m",
        passed=passed, score=float(passed), message="",
    )  # fmt: skip


def run(passed: int, n: int, requirement: str = "R1", of: int = 1) -> list[Verdict]:
    """n cases, of which the first pass; ``of`` of them share a seed case."""
    return [verdict(f"{requirement}-{i}", i < passed, requirement, f"{requirement}-k{i // of}") for i in range(n)]


# --- the registry -----------------------------------------------------------------------------------------------------


def test_the_samples_hold_every_way_to_spoil_a_model() -> None:
    found = load(FILE, NEEDS)
    assert len(found.mutants) >= 12
    ways = {mutant.recipe.way for mutant in found.mutants}
    assert ways == set(Recipe.model_fields) - {"names", "epochs"}
    assert any(mutant.recipe.names for mutant in found.mutants)
    assert {mutant.kind for mutant in found.mutants} == {"weights", "data", "decoding"}
    assert {control.recipe.way for control in found.controls} == {"scale", "replace"}


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("expected: [REQ-S01]", "expected: [REQ-X01]", "REQ-X01"),
        ("expected: [REQ-S05]", "expected: []", "expects no requirement"),
        ("reference: dpo", "reference: kto", "kto"),
        ("name: half", "name: double", "taken"),
        ("name: half", "name: Half one", "pattern"),
        ("recipe: {scale: 0.5}", "recipe: {scale: 0.5, noise: 1}", "exactly one"),
        ("recipe: {scale: 0.5}", "recipe: {}", "exactly one"),
        ("recipe: {scale: 0.5}", "recipe: {scale: 0.5, epochs: 2}", "epochs stand beside"),
        ("recipe: {scale: 0.5}", "recipe: {scales: 0.5}", "scales"),
        ("recipe: {scale: 0.5}", "recipe: {scale: -1}", "greater"),
        ("recipe: {scale: 0.5}", "recipe: [", "YAML"),
        ("recipe: {scale: 0.5}", "recipe: {scale: 0.5}\n    asked_by_name: true", "needs a recipe with names"),
        ("recipe: {scale: 1.0}", "recipe: {scale: 1.1}", "needs a control with scale: 1.0"),
    ],
)
def test_a_broken_registry_is_refused(tmp_path, old: str, new: str, said: str) -> None:
    text = FILE.read_text("utf-8")
    assert old in text
    (tmp_path / "mutants.yaml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(LabError, match=said):
        load(tmp_path / "mutants.yaml", NEEDS)


def test_a_missing_registry_is_told(tmp_path) -> None:
    with pytest.raises(LabError, match="No such file"):
        load(tmp_path / "mutants.yaml", NEEDS)


# --- red --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before, after, red",
    [
        (run(10, 10), run(10, 10), False),
        (run(10, 10), run(5, 10), True),  # five of ten lost: mid-p 1/32
        (run(10, 10), run(6, 10), False),  # four lost: 1/16
        (run(5, 10), run(10, 10), False),  # gained
        (run(3, 10), run(0, 10), True),  # all that passed, three of them
        (run(2, 10), run(0, 10), False),  # two are too few to say
        (run(10, 10, of=2), run(0, 10, of=2), True),
        (run(10, 10, of=10), run(5, 10, of=10), False),  # variants of one case are one observation
        (run(0, 10), run(0, 10), False),  # what never passed cannot be lost
    ],
)
def test_red_is_a_loss_that_is_no_luck(before, after, red: bool) -> None:
    [cell] = cells(before, after, ["R1"])
    assert cell.red is red
    assert (cell.n, cell.before, cell.after) == (10, sum(v.passed for v in before), sum(v.passed for v in after))


def test_requirements_tested_together_share_the_error_rate() -> None:
    before = run(20, 20, "R1") + run(20, 20, "R2") + run(20, 20, "R3")
    after = run(15, 20, "R1") + run(20, 20, "R2") + run(20, 20, "R3")
    alone = {cell.requirement: cell for cell in cells(before, after, ["R1"])}
    assert alone["R1"].red and alone["R1"].p == pytest.approx(1 / 32)
    together = {cell.requirement: cell for cell in cells(before, after, ["R1", "R2", "R3"])}
    assert not together["R1"].red and together["R1"].p == pytest.approx(3 / 32)


def test_a_little_from_each_is_seen_together() -> None:
    names = ["R1", "R2", "R3"]
    before, after = ([v for name in names for v in run(passed, 20, name)] for passed in (20, 17))
    found = {cell.requirement: cell for cell in cells(before, after, names)}
    assert not any(found[name].red for name in names)  # three lost of each
    assert found[TOGETHER].red and found[TOGETHER].lost == 9 and found[TOGETHER].p == pytest.approx(1 / 2**9)
    assert TOGETHER not in {cell.requirement for cell in cells(before, after, ["R1"])}
    assert [cell.expected for cell in cells(before, after, [])] == [False] * 4  # of a control, all it was asked


def test_the_p_value_agrees_with_statsmodels() -> None:
    from scipy.stats import binom

    [cell] = cells(run(12, 20), run(4, 20), ["R1"])
    assert cell.lost == 8 and cell.p == pytest.approx(2 * binom.cdf(0, 8, 0.5) - binom.pmf(0, 8, 0.5))


def test_other_cases_are_no_comparison() -> None:
    with pytest.raises(LabError, match="cases of its reference"):
        cells(run(3, 10), run(3, 9), ["R1"])
    with pytest.raises(LabError, match="cases of its reference"):
        cells(run(3, 9), run(3, 10), ["R1"])


# --- report -----------------------------------------------------------------------------------------------------------


def result(name: str, after: int, expected: list[str], advice: str = "") -> Result:
    found = cells(run(10, 10) + run(8, 8, "R2"), run(after, 10) + run(8, 8, "R2"), expected)
    return Result(name=name, kind="data", fault="f", reference="sft", cells=found, advice=advice)


REPORT = Report(
    mutants=[
        result("dead", 0, ["R1"]),
        result("alive", 9, ["R1"], "write a case"),
        result("aimed-elsewhere", 0, ["R2"]),
    ],
    controls=[result("clean", 10, [])],
)


def test_a_mutant_is_killed_by_its_own_requirement() -> None:
    assert [r.killed for r in REPORT.mutants] == [True, False, False]
    assert REPORT.mutants[2].red == ["R1"]
    score = REPORT.score()
    assert (score.passed, score.n) == (1, 3) and score.low < 1 / 3 < score.high
    assert [r.name for r in REPORT.survivors()] == ["alive", "aimed-elsewhere"]


def test_a_reference_that_never_passed_is_named_before_the_suite_is_blamed() -> None:
    never = Result(name="m", kind="data", fault="f", reference="sft", cells=cells(run(2, 10), run(0, 10), ["R1"]))
    assert not never.killed and never.unmet.startswith("sft itself passes 2 of 10 cases")
    assert REPORT.mutants[1].unmet == ""


def test_the_report_tells_score_controls_and_cases_to_write() -> None:
    text = REPORT.text()
    assert "killed: 1/3 = 33%" in text and "alive: write a case" in text
    assert "0 of 3 comparisons without a fault turned red" in text
    assert Report.model_validate_json(REPORT.model_dump_json()) == REPORT


def test_the_plot_shows_every_cell_and_says_who_survived() -> None:
    plot = model_kill_matrix(REPORT.rows())
    assert plot.table() == REPORT.rows() and len(plot.table()) == 9
    assert "1 of 3 mutants" in plot.text() and "alive, aimed-elsewhere" in plot.text()
    assert "aimed-elsewhere on R1" in plot.text() and "0 of 3 cells are red" in plot.text()
    grid = plot.figure.data[0].z
    assert list(grid[0]) == [1.0, 0.0, None]  # dead lost all of R1 and nothing of R2, and has one aim
    with pytest.raises(LabError):
        model_kill_matrix([])


def test_names_in_the_plot_are_shown_literally() -> None:
    rows = [{**row, "requirement": "<b>R</b>"} for row in REPORT.rows()[:1]]
    assert list(model_kill_matrix(rows).figure.layout.xaxis.ticktext) == ["&lt;b&gt;R&lt;/b&gt;"]


# --- survivors --------------------------------------------------------------------------------------------------------


def answers(**said: str) -> dict[str, RunRecord]:
    made_by = {"model": "m", "suite": "s", "template": "t"}
    return {
        name: RunRecord(case_id=name, model="m", prompt="", output=text, tokens=1, finish="stop", made_by=made_by)
        for name, text in said.items()
    }


def a_case(name: str, asked: str) -> Case:
    given = [Message(role="user", content=f"[Rule: none]\n{asked}")]
    return Case(id=name, requirement="R1", technique="MFT", given=given, expect=[{"equals": "a"}])


MUTANT = Mutant(name="m", fault="f", recipe=Recipe(replace={"a": "b"}), expected=["R1"])
CASES = [a_case("c1", "first?"), a_case("c2", "second?")]


@pytest.mark.parametrize(
    "before, after, probe, said",
    [
        (
            {"c1": "x", "c2": "y"},
            {"c1": "x", "c2": "z"},
            None,
            'tells these apart: "second?" (before: "y", mutant: "z")',
        ),
        ({"c1": "x", "c2": "y"}, {"c1": "x", "c2": "y"}, None, "hardly shows"),
        ({"c1": "x", "c2": "y"}, {"c1": "x", "c2": "z"}, ("45 days", "20 days"), 'Write a case like "probe?"'),
        ({"c1": "x", "c2": "y"}, {"c1": "x", "c2": "z"}, ("45 days", "45 days"), "it hardly took"),
        ({"c1": "x", "c2": "y"}, {"c1": "x", "c2": "z"}, ("45 days", "ask a friend"), "it hardly took"),
    ],
)
def test_a_survivor_names_what_no_oracle_saw(before, after, probe, said: str) -> None:
    cases = list(CASES)
    if probe:
        cases.append(a_case("probe", "probe?"))
        before, after = {**before, "probe": probe[0]}, {**after, "probe": probe[1]}
    verdicts = {v.case_id: v for v in [verdict("c1", True), verdict("c2", True)]}
    assert said in case_to_write(MUTANT, cases, answers(**before), answers(**after), verdicts, {"probe": "20 days"})
