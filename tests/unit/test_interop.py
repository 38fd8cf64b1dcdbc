"""Suites for other tools: the structure those tools document, and an honest account of what does not travel."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from labkit import LabError, cli, samples
from labkit.evaluation.interop import HELPER, to_lm_eval, to_promptfoo
from labkit.evaluation.registry import Said, apply
from labkit.evaluation.suite import Suite, load, prompt_text
from labkit.records import Case


class _Loader(yaml.SafeLoader):
    """Reads lm-eval's tag as the text behind it."""


_Loader.add_constructor("!function", lambda loader, node: f"!function {loader.construct_scalar(node)}")

# What lm-eval's task guide lists as fields of a task (TaskConfig), as far as a generating task may use them.
TASK_FIELDS = {
    "task", "dataset_path", "dataset_kwargs", "test_split", "output_type", "description", "doc_to_text", "doc_to_target",
    "num_fewshot", "generation_kwargs", "filter_list", "process_results", "metric_list", "metadata",
}  # fmt: skip


@pytest.fixture(scope="module")
def support() -> Suite:
    return load(samples.path("support/suites/support.yaml"))


def a_suite(tmp_path: Path, *cases: str) -> Suite:
    path = tmp_path / "own suite.yaml"
    body = "\n".join(f"- {{id: c{i}, requirement: REQ-1, technique: MFT, {case}}}" for i, case in enumerate(cases))
    path.write_text(f"suite: own suite\ncases:\n{body}\n", encoding="utf-8")
    return load(path)


