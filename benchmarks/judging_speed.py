"""How long does judging take? Recorded answers to the sample suites, and no model.

``python -m benchmarks.judging_speed`` gives each case of every sample suite an answer that looks like a model's: the
response of a sample row of the same domain. Most of them are wrong, and a wrong answer takes no less time than a right one.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from benchmarks.common import arguments, finish
from labkit import samples
from labkit.evaluation.judge import judge
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.files import read_jsonl
from labkit.records import Example, Requirement, RunRecord

SUITES = {"support": "support", "preference": "support", "knowledge": "knowledge", "decision": "decision"}
Work = list[tuple[Suite, dict[str, Requirement], list[RunRecord]]]


def recorded(answers: int = 1000, seed: int = 0) -> Work:
    """At least this many synthetic records in all, spread over the suites in whole runs; the same seed, the same records."""
    draw = random.Random(seed)
    loaded = {name: load(samples.path(f"{domain}/suites/{name}.yaml")) for name, domain in SUITES.items()}
    runs = -(-answers // sum(len(suite.cases) for suite in loaded.values()))
    work: Work = []
    for name, domain in SUITES.items():
        suite = loaded[name]
        rows, _ = read_jsonl(samples.path(f"{domain}/raw.jsonl"), Example)
        made_by = {"model": "synthetic", "template": "none", "suite": suite.sha256}
        records = [
            RunRecord(
                case_id=case.id,
                model="synthetic",
                variant=variant,
                prompt="",
                output=draw.choice(rows).response,
                tokens=0,
                finish="stop",
                made_by=made_by,
            )
            for variant in range(runs)
            for case in suite.cases
        ]
        work.append((suite, load_requirements(samples.path(f"{domain}/requirements.yaml")), records))
    return work


def measure(answers: int = 1000, repeats: int = 5) -> dict[str, Any]:
    """Judge the same records several times; wall time and processor time of the median round, for 1,000 answers."""
    work = recorded(answers)
    n = sum(len(records) for _, _, records in work)
    by_suite: dict[str, list[float]] = {suite.name: [] for suite, _, _ in work}
    wall, processor = [], []
    passed = 0
    for _ in range(repeats):
        start, used, passed = time.perf_counter(), time.process_time(), 0
        for suite, requirements, records in work:
            before = time.perf_counter()
            passed += sum(verdict.passed for verdict in judge(records, suite, requirements))
            by_suite[suite.name].append((time.perf_counter() - before) / len(records) * 1000)
        wall.append((time.perf_counter() - start) / n * 1000)
        processor.append((time.process_time() - used) / n * 1000)
    return {
        "seconds_per_1000": round(statistics.median(wall), 3),
        "processor_seconds_per_1000": round(statistics.median(processor), 3),
        "slowest_round": round(max(wall), 3),
        "n": n,
        "passed": passed,
        "repeats": repeats,
        "by_suite": {name: round(statistics.median(times), 3) for name, times in by_suite.items()},
    }


def main() -> None:
    """Judge and print the table."""
    options = arguments("Seconds to judge 1,000 recorded answers; no model.").parse_args()
    result = measure()
    print(f"{result['n']} recorded answers, {result['passed']} of them pass, median of {result['repeats']} rounds\n")
    print(f"{'suite':14}{'s for 1,000':>12}")
    for name, seconds in result["by_suite"].items():
        print(f"{name:14}{seconds:>12.3f}")
    print(f"{'all':14}{result['seconds_per_1000']:>12.3f}   (processor {result['processor_seconds_per_1000']:.3f})")
    finish("judging_speed", result, options)


if __name__ == "__main__":
    main()
