"""What a text states, in forms that can be compared: its words, its context lines, its JSON, its values with units.

"forty-five days", "45-day" and "45 days" are one value; so are "EUR 4.90" and "4,90 €", "two years" and "24 months".
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from labkit.records import Example

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+(?:[.,]\d+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[^\Wa-z_])|\n+")
_FUNCTION_WORDS = """
a about after again all also am an and any are as at be been before being both but by can could did do does doing
don't each for from further had has have having he her here hers him his how i i'd i'm i've if in into is isn't it
it's its itself just let me more most must my no nor not now of off on once only or other our ours out over own per
please shall she should so some such than that that's the their them then there these they this those through to too
under until up upon us very was we were what when where which while who whom whose why will with within would yes you
your yours
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def words(text: str) -> list[str]:
    """Words and numbers in lower case."""
    return _WORD.findall(text.casefold())


def stems(text: str) -> set[str]:
    """What a text is about: its words without function words, cut to five letters so that inflections meet."""
    return {w.removesuffix("s")[:5] for w in words(text) if len(w) > 2 and w not in FUNCTION_WORDS}


def sentences(text: str) -> list[str]:
    """The sentences (or lines) of a text. "4.90" and "e.g. this" do not end one."""
    return [s for s in _SENTENCE_END.split(text.strip()) if s]


def parse_json(text: str) -> Any:
    """The JSON object or list that a text is, or None."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def fields(text: str) -> dict[str, Any] | None:
    """The JSON object that an answer is, or None."""
    value = parse_json(text)
    return value if isinstance(value, dict) else None


def context_lines(row: Example) -> list[str]:
    """The bracketed lines above the question, without their brackets."""
    head = row.asked.removesuffix(row.question)
    return [line.strip()[1:-1] for line in head.splitlines() if line.strip()]


def context_line(row: Example, name: str) -> str | None:
    """What stands in the line ``[name: ...]``, or None."""
    start = f"{name.casefold()}:"
    return next((x[len(start) :].strip() for x in context_lines(row) if x.casefold().startswith(start)), None)


# --- values -----------------------------------------------------------------------------------------------------------

_WORD_LISTS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty fifty sixty seventy eighty ninety
january february march april may june july august september october november december
"""
_ONES, _TENS, _MONTHS = (line.split() for line in _WORD_LISTS.strip().splitlines())
_NUMBERS = {w: i for i, w in enumerate(_ONES)} | {w: 10 * i for i, w in enumerate(_TENS, 2)} | {"a": 1}

# What it measures, how much of it, spellings. Longer spellings come first.
_UNITS: list[tuple[str, float, str]] = [
    ("working days", 1, r"(?:working|business|work)[ -]?days?|weekdays?"),
    ("time", 1 / 60, r"seconds?|secs?"),
    ("time", 1, r"minutes?|mins?"),
    ("time", 60, r"hours?|hrs?|h"),
    ("time", 1440, r"(?:(?:calendar|full|whole|consecutive) )?days?"),
    ("time", 10080, r"weeks?"),
    ("time", 20160, r"fortnights?"),
    ("months", 1, r"(?:(?:calendar|full|whole) )?months?"),
    ("months", 12, r"(?:(?:calendar|full|whole) )?years?"),
    ("EUR", 1, r"euros?|eur|€"),
    ("EUR", 0.01, r"cents?"),
    ("USD", 1, r"(?:us )?dollars?|usd|\$"),
    ("GBP", 1, r"pounds?|gbp|£"),
    ("%", 1, r"%|per ?cent"),
    ("area", 1, r"square met(?:re|er)s?|m²"),
    ("length", 0.001, r"mm|millimet(?:re|er)s?"),
    ("length", 0.01, r"cm|centimet(?:re|er)s?"),
    ("length", 1000, r"km|kilomet(?:re|er)s?"),
    ("length", 1, r"m|met(?:re|er)s?"),
    ("weight", 1000, r"kg|kilos?|kilograms?"),
    ("weight", 1, r"g|grams?"),
    ("volume", 0.001, r"ml|millilit(?:re|er)s?"),
    ("volume", 1, r"l|lit(?:re|er)s?"),
    ("power", 1000, r"kw|kilowatts?"),
    ("power", 1, r"w|watts?"),
    ("voltage", 1, r"v|volts?"),
    ("pressure", 1, r"bars?"),
    ("degrees", 1, r"° ?c?|degrees?(?: celsius)?"),
]
_UNIT = "|".join(f"(?:{spelling})" for _, _, spelling in _UNITS)
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(reversed(_ONES))})"
_SPELT = rf"(?:(?:a|{'|'.join(_ONES[1:10])}) hundred(?: (?:and )?{_BELOW_100})?|{_BELOW_100})"
_DIGITS = r"\d+(?:[.,]\d+)*"
_NUMBER = rf"(?:{_DIGITS}|{_SPELT})"
_MONTH = "|".join(rf"{m[:3]}(?:t?\.|{m[3:]})?" if m != "may" else "(?-i:May)" for m in _MONTHS)
_VALUE = re.compile(
    r"(?<!\w)(?=[\w\u20ac\u00a3$.+-])(?:(?P<skip>(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w.,])(?P<iso>(?:19|20)\d\d-\d\d-\d\d)(?!\w)"
    rf"|(?<![\w.,])(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})(?!\w)(?:,? (?P<year>(?:19|20)\d\d)\b)?"
    rf"|\b(?P<month2>{_MONTH}) (?:the )?(?P<day2>[0-3]?\d)(?:st|nd|rd|th)?(?![\w.]\d|\w)(?:,? (?P<year2>(?:19|20)\d\d)\b)?"
    r"|\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?: ?(?P<half>[ap])\.?m\b)?"
    r"|\b(?P<hour2>1[0-2]|[1-9]) ?(?P<half2>[ap])\.?m\b"
    r"|\b(?P<id>(?-i:[A-Z]{1,6})-?\d[\w-]*|(?-i:[A-Z]{2,6}) \d{3,}\b)"
    rf"|(?P<sign>€|£|\$|\b(?:eur|usd|gbp)\b) ?(?P<sum>{_DIGITS})"
    rf"|(?<![\w.,])(?:(?P<low>(?>{_NUMBER})) ?(?:-|\u2013|to|or|and) ?)?(?P<n>{_NUMBER}(?: and a half)?)"
    rf"[ -]?(?P<unit>{_UNIT})(?!\w)"
    rf"(?: (?:and )?(?P<cents>{_DIGITS}) ?cents?\b)?"
    r"|\ban? (?P<one>hour|day|week|fortnight|month|year)\b"
    rf"|(?<![\w.,])(?P<bare>{_NUMBER})(?!\w)"
    r")",
    re.I,
)


