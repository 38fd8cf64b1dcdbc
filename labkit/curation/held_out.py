"""Questions of behaviour suites: what no training row may repeat. Suites are judged elsewhere; here they are only read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from labkit import LabError
from labkit.records import Message, question


def questions(suites: Iterable[str | Path | Mapping[str, str]]) -> dict[str, str]:
    """Question by case id. Where two suites use one id, the later one's is written ``suite:id``.

    Args:
        suites: YAML files of suites, or questions by case id as they are.

    Raises:
        LabError: a file cannot be read or holds no cases.
    """
    found: dict[str, str] = {}
    for suite in suites:
        cases = dict(suite) if isinstance(suite, Mapping) else _read(Path(suite))
        name = "suite" if isinstance(suite, Mapping) else Path(suite).stem
        found |= {(f"{name}:{case}" if case in found else case): text for case, text in cases.items()}
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise LabError(str(path), f"is no YAML ({str(error).splitlines()[0]})", "mend the file") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    if not isinstance(cases, list) or not cases:
        raise LabError(str(path), "is no suite", "give it a list of 'cases', each with 'id' and 'given'")
    return dict(_case(path, number, case) for number, case in enumerate(cases, 1))


def _case(path: Path, number: int, case: Any) -> tuple[str, str]:
    try:
        given = case["given"]
        messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
        return str(case["id"]), question([Message.model_validate(message) for message in messages])
    except (KeyError, TypeError, ValueError) as error:
        mend = "give it 'id' and 'given', a text or a list of messages"
        raise LabError(f"{path} case {number}", "cannot be read", mend) from error
