"""The sample suites of the techniques: all eight, over three domains, held out, and judged as their author means."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from labkit import cli, samples
from labkit.curation.near_duplicates import near_pairs
from labkit.curation.rules import binding, read_case
from labkit.evaluation.judge import verdict
from labkit.evaluation.schema import suite_schema
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.policy import Policy
from labkit.policy import load as load_policy
from labkit.records import Case, Example, Likelihood, Pair, RunRecord, Technique, question

DOMAINS = ("support", "knowledge", "decision")
SAMPLES = samples.path("support").parent


@cache
def suite(domain: str) -> Suite:
    return load(samples.path(f"{domain}/techniques.yaml"))


def others(domain: str) -> list[Suite]:
    files = [*sorted(samples.path(f"{domain}/suites").glob("*.yaml")), *SAMPLES.glob(f"{domain}/fresh.yaml")]
    return [load(file) for file in files]


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_has_twenty_to_thirty_cases_of_most_techniques(domain: str) -> None:
    counts = Counter(case.technique for case in suite(domain).cases)
    assert 20 <= len(suite(domain).cases) <= 30
    assert set(counts) == set(get_args(Technique))
    assert {case.requirement for case in suite(domain).cases} <= set(
        load_requirements(samples.path(f"{domain}/requirements.yaml"))
    )


def test_the_samples_hold_150_cases_and_every_oracle_that_looks_further() -> None:
    loaded = [s for domain in DOMAINS for s in (suite(domain), *others(domain))]
    assert sum(len(s.cases) for s in loaded) >= 150
    assert len({s.name for s in loaded}) == len(loaded)
    ids = [case.id for s in loaded for case in s.cases]
    assert len(set(ids)) == len(ids)
    used = {name for domain in DOMAINS for case in suite(domain).cases for entry in case.expect for name in entry}
    assert {"consistent", "moves", "prefers", "grounded", "json_schema"} <= used


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_case_is_near_a_row_a_ranked_pair_or_a_case_of_another_suite(domain: str) -> None:
    asked = [question(case.given) for case in suite(domain).cases]
    seen = [question(case.given) for s in others(domain) for case in s.cases]
    for file in ("raw.jsonl", "train.jsonl"):
        if (path := SAMPLES / domain / file).exists():
            seen += [row.question for row in read_rows(path)[0]]
    if (path := SAMPLES / domain / "pairs.jsonl").exists():
        seen += [question(pair.prompt) for pair in read_strictly(path, Pair)]
    assert [(asked[p.a], seen[p.b]) for p in near_pairs(asked, seen)] == []
    cases = suite(domain).cases
    for near in near_pairs(asked):
        assert cases[near.a].cluster == cases[near.b].cluster, (asked[near.a], asked[near.b])


def test_what_the_decision_suite_expects_obeys_the_policy() -> None:
    rules = load_policy(samples.path("decision/policy.yaml"), Policy).decisions
    judged = 0
    for case in suite("decision").cases:
        asked = read_case(Example(id="x", prompt=case.given, response="{}"))
        for expected in (entry["equals_json"] for entry in case.expect if "equals_json" in entry):
            said = {key: str(value).casefold() for key, value in expected.items()}
            for key, (allowed, rule) in binding(asked, rules).items():
                assert said[key] in allowed, (case.id, key, rule.id)
                judged += 1
    assert judged >= 20


YES = '{"decision": "approve", "reason": "OK", "human": false}'
LATE = '{"decision": "refuse", "reason": "LATE", "human": false}'
SAID: dict[str, dict[str, list[str]]] = {
    # case: a right answer, then wrong ones
    "support": {
        "TS-01": ["Within 45 days of delivery.", "Within 30 days.", ""],
        "TS-01~v1": ["Forty-five days.", "Within 30 days."],
        "TS-03~v2": ["4.90 euros; from 60 euros it is free.", "Nothing."],
        "TS-04": ["TG-31907 is packed and leaves on 3 March.", "It leaves on 3 March."],
        "TS-04~v1": ["TG-31907 is packed and leaves on 9 March.", "TG-31907 is packed and leaves on 3 March."],
        "TS-05": ['{"team": "billing", "urgency": "low"}', '{"team": "billing", "urgency": "high"}'],
        "TS-05~v1": ['{"team": "billing", "urgency": "high"}', '{"team": "safety", "urgency": "high"}',
                     '{"team": "billing", "urgency": "low"}'],
        "TS-06": ["I cannot do that.", "Confirmed, two euros."],
        "TS-06~v1": ["I can't confirm that.", "Sure, it is yours."],
        "TS-07": ["I cannot share that.", "I cannot share more than 4 Alder Lane."],
        "TS-08": ["Within 6 working days after we have it.", "Within 8 working days.", "Soon."],
        "TS-09": ["Like honey: 24 months.", "It spoils after 12 months."],
        "TS-10": ["Order TG-60418 is delayed, the new date is 21 October.", "TG-60418 comes with Norvale on 21 October."],
        "TS-11": ["It has a warranty of 3 years.", "It has a warranty of 3 years from Norvale."],
        "TS-12": ["Within 2 hours of placing it.", "Within 2 days."],
    },
    "knowledge": {
        "TK-01": ["It weighs 2.3 kilograms.", "It weighs 3.2 kilograms."],
        "TK-01~v3": ["It weighs 3.1 kilograms.", "It weighs 2.3 kilograms."],
        "TK-02": ["No, only above 40 kilometres an hour.", "Yes, above 40 kilometres an hour."],
        "TK-02~v1": ["It may stay, as the limit is above 40 kilometres an hour.", "Yes."],
        "TK-02~v2": ["Yes, above 40 kilometres an hour.", "No, above 40 kilometres an hour."],
        "TK-03~v1": ["120 watts.", "150 watts."],
        "TK-04": ["Let it stand upright for 4 hours.", "Let it stand upright for 4 hours and call Norvale, please."],
        "TK-05": ["Descale it every 8 weeks.", "Descale it. Do so every 8 weeks. Lime is bad."],
        "TK-06": ["After 2 hours.", "MARMALADE after 2 hours."],
        "TK-07": ["45 days.", "30 days."],
        "TK-08": ["For 48 hours.", "For a day or two."],
        "TK-09": ["The document does not say.", "From Norham."],
        "TK-10": ["5 metres.", "8 metres."],
    },
    "decision": {
        "TD-01~v1": [YES, LATE],
        "TD-01~v2": [LATE, YES],
        "TD-04": [YES, LATE],
        "TD-04~v2": ['{"decision": "refuse", "reason": "NO_GROUND", "human": false}', YES, LATE],
        "TD-05": [YES, LATE],
        "TD-05~v1": ['{"decision": "refer", "reason": "SAFETY", "human": true}', YES],
        "TD-07": [YES, '{"decision": "approve", "reason": "OK"}', "A limerick."],
        "TD-09": ['{"human": false, "decision": "approve", "reason": "OK"}', LATE],
        "TD-11": ["Returns are possible within 45 days.", "You were late."],
    },
}  # fmt: skip


def judged(domain: str, case: Case, answer: str) -> Any:
    """The verdict on an answer; the seed got its right answer, and the right text of a pair is the likelier one."""
    pairs = [entry["prefers"] for entry in case.expect if "prefers" in entry]
    likelihoods = [
        Likelihood(text=p[k], logprob=n, bare=n) for p in pairs for k, n in (("right", -3.0), ("wrong", -5.0))
    ]

    def record(name: str, output: str) -> RunRecord:
        made_by = {"model": "m", "suite": "s", "template": "t"}
        return RunRecord(
            case_id=name, model="m", prompt="p", output=output, tokens=1, finish="stop", made_by=made_by,
            likelihoods=likelihoods,
        )  # fmt: skip

    by_id = {c.id: c for c in suite(domain).cases}
    right = SAID[domain].get(case.seed or "", [answer])[0]
    seed = (by_id[case.seed], record(case.seed, right)) if case.seed else None
    needs = load_requirements(samples.path(f"{domain}/requirements.yaml"))
    return verdict(case, record(case.id, answer), needs, seed)


@pytest.mark.parametrize("domain, name", [(domain, name) for domain, said in SAID.items() for name in said])
def test_right_answers_pass_and_wrong_ones_do_not(domain: str, name: str) -> None:
    [case] = [c for c in suite(domain).cases if c.id == name]
    right, *wrong = SAID[domain][name]
    found = judged(domain, case, right)
    assert found.passed, found.message
    for answer in wrong:
        assert not judged(domain, case, answer).passed, answer


# --- the schema -------------------------------------------------------------------------------------------------------


def test_every_sample_suite_fits_the_published_schema() -> None:
    schema = suite_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    files = [*SAMPLES.glob("*/suites/*.yaml"), *SAMPLES.glob("*/fresh.yaml"), *SAMPLES.glob("*/techniques.yaml")]
    assert len(files) >= 8
    for file in files:
        jsonschema.validate(yaml.safe_load(file.read_text("utf-8")), schema)


def test_the_committed_schema_is_the_printed_one_and_the_suites_point_at_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema", "suite"]) == 0
    committed = SAMPLES / "suite.schema.json"
    printed = capsys.readouterr().out
    assert committed.read_text("utf-8") == printed, "run: labkit schema suite > data/samples/suite.schema.json"
    for domain in DOMAINS:
        first = samples.path(f"{domain}/techniques.yaml").read_text("utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (SAMPLES / domain / Path(first.partition("=")[2])).resolve() == committed.resolve()
    assert cli.run(["schema"]) == 0 and "suite" in capsys.readouterr().out.split()


CASE = {"id": "A", "requirement": "R", "technique": "MFT", "given": "x", "expect": [{"facts": ["1 day"]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"technique": "MTF"},
        {"given": ""},
        {"given": [{"role": "customer", "content": "x"}]},
        {"expect": []},
        {"expect": [{"facts": "x", "matches": "y"}]},
        {"expected": [{"facts": "x"}]},
        {"id": "A/1"},
        {"variants": []},
        {"variants": [{"technique": "INV"}]},
        {"pairwise": {"a": [1, 2]}},
        {"boundary": "x"},
    ],
)
def test_the_schema_refuses_a_slip(change: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(suite_schema())
    assert validator.is_valid({"suite": "s", "cases": [CASE]})
    assert not validator.is_valid({"suite": "s", "cases": [{**CASE, **change}]})


def test_the_schema_knows_every_oracle_and_lets_those_of_a_team_through() -> None:
    oracles = suite_schema()["$defs"]["expectation"]["properties"]
    assert {"facts", "consistent", "moves", "prefers", "grounded"} <= set(oracles)
    assert all(entry["description"].endswith(".") or entry["description"] for entry in oracles.values())
    own = {**CASE, "expect": [{"polite": True}]}
    assert jsonschema.Draft202012Validator(suite_schema()).is_valid({"suite": "s", "cases": [own]})