class Value(NamedTuple):
    """A value with its dimension (what it measures), in the dimension's base unit; ``text`` is verbatim.

    ``size`` is that of its unit in base units. A soft value ("a month") may explain another one but accuses nobody.
    """

    dimension: str
    amount: float | str
    size: float
    text: str
    soft: bool = False

    def equals(self, other: Value) -> bool:
        """Do both state the same? A date without a year equals the same day of any year."""
        if self.dimension != other.dimension:
            return False
        if isinstance(self.amount, str) or isinstance(other.amount, str):
            if self.dimension == "date" and "0000" in (str(self.amount)[:4], str(other.amount)[:4]):
                return str(self.amount)[4:] == str(other.amount)[4:]
            return self.amount == other.amount
        return math.isclose(self.amount, other.amount, rel_tol=1e-9)


def number(text: str) -> float:
    """The value of "45", "1,000.50", "4,90", "forty-five", "a hundred and twenty" or "two and a half"."""
    half = text.lower().endswith(" and a half")
    text = text.lower().removesuffix(" and a half")
    if not text[0].isdigit():
        total = 0.0
        for word in re.findall("[a-z]+", text):
            total = total * 100 if word == "hundred" else total + _NUMBERS.get(word, 0)
        return total + half / 2
    last = max(text.rfind("."), text.rfind(","))
    # 1,000 and 1.000.000 group thousands; 4,90 and 4.900 do not.
    if last < 0 or (text[last] == "," and len(text) - last == 4) or text.count(text[last]) > 1:
        return float(re.sub("[.,]", "", text)) + half / 2
    return float(re.sub("[.,]", "", text[:last]) + "." + text[last + 1 :]) + half / 2


@functools.cache
def _measure(spelling: str) -> tuple[str, float]:
    return next((d, size) for d, size, pattern in _UNITS if re.fullmatch(pattern, spelling, re.I))


def _read(m: re.Match[str]) -> Iterable[tuple[str, float | str, float]]:
    if m["iso"]:
        yield "date", m["iso"], 1
    elif m["month"] or m["month2"]:
        month, day = (m["month"] or m["month2"]).lower()[:3], int(m["day"] or m["day2"])
        which = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(month))
        yield "date", f"{m['year'] or m['year2'] or '0000'}-{which:02}-{day:02}", 1
    elif m["hour"] or m["hour2"]:
        hour, half = int(m["hour"] or m["hour2"]), (m["half"] or m["half2"] or "").lower()
        yield "clock", f"{hour % 12 + 12 * (half == 'p') if half else hour:02}:{m['minute'] or '00'}", 1
    elif m["id"]:
        yield "id", re.sub(r"[\W_]", "", m["id"]).upper(), 1
    elif m["sum"]:
        dimension, size = _measure(m["sign"].lower())
        yield dimension, number(m["sum"]) * size, size
    elif m["unit"] or m["one"]:
        dimension, size = _measure((m["unit"] or m["one"]).lower())
        if m["low"]:
            yield dimension, number(m["low"]) * size, size
        yield dimension, (number(m["n"] or "a") + (number(m["cents"]) / 100 if m["cents"] else 0)) * size, size
    elif m["bare"]:
        yield "number", number(m["bare"]), 1


@functools.lru_cache(16384)
def values(text: str) -> tuple[Value, ...]:
    """All values of a text in reading order: quantities, sums, dates, times, ids and bare numbers."""
    return tuple(Value(*part, m[0], bool(m["one"])) for m in _VALUE.finditer(text) for part in _read(m))


def held_by(value: Value, held: Sequence[Value]) -> bool:
    """Do these values hold one, be it without its unit?"""
    if any(value.equals(h) for h in held):
        return True
    if isinstance(value.amount, str):
        return False
    # "24, 48 or 72 hours": the first figure carries no unit, and the answer may leave one out.
    figure = value.amount / value.size
    loose = (h for h in held if "number" in (value.dimension, h.dimension) and not isinstance(h.amount, str))
    return any(math.isclose(figure, h.amount / h.size) for h in loose if not isinstance(h.amount, str))
