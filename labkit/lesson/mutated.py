"""The course's fine-tuned model as a subject of mutation."""

from __future__ import annotations

from labkit.evaluation.mutant_build import Subject
from labkit.evaluation.mutant_registry import Registry, load
from labkit.lesson.course import Course

FILE = "mutants.yaml"


def subject(course: Course) -> Subject:
    """What a mutant of the course's model is built from; the model is trained when it is not there yet."""
    return Subject(
        home=course.home,
        base=course.base,
        sft=course.sft(),
        examples=course.examples,
        pairs=course.preferences()[0].dpo,
        suites=course.suites,
        requirements=course.requirements,
        records=course.records,
    )


def hashes(course: Course) -> dict[str, str]:
    """sha256 of the course's suites by name: a record of mutants is of these suites and of no others."""
    return {name: suite.sha256 for name, suite in course.suites.items()}


def registry(course: Course) -> Registry:
    """The mutants written down beside the course's material.

    Raises:
        LabError: there is no such file, or it does not fit.
    """
    return load(course.folder / FILE, course.requirements)
