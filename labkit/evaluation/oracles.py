"""Deterministic oracles: each says whether an answer meets one expectation, and why not in a sentence for a defect report.

Each is a function ``(expected, answer, prompt_text) -> Outcome`` under a name that suites use; :mod:`labkit.evaluation.registry`
says how to add your own, and :mod:`labkit.evaluation.oracle_records` holds those that look at more than one answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from labkit.evaluation.grounding import capitalised
from labkit.evaluation.oracle_decision import DECISIONS, taken
from labkit.evaluation.oracle_slots import Slot, clean, find, plain
from labkit.evaluation.registry import ORACLES, Outcome, judged, oracle, quote

__all__ = ["ORACLES", "Outcome", "judged", "oracle", "quote"]  # what it takes to write an oracle, from one place


@oracle("equals")
def equals(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """The answer is this text; spacing at the ends and between words does not matter, case does."""
    wanted, got = (" ".join(plain(str(t)).split()) for t in (expected, answer))
    return judged(wanted == got, quote(str(expected)), quote(answer))


@oracle("matches")
def matches(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """Every regular expression is found in the answer (upper and lower case are the same; ``^`` is its start)."""
    patterns = _patterns(expected)
    hits = {p: m[0] for p in patterns if (m := re.search(p, plain(answer), re.I))}
    missing = [p for p in patterns if p not in hits]
    score = 1 - len(missing) / len(patterns)
    wanted = ", ".join(f"/{p[:60]}{'...' * (len(p) > 60)}/" for p in missing or patterns)
    return judged(
        not missing, f"text that matches {wanted}", quote(answer), "" if missing else hits[patterns[0]], score
    )


@oracle("forbids")
def forbids(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """No regular expression of the list is found in the answer (upper and lower case are the same)."""
    patterns = _patterns(expected)
    hits = [m[0] for p in patterns if (m := re.search(p, plain(answer), re.I))]
    score = 1 - len(hits) / len(patterns)
    return judged(not hits, "none of the forbidden texts", quote(hits[0]) if hits else "none", "".join(hits[:1]), score)


def _patterns(expected: Any) -> list[str]:
    texts = _texts(expected)
    for text in texts:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"'{text}' is no regular expression: {error}") from error
    return texts


def _texts(expected: Any) -> list[str]:
    items = expected if isinstance(expected, list) else [expected]
    if not items or any(isinstance(item, (dict, list, bool)) or item is None or not str(item) for item in items):
        raise ValueError("give a text or a list of texts")
    return [str(item) for item in items]


@oracle("equals_json")
def equals_json(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """The whole answer is one JSON value equal to this one; order of keys and spacing do not matter."""
    wanted = json.dumps(expected)  # a value JSON cannot hold is a ValueError or TypeError here, at load time
    got, problem = read_json(answer)
    if problem:
        return judged(False, f"the JSON value {wanted}", problem)
    return judged(same_json(got, expected), f"the JSON value {wanted}", json.dumps(got))


@oracle("json_schema")
def json_schema(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """The whole answer is one JSON value that fits this JSON Schema (an object, if the schema speaks of its keys)."""
    import jsonschema
    from referencing import Registry

    if not isinstance(expected, dict):
        raise ValueError("give a JSON Schema, as in {type: object, required: [team]}")
    schema = {"type": "object", **expected} if {"required", "properties"} & set(expected) else expected
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"no valid JSON Schema: {error.message}") from error
    got, problem = read_json(answer)
    if problem:
        return judged(False, "JSON that fits the schema", problem)
    # An empty registry: a schema that points to another address must never make a test run call out.
    errors = jsonschema.Draft202012Validator(schema, registry=Registry()).iter_errors(got)
    first = next(iter(sorted(errors, key=lambda e: list(map(str, e.absolute_path)))), None)
    if first is None:
        return judged(True, "JSON that fits the schema", json.dumps(got))
    return judged(False, "JSON that fits the schema", f"{quote(answer)} ({first.message})", first.message)


def read_json(answer: str) -> tuple[Any, str]:
    """The JSON value that an answer is as a whole, and what keeps it from being one (or nothing)."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no JSON value")

    try:
        return json.loads(answer.strip(), object_pairs_hook=once, parse_constant=refuse), ""
    except (ValueError, RecursionError) as error:
        if not answer.strip():
            return None, "an empty answer"
        return None, f"{quote(answer)}, which is not JSON alone ({str(error) or 'nested too deeply'})"


