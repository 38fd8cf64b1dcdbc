"""Answers against rules, documents and one another; the values in a text are what most of it rests on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.checks import Context, checks_of, run_checks
from labkit.curation import consistency
from labkit.curation.reading import context_line, context_lines, fields, sentences, stems, values
from labkit.curation.rules import binding, holds, read_case
from labkit.policy import DecisionRule, Policy, Rule
from labkit.records import Example, Message

POLICY = Policy(
    rules=[
        Rule(
            id="returns", text="Items can be returned within 45 days.", about=[r"\breturn", r"\bsend .* back\b"],
            unless=[r"\boutlet\b", r"\[Route"], value=["45 days"], outdated=["30 days"], since="2025-01-01",
        ),
        Rule(id="refund", text="Refunds take 6 working days.", about=[r"\brefund"], value=["6 working days"]),
        Rule(id="speed", text="Delivery takes 4 working days.", about=[r"\bdelivery takes?\b"], value=["4 working days"]),
        Rule(
            id="cost", text="Delivery costs 4.90 euros, free from 60 euros.", about=[r"\b(?:postage|shipping)\b"],
            value=["4.90 euros", "60 euros"], outdated=["3.90 euros", "50 euros"],
        ),
        Rule(id="gift", text="Gift cards last 24 months.", about=[r"\bgift card"], value=["24 months"], outdated=["12 months"]),
        Rule(
            id="damage", text="A damaged item is replaced on a photo.", about=[r"\bbroken\b"], requires=[r"\bphoto\b"],
            forbids=[r"\bat your own cost\b"],
        ),
    ],
    decisions=[
        DecisionRule(id="D1", text="harm", when={"harm": ["injury", "risk"]}, must={"decision": ["refer"], "human": [True]}),
        DecisionRule(
            id="D2", text="late", when={"type": "return", "harm": "none", "days": "> 45"}, must={"decision": ["refuse"]}
        ),
        DecisionRule(id="D3", text="small", when={"amount": "<= 25"}, must={"decision": ["approve", "refuse"]}),
    ],
)  # fmt: skip


def row(question: str, response: str, id: str = "r-1") -> Example:
    return Example(id=id, prompt=[Message(role="user", content=question)], response=response)


def found(check: str, question: str, response: str) -> list:
    return list(getattr(consistency, check)(row(question, response), Context(policy=POLICY)))


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        ["45 days", "forty-five days", "45-day", "45 full days"],
        ["4.90 euros", "EUR 4.90", "4,90 €", "€4.90", "4 euros and 90 cents"],
        ["24 months", "two years", "2-year", "twenty-four months"],
        ["14 May", "May 14th", "the 14th of May", "14 May 2026", "2026-05-14"],
        ["2 weeks", "14 days", "a fortnight"],
        ["17:00", "5 pm", "5 p.m."],
        ["120 grams", "a hundred and twenty grams", "0.12 kg"],
        ["TG-48213", "tg48213".upper()],
        ["1,000 euros", "1000 euros", "1.000,00 €"],
    ],
)
def test_one_value_in_many_spellings(same):
    first = values(same[0])
    assert len(first) == 1
    for text in same[1:]:
        assert [v.equals(first[0]) for v in values(text)] == [True], text


@pytest.mark.parametrize(
    ("one", "two"),
    [("45 days", "45 working days"), ("4 days", "4 hours"), ("14 May", "15 May"), ("14 May 2026", "14 May 2027"), ("3 kg", "3")],
)
def test_other_values(one, two):
    assert not values(one)[0].equals(values(two)[0])


def test_what_holds_no_value():
    assert values("May I ask whether it is free at https://shop.example/45 or a.b9@shop.example") == ()
    assert [v.soft for v in values("a month, 1 month")] == [True, False]
    assert [v.amount for v in values("24, 48 or 72 hours")] == [24, 2880, 4320]


def test_reading_a_row():
    example = row("[Rule: none]\n[Case: type=return; amount=84]\nHello. It costs 4.90 euros, e.g. this! Yes.", '{"a": 1}')
    assert context_lines(example) == ["Rule: none", "Case: type=return; amount=84"]
    assert context_line(example, "rule") == "none" and context_line(example, "document") is None
    assert read_case(example) == {"type": "return", "amount": "84"}
    assert sentences(example.question) == ["Hello.", "It costs 4.90 euros, e.g. this!", "Yes."]
    assert fields(example.response) == {"a": 1} and fields("[1]") is None and fields("{") is None
    assert stems("The parcels arrived") == stems("your parcel arrives")


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "answer", "check"),
    [
        ("How long can I return it?", "Within 60 days.", "policy_violation"),
        ("How long can I return it?", "Within six weeks.", "policy_violation"),
        ("How long can I return it?", "Within thirty days.", "outdated_policy"),
        ("[Rule: items can be returned within 30 days]\nCan I return it?", "Yes, within 30 days.", "outdated_policy"),
        ("Is it true that I can return it in 60 days?", "Yes, within 60 days.", "policy_violation"),
        ("What is the postage?", "It is EUR 2.90, free from 60 euros.", "policy_violation"),
        ("What is the postage?", "It is 3,90 € and free from 60 euros.", "outdated_policy"),
        ("How long is a gift card valid?", "For one year.", "outdated_policy"),
        ("When do I get my refund?", "After 4 working days.", "policy_violation"),
        ("It came broken.", "We send another one.", "policy_violation"),
        ("It came broken.", "Send it back at your own cost with a photo.", "policy_violation"),
    ],
)
def test_answers_against_a_rule(question, answer, check):
    hits = found(check, question, answer)
    assert len(hits) == 1 and hits[0].evidence in answer
    other = {"policy_violation": "outdated_policy", "outdated_policy": "policy_violation"}[check]
    assert found(other, question, answer) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How long can I return it?", "Within forty-five days."),
        ("Can I return it after 60 days?", "No, 60 days is too late: it is 45 days."),
        ("It came 12 days ago, can I return it?", "Yes, 12 days are within the 45 days."),
        ("[Decided: days=50; decision=refuse]\nWhy no return?", "It was 5 days over the 45 days."),
        ("[Rule: 14 days for outlet items]\nCan I return the outlet bowl?", "Within 14 days."),
        ("My leaflet says 30 days for returns?", "It was 30 days before; it is 45 days now."),
        ("What is the shipping on 48 euros?", "4.90 euros; it is free from 60 euros, 12 euros more."),
        ("Can I return it, and cancel?", "Return it within 45 days; you can cancel within 2 hours."),
        ("When do I get my refund?", "Delivery takes 4 working days, then the refund takes 6 working days."),
        ("It came broken.", "Send a photo and we replace it."),
        ("Where is my parcel?", "It took 30 days."),
        ("[Route to returns or billing]\nI want to return it.", '{"team": "returns"}'),
    ],
)
def test_answers_within_the_rules(question, answer):
    assert found("policy_violation", question, answer) == found("outdated_policy", question, answer) == []


# --- coded rules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "value", "result"),
    [
        ("> 500", "501", True), ("> 500", "500", False), (">= 45", "45", True), ("<= 25", "25.0", True), ("< 3", "x", False),
        ("none", "None", True), (["a", "b"], "b", True), (["a", "b"], "c", False), ("!= none", "photo", True),
        ("!= none", "none", False), (5, "5", True), (True, "true", True), ("> 5", None, False),
    ],
)  # fmt: skip
def test_conditions(wanted, value, result):
    assert holds(wanted, value) is result


def case(fields: str, answer: str) -> list:
    return found("policy_violation", f"[Case: {fields}]\nPlease take it.", answer)


@pytest.mark.parametrize(
    ("fields", "answer", "wrong"),
    [
        ("type=return; days=51; harm=none", '{"decision": "approve"}', 1),
        ("type=return; days=45; harm=none", '{"decision": "approve"}', 0),
        ("type=return; days=51; harm=injury", '{"decision": "refer", "human": false}', 1),
        ("type=return; days=51; harm=injury", '{"decision": "approve", "human": false}', 2),
        ("type=return; days=51; harm=none", '{"decision": "Refuse"}', 0),
        ("type=return; days=51; harm=none", '{"decision": "accepted"}', 1),
        ("type=return; days=51; harm=none", '{"decision": "refused"}', 0),  # a matter of format
        ("type=return; days=51; harm=risk", '{"human": "no"}', 0),  # of another type: so too
        ("type=return; days=51; harm=none", '{"reason": "LATE"}', 0),
        ("type=return; days=51; harm=none", "approved", 0),
    ],
)
def test_coded_rules(fields, answer, wrong):
    hits = case(fields, answer)
    assert len(hits) == wrong
    assert all(hit.tier == "certain" for hit in hits)


def test_all_rules_bind_and_the_first_wins_where_two_leave_nothing():
    bound = binding({"harm": "none", "type": "return", "days": "60", "amount": "20"}, POLICY.decisions)
    assert bound["decision"][0] == {"refuse"}
    bound = binding({"harm": "risk", "amount": "20"}, POLICY.decisions)
    assert bound["decision"][0] == {"refer"}


# --- documents --------------------------------------------------------------------------------------------------------

KETTLE = (
    "[Document: Brook kettle K2. The kettle holds 1.7 litres and draws 2,200 watts. It rests 24, 48 or 72 hours. Descale it"
    " every 14 days with citric acid. It came out on 9 February 2026.]\n"
)


@pytest.mark.parametrize(
    ("answer", "tier"),
    [
        ("It draws 2,400 watts.", "likely"),
        ("It holds 1.7 metres.", "likely"),
        ("It came out on 19 March 2026.", "likely"),
        ("Ask for the K3 model.", "likely"),
        ("It is brought by Swiftcarry.", "review"),
        ("Vacuum the woollen carpet thoroughly with a rotating brush.", "review"),
    ],
)
def test_unsupported_answers(answer, tier):
    (hit,) = found("unsupported_answer", f"{KETTLE}What about it?", answer)
    assert hit.tier == tier and hit.evidence in answer


@pytest.mark.parametrize(
    "answer",
    [
        "It draws 2200 W.", "Every two weeks.", "The Brook holds 1.7 l.", "Rest it 24 hours.", "The document does not say.",
        "On 9 February.", "It is a fine one, yes.", "",
    ],
)  # fmt: skip
def test_supported_answers(answer):
    assert found("unsupported_answer", f"{KETTLE}What about the Brook?", answer) == []


def test_rows_without_a_document_are_not_judged():
    assert found("unsupported_answer", "What about it?", "It draws 2,400 watts.") == []


# --- contradictions ---------------------------------------------------------------------------------------------------

ORDER = "[Order TG-17350: packed, leaves on 14 May]\n"
STEEL = "[Document: Flint knives. Wash them by hand. Do not cut frozen food or bones.]\n"
ROUTE = "[Route to delivery or returns]\n"


def contradict(first: tuple[str, str], second: tuple[str, str]) -> dict[str, str]:
    rows = [row(*first, id="a"), row(*second, id="b")]
    return {hit.row: hit.tier for hit in consistency.contradiction(rows, Context(policy=POLICY))}


@pytest.mark.parametrize(
    ("first", "second", "blamed"),
    [
        (
            (f"{ORDER}Has my kettle gone out yet or is it with you?", "It leaves on 14 May."),
            (f"{ORDER}Hi, has my kettle gone out yet, or is it with you now?", "It leaves on 24 May."),
            {"b": "likely"},
        ),
        (
            ("How long may I keep it and still return it?", "30 days."),
            ("how long may i keep it and still return it", "45 days."),
            {"a": "likely"},
        ),
        (
            (f"{STEEL}can i hack frozen spinach with the big knife", "Yes, you can cut frozen food with it."),
            (f"{STEEL}can i hack frozen spinach with the big one", "No, do not cut frozen food."),
            {"a": "likely"},
        ),
        (
            (f"{ORDER}I no longer see the lawn mower in my list. What became of it?", "It leaves packed as told on 14 May."),
            (f"{ORDER}I no longer see the lawn mower in my list. What has become of it?", "It was lost by somebody on 14 May."),
            {"b": "likely"},
        ),
        (
            (f"{STEEL}Is it all right to cut frozen fish?", "You can cut frozen fish with the knife."),
            (f"{STEEL}Frozen fish: is the knife made for that?", "You cannot cut frozen fish with the knife."),
            {"a": "likely"},
        ),
        (
            (f"{STEEL}How do I clean the knives?", "Clean the knives by hand."),
            (f"{STEEL}What is the best way to clean these knives?", "Clean the knives in the dishwasher."),
            {"b": "likely"},
        ),
        (
            (f"{ORDER}Has my kettle left the house yet?", "Your kettle leaves our house on 14 May."),
            (f"{ORDER}On which day does the kettle leave the house?", "Your kettle leaves our house on 24 May."),
            {"b": "likely"},
        ),
        (
            (f"{ROUTE}My parcel with the toaster has not come", '{"team": "delivery"}'),
            (f"{ROUTE}my parcel with the toaster has not come!", '{"team": "returns"}'),
            {"a": "review", "b": "review"},
        ),
    ],
)
def test_contradictions(first, second, blamed):
    assert contradict(first, second) == blamed


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            ("doorbell bought two years ago just quit, covered?", "Yes."),
            ("doorbell bought four years ago just quit, covered?", "No."),
        ),
        (("What is the melting point of gold?", "1064 degrees."), ("What is the melting point of iron?", "1538 degrees.")),
        (
            ("[Order TG-1: leaves on 14 May]\nHas my kettle gone out?", "It leaves on 14 May."),
            ("[Order TG-2: leaves on 24 May]\nHas my kettle gone out?", "It leaves on 24 May."),
        ),
        (
            (f"{KETTLE}What about the kettle's data?", "It holds 1.7 litres and rests 24 hours."),
            (f"{KETTLE}What about the kettle's other data?", "It rests 72 hours."),
        ),
        (
            (f"{STEEL}May I cut frozen bones with it?", "No, do not cut frozen food or bones."),
            (f"{STEEL}May I cut fresh bread with it?", "Yes, cut bread with it."),
        ),
        (("Can I return it, please, now?", "Within 45 days."), ("can i return it please now", "Within forty-five days.")),
        (("How do I set the mower up?", "1. Charge. 2. Mow."), ("How do I set the mower up now?", "Mow, day and night, 24/7.")),
    ],
)  # fmt: skip
def test_no_contradictions(first, second):
    assert contradict(first, second) == {}


def test_the_majority_is_right_where_nothing_else_tells():
    rows = [row(f"{ROUTE}My parcel with the toaster has not come{'!' * i}", '{"team": "delivery"}', f"r{i}") for i in range(3)]
    rows.append(row(f"{ROUTE}my parcel with the toaster has not come", '{"team": "returns"}', "odd"))
    hits = list(consistency.contradiction(rows, Context()))
    assert [(hit.row, hit.tier) for hit in hits] == [("odd", "likely")]
    assert hits[0].other in {"r0", "r1", "r2"}


texts = st.text(alphabet="abY 145.€[]:=;\n{}\"NoDocumentCase", max_size=80)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_checks_never_raise_and_repeat_themselves(pairs):
    rows = [row(q, a, f"r{i}") for i, (q, a) in enumerate(pairs)]
    checks = checks_of("curation", only=["contradiction", "outdated_policy", "policy_violation", "unsupported_answer"])
    assert run_checks(rows, Context(policy=POLICY), checks) == run_checks(rows, Context(policy=POLICY), checks)
