"""The course as one object: materials in, every stage on demand. Notebooks, the tour and the benchmarks share it.

A stage that was run before is not run again, so asking for the last one runs all that are missing: this is how a
notebook opened out of order catches up.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from labkit import LabError, samples
from labkit.evaluation.step import answers, verdicts
from labkit.evaluation.suite import Suite, load, load_requirements
from labkit.files import read_strictly
from labkit.formats import read_rows
from labkit.home import Home
from labkit.preference.pairs import Preferences
from labkit.preference.step import align, preferences, reward_model, thumbs
from labkit.records import Case, Example, Pair, RunRecord, Verdict
from labkit.release import bundle, gate, traceability
from labkit.training.settings import DPOSettings, KTOSettings, RewardSettings, SFTSettings
from labkit.training.step import Trained, fine_tune

MODELS = ("base", "sft", "dpo")
SHORT_KTO = KTOSettings(epochs=0.25, learning_rate=5e-4, warmup_steps=2)  # what a lesson has time for


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

    def kto(self, settings: KTOSettings | None = None) -> Trained:
        """The model aligned with thumbs: the same rankings, each answer by itself. A short run, over a part of them."""
        rows, source = self.preferences()[0].kto, self.home / "preference" / "used.jsonl"
        return thumbs(self.home, self.sft(), rows, source, settings or SHORT_KTO, self.base)

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
        if name == "kto":
            return self.kto().merged
        raise LabError(f"model {name}", "is not part of the course", f"take one of {', '.join(MODELS)}, kto")

    def records(self, name: str, suite: str | None = None) -> list[RunRecord]:
        """What a model answered to every case of one suite, or of all."""
        return [record for file in self._answered(name, suite) for record in read_strictly(file, RunRecord)]

    def _answered(self, name: str, suite: str | None = None) -> list[Path]:
        model = self.model(name)
        return [answers(self.home, model, some, name) for some in self._suites(suite)]

    def _suites(self, name: str | None) -> list[Suite]:
        return list(self.suites.values()) if name is None else [self.suites[name]]

    def verdicts(self, name: str, suite: str | None = None) -> list[Verdict]:
        """The judged answers of a model, to one suite or to all."""
        self._answered(name, suite)
        return [v for s in self._suites(suite) for v in verdicts(self.home, s, self.requirements, name)]

    @property
    def cases(self) -> list[Case]:
        """The cases of all suites."""
        return [case for suite in self.suites.values() for case in suite.cases]

    def independence(self) -> gate.Item:
        """Do training rows, pairs and held-out cases share a question, exactly or nearly? A gate item."""
        return gate.independence(self.cases, self.examples, self.pairs)

    def decision(self, candidate: str = "dpo", baseline: str = "sft") -> gate.Decision:
        """The release gate's word on a model.

        The rows lie here, so independence is always checked, whether the policy asks for it or not.
        """
        policy = gate.load(self.folder / "gate.yaml").model_copy(update={"independence": True})
        evidence = gate.Evidence(cases=self.cases, rows=self.examples, pairs=self.pairs)
        return gate.decide(policy, self.verdicts(candidate), self.verdicts(baseline), self.requirements, evidence)

    def matrix(self, candidate: str = "dpo", decision: gate.Decision | None = None) -> traceability.Matrix:
        """Requirement -> training rows -> cases -> results, and the decision where there is one."""
        return traceability.matrix(self.requirements, self.examples, self.cases, self.verdicts(candidate), decision)

    def report(self, candidate: str = "dpo", baseline: str = "sft") -> Path:
        """Write report, JUnit, defects and decision into ``release/``; returns the report's path."""
        decision = self.decision(candidate, baseline)
        trained = self.dpo().manifest if candidate == "dpo" else self.sft().manifest
        return bundle.write(
            self.home / "release",
            decision,
            self.matrix(candidate, decision),
            models={name: self.verdicts(name) for name in MODELS},
            suites=list(self.suites.values()),
            records=[record for name in MODELS for record in self.records(name)],
            requirements=self.requirements,
            provenance={"Training": {"device": trained.device, **trained.versions}},
        )
