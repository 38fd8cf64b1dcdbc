"""Oracles that look beyond one answer: at the answer to the seed case, or at how likely the model finds two texts.

``consistent`` (nothing that matters may change) and ``moves`` (this must change, in this way) judge a variant together
with its seed. ``prefers`` compares two texts that differ in one place. A run record holds their likelihoods because the
case asks for them; see :func:`texts_compared`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from labkit import LabError
from labkit.evaluation.oracle_decision import DECISIONS, taken
from labkit.evaluation.oracle_slots import Slot, clean, find
from labkit.evaluation.oracles import is_rival, one_slot, read_json, same_json
from labkit.evaluation.registry import Outcome, Said, judged, quote, record_oracle
from labkit.records import Case

TIE = 1e-3  # nats; smaller differences are noise of the arithmetic
LONGEST_STRETCH = 3
_YES = {"yes": "approve", "no": "deny"}


class Clash(NamedTuple):
    """One way in which two answers disagree: what the other one says, what this one says, and where."""

    other: str
    found: str
    evidence: str = ""


@record_oracle("consistent")
def consistent(expected: Any, said: Said, seed: Said | None) -> Outcome:
    """The answer commits to the same as the answer to the seed case: decision, facts, fields of its JSON.

    ``consistent: true`` compares all three where both answers have them; ``consistent: decision`` or ``[decision, team]``
    names what must agree (``decision``, ``facts``, or keys of the JSON). ``consistent: {with: TEXT}`` agrees with a given
    text instead of the seed, as in a back-to-back test against the system that is to be replaced.

    Facts agree when no figure rivals one of the other answer and none of its kinds of fact is lost: more detail is no
    contradiction. Decisions agree when both are the same, or one is not put in words and nothing is refused or handed over.
    """
    other, names = _compared(expected, said, seed)
    whose = "the given answer" if isinstance(expected, dict) else "the answer to its seed case"
    if not said.answer.strip() or not other.answer.strip():
        return judged(
            False, f"an answer that agrees with {whose}", _short(said.answer) + f" against {_short(other.answer)}"
        )
    clashes = _json_clashes(said.answer, other.answer, names)
    if clashes is None:
        wanted = names or ["decision", "facts"]
        if strange := [name for name in wanted if name not in ("decision", "facts")]:
            return judged(False, f'JSON with "{strange[0]}", as {whose} has it', quote(said.answer))
        clashes = [*_decision_clashes(said.answer, other.answer, bool(names))] if "decision" in wanted else []
        clashes += _fact_clashes(said, other) if "facts" in wanted else []
    if clashes:
        first = clashes[0]
        return judged(False, f"what {whose} says, {first.other}", first.found, first.evidence)
    return judged(True, f"what {whose} says", "the same")


def _compared(expected: Any, said: Said, seed: Said | None) -> tuple[Said, list[str]]:
    if isinstance(expected, dict):
        if (
            set(expected) - {"with", "only"}
            or not isinstance(expected.get("with"), str)
            or not expected["with"].strip()
        ):
            raise ValueError("give {with: TEXT}, and 'only' to name what must agree")
        return Said(expected["with"], said.prompt), _names(expected.get("only", True))
    names = _names(expected)
    if seed is None:
        raise ValueError("compares a variant with its seed case: give the case a seed, or write {with: TEXT}")
    return seed, names


def _names(value: Any) -> list[str]:
    names = [] if value is True else value if isinstance(value, list) else [value]
    if value is not True and (not names or not all(isinstance(name, str) and name for name in names)):
        raise ValueError("give true, or name what must agree: decision, facts, or keys of the JSON")
    return names


def _json_clashes(answer: str, other: str, names: Sequence[str]) -> list[Clash] | None:
    """Disagreements of two JSON objects; None where neither answer is one."""
    here, there = _object(answer), _object(other)
    if here is None and there is None:
        return None
    if here is None or there is None:
        return [Clash(_short(other), _short(answer))]
    keys = [key for key in names if key not in ("decision", "facts") or key in there] or list({**there, **here})
    return [
        Clash(f"{key}: {_shown(there, key)}", f"{key}: {_shown(here, key)}", _shown(here, key))
        for key in keys
        if key not in here or key not in there or not same_json(here[key], there[key])
    ]


def _object(answer: str) -> dict[str, Any] | None:
    value, _ = read_json(answer)
    return value if isinstance(value, dict) else None


def _shown(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False)[:120] if key in values else "nothing"


def _decision_clashes(answer: str, other: str, strict: bool) -> list[Clash]:
    here, there = (next(iter(taken(clean(text))), "") for text in (answer, other))
    silent = not strict and (not here or not there) and not {here, there} & {"refuse", "escalate"}
    if here == there or silent:
        return []
    cue = DECISIONS[here](clean(answer)) if here else ""
    found = f'the decision to {here} ("{cue}")' if here else f"no decision in {quote(answer)}"
    return [Clash(f"the decision to {there}" if there else "no decision", found, cue)]


def _fact_clashes(said: Said, other: Said) -> list[Clash]:
    found, asked = find(clean(said.answer)), find(clean(said.prompt))
    wanted = _own(other, asked)
    clashes = [
        Clash(_listed([w for w in wanted if w.family == slot.family]), f'"{slot.text}"', slot.text)
        for slot in found
        if is_rival(slot, found, wanted, asked)
    ]
    kinds = dict.fromkeys(slot.family for slot in wanted)
    for kind in kinds:
        of_kind = [slot for slot in wanted if slot.family == kind]
        if not any(slot.equals(f) for slot in of_kind for f in found):
            clashes.append(Clash(_listed(of_kind), quote(said.answer)))
    return clashes


def _own(other: Said, asked: Sequence[Slot]) -> list[Slot]:
    """The facts of the other answer, without details that only its own prompt had (its "46 days ago")."""
    told = find(clean(other.prompt))
    slots = [slot for slot in find(clean(other.answer)) if not slot.soft]
    return [s for s in slots if not any(map(s.equals, told)) or any(map(s.equals, asked))]


def _listed(slots: Sequence[Slot]) -> str:
    return " and ".join(dict.fromkeys(f'"{slot.text}"' for slot in slots))


def _short(text: str) -> str:
    return quote(text, 60)


@record_oracle("moves")
def moves(expected: Any, said: Said, seed: Said | None) -> Outcome:
    """Against the answer to the seed case, something changes in the given way.

    ``moves: {decision: approve -> deny}`` names both ends; the left side may be ``decision``, a unit as in ``{EUR: up}`` or
    ``{day: 45 days -> 60 days}``, or a key of the answer's JSON. Instead of both ends, ``up``, ``down`` or ``changes``. Of
    several figures of a unit the first counts that the question itself does not hold.
    """
    if not isinstance(expected, dict) or not expected:
        raise ValueError("say what moves and how, as in {decision: approve -> deny} or {EUR: up}")
    ways = {str(what): _way(how) for what, how in expected.items()}
    if seed is None:
        raise ValueError("compares a variant with its seed case: give the case a seed")
    before, after = ({what: _value(what, text) for what in ways} for text in (seed, said))
    wrong = [what for what, way in ways.items() if not _moved(what, way, before[what], after[what])]
    shown = wrong or list(ways)
    return judged(
        not wrong,
        " and ".join(f"{what}: {_told(ways[what])}, against the answer to its seed case" for what in shown),
        " and ".join(f"{what}: {_text(before[what])} -> {_text(after[what])}" for what in shown),
        _text(after[shown[0]]) if after[shown[0]] is not None else "",
        1 - len(wrong) / len(ways),
    )


def _way(how: Any) -> tuple[str, ...]:
    text = str(how).strip()
    ends = tuple(part.strip() for part in text.split("->"))
    if text in ("up", "down", "changes") or (len(ends) == 2 and all(ends) and ends[0] != ends[1]):
        return ends
    raise ValueError(f"'{how}' is no way to move: write up, down, changes, or BEFORE -> AFTER")


def _told(way: tuple[str, ...]) -> str:
    return " -> ".join(way)


def _value(what: str, said: Said) -> Any:
    """What an answer holds of this: a decision, a value of its JSON, a slot, or None."""
    fields = _object(said.answer)
    if fields is not None:
        return fields.get(what)
    if what == "decision":
        return next(iter(taken(clean(said.answer))), None)
    own = find(clean(_question(said.prompt)))
    unit = one_slot(f"1 {what}")  # months are found where years are named, as they measure the same
    found = (s for s in find(clean(said.answer)) if not s.soft)
    slots = [s for s in found if (s.dimension == unit.dimension if unit else what in (s.unit, s.kind))]
    return next((s for s in slots if not any(map(s.equals, own))), slots[0] if slots else None)


def _question(prompt: str) -> str:
    return prompt.rpartition("]\n")[2]


def _moved(what: str, way: tuple[str, ...], before: Any, after: Any) -> bool:
    if len(way) == 2:
        return all(_is(what, value, end) for value, end in zip((before, after), way, strict=True))
    if before is None or after is None:
        return False
    if way == ("changes",):
        return not (
            before.equals(after) if isinstance(before, Slot) and isinstance(after, Slot) else same_json(before, after)
        )
    low, high = _number(before), _number(after)
    return low is not None and high is not None and (high > low if way == ("up",) else high < low)


def _number(value: Any) -> float | None:
    value = value.value if isinstance(value, Slot) else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is(what: str, value: Any, end: str) -> bool:
    if isinstance(value, Slot):
        wanted = one_slot(end)
        return wanted is not None and wanted.equals(value)
    if what == "decision" and isinstance(value, str):
        return value == end or value == _YES.get(end)
    return value is not None and _text(value) == end


def _text(value: Any) -> str:
    if isinstance(value, Slot):
        return value.text
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)


@record_oracle("prefers")
def prefers(expected: Any, said: Said, seed: Said | None) -> Outcome:
    """The model finds ``right`` likelier than ``wrong`` as its answer; the two differ in one place only.

    ``prefers: {right: "... within 45 days.", wrong: "... within 90 days."}``. Likelihood ranks wording, not truth, so only
    texts with the same number of words that differ in one stretch of at most three are compared, and the message names
    what the context (system message, rule, document) adds. A difference below 0.001 is a tie, and a tie does not pass.
    """
    right, wrong = _pair(expected)
    if said.likelihoods is None:
        return judged(False, f"{quote(right)} to be likelier", "no run yet")
    if missing := [text for text in (right, wrong) if text not in said.likelihoods]:
        mend = "run the suite again with a model whose weights are here"
        raise LabError("oracle 'prefers'", f"the record holds no likelihood of {_short(missing[0])}", mend)
    one, two = said.likelihoods[right], said.likelihoods[wrong]
    gap, bare = round(one.logprob - two.logprob, 4), round(one.bare - two.bare, 4)
    how = "as likely" if abs(gap) < TIE else f"{abs(gap):.2f} nats {'likelier' if gap > 0 else 'less likely'}"
    found = f"it {how} (the context adds {gap - bare:+.2f})"
    wish = f"{_marked(right, wrong)} to be likelier than {_marked(wrong, right)}"
    return judged(gap >= TIE, wish, found, right if gap >= TIE else wrong)


def texts_compared(case: Case) -> list[str]:
    """The texts whose likelihood a case asks for; none for nearly every case."""
    pairs = [_pair(entry["prefers"]) for entry in case.expect if "prefers" in entry]
    return list(dict.fromkeys(text for pair in pairs for text in pair))


def _pair(expected: Any) -> tuple[str, str]:
    if not isinstance(expected, dict) or set(expected) != {"right", "wrong"}:
        raise ValueError("give two texts, as in {right: ..., wrong: ...}")
    right, wrong = (" ".join(str(expected[key]).split()) for key in ("right", "wrong"))
    stretch = _stretch(right, wrong)
    words, others = right.split(), wrong.split()
    if right == wrong or not words or len(words) != len(others) or stretch.stop - stretch.start > LONGEST_STRETCH:
        raise ValueError(
            f"the texts must have the same number of words and differ in one stretch of 1 to {LONGEST_STRETCH} words"
        )
    return right, wrong


def _stretch(text: str, other: str) -> slice:
    """Where the words of a text differ from those of another of the same length."""
    differ = [i for i, (a, b) in enumerate(zip(text.split(), other.split(), strict=False)) if a != b]
    return slice(differ[0], differ[-1] + 1) if differ else slice(0, 0)


def _marked(text: str, other: str) -> str:
    """A text in quotes, cut round the words that matter."""
    words, at = text.split(), _stretch(text, other)
    start, end = max(0, at.start - 4), at.stop + 2
    inner = " ".join(words[start:end])
    return f'"{"... " * (start > 0)}{inner}{" ..." * (end < len(words))}"'
