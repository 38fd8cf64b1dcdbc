"""Verbs of the evaluation stage: run, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError

verbs = typer.Typer()

Requirements = Annotated[Path, typer.Option(help="requirements.yaml that the suites refer to.")]
Suites = Annotated[list[Path], typer.Option("--suite", help="Suite in YAML; repeat for several.")]


def _load_oracles(path: Path | None) -> Path | None:
    if path is not None:
        from labkit.evaluation import oracle_records as oracle_records  # the lab's own first, so that a clash is told
        from labkit.evaluation.registry import load_own_oracles

        load_own_oracles(path)
    return path


Oracles = Annotated[
    Path | None,
    typer.Option(
        callback=_load_oracles, help="Python file with oracles of your own; it is run. One beside a suite is found."
    ),
]


@verbs.command("run")
def run_model(
    model: Annotated[
        str,
        typer.Option(
            help="'base', a folder of full weights (labkit export makes one), or openai:http://host:port/v1#model-name, "
            "an endpoint that this asks over the network; its key stands in LAB_API_KEY."
        ),
    ],
    suite: Annotated[Path, typer.Option(help="Suite in YAML.")],
    out: Annotated[Path, typer.Option(help="File of run records to write.")],
    name: Annotated[
        str | None, typer.Option(help="What the records call the model; its folder's name by default.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=4096, help="Longest answer in tokens.")] = 64,
    oracles: Oracles = None,
) -> None:
    """Let a model answer a suite. Stopped half-way, the same command goes on after the last finished batch."""
    from labkit.evaluation.endpoint import PREFIX, Endpoint
    from labkit.evaluation.generate import Generator, run_suite
    from labkit.evaluation.suite import load
    from labkit.training.base_model import embedded_model

    cases = load(suite)  # a broken suite is told before the model is loaded
    if model.startswith(PREFIX):
        endpoint = Endpoint(model, max_new_tokens)
        print(run_suite(endpoint, cases, out, name or endpoint.name))
        return
    folder = str(embedded_model()) if model == "base" else model
    print(run_suite(Generator(folder, max_new_tokens), cases, out, name or Path(model).name))


@verbs.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Run records of the baseline.")],
    b: Annotated[Path, typer.Argument(help="Run records of the candidate.")],
    suite: Suites,
    requirements: Requirements,
    margin: Annotated[float, typer.Option(min=0.001, max=0.5, help="Non-inferiority margin.")] = 0.05,
    oracles: Oracles = None,
) -> int:
    """Compare two models on the same cases. 0: b is not worse by more than the margin, 1: it is worse, 3: undecided."""
    from labkit.evaluation.evidence import judged, material
    from labkit.printable import plain
    from labkit.stats import non_inferior

    known = material(suite, requirements)
    before, after = (judged([run], known, str(run)).verdicts for run in (a, b))
    if [v.case_id for v in before] != [v.case_id for v in after]:
        raise LabError(str(b), "does not answer the same cases", "run both models on the same suites")
    clusters = [v.cluster for v in before]
    found = non_inferior([v.passed for v in before], [v.passed for v in after], clusters, margin)
    for name, side in (("a", before), ("b", after)):
        print(plain(f"{name} ({side[0].model}): {_rate(side)}"))
    gap = found.interval
    print(
        f"{found.verdict.upper()}: b - a = {gap.estimate:+.1%} ({gap.low:+.1%} to {gap.high:+.1%}), margin {margin:.0%}"
    )
    if found.verdict == "inconclusive":
        more = found.further_cases
        print(f"about {more} further cases would decide" if more else "more cases like these would not decide")
    return {"pass": 0, "fail": 1}.get(found.verdict, 3)


def _rate(verdicts: list[Any]) -> Any:
    from labkit.stats import wilson

    return wilson(sum(v.passed for v in verdicts), len(verdicts))
