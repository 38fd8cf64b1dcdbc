"""The evaluation stage in the lab's home: models answer suites, and the answers are judged."""

from __future__ import annotations

from pathlib import Path

from labkit.evaluation.generate import Generator, run_suite
from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite
from labkit.files import read_strictly
from labkit.home import Home
from labkit.records import Requirement, RunRecord, Verdict
from labkit.training.backend import release_memory
from labkit.training.step import model_id


def answers(home: Home, model: str | Path, suite: Suite, name: str, max_new_tokens: int = 64) -> Path:
    """Let a model answer a suite; nothing happens when this model answered this suite before.

    Args:
        home: the lab's home.
        model: folder with merged weights.
        suite: the cases.
        name: what records, plots and reports call the model: base, sft, dpo...
        max_new_tokens: longest answer.

    Returns:
        The file of run records, ``evaluation/NAME-SUITE.jsonl``.
    """
    file = f"{name}-{suite.name}.jsonl"
    meta = f"{name}-{suite.name}.meta.json"

    def work(scratch: Path) -> None:
        run_suite(Generator(model, max_new_tokens), suite, scratch / file, name)
        release_memory()

    inside = Path(model).resolve().is_relative_to(home.path)
    return home.run(
        "evaluation",
        f"{name}-{suite.name}",
        work,
        outputs=[file, meta],
        inputs=[suite.path, *([model] if inside else [])],
        parameters={"model": model_id(model), "max_new_tokens": max_new_tokens},
    )


def verdicts(home: Home, suite: Suite, requirements: dict[str, Requirement], name: str) -> list[Verdict]:
    """Judge the recorded answers of one model.

    Raises:
        LabError: there is no run, or it is not of this suite.
    """
    records = read_strictly(home / "evaluation" / f"{name}-{suite.name}.jsonl", RunRecord)
    return judge(records, suite, requirements)
