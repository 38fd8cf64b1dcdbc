"""The release policy: the gate's rules as people agree on them in ``gate.yaml``, read strictly."""

from __future__ import annotations

import math
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labkit import LabError
from labkit.files import explain


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Critical(_Rule):
    """No failure, and enough seed cases to exclude this share of violations with 95% confidence."""

    violations_below: float = Field(0.30, gt=0, lt=1)

    @property
    def cases(self) -> int:
        """Seed cases without a failure that this claim needs (the rule of zero failures)."""
        return math.ceil(math.log(0.05) / math.log(1 - self.violations_below))


class Major(_Rule):
    """Wilson's lower bound reaches the floor, or the rate itself reaches the target."""

    floor: float = Field(0.60, ge=0, le=1)
    target: float | None = Field(None, ge=0, le=1)


class NonInferiority(_Rule):
    """The candidate is not worse than the baseline by more than the margin on these requirements (patterns)."""

    margin: float = Field(0.05, gt=0, lt=1)
    requirements: list[str] = ["*"]


class Preference(_Rule):
    """Of the cases that only one model passes, the candidate wins more than this share."""

    share: float = Field(0.5, ge=0, lt=1)
    requirements: list[str]


class Coverage(_Rule):
    """Each of these requirements (patterns) has so many judged seed cases and so many training rows; 0 asks for none."""

    cases: int = Field(1, ge=0)
    rows: int = Field(0, ge=0)
    requirements: list[str] = ["*"]

    @model_validator(mode="after")
    def _asks_for_something(self) -> Coverage:
        if not self.cases and not self.rows:
            raise ValueError("asks for no case and no row; take the rule out, or give a number")
        return self


class FlipRate(_Rule):
    """At most this share of verdicts differs between two runs of the candidate, Wilson's upper bound included."""

    most: float = Field(0.05, gt=0, lt=1)


class MutationScore(_Rule):
    """Of the faulty models made on purpose the suite finds at least this share, Wilson's lower bound included."""

    floor: float = Field(0.60, gt=0, le=1)


class Policy(_Rule):
    """What a release must show. A rule left out of the file is not applied, except the two on severity.

    ``independence``, ``coverage``, ``flip_rate`` and ``mutation_score`` need evidence beside the verdicts; where it is
    missing the gate refuses to decide.
    """

    name: str = "release gate"
    critical: Critical = Critical()
    major: Major = Major()
    non_inferiority: NonInferiority | None = None
    preference: Preference | None = None
    independence: bool = False
    coverage: Coverage | None = None
    flip_rate: FlipRate | None = None
    mutation_score: MutationScore | None = None


def load(path: str | Path) -> Policy:
    """Read a policy.

    Raises:
        LabError: the file cannot be read, is not YAML, or holds a wrong or unknown field.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
        return Policy.model_validate({} if content is None else content)
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except ValidationError as error:  # before ValueError, of which it is one
        raise LabError(str(path), explain(error), "compare it with data/samples/support/gate.yaml") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2026-13-45 is a ValueError
        raise LabError(str(path), f"is not YAML ({' '.join(str(error).split())})", "mend the file") from error
