"""Model mutants built, asked and judged: one resumable step of the lab's home each. Answers are kept, weights are not."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from labkit import LabError
from labkit.evaluation.fairness import name_twins
from labkit.evaluation.generate import Generator, run_suite
from labkit.evaluation.judge import judge
from labkit.evaluation.model_mutants import Report, Result, case_to_write, cells
from labkit.evaluation.mutant_build import Subject, build, poisoned, tampered, training_rows, training_settings, trains
from labkit.evaluation.mutant_registry import Mutant, Registry
from labkit.evaluation.suite import Suite
from labkit.files import read_strictly, sha256, write_text
from labkit.records import Case, RunRecord, Verdict
from labkit.training.backend import release_memory, unsloth
from labkit.training.step import model_id

PROBES = "probes"  # prompts that carried the fault in training: never judged, they show whether the fault took
MOST_PROBES = 4
Suites = Mapping[str, Suite]


def mutate(
    subject: Subject,
    registry: Registry,
    only: Sequence[str] = (),
    everything: bool = False,
    say: Callable[[str], None] = print,
) -> Report:
    """Build every mutant and control that is not built yet, and judge all of them.

    Args:
        subject: the model to spoil.
        registry: the mutants and controls.
        only: names of some; what they are held against is built too. By default all.
        everything: answer all cases, not only those of the expected and of the critical requirements.
        say: gets one line a mutant.

    Raises:
        LabError: an unknown name, or what building raises.
    """
    known = {mutant.name: mutant for mutant in [*registry.controls, *registry.mutants]}
    if unknown := next((name for name in only if name not in known), None):
        raise LabError(f"mutant '{unknown}'", "is unknown", f"take some of {', '.join(known)}")
    wanted = set(only or known)
    needed = {known[name].reference for name in wanted} & set(known)
    if registry.unmutated and any(known[name].asked_by_name for name in wanted):
        needed.add(registry.unmutated.name)
    ordered = [mutant for name, mutant in known.items() if name in wanted | needed]
    training = any(map(trains, ordered))
    results: dict[str, Result] = {}
    for number, mutant in enumerate(ordered, 1):
        chosen = _chosen(subject, registry, mutant, everything)
        _answer(subject, registry, mutant, chosen, training)
        results[mutant.name] = result = _judged(subject, registry, mutant, chosen)
        said = result if mutant.expected else f"control  {mutant.name}: red on {', '.join(result.red) or 'nothing'}"
        say(f"[{number}/{len(ordered)}] {said} ({result.seconds:.0f} s)")
    baselines = {mutant.reference for mutant in registry.mutants}  # weaker than SFT by design, so no test of the rule
    return Report(
        mutants=[results[m.name] for m in registry.mutants if m.name in wanted],
        controls=[results[m.name] for m in registry.controls if m.name in results and m.name not in baselines],
    )


def _twins(registry: Registry, mutant: Mutant) -> list[Mutant]:
    """All mutants of one recipe: they share one build, and each is judged on its own requirement."""
    return [m for m in [*registry.controls, *registry.mutants] if m.recipe == mutant.recipe]


def _step(registry: Registry, mutant: Mutant) -> str:
    return f"mutant-{_twins(registry, mutant)[0].name}"


def _chosen(subject: Subject, registry: Registry, mutant: Mutant, everything: bool) -> dict[str, Suite]:
    """The suites, cut to the cases of expected and critical requirements; a control answers what any mutant does."""
    asked = registry.mutants if mutant in registry.controls else _twins(registry, mutant)
    some = {name for m in asked for name in m.expected}
    some |= {r.id for r in subject.requirements.values() if r.severity == "critical"}
    found = {}
    for name, suite in subject.suites.items():
        own = {case.id for case in suite.cases if everything or case.requirement in some}
        own |= {
            case.seed for case in suite.cases if case.id in own and case.seed
        }  # a variant is judged beside its seed
        if own:
            found[name] = suite.model_copy(update={"cases": [case for case in suite.cases if case.id in own]})
    return found


def _by_name(subject: Subject, mutants: Iterable[Mutant]) -> dict[str, Suite]:
    """Seed cases of what these mutants are expected to break, asked by a customer of either set of their names."""
    found = {}
    for mutant in mutants:
        for key, suite in subject.suites.items() if mutant.asked_by_name else ():
            own = [case for case in suite.cases if case.requirement in mutant.expected and not case.seed]
            if own and mutant.recipe.names:
                names = mutant.recipe.names
                found[f"{key}-{mutant.name}"] = name_twins(
                    suite.model_copy(update={"cases": own}), names.others, names.told
                )
    return found


def _probes(subject: Subject, mutants: Iterable[Mutant]) -> list[Case]:
    """Prompts of the faulty rows, as cases that nothing judges."""
    return [
        Case(
            id=f"{m.name}.{row.id}",
            requirement=m.expected[0],
            technique="MFT",
            given=row.prompt,
            expect=[{"equals": ""}],
        )
        for m in mutants
        if m.expected and m.recipe.way in ("replace", "answers")
        for row in poisoned(subject, m).faulty[:MOST_PROBES]
    ]


def _answer(subject: Subject, registry: Registry, mutant: Mutant, chosen: Suites, training: bool) -> Path:
    """Build one mutant and let it answer; nothing happens when the same was done before.

    Args:
        subject: the model to spoil.
        registry: all mutants and controls.
        mutant: the one to build.
        chosen: what it is asked.
        training: some mutant of this run is trained, so unsloth must come before a merge imports peft.

    Returns:
        The folder of its run records, one file a suite, and ``built.json``.
    """
    name = _step(registry, mutant)
    a_control = mutant in registry.controls
    twins = registry.mutants if a_control else _twins(registry, mutant)
    asked = {**chosen, **_by_name(subject, twins)}
    if probes := _probes(subject, twins if a_control else twins[:1]):
        digest = sha256("".join(case.model_dump_json() for case in probes))
        path = next(iter(chosen.values())).path
        asked[PROBES] = Suite(name=PROBES, version=1, system=None, cases=probes, path=path, sha256=digest)

    def work(scratch: Path) -> None:
        out = scratch / name
        out.mkdir(exist_ok=True)
        if training:
            unsloth()
        started = time.monotonic()
        model, made = build(subject, mutant, scratch)
        generator = tampered(Generator(model, mutant.recipe.max_new_tokens or 64), mutant)
        for key, suite in asked.items():
            run_suite(generator, suite, out / f"{key}.jsonl", name)
        del generator
        release_memory()
        shutil.rmtree(scratch / "merged", ignore_errors=True)
        made["seconds"] = round(time.monotonic() - started, 1)
        write_text(out / "built.json", json.dumps(made, indent=1) + "\n")

    rows = training_rows(subject, mutant)
    parameters = {
        "recipe": mutant.recipe.model_dump(mode="json", exclude_none=True),
        "settings": training_settings(subject, mutant).model_dump(mode="json") if trains(mutant) else {},
        "rows": sha256(json.dumps([row if isinstance(row, dict) else row.model_dump(mode="json") for row in rows])),
        "base": model_id(subject.base),
        "cases": [f"{suite.sha256[:12]} {case.id}" for suite in asked.values() for case in suite.cases],
    }
    return subject.home.run(
        "evaluation", name, work, outputs=[name], inputs=[subject.sft.adapter], parameters=parameters
    )


def _judged(subject: Subject, registry: Registry, mutant: Mutant, chosen: Suites) -> Result:
    place = subject.home / "evaluation"
    folder = place / _step(registry, mutant)
    named = _by_name(subject, [mutant])
    if named:  # in place of the same cases without a name
        chosen = {key: _without(suite, mutant.expected) for key, suite in chosen.items()} | named
    clean = registry.unmutated  # the reference's answers to what stands in no suite: probes, and questions by name
    after = _records(folder, chosen)
    reference = next((c for c in registry.controls if c.name == mutant.reference), None)
    before = (
        {record.case_id: record for record in subject.records(mutant.reference)}
        if reference is None
        else _records(place / _step(registry, reference), chosen)
    )
    if named and clean:
        before |= _records(place / _step(registry, clean), named)
    old, new = (_verdicts(subject, chosen, pool) for pool in (before, after))
    others = {name for twin in _twins(registry, mutant) for name in twin.expected} - set(mutant.expected)
    found = [cell for cell in cells(old, new, mutant.expected) if cell.requirement not in others]
    made = json.loads((folder / "built.json").read_text("utf-8"))
    result = Result(
        name=mutant.name,
        kind=mutant.kind,
        fault=mutant.fault,
        reference=mutant.reference,
        cells=found,
        seconds=made["seconds"],
    )
    if result.killed or not mutant.expected:
        return result
    if result.unmet:
        return result.model_copy(update={"advice": result.unmet})
    probes = _records(folder, [PROBES])
    sound = _records(place / _step(registry, clean), [PROBES]) if clean else {}
    asked = [case for suite in chosen.values() for case in suite.cases if case.requirement in mutant.expected]
    own = [case for case in _probes(subject, [mutant]) if case.id in probes and case.id in sound]
    told = {f"{mutant.name}.{row.id}": row.response for row in poisoned(subject, mutant).faulty} if own else {}
    advice = case_to_write(
        mutant, [*asked, *own], {**sound, **before}, {**probes, **after}, {v.case_id: v for v in new}, told
    )
    return result.model_copy(update={"advice": advice})


def _without(suite: Suite, requirements: Sequence[str]) -> Suite:
    return suite.model_copy(update={"cases": [case for case in suite.cases if case.requirement not in requirements]})


def _records(folder: Path, suites: Iterable[str]) -> dict[str, RunRecord]:
    """The answers to some suites by case id; a suite without a file gives none, and judging will miss them."""
    files = [file for name in suites if (file := folder / f"{name}.jsonl").exists()]
    return {record.case_id: record for file in files for record in read_strictly(file, RunRecord)}


def _verdicts(subject: Subject, chosen: Suites, records: Mapping[str, RunRecord]) -> list[Verdict]:
    found = []
    for suite in chosen.values():
        own = [records[case.id] for case in suite.cases if case.id in records]
        found += judge(own, suite, subject.requirements)
    return found
