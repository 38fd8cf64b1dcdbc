"""Each sign of a failed DPO run is seen, and a good run is let through."""

from __future__ import annotations

import math
from typing import Any

import pytest

from labkit.preference.health import judge_run


def run(steps: int = 15, **change: Any) -> list[dict[str, Any]]:
    """A run as it should look: loss from ln 2 down, chosen a little up, rejected down; ``change`` spoils the end."""
    rows = []
    for i in range(steps):
        part = i / max(1, steps - 1)
        rows.append(
            {
                "step": i + 1,
                "loss": math.log(2) - 0.4 * part,
                "rewards/chosen": 0.2 * part,
                "rewards/rejected": -1.0 * part,
                "rewards/margins": 1.2 * part,
                "rewards/accuracies": 0.0 if i == 0 else 0.9,
                "logps/chosen": -40.0 + 2 * part + (-1) ** i,
                "logps/rejected": -50.0 - 10 * part,
            }
        )
    for key, value in change.items():
        for i, row in enumerate(rows):
            row[key] = value(i / max(1, steps - 1), row) if callable(value) else value
    return rows


def test_a_good_run_is_healthy_and_says_what_was_looked_at() -> None:
    health = judge_run(run())
    assert health.verdict == "healthy"
    said = str(health)
    assert said.startswith("Healthy.")
    for word in ("ln 2", "margin", "90%", "likelihood"):
        assert word in said


def test_a_wrong_reference_is_a_failure() -> None:
    health = judge_run(run(loss=0.52))
    assert health.verdict == "failed"
    assert "0.520, not ln 2" in health.reasons[0]
    assert judge_run(run(loss=lambda part, row: math.log(2) + 0.01 - 0.4 * part)).verdict == "healthy"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("key", ["loss", "grad_norm", "rewards/margins"])
def test_no_number_is_a_failure(key: str, value: float) -> None:
    rows = run()
    rows[7][key] = value
    health = judge_run(rows)
    assert (health.verdict, health.reasons) == ("failed", ["Step 8 logged a value that is no number."])


@pytest.mark.parametrize("log", [[], [{"step": 1, "eval_loss": 0.3}]])
def test_an_empty_log_is_a_failure(log: list[dict[str, Any]]) -> None:
    assert judge_run(log).verdict == "failed"


@pytest.mark.parametrize("end", [0.0, -0.4])
def test_a_margin_that_did_not_grow_is_a_failure(end: float) -> None:
    health = judge_run(run(**{"rewards/margins": lambda part, row: end * part, "loss": math.log(2)}))
    assert health.verdict == "failed"
    assert "gained nothing" in health.reasons[0]


def test_a_growing_margin_with_a_loss_that_did_not_fall_is_suspicious() -> None:
    health = judge_run(run(loss=math.log(2)))
    assert health.verdict == "suspicious"
    assert "few pairs pay for many" in health.reasons[0]


@pytest.mark.parametrize("share, verdict", [(0.5, "suspicious"), (0.55, "suspicious"), (0.6, "healthy")])
def test_accuracy_at_chance_is_suspicious(share: float, verdict: str) -> None:
    assert judge_run(run(**{"rewards/accuracies": share})).verdict == verdict


@pytest.mark.parametrize("fall, verdict", [(3, "healthy"), (12, "suspicious"), (30, "failed")])
def test_both_log_probabilities_falling_together_is_seen(fall: float, verdict: str) -> None:
    """The margin grows as before; only by how much the chosen answers themselves lose differs."""
    spoilt = {
        "rewards/chosen": lambda part, row: -0.1 * fall * part,
        "rewards/rejected": lambda part, row: -0.1 * fall * part - 1.2 * part,
        "logps/chosen": lambda part, row: -40 - fall * part,
    }
    health = judge_run(run(**spoilt))
    assert health.verdict == verdict
    assert ("Both kinds" in str(health)) == (verdict != "healthy")


def test_chosen_falling_is_measured_in_the_runs_own_beta() -> None:
    rows = run(**{"rewards/chosen": lambda part, row: -1.2 * part, "rewards/rejected": lambda part, row: -2.4 * part})
    assert judge_run(rows, beta=0.1).verdict == "suspicious"  # 12 of about 30
    assert judge_run(rows, beta=1.0).verdict == "healthy"  # 1.2 of about 40


def test_noise_between_batches_is_no_collapse() -> None:
    """Log-probabilities of single batches jump with the length of their answers; the rewards do not."""
    assert judge_run(run(**{"logps/chosen": lambda part, row: -90.0 if part > 0.7 else -30.0})).verdict == "healthy"


def test_a_short_run_and_one_without_margins_cannot_be_trusted() -> None:
    assert judge_run(run(steps=4)).verdict == "suspicious"
    bare = [{"step": i, "loss": math.log(2) - 0.02 * i} for i in range(10)]
    health = judge_run(bare)
    assert health.verdict == "suspicious"
    assert "no margins" in health.reasons[0]


def test_the_worst_sign_decides_and_the_others_stay_out() -> None:
    health = judge_run(run(loss=0.1, **{"rewards/accuracies": 0.5}))
    assert health.verdict == "failed"
    assert len(health.reasons) == 1
