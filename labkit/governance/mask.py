"""Masking: personal data and secrets replaced by their type, or by a pseudonym that only the holder of a key can undo.

masker = Masker(key)
masker.mask("Write to kim@linde.net")      # "Write to [EMAIL-5f0c21ab]"
unmask(text, masker.table)                 # the original, from the table in the key file
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets as randomness
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from labkit import LabError
from labkit.files import explain
from labkit.governance.pii import find_pii
from labkit.governance.secrets import find_secrets
from labkit.governance.spans import PLACEHOLDER, Span, settle
from labkit.records import Example, Message

_AT = re.compile(r"\s*[\[({]\s?at\s?[\])}]\s*|\sat\s|\s+@\s*|@\s+")
_DOT = re.compile(r"\s*[\[({]\s?(?:dot|punkt)\s?[\])}]\s*|\s(?:dot|punkt)\s")


class KeyFile(BaseModel):
    """What undoes pseudonyms: the key that makes them, and the original of each."""

    key: str  # 32 bytes as hexadecimal digits
    table: dict[str, str] = {}


def find_all(text: str) -> list[Span]:
    """Personal data of every tier and secrets, without overlaps."""
    return settle([*find_pii(text), *find_secrets(text)])


class Masker:
    """Replaces what :func:`find_all` finds; equal values get equal pseudonyms, in every row and every run with the key.

    Args:
        key: of the pseudonyms; without one a value becomes its type alone, as in "[EMAIL]", which nobody can undo.
        table: pseudonyms of earlier runs with the same key.

    Attributes:
        table: pseudonym to original. A value that was spelt in several ways comes back in the first spelling.
    """

    def __init__(self, key: bytes | None = None, table: Mapping[str, str] | None = None):
        self._key = key
        self.table = dict(table or {})

    def mask(self, text: str, spans: Iterable[Span] | None = None) -> str:
        """The text with its personal data and secrets, or with the given spans, replaced."""
        parts, done = [], 0
        for span in sorted(find_all(text) if spans is None else spans, key=lambda s: s.start):
            parts += [text[done : span.start], self.pseudonym(span)]
            done = span.end
        return "".join([*parts, text[done:]])

    def mask_row(self, row: Example) -> Example:
        """The row with every message and the response masked. Slices are left: what a slice holds, the row check tells."""
        prompt = [Message(role=m.role, content=self.mask(m.content)) for m in row.prompt]
        response = self.mask(row.response)
        if prompt == row.prompt and response == row.response:
            return row
        done = row.provenance.model_copy(update={"transform": _and(row.provenance.transform, "personal data masked")})
        return row.model_copy(update={"prompt": prompt, "response": response, "provenance": done})

    def pseudonym(self, span: Span) -> str:
        """What stands for a span; with a key, its original is kept in the table."""
        type = span.type.upper()
        if self._key is None:
            return f"[{type}]"
        digest = hmac.new(self._key, f"{span.type}:{normal(span.type, span.text)}".encode(), hashlib.sha256).hexdigest()
        size = 8
        while normal(span.type, self.table.get(f"[{type}-{digest[:size]}]", span.text)) != normal(span.type, span.text):
            size += 4  # another value has the same beginning: once in billions, but then it must not be mixed up
        name = f"[{type}-{digest[:size]}]"
        self.table.setdefault(name, span.text)
        return name


def normal(type: str, text: str) -> str:
    """A value free of spelling, so that all spellings get one pseudonym; a secret's case and signs are its own."""
    low = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if type in ("phone", "card"):  # "+49 (0)30 1" and "0049 30 1" are one line
        return re.sub(r"\D", "", low.replace("(0)", "")).lstrip("0")
    if type in ("iban", "national_id", "tax_id"):
        return re.sub(r"[\W_]", "", low)
    if type == "email":
        return _DOT.sub(".", _AT.sub("@", low))
    if type in ("person_name", "address", "birth_date"):
        return " ".join(re.findall(r"[^\W_]+", low))
    return low if type == "ip_address" else text


def _and(before: str | None, done: str) -> str:
    return done if not before or done in before else f"{before}; {done}"


def unmask(text: str, table: Mapping[str, str]) -> str:
    """The text with known pseudonyms turned back into the originals; unknown ones are left."""
    return PLACEHOLDER.sub(lambda match: table.get(match.group(), match.group()), text)


def open_key(path: str | Path, keep_away: Iterable[str | Path]) -> KeyFile:
    """Read a key file, or make a new key when there is none (it is written by :func:`save_key`).

    Args:
        path: the key file.
        keep_away: data files, and folders with everything in them (the lab's home, the output), that it may not lie
            beside or inside.

    Raises:
        LabError: the key would lie with the data, or the file is no key file.
    """
    path = Path(path).resolve()
    for place in (Path(p).resolve() for p in keep_away):
        folder = place if place.is_dir() else place.parent
        if path.parent == folder or (place.is_dir() and path.is_relative_to(place)):
            raise LabError(
                str(path),
                f"lies with the data in {folder}",
                "keep the key in a folder of its own that others cannot read",
            )
    if not path.exists():
        return KeyFile(key=randomness.token_hex(32))
    try:
        found = KeyFile.model_validate_json(path.read_text(encoding="utf-8"))
        if len(bytes.fromhex(found.key)) < 16:
            raise ValueError
    except ValidationError as error:
        raise LabError(str(path), f"is no key file ({explain(error)})", "name another file") from error
    except ValueError as error:
        raise LabError(str(path), "holds no usable key", "name another file, or let a new one be made") from error
    return found


def save_key(path: str | Path, key: KeyFile) -> None:
    """Write the key file, readable by its owner alone."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(json.dumps(key.model_dump(), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    os.replace(draft, path)
