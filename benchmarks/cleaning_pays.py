"""What does cleaning buy? The same training on raw and on curated rows, judged by the same held-out suite.

``python -m benchmarks.cleaning_pays``            three seeds a side, the same number of steps
``python -m benchmarks.cleaning_pays --seeds 1``  quicker

Raw rows are the sample rows with every planted defect in them; curated ones are what is left after the lab's checks and
a reviewer who accepts the right findings. Both sides see the same number of rows in training, in steps of four.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, finish
from labkit import samples
from labkit.curation.score import reference_decisions
from labkit.curation.step import curate, find
from labkit.evaluation.step import answers, verdicts
from labkit.evaluation.suite import load, load_requirements
from labkit.files import read_jsonl, write_jsonl
from labkit.home import Home
from labkit.records import Example, Planted
from labkit.stats import Rate, cluster_bootstrap, wilson
from labkit.training.settings import SFTSettings
from labkit.training.step import fine_tune

STEPS = 120


def sides(home: Home) -> dict[str, Path]:
    """Files of raw and of curated training rows; questions of the suite may stand in the raw ones, as planted."""
    folder = samples.path("support/raw.jsonl").parent
    given: dict[str, Any] = {
        "policy": folder / "policy.yaml",
        "clearance": folder.parent / "clearance.yaml",
        "suites": sorted((folder / "suites").glob("*.yaml")),
        "name": "support",
    }
    found = find(home, folder / "raw.jsonl", **given)
    planted = read_jsonl(folder / "planted.jsonl", Planted)[0]
    done = curate(home, folder / "raw.jsonl", decisions=reference_decisions(found.findings, planted), **given)
    return {
        "raw": write_jsonl(home / "cleaning" / "raw.jsonl", _trainable(found.rows)),
        "curated": write_jsonl(home / "cleaning" / "curated.jsonl", _trainable(done.rows)),
    }


def _trainable(rows: list[Example]) -> list[Example]:
    """Rows with an answer; an empty one would be dropped before the training on either side."""
    return [row for row in rows if row.response.strip()]


def main() -> None:
    """Train, judge and print both sides."""
    parser = arguments("Raw against curated training rows: the same steps, the same seeds, the same suite.")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    home, started = Home(), time.monotonic()
    folder = samples.path("support/requirements.yaml").parent
    requirements = load_requirements(folder / "requirements.yaml")
    suite = load(folder / "suites" / "support.yaml", requirements)
    files = sides(home)
    passed: dict[str, list[list[bool]]] = {side: [] for side in files}
    for seed in range(1, options.seeds + 1):
        for side, file in files.items():
            rows = len(file.read_text("utf-8").splitlines())
            settings = SFTSettings(epochs=STEPS / -(-rows // 4), seed=seed)
            name = f"{side}-{seed}"
            tuned = fine_tune(home, file, settings, name=name)
            answers(home, tuned.merged, suite, name)
            judged = [v.passed for v in verdicts(home, suite, requirements, name)]
            passed[side].append(judged)
            print(f"{side:8} seed {seed}: {rows} rows, {tuned.manifest.steps} steps, {wilson(sum(judged), len(judged))}")
    result: dict[str, Any] = {side: _summary(runs) for side, runs in passed.items()}
    gain = [
        float(c) - float(r)
        for raw, curated in zip(passed["raw"], passed["curated"], strict=True)
        for r, c in zip(raw, curated, strict=True)
    ]
    clusters = [case.cluster for case in suite.cases] * options.seeds
    difference = cluster_bootstrap(gain, clusters, confidence=0.95)
    print(f"curated - raw: {difference.estimate:+.1%} (95%: {difference.low:+.1%} to {difference.high:+.1%})")
    seconds = round(time.monotonic() - started)
    result |= {"difference": difference.model_dump(), "seconds": seconds}
    finish("cleaning_pays", result, options, [folder])


def _summary(runs: list[list[bool]]) -> dict[str, Any]:
    pooled: Rate = wilson(sum(map(sum, runs)), sum(map(len, runs)))
    return {**pooled.model_dump(), "seeds": len(runs), "by_seed": [sum(run) for run in runs]}


if __name__ == "__main__":
    main()
