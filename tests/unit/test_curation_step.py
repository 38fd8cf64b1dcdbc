"""The curation stage in a lab home: same rows, same bytes; decisions carried out; a report that shows and hides nothing."""

from __future__ import annotations

import json
import re

import pytest

from labkit import LabError, checks
from labkit.checks import Hit, row_check, set_check
from labkit.curation import report, step
from labkit.curation.held_out import questions
from labkit.curation.outcome import Curated
from labkit.files import append_jsonl, read_jsonl, write_jsonl
from labkit.home import Home, lineage
from labkit.records import Decision, Example, Finding, Message

NASTY = "<script>alert(1)</script>\x1b[31m"
runs = []


@pytest.fixture(autouse=True)
def two_checks(monkeypatch):
    """Two checks of this stage and nothing else."""
    step.load_checks()
    monkeypatch.setattr(checks, "CHECKS", {})
    monkeypatch.setattr(step, "CHECKS", checks.CHECKS)
    monkeypatch.setattr(step, "load_checks", lambda: None)
    runs.clear()

    @row_check("shouting", severity="minor", about="Capitals.", stage="curation")
    def shouting(row, context):
        runs.append(row.id)
        if row.response.isupper():
            yield Hit(row.id, "It shouts.", row.response, repair={"response": row.response.capitalize()})

    @set_check("twin", severity="major", about="The same answer twice.", stage="curation")
    def twin(rows, context):
        first = {}
        for row in rows:
            if (old := first.setdefault(row.response, row.id)) != row.id:
                yield Hit(row.id, f"As in {old}.", row.response, tier="certain", other=old)
            if row.question in context.held_out.values():
                yield Hit(row.id, "In the suite.", row.question, "prompt", severity="critical")

    @row_check("elsewhere", severity="critical", about="Of another stage.", stage="governance")
    def elsewhere(row, context):
        yield Hit(row.id, "x")


def rows_file(tmp_path, *answers):
    path = tmp_path / "raw.jsonl"
    rows = [
        Example(id=f"r{i}", prompt=[Message(role="user", content=f"q{i}")], response=a) for i, a in enumerate(answers)
    ]
    write_jsonl(path, rows)
    with open(path, "a") as stream:
        stream.write("{broken\n")
    return path


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def raw(tmp_path):
    return rows_file(tmp_path, "Yes.", "NO!", "Yes.", NASTY)


def test_findings_clean_rows_and_report_are_made_and_traced(home, raw):
    done = step.curate(home, raw, name="set")
    assert [(f.id, f.status) for f in done.findings] == [
        ("schema-5", "accepted"), ("shouting.r1", "open"), ("twin.r2.r0", "open"),
    ]  # fmt: skip
    assert [f.id for f in done.open("major")] == ["twin.r2.r0"] and len(done.open()) == 2
    assert [r.id for r in done.rows] == ["r0", "r1", "r2", "r3"] == [r.id for r in done.raw]
    assert read_jsonl(done.clean_path, Example)[0] == done.rows
    assert read_jsonl(done.findings_path, Finding)[0] == done.findings
    assert {p.name for p in (home / "curation").glob("set.*")} == {
        "set.found.jsonl", "set.clean.jsonl", "set.findings.jsonl", "set.report.html",
    }  # fmt: skip
    assert str(raw) in lineage(home, done.clean_path).text()


def test_same_rows_same_bytes_and_nothing_runs_twice(home, raw, tmp_path):
    first = step.curate(home, raw, accept=["twin", "schema"])
    count = len(home.entries())
    again = step.curate(home, raw, accept=["twin", "schema"])
    assert again == first and len(home.entries()) == count and len(runs) == 4
    other = step.curate(Home(tmp_path / "other"), raw, accept=["twin", "schema"])
    for name in ("findings_path", "clean_path", "report_path"):
        assert getattr(other, name).read_bytes() == getattr(first, name).read_bytes()


def test_a_new_decision_does_not_run_the_checks_again(home, raw):
    step.curate(home, raw)
    log = step.own_log(home)
    for number, (finding, action) in enumerate([("shouting.r1", "accept"), ("twin.r2.r0", "accept")]):
        append_jsonl(log, Decision(id=f"a-{number}", finding=finding, row_id="r1", decided_by="ana", action=action))
        done = step.curate(home, raw, decisions=log)
    assert len(runs) == 4
    assert [(r.id, r.response) for r in done.rows] == [("r0", "Yes."), ("r1", "No!"), ("r3", NASTY)]
    assert done.curated.dropped == {"r2": ["twin.r2.r0"]} and done.curated.changed == {"r1": ["shouting.r1"]}
    assert step.curate(home, raw, decisions=read_jsonl(log, Decision)[0]).rows == done.rows


def test_an_edited_check_and_a_changed_context_run_again(home, raw):
    step.find(home, raw)
    step.find(home, raw, suites=[{"case": "q3"}])
    assert len(runs) == 8
    exec_of = row_check("shouting", severity="minor", about="", stage="curation")
    exec_of(lambda row, context: [Hit(row.id, "new code")])
    assert len(step.find(home, raw).findings) == 1 + 4 + 1


def test_suites_reach_the_checks_and_own_checks_run(home, raw, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from labkit.checks import Hit, row_check\n"
        "@row_check('mine', severity='info', about='Mine.')\n"
        "def mine(row, context):\n    yield Hit(row.id, 'mine')\n"
    )
    found = step.find(home, raw, suites=[{"case-1": "q3"}], own_checks=own)
    assert [f.check for f in found.findings].count("mine") == 4
    assert ("r3", "critical") in [(f.row_id, f.severity) for f in found.findings if f.check == "twin"]
    assert [f.check for f in step.find(home, raw, checks=["elsewhere"]).findings] == ["schema", *["elsewhere"] * 4]
    with pytest.raises(LabError, match="nonsense: does not exist"):
        step.find(home, raw, checks=["nonsense"])
    with pytest.raises(LabError, match="accept nonsense"):
        step.curate(home, raw, accept=["nonsense"])


