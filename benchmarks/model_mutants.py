"""Does the suite notice faulty models? Every model mutant of the samples is built, answers, and is judged.

``python -m benchmarks.model_mutants``                 all of them: a training for most data mutants, about half an hour
``python -m benchmarks.model_mutants --only half``     one, with what it is held against

Each mutant is one step of the lab's home (LAB_HOME): stopped half-way, the same command goes on where it was.
"""

from __future__ import annotations

from typing import Any

from benchmarks.common import arguments, finish
from labkit.evaluation.model_mutants import Report
from labkit.evaluation.mutant_run import mutate
from labkit.lesson.course import Course
from labkit.lesson.mutated import FILE, registry, subject


def summary(report: Report) -> dict[str, Any]:
    """The score, the survivors with the case to write for each, and every cell."""
    score = report.score()
    return {
        "score": score.rate,
        "killed": score.passed,
        "n": score.n,
        "low": score.low,
        "high": score.high,
        "survivors": [{"name": result.name, "case_to_write": result.advice} for result in report.survivors()],
        **report.model_dump(mode="json"),
    }


def main() -> None:
    """Build, judge and print."""
    parser = arguments("Model mutants killed by the samples' suites.")
    parser.add_argument("--only", nargs="*", default=[], help="names of some mutants")
    options = parser.parse_args()
    course = Course()
    whose = subject(course)
    planned = registry(course)
    report = mutate(whose, planned, options.only)
    print(f"\n{report.text()}")
    suites = {name: suite.sha256 for name, suite in course.suites.items()}
    result = {
        **summary(report),
        "device": whose.sft.manifest.device,
        "suites": suites,
        "left_out": sorted({m.name for m in planned.mutants} - {result.name for result in report.mutants}),
        "adapter": whose.sft.manifest.weights_sha256,
        "seconds": round(
            sum(result.seconds for result in {r.name: r for r in [*report.mutants, *report.controls]}.values())
        ),
    }
    finish(
        "model_mutants", result, options, [course.folder / FILE, course.data, *(s.path for s in course.suites.values())]
    )


if __name__ == "__main__":
    main()
