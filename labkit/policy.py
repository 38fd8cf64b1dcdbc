"""What is written down about a domain: its rules (``policy.yaml``) and what its data may be used for (``clearance.yaml``)."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from labkit import LabError
from labkit.files import explain


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _patterns(value: list[str]) -> list[str]:
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    return value


class Rule(_Strict):
    """A fact that answers must state rightly: when a question is ``about`` it, the answer's values must be among these.

    Args:
        about: regular expressions, any of which makes a question fall under the rule (case is ignored).
        unless: regular expressions on question or context that take it out again: a documented exception.
        value: the values an answer may state, as text with a unit, e.g. "45 days".
        outdated: values of earlier versions; an answer that states one is out of date.
        requires: regular expressions, one of which the answer must match, for rules that are no number.
        forbids: regular expressions that the answer may not match.
    """

    id: str
    text: str
    about: list[str] = Field(min_length=1)
    unless: list[str] = []
    value: list[str] = []
    outdated: list[str] = []
    requires: list[str] = []
    forbids: list[str] = []
    requirement: str | None = None
    since: datetime.date | None = None

    _check = field_validator("about", "unless", "requires", "forbids")(_patterns)


class DecisionRule(_Strict):
    """A coded rule over a case: when all conditions hold, the JSON answer must carry one of the values.

    Args:
        when: by field of the bracketed case line: a value, a list of values, or a comparison such as "> 500".
        must: by key of the JSON answer: the allowed values.
    """

    id: str
    text: str
    when: dict[str, Any]
    must: dict[str, list[Any]]
    requirement: str | None = None


class Policy(_Strict):
    """The written rules of one domain, as far as a program can check them."""

    domain: str = "own"
    version: str = "1"
    language: str = "en"
    scope: str = ""  # one sentence on what the rows are about
    rules: list[Rule] = []
    decisions: list[DecisionRule] = []


class Source(_Strict):
    """Where rows come from, and on what terms they may be kept."""

    owner: str
    consent: Literal["required", "not_required"] = "required"
    keep_days: int | None = Field(default=None, ge=1)
    uses: list[str] = ["training", "evaluation"]
    note: str = ""


class Licence(_Strict):
    """What a licence (SPDX id) means here."""

    use: Literal["allowed", "forbidden", "ask"]
    obligations: list[str] = []
    aliases: list[str] = []
    reason: str = ""


class Clearance(_Strict):
    """What data may be used for, by whom, until when. Empty lists mean: nothing was written down, so nothing is refused."""

    version: str = "1"
    purpose: str = "training"
    licences: dict[str, Licence] = {}
    sources: dict[str, Source] = {}


M = TypeVar("M", Policy, Clearance)


def load(path: str | Path, kind: type[M]) -> M:
    """Read a policy or clearance file.

    Raises:
        LabError: the file cannot be read or does not fit.
    """
    try:
        return kind.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabError(str(path), f"is no YAML ({str(error).splitlines()[0]})", "mend the file") from error
    except ValidationError as error:
        raise LabError(str(path), explain(error), f"see the docstrings of labkit.policy.{kind.__name__}") from error
