"""The coverage stage in the lab's home: rows -> findings, a proposal, a report; and the rows after an accepted proposal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labkit.checks import Context, checks_of, run_checks
from labkit.coverage import bias, rebalance, report, slices, variety
from labkit.coverage.rebalance import Proposal
from labkit.files import read_strictly, sha256, write_jsonl, write_text
from labkit.formats import read_rows
from labkit.home import Home
from labkit.records import Example, Finding

# What decides the findings beside the rows: a change of it runs the stage again.
_MODULES = (slices, variety, bias, rebalance, report)


@dataclass(frozen=True)
class Covered:
    """What the stage found: nothing is changed yet."""

    rows: list[Example]
    findings: list[Finding]
    proposal: Proposal
    findings_path: Path
    proposal_path: Path
    report_path: Path


def cover(home: Home, rows: str | Path, *, seed: int = 0, name: str = "rows") -> Covered:
    """Look at what rows cover; nothing happens when the same was done before.

    Writes ``<name>.findings.jsonl``, ``<name>.proposal.json`` and ``<name>.report.html`` into the home's coverage
    folder. Lines that cannot be read are left to curation.

    Args:
        home: the lab's home.
        rows: rows in any form :func:`labkit.formats.read_rows` knows.
        seed: draws the rows that the proposal would leave out.
        name: names the files, where several sets are looked at in one home.

    Raises:
        LabError: the file cannot be read, or holds no usable row.
    """
    examples, _ = read_rows(rows)
    outputs = [f"{name}.findings.jsonl", f"{name}.proposal.json", f"{name}.report.html"]

    def work(scratch: Path) -> None:
        findings = run_checks(examples, Context(), checks_of("coverage"))
        proposal = rebalance.propose(examples, seed)
        write_jsonl(scratch / outputs[0], findings)
        write_text(scratch / outputs[1], proposal.model_dump_json(indent=1) + "\n")
        report.write(scratch / outputs[2], examples, findings, proposal, f"Coverage of {Path(rows).name}")

    code = sha256("".join(sha256(Path(module.__file__ or "")) for module in _MODULES))[:12]
    home.run("coverage", name, work, outputs=outputs, inputs=[rows], parameters={"seed": seed, "code": code})
    listed, proposed, page = (home / "coverage" / output for output in outputs)
    found = read_strictly(listed, Finding) if listed.stat().st_size else []
    proposal = Proposal.model_validate_json(proposed.read_text("utf-8"))
    return Covered(examples, found, proposal, listed, proposed, page)


def balanced(home: Home, covered: Covered, rows: str | Path, by: str, *, name: str = "rows") -> Path:
    """Carry out the proposal in the name of ``by``, and write ``<name>.balanced.jsonl``.

    Args:
        home: the lab's home.
        covered: what :func:`cover` found.
        rows: the file it was found in.
        by: whoever accepts the proposal; the name goes into the ledger.
        name: as for :func:`cover`.

    Raises:
        LabError: nobody accepts it, or the rows are not those it was made for.
    """
    accepted = rebalance.accept(covered.proposal, by)
    output = f"{name}.balanced.jsonl"

    def work(scratch: Path) -> None:
        write_jsonl(scratch / output, rebalance.rebalance(covered.rows, accepted))

    inputs = [rows, covered.proposal_path]
    return home.run(
        "coverage", f"{name}.balanced", work, outputs=[output], inputs=inputs, parameters={"accepted_by": by.strip()}
    )
