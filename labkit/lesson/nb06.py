"""Notebook 06, instruction tuning: small looks at tokens, adapters and settings, the exercises and the quiz."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.evaluation.oracles import ORACLES
from labkit.lesson.course import Course
from labkit.lesson.exercises import Exercise, Notebook, Quiz
from labkit.lesson.show import cases
from labkit.lesson.table import Table
from labkit.records import Example
from labkit.stats import Rate, wilson
from labkit.training.settings import LoraSettings, SFTSettings
from labkit.training.sizes import read_sizes

ROUTING = "REQ-S13"
ROUTING_FORM = {
    "type": "object",
    "required": ["team", "urgency"],
    "properties": {
        "team": {"enum": ["delivery", "returns", "billing", "product", "safety"]},
        "urgency": {"enum": ["low", "high"]},
    },
    "additionalProperties": False,
}
_MEANINGS = {
    "learning_rate": "how far one step moves the adapter, at most",
    "epochs": "how often the rows are gone through; with a half, every second row is seen once more",
    "batch_size": "rows a step looks at together",
    "warmup_steps": "steps in which the rate rises from zero, so that the first rows do not tear the weights about",
    "scheduler": "how the rate falls after that",
    "clip": "longest gradient let through: one odd row cannot derail the run",
    "max_length": "tokens a row may have; longer ones are reported, never cut in silence",
    "four_bit": "whether the frozen base is held in 4 bits",
    "rank": "width of the adapter's thin matrices: how much it can express, and how easily it learns rows by heart",
    "frozen_share": "share of the layers, from the bottom, without an adapter: the backward pass ends above them",
    "save_steps": "steps between two checkpoints",
    "seed": "of every random choice",
}


def load_tokenizer(base: str | Path) -> Any:
    """The tokenizer of a model folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(base))


