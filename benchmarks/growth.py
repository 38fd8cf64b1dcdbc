"""Do time and memory per row stay the same when the rows are ten or a hundred times as many?

``python -m benchmarks.growth``                    10,000 and 100,000 rows
``python -m benchmarks.growth --up-to 1000000``    and a million

Each size runs in a process of its own: the row checks on chunks of rows as they stream by, then the duplicate search on
all texts. Rows are drawn from real ones and edited, lightly or heavily, so that some are near-duplicates and some not.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

from benchmarks.common import arguments, finish
from benchmarks.near_duplicates import edited, real_rows
from labkit.checks import Context, checks_of, run_checks
from labkit.curation.near_duplicates import duplicate_pairs
from labkit.curation.step import load_checks
from labkit.records import Example, Message

SIZES = (10_000, 100_000, 1_000_000)
CHUNK = 2_000
HEAVIEST = 0.6  # share of the words that are edited at most


def drawn(n: int, seed: int = 0) -> Iterator[str]:
    """So many texts, one by one: each a real row drawn at random, with up to :data:`HEAVIEST` of its words edited."""
    texts, draw = real_rows(), random.Random(seed)
    words = sorted({word for text in texts for word in text.split() if word.isalpha()})
    for _ in range(n):
        yield edited(draw.choice(texts), draw.uniform(0.0, HEAVIEST), draw, words)


def as_row(number: int, text: str) -> Example:
    """First line the question, the rest the answer."""
    question, _, answer = text.partition("\n")
    return Example(id=f"row-{number}", prompt=[Message(role="user", content=question)], response=answer or question)


def measure(n: int) -> dict[str, Any]:
    """Seconds of processor time and peak memory for n rows in this process; making the rows is not timed."""
    load_checks()
    checks = [check for check in checks_of("curation") if check.needs == "row"]
    run_checks([as_row(0, "How?\nSo.")], Context(), checks)  # what a first call loads is no matter of rows
    texts: list[str] = []
    chunk: list[Example] = []
    findings, checking = 0, 0.0
    for number, text in enumerate(drawn(n), 1):
        texts.append(text)
        chunk.append(as_row(number, text))
        if len(chunk) == CHUNK or number == n:
            before = time.process_time()
            findings += len(run_checks(chunk, Context(), checks))
            checking += time.process_time() - before
            chunk = []
    before = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = len(duplicate_pairs(texts))
    searching = time.process_time() - before
    return {
        "rows": n,
        "seconds_per_row": round((checking + searching) / n, 8),
        "checks_per_row": round(checking / n, 8),
        "search_per_row": round(searching / n, 8),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "checks": len(checks),
        "findings": findings,
        "pairs": pairs,
    }


def apart(n: int) -> dict[str, Any]:
    """Measure in a fresh process, so that peak memory is this size's own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--rows", str(n)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def main() -> None:
    """Measure each size and print the table."""
    parser = arguments("Time and memory per row as the rows grow.")
    parser.add_argument("--up-to", type=int, default=100_000, help="largest number of rows (default 100,000)")
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows:
        print(json.dumps(measure(options.rows)))
        return
    found = [apart(n) for n in SIZES if n <= options.up_to]
    print(f"{'rows':>10}{'ms a row':>10}{'checks':>10}{'search':>10}{'MB':>8}{'findings':>10}{'pairs':>12}")
    for one in found:
        times = "".join(f"{1000 * one[key]:>10.3f}" for key in ("seconds_per_row", "checks_per_row", "search_per_row"))
        print(f"{one['rows']:>10,}{times}{one['peak_mb']:>8,}{one['findings']:>10,}{one['pairs']:>12,}")
    finish("growth", {key: [one[key] for one in found] for key in found[0]}, options)


if __name__ == "__main__":
    main()
