"""Does a training that is killed at random moments end with the losses of one that was left alone?

``python -m benchmarks.training_kills``    five kills of an SFT of the embedded model, each at a moment drawn at random

The moment is any time between the start of the process and its end, so a kill may fall into the imports, a step or the
writing of a checkpoint. The same command then goes on, as a learner's would. A training that ends before its kill is
compared too, and another is begun.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, finish
from labkit import samples
from labkit.files import read_strictly, write_jsonl
from labkit.records import Example
from labkit.training.watch import read_log

ROWS = 48  # 12 steps
SAVE_STEPS = 3
NEAR = 1e-4  # two losses that are told apart
WORK = """
import sys
from labkit.home import Home
from labkit.training.settings import SFTSettings
from labkit.training.step import fine_tune
fine_tune(Home(sys.argv[1]), sys.argv[2], SFTSettings(epochs=1, save_steps=int(sys.argv[3])))
"""


def started(home: Path, data: Path) -> subprocess.Popen[bytes]:
    """The training in a process of its own: new, or going on where the home stands."""
    command = [sys.executable, "-c", WORK, str(home), str(data), str(SAVE_STEPS)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def losses(home: Path) -> list[float]:
    """One loss a step of a finished training."""
    return [line["loss"] for line in read_log(home / "training" / "sft" / "log.jsonl")]


def killed(folder: Path, data: Path, kills: int, seconds: float, seed: int) -> tuple[list[float], list[list[float]]]:
    """So many kills, and the training that each hit brought to its end.

    Args:
        folder: for the homes.
        data: the training rows.
        kills: SIGKILLs to send.
        seconds: that an uninterrupted training takes; kills are drawn from it.
        seed: of the draw.

    Returns:
        The seconds after which each process was killed, and the losses of each finished training.
    """
    draw, moments, found = random.Random(seed), [], []
    while len(moments) < kills or (folder / f"home-{len(found)}").exists():
        home = folder / f"home-{len(found)}"
        child, moment = started(home, data), draw.uniform(0, seconds)
        try:
            code = child.wait(moment if len(moments) < kills else None)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            moments.append(round(moment, 2))
            home.mkdir(exist_ok=True)  # a kill before the first file has begun this training all the same
            print(f"kill {len(moments)} after {moment:.1f} s", flush=True)
            continue
        if code:
            raise RuntimeError(f"the training ended with {code}")
        found.append(losses(home))
    return moments, found


def main() -> None:
    """Train once undisturbed, then with kills, and compare."""
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = read_strictly(samples.path("support/train.jsonl"), Example)[:ROWS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_jsonl(folder / "rows.jsonl", rows)
        begun = time.monotonic()
        if code := started(folder / "whole", data).wait():
            raise RuntimeError(f"the training ended with {code}")
        seconds = time.monotonic() - begun
        whole = losses(folder / "whole")
        moments, found = killed(folder, data, options.kills, seconds, options.seed)
    furthest = max(abs(a - b) for one in found for a, b in zip(one, whole, strict=True))
    print(f"{len(moments)} kills, {len(found)} trainings of {len(whole)} steps finished; furthest loss {furthest:.6f}")
    result: dict[str, Any] = {
        "kills": len(moments),
        "moments_s": moments,
        "uninterrupted_s": round(seconds, 1),
        "trainings": len(found),
        "steps": len(whole),
        "furthest_loss": furthest,
        "same": furthest <= NEAR,
    }
    finish("training_kills", result, options, [samples.path("support/train.jsonl")])
    sys.exit(0 if result["same"] else 1)


if __name__ == "__main__":
    main()
