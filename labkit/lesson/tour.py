"""The whole path without a browser: samples to verdict and report, one line a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labkit.lesson.course import MODELS, Course
from labkit.preference.health import judge
from labkit.release.gate import Decision
from labkit.stats import Rate, wilson
from labkit.training.step import Trained


def tour(course: Course, say: Callable[[str], None] = print) -> Decision:
    """Run every step of the course that has not been run yet and say what each found.

    Args:
        course: the materials and the home.
        say: gets each line.

    Returns:
        The gate's decision on the DPO model.
    """
    started = time.monotonic()

    @contextmanager
    def step(number: int, title: str) -> Iterator[None]:
        begun = time.monotonic()
        say(f"\n[{number}/7] {title}")
        yield
        say(f"      {time.monotonic() - begun:.0f} s")

    def answers(number: int, model: str, who: str) -> None:
        with step(number, f"The {who} model answers the suite"):
            for name in course.suites:
                found = course.verdicts(model, name)
                say(f"      {name}: {wilson(sum(v.passed for v in found), len(found))}")

    def sound(trained: Trained, held_out: Rate | None = None) -> None:
        health = judge(trained.manifest, trained.log(), held_out)
        said = ["Healthy."] if health.verdict == "healthy" else str(health).splitlines()
        say("\n".join(f"      {line}" for line in said))

    cases = sum(len(suite.cases) for suite in course.suites.values())
    with step(1, f"Requirements and suite: {len(course.requirements)} requirements, {cases} held-out cases"):
        say(f"      {course.independence().sentence}")
    answers(2, "base", "base")
    with step(3, f"Fine-tuning with QLoRA on {len(course.examples)} rows"):
        tuned = course.sft()
        made = tuned.manifest
        say(f"      loss {made.first_loss:.2f} -> {made.last_loss:.2f} in {made.steps} steps on {made.device}")
        sound(tuned)
    answers(4, "sft", "fine-tuned")
    with step(5, "Reward model and DPO from the rankings"):
        rows, _ = course.preferences()
        say(f"      {rows.accounting}")
        accuracy = reward_accuracy(course)
        say(f"      reward model, held-out pairs ranked right: {accuracy}")
        sound(course.reward(), accuracy)
        aligned = course.dpo()
        made = aligned.manifest
        say(f"      DPO loss {made.first_loss:.3f} (ln 2 = 0.693) -> {made.last_loss:.3f} in {made.steps} steps")
        sound(aligned)
    answers(6, "dpo", "aligned")
    with step(7, "Release gate"):
        decision = course.decision()
        say(decision.text())
        say(f"      report: {course.report()}")
    say(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. {' / '.join(MODELS)} are compared in the report.")
    return decision


def reward_accuracy(course: Course) -> Rate:
    """Share of held-out pairs the reward model ranks as people did, with its interval."""
    from labkit.preference.reward import RewardModel

    trained = course.reward()
    _, held_out = course.preferences()
    return RewardModel(trained.adapter, course.sft().merged).pair_accuracy(held_out.dpo)
