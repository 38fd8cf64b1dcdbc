"""Is an answer supported by what the model was told? Sentence by sentence, with the first stretch that nothing supports.

Three questions of each sentence, all deterministic: does every slot (figure with unit, date, sum, id, address) stand in
the source; does every name; and does the source hold enough of its wording? The third one catches claims without figure
or name ("a fitter brings it to your door"). Function words and what answers say of themselves ("the document does not
say", "I am sorry") claim nothing and need no support.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labkit.curation.reading import stems
from labkit.evaluation.oracle_slots import Slot, clean, find

COVERAGE = 0.5  # share of a sentence's content words that the source must hold
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\w))+[.!?]*[\"')\]]*")
# A capital inside a sentence makes a name; these are capitals of grammar, not claims.
GRAMMAR = frozenset({"i", "i'm", "i'll", "i've", "i'd", "ok", "mr", "mrs", "ms"})
_NO_NAMES = GRAMMAR | {"json", "yes", "no"}
# What an answer says of itself or of its source, and courtesy: no claim about the world.
_ABOUT_ITSELF = re.compile(
    r"\b(?:document|handbook|text|manual|page|rule|note)s? (?:do|does|did|give|gives)(?:n't| not| no)\b|\bno information\b|"
    r"\b(?:not|n't|nothing) (?:\w+ )?(?:say|said|state|stated|mention|mentioned|tell|hold|given)\b|"
    r"\b(?:i|we)(?: am|'m| are)? (?:cannot|can't|can not|sorry|unable|not able|do not know)\b|\bthank you\b|^next step:|^none\b",
    re.I,
)


class Support(NamedTuple):
    """One sentence of an answer.

    ``coverage`` is the share of its content words, slots left out, that stand in the source (1 where it has none);
    ``unsupported`` is the stretch that the source does not hold, empty when the sentence is supported; ``why`` names its
    kind: ``slot``, ``name`` or ``wording``.
    """

    sentence: str
    coverage: float
    unsupported: str
    why: str


def support(answer: str, source: str, coverage: float = COVERAGE) -> list[Support]:
    """How far each sentence of an answer is supported.

    Args:
        answer: what the model said.
        source: all that it may draw on: prompt, document, a list of what else is allowed.
        coverage: the share of content words that a sentence must share with the source.

    Returns:
        One entry a sentence, in order; none for an empty answer.
    """
    held = clean(source)
    allowed, words, known = find(held), set(re.findall(r"[\w'-]+", held.lower())), stems(held)
    return [_judged(sentence, allowed, words, known, coverage) for sentence in sentences(clean(answer))]


def sentences(text: str) -> list[str]:
    """The sentences of a cleaned text."""
    return [s.strip() for s in _SENTENCE.findall(text) if s.strip(" .!?")]


def claims_nothing(text: str) -> bool:
    """Whether a text speaks of itself or of its source only ("the document does not say"), or is a bare yes or no."""
    return len(stems(text)) < 2 or _ABOUT_ITSELF.search(text) is not None


def _judged(sentence: str, allowed: Sequence[Slot], words: set[str], known: set[str], least: float) -> Support:
    claims = stems(_without_slots(sentence))
    share = round(len(claims & known) / len(claims), 4) if claims else 1.0
    if slot := next(loose_slots(sentence, allowed), None):
        return Support(sentence, share, slot.text, "slot")
    if name := next((n for n in names(sentence) if not all(w in words for w in n.lower().split())), ""):
        return Support(sentence, share, name, "name")
    if share < least and not _ABOUT_ITSELF.search(sentence):
        return Support(sentence, share, sentence, "wording")
    return Support(sentence, share, "", "")


def loose_slots(text: str, allowed: Sequence[Slot]) -> Iterator[Slot]:
    """Slots of a cleaned text that are neither allowed nor the difference or sum of two allowed ones of their kind.

    "You are 1 euro short of 60 euros" is supported by 60 euros and a basket of 59. Soft slots ("a year") claim nothing.
    """
    for slot in find(text):
        if not slot.soft and not any(map(slot.equals, allowed)) and not _reckoned(slot, allowed):
            yield slot


def _reckoned(slot: Slot, allowed: Sequence[Slot]) -> bool:
    if isinstance(slot.value, str):
        return False
    of_kind = [float(a.value) for a in allowed if not isinstance(a.value, str) and a.dimension == slot.dimension]
    bare = [float(a.value) for a in allowed if a.kind == "number" and not isinstance(a.value, str)]
    sums = {abs(a - b) for a in of_kind for b in (*of_kind, *bare) if a != b}
    if slot.kind == "money":
        sums |= {a + b for a in of_kind for b in (*of_kind, *bare)}
    return any(math.isclose(slot.value, value, abs_tol=1e-6) for value in sums)


def names(text: str) -> list[str]:
    """Names in a cleaned text: words with a capital that does not open a sentence, and codes such as "6f1c2b7e".

    Slots are left out: they are compared by value.
    """
    rest = _without_slots(text)
    found = [m[0] for m in re.finditer(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{6,}", rest)]
    for name in capitalised(text, _NO_NAMES):
        found += [name] if name not in found else []
    return found


def capitalised(text: str, no_names: frozenset[str] = GRAMMAR) -> list[str]:
    """Words with a capital that does not open a sentence, neighbours together, slots left out; as often as they stand.

    Args:
        text: cleaned text.
        no_names: words in lower case whose capital says nothing.
    """
    found = []
    for m in re.finditer(r"(?<![\w'])[A-Z][\w'-]*(?: [A-Z][\w'-]*)*", _without_slots(text)):
        name = m[0]
        if m.start() == 0 or re.search(r"[.!?:]['\")]* $|^\W+$", text[: m.start()]):
            name = name.partition(" ")[2]  # the word that opens a sentence is no evidence of a name
        name = " ".join(w.removesuffix("'s") for w in name.split() if w.lower() not in no_names)
        found += [name] if name else []
    return found


def _without_slots(text: str) -> str:
    """The text with blanks in place of its slots."""
    bare = list(text)
    for slot in find(text):
        bare[slot.start : slot.end] = " " * (slot.end - slot.start)
    return "".join(bare)
