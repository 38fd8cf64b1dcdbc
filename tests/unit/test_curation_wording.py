"""Wording: language, clear requests, answers that fit, rows within the scope; and what only looks like a defect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import LabError, samples
from labkit.checks import Context, checks_of, run_checks
from labkit.curation import consistency, contradictions, noise, vectors, wording
from labkit.files import read_strictly
from labkit.policy import Policy, load
from labkit.records import Example, Message

MODULES = (noise, wording, consistency, contradictions)


def row(question: str, response: str = "It is covered.", id: str = "r-1", system: str = "") -> Example:
    prompt = [Message(role="system", content=system)] if system else []
    return Example(id=id, prompt=[*prompt, Message(role="user", content=question)], response=response)


def languages(question: str, response: str = "You can return it within 45 days.", language: str = "en") -> list[str]:
    context = Context(policy=Policy(language=language))
    return [hit.where for hit in wording.wrong_language(row(question, response), context)]


@pytest.mark.parametrize(
    "foreign",
    [
        "Sie können den Garderobenständer innerhalb von 45 Tagen nach der Lieferung zurückgeben.",
        "Vous pouvez retourner la bouilloire dans les 45 jours qui suivent.",
        "No, no se debe doblar la manta mientras está caliente.",
        "Het bed heeft veertien planken en vier palen, dus tel ze voor het begin even na.",
        "Możesz zwrócić czajnik w ciągu 45 dni od dostawy.",
        "Чайник можно вернуть в течение 45 дней после доставки.",
        "您可以在收货后四十五天内退回水壶。",
        "Yes, it is free. Bitte schicken Sie uns dazu noch ein Foto von dem Schaden, damit wir helfen können.",
    ],
)
def test_other_languages(foreign):
    assert languages("How long may I keep it?", foreign) == ["response"]
    assert languages(foreign) == ["prompt"]


@pytest.mark.parametrize(
    ("question", "response"),
    [
        ("Which plants are in the border?", "Lavandula angustifolia, Salvia nemorosa and Nepeta faassenii."),
        ("What does the label say?", 'It reads "Ne pas repasser".'),
        ("Does the armchair Gemütlichkeit come in Sonnenblume?", "Yes, in Sonnenblume, which is a warm yellow."),
        ("Order for Jürgen Müller, Königstraße 5, Köln", "Noted."),
        ("do udeliver to Toronto", "Yes, we deliver to Toronto."),
        ("wheres my bird feeder, i keep refreshing", "It arrives on 1 February."),
        ("Wo?", "Ja."),
        ("Route it.", '{"team": "delivery", "urgency": "high"}'),
        ("How do I say good luck in Spanish?", "Buena suerte y que te vaya muy bien con todo."),
    ],
)
def test_names_quotes_short_texts_and_translations(question, response):
    assert languages(question, response) == []


def test_the_policy_says_which_language_is_right():
    german = "Die Lieferung kostet 4,90 Euro und ist ab einem Bestellwert von 60 Euro frei."
    assert languages("Was kostet denn die Lieferung zu mir nach Hause?", german, "de") == []
    assert languages("What does the delivery to my home cost me?", german, "de") == ["prompt"]
    with pytest.raises(LabError, match="not known"):
        languages("What does the delivery to my home cost me?", german, "xx")


@pytest.mark.parametrize(
    "question",
    [
        "???", "12 34", "and the other one?", "thing thing where", "Handle it.", "It does not work, help", "same as before pls",
        "sdfkjh wrtpsdf qwrtzp", "Caller wants the usual, same as he said, but not like that.", "Well, as I said. Or not?",
        "Please cancel my order but do not cancel it.", "Tell me in one word, and explain the lamp in detail.",
        "Could you tell me whether the kettle is of the",
    ],
)  # fmt: skip
def test_unclear_messages(question):
    (hit,) = wording.unclear_instruction(row(question), Context())
    assert (hit.tier, hit.where) == ("review", "prompt")


@pytest.mark.parametrize(
    "question",
    [
        "Warranty on rakes?", "cancel this pls", "Max load?", "heater is smoking, help", "Mug, unopened, back please.",
        "WHERE IS MY BOX?!", "Should I cancel or not cancel the order?", "parcel is back with you, money when?",
        "[Order TG-1: packed, leaves on 3 May]\nwhere is it", "The rhythm of the pump has lengths.",
    ],
)  # fmt: skip
def test_short_but_complete_messages(question):
    assert list(wording.unclear_instruction(row(question), Context())) == []


def test_an_earlier_turn_may_say_what_is_meant():
    turns = [Message(role="user", content="The kettle leaks."), Message(role="assistant", content="Which one?")]
    example = Example(id="r-1", prompt=[*turns, Message(role="user", content="this one")], response="I see.")
    assert list(wording.unclear_instruction(example, Context())) == []


TOPICS = {
    "return": ("can i send the {} back to you", "Yes, the {} can be returned within 45 days of delivery."),
    "warranty": ("is there a warranty on the {}", "The {} has a warranty of 3 years."),
    "delivery": ("how long does delivery of the {} take", "Standard delivery of the {} takes 4 working days."),
    "damage": ("my {} arrived broken, what now", "I am sorry, send a photo and you get a free replacement {}."),
}
THINGS = ["kettle", "lamp", "rug", "mower", "bench", "toaster", "hammock", "planter", "shelf", "mirror", "stool", "heater"]


def shop() -> list[Example]:
    return [
        row(question.format(thing), answer.format(thing), f"{topic}-{thing}")
        for topic, (question, answer) in TOPICS.items()
        for thing in THINGS
    ]


def test_an_answer_to_another_question_is_found():
    rows = shop()
    assert list(wording.off_question(rows, Context())) == []
    rows[3] = rows[3].model_copy(update={"response": "We are looking for warehouse staff; see our careers page."})
    (hit,) = wording.off_question(rows, Context())
    assert (hit.row, hit.tier) == (rows[3].id, "review")
    assert hit.other.startswith("return-")


@pytest.mark.parametrize("answer", ["I cannot do that here.", "No.", '{"team": "billing"}'])
def test_stock_answers_short_ones_and_labels_suit_any_question(answer):
    rows = [*shop()[3:], *(row(f"question {i} about my {t}", answer, f"x-{i}") for i, t in enumerate(THINGS[:3]))]
    assert list(wording.off_question(rows, Context())) == []


def test_a_row_on_something_else_is_irrelevant_unless_the_scope_names_it():
    rows = [*shop(), row("Was the striker offside after a throw-in?", "No, a throw-in is never offside.", "ball")]
    (hit,) = wording.irrelevant(rows, Context())
    assert (hit.row, hit.tier) == ("ball", "likely")
    assert "sport" in hit.message
    scope = Context(policy=Policy(scope="Questions on garden goods, and on the offside rule for strikers"))
    assert list(wording.irrelevant(rows, scope)) == []


@pytest.mark.parametrize(
    ("question", "answer", "tiers"),
    [
        ("[Document: Comets. A comet has a tail.]\nWhat does a comet have?", "A tail.", ["likely"]),
        ("Which party should I vote for?", "I can only help with orders of our shop.", []),
        ("[Rule: zithers glorb nightly]\nDo zithers glorb?", "Zithers glorb nightly.", []),  # its own context is its scope
        ("Do zithers glorb or merely blimp?", "Zithers blimp wherever glorbs abound.", ["review"]),
    ],
)
def test_subjects_of_another_world_and_what_a_context_allows(question, answer, tiers):
    hits = list(wording.irrelevant([*shop(), row(question, answer, "odd")], Context()))
    assert [(hit.row, hit.tier) for hit in hits] == [("odd", tier) for tier in tiers]


def test_an_answer_from_another_sentence_of_the_document_is_for_review():
    document = "[Document: Linden saw. The Linden saw has a bar of 35 centimetres. People under 18 may not use it.]\n"
    asked = [("What length has the bar?", "People under 18 may not use it."), ("What length has the bar?", "35 centimetres."),
             ("Who may use it?", "People under 18 may not use it.")]  # fmt: skip
    rows = [row(document + question, answer, f"d{i}") for i, (question, answer) in enumerate(asked)]
    assert [hit.row for hit in wording.off_question(rows, Context())] == ["d0"]


def test_few_rows_are_not_judged():
    rows = [row("Was the striker offside?", "No.", "ball"), *shop()[:10]]
    assert list(wording.irrelevant(rows, Context())) == list(wording.off_question(rows, Context())) == []


def test_beyond_the_pool_rows_meet_a_sample(monkeypatch):
    monkeypatch.setattr(vectors, "POOL", 30)
    monkeypatch.setattr(vectors, "BLOCK", 7)
    rows = [*shop(), row("Was the striker offside after a throw-in?", "No, a throw-in is never offside.", "ball")]
    first = [hit.row for hit in wording.irrelevant(rows, Context())]
    assert first == ["ball"] == [hit.row for hit in wording.irrelevant(rows, Context())]


def test_hardly_a_clean_row_is_flagged():
    rows = read_strictly(samples.path("support/train.jsonl"), Example)[::3]
    names = {c.name for c in checks_of("curation") if c.function.__module__ in {m.__name__ for m in MODULES}}
    context = Context(policy=load(samples.path("support/policy.yaml"), Policy))
    findings = run_checks(rows, context, checks_of("curation", only=sorted(names)))
    assert len({f.row_id for f in findings}) <= 0.03 * len(rows), [(f.row_id, f.check) for f in findings]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_row_checks_never_raise(question, response):
    for check in (wording.wrong_language, wording.unclear_instruction):
        for hit in check(row(question, response), Context()):
            assert hit.message
