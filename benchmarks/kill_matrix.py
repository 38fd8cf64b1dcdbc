"""Which oracle kills which defect, and which answers it wrongly stops?

``python -m benchmarks.kill_matrix`` spoils right answers of three sample domains in ten ways and asks every oracle that
needs no model; ROUGE-L, chrF and a character n-gram cosine stand beside them as warning examples. The hand-made lists of
equivalent answers (tests/unit/equivalents.yaml) say how often an oracle stops an answer that means the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import arguments, finish
from labkit import samples
from labkit.evaluation.kill_matrix import RIGHT, KillMatrix
from labkit.evaluation.kill_samples import DOMAINS, OWN, oracle_matrix, own_killed
from labkit.evaluation.registry import Said, apply
from labkit.stats import Rate, wilson

EQUIVALENTS = Path(__file__).parents[1] / "tests" / "unit" / "equivalents.yaml"


def equivalents() -> dict[str, Rate]:
    """For each oracle, how many answers of its hand-made list it accepts."""
    passed: dict[str, list[bool]] = {}
    for entry in yaml.safe_load(EQUIVALENTS.read_text(encoding="utf-8")):
        prompt = entry.get("prompt", "")
        seed = Said(entry["seed"], prompt) if "seed" in entry else None
        for answer in (*entry["right"], *entry.get("missed", [])):
            outcome = apply(entry["oracle"], entry["expected"], Said(answer, prompt), seed)
            passed.setdefault(entry["oracle"], []).append(outcome.passed)
    return {name: wilson(sum(marks), len(marks)) for name, marks in sorted(passed.items())}


def measure(matrix: KillMatrix) -> dict[str, Any]:
    """The matrix and its sums as plain values."""
    killed, accepted = own_killed(matrix), equivalents()
    own = wilson(sum(r.passed for r in killed.values()), sum(r.n for r in killed.values()))
    alike = wilson(sum(r.passed for r in accepted.values()), sum(r.n for r in accepted.values()))
    return {
        "own_mutants_killed": own.model_dump(),
        "equivalents_accepted": alike.model_dump(),
        "n": min(row["n"] for row in matrix.table()),
        "matrix": [{**row, "own": row["kind"] in OWN.get(row["oracle"], ())} for row in matrix.table()],
        "own_by_oracle": {name: rate.model_dump() for name, rate in killed.items()},
        "equivalents_by_oracle": {name: rate.model_dump() for name, rate in accepted.items()},
        "right_answers_rejected": {name: matrix.rate(name, RIGHT).model_dump() for name in matrix.oracles},
    }


def main() -> None:
    """Measure and print the tables."""
    options = arguments("Kill matrix of the oracles, on right answers of three domains; no model.").parse_args()
    matrix = oracle_matrix()
    result = measure(matrix)
    print("share rejected, and of how many\n")
    print(matrix.text())
    print(f"\n{'oracle':14}{'own mutants killed':>32}{'equivalent answers accepted':>34}")
    killed, accepted = own_killed(matrix), equivalents()
    for name in sorted(OWN):
        print(f"{name:14}{killed[name]!s:>32}{accepted[name]!s:>34}")
    rows = [samples.path(f"{domain}/{file}") for domain, name in DOMAINS.items() for file in (name, "planted.jsonl")]
    finish("kill_matrix", result, options, [EQUIVALENTS, *rows])


if __name__ == "__main__":
    main()
