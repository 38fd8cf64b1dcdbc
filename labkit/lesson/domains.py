"""The three sample domains side by side: requirements, cases, techniques, and what hangs in the air."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import yaml

from labkit import samples
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.formats import read_rows
from labkit.lesson.table import Table
from labkit.records import Technique
from labkit.records import question as asked
from labkit.release.traceability import matrix

DOMAINS = ("support", "knowledge", "decision")
_SHORT = "techniques.yaml"  # the suite of a domain that is written in short forms


def readable(value: Any) -> str:
    """YAML as people write it: texts of several lines stand as blocks."""
    return str(yaml.dump(value, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100)).rstrip()


class _Readable(yaml.SafeDumper):
    pass


_Readable.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _suites(domain: str) -> list[Suite]:
    folder = samples.path(domain)
    return [load(file) for file in (*sorted((folder / "suites").glob("*.yaml")), folder / _SHORT)]


def domains() -> Table:
    """What is asked in each domain, and how much there is to test it with."""
    lines = []
    for domain in DOMAINS:
        needs = list(load_requirements(samples.path(domain) / "requirements.yaml").values())
        cases = [case for suite in _suites(domain) for case in suite.cases]
        riskiest = max(needs, key=lambda r: r.risk)
        lines.append(
            {
                "domain": domain, "requirements": len(needs), "critical": sum(r.severity == "critical" for r in needs),
                "riskiest": f"{riskiest.id}: {riskiest.likelihood} x {riskiest.impact} = {riskiest.risk}",
                "cases": len(cases), "seed cases": len({case.cluster for case in cases}),
            }
        )  # fmt: skip
    return Table(lines)


def techniques() -> Table:
    """How many cases of each technique the suites of each domain hold."""
    count = {name: Counter(case.technique for suite in _suites(name) for case in suite.cases) for name in DOMAINS}
    return Table({"technique": t, **{name: count[name][t] for name in DOMAINS}} for t in get_args(Technique))


def short_form(case: str) -> str:
    """A case of the support domain's ``techniques.yaml`` as it is written there."""
    entries = yaml.safe_load((samples.path("support") / _SHORT).read_text("utf-8"))["cases"]
    return readable([entry for entry in entries if entry["id"] == case])


def written_out(case: str) -> Table:
    """The cases that the loader makes of a short form: all of one seed, and counted as one family."""
    cases = [c for c in load(samples.path("support") / _SHORT).cases if c.cluster == case]
    return Table({"case": c.id, "technique": c.technique, "question": asked(c.given)} for c in cases)


def loose_ends() -> Table:
    """The material of each domain before any model has answered: what is there, and what hangs in the air."""
    lines = []
    for domain in DOMAINS:
        folder = samples.path(domain)
        needs = load_requirements(folder / "requirements.yaml")
        rows = read_rows(folder / ("train.jsonl" if domain == "support" else "raw.jsonl"))[0]
        cases = [case for suite in _suites(domain) for case in suite.cases]
        found = matrix(needs, rows, cases, []).orphans
        lines.append(
            {
                "domain": domain, "requirements": len(needs), "rows": len(rows), "cases": len(cases),
                "requirements without a case": len(found.get("Requirements without a case", ())),
                "requirements without a row": len(found.get("Requirements without a training row", ())),
                "rows without a requirement": len(found.get("Training rows without a requirement", ())),
            }
        )  # fmt: skip
    return Table(lines)
