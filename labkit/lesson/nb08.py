"""Notebook 08: the first loss, the DPO loss by hand, runs to be judged, thumbs balanced, and what its tables hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.evaluation.generate import Generator
from labkit.evaluation.judge import verdict
from labkit.lesson.course import Course
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.lesson.recorded import Recorded, recorded
from labkit.preference.best_of import best_of
from labkit.records import Verdict
from labkit.stats import Rate, mcnemar_midp, p_text, paired_difference, wilson

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


UPS, DOWNS = 30, 90


def _balance(answer: Any) -> object:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return "Give a number: the weight of a thumb up, while a thumb down weighs 1"
    if answer <= 0:
        return "A weight is above zero; at zero the thumbs up would teach nothing"
    if abs(answer - UPS / DOWNS) < 0.02:
        return "Turned round: the rarer kind must weigh more, not less"
    ratio = answer * UPS / DOWNS
    if not 1 <= ratio <= 4 / 3:
        return f"{UPS} x {answer:g} is {ratio:.2f} times {DOWNS}; it should lie between 1 and 1.33 times"
    return True


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
    Exercise(
        "balance",
        "easy",
        4,
        f"A support tool has collected {UPS} thumbs up and {DOWNS} thumbs down: people click when they are annoyed. The "
        "authors of KTO want the weighted thumbs up to be 1 to 1.33 times the weighted thumbs down.\n\n"
        "A thumb down weighs 1. Give a weight for a thumb up.",
        _balance,
        "How many thumbs up would it take to match 90 thumbs down?",
        "my_balance = 3.5   # 30 x 3.5 = 105 = 1.17 x 90",
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
        flips = {"cases": d.n, "won": d.b_only, "lost": d.a_only, "p": p_text(mcnemar_midp(d.a_only, d.b_only))}
        found.append({"requirement": name} | points | flips)
    return found


def chosen_by_reward(course: Course, judge: Any, most: int = 16, n: int = 4) -> list[dict[str, Any]]:
    """The fine-tuned model answers some preference cases in three ways, and the suite judges each answer.

    Greedy (its likeliest words), one answer drawn at random, and the best of ``n`` drawn ones by reward. The reward
    model chooses without having seen the suite's oracles.

    Returns:
        One row a way: cases passed with interval, and the mean reward.
    """
    suite = course.suites["preference"]
    cases = suite.cases[:: max(1, len(suite.cases) // most)][:most]
    known = {record.case_id: record for record in course.records("sft", "preference")}
    prompts = [[message.model_dump() for message in case.given] for case in cases]
    greedy = [known[case.id].output for case in cases]
    drawn = best_of(Generator(course.model("sft")), judge, prompts, n)
    ways = {
        "greedy": (greedy, judge.score(prompts, greedy)),
        "one drawn": ([some.answers[0] for some in drawn], [some.scores[0] for some in drawn]),
        f"best of {n} by reward": ([d.answers[d.best] for d in drawn], [d.scores[d.best] for d in drawn]),
    }
    rows = []
    for way, (texts, scores) in ways.items():
        answered = [known[case.id].model_copy(update={"output": text}) for case, text in zip(cases, texts, strict=True)]
        passed = [verdict(c, record, course.requirements).passed for c, record in zip(cases, answered, strict=True)]
        rate = str(wilson(sum(passed), len(passed)))
        rows.append({"answers": way, "cases passed": rate, "mean reward": f"{sum(scores) / len(scores):+.2f}"})
    return rows


def won_by_reward(course: Course, judge: Any, a: str = "sft", b: str = "dpo") -> Rate:
    """Of the preference cases that two models answer otherwise, the share in which the reward model prefers ``b``'s answer.

    A difference below 1e-3 counts against ``b``, as in the reward model's own accuracy.
    """
    first, second = ({r.case_id: r.output for r in course.records(name, "preference")} for name in (a, b))
    cases = [case for case in course.suites["preference"].cases if first[case.id] != second[case.id]]
    prompts = [[message.model_dump() for message in case.given] for case in cases]
    ours, theirs = (judge.score(prompts, [said[case.id] for case in cases]) for said in (second, first))
    return wilson(sum(x - y >= 1e-3 for x, y in zip(ours, theirs, strict=True)), len(cases))


def tokens(course: Course, model: str) -> list[int]:
    """How long a model's answers to the preference suite are, in tokens, case by case."""
    return [record.tokens for record in course.records(model, "preference")]


def recorded_grpo() -> Recorded:
    """The recorded run of GRPO against the reward model, and what the suite said of it."""
    return recorded("reward_hacking")


def told(grpo: Recorded) -> str:
    """What the recorded run shows, in a sentence that is right whatever came out."""
    if not grpo.result:
        return "No such run is recorded here."
    reward, facts = grpo.result["reward"]["difference"], grpo.result["facts"]["difference"]
    said = f"Mean reward changed by {reward['estimate']:+.2f} ({reward['low']:+.2f} to {reward['high']:+.2f}), "
    said += f"facts passed by {facts['estimate']:+.1%} ({facts['low']:+.1%} to {facts['high']:+.1%}). "
    if grpo.result["caught"]:
        return said + "The reward rose while facts were lost: the suite caught reward hacking."
    return said + "A loss of facts with a rise of reward is not shown in this run: here the suite gives no alarm."
