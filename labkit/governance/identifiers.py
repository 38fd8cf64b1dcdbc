"""Numbers that name one person or account: cards, IBANs, national and tax ids of several countries.

A table of forms: where a checksum or a strict form decides, no cue is needed; where any number would fit the form, a
word such as "tax id" must stand beside it. Numbers printed in public documentation as samples are nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from labkit.governance import checksums as sums
from labkit.governance.spans import Span, cue, of_a_thing, spoken_for

_CARD = cue(r"cards?|cc|credit|debit|visa|master ?card|amex|maestro|karte\w*|kreditkarte\w*|carte|tarjeta|pan|charged?")
_SSN = cue(r"ssn|social security\w*|soc\.? sec\.?|social")
_UK = cue(r"nino|ni|n\.i\.|national insurance|insurance (?:number|no\.?)")
_TAX = cue(
    r"tax\w*|tin|steuer\w*|idnr\.?|id-nr\.?|itin|ein|utr|nif|nip|fiscal\w*|fiscaal|fiscale|numéro fiscal|spi|tfn|"
    r"partita iva|p\.? ?iva|vat|hmrc"
)
_ID = cue(
    r"(?:id|identity|identification|personal|national|insurance|citizen|resident)(?: (?:card|number|no\.?|nr\.?|code))?|"
    r"ausweis\w*|personalausweis\w*|reisepass\w*|pass(?:port)?(?:nummer)?|perso|dni|nie|nir|sécu\w*|sécurité sociale|"
    r"bsn|burgerservicenummer|sofi|pesel|cpr|personnummer|svnr|sv-nummer|sozialversicherung\w*|versicherung\w*|nhs|"
    r"aadhaar|sin|social insurance|codice fiscale|rijksregister\w*|ahv\w*|henkilötunnus|cpf"
)

SAMPLE = "sample"
_PRINTED = (
    # card numbers that payment providers print for tests
    "4111111111111111 4242424242424242 4012888888881881 4000056655665556 4222222222222 5555555555554444 5105105105105100 "
    "5200828282828210 5454545454545454 2223003122003222 378282246310005 371449635398431 378734493671000 6011111111111117 "
    "6011000990139424 30569309025904 38520000023237 3530111333300000 3566002020360505 4000000000000002 4917610000000000 "
    # IBANs of textbooks and of the registry
    "GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555 DE89370400440532013000 "
    "DE75512108001245126199 FR1420041010050500013M02606 FR7630006000011234567890189 NL91ABNA0417164300 "
    "ES9121000418450200051332 IT60X0542811101000000123456 BE68539007547034 CH9300762011623852957 AT611904300234573201 "
    # ids on specimens and in advertisements
    "078051120 219099999 123456789 123121234 111111111 987654321 QQ123456C AB123456C 12345678Z X1234567L 12345678901 "
    "RSSMRA85T10A562S 86095742719 9434765919"
)
SAMPLES = frozenset(_PRINTED.split())


class Form(NamedTuple):
    """One kind of identifier. ``needs`` says that the cue must be there; else it only makes the finding certain."""

    type: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None
    cue: re.Pattern[str]
    needs: bool = False


def _form(
    type: str, pattern: str, check: Callable[[str], bool] | None, words: re.Pattern[str], needs: bool = False
) -> Form:
    return Form(type, re.compile(rf"(?:{pattern})(?![\w/]|[.,-]\w)"), check, words, needs)


_NUMBERS = (
    _form("card", r"\d{4}([ .-]?)\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5}|\d{14,19}", sums.card, _CARD),
    _form("card", r"\d(?:[ -]?\d){11,18}", sums.luhn, _CARD, True),
    _form("national_id", r"\d{3}-\d{2}-\d{4}", sums.us_ssn, _SSN),
    _form("national_id", r"\d{3} \d{2} \d{4}|\d{9}", sums.us_ssn, _SSN, True),
    _form("tax_id", r"9\d{2}-\d{2}-\d{4}", sums.us_itin, _TAX),
    _form("tax_id", r"\d{2}-\d{7}", None, _TAX, True),
    _form("national_id", r"\d{3}[ -]?\d{3}[ -]?\d{4}", sums.uk_nhs, cue("nhs"), True),
    _form("tax_id", r"\d{5} ?\d{5}", sums.uk_utr, cue("utr|taxpayer reference"), True),
    _form("tax_id", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", sums.de_tax, _TAX, True),
    _form("national_id", r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}", sums.fr_nir, _ID),
    _form("tax_id", r"\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{3}", sums.fr_tax, _TAX, True),
    _form("tax_id", r"\d{11}", sums.luhn, cue(r"partita iva|p\.? ?iva"), True),
    _form("national_id", r"\d{4}[ .]?\d{2}[ .]?\d{3}|\d{3}[ .]?\d{3}[ .]?\d{3}", sums.nl_bsn, _ID, True),
    _form("national_id", r"\d{11}", sums.pl_pesel, _ID, True),
    _form("tax_id", r"\d{3}-?\d{3}-?\d{2}-?\d{2}", sums.pl_nip, _TAX, True),
    _form("tax_id", r"\d{3} ?\d{3} ?\d{3}", sums.pt_nif, _TAX, True),
    _form("tax_id", r"\d{3} ?\d{3} ?\d{3}", sums.au_tax, _TAX, True),
    _form("national_id", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", sums.be_register, _ID),
    _form("national_id", r"\d{4} ?\d{6}", sums.at_insurance, _ID, True),
    _form("national_id", r"756\.?\d{4}\.?\d{4}\.?\d{2}", sums.ch_ahv, _ID),
    _form("national_id", r"(?:19|20)?\d{6}[-+]\d{4}", lambda d: sums.se_personal(d[-10:]), _ID),
    _form("national_id", r"\d{6}-?\d{4}", sums.dk_cpr, _ID, True),
    _form("national_id", r"\d{3}\.\d{3}\.\d{3}-\d{2}", sums.br_cpf, _ID),
    _form("national_id", r"\d{3}[ -]\d{3}[ -]\d{3}", sums.luhn, cue("sin|social insurance"), True),
    _form("national_id", r"\d{4} ?\d{4} ?\d{4}", None, cue("aadhaar|uidai"), True),
)
_MIXED = (
    _form("national_id", r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]", sums.uk_nino, _UK),
    _form("national_id", r"\d{8}[ -]?[A-Z]|[XYZ][ -]?\d{7}[ -]?[A-Z]", sums.es_dni, _ID),
    _form("national_id", r"[12] ?\d{2} ?\d{2} ?2[AB] ?\d{3} ?\d{3} ?\d{2}", sums.fr_nir, _ID),
    _form("national_id", r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]", sums.it_fiscal, _ID),
    _form("national_id", r"[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}\d", sums.de_identity, _ID, True),
    _form("national_id", r"\d{6}[+A-FY-]\d{3}[0-9A-Y]", lambda t: sums.fi_personal(_fi(t)), _ID),
    _form("tax_id", r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", None, cue("pan|tax|permanent account")),
)
_IBAN = re.compile(r"[0-9](?<=(?<![\w-])[A-Za-z]{2}.)\d(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?![\w-])")
# Any value that is introduced as an id, whatever its country; without a checksum it is only likely.
_NAMED = re.compile(
    r"(?i)\b(?P<what>passport|driv\w*['’]?s?[ -]licen[cs]e|identity card|id card|national id(?:entity)?(?: card)?|"
    r"personal (?:identity|identification|id)|residence permit|tax (?:id|identification|file|payer|number)|taxpayer(?: id)?|"
    r"(?<!our )(?:vat|ust)[ -]?(?:id|reg\w*)?|steuernummer|steuer-id|personalausweis\w*|reisepass\w*|"
    r"führerschein\w*|social (?:security|insurance))"
    r"(?:[ -]?(?:number|code|no\.?|nr\.?|nummer|id|#))*(?:\s*(?:is|was|lautet|ist)\b)?\s*[:=#]?\s*"
    r"(?P<value>(?=(?:[\w ./-]{0,5}\d){3})(?-i:[A-Z0-9]{1,16}(?:[ ./-]?[A-Z0-9]{1,14}){0,4}))(?!\w)"
)
_PLAIN = re.compile(r"[^0-9A-Za-z]")
# Where an identifier may begin: forms are tried at these few places only. The first character comes first in these
# patterns, and what may stand before it second, because Python finds a character quickly and a look-behind slowly.
_NUMBER_STARTS = re.compile(r"[0-9](?<![\w./+-].)(?=(?:[ .-]{0,2}\d){7})")
_MIXED_STARTS = re.compile(r"[A-Z0-9](?<![\w./+-].)(?=(?:[A-Z]{0,5} ?-?\d\d|\d{5})[ A-Z0-9+-]{2})")
_NAMED_HINTS = (
    "passport",
    "licen",
    "identity",
    "id ",
    "identification",
    "permit",
    "tax",
    "vat",
    "ust",
    "steuer",
    "ausweis",
    "pass",
    "führer",
    "social",
)


def _fi(text: str) -> str:
    return text if len(text) == 11 else f"{text[:6]}-{text[6:]}"  # the sign may have been stripped as a separator


def find_identifiers(text: str) -> Iterator[Span]:
    """Cards, IBANs, national and tax ids; spans may overlap. A printed sample comes as type :data:`SAMPLE`."""
    for starts, forms in ((_NUMBER_STARTS, _NUMBERS), (_MIXED_STARTS, _MIXED)):
        for place in starts.finditer(text):
            for form in forms:
                if (match := form.pattern.match(text, place.start())) and (span := _judged(form, text, match)):
                    yield span
    for match in _IBAN.finditer(text):
        if found := _iban(match):
            yield found
    low = text.lower()
    for match in _NAMED.finditer(text) if any(hint in low for hint in _NAMED_HINTS) else ():
        start = match.start("value")
        type = "tax_id" if match["what"].lower().startswith(("tax", "steuer", "vat", "ust")) else "national_id"
        value = match["value"].rstrip(" ./-")
        if len(_PLAIN.sub("", value)) > 5:
            yield _unless_sample(Span(type, start, start + len(value), value, "likely"))


def _judged(form: Form, text: str, match: re.Match[str]) -> Span | None:
    value = match.group()
    plain = _PLAIN.sub("", value).upper()
    if form.check is not None and not form.check(plain):
        return None
    named = spoken_for(text, match.start(), form.cue, match.end())
    if not named and (form.needs or of_a_thing(text, match.start())):
        return None
    sure = named or (form.type == "card" and value != plain)  # four groups of four digits that pass Luhn
    return _unless_sample(Span(form.type, match.start(), match.end(), value, "certain" if sure else "likely"))


def _unless_sample(span: Span) -> Span:
    """A sample keeps its place, so that no part of it is taken for something else."""
    known = _PLAIN.sub("", span.text).upper() in SAMPLES
    return span._replace(type=SAMPLE, tier="certain") if known else span


def _iban(match: re.Match[str]) -> Span | None:
    """The longest beginning that adds up: the word behind an IBAN may look like one more group of it."""
    first = match.start() - 2  # the pattern begins behind the country
    value = match.string[first : match.end()]
    for end in range(len(value), 14, -1):
        plain = _PLAIN.sub("", value[:end])
        if value[end - 1].isalnum() and (end == len(value) or not value[end].isalnum()) and sums.iban(plain):
            return _unless_sample(Span("iban", first, first + end, value[:end], "certain"))
    return None
