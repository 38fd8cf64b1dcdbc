"""The pytest plugin: one item a case, evidence that fits or an error, and quarantine that ends."""

from __future__ import annotations

import datetime
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from labkit import LabError, samples
from labkit.evaluation import suite
from labkit.evaluation.pytest_plugin import Quarantined, load_quarantine
from labkit.files import write_jsonl
from labkit.records import RunRecord

pytest_plugins = ["pytester"]
MODULE = "labkit.evaluation.pytest_plugin"
REQUIREMENTS = "".join(
    f"  - {{id: {name}, text: It must., likelihood: 3, impact: 3, severity: {severity}}}\n"
    for name, severity in [("REQ-1", "critical"), ("REQ-2", "major"), ("REQ:3", "minor")]
)
CASES = """suite: demo
cases:
  - {id: A-1, requirement: REQ-1, technique: MFT, given: "When?", expect: [{facts: [45 days]}]}
  - {id: A-2, seed: A-1, requirement: REQ-1, technique: INV, given: "when?", expect: [{facts: [45 days]}]}
  - {id: B-1, requirement: REQ-2, technique: boundary, given: "Price?", expect: [{facts: [60 euros]}]}
  - {id: C-1, requirement: "REQ:3", technique: back-to-back, given: "Thanks?", expect: [{matches: thank}]}
"""
GOOD = {"A-1": "It is 45 days.", "A-2": "It is 45 days.", "B-1": "It is 60 euros.", "C-1": "Thank you."}


