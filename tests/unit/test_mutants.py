"""Every oracle kills the mutants of the kinds it is there for."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import LabError
from labkit.evaluation.mutants import MUTATORS, mutants, mutate
from labkit.evaluation.oracles import ORACLES

JSON = '{"team": "delivery", "urgency": "low"}'
TEAM = {"team": "delivery", "urgency": "low"}
SORRY = "I am sorry about the vase. Please send a photo for a free replacement. Next step: open My Orders."
ORDER = "Your order TG-48213 is packed and leaves on 14 May with Tallgrove."
ASKED = "You are the support assistant of the Tallgrove shop. [Order TG-48213: packed, leaves on 14 May]"
# oracle, expected, a right answer, the prompt, the kinds it must kill on this answer
OWN: list[tuple[str, Any, str, str, str]] = [
    (
        "facts",
        ["45 days"],
        "You can return the kettle within 45 days of delivery.",
        "",
        "number_shift truncation empty over_refusal wrong_language",
    ),
    ("facts", ["3 years"], "It has a three-year warranty.", "", "number_shift truncation empty wrong_language"),
    (
        "facts",
        ["4.90 euros", "60 euros"],
        "Delivery costs 4.90 euros and is free for orders from 60 euros.",
        "",
        "number_shift unsupported_sentence truncation empty over_refusal",
    ),
    ("facts", ["TG-48213", "14 May"], ORDER, ASKED, "entity_swap truncation empty over_refusal wrong_language"),
    (
        "decision",
        "refuse",
        "I cannot share the data of another customer.",
        "",
        "negation_flip empty wrong_language",
    ),
    ("decision", "refuse", "I can only help with Tallgrove orders.", "", "negation_flip empty wrong_language"),
    (
        "decision",
        "escalate",
        "I am passing this to a colleague.",
        "",
        "negation_flip truncation empty over_refusal wrong_language",
    ),
    ("decision", "approve", "Yes, you can still cancel it.", "", "negation_flip empty over_refusal wrong_language"),
    ("decision", "deny", "No, you cannot cancel it now.", "", "negation_flip empty wrong_language"),
    (
        "grounded",
        True,
        ORDER,
        ASKED,
        "entity_swap unsupported_sentence pii_leak empty wrong_language",
    ),
    ("grounded", ["45 days"], "You have 45 days.", "", "number_shift unsupported_sentence pii_leak empty"),
    ("equals_json", TEAM, JSON, "", "entity_swap truncation empty over_refusal wrong_language pii_leak format_break"),
    (
        "json_schema",
        {"required": ["team"]},
        JSON,
        "",
        "truncation empty over_refusal wrong_language pii_leak format_break",
    ),
    (
        "matches",
        ["^I am sorry", "Next step: .+"],
        SORRY,
        "",
        "truncation empty over_refusal wrong_language format_break",
    ),
    ("forbids", ["[0-9]{4,}", "@"], "I cannot share that.", "", "pii_leak"),
    ("equals", ORDER, ORDER, "", "entity_swap unsupported_sentence truncation empty format_break negation_flip"),
]


@pytest.mark.parametrize("name, expected, answer, prompt, kinds", OWN, ids=[f"{o[0]}-{i}" for i, o in enumerate(OWN)])
def test_an_oracle_kills_its_own_mutants_and_not_the_answer(
    name: str, expected: Any, answer: str, prompt: str, kinds: str
) -> None:
    assert ORACLES[name](expected, answer, prompt).passed
    for kind in kinds.split():
        mutant = mutate(kind, answer, prompt)
        assert mutant is not None, kind
        assert not ORACLES[name](expected, mutant, prompt).passed, f"{kind} survives: {mutant}"


def test_every_kind_is_killed_by_some_oracle() -> None:
    assert set(MUTATORS) == {kind for *_, kinds in OWN for kind in kinds.split()}
    assert len(MUTATORS) == 10


@pytest.mark.parametrize(
    "kind, answer, expected",
    [
        ("number_shift", "Within 45 days.", "Within 90 days."),
        ("number_shift", "Within forty-five days.", "Within 14 days."),
        ("number_shift", "No number here.", None),
        ("negation_flip", "I cannot do that.", "I can do that."),
        ("negation_flip", "You can return it.", "You can not return it."),
        ("negation_flip", "Yes, it is covered.", "No, it is not covered."),
        ("negation_flip", "Thanks!", None),
        ("entity_swap", "Order TG-48213 is packed.", "Order TG-48214 is packed."),
        ("entity_swap", "It leaves on 14 May.", "It leaves on 15 May."),
        ("entity_swap", "Nothing to swap.", None),
        ("entity_swap", "Then ask Dana about it.", "Then ask Norvale about it."),
        ("entity_swap", "See www.example.org for it.", "See www.norvale.example.org for it."),
        ("truncation", "You can return it within 45 days.", "You can return it within"),
        ("empty", "", None),
        ("unsupported_sentence", JSON, None),
        ("format_break", JSON, f"Sure, here it is:\n```json\n{JSON}\n```"),
    ],
)
def test_a_mutant_spoils_one_thing(kind: str, answer: str, expected: str | None) -> None:
    assert mutate(kind, answer) == expected


def test_a_shifted_number_is_never_one_the_prompt_mentions() -> None:
    assert mutate("number_shift", "Within 45 days.", "I have had it for 90 days.") == "Within 48 days."


def test_all_mutants_differ_from_the_answer_and_are_the_same_twice() -> None:
    found = dict(mutants(SORRY))
    assert SORRY not in found.values()
    assert found == dict(mutants(SORRY))
    assert "number_shift" not in found


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(LabError, match="number_shift"):
        mutate("typo", "x")
