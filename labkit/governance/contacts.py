"""What leads to a person: e-mail addresses, phone numbers, network addresses, and dates of birth."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from labkit.governance.spans import Span, cue, of_a_thing, spoken_for

# --- e-mail -----------------------------------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%'’-]+@(?:[\w-]+\.)+[^\W\d_]{2,24}(?![\w@])")
_SPELT = re.compile(
    r"(?i)(?<![\w.+%-])(?:[\w+%-]+\sdot\s)?[\w.+%-]+\s?(?:[\[({]\s?at\s?[\])}]|"
    r"\sat\s)\s?(?:[\w-]+\s?(?:[\[({]\s?(?:dot|punkt)\s?[\])}]|\sdot\s)\s?)+[a-z]{2,24}\b"
    r"|(?<![\w.+%-])[\w.+%-]+\s?[\[({]\s?at\s?[\])}]\s?(?:[\w-]+\.)+[a-z]{2,24}\b"
)
_NOBODY = re.compile(  # reserved for documentation (RFC 2606), and mailboxes that no person stands behind
    r"(?i)(?:@|\bat\b.*?)(?:.*\.)?example(?:\.(?:com|org|net|edu))?$|\.(?:example|test|invalid|localhost|local)$|"
    r"^(?:no-?reply|do-?not-?reply|donotreply|mailer-daemon|postmaster|webmaster|git|your\.?(?:name|email)|user(?:name)?|"
    r"info|support|service|help|contact|sales|orders|office|press|hello|team|care|customer[.-]?(?:care|service))@"
)

_LOGIN = re.compile(r"://[^\s/@]*$")  # user and password of a web address


def find_emails(text: str) -> Iterator[Span]:
    """E-mail addresses; also spelt out, as in "kim (at) linde dot net"."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            value = match.group().lstrip("'’.-")
            if not _NOBODY.search(value) and not _LOGIN.search(text[max(0, match.start() - 60) : match.start()]):
                yield Span("email", match.end() - len(value), match.end(), value, "certain")
    if any(hint in text.lower() for hint in ("dot", "at)", "at]", "punkt")):
        for match in _SPELT.finditer(text):
            if not _NOBODY.search(re.sub(r"\W*\b(?:dot|punkt)\b\W*", ".", match.group())):
                yield Span("email", *match.span(), match.group(), "likely")


# --- phone ------------------------------------------------------------------------------------------------------------

_CALL = cue(
    r"phone\w*|telephone|tel|mobile|mob|cell(?:phone)?|handy\w*|fax|desk|whatsapp|signal|sms|texts?|texted|"
    r"text (?:me|us|him|her)|"
    r"call\w*|ring|rang|reach\w*|dial|registered|answering at|messages (?:to|at|from)|contact\w*|landline|"
    r"my number|(?:her|his|their) number|telefon\w*|rufnummer|mobil|anrufen|erreichbar|téléphone|portable|teléfono|"
    r"móvil|telefono|cellulare"
)
_CALL_AFTER = re.compile(r"(?i)\s?[-,(]?\s?(?:office|mobile|fax|home|work|desk|cell|landline|phone|tel)\b")
_FREE = re.compile(  # nobody has a free line at home: these are companies'
    r"(?:\+|00)800\D|\(?080[08]\)?\D|(?:\+?1[ .-]?)?\(?8(?:00|88|77|66|55|44|33)\)?[ .-]?\d{3}[ .-]\d{4}"
)
_EXTENSION = r"(?:\s?(?:x|ext\.?)\s?\d{1,5})?"
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+|00(?=[1-9]))\s?\d{{1,3}}(?:[ ()./-]{{0,3}}\d){{6,12}}{_EXTENSION}(?!\d)")
_AMERICAN = re.compile(
    rf"(?<![\w.-])(?:1[-. ])?(?:\(\d{{3}}\)\s?|\d{{3}}[-. ])\d{{3}}[-.]\d{{4}}{_EXTENSION}(?![\w-]\w)"
)
_NATIONAL = re.compile(r"(?<![\w.+/-])(?<!\d,)(?:\(0\d{1,5}\)|0\d{1,5})(?:[ ./-]{1,2}\d{2,8}){1,5}(?![\w])")
_ANY = re.compile(rf"(?<![\w.+€$£-])(?<!\d,)\(?\d(?:[ ()./-]{{0,2}}\d){{5,13}}{_EXTENSION}(?!\w|[.,]\d)")
_DATE_LIKE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:\s.*)?|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d{2}|(?:19|"
    r"20)\d{2}\s?[-–/]\s?(?:19|20)\d{2}"
)
# More digits than any national number has, or the groups of a payment card: a card number with a slip of the pen.
_TOO_LONG = re.compile(r"(?<![\w+])(?!00[1-9])\d(?:[ .-]?\d){14,18}(?!\w)|(?<![\w+])(?!00)\d{4}([ -])\d{6}\1\d{4}(?!\w)")
_PHONE_HINT = re.compile(r"\d(?:[ ()./-]{0,3}\d){5}")
_NOT_DIGIT = re.compile(r"\D")


