"""A failing prompt is found and shrunk to the smallest, the same one every time."""

from __future__ import annotations

import re

import pytest

from labkit import LabError
from labkit.evaluation.properties import ATTEMPTS, prompts, smallest_failing

ASKED = "{hello}The {item} came {days} days ago. How long may I keep it?{end}"
VALUES = {
    "hello": ["", "Hello! ", "Dear team, "], "item": ["rug", "hose", "lamp"], "days": range(1, 400),
    "end": ["", " Thanks!", " Hurry!"],
}  # fmt: skip
RIGHT = "Within 45 days."


class Model:
    """Answers rightly but for what it stumbles over, and counts."""

    def __init__(self, stumbles: str):
        self.stumbles, self.asked = stumbles, 0

    def __call__(self, prompt: str) -> str:
        self.asked += 1
        return "Within 90 days." if re.search(self.stumbles, prompt) else RIGHT


@pytest.mark.parametrize(
    "stumbles, smallest",
    [
        (r"hose|lamp", "The hose came 1 days ago. How long may I keep it?"),
        (r"\d\d\d days", "The rug came 100 days ago. How long may I keep it?"),
        (r"Thanks|Hurry", "The rug came 1 days ago. How long may I keep it? Thanks!"),
        (r"", "The rug came 1 days ago. How long may I keep it?"),
    ],
)
def test_the_smallest_failing_prompt_is_found(stumbles: str, smallest: str) -> None:
    found = smallest_failing(prompts(ASKED, **VALUES), Model(stumbles), [{"facts": ["45 days"]}], examples=40)
    assert found.failing is not None and found.failing.prompt == smallest
    assert found.failing.message == 'Expected the answer to state "45 days", found "90 days".'
    assert "smallest failing prompt" in found.text() and smallest in found.text()


def test_the_same_model_gives_the_same_search_and_no_prompt_is_asked_twice() -> None:
    models = [Model(r"\d\d\d days") for _ in range(2)]
    one, two = (smallest_failing(prompts(ASKED, **VALUES), model, [{"facts": ["45 days"]}]) for model in models)
    assert one == two
    assert models[0].asked == one.asked == two.asked


def test_a_model_without_fault_is_asked_as_often_as_wished_and_told_with_its_rate() -> None:
    model = Model("never said")
    found = smallest_failing(prompts(ASKED, **VALUES), model, [{"facts": ["45 days"]}], examples=15)
    assert found.failing is None and found.passed == found.asked == model.asked <= 15
    assert f"{found.asked}/{found.asked} = 100%" in found.text()
    with pytest.raises(LabError, match="no failing prompt"):
        found.case("P-1", "REQ-1", [{"facts": ["45 days"]}])


def test_shrinking_stops_when_enough_was_asked() -> None:
    values = {"a": range(100_000), "b": range(100_000), "c": range(100_000)}

    def fails(prompt: str) -> str:
        a, b, c = map(int, prompt.split())
        return "No." if a + b + c > 1234 else RIGHT

    found = smallest_failing(prompts("{a} {b} {c}", **values), fails, [{"facts": ["45 days"]}], examples=5)
    assert found.failing is not None and found.asked <= 5 * ATTEMPTS


def test_a_failing_prompt_becomes_a_case() -> None:
    expect = [{"facts": ["45 days"]}, {"grounded": ["45 days"]}]
    found = smallest_failing(prompts("My {item}?", item=["rug", "hose"]), Model("hose"), expect)
    case = found.case("P-1", "REQ-1", expect)
    assert (case.technique, case.given[-1].content, case.expect) == ("property", "My hose?", expect)
    assert found.failing is not None and found.failing.message.count("Expected") == 2


@pytest.mark.parametrize(
    "template, values", [("{a}", {}), ("{a}", {"a": [1], "b": [2]}), ("{a}", {"a": []}), ("{a}", {"a": range(3, 3)})]
)
def test_a_template_and_its_values_must_fit(template: str, values: dict[str, list[int]]) -> None:
    with pytest.raises(LabError, match="needs a place and values"):
        prompts(template, **values)


@pytest.mark.parametrize(
    "expect, says", [([{"fact": "x"}], "is unknown"), ([{"matches": "("}], "no regular expression")]
)
def test_an_expectation_without_sense_is_told(expect: list[dict[str, str]], says: str) -> None:
    with pytest.raises(LabError, match=says):
        smallest_failing(prompts("My {item}?", item=["rug"]), Model(""), expect)