def same_json(a: Any, b: Any) -> bool:
    """Equality as JSON sees it: 1 and 1.0 are one number, 1 and true are not one value."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


@oracle("facts")
def facts(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """Every expected fact is stated, and no rival of its kind is.

    A fact that is one typed slot ("45 days", "4.90 euros", "14 May", "TG-48213") is found in any spelling; any other
    text is looked for as a phrase. A rival is another slot that could be taken for an expected one (days for days, one
    sum for another), unless the prompt mentions it or it is the difference (of money also the sum) of an expected slot
    and one of the prompt: "you are 1 euro short of 60 euros" is right when the customer has 59.
    """
    texts = _texts(expected)
    wanted = [(text, one_slot(text)) for text in texts]
    found, asked = find(clean(answer)), find(clean(prompt_text))
    missing = [text for text, slot in wanted if not (any(map(slot.equals, found)) if slot else _says(answer, text))]
    slots = [slot for text in texts for slot in find(clean(text))]
    rivals = [s for s in found if is_rival(s, found, slots, asked)]
    score = (len(texts) - len(missing)) / (len(texts) + len(rivals))
    wish = f"the answer to state {' and '.join(map(quote, missing or texts))}"
    if rivals:
        named = " and ".join(dict.fromkeys(quote(s.text) for s in rivals))
        return judged(False, f"{wish}{'' if missing else ' and no other value'}", named, rivals[0].text, score)
    return judged(not missing, wish, quote(answer) if missing else "it", "" if missing else texts[0], score)


def one_slot(text: str) -> Slot | None:
    """The slot that a text is, if it is exactly one."""
    text = clean(text)
    found = find(text)
    return found[0] if len(found) == 1 and (found[0].start, found[0].end) == (0, len(text)) else None


def _says(answer: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(clean(phrase))}(?!\w)", clean(answer), re.I) is not None


def is_rival(slot: Slot, found: Sequence[Slot], wanted: Sequence[Slot], asked: Sequence[Slot]) -> bool:
    """Could this slot of an answer be taken for a wanted one, though neither the prompt nor a sum explains it?

    Args:
        slot: one of ``found``.
        found: all slots of the answer.
        wanted: the expected slots.
        asked: the slots of the prompt.
    """
    peers = [w for w in wanted if w.family == slot.family]
    if slot.soft or not peers or any(map(slot.equals, (*wanted, *asked))):
        return False
    if isinstance(slot.value, str) or sum(s.start == slot.start for s in found) > 1:  # "4-6 days" is no "6 days"
        return True
    near = [a for a in asked if a.dimension in (slot.dimension, "number")]  # "my basket is at 59" may mean euros
    allowed = {float(a.value) for a in near if a.kind == "number"}
    allowed |= {abs(float(w.value) - float(a.value)) for w in peers for a in near}
    if slot.kind == "money":
        allowed |= {float(w.value) + float(a.value) for w in peers for a in near}
    return not any(math.isclose(slot.value, value, abs_tol=1e-6) for value in allowed)


@oracle("decision")
def decision(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """The answer refuses, escalates, approves or denies; see :mod:`labkit.evaluation.oracle_decision` for the cues."""
    name = {True: "approve", False: "deny", "yes": "approve", "no": "deny"}.get(expected, expected)  # YAML's yes and no
    if name not in DECISIONS:
        raise ValueError(f"'{expected}' is no decision; known are {', '.join(DECISIONS)}")
    text = clean(answer)
    cue = DECISIONS[name](text)
    if cue:
        return judged(True, f"the decision to {name}", quote(cue), cue)
    shown = "".join(f" (which reads as: {other})" for other in taken(text)[:1])
    return judged(False, f"the decision to {name}", quote(answer) + shown)


@oracle("grounded")
def grounded(expected: Any, answer: str, prompt_text: str) -> Outcome:
    """Every slot and every name of the answer stands in the prompt or in the list of what else is allowed.

    ``grounded: true`` allows the prompt only; ``grounded: [45 days, My Orders]`` allows these too. A name is a word with
    a capital that does not open a sentence. A false claim without slot or name is beyond this oracle.
    """
    if expected is not True and not isinstance(expected, list):
        raise ValueError("give true, or a list of the facts and names that are allowed beside the prompt's")
    source = clean(" \n ".join([prompt_text, *(_texts(expected) if isinstance(expected, list) and expected else [])]))
    text = clean(answer)
    allowed = find(source)
    words = set(re.findall(r"[\w'-]+", source.lower()))
    loose = [s.text for s in find(text) if not s.soft and not any(map(s.equals, allowed))]
    loose += [name for name in capitalised(text) if not all(word in words for word in name.lower().split())]
    if not text:
        return judged(False, "an answer supported by the prompt", "an empty answer")
    if loose:
        return judged(False, "only facts that the prompt supports", quote(loose[0]) + " without support", loose[0])
    return judged(True, "only facts that the prompt supports", "no other")
