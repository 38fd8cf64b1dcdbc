"""A labelling guideline as data: a YAML file with a version, so that every label can name the rules it was given under."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from labkit import LabError
from labkit.files import explain

SKIP = "skip"  # what an annotator says who cannot tell; no label may be called so
_LISTS = {"include": "also", "exclude": "not", "positive": "example", "negative": "counter-example"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class Borderline(_Strict):
    """A case between two labels: it gets ``label`` over the label ``over``, and why."""

    text: str
    label: str
    over: str
    why: str


class LabelRule(_Strict):
    """One label: what it means, and where it ends.

    Args:
        include: cases that belong here though one might not think so.
        exclude: cases that do not belong here; say where they go.
        positive: messages that get this label.
        negative: messages that do not.
        borderline: hard cases with the label they get and the reason.
    """

    name: str = Field(min_length=1)
    definition: str = Field(min_length=1)
    include: list[str] = []
    exclude: list[str] = []
    positive: list[str] = []
    negative: list[str] = []
    borderline: list[Borderline] = []


class Guideline(_Strict):
    """What annotators go by. Two files with different rules must carry different versions."""

    version: str
    question: str
    labels: list[LabelRule] = Field(min_length=2)

    @property
    def names(self) -> list[str]:
        """The labels, in the order of the file."""
        return [label.name for label in self.labels]

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: list[LabelRule]) -> list[LabelRule]:
        names = [label.name for label in labels]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"label {twice!r} is defined twice")
        if SKIP in names:
            raise ValueError(f"no label may be called {SKIP!r}: it is what an annotator says who cannot tell")
        return labels

    @model_validator(mode="after")
    def _no_contradiction(self) -> Guideline:
        answers: dict[str, str] = {}
        for label in self.labels:
            for case in label.borderline:
                if strange := {case.label, case.over} - set(self.names):
                    raise ValueError(f"the borderline case {case.text!r} names an unknown label {min(strange)!r}")
                if case.label == case.over:
                    raise ValueError(f"the borderline case {case.text!r} must name two labels")
            for text, answer in _answers(label):
                if answers.setdefault(text, answer) != answer:
                    raise ValueError(f"the example {text!r} gets both {answers[text]!r} and {answer!r}")
        for label in self.labels:
            if wrong := next((text for text in label.negative if answers.get(text) == label.name), None):
                raise ValueError(f"{wrong!r} is an example and a counter-example of {label.name!r}")
        return self

    def rule(self, name: str) -> LabelRule:
        """The rule of one label.

        Raises:
            LabError: the guideline has no such label.
        """
        found = next((label for label in self.labels if label.name == name), None)
        if found is None:
            raise LabError(f"label {name!r}", f"is not in guideline {self.version}", f"take {', '.join(self.names)}")
        return found

    def between(self, a: str, b: str) -> list[Borderline]:
        """The borderline cases that decide between two labels."""
        return [case for label in self.labels for case in label.borderline if {case.label, case.over} == {a, b}]


def _answers(label: LabelRule) -> Iterator[tuple[str, str]]:
    yield from ((text, label.name) for text in label.positive)
    yield from ((case.text, case.label) for case in label.borderline)


def load(path: str | Path) -> Guideline:
    """Read a guideline.

    Raises:
        LabError: the file cannot be read, or something in it is missing or contradicts itself.
    """
    try:
        value: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabError(str(path), f"is no YAML ({str(error).splitlines()[0]})", "mend the file") from error
    if not isinstance(value, dict):
        raise LabError(str(path), "is no guideline", "write version, question and labels")
    try:
        return Guideline.model_validate(value)
    except ValidationError as error:
        mend = "a guideline has version, question and labels, each label a name and a definition"
        raise LabError(str(path), explain(error).replace("Value error, ", ""), mend) from error


def diff(old: Guideline, new: Guideline) -> list[str]:
    """What changed between two versions, one plain line a change; empty when they say the same."""
    changes = [] if old.question == new.question else [f"the question is now: {new.question}"]
    changes += [f"label {name} is gone" for name in old.names if name not in new.names]
    for label in new.labels:
        if label.name not in old.names:
            changes.append(f"label {label.name} is new: {label.definition}")
        else:
            changes += [f"{label.name}: {change}" for change in _changes(old.rule(label.name), label)]
    return changes


def _changes(old: LabelRule, new: LabelRule) -> Iterator[str]:
    if old.definition != new.definition:
        yield f"the definition is now: {new.definition}"
    for field in (*_LISTS, "borderline"):
        before, after = (list(map(_line, getattr(rule, field))) for rule in (old, new))
        yield from (f"{field} added: {line}" for line in after if line not in before)
        yield from (f"{field} removed: {line}" for line in before if line not in after)


def _line(entry: str | Borderline) -> str:
    return entry if isinstance(entry, str) else f"{entry.text} -> {entry.label}, not {entry.over}: {entry.why}"


def text(guideline: Guideline) -> str:
    """The guideline as plain text, to stand beside the items or to be printed."""
    parts = [f"{guideline.question} (guideline {guideline.version})"]
    for label in guideline.labels:
        parts.append(f"\n{label.name}: {label.definition}")
        parts += [f"  {word}: {line}" for word, line in _lines(label)]
    return "\n".join(parts)


def html(guideline: Guideline) -> str:
    """The guideline as an HTML card; all of its text is escaped."""
    parts = [f"<p><b>{escape(guideline.question)}</b> <small>guideline {escape(guideline.version)}</small></p><dl>"]
    for label in guideline.labels:
        lines = "".join(f"<br><i>{word}:</i> {escape(line)}" for word, line in _lines(label))
        parts.append(f"<dt><b>{escape(label.name)}</b></dt><dd>{escape(label.definition)}{lines}</dd>")
    return "".join(parts) + "</dl>"


def _lines(label: LabelRule) -> Iterator[tuple[str, str]]:
    for field, word in _LISTS.items():
        yield from ((word, line) for line in getattr(label, field))
    yield from (("borderline", _line(case)) for case in label.borderline)
