"""Where oracles are kept under the names that suites use, and how one is asked.

Most oracles judge one answer: ``(expected, answer, prompt_text) -> Outcome``. Some need more than that, the answer to the
seed case or the likelihood of a text, and are record oracles: ``(expected, said, seed) -> Outcome``. Add your own from a
notebook, or from a file ``oracles.py`` beside the suite (or named with ``--oracles``)::

    from labkit.evaluation.registry import judged, oracle

    @oracle("polite")
    def polite(expected, answer, prompt_text):
        return judged("please" in answer.lower(), "a polite answer", f'"{answer}"')

An oracle raises ``ValueError`` when ``expected`` makes no sense; the suite loader reports it with file and case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from labkit import LabError
from labkit.checks import load_own
from labkit.files import sha256
from labkit.records import Likelihood


class Outcome(BaseModel):
    """What one oracle says of one answer."""

    passed: bool
    score: float
    message: str
    evidence: str = ""


class Said(NamedTuple):
    """An answer, all that the model was told, and the likelihoods that the case asked for (None before any run)."""

    answer: str
    prompt: str
    likelihoods: Mapping[str, Likelihood] | None = None


Oracle = Callable[[Any, str, str], Outcome]
RecordOracle = Callable[[Any, Said, Said | None], Outcome]
ORACLES: dict[str, Oracle] = {}
RECORD_ORACLES: dict[str, RecordOracle] = {}
_F = TypeVar("_F", bound=Callable[..., Outcome])


def oracle(name: str) -> Callable[[Oracle], Oracle]:
    """Register an oracle under the name that suites use; running the same notebook cell again replaces it.

    Raises:
        LabError: another module already uses the name.
    """
    return _register(name, ORACLES)


def record_oracle(name: str) -> Callable[[RecordOracle], RecordOracle]:
    """Register an oracle that sees ``said`` and, for a variant, the ``seed`` case's answer.

    Raises:
        LabError: another module already uses the name.
    """
    return _register(name, RECORD_ORACLES)


def _register(name: str, own: dict[str, _F]) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        known = known_oracles().get(name)
        if known is not None and (name not in own or known.__module__ != function.__module__):
            raise LabError(f"oracle '{name}'", f"exists already (in {known.__module__})", "choose another name")
        own[name] = function
        return function

    return register


def known_oracles() -> dict[str, Callable[..., Outcome]]:
    """All oracles by name, whatever they look at."""
    return {**ORACLES, **RECORD_ORACLES}


def apply(name: str, expected: Any, said: Said, seed: Said | None = None) -> Outcome:
    """Ask one oracle.

    Args:
        name: of the oracle.
        expected: what the case expects.
        said: the answer in question.
        seed: the answer to the seed case, where the case is a variant.

    Raises:
        LabError: the oracle is unknown, or gave back something else than an outcome.
        ValueError: the expectation makes no sense.
    """
    if name in RECORD_ORACLES:
        outcome = RECORD_ORACLES[name](expected, said, seed)
    elif name in ORACLES:
        outcome = ORACLES[name](expected, said.answer, said.prompt)
    else:
        mend = "run the cell that defines it first, or put its file beside the suite as oracles.py"
        raise LabError(f"oracle '{name}'", "is unknown", mend)
    if not isinstance(outcome, Outcome):
        raise LabError(f"oracle '{name}'", f"returned {type(outcome).__name__}", "return judged(...) or an Outcome")
    return outcome


def load_own_oracles(path: str | Path) -> list[str]:
    """Import a user's ``oracles.py`` and return the names it registered. This runs the file: name only your own.

    Loading the same file again replaces its oracles; another file that uses one of their names is refused.

    Raises:
        LabError: the file cannot be imported, registers nothing, or takes a name that is in use.
    """
    module = f"own_oracles_{sha256(str(Path(path).resolve()))[:12]}"
    return load_own(
        path, module, known_oracles, "oracle", "put @oracle(...) above a function, see labkit.evaluation.registry"
    )


def judged(passed: bool, expected: str, found: str, evidence: str = "", score: float | None = None) -> Outcome:
    """An outcome whose message is the one sentence "Expected ..., found ..."."""
    score = float(passed) if score is None else round(score, 4)
    return Outcome(passed=passed, score=score, message=f"Expected {expected}, found {found}.", evidence=evidence)


def quote(text: str, longest: int = 120) -> str:
    """A text in quotes on one line, cut when long; "an empty answer" when there is none."""
    line = " ".join(text.split())
    return f'"{line[:longest]}{"..." if len(line) > longest else ""}"' if line else "an empty answer"
