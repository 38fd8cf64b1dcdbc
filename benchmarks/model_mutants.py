"""Does the suite notice faulty models? Every model mutant of the samples is built, answers, and is judged.

``python -m benchmarks.model_mutants``                 all of them: a training for most data mutants, about half an hour
``python -m benchmarks.model_mutants --only half``     one, with what it is held against

Each mutant is one step of the lab's home (LAB_HOME): stopped half-way, the same command goes on where it was.
"""

from __future__ import annotations

from benchmarks.common import arguments, finish
from labkit.evaluation.mutant_run import mutate
from labkit.lesson.course import Course
from labkit.lesson.mutated import FILE, hashes, registry, subject


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
    result = {
        **report.record(hashes(course), (mutant.name for mutant in planned.mutants)),
        "device": whose.sft.manifest.device,
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
