"""Names and postal addresses of people, where a title, a form of words or a street tells them. A person reviews these.

There is no list of names and no model: a name without a cue ("Anna wants a refund") is not found. That is said on
every card that this stage writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labkit.governance.spans import Span

_WORD = r"[^\W\d_][\w'’-]*\.?"
_JOIN = r"(?:de|da|del|della|di|dos|la|le|van|von|der|den|ten|ter|af|al|bin|ibn|zu|y)"
_NAME = rf"{_WORD}(?:[ \t]+(?:{_JOIN}[ \t]+)*{_WORD}){{0,3}}"
_TITLE = re.compile(
    rf"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Herr|Frau|Señora?|Mme|Monsieur|Madame|Sig|"
    rf"Signora?)\b\.?[ \t]+(?P<name>{_NAME})"
)
_SELF = re.compile(
    rf"[Mm]y (?i:(?:full |first |last |sur|maiden )?name(?:['’]s| is))[ \t]+(?P<name>{_NAME})"
    rf"|[Tt]his is (?P<speaking>{_NAME}) (?:speaking|here|calling|from)\b"
)
_WHOLE = re.compile(
    rf"(?:I['’]m|I am|[Tt]his is|[Tt]he name(?:['’]s| is)|[Ii] am called|[Ii]ch heiße) (?P<whole>{_NAME})"
)
_FIELD = re.compile(  # a role may also begin a line of a dialogue, so two words must follow it
    r"(?i:(?:^|[\n;,.(]|\bthe )\W{0,4}(?:(?:full |account )?name|account holder|cardholder|signed|attn))"
    rf"[ \t]*[:=][ \t]*(?P<name>{_NAME})"
    r"|(?i:(?:^|[\n;,.(]|\bthe )\W{0,4}(?:customer|client|contact(?: person)?|recipient|sender|addressee|patient|caller|ship to|"
    rf"bill(?:ed|ing)? (?:to|address)))[ \t]*[:=][ \t]*(?P<role>{_NAME})"
)
_ROLE = re.compile(
    r"\b(?:[Cc]aller|[Cc]ustomer|[Cc]lient|[Tt]enant|[Bb]uyer|[Nn]eighbour|[Cc]olleague|[Ll]andlord|[Rr]eviewer|"
    r"[Pp]atient|[Aa]gent)"
    rf",?[ \t]+(?P<role>{_NAME})"
    r"|\b(?:(?:[Oo]rdered|[Ss]igned|[Rr]eported|[Pp]aid|[Ss]ent|[Rr]equested) by|[Ss]igned,|account of|behalf of|"
    rf"name of|registered to|belongs to|addressed to)[ \t]+(?P<by>{_NAME})"
)
_GREETED = re.compile(
    rf"(?:^|\n)\W{0, 4}(?i:dear|hi|hello|hallo|liebe[r]?|good (?:morning|day|"
    rf"evening))[ \t]+(?P<name>{_NAME})\s*[,!\n]"
)
_SIGNED = re.compile(
    r"(?i:\b(?:regards|wishes|sincerely|thanks|thank you|cheers|yours(?: truly| faithfully)?|greetings|grüßen?|love|sent by))"
    rf"[ \t]*(?:[,!.][ \t]*\n?|\n)\s*[-–—]*[ \t]*(?P<name>{_NAME})[ \t]*[.!]?[ \t]*(?=\n|$)"
)
# A pattern is tried where one of its words (in lower case) is in the text.
_FORMS = (
    (_TITLE, ("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "herr", "frau", "señor", "senor", "mme", "monsieur", "madame",
              "sig")),
    (_SELF, ("my ", "this is ")),
    (_WHOLE, ("i am ", "i'm ", "i’m ", "this is ", "the name", "ich heiße")),
    (_FIELD, ("name:", "name =", "name=", "holder:", "signed:", "attn:", "customer:", "client:", "contact:", "person:",
              "recipient:", "sender:", "addressee:", "patient:", "caller:", " to:", "address:")),
    (_ROLE, ("caller", "customer ", "customer, ", "client", "tenant", "buyer", "neighbour", "colleague", "landlord", "reviewer",
             "patient", "agent", "ed by ", "paid by ", "sent by ", "signed,", "account of", "behalf of", "name of", "ed to ",
             "belongs to")),
    (_GREETED, ("dear", "hi ", "hello", "hallo", "liebe", "good ")),
    (_SIGNED, ("regards", "wishes", "sincerely", "thank", "cheers", "yours", "greetings", "grüße", "love", "sent by")),
)  # fmt: skip
_NO_NAMES = (
    "customer customers client sir madam ma'am team tallgrove support colleague colleagues all everyone everybody friend "
    "friends there service sales user guest folks order your you the a an this that not so very sorry my our we i it he "
    "she they please thank thanks here happy glad afraid writing looking trying having from in on at for and or but yes "
    "no yes yeah okay ok i'm i’m hello hi dear best kind warm many "
    "customer-care unknown none n/a email phone pepper muscle coffee clean proper "
    "whippy kipling monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december english german french spanish european"
)
_NOBODY = frozenset(_NO_NAMES.split())
_STREET = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Close|Way|Place|Pl|Square|Sq|Boulevard|Blvd|Terrace|"
    r"Crescent|Gardens|Row|Hill|Walk|Mews|Quay|Parade|Highway|Parkway|Pass|Plaza)"
)
_MORE = (
    r"(?:,?\s+(?:Apt|Suite|Unit|Flat|Floor|No)\.?\s*\d+\w?)?(?:,?\s+(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|"
    r"\d{4,5}\s+[^\W\d_][\w-]+|[^\W\d_][\w-]+,?\s+\d{4,5})\b)?"
)
_ADDRESS = re.compile(
    rf"\b\d{{1,5}}[a-zA-Z]?,?\s+(?:[A-Z][\w'’.-]*\s+){{1,3}}{_STREET}\b\.?{_MORE}"
    r"|\b[A-ZÄÖÜÅØÆ][\w'-]+(?:straße|strasse|str\.|weg|gasse|platz|allee|damm|ufer|gatan|vägen|gata|vej|gade|katu|"
    r"straat|laan|plein)"
    rf"\s+\d{{1,4}}\s?[a-z]?\b{_MORE}"
    rf"|\b(?i:rue|via|viale|piazza|calle|rua|avenida|ul\.|ulica|chaussée)\s+(?:[\w'’.-]+\s+){{1,4}}?\d{{1,4}}\b{_MORE}"
    rf"|\b\d{{1,4}},?\s(?:rue|avenue|boulevard|chemin|place)\s(?:(?:de|du|des|la|le|les|l['’])\s?)*[A-Z][\w'’-]+{_MORE}"
    r"|\b(?:P\.?\s?O\.?\s?Box|Postfach|PSC|Unit)\s+\d{2,6}\b(?:,?\s+Box\s+\d+)?(?:\s+(?:APO|FPO|DPO)\s+[A-Z]{2}\s+\d{5})?"
)
_LIVES = re.compile(
    r"(?i:\b(?:lives? (?:at|on)|address(?: is| to| with)?:?|resid\w+ at|moved to|deliver(?:ed|y)? to|shipped? to|"
    r"send (?:it|them) to))[ \t]+"
    r"(?P<place>(?=[^\n;?!{]{0,60}\d)(?=[^\n;?!]*[A-Z])(?:the corner of )?[A-Z0-9](?!\. )[^\n;?!{]{4,70}?)(?=\.\s|"
    r"\.$|[\n;?!]|$|\s(?i:and|because|please|for|by|before)\s)"
)
_POSTCODE = re.compile(r"[A-Z](?<!\w.)[A-Z]?\d[A-Z\d]? \d[A-Z]{2}\b")
_ZIP = re.compile(
    r"(?i:\b(?:zip|postcode|post code|postal code|plz))(?: code)?(?: is|:)?\s*(?P<code>[A-Z0-9][A-Z0-9 -]{2,8}[A-Z0-9])\b"
)


def find_names(text: str) -> Iterator[Span]:
    """Names of people that a title, a form of words or a signature tells."""
    low = text.lower()
    for pattern, words in _FORMS:
        for match in pattern.finditer(text) if any(word in low for word in words) else ():
            group = match.lastgroup or "name"
            name = _as_name(match[group])
            if name and (" " in name or (group == "name" and pattern not in (_GREETED, _SIGNED))):
                start = match.start(group)
                yield Span("person_name", start, start + len(name), name, "review")


def _as_name(words: str) -> str:
    """The capitalised words at the beginning, or nothing when they are no name."""
    end = 0
    for match in re.finditer(r"\S+", words):
        word = match.group()
        if word[0].isupper() and word.strip(".'’-").lower() not in _NOBODY and not (len(word) > 3 and word.isupper()):
            end = match.end()
            if word.endswith(".") and len(word) > 3:  # the sentence ends here
                break
        elif not re.fullmatch(_JOIN, word) or end == 0:
            break
    return words[:end].rstrip(".'’").removesuffix("'s").removesuffix("’s")


_LIVING = ("live", "address", "resid", "moved to", "deliver", "ship", "send ")
_DIGIT = re.compile(r"\d")


def find_postal_addresses(text: str) -> Iterator[Span]:
    """Streets with a number, post boxes, postcodes."""
    if not _DIGIT.search(text):
        return
    low = text.lower()
    for match in _ADDRESS.finditer(text):
        yield Span("address", *match.span(), match.group(), "review")
    for match in _LIVES.finditer(text) if any(word in low for word in _LIVING) else ():
        yield Span("address", *match.span("place"), match["place"], "review")
    for match in _POSTCODE.finditer(text):
        yield Span("address", *match.span(), match.group(), "review")
    for match in _ZIP.finditer(text) if any(word in low for word in ("zip", "post", "plz")) else ():
        yield Span("address", *match.span("code"), match["code"], "review")
