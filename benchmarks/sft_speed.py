"""labkit's training steps against the same written by hand on stock transformers, PEFT and bitsandbytes.

``python -m benchmarks.sft_speed``                 SFT on the support samples
``python -m benchmarks.sft_speed --stage dpo``     DPO from a finished SFT adapter in the lab's home
``python -m benchmarks.sft_speed --seeds 3``       three such races, each with its own order of rows and first adapter
``python -m benchmarks.sft_speed --profile``       and where the time of a step goes on either side (torch.profiler)

The hand-written side (:mod:`benchmarks.by_hand`) is what the libraries' own examples show: a 4-bit base, LoRA of rank 16 on
all layers, shuffled batches padded to their longest row, the loss of the answer's tokens through the model's own head, AdamW.
Stock TRL 1.15 cannot train SFT on a CPU, so a loop stands in for it. Both sides train an adapter of the same shape on the
same rows, in batches of the same size, at the same learning rates, and are judged on the same held-out rows;
``--frozen 0.27`` gives labkit's side the lab's default instead, which leaves the lowest layers without an adapter, and
``--shuffled`` gives it the other side's very batches in place of its own of like length, which save padding. Each works
in a process of its own, so that neither inherits the other's patches, and they take turns block by block, so that a busy
machine hits both alike.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.by_hand import by_hand, held_out_losses, shuffled
from benchmarks.common import arguments, finish
from labkit import samples
from labkit.formats import read_rows
from labkit.home import Home
from labkit.records import Example
from labkit.stats import bootstrap
from labkit.training.base_model import embedded_model
from labkit.training.settings import DPOSettings, LoraSettings, SFTSettings

BLOCK, HELD_OUT = 5, 40  # steps a turn; rows judged
WARM = 5  # steps before the clock counts: loading, first allocations
SIDES = ("ours", "baseline")


def rows_of(stage: str, steps: int) -> tuple[list[Any], list[Any]]:
    """Rows to train on, so many that ``steps`` batches see each once, and rows to judge by."""
    if stage == "dpo":
        from labkit.preference.step import preferences

        folder = samples.path("support/pairs.jsonl").parent
        train, held = preferences(Home(), folder / "pairs.jsonl", folder / "rankings.jsonl")
        return train.dpo[: steps * 4], held.dpo[:HELD_OUT]
    found, _ = read_rows(samples.path("support/train.jsonl"))
    random.Random(0).shuffle(found)
    return found[HELD_OUT : HELD_OUT + steps * 4], found[:HELD_OUT]


# --- one side, in a process of its own --------------------------------------------------------------------------------


class Turns:
    """Waits for its turn on standard input before each block of steps and reports the block's seconds after it."""

    def __init__(self) -> None:
        self.done = 0
        self._started = 0.0

    def before(self) -> None:
        """Called before each step."""
        if self.done % BLOCK == 0:
            sys.stdin.readline()
            self._started = time.perf_counter()

    def after(self, last: bool) -> None:
        """Called after each step."""
        self.done += 1
        if self.done % BLOCK == 0 or last:
            say({"steps": self.done, "seconds": time.perf_counter() - self._started})


def say(message: dict[str, Any]) -> None:
    """One line to the process that holds the clock; everything else this process prints goes to standard error."""
    _OUT.write(json.dumps(message) + "\n")
    _OUT.flush()


_OUT = sys.stdout


class InOrder(SFTSettings):
    """SFT that takes the rows as they come."""

    def trainer_arguments(self, folder: str) -> dict[str, Any]:
        """SFT's own, but for the sampling."""
        return super().trainer_arguments(folder) | {"train_sampling_strategy": "sequential"}


