"""The whole path on a tiny model and a handful of cases: every stage runs, is not run twice, and the CLI says the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from labkit import cli, samples
from labkit.evaluation.suite import load
from labkit.files import write_jsonl, write_text
from labkit.lesson.course import Course
from labkit.lesson.tour import tour
from labkit.training.settings import DPOSettings, LoraSettings, RewardSettings, SFTSettings

LORA = LoraSettings(rank=4, alpha=4)
QUICK = {"epochs": 0.2, "batch_size": 4, "warmup_steps": 0}


@pytest.fixture(scope="module")
def materials(tmp_path_factory) -> Path:
    """The samples, cut down to a few rows and two cases a requirement."""
    folder = tmp_path_factory.mktemp("materials")
    for name in ("requirements.yaml", "gate.yaml", "rankings.jsonl", "pairs.jsonl"):
        shutil.copy(samples.path(f"support/{name}"), folder / name)
    rows = samples.path("support/train.jsonl").read_text().splitlines(keepends=True)[:40]
    write_text(folder / "train.jsonl", "".join(rows))
    for name in ("support", "preference"):
        content = yaml.safe_load(samples.path(f"support/suites/{name}.yaml").read_text())
        kept: dict[str, list] = {}
        for case in content["cases"]:
            if "seed" not in case:
                kept.setdefault(case["requirement"], []).append(case)
        content["cases"] = [case for cases in kept.values() for case in cases[:2]]
        write_text(folder / "suites" / f"{name}.yaml", yaml.safe_dump(content))
    return folder


class QuickCourse(Course):
    """The course with settings that take a second."""

    def sft(self, settings=None):
        return super().sft(SFTSettings(**QUICK, lora=LORA))

    def reward(self, settings=None):
        return super().reward(RewardSettings(**QUICK, lora=LORA))

    def dpo(self, settings=None):
        return super().dpo(DPOSettings(**QUICK))


@pytest.fixture(scope="module")
def walked(tmp_path_factory, materials, tiny):
    course = QuickCourse(tmp_path_factory.mktemp("home"), materials, base=tiny)
    said: list[str] = []
    return course, tour(course, said.append), said


def test_the_tour_ends_with_a_verdict_and_a_report(walked):
    course, decision, said = walked
    assert decision.outcome == "no-go" and decision.exit_code == 1  # an untrained model meets no requirement
    assert {item.name for item in decision.items} >= {"independence", "REQ-S10"}
    report = (course.home / "release" / "report.html").read_text()
    assert "No-go" in report and "://" not in report.replace("http://www.w3.org", "")
    assert "tests=" in (course.home / "release" / "junit.xml").read_text()
    assert json.loads((course.home / "release" / "decision.json").read_text())["outcome"] == "no-go"
    assert [line for line in said if line.startswith("\n[7/7]")]
    verdicts = [line.split()[0] for line in said if line.strip().startswith(("Healthy", "Suspicious", "Failed"))]
    assert len(verdicts) == 3  # of SFT, reward model and DPO


def test_a_second_walk_runs_no_stage_again(walked, materials, tiny):
    course, decision, _ = walked
    before = len(course.home.entries())
    again = tour(QuickCourse(course.home.path, materials, base=tiny), lambda line: None)
    assert len(course.home.entries()) == before
    assert again == decision


def test_lineage_of_the_aligned_adapter_reaches_the_rows_and_their_licence(walked, capsys):
    course, _, _ = walked
    assert cli.run(["lineage", str(course.home / "preference" / "dpo"), "--home", str(course.home.path)]) == 0
    assert "preference/dpo" in capsys.readouterr().out
    assert cli.run(["lineage", "training/sft", "--home", str(course.home.path)]) == 0
    assert "40 rows under CC0-1.0" in capsys.readouterr().out


@pytest.fixture
def evidence(walked, materials):
    course, _, _ = walked
    place = course.home / "evaluation"
    return {
        "runs": {m: [str(place / f"{m}-{s}.jsonl") for s in ("support", "preference")] for m in ("sft", "dpo")},
        "suites": [str(materials / "suites" / f"{s}.yaml") for s in ("support", "preference")],
        "requirements": str(materials / "requirements.yaml"),
        "policy": str(materials / "gate.yaml"),
        "rows": str(materials / "train.jsonl"),
    }


def gate(evidence, candidate, **changes) -> int:
    given = {**evidence, **changes}
    arguments = ["gate", "--requirements", given["requirements"], "--policy", given["policy"]]
    arguments += ["--rows", given["rows"]]
    for suite in given["suites"]:
        arguments += ["--suite", suite]
    for run in candidate:
        arguments += ["--candidate", str(run)]
    for run in given["runs"]["sft"]:
        arguments += ["--baseline", run]
    return cli.run(arguments)


def test_gate_from_the_command_line(evidence, capsys):
    assert gate(evidence, evidence["runs"]["dpo"]) == 1
    assert "NO-GO for dpo" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["empty", "truncated", "stale", "half", "missing", "not utf-8", "two models"])
def test_damaged_evidence_is_exit_2_and_one_line(evidence, tmp_path, capsys, damage):
    runs = [tmp_path / Path(run).name for run in evidence["runs"]["dpo"]]
    for source, copy in zip(evidence["runs"]["dpo"], runs, strict=True):
        shutil.copy(source, copy)
    text = runs[0].read_bytes()
    if damage == "empty":
        runs[0].write_bytes(b"")
    elif damage == "truncated":
        runs[0].write_bytes(text[:-40])
    elif damage == "stale":
        digest = json.loads(text.splitlines()[0])["made_by"]["suite"].encode()
        runs[0].write_bytes(text.replace(digest, digest[::-1]))
    elif damage == "half":
        runs[0].write_bytes(b"".join(text.splitlines(keepends=True)[:-3]))
    elif damage == "missing":
        runs[0].unlink()
    elif damage == "not utf-8":
        runs[0].write_bytes(text.replace(b"case_id", b"case\xff_id", 1))
    elif damage == "two models":
        runs.append(Path(evidence["runs"]["sft"][0]))
    assert gate(evidence, runs) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "Traceback" not in said.err and "GO for" not in said.out


def test_hostile_answers_break_neither_gate_nor_terminal(evidence, tmp_path, capsys):
    runs = [Path(run) for run in evidence["runs"]["dpo"]]
    rows = [json.loads(line) for line in runs[0].read_text().splitlines()]
    rows[0]["output"] = "\x1b[2J<script>alert(1)</script>" + "x" * 1_000_000
    hostile = write_jsonl(tmp_path / "hostile.jsonl", rows)
    assert gate(evidence, [hostile, runs[1]]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_same_model_and_suite_give_the_same_bytes(walked, tmp_path):
    from labkit.evaluation.generate import Generator, run_suite

    course, _, _ = walked
    suite = course.suites["support"]
    out = run_suite(Generator(course.model("sft")), suite, tmp_path / "again.jsonl", "sft")
    assert out.read_bytes() == (course.home / "evaluation" / "sft-support.jsonl").read_bytes()


def test_an_interrupted_run_goes_on_after_the_last_batch(walked, tmp_path, monkeypatch):
    from labkit.evaluation import generate

    course, _, _ = walked
    suite = course.suites["support"]
    monkeypatch.setattr(generate, "BATCH", 8)
    model = generate.Generator(course.model("sft"))
    answer, calls = model.batch, []

    def dies(prompts):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(prompts)
        return answer(prompts)

    out = tmp_path / "run.jsonl"
    monkeypatch.setattr(model, "batch", dies)
    with pytest.raises(KeyboardInterrupt):
        generate.run_suite(model, suite, out, "sft")
    assert not out.exists()
    rest: list = []
    monkeypatch.setattr(model, "batch", lambda prompts: rest.append(prompts) or answer(prompts))
    generate.run_suite(model, suite, out, "sft")
    assert sum(map(len, rest)) == len(suite.cases) - 16
    assert len(out.read_text().splitlines()) == len(suite.cases)


def test_sft_on_a_users_own_file_from_any_folder(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"Say the number {i}.", "output": f"It is {i}."} for i in range(6)]
    write_text(tmp_path / "my.jsonl", "".join(json.dumps(r) + "\n" for r in rows) + '{"instruction": "cut of')
    code = cli.run(["train", "sft", "--data", "my.jsonl", "--base", str(tiny), "--epochs", "1", "--home", "h"])
    said = capsys.readouterr().out
    assert code == 1 and "6 of 6 rows" in said and "my.jsonl line 7: last line is cut off" in said
    assert (tmp_path / "h" / "training" / "sft" / "adapter" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "sft", "--data", "nowhere.jsonl"], "nowhere.jsonl: does not exist"),
        (["train", "sft", "--data", "DATA", "--epochs", "0"], "epochs"),
        (["train", "dpo", "--pairs", "DATA", "--rankings", "DATA", "--home", "HOME"], "is not there yet"),
        (["run", "--model", "base", "--suite", "DATA", "--out", "x.jsonl"], "no YAML"),
        (["export", "HOME", "--out", "OUT"], "no finished adapter"),
        (["train", "sft", "--data", "DATA", "--base", "HOME", "--home", "HOME"], "cannot be loaded"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, capsys, arguments, words):
    data = write_text(tmp_path / "d.jsonl", '{"instruction": "a", "output": "b"}\n: [\n')
    (tmp_path / "home").mkdir()
    names = {"DATA": str(data), "HOME": str(tmp_path / "home"), "OUT": str(tmp_path / "out")}
    assert cli.run([names.get(a, a) for a in arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_the_suite_of_the_samples_ties_every_case_to_a_requirement(materials):
    loaded = [load(path) for path in sorted(samples.path("support/suites").glob("*.yaml"))]
    course = Course(materials.parent / "unused-home")
    assert {c.requirement for s in loaded for c in s.cases} == set(course.requirements)
    assert sum(len(s.cases) for s in loaded) >= 60
