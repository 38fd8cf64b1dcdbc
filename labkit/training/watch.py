"""What watches a training while it runs: progress with time left, a loss log, and a guard against NaN."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tqdm import tqdm

from labkit import LabError
from labkit.files import append_jsonl, lines


def callbacks(title: str, log: Path) -> list[Any]:
    """The callbacks every training gets.

    Args:
        title: shown beside the progress bar.
        log: JSON Lines file that receives one object per logged step; a resumed training goes on in it.
    """
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        bar: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=title, unit="step", mininterval=1.0)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar.update(state.global_step - self.bar.n)

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar.close()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if not logs or not ({"loss", "eval_loss"} & set(logs)):
                return
            refuse_nan(logs, state.global_step)
            row = {"step": state.global_step, **{k: v for k, v in logs.items() if isinstance(v, (int, float))}}
            append_jsonl(log, row)
            if "loss" in logs and self.bar is not None:
                self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)

    return [Watch()]


def refuse_nan(logs: dict[str, Any], step: int) -> None:
    """Stop at the first loss or gradient that is no number, instead of training on.

    Raises:
        LabError: naming the step and the value.
    """
    for name in ("loss", "eval_loss", "grad_norm"):
        value = logs.get(name)
        if value is not None and not math.isfinite(value):
            mend = "lower the learning rate, or look for empty or broken rows in the last batch"
            raise LabError(f"training step {step}", f"{name} is {value}", mend)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The loss log, one row a step; of steps logged twice (a resumed run repeats some) the later one counts."""
    rows = {line.value["step"]: line.value for line in lines(path) if line.problem is None}
    return [rows[step] for step in sorted(rows)]


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, or None. A checkpoint without its state file was cut off and is passed over."""
    found = [p for p in folder.glob("checkpoint-*") if (p / "trainer_state.json").exists()]
    return max(found, key=lambda p: int(p.name.rsplit("-", 1)[1]), default=None)
