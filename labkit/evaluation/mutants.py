"""Output mutants: a correct answer, spoilt in one known way. They test the oracles, not the model.

An oracle that accepts a mutant of a kind it is there for is too weak. Each mutator returns ``None`` where the answer
offers nothing to spoil in its way (no number to shift, for example). The same answer gives the same mutant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from labkit import LabError
from labkit.evaluation.oracle_slots import Slot, clean, find

Mutator = Callable[[str, str], str | None]
MUTATORS: dict[str, Mutator] = {}

_STRANGER = "Norvale"
_NUMERIC = {"quantity", "money", "percent", "number"}
_AUXILIARY = r"\b(am|is|are|was|were|will|would|can|could|may|must|has|have|does|do)\b(?! not|n't)"
_REMOVALS = [  # how a negation goes: pattern, what stays
    (r"\bcan ?not\b|\bcan't\b", "can"),
    (r"\bcan only\b", "can also"),
    (r"\bwon't\b", "will"),
    (r"\b(is|are|was|were|do|does|did|has|have|would|could|should)n't\b", r"\1"),
    (r"\b(un)able\b", "able"),
    (r"\bno longer\b", "still"),
    (r"\b(not|never) ", ""),
]
_LEADS = {"yes": "No", "no": "Yes", "certainly": "No", "sure": "No", "of course": "Of course not"}
_GERMAN = {
    "working day": "Werktage", "day": "Tage", "hour": "Stunden", "week": "Wochen", "month": "Monate", "year": "Jahre",
    "minute": "Minuten", "EUR": "Euro",
}  # fmt: skip


def mutate(kind: str, answer: str, prompt_text: str = "") -> str | None:
    """Spoil an answer.

    Args:
        kind: one of ``MUTATORS``.
        answer: a correct answer.
        prompt_text: what was asked; a shifted number never is one that the prompt mentions.

    Returns:
        The mutant, or None where this kind does not apply.

    Raises:
        LabError: unknown kind.
    """
    if kind not in MUTATORS:
        raise LabError(f"mutant '{kind}'", "is unknown", f"use one of {', '.join(MUTATORS)}")
    mutant = MUTATORS[kind](answer, prompt_text)
    return None if mutant == answer else mutant


def mutants(answer: str, prompt_text: str = "") -> Iterator[tuple[str, str]]:
    """Every kind that applies, with its mutant."""
    for kind in MUTATORS:
        mutant = mutate(kind, answer, prompt_text)
        if mutant is not None:
            yield kind, mutant


def _mutator(function: Mutator) -> Mutator:
    MUTATORS[function.__name__.strip("_")] = function
    return function


def _replace(answer: str, slot: Slot, text: str) -> str:
    return answer[: slot.start] + text + answer[slot.end :]


@_mutator
def number_shift(answer: str, prompt_text: str) -> str | None:
    """The first number becomes another one: "45 days" turns into "90 days"."""
    answer = answer if _json(answer) else clean(answer)
    slot = next((s for s in find(answer) if s.kind in _NUMERIC and not s.soft), None)
    if slot is None:
        return None
    digits = re.search(r"\d+", slot.text)
    amount, rest = (int(digits[0]), None) if digits else (7, " ".join(re.split(r"[ -]", slot.text)[-1:]))
    for other in (2 * amount, amount + 3, amount + 7, amount + 11):
        text = f"{other} {rest}" if rest else re.sub(r"\d+", str(other), slot.text, count=1)
        shifted = find(text)
        if shifted and not any(shifted[0].equals(s) for s in (slot, *find(clean(prompt_text)))):
            return _replace(answer, slot, text)
    return None


@_mutator
def negation_flip(answer: str, prompt_text: str) -> str | None:
    """Every negation goes; without one, the first statement is denied. A leading yes or no turns too."""
    flipped = re.sub(rf"^({'|'.join(_LEADS)})\b", lambda m: _LEADS[m[0].lower()], answer, count=1, flags=re.I)
    positive = flipped
    for pattern, rest in _REMOVALS:
        positive = re.sub(pattern, rest, positive, flags=re.I)
    if positive != flipped:
        return positive
    return re.sub(_AUXILIARY, r"\1 not", flipped, count=1)


@_mutator
def entity_swap(answer: str, prompt_text: str) -> str | None:
    """The first id, date, address or name becomes another one; in JSON the first text value does."""
    value = _json(answer)
    if value:
        key = next((k for k, v in value.items() if isinstance(v, str)), None)
        return json.dumps({**value, key: _STRANGER.lower()}) if key else None
    text = clean(answer)
    for slot in find(text):
        if slot.kind in ("id", "phone"):
            return _replace(text, slot, slot.text[:-1] + str((int(slot.text[-1]) + 1) % 10))
        if slot.kind == "date":
            return _replace(text, slot, re.sub(r"\d+", lambda m: str(int(m[0]) % 28 + 1), slot.text, count=1))
        if slot.kind in ("e-mail", "url"):
            return _replace(text, slot, slot.text.replace(".", f".{_STRANGER.lower()}.", 1))
    swapped = re.sub(r"(?<=[a-z,] )(?!I\b)[A-Z]\w+", _STRANGER, text, count=1)
    return None if swapped == text else swapped


@_mutator
def unsupported_sentence(answer: str, prompt_text: str) -> str | None:
    """A claim that nothing supports is added."""
    return (
        None
        if _json(answer)
        else f"{answer} Our partner {_STRANGER} also sends you a voucher of 25 euros within 9 days."
    )


@_mutator
def truncation(answer: str, prompt_text: str) -> str | None:
    """The answer breaks off before its first fact, or half-way."""
    slots = () if _json(answer) else find(clean(answer))
    start = slots[0].start if slots and slots[0].start else 0
    return (clean(answer)[:start] if start else answer[: len(answer) // 2]).rstrip() or None


@_mutator
def empty(answer: str, prompt_text: str) -> str | None:
    """Nothing is left."""
    return ""


@_mutator
def over_refusal(answer: str, prompt_text: str) -> str | None:
    """A refusal stands where an answer should."""
    return "I cannot help with that request."


@_mutator
def wrong_language(answer: str, prompt_text: str) -> str | None:
    """The facts are there, in German."""
    slots = [s for s in find(clean(answer)) if s.kind in _NUMERIC]
    said = [f"{re.sub(r'[^0-9.,]', '', s.text) or '7'} {_GERMAN.get(s.unit, '')}".strip() for s in slots]
    return "Vielen Dank f\u00fcr Ihre Nachricht. Die Antwort lautet: " + (", ".join(said) or "bitte warten Sie") + "."


@_mutator
def pii_leak(answer: str, prompt_text: str) -> str | None:
    """Data of another person are added (invented ones)."""
    return f"{answer} It is Dana Orrin, 12 Alder Lane, telephone 0170 5550134, dana.orrin@example.org."


@_mutator
def format_break(answer: str, prompt_text: str) -> str | None:
    """JSON gets words round it; prose gets a label in front, and its own labels lose their colons."""
    if _json(answer):
        return f"Sure, here it is:\n```json\n{answer}\n```"
    return "Answer - " + answer.replace(": ", " - ")


def _json(answer: str) -> dict[str, object] | None:
    try:
        value = json.loads(answer)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
