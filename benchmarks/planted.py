"""Do the checks find the defects planted in the samples, and leave the look-alikes alone?

``python -m benchmarks.planted``              all plants
``python -m benchmarks.planted --half test``  only those that nobody tuned a check on
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.common import arguments, finish
from labkit import LabError, samples
from labkit.checks import Context, checks_of, run_checks
from labkit.curation import step
from labkit.curation.held_out import questions
from labkit.curation.score import REVIEW, KindScore, Score, score
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.policy import Clearance, Policy, load
from labkit.records import Planted
from labkit.stats import Rate, wilson

DOMAINS = ("support", "knowledge", "decision")
# What the checks are meant to reach: precision, recall. None: only ranked or only reported.
TARGETS: dict[str, tuple[float | None, float | None]] = {
    "schema": (1.0, 1.0),
    "empty_answer": (0.98, 0.98),
    "text_noise": (0.95, 0.90),
    "truncated_answer": (0.95, 0.90),
    "runaway_answer": (0.95, 0.90),
    "leaked_turns": (0.95, 0.95),
    "exact_duplicate": (1.0, 1.0),
    "near_duplicate": (0.95, 0.95),
    "semantic_duplicate": (0.85, 0.60),
    "irrelevant": (0.70, 0.70),
    "wrong_language": (0.98, 0.98),
    "unclear_instruction": (0.70, 0.60),
    "unsupported_answer": (0.90, 0.90),
    "contradiction": (0.95, 0.90),
    "policy_violation": (1.0, 1.0),
    "outdated_policy": (1.0, 1.0),
    "wrong_label": (None, 0.90),
    "held_out_leak": (None, 0.97),
    "pii": (0.98, 0.95),
    "secret": (0.98, 0.95),
    "licence": (1.0, 1.0),
    "consent": (1.0, 1.0),
}
MOST_CLEAN = 0.03


def load_checks() -> None:
    """Register the checks of curation, governance and coverage."""
    step.load_checks()
    for stage in ("governance", "coverage"):
        try:
            package = importlib.import_module(f"labkit.{stage}")
        except ModuleNotFoundError:
            print(f"no checks of {stage}: the stage is not there")
            continue
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")


def run(domain: str, half: str | None) -> Score:
    """All registered checks on one domain of the samples."""
    folder = samples.path(f"{domain}/raw.jsonl").parent
    rows, malformed = read_rows(folder / "raw.jsonl")
    policy, clearance = folder / "policy.yaml", folder.parent / "clearance.yaml"
    context = Context(
        policy=load(policy, Policy) if policy.exists() else Policy(domain=domain),
        clearance=load(clearance, Clearance) if clearance.exists() else Clearance(),
        held_out=questions(sorted((folder / "suites").glob("*.yaml"))),
    )
    findings = [*malformed, *run_checks(rows, context, checks_of("curation", "governance", "coverage"))]
    return score(findings, read_strictly(folder / "planted.jsonl", Planted), rows, half)


def met(kind: KindScore) -> str:
    """Whether precision and recall reach their target; '?' where the interval holds both answers."""
    words = []
    for name, rate, target in zip(
        ("precision", "recall"), (kind.precision, kind.recall), TARGETS[kind.kind], strict=True
    ):
        if target is not None and rate.n:
            reached = rate.rate >= target or (rate.high >= target and "?")
            words.append(f"{name} {target:.2f} {'met' if reached is True else reached or 'missed'}")
    return ", ".join(words)


def numbers(rate: Rate) -> dict[str, Any]:
    """A rate for the JSON line."""
    return {"rate": rate.rate, "n": rate.n, "low": rate.low, "high": rate.high}


def as_json(kind: KindScore) -> dict[str, Any]:
    """One kind, or a sum of kinds, for the JSON line."""
    return {
        "recall": kind.recall.rate,
        "precision": kind.precision.rate,
        "n": kind.planted,
        "findings": kind.findings,
        "right_kind": kind.right_kind,
        "lookalikes_flagged": kind.lookalikes.passed,
        "lookalikes": kind.lookalikes.n,
        "recall_interval": [kind.recall.low, kind.recall.high],
        "precision_interval": [kind.precision.low, kind.precision.high],
    }


def together(scores: Sequence[Score]) -> Score:
    """The domains as one."""
    kinds = sorted({k.kind for s in scores for k in s.kinds})
    clean = [s.clean_flagged for s in scores]
    return Score(
        kinds=[KindScore.total(kind, [k for s in scores for k in s.kinds if k.kind == kind]) for kind in kinds],
        overall=KindScore.total("all but review", [s.overall for s in scores]),
        review=KindScore.total("review only", [s.review for s in scores]),
        clean_flagged=wilson(sum(c.passed for c in clean), sum(c.n for c in clean)),
    )


def main() -> None:
    """Run the checks on every domain that is there and print the tables."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["dev", "test"], help="only this half of the plants")
    options = parser.parse_args()
    load_checks()
    by_domain: dict[str, Score] = {}
    for domain in DOMAINS:
        started = time.monotonic()
        try:
            by_domain[domain] = run(domain, options.half)
        except LabError as error:
            print(f"{domain}: left out ({error})")
            continue
        print(f"\n{domain} ({options.half or 'both halves'}, {time.monotonic() - started:.1f} s)")
        print(by_domain[domain].text())
    every = together(list(by_domain.values()))
    print(f"\nall domains ({options.half or 'both halves'})\n{every.text()} (at most {MOST_CLEAN:.0%})")
    print("\ntargets ('?': missed, but the interval reaches it)")
    for kind in every.kinds:
        if kind.kind in TARGETS and (said := met(kind)):
            print(f"{kind.kind:22} {said}{' (for review)' if kind.kind in REVIEW else ''}")
    overall = as_json(every.overall)
    result = {
        **overall,
        "half": options.half or "both",
        "review": as_json(every.review),
        "by_kind": {kind.kind: as_json(kind) for kind in every.kinds},
        "by_domain": {name: as_json(found.overall) for name, found in by_domain.items()},
        "clean_flagged": numbers(every.clean_flagged),
    }
    finish("planted", result, options, [samples.path("clearance.yaml").parent])


if __name__ == "__main__":
    main()
