"""Who is meant: one identifier of a person, found in all its spellings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from labkit import LabError
from labkit.governance.mask import KeyFile, Masker
from labkit.governance.spans import PLACEHOLDER, Span


def matcher(subject: str, key: KeyFile | None = None) -> tuple[str, Callable[[str], bool]]:
    """What kind of identifier a subject is, and a function that says whether a text mentions it in any spelling."""
    plain = " ".join(unicodedata.normalize("NFKC", subject).split())
    digits = re.sub(r"\D", "", plain)
    if PLACEHOLDER.fullmatch(plain):
        original = key.table.get(plain) if key else None
        own = matcher(original, key)[1] if original else None
        return "pseudonym", lambda text: plain in text or (own is not None and own(text))
    if len(plain) < 4:
        raise LabError(
            "forget", f"'{plain}' is too short to search for", "name the e-mail, full name, number or customer id"
        )
    if "@" in plain:
        kind, test = "e-mail", _by_pattern(_email_pattern(plain))
    elif len(digits) >= 7 and not re.search(r"[A-Za-z]", plain):
        kind, test = "number", _by_digits(digits)
    elif " " in plain and not digits:
        kind, test = "name", _by_pattern(_name_pattern(plain))
    else:
        wanted = re.sub(r"[\W_]", "", plain).lower()
        kind, test = "id", _by_pattern(r"[\W_]?".join(map(re.escape, wanted)))
    pseudonyms = _pseudonyms(plain, kind, key) if key else []
    # As it was written it must be found whatever its form: leading zeros and odd separators are lost in the patterns.
    literal = re.compile(rf"(?i)(?<!\w){re.escape(plain)}(?!\w)") if kind in ("number", "id") else None
    return kind, lambda text: bool(
        test(text) or (literal and literal.search(text)) or any(p in text for p in pseudonyms)
    )


def _by_pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(rf"(?i)(?<![\w.+%-]){pattern}(?![\w-])")
    return lambda text: compiled.search(unicodedata.normalize("NFKC", text)) is not None


def _email_pattern(address: str) -> str:
    local, _, domain = address.partition("@")
    dot = r"\s?(?:\.|[\[({]\s?dot\s?[\])}]|\sdot\s)\s?"
    at = r"\s?(?:@|[\[({]\s?at\s?[\])}]|\sat\s)\s?"
    return re.escape(local) + at + dot.join(re.escape(part) for part in domain.split(".")) + r"(?!\.\w)"


def _name_pattern(name: str) -> str:
    words = [re.escape(word.strip(".,")) for word in name.split()]
    middle = r"(?:\s+[^\W\d_]\.?)?[\s,]+"  # one initial may stand between
    return rf"(?:{middle.join(words)}|{words[-1]},\s*{middle.join(words[:-1])})"


def _by_digits(digits: str) -> Callable[[str], bool]:
    """The same number with or without country code, leading zero and separators."""
    wanted = digits.lstrip("0")

    def mentions(text: str) -> bool:
        for match in re.finditer(r"\d(?:[ ()./-]{0,3}\d){6,}", text):
            found = re.sub(r"\D", "", match.group()).lstrip("0")
            short, long = sorted((wanted, found), key=len)
            if len(short) >= 7 and long.endswith(short) and len(long) - len(short) <= 3:
                return True
        return False

    return mentions


_TYPES = {
    "e-mail": ("email",), "number": ("phone", "card", "national_id", "tax_id"), "name": ("person_name",),
    "id": ("iban", "national_id", "tax_id"),
}  # fmt: skip


def _pseudonyms(subject: str, kind: str, key: KeyFile) -> list[str]:
    masker = Masker(bytes.fromhex(key.key), key.table)
    made = [masker.pseudonym(Span(type, 0, 0, subject, "certain")) for type in _TYPES[kind]]
    same = matcher(subject)[1]
    return sorted({*made, *(name for name, original in key.table.items() if same(original))})
