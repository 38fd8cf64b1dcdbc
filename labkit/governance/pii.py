"""Personal data in rows. Checksums and forms decide about numbers and addresses; names are for a person to review."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from labkit.checks import Context, Hit, row_check
from labkit.governance.contacts import find_addresses_of_machines, find_birth_dates, find_emails, find_phones
from labkit.governance.identifiers import SAMPLE, find_identifiers
from labkit.governance.names import find_names, find_postal_addresses
from labkit.governance.spans import Span, settle
from labkit.records import Example, Place

STRUCTURED = ("email", "phone", "card", "iban", "national_id", "tax_id", "ip_address", "birth_date")
REVIEWED = ("person_name", "address")
_SAID = {
    "email": "an e-mail address", "phone": "a phone number", "card": "a payment card number", "iban": "a bank account (IBAN)",
    "national_id": "a national id", "tax_id": "a tax id", "ip_address": "a network address", "birth_date": "a date of birth",
    "person_name": "a person's name", "address": "a postal address",
}  # fmt: skip
_FINDERS = (
    find_emails, find_identifiers, find_phones, find_addresses_of_machines, find_birth_dates, find_names,
    find_postal_addresses,
)  # fmt: skip
_NUMBER = re.compile(r"\d.?\d.?\d|[A-Z]\d\d?[A-Z]")


def find_pii(text: str) -> list[Span]:
    """Personal data in a text, in its order, without overlaps.

    Returns:
        Spans of the types :data:`STRUCTURED` (tier certain or likely) and :data:`REVIEWED` (tier review).
    """
    # Most texts hold no three digits in a row (nor an IPv6 address): then only a few kinds remain to be looked for.
    finders = (
        _FINDERS if _NUMBER.search(text) or text.count(":") > 2 else (find_emails, find_names, find_postal_addresses)
    )
    return [span for span in settle((span for find in finders for span in find(text)), text) if span.type != SAMPLE]


def masked(text: str, spans: Iterable[Span]) -> str:
    """The text with each span replaced by its type in brackets, as in "[EMAIL]"."""
    for span in sorted(spans, key=lambda s: s.start, reverse=True):
        text = f"{text[: span.start]}[{span.type.upper()}]{text[span.end :]}"
    return text


def texts(row: Example) -> Iterator[tuple[Place, str, bool]]:
    """The texts of a row: field, text, and whether a repair can reach it (earlier turns can only be dropped)."""
    last = max((i for i, m in enumerate(row.prompt) if m.role == "user"), default=-1)
    for i, message in enumerate(row.prompt):
        yield "prompt", message.content, i == last
    yield "response", row.response, True
    if row.slices:
        yield "slices", "\n".join(row.slices.values()), False


@row_check(
    "pii",
    severity="critical",
    stage="governance",
    about="Personal data: e-mail, phone, card, account, id, address, name.",
)
def pii(row: Example, context: Context) -> Iterator[Hit]:
    """One hit a span, with a repair that masks it; repairs of one field are put together by whoever accepts them."""
    for where, text, reachable in texts(row):
        if spans := find_pii(text):
            yield from _hits(row, where, text, spans, reachable)


def _hits(row: Example, where: Place, text: str, spans: Sequence[Span], reachable: bool) -> Iterator[Hit]:
    for span in spans:
        field = "an earlier turn" if where == "prompt" and not reachable else f"the {where}"
        repair = {str(where): masked(text, [span])} if reachable else {}
        yield Hit(
            row.id,
            f"{field} holds {_SAID[span.type]}" + (", it seems" if span.tier == "review" else ""),
            evidence=span.text,
            where=where,
            suggestion=f"mask it as [{span.type.upper()}]" if reachable else "drop the row, or mask it in the source",
            severity="minor" if span.tier == "review" else None,
            tier=span.tier,
            repair=repair,
        )