def find_phones(text: str) -> Iterator[Span]:
    """Phone numbers: international form, national form, or any group of 6-14 digits that a word such as "call" introduces."""
    if not _PHONE_HINT.search(text):
        return
    cards = [match.span() for match in _TOO_LONG.finditer(text)]
    yield from (s for s in _numbers(text) if not any(start <= s.start < end for start, end in cards))


def _numbers(text: str) -> Iterator[Span]:
    for match in _INTERNATIONAL.finditer(text):
        plus = match.group()[0] == "+"
        if plus or (len(_NOT_DIGIT.sub("", match.group())) > 9 and not of_a_thing(text, match.start())):
            yield from _phone(text, match, "certain" if plus else "likely")
    for match in _AMERICAN.finditer(text):
        if not of_a_thing(text, match.start()):
            yield from _phone(text, match, "certain" if _called(text, match) else "likely")
    for match in _NATIONAL.finditer(text):
        if 9 <= len(_NOT_DIGIT.sub("", match.group())) <= 13 and not of_a_thing(text, match.start()):
            yield from _phone(text, match, "certain" if _called(text, match) else "likely")
    for match in _ANY.finditer(text):
        if _called(text, match):
            yield from _phone(text, match, "likely")


def _phone(text: str, match: re.Match[str], tier: str) -> Iterator[Span]:
    value = match.group()
    if not _FREE.match(value) and not _DATE_LIKE.fullmatch(value):
        yield Span("phone", match.start(), match.end(), value, tier)  # type: ignore[arg-type]


def _called(text: str, match: re.Match[str]) -> bool:
    return _CALL_AFTER.match(text, match.end()) is not None or spoken_for(text, match.start(), _CALL)


# --- network addresses ------------------------------------------------------------------------------------------------

_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{6,39}(?![\w:.]\w)")
_NETWORK = cue(
    r"ip\w*|ipv[46]|address|server|hosts?|client_ip|log(?:ged)? in|login|network|from|blocked|router|gateway|dns"
)
_VERSION = cue(r"version|ver|v|release|firmware|software|build|update|app|section|chapter|clause|paragraph|rev")


def find_addresses_of_machines(text: str) -> Iterator[Span]:
    """IPv4 and IPv6 addresses that may lead to a person: not local, not reserved for documentation, no version number."""
    for match in _IPV4.finditer(text) if text.count(".") > 2 else ():
        yield from _machine(text, match, small=all(int(part) < 32 for part in match.group().split(".")))
    for match in _IPV6.finditer(text) if text.count(":") > 1 else ():
        yield from _machine(text, match, small=False)


def _machine(text: str, match: re.Match[str], small: bool) -> Iterator[Span]:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return
    named = spoken_for(text, match.start(), _NETWORK)
    version = _VERSION.match(text[max(0, match.start() - 20) : match.start()])
    thing = version or small or of_a_thing(text, match.start())
    if address.is_global and not address.is_multicast and (named or not thing):
        yield Span("ip_address", *match.span(), match.group(), "certain" if named else "likely")


# --- dates of birth ---------------------------------------------------------------------------------------------------

_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|oktober|nov(?:ember)?|dec(?:ember)?|dezember)\.?"
)
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?(?:\d{4}|\d{2})|"
    rf"\d{{1,2}}(?:st|nd|rd|th|\.)?[ -](?:of\s)?{_MONTH},?[ -](?:19|20)\d\d|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|"
    rf"th)?,?\s(?:19|20)\d\d)"
)
_BIRTH = re.compile(
    r"(?i)\b(?:born(?:\s(?:on|in))?|birth\s?dates?|dates? of birth|d\.?o\.?b\.?|birthday|geboren(?:\sam)?|geb\.|geburtsdatum|"
    rf"né(?:e)? le|fecha de nacimiento|nato il|"
    rf"nata il)(?P<between>\W{{0,3}}(?:[^\W\d]+\W{{1,2}}){{0,4}})(?P<date>{_DATE})(?!\d)"
)
_BIRTH_AFTER = re.compile(
    rf"(?i)(?P<date>{_DATE})\W{{1,3}}(?:\(?(?:is|was)\s(?:my|his|her|their|"
    rf"the)\s(?:date of birth|birth\s?date|birthday|dob))"
)
_PARTY = re.compile(r"(?i)\b(?:party|present|gift|deliver\w*|arrive|before|by|until|for|order\w*|cake|in time)\b")

_COMPANY = re.compile(
    r"(?i)\b(?:company|shop|store|brand|firm|business|team|product|idea|website|we|it|"
    r"tallgrove)\W+(?:(?:was|were|is)\W+)?$"
)


def find_birth_dates(text: str) -> Iterator[Span]:
    """Full dates that a word such as "born" or "date of birth" introduces."""
    low = text.lower()
    if not any(word in low for word in ("born", "birth", "dob", "d.o.b", "geb", "né", "nacimiento", "nat")):
        return
    for pattern in (_BIRTH, _BIRTH_AFTER):
        for match in pattern.finditer(text):
            company = _COMPANY.search(text[max(0, match.start() - 30) : match.start()])
            if not company and not _PARTY.search(match.groupdict().get("between") or ""):
                yield Span("birth_date", *match.span("date"), match["date"], "certain")
