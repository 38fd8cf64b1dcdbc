"""Verdicts as JUnit XML, which every CI server reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from labkit import LabError
from labkit.files import write_text
from labkit.printable import printable
from labkit.records import Verdict


def write(path: str | Path, verdicts: Sequence[Verdict]) -> Path:
    """Write one test case a verdict, one suite a model; requirement, severity and technique travel as properties.

    Times and dates are left out: equal verdicts give equal bytes.

    Raises:
        LabError: there are no verdicts, for an empty result must not look like a green one.
    """
    if not verdicts:
        raise LabError(str(path), "no verdicts to write", "judge a run first")
    root = ET.Element("testsuites", _counts(verdicts))
    for model in dict.fromkeys(v.model for v in verdicts):
        own = [v for v in verdicts if v.model == model]
        suite = ET.SubElement(root, "testsuite", {"name": printable(model)} | _counts(own))
        for verdict in own:
            _case(suite, verdict)
    ET.indent(root)
    return write_text(path, f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n")


def _counts(verdicts: Sequence[Verdict]) -> dict[str, str]:
    failures = sum(not v.passed for v in verdicts)
    return {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0", "skipped": "0"}


def _case(suite: ET.Element, verdict: Verdict) -> None:
    case = ET.SubElement(suite, "testcase", classname=verdict.requirement, name=verdict.case_id)
    properties = ET.SubElement(case, "properties")
    for name in ("requirement", "severity", "technique", "cluster", "score"):
        ET.SubElement(properties, "property", name=name, value=printable(str(getattr(verdict, name))))
    if not verdict.passed:
        failure = ET.SubElement(case, "failure", type="OracleFailure", message=printable(verdict.message, 500))
        failure.text = printable(f"{verdict.message}\n{verdict.evidence}".strip())
