"""Items of the gate on the evidence itself: is the exam unseen, wide enough, repeatable, and able to find faults?

They need more than verdicts. What the policy asks for and nobody brought is an error, never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from labkit import LabError
from labkit.checks import Context
from labkit.curation.leaks import held_out_leak
from labkit.curation.near_duplicates import near_pairs
from labkit.files import explain
from labkit.records import Case, Example, Pair, Verdict, question
from labkit.release.gate_items import Item, Numbers, Outcome, Requirements, against_floor, chosen, settled_by
from labkit.release.gate_policy import Coverage, FlipRate, MutationScore, Policy
from labkit.stats import wilson

_NAMED = 5  # offenders that a sentence names
_ROUNDING = 0.006  # a recorded score may be rounded to two digits


class Mutants(BaseModel):
    """The record of a mutation test, as ``labkit mutants --models --out`` writes it."""

    score: float = Field(ge=0, le=1)
    n: int = Field(ge=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    survivors: list[Any]
    left_out: list[str] = []  # written down, but not built
    suites: dict[str, str] = {}  # sha256 by name: of other suites a score says nothing

    @property
    def names(self) -> list[str]:
        """The survivors by name, whether they stand as texts or as objects with a name."""
        return [str(s.get("name", s.get("mutant", "unnamed")) if isinstance(s, dict) else s) for s in self.survivors]


@dataclass(frozen=True)
class Evidence:
    """What the gate may be shown beside verdicts; None is what nobody brought.

    Attributes:
        cases: the cases of all suites.
        rows: the training rows.
        pairs: what a preference training saw, with its prompts.
        again: verdicts of a second run of the candidate.
        mutants: the record of the mutation test.
    """

    cases: Sequence[Case] | None = None
    rows: Sequence[Example] | None = None
    pairs: Sequence[Pair] = ()
    again: Sequence[Verdict] | None = None
    mutants: Mutants | None = None


def read_mutants(path: str | Path, suites: Mapping[str, str]) -> Mutants:
    """Read the record of a mutation test; its figures must agree with one another, and its suites with the gate's.

    Args:
        path: JSON, as ``labkit mutants --models --out`` writes it.
        suites: sha256 by name of the suites that the candidate answers.

    Raises:
        LabError: the file cannot be read, is no such record, its score is not that of its survivors, or it is stale.
    """
    mend = "make it anew: labkit mutants --models --out FILE"
    try:
        found = Mutants.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", mend) from error
    except ValidationError as error:
        raise LabError(str(path), f"is no record of a mutation test ({explain(error)})", mend) from error
    killed = found.n - len(found.survivors)
    if killed < 0 or abs(killed / found.n - found.score) > _ROUNDING:
        what = f"says {found.score:.0%} of {found.n} mutants were killed and names {len(found.survivors)} survivors"
        raise LabError(str(path), what, mend)
    if found.suites != dict(suites):
        raise LabError(str(path), "is stale: other suites were put to the test than the candidate answers", mend)
    return found


def evidence_items(
    policy: Policy, candidate: Sequence[Verdict], requirements: Requirements, evidence: Evidence
) -> list[Item]:
    """The items that the policy asks for.

    Raises:
        LabError: the evidence for one of them is missing.
    """
    items = []
    if policy.independence:
        cases = _brought(evidence.cases, "independence", "the cases", "pass the suites")
        rows = _brought(evidence.rows, "independence", "the training rows", "name them with --rows")
        items.append(independence(cases, rows, evidence.pairs))
    if policy.coverage:
        rows = (
            _brought(evidence.rows, "coverage", "the training rows", "name them with --rows")
            if policy.coverage.rows
            else ()
        )
        items.append(coverage(policy.coverage, requirements, candidate, rows))
    if policy.flip_rate:
        again = _brought(evidence.again, "flip_rate", "a second run of the candidate", "name its records with --again")
        items.append(flip_rate(policy.flip_rate, candidate, again))
    if policy.mutation_score:
        mend = "labkit mutants --models --out FILE makes it; name it with --mutants"
        mutants = _brought(evidence.mutants, "mutation_score", "the record of a mutation test", mend)
        items.append(mutation_score(policy.mutation_score, mutants))
    return items


def _brought(found: Any, rule: str, what: str, mend: str) -> Any:
    if found is None or (isinstance(found, Sequence) and not found):
        raise LabError(f"gate policy, '{rule}'", f"asks for {what}, and there is none", f"{mend}, or take the rule out")
    return found


def independence(cases: Sequence[Case], rows: Sequence[Example], pairs: Sequence[Pair] = ()) -> Item:
    """Does a held-out question stand among what the model was trained on, exactly, inside a longer one, or nearly?

    No-go where it does; inconclusive where a question only resembles one, or differs in its figures: a person reads it.
    """
    trained = [*rows, *(Example(id=pair.id, prompt=pair.prompt, response="") for pair in pairs)]
    held = {case.id: question(case.given) for case in cases}
    hits = [hit for hit in held_out_leak(trained, Context(held_out=held)) if hit.other]
    leaked = {str(hit.other): hit.row for hit in reversed(hits) if hit.tier != "review"}
    alike = {str(hit.other): hit.row for hit in reversed(hits)}
    for pair in reversed(near_pairs([row.question for row in trained], list(held.values()))):
        alike.setdefault(cases[pair.b].id, trained[pair.a].id)  # nearly equal, but with other figures
    to_read = {case: row for case, row in alike.items() if case not in leaked}
    outcome: Outcome = "no-go" if leaked else "inconclusive" if to_read else "go"
    parts = []
    if leaked:
        parts.append(
            f"{len(leaked)} stand among the training rows: {_pairs(leaked)}; write other cases or drop the rows"
        )
    if to_read:
        parts.append(f"{len(to_read)} resemble a training row: {_pairs(to_read)}; read them side by side")
    said = "; ".join(parts) or "none is a near-duplicate of a training row"
    numbers: Numbers = {
        "cases": len(cases),
        "training_rows": len(trained),
        "overlapping": len(alike.keys() | leaked.keys()),
    }
    sentence = f"Of {len(cases)} held-out cases, {said}."
    return Item(name="independence", outcome=outcome, sentence=sentence, numbers=numbers)


def _pairs(found: dict[str, str]) -> str:
    return _some([f"{case} (row {row})" for case, row in sorted(found.items())])


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def coverage(
    rule: Coverage, requirements: Requirements, verdicts: Sequence[Verdict], rows: Sequence[Example] = ()
) -> Item:
    """Has each requirement its seed cases and its training rows? None at all is a no-go, too few is inconclusive."""
    ids = chosen(rule.requirements, requirements)
    cases = Counter(requirement for requirement, _ in {(v.requirement, v.cluster) for v in verdicts})
    taught = Counter(r for row in rows for r in set(row.requirements))
    short: dict[str, str] = {}
    empty = 0
    for r in sorted(ids):
        wants = {"seed cases": rule.cases - cases[r], "training rows": rule.rows - taught[r]}
        if lacks := [f"{n} more {what}" for what, n in wants.items() if n > 0]:
            short[r] = f"{r} needs {' and '.join(lacks)}"
            empty += bool(rule.cases and not cases[r]) or bool(rule.rows and not taught[r])
    asked = " and ".join(f"{n} {what}" for n, what in ((rule.cases, "seed cases"), (rule.rows, "training rows")) if n)
    outcome: Outcome = "no-go" if empty else "inconclusive" if short else "go"
    said = f"each of {len(ids)} requirements has at least {asked}"
    if short:
        said = f"{len(short)} of {len(ids)} requirements have fewer than {asked}: {_some(list(short.values()))}"
    numbers: Numbers = {"requirements": len(ids), "short": len(short), "empty": empty}
    numbers |= {"fewest_cases": min(cases[r] for r in ids)}
    if rule.rows:
        numbers |= {"fewest_rows": min(taught[r] for r in ids)}
    return Item(name="coverage", outcome=outcome, sentence=f"Coverage: {said}.", numbers=numbers)


def flip_rate(rule: FlipRate, first: Sequence[Verdict], again: Sequence[Verdict]) -> Item:
    """How often does the verdict on a case change when the same model answers once more?

    Raises:
        LabError: the second run is of another model or of other cases.
    """
    one, two = ({v.case_id: v for v in run} for run in (first, again))
    models = sorted({v.model for v in (*first, *again)})
    if len(models) > 1:
        raise LabError("second run", f"is of another model ({' and '.join(models)})", "run the candidate itself twice")
    if different := one.keys() ^ two.keys():
        raise LabError("second run", f"does not answer the same cases (e.g. {min(different)})", "run the same suites")
    flipped = sorted(case for case in one if one[case].passed != two[case].passed)
    stable = wilson(len(one) - len(flipped), len(one))
    outcome, further = against_floor(stable, 1 - rule.most)
    flips = wilson(len(flipped), len(one))
    end = {
        "go": f"the whole interval within the {rule.most:.0%} of the policy",
        "no-go": f"more than the {rule.most:.0%} of the policy",
        "inconclusive": f"but the interval reaches above the {rule.most:.0%} of the policy; {settled_by(further, 'cases')}",
    }[outcome]
    named = f" ({_some(flipped)})" if flipped else ""
    sentence = f"Flip rate: in two runs {flips} of verdicts differ{named}, {end}."
    return Item(
        name="flip rate", outcome=outcome, sentence=sentence, numbers=flips.model_dump() | {"further_cases": further}
    )


def mutation_score(rule: MutationScore, mutants: Mutants) -> Item:
    """Does the suite find faults that were put into the model on purpose?"""
    rate = wilson(mutants.n - len(mutants.survivors), mutants.n)
    outcome, further = against_floor(rate, rule.floor)
    floor = f"the floor of {rule.floor:.0%}"
    end = {
        "go": f"the whole interval above {floor}",
        "no-go": f"under {floor}",
        "inconclusive": f"but the interval reaches under {floor}; {settled_by(further, 'mutants')}",
    }[outcome]
    lived = f"; survivors: {_some(mutants.names)}" if mutants.survivors else ""
    unbuilt = f"; not built: {_some(mutants.left_out)}" if mutants.left_out else ""
    sentence = f"Mutation score: {rate} of faulty models were found, {end}{lived}{unbuilt}."
    return Item(
        name="mutation score",
        outcome=outcome,
        sentence=sentence,
        numbers=rate.model_dump() | {"further_cases": further},
    )
