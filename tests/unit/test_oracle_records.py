"""Oracles that look beyond one answer: messages, evidence, what they refuse, and the mutants each of them kills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit import LabError
from labkit.evaluation.mutants import mutate
from labkit.evaluation.oracle_records import texts_compared
from labkit.evaluation.registry import Said, apply
from labkit.records import Case, Likelihood, Message

PAIRS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "minimal_pairs.yaml").read_text("utf-8"))
RUG = "You can return the rug within 45 days of delivery."
PAIR = {"right": "Within 45 days of delivery.", "wrong": "Within 90 days of delivery."}


def ask(name: str, expected: Any, answer: str, seed: str | None = None, prompt: str = "How long?") -> Any:
    return apply(name, expected, Said(answer, prompt), None if seed is None else Said(seed, prompt))


def likely(
    right: float, wrong: float, bare: tuple[float, float] = (-9.0, -9.0), pair: dict[str, str] | None = None
) -> Said:
    texts = (pair or PAIR).values()
    known = [Likelihood(text=t, logprob=p, bare=b) for t, p, b in zip(texts, (right, wrong), bare, strict=True)]
    return Said("", "How long?", {entry.text: entry for entry in known})


@pytest.mark.parametrize(
    "name, expected, answer, seed, sentence, evidence",
    [
        (
            "consistent", True, "Within 30 days.", RUG,
            'Expected what the answer to its seed case says, "45 days", found "30 days".', "30 days",
        ),
        (
            "consistent", True, "No, it is too late.", "Yes, you can.",
            'Expected what the answer to its seed case says, the decision to approve, found the decision to deny ("No").',
            "No",
        ),
        (
            "consistent", {"with": '{"team": "billing"}'}, '{"team": "safety"}', None,
            'Expected what the given answer says, team: "billing", found team: "safety".', '"safety"',
        ),
        (
            "consistent", True, "", RUG,
            f'Expected an answer that agrees with the answer to its seed case, found an empty answer against "{RUG}".', "",
        ),
        (
            "moves", {"decision": "approve -> deny"}, "Yes, you can.", "Yes, you can.",
            "Expected decision: approve -> deny, against the answer to its seed case, "
            "found decision: approve -> approve.", "approve",
        ),
        (
            "moves", {"date": "3 March -> 9 March"}, "It leaves on 3 March.", "It leaves on 3 March.",
            "Expected date: 3 March -> 9 March, against the answer to its seed case, found date: 3 March -> 3 March.",
            "3 March",
        ),
        (
            "moves", {"EUR": "up"}, "It is free.", "It costs 4.90 euros.",
            "Expected EUR: up, against the answer to its seed case, found EUR: 4.90 euros -> nothing.", "",
        ),
    ],
)  # fmt: skip
def test_messages_can_be_pasted_into_a_defect_report(
    name: str, expected: Any, answer: str, seed: str | None, sentence: str, evidence: str
) -> None:
    outcome = ask(name, expected, answer, seed)
    assert not outcome.passed
    assert (outcome.message, outcome.evidence) == (sentence, evidence)


def test_a_detail_of_its_own_prompt_is_no_inconsistency() -> None:
    seed = Said("Day 40 is within the 45 days.", "It is day 40. May I return it?")
    said = Said("Day 41 is within the 45 days.", "It is day 41. May I return it?")
    assert apply("consistent", True, said, seed).passed


def test_of_several_moves_the_score_is_the_share_that_happened() -> None:
    before, after = '{"team": "billing", "urgency": "low"}', '{"team": "billing", "urgency": "high"}'
    outcome = ask("moves", {"urgency": "low -> high", "team": "changes"}, after, before)
    assert not outcome.passed and outcome.score == 0.5
    assert "team: changes" in outcome.message and "urgency" not in outcome.message


@pytest.mark.parametrize(
    "right, wrong, passed, words",
    [
        (-5.0, -8.0, True, "3.00 nats likelier (the context adds +3.00)"),
        (-8.0, -5.0, False, "3.00 nats less likely (the context adds -3.00)"),
        (-5.0, -5.0005, False, "as likely"),
    ],
)
def test_the_right_text_must_be_likelier_by_more_than_a_tie(
    right: float, wrong: float, passed: bool, words: str
) -> None:
    outcome = apply("prefers", PAIR, likely(right, wrong))
    assert outcome.passed is passed
    assert words in outcome.message
    assert outcome.message.startswith('Expected "Within 45 days of ..." to be likelier than "Within 90 days of ..."')
    assert outcome.evidence == PAIR["right" if passed else "wrong"]


def test_what_the_context_adds_is_the_gap_with_it_minus_the_gap_without() -> None:
    assert "the context adds +2.50" in apply("prefers", PAIR, likely(-5, -8, (-9.0, -9.5))).message


def test_a_record_without_likelihoods_is_no_evidence() -> None:
    with pytest.raises(LabError, match=r"holds no likelihood of .*Run the suite again"):
        apply("prefers", PAIR, Said("", "", {}))


@pytest.mark.parametrize("entry", PAIRS, ids=[f"pair-{i}" for i in range(len(PAIRS))])
def test_every_minimal_pair_is_one_and_is_judged_by_its_likelihoods(entry: dict[str, Any]) -> None:
    pair = {"right": entry["right"], "wrong": entry["wrong"]}
    assert apply("prefers", pair, likely(-4, -6, pair=pair)).passed
    turned = {"right": pair["wrong"], "wrong": pair["right"]}
    assert not apply("prefers", turned, likely(-4, -6, pair=pair)).passed


def test_prefers_kills_its_own_mutants() -> None:
    kinds = {kind for entry in PAIRS for kind in ("number_shift", "entity_swap") if mutate(kind, entry["right"])}
    assert kinds == {"number_shift", "entity_swap"}
    killed = 0
    for entry in PAIRS:
        for kind in kinds:
            mutant = mutate(kind, entry["right"], "")
            if mutant is None or len(mutant.split()) != len(entry["right"].split()):
                continue
            pair = {"right": " ".join(mutant.split()), "wrong": entry["right"]}  # the spoilt text is found less likely
            assert not apply("prefers", pair, likely(-7, -4, pair=pair)).passed, mutant
            killed += 1
    assert len(PAIRS) >= 30 and killed >= 25


def test_a_case_asks_for_the_texts_of_its_pairs_once() -> None:
    given = [Message(role="user", content="How long?")]
    expect: list[dict[str, Any]] = [{"facts": ["45 days"]}, {"prefers": PAIR}, {"prefers": PAIR}]
    case = Case(id="A", requirement="R", technique="MFT", given=given, expect=expect)
    assert texts_compared(case) == list(PAIR.values())
    assert texts_compared(case.model_copy(update={"expect": expect[:1]})) == []


@pytest.mark.parametrize(
    "name, expected, says",
    [
        ("consistent", 5, "give true, or name"),
        ("consistent", [], "give true, or name"),
        ("consistent", {"with": ""}, "give {with: TEXT}"),
        ("consistent", {"with": "x", "of": "y"}, "give {with: TEXT}"),
        ("moves", "up", "say what moves"),
        ("moves", {}, "say what moves"),
        ("moves", {"EUR": "sideways"}, "is no way to move"),
        ("moves", {"EUR": "5 -> 5"}, "is no way to move"),
        ("moves", {"EUR": "5 ->"}, "is no way to move"),
        ("prefers", "x", "give two texts"),
        ("prefers", {"right": "a"}, "give two texts"),
        ("prefers", {"right": "a b", "wrong": "a b"}, "same number of words"),
        ("prefers", {"right": "a b c", "wrong": "a b"}, "same number of words"),
        ("prefers", {"right": "a b c d e", "wrong": "f b c d g"}, "same number of words"),
    ],
)
def test_an_expectation_without_sense_is_refused(name: str, expected: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask(name, expected, "an answer", "another")


@pytest.mark.parametrize("name, expected", [("consistent", True), ("moves", {"EUR": "up"})])
def test_without_a_seed_there_is_nothing_to_compare_with(name: str, expected: Any) -> None:
    with pytest.raises(ValueError, match="give the case a seed"):
        ask(name, expected, "an answer")


# oracle, expected, a right answer, the seed's answer, the kinds it must kill on this answer
OWN: list[tuple[str, Any, str, str, str]] = [
    ("consistent", True, RUG, "Yes, within 45 days.", "number_shift truncation empty over_refusal negation_flip"),
    ("consistent", True, "Order TG-48213 leaves on 14 May.", "TG-48213 leaves on 14 May.", "entity_swap empty over_refusal"),
    ("consistent", "decision", "I cannot share that.", "I can't do this.", "negation_flip empty wrong_language"),
    (
        "consistent", True, '{"team": "billing"}', '{ "team": "billing" }',
        "entity_swap truncation empty over_refusal wrong_language pii_leak format_break",
    ),
    (
        "moves", {"day": "45 days -> 60 days"}, "You have 60 days.", "You have 45 days.",
        "number_shift truncation empty over_refusal",
    ),
    ("moves", {"decision": "approve -> deny"}, "No, it is not possible.", "Yes, it is.", "negation_flip empty wrong_language"),
    (
        "moves", {"urgency": "low -> high"}, '{"urgency": "high"}', '{"urgency": "low"}',
        "entity_swap empty format_break truncation",
    ),
]  # fmt: skip


@pytest.mark.parametrize("name, expected, answer, seed, kinds", OWN, ids=[f"{o[0]}-{i}" for i, o in enumerate(OWN)])
def test_an_oracle_kills_its_own_mutants_and_not_the_answer(
    name: str, expected: Any, answer: str, seed: str, kinds: str
) -> None:
    assert ask(name, expected, answer, seed).passed
    for kind in kinds.split():
        mutant = mutate(kind, answer)
        assert mutant is not None, kind
        assert not ask(name, expected, mutant, seed).passed, f"{kind} survives: {mutant}"


@pytest.mark.parametrize("junk", ["a" * 20000, "1 " * 10000, "not " * 6000, "{" * 9000, "45 days " * 2000])
def test_a_runaway_answer_is_judged_in_time(junk: str) -> None:
    import time

    started = time.process_time()
    ask("consistent", True, junk, RUG)
    ask("moves", {"decision": "approve -> deny", "EUR": "up"}, junk, RUG)
    assert time.process_time() - started < 3
