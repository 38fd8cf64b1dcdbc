"""Stretches of text that were found, and the words around them that speak for or against them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from labkit.records import Tier

BEFORE, AFTER = 45, 24  # how many characters around a candidate may hold its cue
# What masking leaves: "[EMAIL]", or a pseudonym such as "[EMAIL-5f0c21ab]". Nothing is found in one again.
PLACEHOLDER = re.compile(r"\[[A-Z_]{3,}(?:-[0-9a-f]{8,})?\]")
_RANK = {"certain": 0, "likely": 1, "review": 2}


class Span(NamedTuple):
    """``text[start:end]`` of a type; ``certain`` where a checksum or an unmistakable form decides."""

    type: str
    start: int
    end: int
    text: str
    tier: Tier


def settle(spans: Iterable[Span], text: str = "") -> list[Span]:
    """Spans that do not overlap, in the order of the text: the surer one wins, then the longer, then the earlier.

    Args:
        spans: in any order.
        text: where given, spans that touch a placeholder of an earlier masking are left out.
    """
    taken = [Span("", *match.span(), "", "certain") for match in PLACEHOLDER.finditer(text)] if "[" in text else []
    spans = [span for span in spans if all(span.end <= t.start or t.end <= span.start for t in taken)]
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (_RANK[s.tier], s.start - s.end, s.start, s.type)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def cue(words: str) -> re.Pattern[str]:
    """A pattern whose match on a text ends at the last of these words; case is ignored."""
    return re.compile(rf"(?is).*(?<![^\W_])(?:{words})(?![^\W_])")


# Numbers of things: what stands behind such a word is no number of a person.
THING = cue(
    r"orders?|bestell\w*|invoices?|rechnung\w*|articles?|artikel\w*|items?|parcels?|packages?|shipments?|tracking|track|"
    r"serial|s/n|sku|ean|gtin|isbn|barcode|refs?|references?|referenz|tickets?|cases?|vorgang|batch|lot|models?|parts?|"
    r"codes?|vouchers?|coupons?|claims?|rma|returns?|products?|booking|contract|policy|version|firmware|page|quote|delivery note"
)


def spoken_for(text: str, start: int, words: re.Pattern[str], end: int | None = None) -> bool:
    """Whether a cue stands before the candidate, or (where ``end`` is given) right behind it, and no thing is nearer."""
    before = text[max(0, start - BEFORE) : start]
    found, thing = words.match(before), THING.match(before)
    if found and not (thing and thing.end() > found.end()):
        return True
    return end is not None and words.match(text[end : end + AFTER]) is not None and not thing


def of_a_thing(text: str, start: int) -> bool:
    """Whether the number is an order's, an invoice's or the like: such a word stands in the same clause before it."""
    clause = re.split(r"[.;!?\n]\s", text[max(0, start - 30) : start])[-1]
    return THING.match(clause) is not None
