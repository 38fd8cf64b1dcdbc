"""The governance stage in the lab's home: an audit of row files, what may be used of them, and the papers about it."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

import labkit.governance.clearance
import labkit.governance.pii
import labkit.governance.screen
import labkit.governance.secrets  # noqa: F401  (these four register their checks)
from labkit.checks import Context, checks_of, run_checks
from labkit.files import sha256, write_jsonl, write_text
from labkit.formats import read_rows
from labkit.governance import report
from labkit.governance.cards import data_card, facts
from labkit.governance.croissant import croissant
from labkit.governance.mask import KeyFile, Masker, open_key, save_key
from labkit.governance.readiness import Rule, blocks, gate
from labkit.home import Home
from labkit.policy import Clearance, Policy, load
from labkit.records import Example, Finding

_HIDDEN = {"pii": "[personal data]", "secret": "[secret]"}
PARTS = ("findings.jsonl", "masked.jsonl", "audit.html", "card.md", "croissant.json", "audit.json")


class Audit(BaseModel):
    """What an audit found: the rules on the rows as they came in, and how many rows the cleared file holds."""

    name: str
    file: str
    sha256: str
    today: str
    rows: int
    kept: int
    masked: int
    left_out: int
    rules: list[Rule]

    @property
    def cleared(self) -> bool:
        """Whether every row may be used as it came in."""
        return all(rule.outcome != "fail" for rule in self.rules)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        failed = sum(rule.outcome == "fail" for rule in self.rules)
        if failed:
            return f"{failed} of {len(self.rules)} rules are broken; {self.kept} of {self.rows} rows are in the cleared file."
        look = sum(rule.outcome == "look" for rule in self.rules)
        return f"All {len(self.rules)} rules hold." + (
            f" {look} with rows that a person should look at." if look else ""
        )

    def text(self) -> str:
        """The gate as lines, the verdict first."""
        return "\n".join([f"{'CLEARED' if self.cleared else 'NOT CLEARED'}: {self.sentence}", *map(str, self.rules)])


def audit(
    home: Home,
    rows: str | Path,
    *,
    clearance: str | Path | None = None,
    policy: str | Path | None = None,
    key: str | Path | None = None,
    today: datetime.date | None = None,
    name: str | None = None,
    keep_away: Sequence[str | Path] = (),
) -> tuple[Audit, Path]:
    """Audit a file of rows; nothing happens when the same was done before.

    Written are, under ``governance/`` in the home: ``NAME.findings.jsonl`` (personal data and secrets named by kind,
    with their place in the row), ``NAME.masked.jsonl`` (rows that may be used, masked), ``NAME.audit.html``,
    ``NAME.card.md``, ``NAME.croissant.json`` and ``NAME.audit.json``.

    Args:
        home: the lab's home.
        rows: a file in any format that :func:`labkit.formats.read_rows` knows.
        clearance: a clearance file; without one nothing can be cleared.
        policy: a policy file, for the sentence on what the rows are about.
        key: a key file for pseudonyms; made when it does not exist, and refused beside the data or in the home.
        today: the day on which permissions must hold.
        name: of the outputs; the rows file's by default.
        keep_away: further folders that the key may not lie in.

    Returns:
        The audit, and the folder that holds the outputs.

    Raises:
        LabError: a file cannot be read, or the key would lie with the data.
    """
    rows, today = Path(rows), today or datetime.date.today()
    name = name or default_name(rows)
    opened = open_key(key, [rows, home.path, *keep_away]) if key is not None else None
    cleared = load(clearance, Clearance) if clearance is not None else Clearance()
    written = load(policy, Policy) if policy is not None else Policy()
    if opened and key:
        save_key(key, opened)  # before anything is masked with it

    context = Context(policy=written, clearance=cleared, today=today)

    masker = Masker(bytes.fromhex(opened.key), opened.table) if opened else Masker()

    def work(scratch: Path) -> None:
        _write(scratch, name, rows, context, masker)

    parameters = {"today": today.isoformat(), "key": sha256(opened.key)[:12] if opened else None}
    inputs = [rows, *(Path(p) for p in (clearance, policy) if p is not None)]
    first = home.run(
        "governance", name, work, outputs=[f"{name}.{part}" for part in PARTS], inputs=inputs, parameters=parameters
    )
    if opened and key:
        if masker.table == opened.table:  # the audit was done before, and this file may be another copy of the same key
            cleared_rows(read_rows(rows)[0], context, masker)
        save_key(key, KeyFile(key=opened.key, table=masker.table))
    made = first.parent / f"{name}.audit.json"
    return Audit.model_validate_json(made.read_text(encoding="utf-8")), first.parent


def default_name(rows: Path) -> str:
    """Folder and file name, as every domain has its ``raw.jsonl``."""
    return re.sub(r"[^\w-]+", "-", f"{rows.resolve().parent.name}-{rows.stem}").strip("-") or "rows"


def _write(scratch: Path, name: str, path: Path, context: Context, masker: Masker) -> None:
    examples, findings = read_rows(path)
    unreadable = len(findings)
    findings += run_checks(examples, context, checks_of("governance"))
    kept = cleared_rows(examples, context, masker)
    unchanged = {row.id: row for row in examples}
    masked = sum(row != unchanged[row.id] for row in kept)
    total = len(examples) + unreadable
    left_out = total - len(kept)
    rules = gate(findings, total, context.clearance)
    today, scope = context.today.isoformat(), context.policy.scope
    done = Audit(
        name=name,
        file=path.name,
        sha256=sha256(path),
        today=today,
        rows=total,
        kept=len(kept),
        masked=masked,
        left_out=left_out,
        rules=rules,
    )
    shown = [without_data(finding) for finding in findings]
    counted = facts(name, kept)
    write_jsonl(scratch / f"{name}.findings.jsonl", shown)
    file = write_jsonl(scratch / f"{name}.masked.jsonl", kept)
    card = data_card(
        counted,
        rules,
        shown,
        context.clearance,
        scope=scope,
        masked=masked,
        left_out=left_out,
        today=today,
        file_sha256=sha256(file),
    )
    write_text(scratch / f"{name}.card.md", card)
    described = croissant(file, counted, context.clearance, today=today, scope=scope, masked=masked, left_out=left_out)
    write_json(scratch / f"{name}.croissant.json", described)
    page = report.html(done, shown, facts(name, examples), context.clearance, pseudonyms=bool(masker.table))
    write_text(scratch / f"{name}.audit.html", page)
    write_text(scratch / f"{name}.audit.json", done.model_dump_json(indent=1) + "\n")


def write_json(path: Path, value: object) -> Path:
    """Write JSON with fixed spacing: equal values give equal bytes."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def cleared_rows(rows: Sequence[Example], context: Context, masker: Masker) -> list[Example]:
    """The rows that may be used, masked: judged after masking, so that the file passes the audit it came from.

    Names and addresses are masked too, though they are only likely: a needless mask costs a word, a missed one a person.
    """
    masked = [masker.mask_row(row) for row in rows]
    stopped = {f.row_id for f in run_checks(masked, context, checks_of("governance")) if blocks(f)}
    return [row for row in masked if row.id not in stopped]


def without_data(finding: Finding) -> Finding:
    """The finding for papers that travel: personal data and secrets by kind, the span still says where they stand."""
    cover = Masker().mask
    hidden = _HIDDEN.get(finding.check) or cover(finding.evidence)  # the message names the kind
    repair = {where: cover(text) for where, text in finding.repair.items()}
    return finding.model_copy(update={"evidence": hidden, "repair": repair, "message": cover(finding.message)})
