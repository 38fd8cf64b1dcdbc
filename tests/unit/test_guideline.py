"""Guidelines as data: loading, contradictions, differences between versions, cards."""

from __future__ import annotations

import copy

import pytest
import yaml

from labkit import LabError, samples
from labkit.labelling.guideline import Guideline, diff, html, load, text

GOOD = {
    "version": "1",
    "question": "What is it?",
    "labels": [
        {"name": "fruit", "definition": "Grows on trees.", "positive": ["an apple"], "negative": ["a potato"]},
        {"name": "root", "definition": "Grows in the ground.", "exclude": ["peanuts"], "positive": ["a potato"]},
    ],
}
CASE = {"text": "a tomato", "label": "fruit", "over": "root", "why": "it hangs"}


def changed(path, value):
    raw = copy.deepcopy(GOOD)
    *way, last = path
    place = raw
    for step in way:
        place = place[step]
    place[last] = value
    return raw


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_sample_guidelines_load(version):
    guideline = load(samples.path(f"labelling/guideline-{version}.yaml"))
    assert guideline.version == version
    assert guideline.names == ["question", "request", "problem", "complaint", "safety"]


def test_version_two_decides_what_version_one_left_open():
    one, two = (load(samples.path(f"labelling/guideline-{v}.yaml")) for v in "12")
    for a, b in (("question", "request"), ("problem", "complaint")):
        assert not one.between(a, b)
        assert len(two.between(b, a)) >= 3
    assert not two.between("safety", "question")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (changed(["labels"], GOOD["labels"][:1]), "labels: "),
        ({k: v for k, v in GOOD.items() if k != "version"}, "version: "),
        (changed(["labels", 0, "definition"], ""), "labels.0.definition"),
        (changed(["labels", 0, "exmaples"], []), "labels.0.exmaples"),
        (changed(["labels", 1, "name"], "fruit"), "'fruit' is defined twice"),
        (changed(["labels", 1, "name"], "skip"), "no label may be called 'skip'"),
        (changed(["labels", 1, "positive"], ["an apple"]), "'an apple' gets both 'fruit' and 'root'"),
        (changed(["labels", 0, "negative"], ["an apple"]), "'an apple' is an example and a counter-example"),
        (changed(["labels", 0, "borderline"], [CASE | {"over": "leaf"}]), "names an unknown label 'leaf'"),
        (changed(["labels", 0, "borderline"], [CASE | {"over": "fruit"}]), "must name two labels"),
        (changed(["labels", 0, "borderline"], [CASE | {"text": "a potato"}]), "'a potato' gets both"),
        (["a list"], "is no guideline"),
    ],
)
def test_a_faulty_guideline_is_refused_in_one_line(tmp_path, raw, said):
    path = tmp_path / "g.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(LabError) as error:
        load(path)
    assert said in str(error.value)
    assert "Value error" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("content", "said"), [("labels: [", "is no YAML"), (None, "No such file")])
def test_an_unreadable_guideline_is_refused(tmp_path, content, said):
    path = tmp_path / "g.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LabError, match=said):
        load(path)


def test_a_version_written_as_a_number_is_taken(tmp_path):
    path = tmp_path / "g.yaml"
    path.write_text(yaml.safe_dump(changed(["version"], 3)))
    assert load(path).version == "3"


def test_diff_tells_each_change_and_nothing_else():
    old = Guideline.model_validate(GOOD)
    assert diff(old, old.model_copy(update={"version": "2"})) == []
    raw = changed(["labels", 0, "definition"], "Has seeds.")
    raw["labels"][0]["borderline"] = [CASE]
    raw["labels"][1]["exclude"] = []
    raw["labels"].append({"name": "leaf", "definition": "Is green."})
    new = Guideline.model_validate(raw | {"question": "Which part is it?"})
    assert diff(old, new) == [
        "the question is now: Which part is it?",
        "fruit: the definition is now: Has seeds.",
        "fruit: borderline added: a tomato -> fruit, not root: it hangs",
        "root: exclude removed: peanuts",
        "label leaf is new: Is green.",
    ]
    assert "label leaf is gone" in diff(new, old)


def test_the_cards_hold_every_rule_and_escape_it():
    raw = changed(["labels", 0, "include"], ["<script>alert(1)</script>"])
    raw["labels"][0]["borderline"] = [CASE]
    guideline = Guideline.model_validate(raw)
    for said in ("What is it?", "Grows in the ground.", "an apple", "peanuts", "it hangs"):
        assert said in text(guideline)
        assert said in html(guideline)
    assert "<script>" in text(guideline)
    assert "<script>" not in html(guideline)


def test_an_unknown_label_has_no_rule():
    with pytest.raises(LabError, match="Take fruit, root"):
        Guideline.model_validate(GOOD).rule("leaf")
