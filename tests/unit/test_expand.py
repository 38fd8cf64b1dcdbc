"""Short forms of a suite are written out as cases of one seed, and a slip in them is told with its place."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit import LabError
from labkit.evaluation import suite
from labkit.evaluation.expand import expand
from labkit.files import write_text

HEAD = "suite: demo\nsystem: Be kind.\ncases:\n"
ROOT = Path(__file__).parents[2]


def load(folder: Path, case: str) -> suite.Suite:
    return suite.load(write_text(folder / "demo.yaml", HEAD + case))


def entry(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text))


def test_variants_inherit_context_system_and_expectations_and_agree_with_their_seed(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        '  - id: A\n    requirement: R\n    technique: MFT\n    given: "[Rule: 45 days]\\nHow long?"\n'
        "    expect: [{facts: [45 days]}]\n"
        '    variants:\n      - how long??\n      - {given: "[Rule: 60 days]\\nHow long?", technique: DIR, '
        "expect: [{moves: {day: 45 days -> 60 days}}]}\n      - {given: Please say how long., system: null}\n",
    )
    assert [(c.id, c.seed, c.technique, c.cluster) for c in found.cases] == [
        ("A", None, "MFT", "A"), ("A~v1", "A", "INV", "A"), ("A~v2", "A", "DIR", "A"), ("A~v3", "A", "INV", "A"),
    ]  # fmt: skip
    assert [[m.content for m in c.given] for c in found.cases] == [
        ["Be kind.", "[Rule: 45 days]\nHow long?"], ["Be kind.", "[Rule: 45 days]\nhow long??"],
        ["Be kind.", "[Rule: 60 days]\nHow long?"], ["[Rule: 45 days]\nPlease say how long."],
    ]  # fmt: skip
    assert found.cases[1].expect == [{"facts": ["45 days"]}, {"consistent": True}]
    assert found.cases[2].expect == [{"moves": {"day": "45 days -> 60 days"}}]


def test_a_variant_of_a_dialogue_changes_its_last_message() -> None:
    given = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"},
             {"role": "user", "content": "[Rule: x]\nHow long?"}]  # fmt: skip
    cases = expand({"id": "A", "given": given, "expect": [{"matches": "x"}], "variants": ["how lng"]}, "demo")
    assert cases[1]["given"] == [*given[:2], {"role": "user", "content": "[Rule: x]\nhow lng"}]


def test_a_boundary_table_fills_prompt_and_expectations(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "  - id: B\n    requirement: R\n    given: It came {days} days ago, {name}.\n    expect: [{facts: ['{days} days']}]\n"
        "    boundary:\n      - {days: 45, name: Ann}\n"
        "      - {days: 46, name: Ben, expect: [{equals_json: {days: '{days}', name: '{name}'}}]}\n",
    )
    assert [(c.id, c.seed, c.technique) for c in found.cases] == [("B", None, "boundary"), ("B~v1", "B", "boundary")]
    assert [c.given[-1].content for c in found.cases] == ["It came 45 days ago, Ann.", "It came 46 days ago, Ben."]
    assert found.cases[0].expect == [{"facts": ["45 days"]}]
    assert found.cases[1].expect == [{"equals_json": {"days": 46, "name": "Ben"}}]  # a number stays a number


def test_pairwise_meets_every_pair_with_far_fewer_cases_than_all() -> None:
    factors = {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [True, False, None], "d": ["p", "q", "r"]}
    made = expand({"id": "P", "given": "{a} {b} {c} {d}", "expect": [], "pairwise": factors}, "demo")
    assert 9 <= len(made) <= 15 < 3**4
    rows = [case["given"].split() for case in made]
    for (i, one), (j, two) in itertools.combinations(enumerate(factors.values()), 2):
        met = {(row[i], row[j]) for row in rows}
        assert met == {(str(a), str(b)) for a in one for b in two}
    assert {case["technique"] for case in made} == {"pairwise"}


def test_the_same_factors_give_the_same_cases_in_another_process() -> None:
    code = (
        "from labkit.evaluation.expand import expand;"
        "print([c['given'] for c in expand({'id': 'P', 'given': '{a}{b}{c}', 'expect': [], 'pairwise': "
        "{'a': ['u', 'v', 'w'], 'b': ['k', 'l'], 'c': ['m', 'n', 'o']}}, 'x')])"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and said[0].startswith("['uk")


@pytest.mark.parametrize(
    "text, says",
    [
        ("{id: A, given: x, variants: [y], boundary: [{a: 1}]}", "has 'variants' and 'boundary'"),
        ("{id: A, given: x, variants: [y], seed: B}", "has 'variants' and 'seed'"),
        ("{id: A, given: x, variants: y}", "give a list of variants"),
        ("{id: A, given: x, variants: []}", "give a list of variants"),
        ("{id: A, given: x, variants: [{technique: DIR}]}", "a variant is a text"),
        ("{id: A, given: x, variants: [{given: y, id: B}]}", "a variant is a text"),
        ("{id: A, given: x, variants: [{given: y, technique: DIR}]}", "DIR needs its own 'expect'"),
        ("{id: A, given: x, boundary: {a: 1}}", "give a list of rows"),
        ("{id: A, given: x, boundary: [{expect: []}]}", "a row is a mapping"),
        ("{id: A, given: '{a}', boundary: [{a: 1}, {b: 1}]}", "all rows need the same names"),
        ("{id: A, given: 'x', boundary: [{a: 1}]}", "{a} does not stand in 'given'"),
        ("{id: A, given: '{a} {b}', boundary: [{a: 1}]}", "{b} has no value"),
        ("{id: A, given: '{a}', expect: [{facts: '{c}'}], boundary: [{a: 1}]}", "{c} has no value"),
        ("{id: A, given: '{a}', pairwise: {a: [1, 2]}}", "give two factors or more"),
        ("{id: A, given: '{a}{b}', pairwise: {a: [1, 2], b: [1]}}", "each factor needs a list"),
    ],
)
def test_a_slip_is_told_with_its_case(text: str, says: str) -> None:
    with pytest.raises(LabError) as caught:
        expand(entry(text), "demo.yaml case A")
    assert says in str(caught.value) and caught.value.where == "demo.yaml case A"


def test_what_has_no_short_form_stays_as_it_is_braces_and_all() -> None:
    plain = entry("{id: A, given: 'Answer in {json}', expect: [{matches: '{2}'}]}")
    assert expand(plain, "demo") == [plain]


def test_record_oracles_are_tried_with_the_seed_when_a_suite_loads(tmp_path: Path) -> None:
    case = "  - {id: A, requirement: R, technique: MFT, given: x, expect: [{%s}]}\n"
    with pytest.raises(LabError, match=r"A: 'moves': .*give the case a seed"):
        load(tmp_path, case % "moves: {EUR: up}")
    with pytest.raises(LabError, match=r"A: 'consistent': .*give the case a seed"):
        load(tmp_path, case % "consistent: true")
    with pytest.raises(LabError, match=r"A: 'prefers': .*same number of words"):
        load(tmp_path, case % "prefers: {right: a, wrong: b c}")
    assert load(tmp_path, case % "prefers: {right: a, wrong: b}").cases
