"""Personal data: checksums, forms, cues, look-alikes, masking."""

from __future__ import annotations

import json
import string
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import LabError
from labkit.checks import Context
from labkit.governance import checksums as sums
from labkit.governance.mask import KeyFile, Masker, find_all, open_key, save_key, unmask
from labkit.governance.pii import STRUCTURED, find_pii, pii
from labkit.governance.spans import Span
from labkit.records import Example

digits = st.text("0123456789", min_size=11, max_size=17)


def row(asked: str, response: str = "Done.", **more) -> Example:
    return Example(id="r-1", prompt=[{"role": "user", "content": asked}], response=response, **more)


def finish(body: str, check, alphabet: str = string.digits) -> str:
    """The body with the check character that makes it valid."""
    return next(body + c for c in alphabet if check(body + c))


def iban_of(country: str, account: str) -> str:
    return next(f"{country}{k:02d}{account}" for k in range(2, 99) if sums.iban(f"{country}{k:02d}{account}"))


def fours(text: str) -> str:
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


CARD = finish("453201511283036", sums.card)
IBAN = iban_of("DE", "500105175407324931")


# --- checksums --------------------------------------------------------------------------------------------------------


@given(digits, st.data())
def test_luhn_notices_a_changed_digit(body, data):
    number = finish(body, sums.luhn)
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([d for d in string.digits if d != number[place]]))
    assert not sums.luhn(number[:place] + other + number[place + 1 :])


@given(st.text("0123456789", min_size=18, max_size=18), st.data())
def test_iban_notices_a_changed_and_a_swapped_digit(account, data):
    number = iban_of("DE", account)
    assert sums.iban(number.lower())
    place = data.draw(st.integers(4, 20))
    if number[place] != number[place + 1]:
        assert not sums.iban(number[:place] + number[place + 1] + number[place] + number[place + 2 :])
    other = data.draw(st.sampled_from([d for d in string.digits if d != number[place]]))
    assert not sums.iban(number[:place] + other + number[place + 1 :])
    assert not sums.iban(number[:-1])


# Known numbers of official descriptions (samples that belong to nobody), and one near each that is wrong.
KNOWN = [
    (sums.uk_nhs, "9434765919", "9434765918"), (sums.de_tax, "86095742719", "86095742718"),
    (sums.de_identity, "T220001293", "T220001294"), (sums.es_dni, "12345678Z", "12345678A"),
    (sums.es_dni, "X1234567L", "Y1234567L"), (sums.fr_nir, "255081416802538", "255081416802539"),
    (sums.it_fiscal, "RSSMRA85T10A562S", "RSSMRA85T10A562T"), (sums.nl_bsn, "111222333", "111222334"),
    (sums.pl_pesel, "44051401359", "44051401358"), (sums.pl_pesel, "44051401359", "44951401359"),
    (sums.pl_nip, "1234563218", "1234563217"), (sums.pt_nif, "123456789", "123456780"),
    (sums.be_register, "85073003328", "85073003329"), (sums.at_insurance, "1237010180", "1238010180"),
    (sums.ch_ahv, "7569217076985", "7569217076984"), (sums.se_personal, "8112289874", "8112289873"),
    (sums.fi_personal, "131052-308T", "131052-308U"), (sums.br_cpf, "52998224725", "52998224726"),
    (sums.au_tax, "123456782", "123456783"), (sums.us_ssn, "536228143", "666228143"),
    (sums.uk_nino, "AB123456C", "QQ123456C"), (sums.us_itin, "912703456", "912933456"),
    (sums.dk_cpr, "0707614285", "3113994285"), (sums.uk_utr, "1955839661", "2955839661"),
    (sums.card, "378282246310005", "378282246310006"), (sums.card, "6011111111111117", "9011111111111117"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "right", "wrong"), KNOWN, ids=lambda v: getattr(v, "__name__", v))
def test_checksums_know_right_from_wrong(check, right, wrong):
    assert check(right)
    assert not check(wrong)


# --- what is found ----------------------------------------------------------------------------------------------------

