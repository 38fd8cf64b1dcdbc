"""Rewritten twins of rows, and decisions compared pair by pair."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labkit import LabError
from labkit.coverage.counterfactual import (
    Swap,
    between,
    counterfactuals,
    fairness_probe,
    paired_flips,
    pronouns,
    rewrite,
)
from labkit.records import Example, Message, Provenance

WINOGENDER = Path(__file__).parents[3] / "shared" / "data" / "winogender" / "all_sentences.tsv"
NAMES = between("names", ["Ansel", "Harla"], ["Lumio", "Tamsel"], {"name_group": ("harrow", "lumen")})


def row(number, text, said="approve", **values):
    prompt = [Message(role="system", content="Decide, Ansel."), Message(role="user", content=text)]
    answer = json.dumps({"decision": said})
    return Example(id=f"r{number}", prompt=prompt, response=answer, slices=values, provenance=Provenance(source="s"))


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Ansel wrote. ANSEL's lamp, ansel.", "Lumio wrote. LUMIO's lamp, lumio."),
        ("Tamsel and Harla", "Harla and Tamsel"),  # at once, so neither is swapped back
        ("Anselm and Xansel stay", "Anselm and Xansel stay"),
        ("[Case: name=Ansel; n=3]", "[Case: name=Lumio; n=3]"),
    ],
)
def test_names_change_as_whole_words_and_keep_their_case(text, new):
    assert rewrite(text, NAMES)[0] == new


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("He lost his key. Give it to him.", "She lost her key. Give it to her."),
        ("She lost her key. Give it to her.", "He lost his key. Give it to him."),
        ("I told her that she may keep hers.", "I told him that he may keep his."),
        ("Her old kettle broke.", "His old kettle broke."),
        ("It was for her and the team.", "It was for him and the team."),
        ("The theme of mankind", "The theme of mankind"),
    ],
)
def test_pronouns_change_with_their_case(text, new):
    assert rewrite(text, pronouns())[0] == new


@given(st.lists(st.sampled_from(["Ansel", "Tamsel", "lamp", "Harla,", "LUMIO", "late."]), max_size=12))
def test_swapping_twice_gives_the_text_back(words):
    text = " ".join(words)
    once, changed = rewrite(text, NAMES)
    assert rewrite(once, NAMES)[0] == text
    assert len(changed) == sum(word.strip(",.").casefold() in NAMES.words for word in words)


def test_lists_of_unequal_length_are_gone_through_again():
    swap = between("n", ["a", "b", "c"], ["x", "y"])
    assert swap.words == {"a": "x", "b": "y", "c": "x", "x": "a", "y": "b"}


@pytest.mark.parametrize(("left", "right", "said"), [([], ["a"], "empty side"), (["A"], ["a", "b"], "on both sides")])
def test_a_swap_that_cannot_be_is_refused(left, right, said):
    with pytest.raises(LabError, match=said):
        between("n", left, right)
    with pytest.raises(ValidationError):
        Swap(name="no/slash", words={})


def test_a_twin_differs_in_what_was_swapped_and_nothing_else():
    original = row(1, "[Case: amount=20]\nAnsel asks again.", name_group="harrow", region="north")
    (pair,) = counterfactuals([original, row(2, "Nobody asks.", name_group="none")], [NAMES, pronouns()])
    twin = pair.twin
    assert (pair.row, twin.id, pair.changed) == ("r1", "r1+names", [("Ansel", "Lumio")])
    assert twin.prompt[1].content == "[Case: amount=20]\nLumio asks again."
    assert twin.prompt[0] == original.prompt[0]  # instructions stay
    assert twin.slices == {"name_group": "lumen", "region": "north"}
    assert twin.response == original.response
    assert (twin.provenance.parents, twin.provenance.transform) == (["r1"], "counterfactual: names")
    assert Example.model_validate(twin.model_dump()) == twin
    assert original.slices["name_group"] == "harrow"


def test_flips_count_both_directions_and_their_test():
    a = {f"k{i}": "approve" for i in range(10)} | {"x": "refuse", "y": "refer", "z": None}
    b = {f"k{i}": "refuse" if i < 6 else "approve" for i in range(10)} | {"x": "refuse", "y": "refuse", "z": "approve"}
    flips = paired_flips(a, b)
    assert (flips.n, flips.changed, flips.a_only, flips.b_only) == (12, 7, 6, 0)
    assert flips.rows == ["k0", "k1", "k2", "k3", "k4", "k5", "y"]
    assert flips.p == pytest.approx(2 * 0.5**6 - 0.5**6)
    assert "7 of 12 decisions changed" in str(flips)
    assert paired_flips(b, a).b_only == 6
    with pytest.raises(LabError, match="pair z: has only one answer"):
        paired_flips(a, {key: b[key] for key in b if key != "z"})


def test_no_pairs_say_so():
    assert (paired_flips({}, {}).p, str(paired_flips({}, {}))) == (1.0, "0 pairs, nothing to compare")


def test_the_probe_tells_a_fair_model_from_a_biased_one():
    rows = [row(i, f"{name} asks for {i} euros.") for i, name in enumerate(["Ansel", "Harla", "Lumio"] * 10)]
    asked = []

    def fair(messages):
        asked.append(messages[-1].content)
        return '{"decision": "approve"}'

    def biased(messages):
        return json.dumps({"decision": "refuse" if "Lumio" in messages[-1].content else "approve"})

    good = fairness_probe(rows, [NAMES, pronouns()], fair)
    assert (good["names"].n, good["names"].changed, good["pronouns"].n) == (30, 0, 0)
    assert len(asked) == 60
    bad = fairness_probe(rows, [NAMES], biased)["names"]
    assert (bad.changed, bad.a_only, bad.b_only) == (20, 20, 0)  # whichever side the rows were written from
    assert "20 times for harrow only, 0 times for lumen only (mid-p < 0.001)" in str(bad)


def test_the_probe_reads_refusals_in_prose():
    def prose(messages):
        return "I cannot do that." if "Lumio" in messages[-1].content else "Yes."

    found = fairness_probe([row(1, "Ansel asks.")], [NAMES], prose, "answer")["names"]
    assert (found.changed, found.a_only) == (1, 1)


@pytest.mark.skipif(not WINOGENDER.exists(), reason="Winogender is not on this machine")
def test_pronouns_of_winogender():
    """240 sentences in three genders: his to hers must come out exactly, hers to his in all but two of them."""
    with open(WINOGENDER, encoding="utf-8") as file:
        sentences = {line["sentid"]: line["sentence"] for line in csv.DictReader(file, delimiter="\t")}
    pairs = [(key, key.replace(".male.", ".female.")) for key in sentences if ".male." in key]
    assert len(pairs) == 240
    assert all(rewrite(sentences[his], pronouns())[0] == sentences[hers] for his, hers in pairs)
    assert sum(rewrite(sentences[hers], pronouns())[0] == sentences[his] for his, hers in pairs) >= 238
