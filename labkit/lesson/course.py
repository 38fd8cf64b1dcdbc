"""The course as one object: materials in, every stage on demand. Notebooks, the tour and the benchmarks share it.

A stage that was run before is not run again, so asking for the last one runs all that are missing: this is how a
notebook opened out of order catches up.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from labkit import LabError, samples
from labkit.coverage.split import overlap
from labkit.evaluation.step import answers, verdicts
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.files import read_strictly, write_text
from labkit.formats import read_rows
from labkit.home import Home
from labkit.preference.pairs import Preferences
from labkit.preference.step import align, preferences, reward_model
from labkit.records import Example, Pair, RunRecord, Verdict, question
from labkit.release import gate, junit, report, traceability
from labkit.training.settings import DPOSettings, RewardSettings, SFTSettings
from labkit.training.step import Trained, fine_tune

MODELS = ("base", "sft", "dpo")


class Course:
    """Everything the notebooks walk through, on the lab's samples or on a folder of the user's own.

    Args:
        home: the lab's home; ``LAB_HOME`` or ``lab-home`` by default.
        folder: materials: ``train.jsonl``, ``requirements.yaml``, ``suites/*.yaml``, ``pairs.jsonl``,
            ``rankings.jsonl`` and ``gate.yaml``; the customer-support samples by default.
        data: other training rows (any format the lab reads), the rest from ``folder``.
        base: another base model: a folder, or a hub name with LAB_ONLINE=1.

    Raises:
        LabError: materials are missing or malformed.
    """

    def __init__(
        self,
        home: str | Path | None = None,
        folder: str | Path | None = None,
        data: str | Path | None = None,
        base: str | Path | None = None,
    ):
        self.home = Home(home)
        self.folder = Path(folder) if folder else samples.path("support")
        self.data = Path(data) if data else self.folder / "train.jsonl"
        self._base = base
        self.requirements = load_requirements(self.folder / "requirements.yaml")
        files = sorted((self.folder / "suites").glob("*.yaml"))
        if not files:
            raise LabError(str(self.folder / "suites"), "holds no suite", "write one like the sample suites")
        self.suites: dict[str, Suite] = {s.name: s for s in (load(file, self.requirements) for file in files)}

    @cached_property
    def base(self) -> Path:
        """The general model everything starts from."""
        from labkit.training.base_model import embedded_model

        return Path(self._base) if self._base else embedded_model()

    @cached_property
    def examples(self) -> list[Example]:
        """The training rows that can be read."""
        return read_rows(self.data)[0]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Prompts with two answers each, to be ranked."""
        return read_strictly(self.folder / "pairs.jsonl", Pair)

    def sft(self, settings: SFTSettings | None = None) -> Trained:
        """The fine-tuned model."""
        return fine_tune(self.home, self.data, settings, self.base)

    def preferences(self) -> tuple[Preferences, Preferences]:
        """Preference rows to train on and held out: the learner's own rankings first, then the sample labellers'."""
        return preferences(self.home, self.folder / "pairs.jsonl", self.folder / "rankings.jsonl")

    def reward(self, settings: RewardSettings | None = None) -> Trained:
        """The reward model, trained on the merged SFT weights."""
        return reward_model(self.home, self.sft(), self.preferences()[0], settings)

    def dpo(self, settings: DPOSettings | None = None) -> Trained:
        """The aligned model."""
        return align(self.home, self.sft(), self.preferences()[0], settings, self.base)

    def model(self, name: str) -> Path:
        """Folder of a model's full weights, trained if need be.

        Raises:
            LabError: no such model.
        """
        if name == "base":
            return self.base
        if name == "sft":
            return self.sft().merged
        if name == "dpo":
            return self.dpo().merged
        raise LabError(f"model {name}", "is not part of the course", f"take one of {', '.join(MODELS)}")

    def records(self, name: str) -> list[RunRecord]:
        """What a model answered to every case of every suite."""
        return [record for file in self._answered(name) for record in read_strictly(file, RunRecord)]

    def _answered(self, name: str) -> list[Path]:
        model = self.model(name)
        return [answers(self.home, model, suite, name) for suite in self.suites.values()]

    def verdicts(self, name: str, suite: str | None = None) -> list[Verdict]:
        """The judged answers of a model, to one suite or to all."""
        self._answered(name)
        some = self.suites.values() if suite is None else [self.suites[suite]]
        return [v for s in some for v in verdicts(self.home, s, self.requirements, name)]

    def independence(self) -> gate.Item:
        """Do training rows, pairs and held-out cases share a near-duplicate question? A gate item."""
        cases = [case for suite in self.suites.values() for case in suite.cases]
        trained = [e.question for e in self.examples] + [question(p.prompt) for p in self.pairs]
        found = overlap(trained, [question(case.given) for case in cases])
        named = ", ".join(sorted({cases[p.b].id for p in found})[:5])
        said = f"near-duplicates of training rows: {named}" if found else "none is a near-duplicate of a training row"
        return gate.Item(
            name="independence",
            outcome="no-go" if found else "go",
            sentence=f"Of {len(cases)} held-out cases, {said}.",
            numbers={"cases": len(cases), "training_rows": len(trained), "overlapping": len(found)},
        )

    def decision(self, candidate: str = "dpo", baseline: str = "sft") -> gate.Decision:
        """The release gate's word on a model."""
        policy = gate.load(self.folder / "gate.yaml")
        found = gate.decide(policy, self.verdicts(candidate), self.verdicts(baseline), self.requirements)
        return found.model_copy(update={"items": [*found.items, self.independence()]})

    def matrix(self, candidate: str = "dpo") -> traceability.Matrix:
        """Requirement -> training rows -> cases -> results."""
        cases = [case for suite in self.suites.values() for case in suite.cases]
        return traceability.matrix(self.requirements, self.examples, cases, self.verdicts(candidate))

    def report(self, candidate: str = "dpo", baseline: str = "sft") -> Path:
        """Write ``release/report.html``, ``junit.xml`` and ``decision.json``; returns the report's path."""
        decision = self.decision(candidate, baseline)
        place = self.home / "release"
        junit.write(place / "junit.xml", self.verdicts(candidate))
        write_text(place / "decision.json", decision.model_dump_json(indent=1) + "\n")
        trained = self.dpo().manifest if candidate == "dpo" else self.sft().manifest
        return report.write(
            place / "report.html",
            decision,
            self.matrix(candidate),
            models={name: self.verdicts(name) for name in MODELS},
            cases=[case for suite in self.suites.values() for case in suite.cases],
            records=[record for name in MODELS for record in self.records(name)],
            provenance={"Training": {"device": trained.device, **trained.versions}},
        )