def test_accepting_by_rule_takes_only_what_is_certain_and_gives_way_to_people(home, raw):
    done = step.curate(home, raw, accept=["twin", "shouting"])
    assert {f.check: f.status for f in done.findings} == {"schema": "open", "shouting": "open", "twin": "accepted"}
    assert done.findings[2].decided_by == "rule"
    no = Decision(id="a-1", finding="twin.r2.r0", row_id="r2", decided_by="ana", action="reject")
    assert step.curate(home, raw, accept=["twin"], decisions=[no]).curated.dropped == {}


def test_whose_decisions_are_used_is_said(home, tmp_path):
    reference = [
        Decision(id=f"r-{i}", finding=f"f{i}", row_id="x", decided_by="ref", action="accept") for i in range(3)
    ]
    log = tmp_path / "log.jsonl"
    used, said = step.decisions_in_use(log, reference)
    assert used == reference and "decided nothing yet" in said
    append_jsonl(log, reference[1].model_copy(update={"action": "reject", "decided_by": "me"}))
    used, said = step.decisions_in_use(log, reference)
    assert {d.finding: d.decided_by for d in used} == {"f0": "ref", "f1": "me", "f2": "ref"}
    assert "your own 1 decisions, and 2 reference ones" in said


# --- suites -----------------------------------------------------------------------------------------------------------


def test_questions_of_suites(tmp_path):
    suite = tmp_path / "more.yaml"
    suite.write_text(
        'cases:\n- {id: a, given: "[Rule: x]\\nWhen?"}\n'
        "- {id: b, given: [{role: user, content: One}, {role: assistant, content: x}, {role: user, content: Two}]}\n"
    )
    assert questions([{"a": "Else?"}, suite]) == {"a": "Else?", "more:a": "When?", "b": "Two"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("cases: []", "is no suite"), ("- 1", "is no suite"), ("cases: [", "is no YAML"), ("cases: [{id: a}]", "case 1"),
     ("cases: [{id: a, given: [{role: robot, content: x}]}]", "case 1"), ("cases: [7]", "case 1")],
)  # fmt: skip
def test_a_suite_that_cannot_be_read_is_one_sentence(tmp_path, text, words):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(LabError, match=words) as caught:
        questions([tmp_path / "s.yaml"])
    assert "\n" not in str(caught.value)


# --- the report -------------------------------------------------------------------------------------------------------


def nasty_finding(i, **more):
    given = {
        "row_id": "r0",
        "check": "twin",
        "severity": "minor",
        "message": f"Reason {i}. {NASTY}",
        "evidence": "Yes",
        "suggestion": NASTY,
    }
    return Finding(id=f"f{i}", **given | more)


def page(tmp_path, findings, rows, **more):
    return report.write(tmp_path / "r.html", findings, rows, **more).read_text()


def test_the_report_escapes_all_text_and_loads_nothing(tmp_path):
    rows = [
        Example(
            id=f"r{i}", prompt=[Message(role="user", content=NASTY)], response=f"Yes. {NASTY}", slices={NASTY: NASTY}
        )
        for i in range(2)
    ]
    found = [
        nasty_finding(0, other_row="r1", repair={"response": NASTY}, decided_by=NASTY),
        nasty_finding(1, where="slices", evidence=NASTY, check=NASTY),
        nasty_finding(2, row_id="line-1", where="line", evidence=NASTY),
    ]
    html = page(tmp_path, found, rows, curated=Curated(rows, {}, {}, {"r0": ["f0"]}), title=NASTY)
    assert "<script" not in html and "\x1b" not in html and html.count("&lt;script&gt;") > 10
    assert not re.search(r"(?:src|href)=|url\(|@import", html)
    assert "<mark>Yes</mark>. &lt;script&gt;" in html and "Compare with" in html and "Check again" in html


def test_the_report_counts_everything_and_shows_the_most_severe_open_ones(tmp_path):
    row = Example(id="r0", prompt=[Message(role="user", content="q")], response="Yes.")
    found = [
        nasty_finding(i, severity="critical" if i == 9 else "minor", tier="certain" if i < 3 else "review")
        for i in range(10)
    ]
    found[0] = found[0].model_copy(update={"status": "accepted", "severity": "critical"})
    html = page(tmp_path, found, [row], most=4)
    assert html.index("Reason 9.") < html.index("Reason 1.") and "Reason 0." not in html and html.count("<article") == 4
    assert "The first 4 of 10 are shown" in html and "the other 6" in html
    (counted,) = report.counts(found)
    assert {k: counted[k] for k in ("n", "critical", "minor", "certain", "review", "open", "accepted")} == {
        "n": 10, "critical": 2, "minor": 8, "certain": 3, "review": 7, "open": 9, "accepted": 1,
    }  # fmt: skip
    assert "<b>9</b>open" in html


def test_a_report_without_findings_says_so(tmp_path):
    assert "The checks found nothing." in page(tmp_path, [], [])


def test_the_written_findings_hold_no_clock(home, raw):
    done = step.curate(home, raw)
    assert not re.search(r"20\d\d-\d\d", done.findings_path.read_text() + done.report_path.read_text())
    assert json.loads(done.findings_path.read_text().splitlines()[0])["tier"] == "certain"