def pieces(text: str, tokenizer: Any) -> Table:
    """A text cut into its tokens."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return Table([{"token": [tokenizer.decode([i]) for i in ids], "number": ids}])


def first_of(examples: Sequence[Example], *requirements: str) -> list[Example]:
    """The first row of each requirement that has one; on other material, where none has, simply the first rows."""
    found = (next((e for e in examples if r in e.requirements), None) for r in requirements)
    return [example for example in found if example] or list(examples[: len(requirements)])


def slice_counts(examples: Sequence[Example]) -> Table:
    """How many rows each value of each slice has."""
    names = dict.fromkeys(name for example in examples for name in example.slices)
    counts = {name: Counter(e.slices[name] for e in examples if name in e.slices) for name in names}
    return Table(
        {"slice": name, "rows": ", ".join(f"{value} {n}" for value, n in sorted(count.items()))}
        for name, count in counts.items()
    )


def adapter_sizes(base: str | Path, lora: LoraSettings) -> list[dict[str, Any]]:
    """For each kind of projection: its shape, its own numbers and those of the adapter beside it, over all layers."""
    sizes = read_sizes(base)
    if sizes is None:
        raise LabError(f"model {base}", "is not in a folder here", "fetch it first, or take the embedded one")
    trained = len(lora.layers(sizes.layers))
    return [
        {
            "projection": name,
            "shape": f"{a} x {b}",
            "frozen": a * b * sizes.layers,
            "trained": (a + b) * lora.rank * trained,
        }
        for name, (a, b) in sizes.projections.items()
        if name in lora.modules
    ]


def settings_table(settings: SFTSettings) -> Table:
    """The settings that matter most, those of the adapter among them, each with its meaning."""
    values = settings.lora.model_dump() | settings.model_dump()
    return Table({"setting": k, "value": values[k], "meaning": said} for k, said in _MEANINGS.items())


def routing_form(course: Course, model: str) -> Rate:
    """How many routing answers are one JSON object of the agreed form, right or wrong."""
    known = cases(course)
    answers = [r.output for r in course.records(model) if known[r.case_id].requirement == ROUTING]
    return wilson(sum(ORACLES["json_schema"](ROUTING_FORM, a, "").passed for a in answers), len(answers))


def _mask(answer: Any) -> bool | str:
    if not isinstance(answer, Callable):  # type: ignore[arg-type]
        return "Write a function of prompt_tokens and answer_tokens"
    made = list(answer(3, 2))
    if made == [0, 0, 0, 1, 1]:
        return "The end-of-turn token after the answer is missing: a model that never learns it never stops"
    if made == [1, 1, 1, 0, 0, 0]:
        return "This is the wrong way round: the prompt is only read, the answer is trained"
    if made == [1] * 6:
        return "This trains the prompt too: the model would learn to ask the customers' questions"
    if len(made) != 6:
        return f"3 prompt tokens, 2 answer tokens and 1 end of turn make 6 marks, not {len(made)}"
    return made == [0, 0, 0, 1, 1, 1] and list(answer(1, 4)) == [0, 1, 1, 1, 1, 1]


def _steps(answer: Any) -> bool | str:
    if not isinstance(answer, Callable):  # type: ignore[arg-type]
        return "Write a function of rows, batch_size and epochs"
    if answer(10, 8, 3) == 3:
        return "10 rows in batches of 8 make 2 steps an epoch: the last, smaller batch is trained too"
    if answer(10, 8, 3) == 4:
        return "Round up in each epoch, not once at the end: batches do not reach over the end of an epoch"
    if answer(16, 8, 1) == 3:
        return "16 rows in batches of 8 come out even: 2 steps"
    return all(
        answer(*given) == math.ceil(given[0] / given[1]) * given[2] for given in ((10, 8, 3), (16, 8, 1), (7, 2, 5))
    )


def _resume(answer: Any) -> bool | str:
    if not isinstance(answer, Callable):  # type: ignore[arg-type]
        return "Write a function that gets a dictionary: name of a checkpoint -> whether it is complete"
    found = answer({"checkpoint-20": True, "checkpoint-40": True, "checkpoint-60": False})
    if found == "checkpoint-60":
        return "checkpoint-60 was cut off while it was written: going on from it would fail, or worse, seem to work"
    if found == "checkpoint-20":
        return "That one is complete, but not the newest: twenty finished steps would be done again"
    if found != "checkpoint-40":
        return f"From 20, 40 and an incomplete 60 it chose {found!r}"
    if answer({"checkpoint-80": True, "checkpoint-100": True}) == "checkpoint-80":
        return "As text, 'checkpoint-80' comes after 'checkpoint-100': compare the numbers"
    if answer({"checkpoint-20": False}) is not None or answer({}) is not None:
        return "Without a complete checkpoint there is None, and the run starts from the beginning"
    return answer({"checkpoint-100": True, "checkpoint-80": True}) == "checkpoint-100"


EXERCISES = Notebook(
    "06",
    Exercise(
        "trained_mask",
        "easy",
        4,
        "Write a function that gets the number of prompt tokens and of answer tokens and returns the list of marks of the "
        "whole row: 0 where the model only reads, 1 where it is trained.\n\n"
        "One token more than these two stands in every row. Look at the end of the row above.",
        _mask,
        "A list can be multiplied: [0] * 3 is [0, 0, 0]. Which token tells the model to stop?",
        "def my_mask(prompt_tokens, answer_tokens):\n    return [0] * prompt_tokens + [1] * (answer_tokens + 1)",
    ),
    Exercise(
        "steps_of_a_run",
        "easy",
        4,
        "How many steps will a run take? Write a function of rows, batch_size and (whole) epochs. You need it to read a curve, "
        "and to know whether a warm-up of five steps is short or half of the run.",
        _steps,
        "math.ceil rounds up. Each epoch starts with a fresh batch.",
        "import math\n\ndef my_steps(rows, batch_size, epochs):\n    return math.ceil(rows / batch_size) * epochs",
    ),
    Exercise(
        "resume_from",
        "medium",
        6,
        "A run was killed. Write a function that gets its checkpoints, as in {'checkpoint-20': True, 'checkpoint-40': False} "
        "with True for a complete one, and returns the name of the one to go on from, or None.",
        _resume,
        "Keep the complete ones, then take the one with the highest number; max() has key= and default=.",
        "def my_resume(checkpoints):\n"
        "    complete = [name for name, whole in checkpoints.items() if whole]\n"
        "    return max(complete, key=lambda name: int(name.split('-')[1]), default=None)",
    ),
)

QUIZ = (
    Quiz(
        "The loss falls nicely, and the model's answers never end. Where do you look first?",
        (
            "at the learning rate",
            "at the mask: is the end-of-turn token trained, and is it the right one?",
            "at the number of epochs",
        ),
        "b",
        "Stopping is learned like any other token, and a wrong or untrained one shows in no loss curve.",
    ),
    Quiz(
        "What is frozen in QLoRA, and what is trained?",
        (
            "the 4-bit base is frozen, a small adapter in full precision is trained",
            "the adapter is frozen, the 4-bit base is trained",
            "nothing is frozen: the base and the adapter are both trained, in 4 bits",
        ),
        "a",
        "That is why it fits on a laptop: the large part is only read, the part that learns is small.",
    ),
    Quiz(
        "The training loss is close to zero. What does that say about the suite?",
        (
            "all cases will pass",
            "nothing yet: the loss is about the training rows, the suite about rows nobody trained on",
            "the suite is too easy",
        ),
        "b",
        "A row learned by heart has no loss either. Only unseen cases tell learning from remembering.",
    ),
)
