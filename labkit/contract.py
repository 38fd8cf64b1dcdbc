"""What the contracts are built from: the base record, a chat turn, where a row came from, what counts as the question."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Role = Literal["system", "user", "assistant", "tool"]

# Ids travel into file names, JUnit and HTML, so they may not hold path separators, quotes or control characters.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+~-]{0,119}")


class Record(BaseModel):
    """Base of all contracts: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    @field_validator("id", "row_id", "case_id", "requirement", "pair", check_fields=False)
    @classmethod
    def _plain_id(cls, value: str | None) -> str | None:
        if value is not None and not _ID.fullmatch(value):
            raise ValueError("an id is 1-120 of letters, digits and . _ : + ~ - and starts with a letter or digit")
        return value


class Message(Record):
    """One chat turn."""

    role: Role
    content: str


class Provenance(Record):
    """Where a row came from and what may be done with it."""

    source: str
    owner: str = ""
    licence: str = ""  # SPDX id
    consent: Literal["given", "not_required", "unknown", "withdrawn"] = "unknown"
    collected_at: str = ""
    parents: list[str] = Field(default_factory=list)
    transform: str | None = None


def question(messages: list[Message]) -> str:
    """What the user asked last, without the lines in square brackets that a search has put above it as context."""
    text = next((m.content for m in reversed(messages) if m.role == "user"), "")
    return re.sub(r"\A(?:\[[^\n]*\]\n)+", "", text)
