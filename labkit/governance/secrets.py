"""Secrets in rows: keys, tokens and passwords by their form. Hashes, UUIDs and documented sample keys are no "
"secrets."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from labkit.checks import Context, Hit, row_check
from labkit.governance.pii import masked, texts
from labkit.governance.spans import Span, settle
from labkit.records import Example, Tier


class Form(NamedTuple):
    """One kind of key: a literal that must be in the text (so that most texts need no pattern), and the pattern."""

    type: str
    literal: str
    pattern: re.Pattern[str]


def _form(type: str, literal: str, pattern: str) -> Form:
    return Form(type, literal, re.compile(rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9_])"))


_FORMS = (
    _form("aws_key", "AKIA", r"AKIA[A-Z2-7]{16}"),
    _form("aws_key", "ASIA", r"ASIA[A-Z2-7]{16}"),
    _form("github_token", "gh", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _form("github_token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _form("gitlab_token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _form("slack_token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{20,}"),
    _form(
        "slack_token",
        "hooks.slack.com",
        r"(?:https://)"
        r"?hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}",
    ),
    _form("payment_key", "k_live_", r"[sr]k_live_[A-Za-z0-9]{16,}"),
    _form("google_key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _form("google_key", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _form("model_key", "sk-", r"sk-(?:proj-|ant-|svcacct-|or-v1-)?[A-Za-z0-9_-]{20,}"),
    _form("model_key", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _form("package_token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _form("package_token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    _form("mail_key", "SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _form("mail_key", "key-", r"key-[0-9a-f]{32}"),
    _form("bot_token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _form("jwt", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}"),
    _form("aws_key", "ABIA", r"A[BC](?:IA|CA)[A-Z2-7]{16}"),
    _form("cloud_key", "Q~", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    _form("cloud_key", "do", r"do[oprt]_v1_[0-9a-f]{64}"),
    _form("cloud_key", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _form("cloud_key", "hvs.", r"hvs\.[A-Za-z0-9_-]{24,}"),
    _form("cloud_key", "tskey-", r"tskey-[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}"),
    _form("google_key", "ya29.", r"ya29\.[A-Za-z0-9_-]{30,}"),
    _form("model_key", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    _form("model_key", "r8_", r"r8_[A-Za-z0-9]{37,}"),
    _form("model_key", "pplx-", r"pplx-[A-Za-z0-9]{40,}"),
    _form("slack_token", "xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{20,}"),
    _form("payment_key", "whsec_", r"whsec_[A-Za-z0-9+/]{24,}={0,2}"),
    _form("payment_key", "sq0", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}"),
    _form("payment_key", "EAAA", r"EAAA[A-Za-z0-9_-]{60}"),
    _form("shop_key", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _form("mail_key", "xkeysib-", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _form("mail_key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    _form("api_key", "SK", r"SK[0-9a-f]{32}"),
    _form("api_key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _form("api_key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _form("api_key", "glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    _form("api_key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _form("api_key", "fig", r"fig[dpur]_[A-Za-z0-9_-]{36,}"),
    _form("api_key", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{100,}"),
    _form("package_token", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _form("package_token", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{24,}"),
    _form("bot_token", ".", r"[MNO][A-Za-z0-9]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    _form("web_hook", "/api/webhooks/", r"(?:https://)?discord(?:app)?\.com/api/webhooks/\d{15,21}/[A-Za-z0-9_-]{60,}"),
    _form("web_hook", "webhook.office.com", r"(?:https://)?[\w-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}"),
    _form("private_key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _form("connection_string", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{40,}={0,2}"),
    _form("connection_string", "SharedAccessKey=", r"SharedAccessKey=[A-Za-z0-9+/]{40,}={0,2}"),
)
# Any service's key: a short name, an underscore or dash, and a long mixed run that no word or hash is.
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9_-])[a-z]{2,10}[_-](?:[a-z]{2,6}[_-])?"
    r"(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])[A-Za-z0-9]{20,}(?![A-Za-z0-9_])"
)
_LONG_RUN = re.compile(r"[A-Za-z0-9]{20}")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]{0,8000}?-----END (?:[A-Z0-9]+ )"
    r"{0,3}PRIVATE KEY(?: BLOCK)?-----|[\sA-Za-z0-9+/=\\]{16,})"
)
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@]*:(?P<value>[^\s/@]{4,})@[\w.-]+")
# A password among the parts of a connection: "Server=db;Uid=tom;Pwd=...", "?user=tom&password=...", "-u tom -p..."
_CONNECTED = re.compile(
    r"(?i)(?:[;&?]\s?(?:password|pwd|passwd|secret|token|sig|access_token)=|(?<=\s)(?:--?password[= ]|sshpass -p ?|"
    r"-u \S+ -p ?|-u \w+:))(?P<name>)[\"']?(?P<value>[^\s;&\"']{4,})"
)
_BASIC = re.compile(r"\bBasic (?P<value>[A-Za-z0-9+/]{12,}={0,2})")
_SEED = re.compile(
    r"(?i)\b(?:seed|recovery|backup|mnemonic|wallet)(?: phrase| words?| seed)?\b[^.\n:]{0,20}[:=]\s*[\"']?"
    r"(?P<value>(?-i:[a-z]{3,8}(?:[ ,]+)){11,23}(?-i:[a-z]{3,8}))\b"
)
_ONE_TIME = re.compile(
    r"(?i)(?:otpauth://\w+/\S*?secret=|\b(?:totp|2fa|mfa|otp|authenticator)\b[^.\n]{0,30}?)"
    r"(?P<value>(?-i:[A-Z2-7]{16,64}))\b"
)
# A long mixed run within a few words of what it opens: "the signing key we use is still ..."
_NEAR = re.compile(
    r"(?i)\b(?P<name>(?:api|access|secret|signing|private|licen[cs]e|encryption|master|service|webhook) key|"
    r"token|secret|"
    r"credentials?|bearer|cookie|session "
    r"id)\b[^.!?\n]{0,40}?(?<![\w/+-])(?P<value>[A-Za-z0-9+/_~-]{20,}={0,2})(?![\w/+-])"
)
_NAMES = (
    r"(?:aws[_-]?)?secret[_-]?(?:access[_-]?)?(?:key)?|api[_ -]?(?:key|token|secret)|access[_ -]?(?:key|token)|"
    r"auth[_ -]?token|"
    r"refresh[_ -]?token|client[_ -]?secret|private[_ -]?key|signing[_ -]?key|encryption[_ -]?key|bearer|token|"
    r"passwd|passwort|"
    r"kennwort|password|passcode|passphrase|pwd|pass|credentials?|mot de passe|contraseña"
)
_ASSIGNED = re.compile(
    rf"(?i)(?<![a-z0-9])(?P<name>[a-z0-9_.-]{{0,30}}?(?:{_NAMES}))[\"'`]?\s*(?:=>|:=|=|"
    rf":)\s*(?:Bearer\s+)?[\"'`]?(?P<value>[^\s\"'`,;<>]{{6,}})"
)
_SPOKEN = re.compile(
    r"(?i)\b(?P<name>password|passwort|kennwort|passcode|passphrase|pass ?word|wi-?fi key|wlan[- ]?key|"
    r"(?:api|access|secret) (?:key|token)|(?:login|log-in|alarm|door|gate|garage|shed|safe|security|access|"
    r"one-time|unlock|"
    r"verification|entry|tan|cvv|cvc) (?:code|pin|number)|pin(?: code| number)?|cvv2?|cvc2?|tan|(?:voice ?mail|"
    r"router|admin|account) password)"
    r"(?:\s+(?:for|to|of|on)\s+(?:\S+\s){1,5}?|\s+)(?:is|was|lautet|ist|are|"
    r"to(?= \S*\d))\s*:?\s*[\"'`“‘«]?(?P<value>[^\s\"'`“”’»<>]{4,})"
)
# Without a verb or a colon, only what could hardly be a word: "password Tulip!77", "Bearer 9f8a...", "tom / Gr33n!7".
_BARE = re.compile(
    r"(?i)\b(?P<name>password|passwort|bearer|(?:access|secret|api) (?:key|token)|credentials?:? \S+ ?/) ?"
    r"(?P<value>(?=\S*\d)(?=\S*[a-z])[^\s\"'`<>]{8,})"
)
_PHRASE = re.compile(
    r"(?i)\b(?P<name>password|passphrase|passwort|kennwort)(?: is|:|"
    r"=) ?[\"“«](?P<value>[^\"”»\n]{6,60})[\"”»]"
)
_HINTS = ("pass", "pwd", "secret", "token", "key", "kennwort", "bearer", "credential", "contraseña", "code", "pin",
          "cvv", "cvc", "tan ", "cookie", "session")  # fmt: skip
_HASH = re.compile(
    r"(?i)(?:sha\d*[:-])?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
)
_UUID = re.compile(r"(?i)\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?")
# Keys that manuals print, and what people write where a secret would stand.
_SAMPLE = re.compile(
    r"(?i)example|sample|dummy|placeholder|changeme|your[_-]?|xxxx|\*\*\*|\.\.\.|1234567890|abcdefghij|redacted|"
    r"\$\{|\{\{|\[|<|"
    r"^(?:none|null|true|false|undefined|required|optional|hidden|string|text|here|test|password|secret|token)\W*$|"
    r"_test_|SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c|os\.environ|getenv|process\.env|\(\)"
)
_ORDINARY = re.compile(
    r"[^\W\d_]+(?:[-'’][^\W\d_]+)*"
)  # a word; a password of only such letters cannot be told from one

# Ends of words that say something about a password rather than give it.
_DESCRIBES = re.compile(
    r"(?i)(?:ed|ing|ble|ive|ect|id|ly|ent|ant|ary|ong|ort|ery|ame|own|ure|ere|ers|word|case|ous|"
    r"ory|ch)$|['’-]"
)


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits a character: words lie below 3.0, random keys above 3.5."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def find_secrets(text: str) -> list[Span]:
    """Secrets in a text, in its order, without overlaps; the span of a named one is its value alone."""
    return settle(_found(text), text)


def _found(text: str) -> Iterator[Span]:
    for form in _FORMS:
        if form.literal in text:
            for match in form.pattern.finditer(text):
                value = match.group()
                if not _SAMPLE.search(value) and (form.type != "jwt" or _is_jwt(value)) and entropy(value) > 3:
                    yield Span(form.type, *match.span(), value, "certain")
    if _LONG_RUN.search(text):
        for match in _PREFIXED.finditer(text):
            if not _SAMPLE.search(match.group()) and entropy(match.group()) > 3.5:
                yield Span("token", *match.span(), match.group(), "likely")
    if "PRIVATE KEY" in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield Span("private_key", *match.span(), match.group(), "certain")
    yield from _by_place(text)
    if "://" in text:
        for match in _URL.finditer(text):
            if not _SAMPLE.search(match["value"]) and match["value"] not in ("password", "pass", "pwd"):
                yield Span("password", *match.span("value"), match["value"], "certain")
    low = text.lower()
    if any(hint in low for hint in _HINTS):
        yield from _named(text)


def _by_place(text: str) -> Iterator[Span]:
    """Secrets that their place gives away: a connection, a header, a list of recovery words."""
    for match in _CONNECTED.finditer(text) if "=" in text or " -" in text else ():
        if not _SAMPLE.search(match["value"]) and re.search(r"\d|[^\w\s.-]", match["value"]):
            yield Span("password", *match.span("value"), match["value"], "likely")
    for match in _BASIC.finditer(text) if "Basic " in text else ():
        if ":" in _decoded(match["value"]) and not _SAMPLE.search(_decoded(match["value"])):
            yield Span("password", *match.span("value"), match["value"], "certain")
    for type, pattern in (("seed_phrase", _SEED), ("one_time_seed", _ONE_TIME)):
        for match in pattern.finditer(text):
            if not _SAMPLE.search(match["value"]) and (type == "seed_phrase" or re.search(r"\d", match["value"])):
                yield Span(type, *match.span("value"), match["value"], "likely")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
    except ValueError:
        return ""


def _named(text: str) -> Iterator[Span]:
    for match in _NEAR.finditer(text):
        value = match["value"]
        mixed = all(re.search(part, value) for part in ("[0-9]", "[a-z]", "[A-Z]"))
        if mixed and entropy(value) >= 3.5 and not _SAMPLE.search(value) and not _UUID.fullmatch(value):
            yield Span("token", *match.span("value"), value, "likely")
    for match in _PHRASE.finditer(text):
        if not _SAMPLE.search(match["value"]):
            yield Span("password", *match.span("value"), match["value"], "likely")
    for match in (*_ASSIGNED.finditer(text), *_SPOKEN.finditer(text), *_BARE.finditer(text)):
        value = match["value"].rstrip(".,;:!?)\"'`]}”’»")
        quoted = text[match.start("value") - 1] in "\"'`“‘«"
        tier = _judge(match["name"].lower(), value, quoted)
        if tier:
            kind = (
                "password"
                if re.search(r"(?i)pass|pwd|kennwort|contrase|credential|pin|code|wi-?fi|wlan", match["name"])
                else "token"
            )
            start = match.start("value")
            yield Span(kind, start, start + len(value), value, tier)


def _judge(name: str, value: str, quoted: bool) -> Tier | None:
    """How sure it is that the value of a named field is a secret."""
    if len(value) < 4 or "://" in value or _SAMPLE.search(value) or _UUID.fullmatch(value):
        return None
    if re.search(r"pin|code|cv[vc]|\btan\b", name):
        return "likely" if re.fullmatch(r"\d{4,8}|(?=\S*\d)[A-Z0-9#*-]{4,10}", value) else None
    password = re.search(r"pass|pwd|kennwort|contrase|credential|wi-?fi|wlan", name)
    if _HASH.fullmatch(value) and not re.search(r"key|secret", name):
        return None
    if _ORDINARY.fullmatch(value):  # "the password is wrong" reads like one whose value is a word
        if not password or len(value) < 6:
            return None
        if quoted or re.search(r"[a-z][A-Z]", value):
            return "likely"
        return "review" if len(value) > 7 and not _DESCRIBES.search(value) else None
    if password:
        return "certain" if len(value) >= 6 and re.search(r"\d|[^\w\s.-]", value) else None
    return "certain" if len(value) >= 12 and entropy(value) >= 3 and re.search(r"\d", value) else None


def _is_jwt(value: str) -> bool:
    head = value.split(".")[0]
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, TypeError):
        return False


@row_check(
    "secret", severity="critical", stage="governance", about="A key, token or password that somebody may still use."
)
def secret(row: Example, context: Context) -> Iterator[Hit]:
    """One hit a secret. A model may repeat what it saw once, so a real one must also be changed where it is "
    "used."""
    for where, text, reachable in texts(row):
        for span in find_secrets(text):
            kind = span.type.replace("_", " ").replace("aws", "AWS").replace("jwt", "JWT")
            yield Hit(
                row.id,
                f"the {where} holds a secret ({kind})",
                evidence=span.text,
                where=where,
                suggestion="mask it, and have it changed where it is used",
                tier=span.tier,
                repair={str(where): masked(text, [span])} if reachable else {},
            )
