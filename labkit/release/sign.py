"""The signature under a release: a person's word, with a name and, against the gate's word, a written reason."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from labkit import LabError
from labkit.files import append_jsonl, read_strictly, sha256
from labkit.home import Home
from labkit.release.gate import Decision, Outcome

FEWEST_WORDS = 5


class Signature(BaseModel):
    """One line of ``release/signatures.jsonl``."""

    model_config = ConfigDict(extra="forbid")

    name: str
    word: Literal["go", "no-go"]
    reason: str
    candidate: str
    gate: Outcome  # what the gate had said
    decision_sha256: str  # of decision.json as it was signed
    at: str

    @property
    def overruled(self) -> bool:
        """True when a person let through what the gate did not."""
        return self.word == "go" and self.gate != "go"

    def __str__(self) -> str:
        against = f", against the gate's {self.gate}" if self.overruled else ""
        reason = f' Reason: "{self.reason}"' if self.reason else ""
        return f"{self.word.upper()} for {self.candidate}, signed by {self.name}{against}.{reason}"


def sign(home: Home, decision: Decision, name: str, word: str, reason: str = "") -> Signature:
    """Put a person's word under a decision.

    Args:
        home: the lab's home; its ``release/decision.json`` is what is signed.
        decision: the decision the person has read.
        name: who signs.
        word: ``go`` or ``no-go``.
        reason: in the person's own words; needed for a go where the gate did not say go.

    Returns:
        The signature, as it was added to ``release/signatures.jsonl``.

    Raises:
        LabError: nobody signs, the word is another one, the reason is missing, or the decision on disk is not the one
            that was read.
    """
    if not name.strip():
        raise LabError("signature", "has no name", "give the name of the person who answers for it")
    if word not in ("go", "no-go"):
        raise LabError("signature", f"{word!r} is neither go nor no-go", "write one of the two")
    if word == "go" and decision.outcome != "go" and len(reason.split()) < FEWEST_WORDS:
        what = f"the gate says {decision.outcome}, and a go against it stands without a written reason"
        raise LabError("signature", what, f"say in {FEWEST_WORDS} words or more why the risk is taken, and by whom")
    file = _decision_file(home)
    if not file.exists():
        raise LabError(str(file), "is not written yet", "write the report first: course.report()")
    if not _same(file, decision):
        raise LabError(str(file), "is not the decision you have read", "write the report again and read it anew")
    signature = Signature(
        name=name.strip(),
        word="go" if word == "go" else "no-go",
        reason=reason.strip(),
        candidate=decision.candidate,
        gate=decision.outcome,
        decision_sha256=sha256(file),
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    append_jsonl(home / "release" / "signatures.jsonl", signature)
    return signature


def standing(home: Home) -> Signature | None:
    """The last signature under the decision that lies there now; a changed decision has none until it is signed anew.

    Raises:
        LabError: a line of the signatures cannot be read.
    """
    log, file = home / "release" / "signatures.jsonl", _decision_file(home)
    if not log.exists() or not file.exists():
        return None
    present = sha256(file)
    return next((s for s in reversed(read_strictly(log, Signature)) if s.decision_sha256 == present), None)


def _decision_file(home: Home) -> Path:
    return home / "release" / "decision.json"


def _same(file: Path, decision: Decision) -> bool:
    try:
        return Decision.model_validate_json(file.read_text(encoding="utf-8")) == decision
    except (OSError, UnicodeDecodeError, ValidationError):
        return False
