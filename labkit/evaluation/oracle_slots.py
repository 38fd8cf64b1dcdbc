"""Typed slots: the facts in a text that can be compared whatever the wording around them.

"forty-five days", "45-day" and "45 days" are one slot; so are "EUR 4.90" and "4.90 euros", "May 14th" and "14 May".
Each slot is claimed by the first pattern that fits, so that the digits of "TG-48213" are never read as a number.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Slot(NamedTuple):
    """One fact in a text.

    ``kind`` and ``unit`` say what it may be confused with ("45 days" with other days); ``dimension`` and ``value`` say
    what it equals ("24 months" equals "2 years"). A soft slot ("a year") may fulfil an expectation but accuses nobody.
    """

    kind: str
    unit: str
    dimension: str
    value: float | str
    text: str
    start: int
    end: int
    soft: bool = False

    @property
    def family(self) -> tuple[str, str]:
        """What a slot can be taken for: days for other days, one date for another, a sum for another sum."""
        return self.kind, self.unit if self.kind == "quantity" else self.dimension

    def equals(self, other: Slot) -> bool:
        """Do both say the same? A date without a year equals the same day of any year."""
        if self.dimension != other.dimension:
            return False
        if isinstance(self.value, str) or isinstance(other.value, str):
            if self.kind == "date" and not (self.unit and other.unit):
                return str(self.value)[-5:] == str(other.value)[-5:]
            return self.value == other.value
        return math.isclose(self.value, other.value, rel_tol=1e-9)


_WORD_LISTS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty fifty sixty seventy eighty ninety
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth
january february march april may june july august september october november december
"""
_ONES, _TENS, _FIRST, _MONTHS = (line.split() for line in _WORD_LISTS.strip().splitlines())
_VALUES = {word: i for i, word in enumerate(_ONES)} | {word: 10 * i for i, word in enumerate(_TENS, 2)}
_ORDINALS = {word: i for i, word in enumerate([*_FIRST, *(w + "th" for w in _ONES[13:]), "twentieth"], 1)}
_ORDINALS |= {f"twenty-{word}": 20 + i for word, i in list(_ORDINALS.items())[:9]}
_ORDINALS |= {"thirtieth": 30, "thirty-first": 31}

# unit -> (what it measures, how much of it, spellings)
_UNITS: dict[str, tuple[str, float, str]] = {
    "working day": ("working days", 1, r"(?:working|business|work)[ -]?days?|week-?days?"),
    "second": ("time", 1 / 60, "seconds?|secs?"),
    "minute": ("time", 1, "minutes?|mins?"),
    "hour": ("time", 60, "hours?|hrs?|h"),
    "day": ("time", 1440, r"(?:(?:calendar|full|whole|consecutive) )?days?"),
    "night": ("nights", 1, "nights?"),
    "week": ("time", 10080, "weeks?"),
    "fortnight": ("time", 20160, "fortnights?"),
    "month": ("months", 1, r"(?:(?:calendar|full|whole) )?months?"),
    "year": ("months", 12, r"(?:(?:calendar|full|whole) )?years?"),
    "EUR": ("EUR", 1, "euros?|eur|€"),
    "cent": ("EUR", 0.01, "(?:euro )?cents?"),
    "USD": ("USD", 1, r"(?:us )?dollars?|usd|\$"),
    "GBP": ("GBP", 1, "pounds?(?: sterling)?|gbp|£"),
    "%": ("%", 1, "%|per[ -]?cent"),
    "mm": ("length", 0.001, "mm|millimet(?:re|er)s?"),
    "cm": ("length", 0.01, "cm|centimet(?:re|er)s?"),
    "m": ("length", 1, "m|met(?:re|er)s?"),
    "km": ("length", 1000, "km|kilomet(?:re|er)s?"),
    "g": ("weight", 0.001, "g|grams?"),
    "kg": ("weight", 1, "kg|kilos?|kilograms?"),
    "ml": ("volume", 0.001, "ml|millilit(?:re|er)s?"),
    "l": ("volume", 1, "l|lit(?:re|er)s?"),
    "W": ("power", 1, "w|watts?"),
    "V": ("voltage", 1, "v|volts?"),
    "degree": ("degrees", 1, "°c?|degrees?"),
}
_KINDS = {"EUR": "money", "USD": "money", "GBP": "money", "%": "percent"}
_UNIT = "|".join(f"(?:{spelling})" for _, _, spelling in _UNITS.values())

