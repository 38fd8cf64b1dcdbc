"""The report and JUnit: what stands in them, and what hostile text cannot do to them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labkit import LabError
from labkit.printable import printable
from labkit.records import Case, Message, Requirement, RunRecord, Verdict
from labkit.release import gate, junit, report, traceability
from labkit.release.gate import Policy

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31mred\x07 \u202eevil {{ 7*7 }} \ud800 & \"'"
NEED = {"R1": Requirement(id="R1", text="answers in time", likelihood=3, impact=4, severity="major")}


class Page(HTMLParser):
    """Elements and visible text of a page; a tag left open or closed twice fails."""

    void = ("meta", "line", "circle", "polyline")

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def verdicts(model: str, passed: int, n: int = 12, message: str = "slot missing") -> list[Verdict]:
    return [
        Verdict(
            case_id=f"c{i:02d}",
            requirement="R1",
            severity="major",
            technique="MFT",
            cluster=f"c{i:02d}",
            model=model,
            passed=i < passed,
            score=float(i < passed),
            message=message,
            evidence="30 days",
        )
        for i in range(n)
    ]


def made(
    path: Path, text: str = "a plain answer", passed: int = 8, n: int = 12, model: str = "dpo", **more
) -> tuple[str, Page]:
    cases = [
        Case(
            id=f"c{i:02d}",
            requirement="R1",
            technique="MFT",
            given=[Message(role="user", content=f"question {i} {text}")],
            expect=[{"facts": ["45 days"]}],
        )
        for i in range(n)
    ]
    records = [
        RunRecord(
            case_id=case.id,
            model=model,
            prompt="p",
            output=text,
            tokens=3,
            finish="length",
            made_by={"model": "0" * 64, "suite": "1" * 64, "template": "2" * 64, "adapter": HOSTILE},
        )
        for case in cases
    ]
    models = {"sft": verdicts("sft", 11, n), "dpo": verdicts(model, passed, n, more.pop("message", "slot missing"))}
    decision = gate.decide(Policy(), models["dpo"], models["sft"], NEED)
    matrix = traceability.matrix(NEED, [], cases, models["dpo"])
    file = report.write(path / "report.html", decision, matrix, models=models, cases=cases, records=records, **more)
    source = file.read_text(encoding="utf-8")
    return source, Page(source)


def test_the_decision_comes_first_and_each_part_follows(tmp_path: Path) -> None:
    _, page = made(tmp_path, provenance={"Environment": {"device": "2-core CPU", "torch": "2.13.0"}})
    order = ["Inconclusive", "Why", "Requirements", "From model to model", "Failures", "Provenance", "Decision"]
    places = [page.text.index(f"\n{part}") if part != "Inconclusive" else page.text.index(part) for part in order]
    assert places == sorted(places)
    for part in ("8/12 = 67%", "answers in time", "4 of 12 cases failed", "2-core CPU", "0" * 64, "45 days", "30 days"):
        assert part in page.text
    assert "Requirements without a training row (1): R1." in " ".join(page.text.split())


def test_failures_show_prompt_answer_and_what_the_baseline_passed(tmp_path: Path) -> None:
    _, page = made(tmp_path)
    assert "question 8 a plain answer" in page.text and "question 7" not in page.text
    assert "ended by: length" in page.text
    assert page.text.count("passed by the baseline") == 3  # c08 to c10; c11 failed before, too
    assert page.text.index("c10 ") < page.text.index("c11 ")


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    source, page = made(
        tmp_path, HOSTILE, title=HOSTILE, message=HOSTILE, model=HOSTILE, provenance={HOSTILE: {HOSTILE: HOSTILE}}
    )
    assert not {"script", "img", "iframe", "object", "a", "link"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on")} | ({"src", "href"} & set(page.attributes))
    assert "<script>alert(1)</script>" in page.text and "{{ 7*7 }}" in page.text
    assert "␛[31mred␇" in page.text and "[U+202E]evil" in page.text and "[U+D800]" in page.text
    assert not any(c in source for c in "\x1b\x07\u202e")


def test_the_page_needs_nothing_from_outside_and_runs_nothing(tmp_path: Path) -> None:
    source, page = made(tmp_path)
    assert "default-src 'none'" in source
    assert not any(word in source for word in ("http://", "https://", "url(", "@import", "<script", "<link"))
    assert "@media print" in source and page.tags.count("svg") == 3  # one requirement bar; all cases and R1 as panels


@pytest.mark.parametrize("text", ["a plain answer", HOSTILE + " src=http://x/y url(http://x) @import 'http://x'"])
def test_nothing_is_loaded_from_anywhere_whatever_the_text(tmp_path: Path, text: str) -> None:
    source, page = made(tmp_path, text, title=text, message=text)
    loading = {"src", "href", "srcset", "poster", "data", "action", "formaction", "xlink:href", "background", "ping"}
    assert not loading & set(page.attributes)
    [style] = re.findall(r"<style>(.*?)</style>", source, re.S)
    assert not any(word in style for word in ("http", "url(", "@import"))
    assert source.count("Content-Security-Policy") == 1 and "break-inside: avoid" in style


def test_a_megabyte_of_answer_is_cut_with_a_note(tmp_path: Path) -> None:
    source, page = made(tmp_path, "x" * 1_048_576)
    assert len(source) < 100_000
    assert "[…cut here: 1,048,576 characters in all]" in page.text


def test_many_failures_are_capped_and_counted(tmp_path: Path) -> None:
    _, page = made(tmp_path, passed=0, n=90)
    assert page.tags.count("article") == report.MOST_FAILURES
    assert "90 of 90 cases failed" in page.text and "The first 40 are shown" in page.text


def test_a_green_report_says_so(tmp_path: Path) -> None:
    source, page = made(tmp_path, passed=12)
    assert "<title>GO: Release report</title>" in source
    assert "None of the 12 cases failed." in page.text and "article" not in page.tags


def test_equal_evidence_gives_equal_bytes(tmp_path: Path) -> None:
    assert made(tmp_path / "a")[0] == made(tmp_path / "b")[0]


def test_differing_hashes_of_one_model_are_both_shown(tmp_path: Path) -> None:
    record = RunRecord(
        case_id="c",
        model="m",
        prompt="",
        output="",
        tokens=0,
        finish="stop",
        made_by={"model": "a", "suite": "b", "template": "c"},
    )
    other = record.model_copy(update={"made_by": {"model": "z", "suite": "b", "template": "c"}})
    assert report._made_by([record, other, record]) == {
        "Answers of m": {"records": 3, "model": "a and z", "suite": "b", "template": "c"}
    }


def test_the_candidate_must_be_among_the_models(tmp_path: Path) -> None:
    decision = gate.decide(Policy(), verdicts("dpo", 9), None, NEED)
    matrix = traceability.matrix(NEED, [], [], [])
    with pytest.raises(LabError, match="verdicts of dpo are not among the models"):
        report.write(tmp_path / "r.html", decision, matrix, models={"sft": verdicts("sft", 9)}, cases=[], records=[])


def test_junit_counts_and_properties(tmp_path: Path) -> None:
    root = ET.parse(junit.write(tmp_path / "junit.xml", verdicts("dpo", 10))).getroot()
    suite = root[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        "dpo",
        "12",
        "2",
        "0",
    )
    assert len(suite.findall("testcase")) == 12 and len(suite.findall("testcase/failure")) == 2
    last = suite.findall("testcase")[-1]
    assert (last.get("classname"), last.get("name")) == ("R1", "c11")
    properties = {p.get("name"): p.get("value") for p in last.findall("properties/property")}
    assert properties == {
        "requirement": "R1",
        "severity": "major",
        "technique": "MFT",
        "cluster": "c11",
        "score": "0.0",
    }
    failure = last.find("failure")
    assert failure is not None and failure.get("message") == "slot missing" and "30 days" in (failure.text or "")


def test_junit_has_a_suite_for_each_model(tmp_path: Path) -> None:
    root = ET.parse(junit.write(tmp_path / "j.xml", verdicts("sft", 12) + verdicts("dpo", 10))).getroot()
    assert [s.get("name") for s in root] == ["sft", "dpo"] and root.get("tests") == "24" and root.get("failures") == "2"


def test_junit_survives_hostile_text(tmp_path: Path) -> None:
    path = junit.write(tmp_path / "j.xml", verdicts("dpo", 11, message=HOSTILE + "]]>" + "y" * 1_000_000))
    failure = ET.parse(path).getroot().find(".//failure")
    assert failure is not None and "<script>" in (failure.text or "") and "␛[31m" in (failure.text or "")
    assert path.stat().st_size < 20_000


def test_an_empty_junit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no verdicts"):
        junit.write(tmp_path / "j.xml", [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é 漢 👩‍👧", "plain\n\ttext é 漢 👩‍👧"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x9b31m\x7f\x00", "[U+009B]31m[U+007F]␀"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("abcdef", "abcdef"),
    ],
)
def test_printable_shows_what_hides(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_printable_cuts_at_the_limit_exactly() -> None:
    assert printable("abc", 3) == "abc"
    assert printable("abcd", 3) == "abc […cut here: 4 characters in all]"
