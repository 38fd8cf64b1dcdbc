"""Where the lab's own sample data lies: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

from labkit import LabError

_PLACES = (Path(__file__).parent.parent / "data" / "samples", Path(__file__).parent / "_samples")


def path(name: str) -> Path:
    """Path of one sample file, e.g. ``support/train.jsonl``.

    Raises:
        LabError: there is no such sample.
    """
    for place in _PLACES:
        if (place / name).exists():
            return place / name
    known = sorted(p.relative_to(place).as_posix() for place in _PLACES for p in place.rglob("*.*"))
    raise LabError(f"sample {name}", "does not exist", f"choose one of: {', '.join(known)}")