_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(reversed(_ONES))})"
_WORDS = rf"(?:(?:a|{'|'.join(_ONES[1:10])}) hundred(?: (?:and )?{_BELOW_100})?|{_BELOW_100})"
_DIGITS = r"\d+(?:[.,]\d+)*"
_NUMBER = rf"(?:{_DIGITS}|{_WORDS})(?: and a half)?"
_MONTH = (
    "|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS if m not in ("may", "september")) + "|sept?(?:ember)?|(?-i:May)"
)
_DAY = rf"(?:[0-3]?\d(?:st|nd|rd|th)?|(?:{'|'.join(sorted(_ORDINALS, key=len, reverse=True))}))"
_YEAR = r"(?:,? (?P<year>(?:19|20)\d\d))?"
_TAIL = r"(?![\w])"
_HEAD = r"(?<![\w.,])"


def plain(text: str) -> str:
    """Compatibility characters, quotes and dashes made plain; line breaks and mark-up stay."""
    text = unicodedata.normalize("NFKC", text)
    return text.translate(str.maketrans("\u2018\u2019\u201c\u201d\u2010\u2013\u2014\u2212", "''\"\"----")).strip()


def clean(text: str) -> str:
    """Plain text in one line, without the emphasis marks that would tear "**45** days" apart."""
    return " ".join(re.sub(r"\*+|__|`", "", plain(text)).split())


def number(text: str) -> float:
    """The value of "45", "1,000.50", "4,90", "forty-five", "a hundred and twenty" or "two and a half"."""
    half = text.lower().endswith(" and a half")
    text = text.lower().removesuffix(" and a half")
    if text[0].isdigit():
        return _digits(text) + half / 2
    total = 0
    for word in re.findall(r"[a-z]+", text):
        total = total * 100 if word == "hundred" else total + (1 if word == "a" else _VALUES.get(word, 0))
    return total + half / 2


def _digits(text: str) -> float:
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return float(text)
    grouped = (text[last] == "," and len(text) - last == 4) or text.count(text[last]) > 1  # 1,000 and 1.000.000
    if grouped:
        return float(re.sub("[.,]", "", text))
    return float(re.sub("[.,]", "", text[:last]) + "." + text[last + 1 :])


def _measure(amount: float, spelling: str) -> tuple[str, str, str, float]:
    for unit, (dimension, size, pattern) in _UNITS.items():
        if re.fullmatch(pattern, spelling, re.I):
            return _KINDS.get(dimension, "quantity"), unit, dimension, amount * size
    raise AssertionError(spelling)


Match = re.Match[str]
_Parts = Iterator[tuple[str, str, str, float | str]]


def _quantity(m: Match) -> _Parts:
    kind, unit, dimension, value = _measure(number(m["n"]), m["unit"])
    if m["cents"]:
        value = float(value) + number(m["cents"]) / 100
    yield from (_measure(number(m[part]), m["unit"]) for part in ("from", "again") if m[part])
    yield kind, unit, dimension, value


def _date(m: Match) -> _Parts:
    day = m["day"].lower()
    of_month = _ORDINALS.get(day) or int(re.sub(r"\D", "", day) or 0)
    month = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(m["month"].lower()[:3]))
    year = m["year"] or ""
    yield "date", year, "date", f"{year or '0000'}-{month:02}-{of_month:02}"


def _time(m: Match) -> _Parts:
    hour = int(m["hour"]) % 12 + 12 * (m["half"].lower() == "p") if m["half"] else int(m["hour"])
    yield "time", "", "clock", f"{hour:02}:{m['minute'] or '00'}"


