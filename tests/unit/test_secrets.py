"""Secrets: key formats, passwords in sentences, and what only looks like one. No key here opens anything."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.checks import Context
from labkit.governance.secrets import entropy, find_secrets, secret
from labkit.records import Example


def jwt(header: dict[str, str]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in (header, {"sub": "lamp-7731"})
    ]
    return ".".join([*parts, "kP9sT2vXw7LmQ4rZp1Ys8Nd3Hf6Jb0Gc"])


# Spelt in halves, so that no scanner of this repository takes them for real.
KEYS = {
    "aws_key": ["AKIA" + "Z7Q4XW2NB5TLMC3V"],
    "github_token": ["gh" + "p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5",
                     "github_" + "pat_" + "aB3dE5fG7hI9jK1lM3nO5p" + "_" + "q7R" * 19 + "Zz"],
    "gitlab_token": ["glp" + "at-x7Kq2Zp9Lm4Nb8Vc1Xs5"],
    "slack_token": ["xo" + "xb-204857361902-4820571936284-kPz8QwErTy7UiOp3AsDf"],
    "payment_key": ["sk_" + "live_9aB8cD7eF6gH5iJ4kL3mN2oP"],
    "google_key": ["AI" + "zaSyB7x9Qw3Er5Ty7Ui9Op1As3Df5Gh7Jk9L2"],
    "jwt": [jwt({"alg": "HS256", "typ": "JWT"})],
    "shop_key": ["shp" + "at_9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"],
    "cloud_key": ["hv" + "s.CAESIJ4x9Kq2Zp7Lm4Nb8Vc1Xs5Wd", "dap" + "i9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"],
    "model_key": ["gs" + "k_" + "aB3dE5fG7h" * 4 + "iJ", "r" + "8_" + "aB3dE5fG7h" * 3 + "iJ9kL1m"],
    "api_key": ["PM" + "AK-9f8a7b6c5d4e3f2a1b0c9d8e-9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c1d"],
    "seed_phrase": ["recovery phrase: lamp hose fern gate moss tile pond twig seed rake bulb reed"],
    "one_time_seed": ["my authenticator seed is JBSWY3DPEHPK3PXP7Q"],
    "private_key": ["-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ=="],
    "token": [
        "api key: tg_9f8a7b6c5d4e3f2a1b0c9d8e", "Authorization: Bearer 9f8a7b6c5d4e3f2a1b0c9d8e",
        "token=AbCdEf0129xyzZqq88",
        "the signing key we still use is kT9vXw2LmQ8rZp4Ys7Nd",
        'client_secret: "kT9vXw2LmQ8rZp4Ys7Nd"', "use tgq_q7Rk2mVt9Xb4Ls0PzC8dWf3HyJn6Ga4I there",
    ],
    "password": [
        "my password is Hollow-Tree-27", "Passwort: Giesskanne7!", "login code is 882134", "DB_PASSWORD=s3cr3tTree",
        "pwd: Kessel42",
        "the door code is 4417#", "my pin is 7719", 'passphrase is "blue heron wakes"', "password Tulip!77",
        "I changed my password to Oak77x",
        "credentials tom / Gr33nhouse!7", "https://tom:Gr33nhouse@files.linde.net/x", 'the password is "kettle"',
        "Server=db.linde.net;Uid=tom;Pwd=Gr33nhouse!7;", "redis://:Gr33nhouse7@cache.linde.net",
        "Authorization: Basic " + base64.b64encode(b"tom:Gr33nhouse!7").decode(), "mysqldump -u tom -pGr33nhouse7 shop",
        "the one-time code is 492017", "the garage code is 4417#",
        "my password for the shop is Garten!2024", "my wifi password is bluekettle",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("type", "text"), [(type, text) for type, texts in KEYS.items() for text in texts])
def test_secrets_are_found(type, text):
    (span,) = find_secrets(f"Note: {text}")
    assert span.type == type


HARMLESS = [
    "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "AKIA" + "IOSFODNN7EXAMPLE",
    "commit 3f2a9c8d7e6b5a4f3e2d1c0b9a8f7e6d3f2a9c8d", "token: 550e8400-e29b-41d4-a716-446655440000",
    "password: ********", "password=<your password>", "api key: YOUR_API_KEY_HERE", "secret = ${SECRET}",
    "sk_test" + "_4eC39HqLyjWDarjtT1zdp7dc",
    "I forgot my password, how do I reset it?", "the password is wrong", "The password is case-sensitive",
    "The password must be 12 characters long", "password: min. 8 characters",
    "Create a strong password to safeguard your account",
    "key features: light, strong, 3 years warranty", "pin code is needed at the door", "the pin is 12 mm long",
    "gift card code is printed inside", "discount code is SPRING20", "your password was changed on 3 May 2026",
    "Pass 12345 hikers",
    "the key to a good lawn is 2026-05-03-mowing-plan", "the token on the parcel is 00340434161094042557",
    "Basic training for gardeners", "recovery words: none", "https://linde.net:8443/x", "the TAN list", "search?user=tom&page=2",
    "reset password: https://tallgrove.example/reset", "secret: our kettle boils in 2 minutes",
    "not eyJhbGciOi.eyJzdWIiOi.nothing",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_let_through(text):
    assert find_secrets(text) == []


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text):
    assert all(text[span.start : span.end] == span.text for span in find_secrets(text))


def test_entropy_is_in_bits_a_character():
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2


def test_the_row_check_masks_each_secret_by_its_type():
    example = Example(
        id="r", prompt=[{"role": "user", "content": "My password is Tulip-99x."}], response="Pin is 7719 then."
    )
    hits = list(secret(example, Context()))
    assert [dict(hit.repair) for hit in hits] == [
        {"prompt": "My password is [PASSWORD]."},
        {"response": "Pin is [PASSWORD] then."},
    ]
    assert hits[0].evidence == "Tulip-99x"
