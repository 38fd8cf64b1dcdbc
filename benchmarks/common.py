"""What every benchmark shares: the header with device and versions, the JSON line, and where results go."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labkit.files import sha256
from labkit.home import versions


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/NAME.json")
    return parser


def finish(name: str, result: dict[str, Any], options: argparse.Namespace, inputs: Iterable[Path] = ()) -> None:
    """Print the JSON line and save it, with device, versions, date, and the hash of the program and the data it read.

    Args:
        name: of the result.
        result: its figures; a device named there (such as a GPU) stands for this machine.
        options: as :func:`arguments` reads them.
        inputs: files or folders of data that the figures depend on.
    """
    stamped = {
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        **result,
        "benchmark": name,
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
        "made_by": made_by(inputs),
    }
    if options.save:
        path = Path(__file__).parent / "results" / f"{name}.json"
        path.write_text(json.dumps(stamped, indent=1) + "\n")
    if options.json:
        print(json.dumps(stamped))


def made_by(inputs: Iterable[Path] = ()) -> str:
    """One hash for the benchmark that runs and the data it read."""
    program = getattr(sys.modules["__main__"], "__file__", None)
    return sha256("".join(sha256(path) for path in (*([Path(program)] if program else []), *inputs)))
