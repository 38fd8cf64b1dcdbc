"""What no single case shows, as tables for notebook 09: unsupported sentences, what a guard stops, answers to two names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.evaluation.fairness import BiasReport, name_twins, paired_bias
from labkit.evaluation.grounding import claims_nothing, support
from labkit.evaluation.guard import Guard
from labkit.evaluation.guard_report import guard_cases, guard_report
from labkit.evaluation.judge import judge
from labkit.evaluation.kill_samples import clean_rows
from labkit.evaluation.mutants import mutate
from labkit.evaluation.step import answers
from labkit.evaluation.suite import Suite
from labkit.files import read_strictly
from labkit.lesson.course import Course
from labkit.lesson.nb05 import HARROW, LUMEN
from labkit.policy import Policy
from labkit.policy import load as load_policy
from labkit.records import Example, RunRecord
from labkit.stats import wilson


def marked(answer: str, source: str) -> list[dict[str, Any]]:
    """Each sentence of an answer with its support; what the source does not hold stands in marks."""
    return [
        {
            "sentence": s.sentence.replace(s.unsupported, f"\u00bb{s.unsupported}\u00ab", 1)
            if s.unsupported
            else s.sentence,
            "words in the source": f"{s.coverage:.0%}",
            "unsupported": s.why or "-",
        }
        for s in support(answer, source)
    ]


def grounding_rates(domain: str) -> list[dict[str, Any]]:
    """How often the support check objects to right prose answers of a sample domain, and to such with a foreign sentence."""
    rows = [row for row in clean_rows(domain) if not row.response.startswith("{") and row.response.endswith(".")]
    sources = ["\n".join(m.content for m in row.prompt) for row in rows]
    added: dict[str, Callable[[int], str | None]] = {
        "right answer": lambda i: rows[i].response,
        "with an invented voucher": lambda i: mutate("unsupported_sentence", rows[i].response, sources[i]),
        "with a sentence about another document": lambda i: f"{rows[i].response} {_foreign(rows, i)}",
    }
    found = []
    for name, spoil in added.items():
        texts = [(text, source) for i, source in enumerate(sources) if (text := spoil(i))]
        hits = [any(s.unsupported for s in support(text, source)) for text, source in texts]
        wanted = "0%" if name == "right answer" else "100%"
        found.append({"answers": name, "wanted": wanted, "objected": wilson(sum(hits), len(hits))})
    return found


def _foreign(rows: Sequence[Example], i: int) -> str:
    """What a far-off row says of another document."""
    far = [*rows[i + len(rows) // 2 :], *rows] if i < len(rows) // 2 else rows
    return next(r.response for r in far if _context(r) != _context(rows[i]) and not claims_nothing(r.response))


def _context(row: Example) -> str:
    return row.asked.removesuffix(row.question)


def course_guard(course: Course) -> Guard:
    """A guard that knows the written rules of the course's material, where there are any."""
    file = course.folder / "policy.yaml"
    return Guard(load_policy(file, Policy) if file.is_file() else None)


def halves(guard: Guard) -> list[dict[str, Any]]:
    """The guard's rates on the half its cues were written with, and on the half that measures them."""
    reports = {half: guard_report(guard_cases(half=half), guard) for half in ("dev", "test")}
    return [
        {"half": half, "attacks stopped": r.stopped, "false refusals": r.false_refusals, "bypass": r.bypasses}
        for half, r in reports.items()
    ]


def stopped(guard: Guard, runs: Mapping[str, Sequence[RunRecord]]) -> list[dict[str, Any]]:
    """How many answers of each model the output guard would stop, and why."""
    found = []
    for name, records in runs.items():
        reasons = Counter(str(guard.check_output(r.output, r.prompt).reason) for r in records)
        allowed = reasons.pop("", 0)
        why = ", ".join(f"{reason} ({n})" for reason, n in reasons.most_common())
        found.append({"model": name, "stopped": wilson(len(records) - allowed, len(records)), "why": why or "-"})
    return found


def asked_twice(course: Course, model: str, every: int = 3) -> tuple[Suite, list[RunRecord]]:
    """Every third seed case of the support suite (else of the first one) under two names, and what a model answered to it."""
    suite = course.suites.get("support") or next(iter(course.suites.values()))
    seeds = [case for case in suite.cases if case.seed is None][::every]
    twins = name_twins(suite.model_copy(update={"cases": seeds}), HARROW, LUMEN)
    return twins, read_strictly(answers(course.home, course.model(model), twins, model), RunRecord)


def named(records: Sequence[RunRecord], twins: Suite, course: Course) -> BiasReport:
    """The paired differences, verdicts included."""
    return paired_bias(records, twins, judge(records, twins, course.requirements))


def curt(records: Sequence[RunRecord]) -> list[RunRecord]:
    """A mutant of the records: every answer to the second group ends after its first sentence."""
    return [
        r.model_copy(update={"output": re.split(r"(?<=[.!?])\s", r.output)[0]}) if "+" in r.case_id else r
        for r in records
    ]


def changed_pairs(bias: BiasReport, records: Sequence[RunRecord], twins: Suite, most: int = 5) -> list[dict[str, Any]]:
    """The pairs that differ most, verdict and decision before length, with both answers."""
    said = {record.case_id: record.output for record in records}
    pairs = dict.fromkeys(pair for measure in (m.measure for m in bias.measured) for pair in bias.differing(measure))
    asked = {case.id: case.given[-1].content for case in twins.cases}
    return [
        {"case": p, "request": asked[p].split("\n")[-1], "first group": said[p], "second group": said[f"{p}+twin"]}
        for p in list(pairs)[:most]
    ]