def ours(options: Any, train: list[Any], out: Path, turns: Turns) -> tuple[Any, Any]:
    """labkit's own training with its own settings, one pass over the rows; only a callback more, which takes turns."""
    from labkit.preference import dpo
    from labkit.training import sft
    from labkit.training.backend import unsloth

    unsloth()
    from transformers import TrainerCallback

    trained: list[tuple[Any, Any]] = []

    class InTurn(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turns.before()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            turns.after(last=state.global_step == state.max_steps)

        def on_train_end(self, *_: Any, model: Any, processing_class: Any, **__: Any) -> None:
            trained.append((model, processing_class))

    stage_module: Any = dpo if options.stage == "dpo" else sft
    usual = stage_module.callbacks
    stage_module.callbacks = lambda title, log: [*usual(title, log), InTurn()]
    if options.stage == "dpo":
        dpo.train_dpo(train, Home() / "training" / "sft" / "adapter", out, DPOSettings(epochs=1, seed=options.seed))
    else:
        kind = InOrder if options.shuffled else SFTSettings
        settings = kind(epochs=1, seed=options.seed, lora=LoraSettings(frozen_share=options.frozen))
        if options.shuffled:
            train = [row for batch in shuffled(train, settings.batch_size, options.seed) for row in batch]
        sft.train_sft(train, out, settings)
    return trained[0]


def work(options: Any) -> None:
    """What a side's process does: train in turns, then judge."""
    sys.stdout = sys.stderr
    train, held = rows_of(options.stage, options.steps)
    turns = Turns()

    def run() -> tuple[Any, Any]:
        with tempfile.TemporaryDirectory() as out:
            if options.side == "ours":
                return ours(options, train, Path(out), turns)
            return by_hand(options.stage, train, turns, options.device, options.seed)

    (model, tokenizer), table = profiled(run) if options.profile else (run(), "")
    sys.stdin.readline()
    losses = held_out_losses(model, held, tokenizer, options.device)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    say({"losses": losses, "profile": table, "peak_gb": round(peak, 2)})


def profiled(run: Callable[[], Any]) -> tuple[Any, str]:
    """The run's result, and the operations that took most of its time."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        result = run()
    return result, seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40)


# --- both sides -------------------------------------------------------------------------------------------------------


def main() -> None:
    """Let both sides take turns, and print who was faster and whether they learned the same."""
    parser = arguments("labkit's training step against the same written by hand, side by side.")
    parser.add_argument("--stage", choices=["sft", "dpo"], default="sft")
    parser.add_argument("--steps", type=int, default=40, help="training steps a side (DPO: at most 19)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shuffled", action="store_true", help="labkit's side too takes the shuffled batches (SFT)")
    parser.add_argument("--seeds", type=int, default=1, help="how many races, each with another seed")
    parser.add_argument("--seed", type=int, default=42, help="the first of them")
    parser.add_argument("--frozen", type=float, default=0.0, help="share of layers without an adapter on labkit's side")
    parser.add_argument("--profile", action="store_true", help="also print where the time goes (slows both sides)")
    parser.add_argument("--side", choices=SIDES, help="what a side's own process is started with")
    options = parser.parse_args()
    if options.side:
        work(options)
        return
    steps = min(options.steps, 19) if options.stage == "dpo" else options.steps
    seeds = range(options.seed, options.seed + options.seeds)
    report(options, steps, [race(options, steps, seed) for seed in seeds])


class Race(NamedTuple):
    """What one seed gave: of each side, (steps done, seconds) by block, and what it said at its end."""

    clocks: dict[str, list[tuple[int, float]]]
    ends: dict[str, dict[str, Any]]


def race(options: Any, steps: int, seed: int) -> Race:
    """Both sides from the start, taking turns."""
    command = [sys.executable, "-m", "benchmarks.sft_speed", "--stage", options.stage, "--steps", str(steps)]
    command += ["--device", options.device, "--frozen", str(options.frozen), "--seed", str(seed)]
    command += [f"--{name}" for name in ("profile", "shuffled") if getattr(options, name)]
    sides = {side: start([*command, "--side", side]) for side in SIDES}
    clocks: dict[str, list[tuple[int, float]]] = {side: [] for side in SIDES}
    for turn in range(-(-steps // BLOCK)):
        for side in SIDES if turn % 2 == 0 else reversed(SIDES):
            answer = ask(sides[side])
            clocks[side].append((answer["steps"], answer["seconds"]))
    return Race(clocks, {side: ask(process) for side, process in sides.items()})


def start(command: list[str]) -> subprocess.Popen[str]:
    """A side's process; what it says beside the protocol goes to this process's standard error."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Give a side its turn and wait for what it reports."""
    assert process.stdin and process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a side stopped with exit code {process.wait()}: see above")
    return dict(json.loads(line))


def report(options: Any, steps: int, races: list[Race]) -> None:
    """Print the table and the JSON line."""
    from tokenizers import Tokenizer

    train, held = rows_of(options.stage, steps)
    count = Tokenizer.from_file(str(embedded_model() / "tokenizer.json"))
    per_step = sum(len(count.encode(text).ids) for row in train for text in texts(row)) / steps
    speed = {side: tokens_a_second([race.clocks[side] for race in races], per_step) for side in SIDES}
    ratios = [
        theirs / ours
        for clocks, _ in races
        for (_, ours), (_, theirs) in zip(clocks["ours"][WARM // BLOCK :], clocks["baseline"][WARM // BLOCK :], strict=True)
    ]
    losses = {side: [ends[side]["losses"] for _, ends in races] for side in SIDES}
    gaps = [
        [o - b for o, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(losses["ours"], losses["baseline"], strict=True)
    ]
    by_seed = [sum(each) / len(each) for each in gaps]
    gap = bootstrap(lambda values: float(values.mean()), [sum(row) / len(row) for row in zip(*gaps, strict=True)])
    peak = {side: max(race.ends[side]["peak_gb"] for race in races) for side in SIDES}
    print(
        f"{options.stage}: {len(races)} x {steps} steps of {len(train) / steps:.1f} rows, {per_step:.0f} tokens a step, "
        f"{options.device}"
    )
    print(f"{'side':10}{'tokens/s':>10}{'s a step':>10}{'held-out loss':>15}{'peak GB':>9}")
    for side in SIDES:
        mean = sum(map(sum, losses[side])) / len(held) / len(races)
        print(f"{side:10}{speed[side]:10.1f}{per_step / speed[side]:10.2f}{mean:15.4f}{peak[side]:9.2f}")
    ratio = speed["ours"] / speed["baseline"]
    print(f"ratio {ratio:.2f}; by block {min(ratios):.2f} to {max(ratios):.2f} ({len(ratios)} blocks of {BLOCK} steps)")
    print(
        f"loss gap (ours - baseline) {gap.estimate:+.4f} (95%: {gap.low:+.4f} to {gap.high:+.4f}), {len(held)} rows; "
        f"by seed {', '.join(f'{value:+.3f}' for value in by_seed)}"
    )
    for side in SIDES if options.profile else ():
        print(f"\nWhere the time of '{side}' goes:\n{races[0].ends[side]['profile']}")
    result = {
        "ratio": round(ratio, 3),
        "ours": round(speed["ours"], 1),
        "baseline": round(speed["baseline"], 1),
        "loss_gap": {key: round(value, 4) for key, value in gap.model_dump().items()},
        "loss_gap_by_seed": [round(value, 4) for value in by_seed],
        "ratio_by_block": [round(value, 2) for value in ratios],
        "frozen_share": options.frozen,
        "same_batches": options.shuffled,
        "held_out_rows": len(held),
        "steps": steps,
        "tokens_a_step": round(per_step, 1),
        "peak_gb": peak,
    }
    name = f"{options.stage}_speed" + ("-same-batches" if options.shuffled else "")
    finish(name, result, options, [samples.path("support/train.jsonl")])


def texts(row: Any) -> list[str]:
    """The texts whose tokens a side works through, for counting; both sides are counted alike."""
    if isinstance(row, Example):
        return [*(m.content for m in row.prompt), row.response]
    prompt = [m["content"] for m in row["prompt"]]
    return [text for side in ("chosen", "rejected") for text in (*prompt, row[side][-1]["content"])]


def tokens_a_second(races: Sequence[Sequence[tuple[int, float]]], per_step: float) -> float:
    """Tokens a second over all blocks but the first of each race, in which memory is still being claimed."""
    steps, seconds = 0, 0.0
    for blocks in races:
        first = blocks[0][0] if len(blocks) > 1 else 0
        steps += blocks[-1][0] - first
        seconds += sum(taken for done, taken in blocks if done > first)
    return steps * per_step / seconds


if __name__ == "__main__":
    main()
