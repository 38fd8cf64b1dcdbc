"""Suites of test cases in YAML, read strictly: a slip in a suite is an error with file and case, never a silent pass."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from labkit import LabError
from labkit.evaluation import oracle_records as oracle_records  # importing it registers the lab's own oracles
from labkit.evaluation.expand import expand
from labkit.evaluation.registry import Said, apply, known_oracles, load_own_oracles
from labkit.files import explain, sha256
from labkit.records import Case, Record, Requirement

R = TypeVar("R", bound=Record)
_HEAD = {"suite", "version", "system", "cases"}


class Suite(BaseModel):
    """A named list of cases; its hash ties run records to it."""

    name: str
    version: int
    system: str | None
    cases: list[Case]
    path: Path
    sha256: str


class _Loader(yaml.SafeLoader):
    """The safe loader, but a key that stands twice is an error: YAML would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"'{twice}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load(path: str | Path, requirements: Mapping[str, Requirement] | None = None) -> Suite:
    """Read a suite and check all that can be checked without a model.

    Variants, boundary tables and pairwise factors are written out (:mod:`labkit.evaluation.expand`). A file ``oracles.py``
    beside the suite is run first: it holds the team's own oracles.

    Args:
        path: the YAML file.
        requirements: what cases may refer to; by default ``requirements.yaml`` beside the suite or one folder up, and
            no check where there is none.

    Raises:
        LabError: the file, the case and what to mend.
    """
    path = Path(path)
    content = _read(path)
    stray = sorted(set(content) - _HEAD)
    if stray:
        raise LabError(str(path), f"'{stray[0]}' is no part of a suite", f"use {', '.join(sorted(_HEAD))}")
    if not isinstance(content.get("suite"), str) or not isinstance(content.get("cases"), list) or not content["cases"]:
        raise LabError(str(path), "is no suite", "give it 'suite: NAME' and a list of 'cases'")
    version, system = content.get("version", 1), content.get("system")
    if not isinstance(version, int) or not isinstance(system, str | None):
        raise LabError(str(path), "'version' or 'system' has the wrong type", "write a whole number and a text")
    if (own := path.parent / "oracles.py").is_file():
        load_own_oracles(own)
    cases = [
        _case(path, case, number, system)
        for number, entry in enumerate(content["cases"], 1)
        for case in (expand(entry, _at(path, entry.get("id", number))) if isinstance(entry, dict) else [entry])
    ]
    by_id = _by_id(path, cases)
    if requirements is None:
        near = next((p for p in (path.parent, path.parent.parent) if (p / "requirements.yaml").is_file()), None)
        requirements = load_requirements(near / "requirements.yaml") if near else None
    for case in cases:
        if requirements is not None and case.requirement not in requirements:
            raise LabError(
                _at(path, case.id),
                f"requirement '{case.requirement}' is unknown",
                f"use one of {', '.join(requirements)}",
            )
        _try_oracles(path, case, by_id.get(case.seed or ""))
    return Suite(name=content["suite"], version=version, system=system, cases=cases, path=path, sha256=sha256(path))


def load_requirements(path: str | Path) -> dict[str, Requirement]:
    """Read ``requirements: [...]`` into a dictionary by id, in file order.

    Raises:
        LabError: the file and the requirement, and what to mend.
    """
    path = Path(path)
    entries = _read(path).get("requirements")
    if not isinstance(entries, list) or not entries:
        raise LabError(str(path), "holds no list of requirements", "start it with 'requirements:' and a list")
    found: dict[str, Requirement] = {}
    for number, entry in enumerate(entries, 1):
        requirement = _record(path, entry, number, Requirement)
        if requirement.id in found:
            raise LabError(_at(path, requirement.id), "the id stands twice", "give each requirement its own")
        found[requirement.id] = requirement
    return found


def prompt_text(case: Case) -> str:
    """All that the model was told in this case, as oracles see it."""
    return "\n".join(message.content for message in case.given)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8-sig"), _Loader)  # a subclass of the safe loader
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise LabError(f"{path}{line}", f"is no YAML we can read ({what})", "mend the line") from error
    if not isinstance(content, dict):
        raise LabError(str(path), "holds no keys and values", "write it like the sample suites")
    return content


def _at(path: Path, name: object) -> str:
    return f"{path} case {name}" if path.name != "requirements.yaml" else f"{path} {name}"


def _record(path: Path, entry: Any, number: int, contract: type[R]) -> R:
    if not isinstance(entry, dict):
        raise LabError(_at(path, number), "is no mapping", "start it with '- id:'")
    try:
        return contract.model_validate(entry)
    except ValidationError as error:
        mend = f"see 'labkit schema {contract.__name__.lower()}'"
        raise LabError(_at(path, entry.get("id", number)), explain(error), mend) from error


def _case(path: Path, entry: Any, number: int, system: str | None) -> Case:
    if isinstance(entry, dict):
        entry = dict(entry)
        system = entry.pop("system", system)
        if isinstance(entry.get("given"), str):
            entry["given"] = [{"role": "user", "content": entry["given"]}]
        given = entry.get("given")
        starts = isinstance(given, list) and given and isinstance(given[0], dict) and given[0].get("role") == "system"
        if system and isinstance(given, list) and not starts:
            entry["given"] = [{"role": "system", "content": system}, *given]
    case = _record(path, entry, number, Case)
    if case.given[-1].role != "user" or not case.given[-1].content.strip():
        raise LabError(_at(path, case.id), "'given' does not end with words of the user", "add the user's message")
    return case


def _by_id(path: Path, cases: list[Case]) -> dict[str, Case]:
    """The cases by id; ids stand once, and a seed is a case of this suite that is no variant itself."""
    by_id: dict[str, Case] = {}
    for case in cases:
        if case.id in by_id:
            raise LabError(_at(path, case.id), "the id stands twice", "give each case its own")
        by_id[case.id] = case
    for case in cases:
        if case.seed is None:
            continue
        if case.seed not in by_id:
            raise LabError(_at(path, case.id), f"its seed '{case.seed}' is no case of this suite", "correct the seed")
        if by_id[case.seed].seed or case.seed == case.id:
            raise LabError(
                _at(path, case.id), f"its seed '{case.seed}' is itself a variant", "name the case both stem from"
            )
    return by_id


def _try_oracles(path: Path, case: Case, seed: Case | None) -> None:
    """Each oracle once, on an empty answer: expectations that make no sense show, and so do cases nothing can fail."""
    vacuous = True
    before = Said("", prompt_text(seed)) if seed else None
    for entry in case.expect:
        [(name, expected)] = entry.items()
        if name not in known_oracles():
            mend = f"use one of {', '.join(sorted(known_oracles()))}, or define it in oracles.py beside the suite"
            raise LabError(_at(path, case.id), f"oracle '{name}' is unknown", mend)
        try:
            vacuous &= apply(name, expected, Said("", prompt_text(case)), before).passed
        except (ValueError, TypeError) as error:
            raise LabError(_at(path, case.id), f"'{name}': {error}", "correct the expectation") from error
    if vacuous:
        raise LabError(_at(path, case.id), "an empty answer would pass it", "say what the answer must hold")
