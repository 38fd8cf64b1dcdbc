"""Oracles accept what means the same, reject near misses, and say why in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import referencing.exceptions
import yaml

from labkit import LabError
from labkit.evaluation import oracle_records as oracle_records  # importing it registers those that see more
from labkit.evaluation import oracle_slots
from labkit.evaluation.oracles import ORACLES, Outcome, judged, oracle
from labkit.evaluation.registry import Said, apply, known_oracles

ENTRIES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "equivalents.yaml").read_text("utf-8"))


def answers(side: str) -> list[Any]:
    return [
        pytest.param(
            e["oracle"], e["expected"], answer, e.get("prompt", ""), e.get("seed"), id=f"{e['oracle']}-{i}-{j}"
        )
        for i, e in enumerate(ENTRIES)
        for j, answer in enumerate(e.get(side, []))
    ]


def ask(name: str, expected: Any, answer: str, prompt: str = "", seed: str | None = None) -> Outcome:
    return apply(name, expected, Said(answer, prompt), None if seed is None else Said(seed, prompt))


@pytest.mark.parametrize("name, expected, answer, prompt, seed", answers("right"))
def test_an_equivalent_answer_passes(name: str, expected: Any, answer: str, prompt: str, seed: str | None) -> None:
    outcome = ask(name, expected, answer, prompt, seed)
    assert outcome.passed, outcome.message
    assert outcome.score == 1


@pytest.mark.parametrize("name, expected, answer, prompt, seed", answers("wrong"))
def test_a_near_miss_fails_with_one_sentence(
    name: str, expected: Any, answer: str, prompt: str, seed: str | None
) -> None:
    outcome = ask(name, expected, answer, prompt, seed)
    assert not outcome.passed, outcome.message
    assert 0 <= outcome.score < 1
    assert outcome.message.startswith("Expected ") and ", found " in outcome.message
    assert outcome.message.endswith(".") and "\n" not in outcome.message and len(outcome.message) < 420


@pytest.mark.parametrize("name, expected, answer, prompt, seed", answers("missed"))
def test_a_known_false_alarm_is_still_one(name: str, expected: Any, answer: str, prompt: str, seed: str | None) -> None:
    assert not ask(name, expected, answer, prompt, seed).passed, "mended: move it to 'right'"


def test_the_lists_are_long_enough_and_cover_every_oracle_that_reads_texts() -> None:
    names = {e["oracle"] for e in ENTRIES}
    assert names == {n for n, f in known_oracles().items() if f.__module__.startswith("labkit.")} - {"prefers"}
    for name in names:
        own = [e for e in ENTRIES if e["oracle"] == name]
        right, wrong, missed = (
            {str(text) for e in own for text in e.get(side, [])} for side in ("right", "wrong", "missed")
        )
        assert len(right) >= 30 and len(wrong) >= 10, (name, len(right), len(wrong))
        assert len(right) / len(right | missed) >= 0.95, name


@pytest.mark.parametrize(
    "name, expected, answer, sentence, evidence",
    [
        (
            "facts",
            ["45 days"],
            "Within 30 days.",
            'Expected the answer to state "45 days", found "30 days".',
            "30 days",
        ),
        ("facts", ["45 days"], "Soon.", 'Expected the answer to state "45 days", found "Soon.".', ""),
        ("forbids", ["aye"], "Aye!", 'Expected none of the forbidden texts, found "Aye".', "Aye"),
        ("decision", "escalate", "", "Expected the decision to escalate, found an empty answer.", ""),
        (
            "decision",
            "refuse",
            "Yes, here you are.",
            'Expected the decision to refuse, found "Yes, here you are." (which reads as: approve).',
            "",
        ),
        (
            "grounded",
            True,
            "It costs 5 euros.",
            'Expected only facts that the prompt supports, found "5 euros" without support.',
            "5 euros",
        ),
    ],
)
def test_messages_can_be_pasted_into_a_defect_report(
    name: str, expected: Any, answer: str, sentence: str, evidence: str
) -> None:
    outcome = ask(name, expected, answer)
    assert (outcome.message, outcome.evidence) == (sentence, evidence)


def test_a_partly_right_answer_scores_in_between() -> None:
    assert ask("facts", ["4.90 euros", "60 euros"], "It costs 4.90 euros.").score == 0.5


@pytest.mark.parametrize(
    "name, expected",
    [
        ("matches", "("),
        ("matches", []),
        ("forbids", [{}]),
        ("facts", None),
        ("facts", [""]),
        ("decision", "perhaps"),
        ("json_schema", {"type": "nonsense"}),
        ("json_schema", "text"),
        ("grounded", "45 days"),
    ],
)
def test_an_expectation_without_sense_is_refused(name: str, expected: Any) -> None:
    with pytest.raises(ValueError):
        ask(name, expected, "an answer")


def test_a_schema_never_calls_out() -> None:
    with pytest.raises(referencing.exceptions.Unresolvable):
        ask("json_schema", {"$ref": "https://example.org/schema.json"}, "{}")


def test_a_notebook_may_add_an_oracle_and_run_its_cell_again() -> None:
    try:
        for _ in range(2):

            @oracle("polite")
            def polite(expected: Any, answer: str, prompt_text: str) -> Outcome:
                return judged("please" in answer.lower(), "a polite answer", f'"{answer}"')

        assert ask("polite", True, "Please wait.").passed
        with pytest.raises(LabError, match="exists already"):
            oracle("facts")(polite)
        with pytest.raises(LabError, match="exists already"):
            oracle("consistent")(polite)
    finally:
        ORACLES.pop("polite", None)


@pytest.mark.parametrize(
    "one, other",
    [
        ("45 days", "forty-five days"),
        ("2 years", "24 months"),
        ("EUR 1,000.50", "1000.50 euros"),
        ("1.000.000 euros", "1,000,000 euros"),
        ("a hundred and twenty minutes", "2 hours"),
        ("two and a half hours", "150 min"),
        ("14 May", "2026-05-14"),
        ("5 pm", "17:00"),
        ("20 per cent", "20 %"),
        ("40 cm", "0.4 metres"),
        ("+49 170 5550134", "+49-170-5550134"),
        ("a fortnight", "14 days"),
    ],
)
def test_two_spellings_are_one_slot(one: str, other: str) -> None:
    [a], [b] = oracle_slots.find(one), oracle_slots.find(other)
    assert a.equals(b) and b.equals(a)


@pytest.mark.parametrize(
    "one, other",
    [("14 May 2025", "14 May 2026"), ("3 days", "3 working days"), ("5 am", "5 pm"), ("5 euros", "5 dollars")],
)
def test_two_facts_are_two_slots(one: str, other: str) -> None:
    assert not oracle_slots.find(one)[0].equals(oracle_slots.find(other)[0])


@pytest.mark.parametrize("text", ["You may go.", "That one is fine.", "I have a lamp.", "Second, wait a moment.", "A4"])
def test_words_without_a_fact_hold_no_slot(text: str) -> None:
    assert oracle_slots.find(text) == ()


@pytest.mark.parametrize(
    "junk", ["a" * 20000, "1 " * 10000, "forty-" * 4000, "www." * 5000, "not " * 6000, "I " * 9000]
)
def test_a_runaway_answer_is_judged_in_time(junk: str) -> None:
    import time

    started = time.process_time()
    for name, expected in [
        ("facts", ["45 days"]),
        ("decision", "escalate"),
        ("decision", "refuse"),
        ("grounded", True),
    ]:
        ask(name, expected, junk)
    assert time.process_time() - started < 3