class Lab:
    """A folder with a suite, its requirements and runs, and pytest in it."""

    def __init__(self, pytester: pytest.Pytester):
        self.pytester = pytester
        self.write("requirements.yaml", "requirements:\n" + REQUIREMENTS)
        self.write("suites/demo.yaml", CASES)
        self.write("suites/gate.yaml", "name: a gate\n")

    def write(self, name: str, text: str) -> Path:
        path = self.pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, answers: dict[str, str], name: str = "run.jsonl", model: str = "sft", **changes: Any) -> str:
        made_by = {"model": model, "template": "t", "suite": suite.load(self.pytester.path / "suites/demo.yaml").sha256}
        fields = {"model": model, "prompt": "p", "tokens": 1, "finish": "stop", "made_by": made_by} | changes
        write_jsonl(self.pytester.path / name, [RunRecord(case_id=c, output=o, **fields) for c, o in answers.items()])
        return f"--labkit-run={name}"

    def pytest(self, *args: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", MODULE, "-p", "no:cacheprovider", *args)

    def quarantine(self, case: str = "A-1", expires: str = "2999-01-01") -> str:
        entry = f"{{case: {case}, defect: DEF-7, owner: Ann, expires: {expires}}}"
        self.write("quarantine.yaml", f"quarantine:\n  - {entry}\n")
        return "--labkit-quarantine=quarantine.yaml"


@pytest.fixture
def lab(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # no other plugin's start-up, ten times the speed
    return Lab(pytester)


def test_the_package_announces_the_plugin() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"labkit": MODULE}


def test_loading_it_costs_nothing_heavy() -> None:
    code = (
        f"import sys, pytest, {MODULE}; print([m for m in ('pydantic', 'yaml', 'numpy', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_it_sleeps_unless_a_run_is_given(lab: Lab) -> None:
    lab.write("test_own.py", "def test_own(): pass")
    done = lab.pytest("-v", "--strict-markers")
    done.assert_outcomes(passed=1)
    done.stdout.no_fnmatch_line("*labkit: *")


def test_one_item_a_case_and_two_lines_a_failure(lab: Lab) -> None:
    run = lab.run(GOOD | {"A-2": "It is\x1b[31m 30 days.\nReally."})
    done = lab.pytest(run, "--labkit-requirements=requirements.yaml", "--strict-markers", "-v", "suites/demo.yaml")
    done.assert_outcomes(passed=3, failed=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["suites/demo.yaml::A-1 PASSED*", "suites/demo.yaml::A-2 FAILED*"])
    at = done.outlines.index('Expected the answer to state "45 days", found "30 days".')
    assert done.outlines[at + 1] == 'Said: "It is 30 days. Really."'
    assert done.outlines[at + 2].startswith("===") and done.outlines[at - 1].startswith("___")


@pytest.mark.parametrize(
    ("chosen", "cases"),
    [
        (["-m", "critical"], "A-1 A-2"),
        (["-m", "critical and not INV"], "A-1"),
        (["-m", "boundary or back-to-back"], "B-1 C-1"),
        (["-m", "REQ-2"], "B-1"),
        (["-m", "minor"], "C-1"),
        (["-k", "REQ:3"], "C-1"),
        (["-k", "A-"], "A-1 A-2"),
    ],
)
def test_cases_are_chosen_by_marker(lab: Lab, chosen: list[str], cases: str) -> None:
    done = lab.pytest(lab.run(GOOD), "--strict-markers", "-q", "-rA", *chosen, "suites")
    passed = [line.split("::")[1] for line in done.outlines if line.startswith("PASSED")]
    assert (" ".join(passed), done.ret) == (cases, 0)


def test_a_case_is_chosen_by_its_address(lab: Lab) -> None:
    lab.pytest(lab.run(GOOD), "suites/demo.yaml::B-1").assert_outcomes(passed=1)


def test_junit_carries_the_properties(lab: Lab) -> None:
    lab.pytest(lab.run(GOOD | {"B-1": "Free."}), "--junit-xml=out.xml", "suites")
    cases = {case.get("name"): case for case in ET.parse(lab.pytester.path / "out.xml").iter("testcase")}
    found = {(p.get("name"), p.get("value")) for p in cases["B-1"].iter("property")}
    assert found == {("requirement", "REQ-2"), ("severity", "major"), ("technique", "boundary")}
    failure = cases["B-1"].find("failure")
    assert failure is not None and failure.get("message", "").startswith("Expected the answer to state")
    assert list(cases) == list(GOOD) and cases["A-1"].find("failure") is None


def test_several_runs_stand_side_by_side(lab: Lab) -> None:
    runs = [lab.run(GOOD), lab.run(GOOD | {"A-1": "No."}, "two.jsonl", "dpo"), lab.run(GOOD, "three.jsonl", variant=1)]
    done = lab.pytest(*runs, "-rA", "suites")
    done.assert_outcomes(passed=11, failed=1)
    done.stdout.fnmatch_lines_random(
        ["PASSED suites/demo.yaml::A-1[[]sft[]]", "PASSED suites/demo.yaml::A-1[[]sft-1[]]"]
    )
    done.stdout.fnmatch_lines(["FAILED suites/demo.yaml::A-1[[]dpo[]]*"])


def _change_suite(lab: Lab) -> list[str]:
    run = lab.run(GOOD)
    lab.write("suites/demo.yaml", CASES.replace("60 euros", "50 euros"))
    return [run, "suites/demo.yaml"]


def _without_requirements(lab: Lab) -> list[str]:
    run = lab.run(GOOD)
    (lab.pytester.path / "requirements.yaml").unlink()
    return [run, "suites"]


def _misspelt(lab: Lab) -> list[str]:
    run = lab.run(GOOD)
    lab.write("suites/other.yaml", "siute: other\ncases: []\n")
    return [run, "suites"]


def _two_lines(lab: Lab) -> list[str]:
    run = lab.run(GOOD)
    with open(lab.pytester.path / "run.jsonl", "a") as stream:
        stream.write('{"case_id": "A-1", "mod')
    return [run, "suites"]


@pytest.mark.parametrize(
    ("arrange", "code", "says"),
    [
        (_change_suite, 2, "has changed since"),
        (lambda lab: [lab.run({"A-1": "x", "B-1": "x"}), "suites"], 2, "no record of case A-2 and 1 more"),
        (lambda lab: [lab.run(GOOD), lab.run(GOOD, "two.jsonl"), "suites"], 2, "stands twice"),
        (_without_requirements, 2, "requirements.yaml near it"),
        (_misspelt, 2, "'siute' is no part of a suite"),
        (lambda lab: [lab.run(GOOD), "suites/gate.yaml"], 2, "is no part of a suite"),
        (_two_lines, 4, "last line is cut off"),
        (lambda lab: ["--labkit-run=none.jsonl", "suites"], 4, "none.jsonl: No such file"),
        (lambda lab: [lab.run(GOOD), str(lab.write("test_own.py", "def test(): pass"))], 4, "none of the collected"),
        (lambda lab: [lab.run(GOOD), "--labkit-requirements=no.yaml", "suites"], 2, "no.yaml: No such file"),
        (lambda lab: [lab.run(GOOD), "--labkit-quarantine=run.jsonl", "suites"], 4, "is no YAML|no quarantine"),
    ],
)
def test_evidence_that_does_not_fit_is_an_error(lab: Lab, arrange: Any, code: int, says: str) -> None:
    done = lab.pytest(*arrange(lab))
    assert done.ret == code
    done.stdout.no_fnmatch_line("*Traceback*")
    assert any(word in "\n".join(done.outlines + done.errlines) for word in says.split("|"))
    assert " passed" not in done.stdout.str()


@pytest.mark.parametrize(
    "args", [["-m", "info"], ["--setup-plan"], ["-m", "info or not (MFT or INV or major or minor)", "test_own.py"]]
)
def test_nothing_executed_is_a_failure(lab: Lab, args: list[str]) -> None:
    lab.write("test_own.py", "def test_own(): pass")
    done = lab.pytest(lab.run(GOOD), *args, "suites")
    assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    done.stdout.fnmatch_lines(["no case was executed*"])


def test_a_quarantined_failure_is_expected_and_names_its_defect(lab: Lab) -> None:
    done = lab.pytest(lab.run(GOOD | {"A-1": "No."}), lab.quarantine(), "-rx", "--junit-xml=out.xml", "suites")
    done.assert_outcomes(passed=3, xfailed=1)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["XFAIL suites/demo.yaml::A-1 - DEF-7 (Ann, until 2999-01-01)*"])
    properties = {(p.get("name"), p.get("value")) for p in ET.parse(lab.pytester.path / "out.xml").iter("property")}
    assert ("quarantine", "DEF-7") in properties


def test_an_expired_quarantine_turns_red(lab: Lab) -> None:
    done = lab.pytest(lab.run(GOOD | {"A-1": "No."}), lab.quarantine(expires="2020-01-01"), "suites")
    done.assert_outcomes(passed=3, failed=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["A-1: the quarantine for DEF-7 (Ann, until 2020-01-01) has expired"])


def test_quarantine_hides_no_missing_evidence(lab: Lab) -> None:
    lab.run({case: answer for case, answer in GOOD.items() if case != "A-1"})
    assert lab.pytest("--labkit-run=run.jsonl", lab.quarantine(), "suites").ret == 2


@pytest.mark.parametrize(
    ("case", "line"), [("A-1", "*A-1 passes: DEF-7 may be mended*"), ("A-9", "A-9: * no collected*")]
)
def test_a_quarantine_without_need_is_reported(lab: Lab, case: str, line: str) -> None:
    lab.write("pytest.ini", "[pytest]\nxfail_strict = true\n")
    done = lab.pytest(lab.run(GOOD), lab.quarantine(case), "suites")
    assert done.ret == 0
    done.stdout.fnmatch_lines([line])


def test_the_last_day_of_a_quarantine_still_counts() -> None:
    entry = Quarantined("A-1", "DEF-7", "Ann", datetime.date(2026, 12, 31))
    assert [entry.expired(datetime.date(2026, 12, 31)), entry.expired(datetime.date(2027, 1, 1))] == [False, True]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("case: A-1\n", "holds no quarantine"),
        ("quarantine: []\nother: 1\n", "holds no quarantine"),
        ("quarantine: [\n", "is no YAML"),
        ("quarantine:\n  - {case: A, defect: D, owner: O}\n", "entry 1: does not hold exactly"),
        ("quarantine:\n  - {case: A, defect: D, owner: '', expires: 2999-01-01}\n", "does not hold exactly"),
        ("quarantine:\n  - {case: A, defect: D, owner: O, expires: soon}\n", "'soon' is no day"),
        ("quarantine:\n" + "  - {case: A, defect: D, owner: O, expires: 2999-01-01}\n" * 2, "case A: stands twice"),
    ],
)
def test_a_quarantine_is_read_strictly(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "quarantine.yaml"
    path.write_text(text)
    with pytest.raises(LabError, match=says):
        load_quarantine(path)
    path.write_text("quarantine: []\n")
    assert load_quarantine(path) == {}


def test_the_sample_suite_is_collected(lab: Lab) -> None:
    loaded = suite.load(samples.path("support/suites/preference.yaml"))
    made_by = {"model": "m", "template": "t", "suite": loaded.sha256}
    fields: dict[str, Any] = {"model": "sft", "prompt": "p", "output": "x", "tokens": 1, "finish": "stop"}
    records = [RunRecord(case_id=case.id, made_by=made_by, **fields) for case in loaded.cases]
    write_jsonl(lab.pytester.path / "run.jsonl", records)
    done = lab.pytest("--labkit-run=run.jsonl", str(loaded.path), "-q")
    done.assert_outcomes(failed=len(loaded.cases))
