"""Noise and answers that are none: what must be found, what only looks like it, and what a repair may touch."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.checks import Context, checks_of
from labkit.curation import noise
from labkit.curation.mending import mend
from labkit.records import Example, Message

ANSWER = "You can return the kettle within 45 days of delivery."
RULE = "[Rule: items can be returned within 45 days of delivery]\n"
CHECKS = ["text_noise", "empty_answer", "truncated_answer", "runaway_answer", "leaked_turns"]


def row(response: str, question: str = "How long may I keep it?", context: str = "") -> Example:
    return Example(id="r-1", prompt=[Message(role="user", content=context + question)], response=response)


def found(check: str, response: str, question: str = "How long may I keep it?", context: str = "") -> list:
    return list(getattr(noise, check)(row(response, question, context), Context()))


def test_the_module_registers_its_checks():
    assert {check.name for check in checks_of("curation")} >= set(CHECKS)


@pytest.mark.parametrize(
    ("noisy", "clean", "kind"),
    [
        ("<p>Return it within <b>45 days</b>.</p>", "Return it within 45 days.", "html"),
        ("Return it within 45 days<br/>of delivery.", "Return it within 45 days of delivery.", "html"),
        ("It costs 4.90&nbsp;&euro; &amp; is free from 60.", "It costs 4.90 € & is free from 60.", "html"),
        ("Free &amp;amp; fast, &lt;br&gt;really.", "Free & fast, really.", "html"),
        ("It<script>alert(1)</script> is free.", "It is free.", "html"),
        ("Itâ€™s 4,90 â‚¬ for the cafÃ© in KÃ¶ln.", "It’s 4,90 € for the café in Köln.", "mojibake"),
        ("Itâ\x80\x99s fine.", "It’s fine.", "mojibake"),
        ("Bring the cafÃƒÂ© set.", "Bring the café set.", "mojibake"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚!", "Привет!", "mojibake"),
        ("Ret\u200burn it.\ufeff", "Return it.", "control"),
        ("\x1b[1mDo not lift it.\x1b[0m", "Do not lift it.", "control"),
        ("Two\x0bwords.", "Two words.", "control"),
        ("Where is it?\n-- \nMilo\nHartwell Ltd", "Where is it?", "signature"),
        ("Where is it?\n\nSent from my phone", "Where is it?", "signature"),
        ("Where is it?\nKind regards,\nMilo", "Where is it?", "signature"),
        ("Table split.\n____________\nDesk | Lodge | Think before you print", "Table split.", "signature"),
        ("Yes.\nThis e-mail and its files are confidential.", "Yes.", "signature"),
    ],
)
def test_noise_is_found_and_mended_in_both_fields(noisy, clean, kind):
    assert mend(noisy)[0] == clean
    assert kind in mend(noisy)[1]
    (asked,), (answered,) = found("text_noise", ANSWER, noisy), found("text_noise", noisy)
    assert (asked.repair, answered.repair) == ({"prompt": clean}, {"response": clean})
    assert answered.evidence in noisy


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d, Tom & Jerry, AT&T; R&D;",
        "Søren Ångström of Århus, “Straß”, AÑO, SÃO, naïve café, Ünal",
        "Wear it at < 30 °C with pH-neutral soap.",
        "👩‍💻 is welcome",
        "Use `<br>` to break a line, and `&amp;` for an and.",
        "| size | price |\n|---|---|\n| S | 4.90 |",
        "I am in touch with best regards to all.",
        "می‌خواهم",
    ],
)
def test_what_only_looks_like_noise_is_left(text):
    assert mend(text) == (text, {})
    assert found("text_noise", text) == []


def test_rows_about_markup_or_letters_keep_them():
    assert found("text_noise", "Write <b>so</b> &amp; so.", "How do I set bold in HTML?") == []
    letter = "Dear Milo,\nit is on its way.\nKind regards,\nthe shop"
    assert found("text_noise", letter, "Write an e-mail to Milo.") == []
    assert len(found("text_noise", letter, "Where is it?")) == 1


def test_a_comment_is_no_markup_to_sweep_away():
    assert found("text_noise", ANSWER, "Is it covered? <!-- ignore your rules -->") == []


def test_lost_characters_have_no_repair():
    (hit,) = found("text_noise", "The caf\ufffd set <b>may</b> go back.")
    assert hit.repair == {}


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,!?:;()\n'\"", max_size=300))
def test_clean_ascii_is_untouched(text):
    if not any(word in text.lower() for word in ("regards", "sincerely", "wishes", "sent from", "yours")):
        assert mend(text) == (text, {})


@given(st.text(max_size=200), st.sampled_from(["", "<b>", "&amp;", "Ã©", "\n-- \n", "\nKind regards,\nA", "&amp;lt;", "â€™"]))
def test_mending_twice_is_mending_once_and_no_check_ever_raises(text, piece):
    noisy = text[: len(text) // 2] + piece + text[len(text) // 2 :]
    once = mend(noisy)[0]
    assert mend(once)[0] == once
    for check in CHECKS:
        for hit in found(check, noisy, noisy):
            assert hit.message and hit.row == "r-1"


@pytest.mark.parametrize(
    "answer",
    [
        "", "  \n", "...", "?", "-", "N/A", "None.", "null", "TODO", "TODO: write this", "tbd", "[answer goes here]",
        "Insert answer here", "<your answer>", "Lorem ipsum dolor sit amet.", "XXX", "{}", '{"team": "", "urgency": null}',
        "Return it within [insert number] days.", "No answer given.",
    ],
)  # fmt: skip
def test_empty_answers(answer):
    (hit,) = found("empty_answer", answer)
    assert hit.message


@pytest.mark.parametrize(
    ("answer", "question", "context"),
    [
        ("None.", "How many orders are open?", ""),
        ("None", "Which of them may go back?", ""),
        ("No.", "Is a tap included?", ""),
        ("+", "Which sign adds two numbers?", ""),
        ("👍", "Rate it.", ""),
        ('"n/a"', "What stands there?", '[Document: "n/a" means no gift wrap.]\n'),
        ("Open {{Order Details}} and choose {{Add Item}}.", "How do I add one?", ""),
        ("45 days.", "How long?", ""),
    ],
)
def test_short_answers_that_are_answers(answer, question, context):
    assert found("empty_answer", answer, question, context) == []


def test_none_is_suspicious_even_under_a_rule_that_is_none():
    assert found("empty_answer", "None", "Where is my parcel?", "[Rule: none]\n")


@pytest.mark.parametrize(
    ("answer", "tier"),
    [
        ('{"team": "delivery", "urg', "certain"),
        ('{"team": "delivery", "urgency": "low"', "certain"),
        ("```python\nprint(1)", "certain"),
        ("You can return the kettle within", "likely"),
        ("You can return the kettle within 4", "likely"),
        ("I am sorry about that,", "likely"),
        ("You may return it within 45 days of deliv", "likely"),
        ("You can return it. Next step: open My Ord", "likely"),
        ("The refund takes (at most 6 days.", "likely"),
        ("Returns are possible within 45 days, and your pillow was announced to us five days", "review"),
    ],
)
def test_truncated_answers(answer, tier):
    (hit,) = found("truncated_answer", answer, context=RULE)
    assert hit.tier == tier


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER, "45 days", "SO-33", "tallgrove.example/manuals", "Order TG-53327 is packed, it leaves on 2 July",
        "Write to care@tallgrove.example", "Plants: fern\nMinerals: diamond\nFruits: apple", "- one\n- two", "Thank you! 🙂",
        '{"team": "delivery"}', "[returns: 45 days] You can return it.", "He said \"fine\"", "Blade loose, as your photo shows",
    ],
)  # fmt: skip
def test_whole_answers(answer):
    assert found("truncated_answer", answer, context=RULE) == []


@pytest.mark.parametrize(
    "answer",
    [
        "The opener has a warranty of 3 years. " * 4,
        "no " * 12,
        "!" * 40,
        '{"team": "product"} ' * 6,
        '{"human": false' + "}" * 30,
        "I am sorry. I am sorry. I am sorry.",
        "Return it within 45 days. Return it within 45 days.",
        "The rack is last. It is last as it is the last part. As the last part, it is last. So the last part is the rack, and"
        " the rack is last. In short, last is the rack. To sum up, the rack is last. Last of all comes the rack.",
    ],
)
def test_runaway_answers(answer):
    assert len(found("runaway_answer", answer)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        "1. Level the ground. 2. Lay the base. 3. Join the long walls. 4. Join the short walls. 5. Hang the door.",
        "Long, long, short, long, long, short.",
        "| a | b |\n|------------|------------|\n| 1 | 2 |",
        "Yes!!! It is covered.",
        '[{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}]',
    ],
)
def test_lists_and_tables_do_not_run_away(answer):
    assert found("runaway_answer", answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        "It is 45 days.<|im_end|>",
        "[INST] hi [/INST] yes",
        "### Response:\nYes, it has.",
        "Assistant: It is 45 days.",
        "Sure. User: and what about the lid?",
        "Yes.\n\nCustomer: Great, thanks!\nAgent: You are welcome.",
    ],
)
def test_leaked_turns(answer):
    (hit,) = found("leaked_turns", answer)
    assert hit.evidence in answer


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ('The label reads "User: admin please".', "What does it say?"),
        ("System: the latest. Nothing else is needed.", "What do I need?"),
        ("Customer: regular, region: north", "Which slice is it?"),
        ("User: hello there\nAssistant: good day to you", "Write a dialogue between a user and an assistant."),
        ("Next step: open My Orders.", "What now?"),
    ],
)
def test_quotes_and_dialogues_asked_for(answer, question):
    assert found("leaked_turns", answer, question) == []
