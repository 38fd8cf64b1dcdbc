"""Audits in notebook 04: the material of the three domains, what the checks say, and how often they are right."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import labkit.governance.step  # noqa: F401  (it registers the checks of this stage)
from labkit import LabError, samples
from labkit.checks import Context, checks_of, run_checks
from labkit.curation.score import KindScore, Score, half_of, score
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.governance.pii import REVIEWED, STRUCTURED, find_pii, texts
from labkit.governance.readiness import blocks
from labkit.governance.screen import injection
from labkit.policy import Clearance, load
from labkit.records import Example, Finding, Message, Planted
from labkit.stats import wilson

DOMAINS = ("support", "knowledge", "decision")
KINDS = ("pii", "secret", "licence", "consent", "injection", "unsafe")
TODAY = datetime.date(2026, 11, 23)
Row = dict[str, Any]


class Material(NamedTuple):
    """Rows to audit and what is written down about them: None where nothing is."""

    raw: Path
    clearance: Path | None
    policy: Path | None

    def context(self, today: datetime.date = TODAY) -> Context:
        """What the checks may know beside the rows."""
        written = load(self.clearance, Clearance) if self.clearance else Clearance()
        return Context(clearance=written, today=today)


def material(data: str | Path) -> Material:
    """A domain of the lab by name, or a file of your own with the clearance.yaml and policy.yaml beside it.

    Raises:
        LabError: it is neither.
    """
    if data in DOMAINS:
        files = (samples.path(name) for name in (f"{data}/raw.jsonl", "clearance.yaml", f"{data}/policy.yaml"))
        return Material(*files)
    raw = Path(data)
    if not raw.is_file():
        raise LabError(str(data), "is neither a sample nor a file", f"name one of {', '.join(DOMAINS)}, or a path")
    beside = [raw.parent / name for name in ("clearance.yaml", "policy.yaml")]
    return Material(raw, *(path if path.exists() else None for path in beside))


def found(data: str | Path, today: datetime.date = TODAY) -> tuple[list[Example], list[Finding]]:
    """The rows, and what the checks of this stage say about them; samples do not change, so they are read once."""
    return _sample(str(data), today) if data in DOMAINS else _read(data, today)


@cache
def _sample(domain: str, today: datetime.date) -> tuple[list[Example], list[Finding]]:
    return _read(domain, today)


def _read(data: str | Path, today: datetime.date) -> tuple[list[Example], list[Finding]]:
    mine = material(data)
    rows, _ = read_rows(mine.raw)
    return rows, run_checks(rows, mine.context(today), checks_of("governance"))


def overview(data: str | Path) -> list[Row]:
    """How many rows of each domain, and of your own file, each check stops; findings for review do not count."""
    table = []
    for name in dict.fromkeys([*DOMAINS, str(data)]):
        rows, findings = found(name)
        stopped = {kind: len({f.row_id for f in findings if f.check == kind and blocks(f)}) for kind in KINDS}
        table.append({"rows of": name, "n": len(rows)} | stopped)
    return table


def tries(lines: Iterable[str]) -> list[Row]:
    """What is taken for personal data in some lines of text."""
    return [{"text": t, "found": ", ".join(f"{s.type} ({s.tier})" for s in find_pii(t)) or "nothing"} for t in lines]


# --- scores -----------------------------------------------------------------------------------------------------------


def planted(domain: str) -> list[Planted]:
    """The defects and look-alikes that were put into a domain."""
    return read_strictly(samples.path(f"{domain}/planted.jsonl"), Planted)


def by_type(half: str = "test") -> list[Row]:
    """Personal data of one half, by type: found of planted in each domain and in all, and right of what was found."""
    counts: dict[str, dict[str, list[bool]]] = {t: {d: [] for d in DOMAINS} for t in (*STRUCTURED, *REVIEWED)}
    right: dict[str, list[bool]] = {kind: [] for kind in counts}
    for domain in DOMAINS:
        plants = planted(domain)
        halves = {plant.row: plant.half for plant in plants}
        own = [p for p in plants if p.kind == "pii" and not p.lookalike and p.half == half]
        said = {
            (row.id, span.type, span.text)
            for row in read_rows(samples.path(f"{domain}/raw.jsonl"))[0]
            if halves.get(row.id, half_of(row.id)) == half
            for _, text, _ in texts(row)
            for span in find_pii(text)
        }
        for plant in own:
            counts[plant.sub][domain].append(any(_same(plant, *one) for one in said))
        for one in said:
            right[one[1]].append(any(_same(plant, *one) for plant in own))
    table = []
    for kind, places in counts.items():
        every = [hit for hits in places.values() for hit in hits]
        each = {domain: f"{sum(hits)}/{len(hits)}" if hits else "-" for domain, hits in places.items()}
        rates = {"found of planted": wilson(sum(every), len(every)), "right of found": wilson(*_of(right[kind]))}
        table.append({"type": kind} | each | rates)
    for title, kinds in (("all with a form", STRUCTURED), ("names, addresses", REVIEWED)):
        each = {d: "{}/{}".format(*_of([hit for kind in kinds for hit in counts[kind][d]])) for d in DOMAINS}
        every = [hit for kind in kinds for hits in counts[kind].values() for hit in hits]
        was = [hit for kind in kinds for hit in right[kind]]
        table.append(
            {"type": title} | each | {"found of planted": wilson(*_of(every)), "right of found": wilson(*_of(was))}
        )
    return table


def _of(hits: Sequence[bool]) -> tuple[int, int]:
    return sum(hits), len(hits)


def _same(plant: Planted, row: str, kind: str, text: str) -> bool:
    return (plant.row, plant.sub) == (row, kind) and (text in plant.evidence or plant.evidence in text)


def scores(half: str = "test") -> dict[str, Score]:
    """The score of this stage's checks in each domain."""
    results = {}
    for domain in DOMAINS:
        rows, findings = found(domain)
        results[domain] = score(findings, planted(domain), rows, half, KINDS)
    return results


def by_kind(results: Mapping[str, Score]) -> list[Row]:
    """Found of planted by kind and domain, and look-alikes that were flagged."""
    table = []
    for total in pooled(results):
        each = {d: next(k.recall for k in s.kinds if k.kind == total.kind) for d, s in results.items()}
        fooled = f"{total.lookalikes.passed}/{total.lookalikes.n}"
        table.append({"kind": total.kind, **each, "look-alikes flagged": fooled})
    return table


def pooled(results: Mapping[str, Score]) -> list[KindScore]:
    """The kinds of all domains together."""
    kinds = sorted({kind.kind for s in results.values() for kind in s.kinds})
    return [KindScore.total(name, [k for s in results.values() for k in s.kinds if k.kind == name]) for name in kinds]


def missed(*kinds: str, half: str = "test") -> list[Row]:
    """Planted defects that no check found, with the words that were planted."""
    table = []
    for domain in DOMAINS:
        hits = {(f.row_id, f.check) for f in found(domain)[1]}
        for p in planted(domain):
            if p.kind in kinds and p.half == half and not p.lookalike and (p.row, p.kind) not in hits:
                table.append({"row": p.row, "kind": p.kind, "what": p.sub or "-", "words": p.evidence})
    return table


def screened(lines: Iterable[str]) -> list[Row]:
    """Whether the screen takes a sentence in a document for an instruction to the model."""
    table = []
    for line in lines:
        asked = Message(role="user", content=f"[Document: Heath rug. Wool. {line}]\nIs it warm?")
        hits = list(injection(Example(id="x", prompt=[asked], response="It is made of wool."), Context()))
        table.append({"a sentence in a document": line, "seen": "yes" if hits else "no"})
    return table
