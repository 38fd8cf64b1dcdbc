"""How much personal data is found, and how much is called personal that is not: labkit's rules beside Presidio's.

``python -m benchmarks.pii`` needs the texts of presidio-research under shared/data (see benchmarks/learning.py). Presidio
runs in the same process when it is installed, with a blank English model and without a network; its result is left out
when it is not. The rules were written with samples of the texts in view and tuned on every second one (``dev``;
``test`` are the others). Both halves come from the same sentence templates: other wording is found less often.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import arguments, finish
from benchmarks.learning import SHARED
from labkit.governance.pii import STRUCTURED, find_pii
from labkit.stats import wilson

# What the data set calls each type; those that both engines are asked for.
TYPES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "US_SSN": "national_id",
    "US_DRIVER_LICENSE": "national_id", "IP_ADDRESS": "ip_address",
}  # fmt: skip
REVIEWED = {"PERSON": "person_name", "STREET_ADDRESS": "address"}
COVERED = 0.8  # share of a span that must be found


class Mark(NamedTuple):
    """A stretch of a text and its type."""

    type: str
    start: int
    end: int


class Text(NamedTuple):
    """One text, and what is personal in it."""

    text: str
    marks: list[Mark]


def texts(path: Path) -> list[Text]:
    """The data set; a date counts as a date of birth when the words before it say so."""
    found = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        text, marks = row["full_text"], []
        for span in row["spans"]:
            start, end = span["start_position"], span["end_position"]
            type = (TYPES | REVIEWED).get(span["entity_type"])
            before = text[max(0, start - 25) : start].lower()
            if span["entity_type"] == "DATE_TIME" and ("born on" in before or "birth" in before):
                type = "birth_date"
            if type:
                marks.append(Mark(type, start, end))
        found.append(Text(text, marks))
    return found


def ours(text: str) -> list[Mark]:
    """labkit's spans."""
    return [Mark(span.type, span.start, span.end) for span in find_pii(text)]


def presidio() -> Callable[[str], list[Mark]] | None:
    """Presidio's spans with a blank English model, or None when it is not installed."""
    try:
        import spacy
        import tldextract
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        return None
    # The list of public suffixes that comes with the package: the default would be fetched from the network.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
            self.nlp = {"en": spacy.blank("en")}

    engine = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])

    def analyse(text: str) -> list[Mark]:
        found = engine.analyze(text=text, language="en", entities=sorted(TYPES))
        return [Mark(TYPES[r.entity_type], r.start, r.end) for r in found if r.entity_type in TYPES]

    return analyse


def measure(rows: Sequence[Text], find: Callable[[str], list[Mark]], types: Iterable[str]) -> dict[str, Any]:
    """Recall and precision over the types, by type with Wilson's 95% intervals, and the share of clean texts flagged.

    A span counts as found when one of its type covers at least :data:`COVERED` of it; a finding is right when it
    overlaps a span of its type. A clean text holds no span of these types.
    """
    wanted = set(types)
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    claimed: Counter[str] = Counter()
    clean = flagged = 0
    start = time.perf_counter()
    for row in rows:
        marks = [m for m in row.marks if m.type in wanted]
        mine = [m for m in find(row.text) if m.type in wanted]
        for m in marks:
            total[m.type] += 1
            found[m.type] += any(f.type == m.type and _shared(f, m) >= COVERED * (m.end - m.start) for f in mine)
        for f in mine:
            claimed[f.type] += 1
            right[f.type] += any(f.type == m.type and _shared(f, m) > 0 for m in marks)
        if not marks:
            clean += 1
            flagged += bool(mine)
    seconds = time.perf_counter() - start
    n = sum(total.values())
    return {
        "recall": round(sum(found.values()) / n, 4) if n else None,
        "precision": round(sum(right.values()) / sum(claimed.values()), 4) if claimed else None,
        "n": n,
        "by_type": {
            t: {"recall": _rate(found[t], total[t]), "precision": _rate(right[t], claimed[t])}
            for t in sorted(wanted)
            if total[t] or claimed[t]
        },
        "clean_flagged": _rate(flagged, clean),
        "texts_per_second": round(len(rows) / seconds),
    }


def _shared(a: Mark, b: Mark) -> int:
    return min(a.end, b.end) - max(a.start, b.start)


def _rate(passed: int, n: int) -> dict[str, float]:
    rate = wilson(passed, n)
    return {"rate": round(rate.rate, 4), "low": round(rate.low, 4), "high": round(rate.high, 4), "n": n}


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__ or "").parse_args()
    rows = texts(SHARED / "presidio_research" / "synth_dataset_v2.json")
    both = sorted(set(TYPES.values()))
    result = measure(rows, ours, STRUCTURED)
    result["halves"] = {
        half: {key: measure(rows[k::2], ours, STRUCTURED)[key] for key in ("recall", "precision", "n", "clean_flagged")}
        for k, half in enumerate(("dev", "test"))
    }
    result["reviewed"] = measure(rows, ours, REVIEWED.values())["by_type"]
    result["same_types"] = {
        key: measure(rows, ours, both)[key] for key in ("recall", "precision", "n", "clean_flagged")
    }
    analyse = presidio()
    result["presidio"] = measure(rows, analyse, both) if analyse else None
    _print(result)
    finish("pii", result, options)


def _print(result: dict[str, Any]) -> None:
    for name, side in (("labkit", result), ("presidio", result["presidio"])):
        if side is None:
            print("presidio: not installed; pip install presidio-analyzer to compare")
            continue
        clean = side["clean_flagged"]
        print(
            f"{name}: recall {side['recall']:.3f}, precision {side['precision']:.3f} of {side['n']} spans; "
            f"{clean['rate']:.1%} of {clean['n']} clean texts flagged; {side['texts_per_second']:,} texts a second"
        )
        for type, rates in side["by_type"].items():
            recall, precision = rates["recall"], rates["precision"]
            print(
                f"  {type:12} recall {recall['rate']:.3f} ({recall['low']:.3f}-{recall['high']:.3f}, n {recall['n']}), "
                f"precision {precision['rate']:.3f} (n {precision['n']})"
            )
    for type, rates in result["reviewed"].items():
        print(f"for review: {type} recall {rates['recall']['rate']:.3f}, precision {rates['precision']['rate']:.3f}")


if __name__ == "__main__":
    main()