def helper(folder: Path):
    spec = importlib.util.spec_from_file_location("labkit_oracles", folder / HELPER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_lm_eval_task_has_the_documented_structure(support, tmp_path):
    made = to_lm_eval(support, tmp_path)
    task = yaml.load(made.files[0].read_text(), _Loader)
    assert set(task) <= TASK_FIELDS
    assert task["task"] == "labkit_support" and task["output_type"] == "generate_until"
    assert task["dataset_path"] == "json" and task["test_split"] in task["dataset_kwargs"]["data_files"]
    assert (tmp_path / task["dataset_kwargs"]["data_files"]["test"]).is_file()
    assert task["generation_kwargs"] == {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 64}
    [pipeline] = task["filter_list"]
    assert [step["function"] for step in pipeline["filter"]] == ["remove_whitespace", "take_first"]
    assert task["metric_list"] == [{"metric": "passed", "aggregation": "mean", "higher_is_better": True}]
    file, function = task["process_results"].removeprefix("!function ").split(".")
    assert (tmp_path / f"{file}.py").is_file() and callable(getattr(helper(tmp_path), function))
    rows = [json.loads(line) for line in made.files[1].read_text().splitlines()]
    assert len(rows) == made.cases == len(support.cases) and not made.left_out
    assert {"question", "system"} <= set(rows[0])  # what the templates name
    assert rows[0]["system"] == "Tallgrove support" and rows[0]["question"] == support.cases[0].given[-1].content


def test_lm_eval_judges_as_the_lab_does(support, tmp_path):
    made = to_lm_eval(support, tmp_path)
    rows = {row["id"]: row for row in map(json.loads, made.files[1].read_text().splitlines())}
    judge = helper(tmp_path).process_results
    for case in support.cases[::7]:
        for answer in ("You can return it within 45 days.", "I cannot share that. I only help with Tallgrove.", ""):
            outcomes = [apply(n, e, Said(answer, prompt_text(case))) for entry in case.expect for n, e in entry.items()]
            assert judge(rows[case.id], [answer]) == {"passed": float(all(o.passed for o in outcomes))}


ANSWERS = [
    "45 days",
    " 45  days\n",
    "45 DAYS",
    '{"team": "a"}',
    '{"team": "b"}',
    '{"team": "a", "x": 1}',
    "no {{x}}",
    "",
]


@pytest.mark.parametrize(
    ("expect", "kind"),
    [
        ("equals: '45 days'", "regex"),
        ("equals: 'no {{x}}'", "regex"),
        ("equals_json: {team: a}", "equals"),
        ("json_schema: {required: [team]}", "is-json"),
        ("matches: days", "icontains"),
        ("forbids: [team, days]", "not-icontains"),
        ("matches: 'days?$'", "python"),
        ("facts: [45 days]", "python"),
        ("decision: refuse", "python"),
        ("equals_json: 7", "python"),
    ],
)
def test_promptfoo_gets_an_equal_assertion_or_labkit_itself(tmp_path, expect, kind):
    vacuous = "{matches: '.'}, " if expect.startswith("forbids") else ""
    suite = a_suite(tmp_path, f"given: 'Q', expect: [{vacuous}{{{expect}}}]")
    made = to_promptfoo(suite, tmp_path / "promptfooconfig.yaml")
    [test] = yaml.safe_load(made.files[0].read_text())["tests"]
    checks = test["assert"][bool(vacuous) :]
    assert {check["type"] for check in checks} == {kind}
    [(oracle, wanted)] = suite.cases[0].expect[-1].items()
    for answer in ANSWERS:
        verdict = apply(oracle, wanted, Said(answer, "Q")).passed
        assert all(promptfoo(check, answer, tmp_path) for check in checks) is verdict, answer


def promptfoo(check: dict, answer: str, folder: Path) -> bool:
    """What promptfoo's documentation says of an assertion type, in Python."""
    import re

    import jsonschema

    value = check["value"]
    try:
        parsed = json.loads(answer)
    except ValueError:
        parsed = None
    if check["type"] == "regex":
        return re.search(value, answer) is not None
    if check["type"] == "equals":
        return parsed == value
    if check["type"] == "is-json":
        return parsed is not None and jsonschema.Draft7Validator(value).is_valid(parsed)
    if check["type"].endswith("icontains"):
        return (value.lower() in answer.lower()) is not check["type"].startswith("not-")
    assert value == f"file://{HELPER}"
    return helper(folder).get_assert(answer, {"config": check["config"]})["pass"]


def test_a_promptfoo_configuration_renders_to_chat_messages(support, tmp_path):
    made = to_promptfoo(support, tmp_path / "promptfooconfig.yaml")
    content = yaml.safe_load(made.files[0].read_text())
    assert {"prompts", "providers", "tests"} <= set(content)
    [prompt] = content["prompts"]
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(autoescape=False)
    environment.filters["dump"] = json.dumps  # nunjucks' own
    variables = content["tests"][0]["vars"]
    shown = json.loads(environment.from_string(prompt).render(**variables))
    assert shown == [m.model_dump() for m in support.cases[0].given]
    alone = json.loads(environment.from_string(prompt).render(system="", question='a "quoted" word'))
    assert alone == [{"role": "user", "content": 'a "quoted" word'}]
    assert made.by_labkit["facts"] > 20 and "not portable: " in made.text()


def test_brackets_of_templates_stay_text(tmp_path):
    suite = a_suite(tmp_path, "given: 'What is {{x}}?', expect: [{matches: x}]")
    made = to_promptfoo(suite, tmp_path / "p.yaml")
    question = yaml.safe_load(made.files[0].read_text())["tests"][0]["vars"]["question"]
    assert question == "{% raw %}What is {{x}}?{% endraw %}"
    assert len(made.files) == 1  # nothing in it needs labkit


def test_what_does_not_travel_is_named(support, tmp_path):
    talk = [{"role": r, "content": "x"} for r in ("user", "assistant", "user")]
    cases = [
        support.cases[0],
        support.cases[1].model_copy(update={"expect": [{"consistent": True}]}),
        Case(id="talk", requirement="REQ-S01", technique="MFT", given=talk, expect=[{"equals": "a"}]),
    ]
    suite = support.model_copy(update={"cases": cases})
    for made in (to_lm_eval(suite, tmp_path), to_promptfoo(suite, tmp_path / "p.yaml")):
        assert made.cases == 1 and [what.split()[0] for what in made.left_out] == [f"{cases[1].id}:", "talk"]
        assert "left out: talk (a conversation" in made.text()
    with pytest.raises(LabError, match="no case"):
        to_lm_eval(support.model_copy(update={"cases": cases[1:]}), tmp_path)
    with pytest.raises(LabError, match="no case"):
        to_promptfoo(support.model_copy(update={"cases": cases[1:]}), tmp_path / "p.yaml")


def test_the_verb_writes_and_says_what_it_left_to_labkit(tmp_path, capsys):
    suite = str(samples.path("decision/suites/decision.yaml"))
    assert cli.run(["suite", "export", suite, "--to", "promptfoo", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "promptfooconfig.yaml").is_file() and "cases in" in capsys.readouterr().out
    assert cli.run(["suite", "export", suite, "--to", "lm-eval", "--out", str(tmp_path / "task")]) == 0
    assert (tmp_path / "task" / "labkit_decision.yaml").is_file()
    assert cli.run(["suite", "export", suite, "--to", "word"]) == 2
    assert cli.run(["suite", "export", str(tmp_path / "none.yaml"), "--to", "lm-eval"]) == 2


def test_equal_suites_give_equal_bytes(support, tmp_path):
    one, two = (to_lm_eval(support, tmp_path / name).files for name in "ab")
    assert [f.read_bytes() for f in one] == [f.read_bytes() for f in two]
