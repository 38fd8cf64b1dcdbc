"""Each sign of a failed run is seen, and a good run of each kind is let through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labkit.preference.health import judge, judge_lengths, judge_reward, judge_run, judge_sft, worst
from labkit.stats import Rate, wilson
from labkit.training.adapter import Manifest


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


# --- KTO, SFT, reward models, lengths ---------------------------------------------------------------------------------


def kto(start: float = 0.54, **change: Any) -> list[dict[str, Any]]:
    """A KTO run: no accuracies, and a first loss that depends on the weights."""
    rows = run(loss=lambda part, row: start - 0.2 * part, **change)
    return [{k: v for k, v in row.items() if k != "rewards/accuracies"} for row in rows]


def test_a_kto_run_is_held_to_its_own_first_loss() -> None:
    assert judge_run(kto(), first_loss=0.54).verdict == "healthy"
    wrong = judge_run(kto(start=0.62), first_loss=0.54)
    assert (wrong.verdict, len(wrong.reasons)) == ("failed", 1)
    assert "0.620, not half the mean weight = 0.540" in wrong.reasons[0]


def test_a_kto_loss_that_did_not_fall_is_suspicious() -> None:
    health = judge_run(kto() + [row | {"loss": 0.55} for row in kto()[-5:]], first_loss=0.54)
    assert health.verdict == "suspicious" and "no lower than 0.540" in health.reasons[0]


def curve(*ends: float, steps: int = 20) -> list[dict[str, Any]]:
    """A log whose loss goes in straight lines from one end to the next."""
    values = np.interp(np.linspace(0, len(ends) - 1, steps), range(len(ends)), ends)
    return [{"step": i + 1, "loss": float(value)} for i, value in enumerate(values)]


@pytest.mark.parametrize(
    "log, rows, verdict, said",
    [
        (curve(2.5, 0.4), (100, 5), "healthy", "fell from 2.3"),
        (curve(1.2, 1.3), (100, 0), "failed", "nothing was learned"),
        (curve(2.5, 0.3, 1.4), (100, 0), "failed", "got away"),
        (curve(2.5, 0.001, 0.001), (100, 0), "suspicious", "by heart"),
        (curve(2.5, 0.4), (100, 30), "suspicious", "30 of 100 rows"),
        (curve(2.5, 0.4, steps=3), (100, 0), "suspicious", "Only 3 step(s)"),
        ([*curve(2.5, 0.4), {"step": 9, "eval_loss": 0.9}, {"step": 20, "eval_loss": 1.1}], (100, 0), "suspicious", "overfits"),
        ([*curve(2.5, 0.4), {"step": 9, "eval_loss": 1.1}, {"step": 20, "eval_loss": 0.9}], (100, 0), "healthy", "lowest"),
        ([*curve(2.5, 0.4), {"step": 21, "loss": math.nan}], (100, 0), "failed", "no number"),
        ([], (100, 0), "failed", "no loss"),
    ],
)
def test_a_fine_tuning_is_judged_by_loss_and_rows(
    log: list[dict[str, Any]], rows: tuple[int, int], verdict: str, said: str
) -> None:
    health = judge_sft(log, *rows)
    assert health.verdict == verdict
    assert said in str(health)


def reward_log(last: float = 0.3, accuracy: float = 0.9) -> list[dict[str, Any]]:
    return [row | {"accuracy": 0.5 if i == 0 else accuracy} for i, row in enumerate(curve(0.7, last))]


@pytest.mark.parametrize(
    "log, held_out, verdict, said",
    [
        (reward_log(), wilson(20, 24), "healthy", "better than a coin"),
        (reward_log(), None, "healthy", "training pairs"),
        (reward_log(), wilson(14, 20), "suspicious", "a coin is not excluded"),
        (reward_log(), wilson(11, 22), "failed", "That is chance"),
        (reward_log(), wilson(0, 0), "failed", "no cases"),
        (reward_log(accuracy=0.5), wilson(20, 24), "failed", "its own training pairs"),
        (reward_log(last=0.71), wilson(20, 24), "failed", "nothing was learned"),
    ],
)
def test_a_reward_model_is_judged_by_pairs_seen_and_unseen(
    log: list[dict[str, Any]], held_out: Rate | None, verdict: str, said: str
) -> None:
    health = judge_reward(log, held_out)
    assert health.verdict == verdict
    assert said in str(health)


@pytest.mark.parametrize(
    "before, after, verdict, said",
    [
        ([20, 30, 40], [25, 33, 41], "healthy", "1.10 times, and up to 1.5"),
        ([20, 30, 40], [50, 60, 70], "suspicious", "2.0 times longer"),
        ([20, 30, 40], [10, 15, 18], "suspicious", "2.0 times shorter"),
        ([20, 30, 40], [100, 120, 400], "failed", "4.0 times longer"),
        ([20, 30, 40], [1, 2, 3], "failed", "15.0 times shorter"),
        ([], [1], "suspicious", "no answers"),
    ],
)
def test_a_drift_of_length_is_seen(before: list[int], after: list[int], verdict: str, said: str) -> None:
    health = judge_lengths(before, after)
    assert health.verdict == verdict
    assert said in str(health)


def manifest(kind: str, **more: Any) -> Manifest:
    given = {"base": "b", "base_sha256": "", "data_sha256": "", "rows_in": 100, "rows_trained": 60}
    return Manifest(**given | {"kind": kind, "settings": {"beta": 0.1}, "rows_dropped": {"too-long": 40}} | more)


@pytest.mark.parametrize(
    "made, log, verdict",
    [
        (manifest("sft"), curve(2.5, 0.4), "suspicious"),
        (manifest("sft", rows_dropped={}), curve(2.5, 0.4), "healthy"),
        (manifest("reward"), reward_log(), "healthy"),
        (manifest("dpo"), run(), "healthy"),
        (manifest("dpo", start_loss=25.0), run(), "failed"),
        (manifest("kto", start_loss=0.54), kto(), "healthy"),
        (manifest("kto", start_loss=0.5), kto(), "failed"),
    ],
)
def test_any_run_is_judged_by_its_manifest(made: Manifest, log: list[dict[str, Any]], verdict: str) -> None:
    assert judge(made, log).verdict == verdict


def test_the_worst_of_several_judgements_counts() -> None:
    found = worst(judge_run(run()), judge_lengths([10], [20]), judge_lengths([10], [25]))
    assert (found.verdict, len(found.reasons)) == ("suspicious", 2)