def _same(kind: str, normal: Callable[[str], str]) -> Callable[[Match], _Parts]:
    def build(m: Match) -> _Parts:
        yield kind, "", kind, normal(m[0])

    return build


_PATTERNS: list[tuple[re.Pattern[str], Callable[[Match], _Parts], bool]] = [
    (re.compile(pattern, re.I), build, soft)
    for pattern, build, soft in [
        (
            r"(?:https?://|www\.)[^\s<>\"')]*[\w/]",
            _same("url", lambda t: re.sub(r"^https?://|/$", "", t.lower())),
            False,
        ),
        (r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+", _same("e-mail", str.lower), False),
        (rf"{_HEAD}(?:19|20)\d\d-\d\d-\d\d{_TAIL}", lambda m: iter([("date", m[0][:4], "date", m[0])]), False),
        (rf"\b(?P<day>{_DAY})(?: day)?(?: of)? (?P<month>{_MONTH})\b{_YEAR}{_TAIL}", _date, False),
        (rf"\b(?P<month>{_MONTH})\.? (?:the )?(?P<day>{_DAY}){_YEAR}{_TAIL}", _date, False),
        (r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?: ?(?P<half>[ap])\.?m\b)?", _time, False),
        (r"\b(?P<hour>1[0-2]|[1-9])(?P<minute>) ?(?P<half>[ap])\.?m\b", _time, False),
        (r"\b[a-z]{1,6}-\d{3,}(?:-\w+)*\b", _same("id", lambda t: re.sub(r"\W", "", t).upper()), False),
        (rf"(?P<from>)(?P<again>)(?P<cents>)(?P<unit>€|£|\$|\b(?:eur|usd|gbp)\b) ?(?P<n>{_DIGITS})", _quantity, False),
        (
            rf"{_HEAD}(?:(?P<from>(?>{_NUMBER})) ?(?:-|to|or|and) ?)?(?P<n>{_NUMBER})(?: \((?P<again>{_NUMBER})\))?"
            rf"[ -]?(?P<unit>{_UNIT}){_TAIL}"
            rf"(?:(?<=[sro€]) (?:and )?(?P<cents>{_NUMBER}) ?cents?\b)?",
            _quantity,
            False,
        ),
        (r"(?-i:\b[A-Z]{2,6}) ?\d{4,}\b", _same("id", lambda t: re.sub(r"\W", "", t).upper()), False),
        (
            r"\bhalf (?:an?|of an?) (?P<unit>hour|year|day|month|week)\b",
            lambda m: iter([_measure(0.5, m["unit"])]),
            True,
        ),
        (
            rf"\b(?P<unit>day|week|month|year) (?:number )?(?P<n>{_NUMBER}){_TAIL}",
            lambda m: iter([_measure(number(m["n"]), m["unit"])]),
            False,
        ),
        (rf"\b(?:an?|single)[ -](?P<unit>{_UNIT}){_TAIL}", lambda m: iter([_measure(1, m["unit"])]), True),
        (r"\+?\d[\d ()/-]{6,}\d", _same("phone", lambda t: re.sub(r"[^\d+]", "", t)), False),
        (rf"{_HEAD}-?{_DIGITS}(?!\w)", lambda m: iter([("number", "", "number", _digits(m[0].lstrip("-")))]), False),
    ]
]


@functools.lru_cache(4096)
def find(text: str) -> tuple[Slot, ...]:
    """All slots of a text, in reading order. Give it cleaned text: positions are positions in what is given."""
    found: list[Slot] = []
    rest = text
    for pattern, build, soft in _PATTERNS:
        for match in list(pattern.finditer(rest)):
            found += [Slot(*parts, match[0], match.start(), match.end(), soft) for parts in build(match)]
            rest = rest[: match.start()] + "\0" * (match.end() - match.start()) + rest[match.end() :]
    return tuple(sorted(found, key=lambda slot: slot.start))
