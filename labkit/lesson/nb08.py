"""Notebook 08: the first loss, the DPO loss by hand, runs to be judged, and what its tables hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.records import Verdict
from labkit.stats import mcnemar_midp, paired_difference

BETA = 0.1


def practice_log(
    chosen: float, rejected: float, level: float = -40.0, start: float = 0.0, steps: int = 12
) -> list[dict[str, Any]]:
    """The log of a made-up DPO run in which log-probabilities move in a straight line.

    Args:
        chosen: by how much the log-probability of chosen answers changes in all.
        rejected: the same of rejected answers.
        level: log-probability of the chosen answers at the start.
        start: margin before the first step; zero when policy and reference are the same model.
        steps: rows of the log.
    """
    rows = []
    for i in range(steps):
        part = i / (steps - 1)
        margin = start + BETA * part * (chosen - rejected)
        rows.append(
            {
                "step": i + 1,
                "loss": round(math.log(1 + math.exp(-margin)), 4),
                "rewards/chosen": round(BETA * part * chosen, 4),
                "rewards/rejected": round(BETA * part * rejected, 4),
                "rewards/margins": round(margin, 4),
                "rewards/accuracies": 0.0 if margin == 0 else 1.0 if margin > 0 else 0.25,
                "logps/chosen": round(level + part * chosen, 2),
                "logps/rejected": round(level - 8 + part * rejected, 2),
            }
        )
    return rows


RUNS = {
    "oak": practice_log(chosen=1, rejected=-14),
    "elm": practice_log(chosen=-26, rejected=-45),
    "ash": practice_log(chosen=1, rejected=-14, start=-0.8),
    "fir": practice_log(chosen=-3, rejected=4),
}
_JUDGED = {"oak": "healthy", "elm": "failed", "ash": "failed", "fir": "failed"}
_LIKELY = {
    "oak": "it starts at ln 2, its margin grows, and the chosen answers keep their likelihood",
    "elm": "its margin grows, but the chosen answers lose more than half of their log-probability: it forgets how to speak",
    "ash": "its first loss is not ln 2, so the reference is not the model it started from",
    "fir": "its margin is below zero at the end: it learned the opposite of what people wanted",
}


def _first_loss(answer: Any) -> object:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return "Give a number, as in my_first_loss = math.log(3)"
    if answer == 0:
        return "A loss of zero would mean that the pair is settled; at step 1 nobody has learned anything"
    if abs(answer - 0.5) < 1e-3:
        return "0.5 is the probability that sigmoid(0) gives; the loss is minus its logarithm"
    if abs(answer + math.log(2)) < 1e-3:
        return "Nearly: mind the minus in front of the logarithm"
    return abs(answer - math.log(2)) < 1e-3


def _dpo_loss(answer: Callable[[float, float], Any]) -> object:
    assert callable(answer), "a function is asked for, as in: def my_dpo_loss(chosen, rejected, beta=0.1): ..."
    for chosen, rejected in [(0.0, 0.0), (5.0, -5.0), (-5.0, 5.0), (-20.0, -30.0)]:
        found, right = answer(chosen, rejected), math.log(1 + math.exp(-BETA * (chosen - rejected)))
        if not isinstance(found, int | float):
            return f"my_dpo_loss({chosen:g}, {rejected:g}) gave back {type(found).__name__}, and a loss is a number"
        if abs(found - right) > 1e-4:
            swapped = math.log(1 + math.exp(BETA * (chosen - rejected)))
            if chosen > rejected and abs(found - swapped) < 1e-4:
                return "The signs are turned round: the loss must fall when chosen answers gain"
            if chosen > rejected and abs(found - math.log(1 + math.exp(rejected - chosen))) < 1e-4:
                return "Beta is missing: the difference is multiplied by it"
            return f"my_dpo_loss({chosen:g}, {rejected:g}) gave {found:.4f}, and {right:.4f} is due"
    return True


def _verdicts(answer: Any) -> object:
    if not isinstance(answer, dict):
        return 'Give a dictionary, as in {"oak": "healthy", ...}'
    if missing := [name for name in RUNS if name not in answer]:
        return f"There is no verdict on {', '.join(missing)} yet"
    wrong = [name for name, right in _JUDGED.items() if answer[name] != right]
    return f"Look again at {wrong[0]}: {_LIKELY[wrong[0]]}" if wrong else True


EXERCISES = Notebook(
    "08",
    Exercise(
        "first_loss",
        "easy",
        3,
        "Before the first step the model and its reference are the same, so neither answer has gained anything yet and "
        "the loss is -log(sigmoid(0)). What must the log show at step 1?\n\nGive the number.",
        _first_loss,
        "sigmoid(0) is one half: the model would bet on either answer at even odds.",
        "import math\nmy_first_loss = math.log(2)   # -log(1/2) = 0.693",
    ),
    Exercise(
        "dpo_loss",
        "medium",
        6,
        "Write my_dpo_loss(chosen, rejected, beta=0.1): the loss of one pair, -log(sigmoid(beta * (chosen - rejected))).\n\n"
        "chosen and rejected say by how much the log-probability of each answer has changed against the reference.",
        _dpo_loss,
        "sigmoid(x) is 1 / (1 + math.exp(-x)).",
        "import math\n\n"
        "def my_dpo_loss(chosen, rejected, beta=0.1):\n"
        "    margin = beta * (chosen - rejected)\n"
        "    return -math.log(1 / (1 + math.exp(-margin)))",
    ),
    Exercise(
        "verdicts",
        "medium",
        6,
        "Read the four runs above: which would you let through to evaluation?\n\n"
        'Write a dictionary: the name of each run, and "healthy" or "failed".',
        _verdicts,
        "Look at three numbers of each: the first loss, the last margin, and what became of the chosen answers.",
        'my_verdicts = {"oak": "healthy", "elm": "failed", "ash": "failed", "fir": "failed"}',
    ),
)

QUIZ = (
    Quiz(
        "1. The margin of a DPO run grows steadily. What else must you see before you call it healthy?",
        (
            "Nothing: a growing margin is what DPO is for.",
            "The log-probability of the chosen answers on its own, and the loss at step 1.",
            "That the loss ends at zero.",
        ),
        "b",
        "The margin is a difference: it also grows when both answers become unlikely and the rejected one more so.",
    ),
    Quiz(
        "2. The reward model ranks 12 of 14 held-out pairs right. What can you claim?",
        (
            "That it is right in 86% of all cases.",
            "That it is better than DPO.",
            "That it is very probably better than a coin; how much better, 14 pairs cannot say.",
        ),
        "c",
        "The interval of 12 out of 14 reaches from about 60% to 96%.",
    ),
    Quiz(
        "3. After DPO the style requirements pass more often. Why compare the facts as well?",
        (
            "Because learning a style can cost facts, and a test of the style alone would not show it.",
            "Because DPO trains on the facts too.",
            "Because the gate needs two numbers.",
        ),
        "a",
        "It is a regression test: the old behaviour is held against the change.",
    ),
)


def numbers(runs: Mapping[str, Sequence[Mapping[str, Any]]] = RUNS) -> list[dict[str, Any]]:
    """The numbers of each run that a reader should look at."""
    shown = {"margin": "rewards/margins", "accuracy": "rewards/accuracies", "rejected": "logps/rejected"}
    return [
        {"run": name, "first loss": log[0]["loss"]}
        | {f"last {head}": log[-1][key] for head, key in shown.items()}
        | {"chosen, first to last": f"{log[0]['logps/chosen']:.0f} to {log[-1]['logps/chosen']:.0f}"}
        for name, log in runs.items()
    ]


def closest(rows: Sequence[Mapping[str, Any]], judge: Any, most: int = 6) -> list[dict[str, Any]]:
    """The pairs whose two answers a reward model scores most alike, with the difference chosen - rejected."""
    prompts = [row["prompt"] for row in rows]
    chosen, rejected = ([row[side][-1]["content"] for row in rows] for side in ("chosen", "rejected"))
    gaps = [a - b for a, b in zip(judge.score(prompts, chosen), judge.score(prompts, rejected), strict=True)]
    order = sorted(range(len(gaps)), key=lambda i: abs(gaps[i]))[:most]
    return [{"difference": f"{gaps[i]:+.2f}", "chosen": chosen[i], "rejected": rejected[i]} for i in order]


def paired(before: Sequence[Verdict], after: Sequence[Verdict], requirements: Sequence[str]) -> list[dict[str, Any]]:
    """For each requirement the paired difference in points, its 90% interval, and McNemar's mid-p."""
    found = []
    for name in requirements:
        a, b = ({v.case_id: v.passed for v in verdicts if v.requirement == name} for verdicts in (before, after))
        d = paired_difference(list(a.values()), [b[case] for case in a])
        points = {"points": f"{100 * d.difference:+.0f}", "90% interval": f"{100 * d.low:+.0f} to {100 * d.high:+.0f}"}
        flips = {"cases": d.n, "won": d.b_only, "lost": d.a_only, "p": f"{mcnemar_midp(d.a_only, d.b_only):.3f}"}
        found.append({"requirement": name} | points | flips)
    return found
