"""Checksums of identifiers. Each function takes the characters without separators and says whether they add up.

The rules are public: ISO/IEC 7812 (card numbers), ISO 13616 (IBAN), ISO/IEC 7064 (several ids), and the national
definitions named beside each function. A checksum shows that a number was made with care, not that it is in use.
"""

from __future__ import annotations

import datetime
from itertools import cycle

# Length of an IBAN by country (the IBAN registry).
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # twice the digit, digits of the result added
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
# Codice fiscale: the value of each character in an odd place (1st, 3rd ...); digits count as the letters A-J.
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def luhn(digits: str) -> bool:
    """The mod-10 check of card numbers and several ids (ISO/IEC 7812-1, annex B)."""
    plain = sum(int(d) for d in digits[-1::-2])
    return (plain + sum(_DOUBLED[int(d)] for d in digits[-2::-2])) % 10 == 0


def card(digits: str) -> bool:
    """Luhn, and a length that the brand of the first digits has."""
    return len(digits) in _card_lengths(digits) and luhn(digits)


def _card_lengths(digits: str) -> tuple[int, ...]:
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return 13, 16, 19
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return (16,)
    if two in (34, 37) or four in (2131, 1800):  # the latter two are JCB's old numbers
        return (15,)
    if 300 <= four // 10 <= 305 or two in (36, 38, 39):
        return (14, 16)
    if 3528 <= four <= 3589:
        return (16,)
    if digits[0] == "6" or two in (50, 56, 57, 58):
        return tuple(range(12, 20))
    return ()


def iban(text: str) -> bool:
    """Country and length, then the number modulo 97 (ISO 13616). Case does not matter."""
    text = text.upper()
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def us_ssn(digits: str) -> bool:
    """United States social security number: 9 digits; areas 000, 666 and 900-999 are never given out."""
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def us_itin(digits: str) -> bool:
    """United States taxpayer number: 9xx, and a middle of 50-65, 70-88, 90-92 or 94-99."""
    middle = int(digits[3:5])
    return digits[0] == "9" and (50 <= middle <= 65 or 70 <= middle <= 88 or (90 <= middle <= 99 and middle != 93))


def uk_nino(text: str) -> bool:
    """United Kingdom national insurance number: letters and prefixes that are never given out."""
    text = text.upper()
    wrong = set("DFIQUV")
    return (
        text[0] not in wrong
        and text[1] not in wrong | {"O"}
        and text[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")
    )


def uk_nhs(digits: str) -> bool:
    """United Kingdom NHS number: 10 digits, weights 10-2, modulo 11."""
    check = 11 - _weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return check % 11 == int(digits[9]) and check != 10


def de_tax(digits: str) -> bool:
    """German Steuer-ID: 11 digits, no leading 0, one digit twice or thrice in the first ten, ISO 7064 mod 11, 10."""
    counts = sorted(digits[:10].count(d) for d in set(digits[:10]))
    return digits[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and _mod_11_10(digits)


def _mod_11_10(digits: str) -> bool:
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def de_identity(text: str) -> bool:
    """German identity card or passport number: 9 characters and a check digit, weights 7-3-1 (ICAO 9303)."""
    return sum(int(c, 36) * w for c, w in zip(text[:9], cycle((7, 3, 1)), strict=False)) % 10 == int(text[9])


def es_dni(text: str) -> bool:
    """Spanish DNI or NIE: the letter follows from the number modulo 23."""
    number = text[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return number.isdecimal() and _DNI[int(number) % 23] == text[-1].upper()


def fr_nir(text: str) -> bool:
    """French social security number: 13 characters and a key, modulo 97 (Corsica: 2A is 19, 2B is 18)."""
    number = text[:13].upper().replace("2A", "19").replace("2B", "18")
    return number.isdecimal() and number[0] in "12" and 97 - int(number) % 97 == int(text[13:])


def fr_tax(digits: str) -> bool:
    """French numéro fiscal: 13 digits that begin with 0-3; the last three are the first ten modulo 511."""
    return digits[0] in "0123" and int(digits[:10]) % 511 == int(digits[10:])


def it_fiscal(text: str) -> bool:
    """Italian codice fiscale: 15 characters and a letter."""
    values = [int(c) if c.isdigit() else ord(c) - 65 for c in text.upper()[:15]]
    total = sum(_ODD[v] if place % 2 == 0 else v for place, v in enumerate(values))
    return total % 26 == ord(text[15].upper()) - 65


def nl_bsn(digits: str) -> bool:
    """Dutch BSN: 9 digits, the eleven test."""
    return int(digits) > 0 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pl_pesel(digits: str) -> bool:
    """Polish PESEL: 11 digits that begin with a date of birth, weights 1-3-7-9."""
    century = {8: 1800, 0: 1900, 2: 2000, 4: 2100, 6: 2200}[int(digits[2]) // 2 * 2]
    born = _is_date(century + int(digits[:2]), int(digits[2:4]) % 20, int(digits[4:6]))
    return born and _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def pl_nip(digits: str) -> bool:
    """Polish NIP: 10 digits, modulo 11."""
    return _weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(digits[9])


def pt_nif(digits: str) -> bool:
    """Portuguese NIF: 9 digits, modulo 11; persons begin with 1, 2, 3 or 45."""
    check = 11 - _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return digits.startswith(("1", "2", "3", "45")) and (0 if check > 9 else check) == int(digits[8])


def be_register(digits: str) -> bool:
    """Belgian register number: 11 digits, modulo 97; a 2 stands before it for those born from 2000 on."""
    return any(97 - int(before + digits[:9]) % 97 == int(digits[9:]) for before in ("", "2"))


def at_insurance(digits: str) -> bool:
    """Austrian insurance number: 10 digits, the fourth is the check digit."""
    return _weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(digits[3]) and digits[0] != "0"


def ch_ahv(digits: str) -> bool:
    """Swiss AHV number: 13 digits that begin with 756, check digit as in EAN-13."""
    return digits.startswith("756") and _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def se_personal(digits: str) -> bool:
    """Swedish personal number: 10 digits that begin with a date of birth, Luhn."""
    return _is_date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]) % 60) and luhn(digits)


def fi_personal(text: str) -> bool:
    """Finnish personal code: date, sign of the century, number, and one of 31 characters."""
    return (
        _is_date(2000, int(text[2:4]), int(text[:2])) and _FINNISH[int(text[:6] + text[7:10]) % 31] == text[10].upper()
    )


def dk_cpr(digits: str) -> bool:
    """Danish CPR number: 10 digits that begin with a date of birth (newer ones have no check digit)."""
    return _is_date(2000, int(digits[2:4]), int(digits[:2]))


def br_cpf(digits: str) -> bool:
    """Brazilian CPF: 11 digits, the last two are check digits modulo 11."""
    if len(set(digits)) == 1:
        return False
    first = _weighted(digits, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(digits, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}"


def au_tax(digits: str) -> bool:
    """Australian TFN: 9 digits, modulo 11."""
    return _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def uk_utr(digits: str) -> bool:
    """United Kingdom UTR: 10 digits, the first is the check digit, modulo 11."""
    return "21987654321"[_weighted(digits[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == digits[0]


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
