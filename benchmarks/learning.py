"""Does the lab's path make a model learn? Base, SFT and DPO on held-out cases, with intervals.

``python -m benchmarks.learning``              the lab's own support samples
``python -m benchmarks.learning --on fresh``   the same models on cases written after everything was frozen
``python -m benchmarks.learning --on bitext``  routing of support requests that nobody here wrote (base and SFT)
"""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, finish
from labkit import samples
from labkit.coverage.split import grouped_split, overlap
from labkit.curation.near_duplicates import clusters
from labkit.evaluation.judge import rates
from labkit.evaluation.step import answers, verdicts
from labkit.evaluation.suite import Suite, load
from labkit.files import write_jsonl, write_text
from labkit.home import Home
from labkit.records import Example, Message, Provenance, Requirement, question
from labkit.stats import Rate, wilson
from labkit.training.base_model import embedded_model
from labkit.training.step import Trained, fine_tune

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
ROUTE = 'Give category and intent of the message. Answer in JSON with "category" and "intent".'


def overall(found: list[Any]) -> Rate:
    """Passed out of all."""
    return wilson(sum(v.passed for v in found), len(found))


def bitext_rows(path: Path) -> list[dict[str, str]]:
    """One row a near-duplicate cluster of instructions: the first of each."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        rows = [{k.strip().lower(): v for k, v in row.items() if k} for row in csv.DictReader(stream)]
    firsts: dict[int, dict[str, str]] = {}
    for row, cluster in zip(rows, clusters([r["instruction"] for r in rows]), strict=True):
        firsts.setdefault(int(cluster), row)
    return list(firsts.values())


def bitext(home: Home, per_intent: int = 12, held_out: int = 108) -> tuple[Path, Suite]:
    """Write training rows and a suite for the routing task; each is drawn evenly over the intents.

    Returns:
        The training file and the suite of held-out instructions, none near-identical to a training row.
    """
    rows = bitext_rows(next((SHARED / "bitext_support").glob("*.csv")))
    train, held = grouped_split([r["instruction"] for r in rows], [r["intent"] for r in rows], held_out, seed=1)
    taken: dict[str, int] = {}
    examples = []
    for index in train:
        row = rows[index]
        taken[row["intent"]] = taken.get(row["intent"], 0) + 1
        if taken[row["intent"]] <= per_intent:
            examples.append(
                Example(
                    id=f"bitext-{index}",
                    prompt=[Message(role="system", content=ROUTE), Message(role="user", content=row["instruction"])],
                    response=json.dumps({"category": row["category"], "intent": row["intent"]}),
                    provenance=Provenance(source="bitext_support", licence="CDLA-Sharing-1.0"),
                )
            )
    crossing = overlap([e.question for e in examples], [rows[i]["instruction"] for i in held])
    if crossing:
        raise SystemExit(f"{len(crossing)} held-out instructions are near-duplicates of training rows")
    cases = [
        {
            "id": f"bitext-{i}",
            "requirement": "REQ-ROUTE",
            "technique": "MFT",
            "given": rows[i]["instruction"],
            "expect": [{"equals_json": {"category": rows[i]["category"], "intent": rows[i]["intent"]}}],
        }
        for i in held
    ]
    folder = home / "bitext"
    data = write_jsonl(folder / "train.jsonl", examples)
    suite = {"suite": "bitext", "version": 1, "system": ROUTE, "cases": cases}
    return data, load(write_text(folder / "suite.yaml", json.dumps(suite, ensure_ascii=False)))


def run_bitext(home: Home) -> dict[str, Rate]:
    """Base against SFT on the routing task."""
    data, suite = bitext(home)
    need = Requirement(id="REQ-ROUTE", text="Category and intent are right.", likelihood=3, impact=3, severity="major")
    requirements = {need.id: need}
    found = {}
    tuned = fine_tune(home, data, name="bitext")  # the lab's own settings: nothing here was tuned on these rows
    for name, model in {"base": embedded_model(), "sft": tuned.merged}.items():
        answers(home, model, suite, name)
        found[name] = overall(verdicts(home, suite, requirements, name))
    return found


def run_support(home: Home) -> dict[str, Rate]:
    """Base, SFT and DPO on the lab's support suite."""
    from labkit.lesson.course import MODELS, Course

    course = Course(home.path)
    found = {}
    for name in MODELS:
        judged = course.verdicts(name, "support")
        found[name] = overall(judged)
        _by_requirement(name, judged)
    return found


def run_fresh(home: Home) -> dict[str, Rate]:
    """Base, SFT and DPO on cases that nobody looked at while the lab was built."""
    from labkit.lesson.course import MODELS, Course

    course = Course(home.path)
    suite = load(samples.path("support/fresh.yaml"), course.requirements)
    crossing = overlap([e.question for e in course.examples], [question(c.given) for c in suite.cases])
    if crossing:
        raise SystemExit(f"{len(crossing)} fresh cases are near-duplicates of training rows")
    found = {}
    for name in MODELS:
        answers(home, course.model(name), suite, name)
        judged = verdicts(home, suite, course.requirements, name)
        found[name] = overall(judged)
        _by_requirement(name, judged)
    return found


def _by_requirement(name: str, judged: list[Any]) -> None:
    print(f"\n{name}, by requirement:")
    for requirement, rate in rates(judged).items():
        print(f"  {requirement}  {rate}")


RUNS = {"support": run_support, "fresh": run_fresh, "bitext": run_bitext}


def main() -> None:
    """Run one of them and print its table."""
    parser = arguments("Held-out pass rates of base, SFT and DPO models.")
    parser.add_argument("--on", choices=list(RUNS), default="support")
    options = parser.parse_args()
    started = time.monotonic()
    home = Home()
    found = RUNS[options.on](home)
    print(f"\n{'model':8} passed on held-out cases of '{options.on}'")
    for name, rate in found.items():
        print(f"{name:8} {rate}")
    trained = Trained(home / "training" / ("bitext" if options.on == "bitext" else "sft")).manifest
    print(f"training {trained.seconds:.0f} s, {trained.steps} steps; all {time.monotonic() - started:.0f} s")
    result: dict[str, Any] = {
        name: {"rate": r.rate, "passed": r.passed, "n": r.n, "low": r.low, "high": r.high} for name, r in found.items()
    }
    finish(f"learning-{options.on}", {**result, "training_seconds": trained.seconds}, options)


if __name__ == "__main__":
    main()
