"""Notebook 02: its exercises with stubs, right and wrong answers, its files, and its tables on rows whose defects are known."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from labkit import LabError, checks
from labkit.checks import Check, Hit
from labkit.curation.outcome import Curated
from labkit.curation.step import Curation, Found
from labkit.files import write_jsonl
from labkit.formats import read_rows
from labkit.home import Home
from labkit.lesson import nb02
from labkit.lesson.exercises import ____, exercises
from labkit.records import Example, Finding, Message, Planted

BOOK = exercises("02")
RIGHT = {"parcel": "accept", "hammock": "reject", "lantern": "accept", "mower": "fix", "washer": "reject"}


@pytest.mark.parametrize("name", list(BOOK))
def test_stubs_are_not_attempted_and_solutions_pass(name, solved) -> None:
    assert BOOK[name].check(____).status == "not attempted"
    assert BOOK[name].check(lambda *_: ____).status in ("not attempted", "not yet")
    assert BOOK[name].check(solved("02", name)).status == "passed"


def refused(name: str, answer: object) -> str:
    result = BOOK[name].check(answer)
    assert result.status == "not yet"
    return result.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda f, p: (len(f & p) / len(f), len(f & p) / len(p)), "wrong way round"),
        (lambda f, p: (len(f & p) / len(f | p), len(f & p) / len(f)), "divisor of its own"),
        (lambda f, p: (len(f & p), len(f & p)), "2/3 and 2/5"),
        (lambda f, p: (len(f & p) / len(p), len(f & p) / len(f) if f else 0), "give None"),
        (lambda f, p: (len(f & p) / len(p), len(f & p) / len(f)), "ZeroDivisionError"),
        (lambda f, p: len(f & p) / len(p), "two values"),
        (0.5, "function"),
    ],
)
def test_rates_name_the_likely_mistake(answer, said) -> None:
    assert said in refused("rates", answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RIGHT | {"parcel": "reject"}, "nothing is lost"),
        (RIGHT | {"hammock": "accept"}, "one digit"),
        (RIGHT | {"lantern": "fix"}, "no word of the answer"),
        (RIGHT | {"mower": "accept"}, "eats the height"),
        (RIGHT | {"washer": "accept"}, "short is not unclear"),
        ({"parcel": "accept"}, "no decision about hammock"),
        ("accept", "dictionary"),
    ],
)
def test_verdicts_say_why_a_decision_is_wrong(answer, said) -> None:
    assert said in refused("verdicts", answer)


def own_check(pattern: str, flags: int = 0, field: str = "response", lower: bool = False):
    def check(row, context):
        if found := re.search(pattern, getattr(row, field), flags):
            yield Hit(row.id, "m", evidence=found[0].lower() if lower else found[0])

    return check


WORDS = r"\b(today|tomorrow|yesterday|now)\b"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (own_check(WORDS), "begin with the word"),
        (own_check(WORDS.replace(r"\b", ""), re.I), "whole words"),
        (own_check(WORDS, re.I, "question"), "was 'today'"),
        (own_check(WORDS, re.I, lower=True), "as it stands"),
        (own_check(".*now.*|.*tomorrow.*|.*yesterday.*", re.I), "as it stands"),
        (lambda row, context: [Hit("row", "m", evidence="tomorrow")] if "tomorrow" in row.response else [], "row.id"),
        (lambda row, context: [Hit(row.id, "m", evidence=w) for w in re.findall(WORDS, row.response, re.I)], "2 hits"),
        (lambda row, context: None, "yield Hit"),
        (lambda row, context: ["tomorrow"], "is a Hit"),
        (lambda row, context: Hit(row.id, "m"), "yield Hit"),
        ("now", "function"),
    ],
)
def test_an_own_check_is_tested_with_defects_and_look_alikes(answer, said) -> None:
    assert said in refused("day_bound", answer)


# --- files ------------------------------------------------------------------------------------------------------------


def test_material_of_a_sample_and_of_an_own_file(tmp_path: Path) -> None:
    sample = nb02.material("decision")
    assert sample.rules["name"] == "decision" and sample.planted and sample.rules["policy"].name == "policy.yaml"
    assert [suite.name for suite in sample.rules["suites"]] == ["decision.yaml"]
    file = tmp_path / "my rows?.csv"
    file.write_text("question,answer\na,b\n")
    own = nb02.material(file)
    assert own.planted == [] and own.rules["policy"] is None and own.rules["suites"] == []
    assert re.fullmatch(r"my-rows--[0-9a-f]{6}", own.rules["name"])
    (tmp_path / "policy.yaml").write_text("domain: own\n")
    write_jsonl(tmp_path / "planted.jsonl", [Planted(row="r", kind="wrong_label", half="dev")])
    beside = nb02.material(str(file))
    assert beside.rules["policy"] == tmp_path / "policy.yaml" and [p.row for p in beside.planted] == ["r"]
    write_jsonl(tmp_path / "planted.jsonl", [Planted(row="r", kind="wrong_lable", half="dev")])
    with pytest.raises(LabError, match=r"planted.jsonl: names a check 'wrong_lable' that does not exist"):
        nb02.material(str(file))


def test_a_misspelt_domain_is_one_sentence() -> None:
    with pytest.raises(LabError, match=r"suport: is neither a sample nor a file. Name one of support, knowledge"):
        nb02.material("suport")


# --- tables -----------------------------------------------------------------------------------------------------------


def row(name: str, text: str, answer: str = "Yes.") -> Example:
    return Example(id=name, prompt=[Message(role="user", content=text)], response=answer)


def finding(check: str, name: str, **more) -> Finding:
    return Finding(id=f"{check}.{name}", row_id=name, check=check, severity="minor", message="m", **more)


def plant(kind: str, name: str, **more) -> Planted:
    return Planted(**{"row": name, "kind": kind, "half": "test"} | more)


@pytest.fixture
def two_kinds(monkeypatch) -> None:
    stages = {"noise": "curation", "leak": "curation", "pii": "governance"}
    registry = {n: Check(n, s, "minor", "", "row", lambda row, context: []) for n, s in stages.items()}
    monkeypatch.setattr(checks, "CHECKS", registry)


ROWS = [row(f"r{i}", f"question {i}") for i in range(8)]
PLANTS = [
    plant("noise", "r0"),
    plant("noise", "r1"),
    plant("leak", "r2"),
    plant("pii", "r3"),
    plant("noise", "r4", lookalike=True),
    plant("noise", "r5", half="dev"),
]


@pytest.fixture
def sets(two_kinds, tmp_path: Path) -> dict[str, nb02.Known]:
    one = [
        finding("noise", "r0", tier="certain"),
        finding("noise", "r4"),
        finding("pii", "r3"),
        finding("noise", "r5"),
    ]
    two = [finding("noise", "r0", tier="certain"), finding("noise", "r1", tier="certain")]
    return {name: nb02.Known(Found(ROWS, found, tmp_path), PLANTS) for name, found in (("one", one), ("two", two))}


def test_detection_counts_the_test_half_of_this_stage_only(sets) -> None:
    leak, noise = (r for r in nb02.detection_table(sets) if r["kind"] in ("leak", "noise"))
    assert (noise["one"], noise["two"]) == ("1/2", "2/2")
    assert (noise["recall"].passed, noise["recall"].n) == (3, 4) and (
        noise["precision"].passed,
        noise["precision"].n,
    ) == (3, 4)
    assert noise["look-alikes flagged"] == "1/2" and leak["precision"] == "no findings"
    assert "pii" not in {kind.kind for kind in nb02.together(sets)}


def test_tiers_are_counted_apart(sets) -> None:
    rates = {tier: nb02.tier_is_right(sets, tier) for tier in ("certain", "likely", "review")}
    assert {tier: (rate.passed, rate.n) for tier, rate in rates.items()} == {
        "certain": (3, 3), "likely": (0, 1), "review": (0, 0),
    }  # fmt: skip


def test_what_is_left_behind_is_counted_by_kind(two_kinds, tmp_path: Path) -> None:
    curated = Curated(ROWS[1:7], {"r0": ["noise.r0"], "r7": ["noise.r7"]}, {"r1": ["noise.r1"]}, {})
    done = Curation(ROWS, [], curated, tmp_path, tmp_path, tmp_path)
    assert nb02.left_behind(done, PLANTS) == [
        {"what": "still there: leak", "rows": 1},
        {"what": "still there: noise", "rows": 1},
        {"what": "dropped, though nothing was planted in it", "rows": 1},
    ]
    assert nb02.left_behind(done, []) == []


def test_known_sets_are_the_three_samples(monkeypatch, tmp_path: Path) -> None:
    calls = []

    def find(home, raw, **rules):
        calls.append((raw.parent.name, rules["name"], rules["policy"].name))
        return Found([], [], raw)

    monkeypatch.setattr(nb02, "find", find)
    sets = nb02.known_sets(Home(tmp_path))
    assert list(sets) == list(nb02.DOMAINS) and all(known.planted for known in sets.values())
    assert calls == [(name, name, "policy.yaml") for name in nb02.DOMAINS]


def test_a_defect_report_holds_evidence_counterpart_and_consequence() -> None:
    rows = [row("a", "When\nis it \x1b[31mhere?", "<p>Soon."), row("b", "When is it here?", "Late.")]
    said = nb02.defect_report(finding("twin", "a", evidence="Soon", other_row="b", suggestion="drop it"), rows)
    assert said.splitlines()[0] == "twin in a (minor, likely)"
    assert "'Soon' (in the response)" in said and "row b:" in said and "'Late.'" in said and "drops row a" in said
    assert "\x1b" not in said
    mended = nb02.defect_report(finding("noise", "a", repair={"response": "Soon."}), rows)
    assert "new response: 'Soon.'" in mended and "writes the proposed text" in mended and "row None" not in mended


def test_planted_pairs_show_why_similarity_alone_is_not_enough(tmp_path: Path) -> None:
    sets = {}
    for domain in nb02.DOMAINS:
        own = nb02.material(domain)
        sets[domain] = nb02.Known(Found(read_rows(own.raw)[0], [], tmp_path), own.planted)
    pairs = nb02.planted_pairs(sets)
    assert Counter(pair["copy"] for pair in pairs).keys() == {True, False}
    assert [pair["similarity"] for pair in pairs] == sorted((pair["similarity"] for pair in pairs), reverse=True)
    loose, *_, strict = nb02.thresholds(pairs)
    assert loose["threshold"] < strict["threshold"] and strict["copies found"].rate < loose["copies found"].rate
    assert loose["look-alikes merged"].rate > 0.5 > loose["look-alikes merged, with guard"].rate
    assert loose["copies found, with guard"].rate > 0.8


def test_thresholds_count_by_hand() -> None:
    pairs = [
        {"copy": True, "similarity": 0.9, "differ in": ""},
        {"copy": True, "similarity": 0.5, "differ in": "numbers"},
        {"copy": False, "similarity": 0.7, "differ in": "numbers"},
    ]
    low, high = nb02.thresholds(pairs, at=(0.5, 0.8))
    assert {name: (rate.passed, rate.n) for name, rate in low.items() if name != "threshold"} == {
        "copies found": (2, 2), "copies found, with guard": (1, 2),
        "look-alikes merged": (1, 1), "look-alikes merged, with guard": (0, 1),
    }  # fmt: skip
    assert (high["copies found"].passed, high["look-alikes merged"].passed) == (1, 0)
