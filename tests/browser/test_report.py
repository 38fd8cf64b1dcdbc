"""The release report in a real browser: opened from disk with the network off, every figure shows and nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit.records import Case, Example, Message, Requirement, RunRecord, Verdict
from labkit.release import gate, report, traceability
from labkit.release.gate import Coverage, Evidence, Policy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HOSTILE = (
    "</pre></article><script>document.title='owned'</script><img src=http://192.0.2.1/x.png onerror=alert(1)>"
    "<style>body{display:none}</style>\x1b[31mred \u202eevil {{ 7*7 }} " + "W" * 400
)
SEVERITY = {"REQ-S01": "major", "REQ-S03": "major", "REQ-S10": "critical", "REQ-S15": "minor"}
PASSED = {"base": (1, 0, 2, 3), "sft": (9, 4, 10, 5), "dpo": (9, 6, 10, 9)}


def made(path: Path, text: str) -> Path:
    """A report on three models and four requirements, ten cases each."""
    needs = {
        name: Requirement(id=name, text=f"When asked about {name}, the assistant states the rule. {text[:60]}", likelihood=3,
                          impact=4, severity=severity)
        for name, severity in SEVERITY.items()
    }  # fmt: skip
    cases = [
        Case(id=f"{name}-{i:02d}", requirement=name, technique="MFT", expect=[{"facts": ["45 days"]}],
             given=[Message(role="system", content="Tallgrove support"), Message(role="user", content=f"Question {i}? {text}")])
        for name in needs for i in range(10)
    ]  # fmt: skip
    models = {
        model: [
            Verdict(case_id=case.id, requirement=case.requirement, severity=SEVERITY[case.requirement], technique="MFT",
                    cluster=case.id, model=model, passed=i % 10 < passed[i // 10], score=1.0, evidence=text[:200],
                    message=f'Expected "45 days", found "{text[:80]}".')
            for i, case in enumerate(cases)
        ]
        for model, passed in PASSED.items()
    }  # fmt: skip
    made_by = {"model": "a" * 64, "adapter": text[:300], "suite": "b" * 64, "template": "c" * 64}
    records = [
        RunRecord(case_id=case.id, model=model, prompt="p", output=text, tokens=3, finish="length", made_by=made_by)
        for model in models for case in cases
    ]  # fmt: skip
    policy = Policy(name="support assistant", coverage=Coverage(cases=5, rows=1))
    rows = [
        Example(id=f"r-{n}", prompt=[Message(role="user", content="q")], response="a", requirements=[n]) for n in needs
    ]
    decision = gate.decide(policy, models["dpo"], models["sft"], needs, Evidence(rows=rows[1:]))
    matrix = traceability.matrix(needs, rows[1:], cases, models["dpo"], decision)
    return report.write(path, decision, matrix, models=models, cases=cases, records=records, title="Release report")


@pytest.fixture
def page(browser: Any) -> Any:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("text", ["Items can be returned within 30 days.", HOSTILE], ids=["plain", "hostile"])
def test_the_report_opens_offline_shows_every_figure_and_runs_nothing(page: Any, tmp_path: Path, text: str) -> None:
    file = made(tmp_path / "report.html", text)
    asked, said, asking = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (asking.append(dialog.message), dialog.dismiss()))
    page.goto(file.as_uri())
    assert asked == [file.as_uri()] and said == [] and asking == []
    assert page.title() == "NO-GO: Release report"

    figures = page.locator("svg")
    assert figures.count() == 4 + 1 + 4  # a bar a requirement; a panel for all cases and one a requirement
    for box in figures.evaluate_all("found => found.map(f => f.getBoundingClientRect().toJSON())"):
        assert box["width"] >= 100 and box["height"] >= 10
    dots = figures.evaluate_all("found => found.map(f => f.querySelectorAll('circle').length)")
    assert dots == [1] * 4 + [3] * 5
    assert page.get_by_role("heading", name="Failures").is_visible() and page.locator("article").count() == 6
    assert page.locator("script, img, iframe, link, [onerror], article style").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")  # nothing hangs out at the side
    page.screenshot(path=tmp_path / "report.png", full_page=True)

    page.emulate_media(media="print")
    assert page.locator(".verdict").is_visible()
    pdf = page.pdf(path=tmp_path / "report.pdf", format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    page.set_viewport_size({"width": 420, "height": 800})
    page.emulate_media(media="screen")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=tmp_path / "narrow.png")