FOUND = {
    "card": [f"Please charge {fours(CARD)} exp 12/27", f"my card is {CARD}.", f"Karte {fours(CARD).replace(' ', '-')}"],
    "iban": [f"refund to {fours(IBAN)}, thanks", IBAN.lower(), f"IBAN:{IBAN}."],
    "email": [
        "mail jo.harrow@postfach-linde.net", "Jo_H+shop@mail.lumen.co", "jo[at]postfach-linde.net",
        "jo DOT harrow AT postfach-linde DOT net", "<kim@post-brook.org>", "schön.öl@münster-post.de",
    ],
    "phone": [
        "Call me on 07700 900461", "tel. +49 30 23125 017", "my number is 555-0142", "reach me at (212) 555-0187",
        "0171 3920017 is my mobile", "WhatsApp: 0151-23456789", "call 030/23125 044", "cell 415.555.0133",
        "Phone: 0044 7700 900123", "Fax 24 68 10 12", "a+46 (0)8 928 571 38 fax",
    ],
    "national_id": [
        "my SSN is 536-22-8143", "ssn 536228143", "NI number AB 12 34 56 D", "passport number K2847193",
        "passport no. C4VF5XN21", "driver's licence no MORGA657054SM9IJ", "Personalausweis L01X00T47", "BSN 123456782",
        "personnummer 811228-9874", "henkilötunnus 131052-308T", "CPF 529.982.247-25", "AHV 756.9217.0769.85",
        "DNI " + finish("45678912", sums.es_dni, string.ascii_uppercase), "Codice fiscale "
        + finish("VRDLCU80A41H501", sums.it_fiscal, string.ascii_uppercase),
    ],
    "tax_id": ["my tax id is 47036892816", "Steuernummer 21/815/08150", "TIN 912-73-4567", "my VAT number is DE123456788"],
    "ip_address": ["logged in from 81.92.203.17", "IP 2001:470:1f0b:2a::19", "my ip: 93.184.216.34.", "lift 2a0f:5c40:19b2::7e1"],
    "birth_date": [
        "born 14 March 1987", "date of birth: 03.11.1974", "DOB 1990-02-17", "born on March 14th, 1987", "geb. 12.03.1969",
        "birthdate (12/08/1992)", "date of birth is the 3rd of July 1966", "DOB: 14-Mar-1987",
    ],
    "person_name": [
        "My name is Mirel Ashdown", "Best regards,\nTovin Harrow", "Dear Ms Lumen,", "I'm Mirel Ashdown and I wait",
        "This is Tovin Harrow speaking", "Name: Tovin Harrow", "Customer Mirel Ashdown wants", "ordered by Tovin Harrow",
        "the account of Mirel de la Ashdown",
    ],
    "address": [
        "I live at 14 Alder Lane, Brookfield", "Lindenweg 12, 40213 Neustadt", "12 rue des Lilas, 69003 Lyon",
        "postcode LS1 4AP", "P.O. Box 442", "ship to Kirchgasse 5a",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("type", "text"), [(type, text) for type, texts in FOUND.items() for text in texts])
def test_personal_data_is_found(type, text):
    spans = [span for span in find_pii(text) if span.type == type]
    assert spans
    assert all(text[span.start : span.end] == span.text for span in spans)
    assert all((span.tier == "review") is (type not in STRUCTURED) for span in spans)


ALIKE = [
    f"order {CARD} has shipped", f"TG-{CARD}", f"voucher code {CARD}", "card 4111 1111 1111 1111",
    "IBAN DE89 3704 0044 0532 0130 00",
    "SSN 078-05-1120", "EAN 4006381333931", "parcel number 00340434161094042557", "order no. 555-0142-77",
    "invoice 2026-10-02-0071",
    "order TG-71563 from 2026-10-02", "09:00-17:00", "size 120 x 60 x 40, weight 12 500 g", "firmware 10.4.2.1",
    "127.0.0.1, 192.168.1.20, 203.0.113.7 and 2001:db8::1", "at 12:30:45", "model TP-4471-2290", "Call us on 0800 123 4567",
    "delivered on 14 March 2026", "my birthday party is on 5 May 2026", "the company was born on 3 May 2019",
    "sales@tallgrove.example and a@example.com", "noreply@linde.net", "https://feed:Oak-9931@export.linde.net/x",
    "Mr Muscle cleaner", "The Dr. Pepper fridge", "Dear Customer,", "Best regards,\nTallgrove customer care", "Hello Team,",
    "serial 4556 7375 8689 9855", "call 112 in an emergency", "between 2019-2023", "use code 070-2211-99 at checkout",
    "gift card 6034 9320 1145 8872", "ISBN 978-3-16-148410-0", "I'm Sorry to ask", "reference 536-22-8143",
    "Wedding ring 30 euros",
    "[EMAIL] or [PHONE-3f2a9c8d]",
]  # fmt: skip


@pytest.mark.parametrize("text", ALIKE)
def test_what_only_looks_like_it_is_let_through(text):
    assert find_pii(text) == []


@given(st.text(max_size=300))
def test_any_text_can_be_searched_and_spans_do_not_overlap(text):
    spans = find_pii(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@pytest.mark.parametrize(
    "text", ["name: " + ";" * 20_000, "regards" + "\n" * 20_000, "a@" * 10_000, "1 " * 10_000, "Mr " + "Abc de " * 3000]
)
def test_hostile_text_is_searched_in_no_time(text):
    start = time.process_time()
    find_all(text)
    assert time.process_time() - start < 3  # a pattern that backtracks takes a minute


def test_the_row_check_tells_where_and_proposes_a_mask():
    found = list(
        pii(
            row("Mail kim@linde.net", "I wrote to kim@linde.net, Ms Harrow.", slices={"customer": "lee@linde.net"}),
            Context(),
        )
    )
    told = {(hit.where, hit.tier, hit.evidence): dict(hit.repair) for hit in found}
    assert told == {
        ("prompt", "certain", "kim@linde.net"): {"prompt": "Mail [EMAIL]"},
        ("response", "certain", "kim@linde.net"): {"response": "I wrote to [EMAIL], Ms Harrow."},
        ("response", "review", "Harrow"): {"response": "I wrote to kim@linde.net, Ms [PERSON_NAME]."},
        ("slices", "certain", "lee@linde.net"): {},
    }


def test_an_earlier_turn_can_only_be_dropped():
    turns = [
        {"role": "user", "content": "I am at kim@linde.net"},
        {"role": "assistant", "content": "Hm"},
        {"role": "user", "content": "So?"},
    ]
    (hit,) = pii(Example(id="r", prompt=turns, response="Yes"), Context())
    assert (hit.repair, hit.message) == ({}, "an earlier turn holds an e-mail address")


# --- masking ----------------------------------------------------------------------------------------------------------

SAID = f"Write to kim@linde.net or KIM@linde.net. Card {fours(CARD)}. My name is Kim Linde, password: Tulip-99x."


def test_pseudonyms_are_consistent_and_only_the_key_undoes_them():
    masker = Masker(b"k" * 32)
    text = masker.mask(SAID)
    first, second = text.split()[2], text.split()[4].rstrip(".")
    assert first == second != Masker(b"l" * 32).mask(SAID).split()[2]
    assert find_all(text) == [] == find_all(Masker().mask(SAID))
    assert unmask(text, masker.table) == SAID.replace("KIM@", "kim@")
    assert unmask(text, {}) == text


@given(st.text(max_size=120))
def test_a_masked_text_comes_back(text):
    masker = Masker(b"k" * 32)
    assert unmask(masker.mask(f"{text} kim@linde.net"), masker.table) == f"{text} kim@linde.net"


def test_two_values_never_share_a_pseudonym():
    masker = Masker(b"k" * 32)
    name = masker.mask("a@linde.net")
    taken = Masker(b"k" * 32, {name: "other@linde.net"})
    assert taken.mask("a@linde.net") != name
    assert unmask(taken.mask("a@linde.net"), taken.table) == "a@linde.net"


def test_the_key_stays_away_from_the_data(tmp_path):
    data = tmp_path / "data" / "rows.jsonl"
    data.parent.mkdir()
    data.write_text("{}")
    home = tmp_path / "home"
    (home / "deep").mkdir(parents=True)
    for place in (data.parent / "key.json", home / "key.json", home / "deep" / "key.json"):
        with pytest.raises(LabError, match="lies with the data"):
            open_key(place, [data, home])
    path = tmp_path / "keys" / "key.json"
    key = open_key(path, [data, home])
    save_key(path, KeyFile(key=key.key, table={"[EMAIL-00000000]": "kim@linde.net"}))
    assert path.stat().st_mode & 0o077 == 0
    assert open_key(path, [data, home]).table == {"[EMAIL-00000000]": "kim@linde.net"}
    path.write_text(json.dumps({"key": "zz"}))
    with pytest.raises(LabError, match="no usable key"):
        open_key(path, [data])


@pytest.mark.parametrize(
    "number",
    ["4539 1488 0343 6468", "4539-1488-0343-6468", "4539148803436468", "3714 496353 98432", "3056 930902 5905"],
)
def test_a_card_number_with_a_slip_is_no_phone(number):
    assert [span.type for span in find_all(f"Call me about my registered card {number} please")] == []


@pytest.mark.parametrize("number", ["+49 30 1234 5678 901", "0049 30 12345678", "030 1234567", "call 555 0142 177"])
def test_a_phone_number_stays_one(number):
    assert [span.type for span in find_all(f"Ring {number} today")] == ["phone"]


@pytest.mark.parametrize(
    ("type", "spellings"),
    [
        ("email", ["kim@linde.net", "Kim@Linde.NET", "kim (at) linde dot net", "kim [at] linde [dot] net", "kim @ linde.net"]),
        ("phone", ["+49 (0)30 123 456", "0049-30-123456", "+49 30/123456"]),
        ("card", ["4539 1488 0343 6467", "4539-1488-0343-6467"]),
        ("iban", ["DE89 3704 0044", "de8937040044"]),
        ("national_id", ["12.34.56-789", "123456789"]),
        ("person_name", ["Kim Linde", "KIM  LINDE", "Kim-Linde", "kim linde,"]),
        ("address", ["Oak Lane 7, 12345 Elm", "oak lane 7\n12345 ELM"]),
        ("birth_date", ["3. May 1990", "3 may 1990"]),
    ],
)
def test_one_value_has_one_pseudonym_however_it_is_spelt(type, spellings):
    masker = Masker(b"k" * 32)
    assert len({masker.pseudonym(Span(type, 0, 0, text, "certain")) for text in spellings}) == 1


def test_the_case_of_a_password_is_its_own():
    masker = Masker(b"k" * 32)
    assert len({masker.pseudonym(Span("password", 0, 0, text, "certain")) for text in ("Tulip-77", "tulip-77")}) == 2
