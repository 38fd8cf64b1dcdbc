"""What every benchmark shares: the header with device and versions, the JSON line, and where results go."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

from labkit.home import versions


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/NAME.json")
    return parser


def finish(name: str, result: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the JSON line and save it, with device, versions and date."""
    stamped = {
        **result,
        "benchmark": name,
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
    }
    if options.save:
        path = Path(__file__).parent / "results" / f"{name}.json"
        path.write_text(json.dumps(stamped, indent=1) + "\n")
    if options.json:
        print(json.dumps(stamped))
