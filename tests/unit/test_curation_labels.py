"""Label errors and deviant forms in JSON answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import LabError
from labkit.checks import Context
from labkit.curation import labels
from labkit.policy import DecisionRule, Policy
from labkit.records import Example, Message

SYSTEM = 'Answer in JSON with "team" and "urgent".'
WORDS = {
    "delivery": "parcel courier depot van doorstep tracking",
    "billing": "invoice charged card receipt voucher payment",
    "returns": "send back label refund swap unwanted",
}


def row(response: object, question: str = "Where is it?", id: str = "r-0", system: str = SYSTEM) -> Example:
    prompt = [Message(role="system", content=system), Message(role="user", content=question)]
    return Example(id=id, prompt=prompt, response=response if isinstance(response, str) else json.dumps(response))


def routed(copies: int = 16) -> list[Example]:
    rows = []
    for k in range(copies):
        for team, text in WORDS.items():
            words = text.split()
            question = f"my {words[k % 6]} and the {words[(k + 1) % 6]}, no {words[(k * 5 + 2) % 6]} yet, case {k}"
            rows.append(row({"team": team, "urgent": k % 4 == 0}, question, f"{team}-{k}"))
    return rows


def team(example: Example, value: str) -> Example:
    return example.model_copy(update={"response": json.dumps({**json.loads(example.response), "team": value})})


def hits(check, rows: list[Example], context: Context | None = None) -> list:
    return list(check(rows, context or Context()))


# --- out_of_fold, wrong_label -----------------------------------------------------------------------------------------


def test_probabilities_come_from_rows_not_seen():
    rows = routed()
    texts, given_labels = [r.asked for r in rows], [json.loads(r.response)["team"] for r in rows]
    result = labels.out_of_fold(texts, given_labels)
    assert result.shape == (48, 3)
    assert np.allclose(result.sum(axis=1), 1)
    names = sorted(WORDS)
    assert np.mean([names[i] for i in result.argmax(axis=1)] == np.array(given_labels)) > 0.9
    assert np.array_equal(result, labels.out_of_fold(texts, given_labels))
    # Its own label does not reach a text: whatever it says, the other rows decide.
    given_labels[0] = "billing"
    assert labels.out_of_fold(texts, given_labels)[0].argmax() == names.index("delivery")


def test_a_label_of_one_text_is_unknown_to_the_model_that_judges_it():
    result = labels.out_of_fold([*"abcdefghij", "odd"], [*["x", "y"] * 5, "z"])
    assert result[-1, 2] == 0


@pytest.mark.parametrize(("texts", "given_labels"), [(["a"] * 3, ["x", "y", "x"]), (["a"] * 9, ["x"] * 9)])
def test_too_little_to_learn_from(texts, given_labels):
    with pytest.raises(LabError, match="teach nothing"):
        labels.out_of_fold(texts, given_labels)


def test_flipped_labels_are_found_and_sound_ones_left():
    rows = routed()
    assert hits(labels.wrong_label, rows) == []
    rows[4], rows[21] = team(rows[4], "returns"), team(rows[21], "billing")  # billing-1, delivery-7
    found = hits(labels.wrong_label, rows)
    assert {hit.row for hit in found} == {"billing-1", "delivery-7"}
    assert all(hit.tier == "review" and hit.score > 0.85 for hit in found)
    assert found[0].evidence in {r.id: r.response for r in rows}[found[0].row]


def test_labels_that_no_text_tells_are_left():
    rows = [row({"team": "ab"[i * i % 7 % 2]}, f"case {i * 37 % 101}", f"r-{i}") for i in range(60)]
    assert hits(labels.wrong_label, rows) == []


def test_few_rows_and_free_text_are_no_labels():
    rows = [row({"team": f"text {i}"}, f"case {i}", f"r-{i}") for i in range(60)]
    assert hits(labels.wrong_label, [*rows, *routed(4)]) == []


def test_what_a_coded_rule_decides_is_left_to_it():
    rows = [
        r.model_copy(update={"prompt": [r.prompt[0], Message(role="user", content=f"[Case: kind=set]\n{r.asked}")]})
        for r in routed()
    ]
    rows[4] = team(rows[4], "returns")
    rule = DecisionRule(id="D", text="d", when={"kind": "set"}, must={"team": ["returns"]})
    assert [hit.row for hit in hits(labels.wrong_label, rows)] == ["billing-1"]
    assert hits(labels.wrong_label, rows, Context(policy=Policy(decisions=[rule]))) == []


# --- format -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviant", "repair"),
    [
        ({"team": "Billing", "urgent": True}, {"team": "billing", "urgent": True}),
        ({"team": " billing ", "urgent": True}, {"team": "billing", "urgent": True}),
        ({"team": "deliveries", "urgent": True}, {"team": "delivery", "urgent": True}),
        ({"team": "billing", "urgent": "no"}, {"team": "billing", "urgent": False}),
        ({"team": "billing", "urgent": True, "mood": "calm"}, {"team": "billing", "urgent": True}),
        ("{'team': 'billing', 'urgent': True}", {"team": "billing", "urgent": True}),
        ({"team": "gardeners", "urgent": True}, None),
        ({"team": "billing"}, None),
        ({"team": ["billing"], "urgent": True}, {"team": "billing", "urgent": True}),
        ("This one goes to the billing team.", None),
        ("{'team': {1, 2}}", None),
    ],
)
def test_deviant_forms(deviant, repair):
    (hit,) = hits(labels.format_check, [*routed(), row(deviant)])
    assert hit.row == "r-0"
    assert (json.loads(hit.repair["response"]) if hit.repair else None) == repair
    if repair:
        assert hits(labels.format_check, [*routed(), row(repair)]) == []


@pytest.mark.parametrize(
    "answer",
    [
        '{"urgent": true, "team": "billing"}', '{"team":"billing","urgent":false}', '{"team": "billing", "urg', "", "TODO",
        '{"team": "billing", "urgent": true}<|im_end|>',
    ],
)  # fmt: skip
def test_the_order_of_keys_is_free_and_other_checks_keep_their_own(answer):
    assert hits(labels.format_check, [*routed(), row(answer)]) == []


def test_prose_prompts_and_small_groups_have_no_form():
    prose = [row("It is covered.", id=f"p-{i}", system="prose") for i in range(30)]
    assert hits(labels.format_check, [*prose, row({"a": 1}, system="prose"), *routed(4), row("no", id="q")]) == []


values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=2))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=30), st.dictionaries(st.text(max_size=4), values, max_size=3)), max_size=5))
def test_format_never_raises(answers):
    rows = [*routed(8), *(row(answer, id=f"x-{i}") for i, answer in enumerate(answers))]
    for hit in labels.format_check(rows, Context()):
        assert hit.message and hit.row
